/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest modules share that do the same through gomem and through
 * kmalloc(), for a script to compare (scripts/guest/versus).
 */
#ifndef GOMEM_VERSUS_H
#define GOMEM_VERSUS_H

#include <linux/gomem.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

enum versus { GOMEM, KMALLOC };

static inline const char *versus_name(enum versus who)
{
	return who == GOMEM ? "gomem" : "kmalloc";
}

/* One figure: the script reads the last three words of the line. */
static inline void versus_say(const char *row, enum versus who, s64 value)
{
	pr_info("%s: %s %s %lld\n", KBUILD_MODNAME, row, versus_name(who), value);
}

static inline void *versus_alloc(enum versus who, size_t size, gfp_t gfp)
{
	return who == GOMEM ? gomem_alloc(size, gfp) : kmalloc(size, gfp);
}

static inline void *versus_alloc_node(enum versus who, size_t size, gfp_t gfp,
				      int node)
{
	return who == GOMEM ? gomem_alloc_node(size, gfp, node) :
			      kmalloc_node(size, gfp, node);
}

static inline void versus_free(enum versus who, const void *p)
{
	if (who == GOMEM)
		gomem_free(p);
	else
		kfree(p);
}

/* As if nothing had been before: descriptors go after a grace period. */
static inline void versus_give_back(void)
{
	gomem_free_os_memory();
	rcu_barrier();
}

static inline unsigned long versus_zone_free(struct zone *zone)
{
	unsigned long pages;
	int cpu;

	if (!populated_zone(zone))
		return 0;
	pages = zone_page_state_snapshot(zone, NR_FREE_PAGES);
	for_each_possible_cpu(cpu)
		pages += per_cpu_ptr(zone->per_cpu_pageset, cpu)->count;
	return pages;
}

/* What the kernel has free, pages on per-CPU lists included. */
static inline long versus_free_kb(void)
{
	unsigned long pages = 0;
	int nid, i;

	for_each_online_node(nid)
		for (i = 0; i < MAX_NR_ZONES; i++)
			pages += versus_zone_free(&NODE_DATA(nid)->node_zones[i]);
	return pages << (PAGE_SHIFT - 10);
}

#endif /* GOMEM_VERSUS_H */
