// SPDX-License-Identifier: GPL-2.0
/*
 * What does a hot pair cost when the node of this CPU has no memory left?
 *
 * Loading the module measures with room, takes all of the node's memory, and
 * measures again, next to kmalloc(): hot pairs, and batches.  It counts how many frees
 * had to look their object up outside the fast path, too.
 */
#include <linux/timex.h>
#include "gomem_versus.h"

#define PAIRS	20000
#define BATCH	20000

static const unsigned int sizes[] = { 80, 768 };

static struct gomem_memstats stats;
static LIST_HEAD(taken);

static u64 lookups(void)
{
	gomem_read_memstats(&stats);
	return stats.lookups;
}

static u64 pairs(enum versus who, size_t size)
{
	cycles_t start;
	unsigned int i;

	for (i = 0; i < PAIRS / 10; i++)
		versus_free(who, versus_alloc(who, size, GFP_KERNEL));
	start = get_cycles();
	for (i = 0; i < PAIRS; i++)
		versus_free(who, versus_alloc(who, size, GFP_KERNEL));
	return (get_cycles() - start) / PAIRS;
}

/* Many at once, so that the heap grows and magazines are filled. */
static void many_at_once(const char *when, enum versus who, size_t size)
{
	static void *object[BATCH];
	char row[40];
	cycles_t start = get_cycles();
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		object[i] = versus_alloc(who, size, GFP_KERNEL);
	for (i = 0; i < BATCH; i++)
		versus_free(who, object[i]);
	snprintf(row, sizeof(row), "batch-%s-%zu", when, size);
	versus_say(row, who, (get_cycles() - start) / BATCH);
}

static void measure(const char *when, size_t size)
{
	void *p = gomem_alloc(size, GFP_KERNEL);
	char row[40];
	u64 before;

	snprintf(row, sizeof(row), "pair-%s-node-%zu", when, size);
	versus_say(row, GOMEM, p ? page_to_nid(virt_to_page(p)) : NUMA_NO_NODE);
	gomem_free(p);
	before = lookups();
	snprintf(row, sizeof(row), "pair-%s-%zu", when, size);
	versus_say(row, GOMEM, pairs(GOMEM, size));
	versus_say(row, KMALLOC, pairs(KMALLOC, size));
	snprintf(row, sizeof(row), "lookups-%s-%zu", when, size);
	versus_say(row, GOMEM, lookups() - before);
}

static void fill_node(int node)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN;
	struct page *page;

	while ((page = alloc_pages_node(node, gfp, 0))) {
		list_add(&page->lru, &taken);
		cond_resched();
	}
}

static void empty_node(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &taken, lru)
		__free_page(page);
}

static int __init nodefull_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		measure("room", sizes[i]);
	many_at_once("room", GOMEM, 96);
	versus_give_back();
	fill_node(numa_mem_id());
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		measure("full", sizes[i]);
	many_at_once("full", GOMEM, 96);
	many_at_once("full", KMALLOC, 96);
	many_at_once("again", GOMEM, 96);
	empty_node();
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		measure("afterwards", sizes[i]);
	return 0;
}
module_init(nodefull_init);

static void __exit nodefull_exit(void)
{
}
module_exit(nodefull_exit);

MODULE_DESCRIPTION("Cost on a node without room");
MODULE_LICENSE("GPL");
