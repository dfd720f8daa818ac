// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is free, but no two pages of it lie together: who gets objects?
 *
 * Loading the module takes all memory, gives back every other page, and allocates
 * many small objects, next to kmalloc().
 */
#include <linux/vmalloc.h>
#include "gomem_versus.h"

#define OBJECTS	20000
#define TAKE	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

static const struct {
	const char *name;
	gfp_t gfp;
} ways[] = {
	{ "atomic", GFP_ATOMIC | __GFP_NOWARN },
	{ "noretry", GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN },
};

static const unsigned int sizes[] = { 64, 512 };

static void **object;
static LIST_HEAD(odd);
static LIST_HEAD(rest);

static void give(struct list_head *list)
{
	struct page *page, *next;
	unsigned long order;

	list_for_each_entry_safe(page, next, list, lru) {
		order = page_private(page);
		set_page_private(page, 0);
		list_del(&page->lru);
		__free_pages(page, order);
		cond_resched();
	}
}

static void take(gfp_t gfp, unsigned int order, struct list_head *even,
		 struct list_head *list)
{
	struct page *page;

	while ((page = alloc_pages(gfp, order))) {
		set_page_private(page, order);
		list_add(&page->lru, page_to_pfn(page) & 1 ? list : even);
		cond_resched();
	}
}

/* What was together all the same, at the edges, is taken too. */
static void shatter(void)
{
	LIST_HEAD(even);
	unsigned int order;

	take(TAKE, 0, &even, &odd);
	give(&even);
	for (order = 10; order; order--)
		take(GFP_ATOMIC | __GFP_NOWARN, order, &rest, &rest);
}

static void try(unsigned int way, size_t size, enum versus who)
{
	unsigned int i, served = 0;
	char row[40];

	for (i = 0; i < OBJECTS; i++) {
		object[i] = versus_alloc(who, size, ways[way].gfp);
		served += !!object[i];
		cond_resched();
	}
	for (i = 0; i < OBJECTS; i++)
		versus_free(who, object[i]);
	versus_give_back();
	snprintf(row, sizeof(row), "single-%s-%zu", ways[way].name, size);
	versus_say(row, who, served);
}

static int __init single_init(void)
{
	unsigned int i;

	object = vmalloc(array_size(OBJECTS, sizeof(*object)));
	if (!object)
		return -ENOMEM;
	versus_give_back();
	shatter();
	versus_say("single-free-kb", GOMEM, versus_free_kb());
	for (i = 0; i < ARRAY_SIZE(ways) * ARRAY_SIZE(sizes); i++) {
		try(i / 2, sizes[i % 2], GOMEM);
		try(i / 2, sizes[i % 2], KMALLOC);
	}
	give(&rest);
	give(&odd);
	vfree(object);
	return 0;
}
module_init(single_init);

static void __exit single_exit(void)
{
}
module_exit(single_exit);

MODULE_DESCRIPTION("Objects where only single pages are free");
MODULE_LICENSE("GPL");
