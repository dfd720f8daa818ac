// SPDX-License-Identifier: GPL-2.0
/*
 * How far do the reserves go that are there for those who free memory?
 *
 * Loading the module takes all memory and then allocates as reclaim does, with
 * PF_MEMALLOC, next to kmalloc().  It prints how many objects there were, and how
 * much of the reserves they took.
 */
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>
#include "gomem_versus.h"

#define OBJECTS	5000
#define BEFORE	500
#define BYTES	256
#define GFP	(GFP_ATOMIC | __GFP_NOWARN)

static void **object;

/* What was on pages begun already would have cost nothing. */
static void use_begun_pages(enum versus who)
{
	unsigned int i;

	for (i = 0; i < BEFORE; i++)
		object[OBJECTS + i] = versus_alloc(who, BYTES, GFP_KERNEL);
}

static void take_all(struct list_head *list)
{
	struct page *page;

	while ((page = alloc_page(GFP))) {
		list_add(&page->lru, list);
		cond_resched();
	}
}

static void give(struct list_head *list)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, list, lru)
		__free_page(page);
}

static unsigned int use_reserves(enum versus who)
{
	unsigned int flags = memalloc_noreclaim_save();
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		object[i] = versus_alloc(who, BYTES, GFP);
		if (!object[i])
			break;
	}
	memalloc_noreclaim_restore(flags);
	return i;
}

static void try(enum versus who)
{
	LIST_HEAD(taken);
	unsigned int i, nr;
	long before, after;

	versus_give_back();
	use_begun_pages(who);
	take_all(&taken);
	before = versus_free_kb();
	nr = use_reserves(who);
	after = versus_free_kb();
	give(&taken);
	for (i = 0; i < nr; i++)
		versus_free(who, object[i]);
	for (i = 0; i < BEFORE; i++)
		versus_free(who, object[OBJECTS + i]);
	versus_say("reserves-objects", who, nr);
	versus_say("reserves-kb", who, before - after);
	versus_say("reserves-of-kb", who, before);
}

static int __init reserves_init(void)
{
	object = vmalloc(array_size(OBJECTS + BEFORE, sizeof(*object)));
	if (!object)
		return -ENOMEM;
	try(GOMEM);
	try(KMALLOC);
	vfree(object);
	return 0;
}
module_init(reserves_init);

static void __exit reserves_exit(void)
{
}
module_exit(reserves_exit);

MODULE_DESCRIPTION("Use of the reserves of memory");
MODULE_LICENSE("GPL");
