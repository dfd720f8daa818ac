// SPDX-License-Identifier: GPL-2.0
/*
 * Small objects of a zone, or of a node: are they there, and do they share pages?
 *
 * Loading the module allocates many with GFP_DMA, with GFP_DMA32 and of the last
 * node that has memory, next to kmalloc(), and prints how many there were, how
 * many were not from there, and how much memory they took.
 */
#include <linux/nodemask.h>
#include <linux/vmalloc.h>
#include "gomem_versus.h"

#define OBJECTS	5000
#define BYTES	64

struct place {
	const char *name;
	unsigned int objects;
	gfp_t gfp;
	int node;
	enum zone_type zone;	/* no higher than this */
};

static void **objs;

static bool is_there(const struct place *place, const void *p)
{
	struct page *page = virt_to_page(p);

	return page_zonenum(page) <= place->zone &&
	       (place->node == NUMA_NO_NODE || page_to_nid(page) == place->node);
}

static void say(const struct place *place, const char *what, enum versus who, s64 value)
{
	char row[40];

	snprintf(row, sizeof(row), "%s-%s", place->name, what);
	versus_say(row, who, value);
}

static void *alloc(const struct place *place, enum versus who)
{
	if (place->node == NUMA_NO_NODE)
		return versus_alloc(who, BYTES, place->gfp);
	return versus_alloc_node(who, BYTES, place->gfp, place->node);
}

static void try(const struct place *place, enum versus who)
{
	unsigned int i, served = 0, elsewhere = 0;
	long before;

	versus_give_back();
	before = versus_free_kb();
	for (i = 0; i < place->objects; i++) {
		objs[i] = alloc(place, who);
		served += !!objs[i];
		elsewhere += objs[i] && !is_there(place, objs[i]);
	}
	say(place, "kb", who, before - versus_free_kb());
	for (i = 0; i < place->objects; i++)
		versus_free(who, objs[i]);
	say(place, "served", who, served);
	say(place, "elsewhere", who, elsewhere);
}

static int __init zones_init(void)
{
	int last = find_last_bit(node_states[N_MEMORY].bits, MAX_NUMNODES);
	const struct place places[] = {
		{ "dma", 3000, GFP_KERNEL | GFP_DMA, NUMA_NO_NODE, ZONE_DMA },
		{ "dma32", 3000, GFP_KERNEL | GFP_DMA32, NUMA_NO_NODE, ZONE_DMA32 },
		{ "node", OBJECTS, GFP_KERNEL, last, MAX_NR_ZONES },
	};
	unsigned int i;

	objs = vmalloc(array_size(OBJECTS, sizeof(*objs)));
	if (!objs)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		try(&places[i], KMALLOC);
		try(&places[i], GOMEM);
	}
	vfree(objs);
	return 0;
}
module_init(zones_init);

static void __exit zones_exit(void)
{
}
module_exit(zones_exit);

MODULE_DESCRIPTION("Small objects of zones and nodes");
MODULE_LICENSE("GPL");
