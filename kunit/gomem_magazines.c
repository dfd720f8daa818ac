// SPDX-License-Identifier: GPL-2.0
/*
 * Does what waits in the caches of idle CPUs go to who needs it?
 *
 * Loading the module has all CPUs but the first one free objects of many sizes,
 * each the only one on its page, beside much that stays live; then the first CPU
 * takes all memory that it can get, and the module prints how much that is.  With
 * kmalloc() first, then with gomem.
 */
#include <linux/cpu.h>
#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "gomem_versus.h"

#define LIVE	40
#define PAGES	240
#define PAGE	SZ_8K

/* Few objects of each wait at the CPU that freed them, and nowhere else. */
static const unsigned int sizes[] = {
	64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320,
	352, 384, 416, 448, 480, 512,
};

struct object {
	struct object *next;
};

static enum versus who;
static struct object *kept[NR_CPUS];

static void drop(struct object *list)
{
	unsigned int i;

	for (i = 0; list; i++) {
		struct object *o = list;

		list = o->next;
		versus_free(who, o);
		if (i % 1024 == 0)
			cond_resched();
	}
}

/* Many objects of a size; those stay that are the first one met of their page. */
static void keep_some(size_t size, struct object **keep)
{
	unsigned long page, last = 0;
	struct object *o, *others = NULL, *all = NULL;
	unsigned int i;

	for (i = 0; i < PAGES * PAGE / size; i++) {
		o = versus_alloc(who, size, GFP_KERNEL);
		if (!o)
			break;
		o->next = all;
		all = o;
		if (i % 1024 == 0)
			cond_resched();
	}
	while ((o = all)) {
		page = (unsigned long)o / PAGE;
		all = o->next;
		o->next = page == last ? others : *keep;
		*(page == last ? &others : keep) = o;
		last = page;
	}
	drop(others);
}

static long fill(void *unused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		keep_some(sizes[i], &kept[raw_smp_processor_id()]);
	return 0;
}

static long empty(void *unused)
{
	struct object **list = &kept[raw_smp_processor_id()];

	drop(*list);
	*list = NULL;
	return 0;
}

static void on_others(long (*function)(void *unused))
{
	int cpu;

	for_each_online_cpu(cpu)
		if (cpu)
			work_on_cpu(cpu, function, NULL);
}

/* Without having anybody killed for it. */
static long take_all(void)
{
	struct page *page, *next;
	LIST_HEAD(taken);
	long nr = 0;

	while ((page = alloc_page(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN))) {
		list_add(&page->lru, &taken);
		nr++;
		cond_resched();
	}
	list_for_each_entry_safe(page, next, &taken, lru)
		__free_page(page);
	return nr << (PAGE_SHIFT - 10);
}

static int try(void)
{
	void *live[LIVE];
	unsigned int i, failed = 0;
	long got;

	for (i = 0; i < LIVE; i++) {
		live[i] = versus_alloc(who, SZ_2M, GFP_KERNEL);
		failed += !live[i];
	}
	on_others(fill);
	/* Nothing is idle but what these leave. */
	versus_give_back();
	on_others(empty);
	got = take_all();
	versus_say("hog-kb", who, got);
	for (i = 0; i < LIVE; i++)
		versus_free(who, live[i]);
	return failed ? -ENOMEM : 0;
}

static int __init magazines_init(void)
{
	int ret;

	/* What the kernel itself can do without is gone after that. */
	take_all();
	who = KMALLOC;
	ret = try();
	who = GOMEM;
	return ret ?: try();
}
module_init(magazines_init);

static void __exit magazines_exit(void)
{
}
module_exit(magazines_exit);

MODULE_DESCRIPTION("What idle CPUs' caches hold");
MODULE_LICENSE("GPL");
