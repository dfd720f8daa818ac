// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of how idle memory goes back: how much of it, which, and when.
 *
 * The clock of the scavenger's goal is the tests' own; no test waits for it.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "gomem_test.h"

#define MIB	BIT(20)

/* Such objects are kept for the next one when they are freed. */
#define PIECE	(MIB / 4)

/* How often to try to get a page of a hole. */
#define GOT	256

static struct gomem_memstats *stats_of(struct kunit *test)
{
	struct gomem_memstats *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	gomem_heap_memstats(gomem_test_heap(test), s);
	return s;
}

static u64 released(struct kunit *test)
{
	return stats_of(test)->heap_released;
}

/* What the kernel has free, the pages on per-CPU lists included. */
static unsigned long kernel_free_pages(void)
{
	unsigned long pages = 0;
	struct zone *zone;
	int cpu;

	for_each_populated_zone(zone) {
		pages += zone_page_state_snapshot(zone, NR_FREE_PAGES);
		for_each_possible_cpu(cpu)
			pages += per_cpu_ptr(zone->per_cpu_pageset, cpu)->count;
	}
	return pages;
}

/* Objects of @size bytes that are in the test's heap. */
static void **get_objects(struct kunit *test, unsigned int nr, size_t size)
{
	void **objs = gomem_test_array(test, nr);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		objs[i] = gomem_heap_alloc(gomem_test_heap(test), size,
					   GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		*(unsigned long *)objs[i] = (unsigned long)objs[i];
	}
	return objs;
}

/* Free every @step-th of them, from @first on; those that stay are intact. */
static void free_some(struct kunit *test, void **objs, unsigned int nr,
		      unsigned int first, unsigned int step)
{
	unsigned int i;

	for (i = first; i < nr; i += step) {
		KUNIT_EXPECT_EQ(test, *(unsigned long *)objs[i],
				(unsigned long)objs[i]);
		gomem_free(objs[i]);
	}
}

/* --- How much to keep. --- */

static void scavenge_goals(struct kunit *test)
{
	static const struct {
		unsigned long peak, goal;
	} row[] = {
		{ 0, 16 }, { 1, 17 }, { 320, 336 }, { 340, 357 }, { 1000, 1050 },
		{ 65536, 65536 + 3276 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		KUNIT_EXPECT_EQ(test, gomem_mheap_goal(row[i].peak),
				row[i].goal);
}

/* A peak counts for the delay, and not for much longer. */
static void scavenge_window(struct kunit *test)
{
	struct gomem_mheap *mheap = kunit_kzalloc(test, sizeof(*mheap),
						  GFP_KERNEL);
	const unsigned int start = 123456, delay = 5000;
	unsigned int t;

	KUNIT_ASSERT_NOT_NULL(test, mheap);
	spin_lock_init(&mheap->lock);
	mheap->inuse_pages = 100;
	mheap->peak_pages = 1000;
	for (t = 0; t <= delay; t += 100) {
		gomem_scavenge_fold(mheap, start + t, delay);
		KUNIT_EXPECT_EQ(test, mheap->window_pages, 1000UL);
		KUNIT_EXPECT_EQ(test, mheap->peak_pages, 100UL);
	}
	gomem_scavenge_fold(mheap, start + delay + delay / 8 + 1, delay);
	KUNIT_EXPECT_EQ(test, mheap->window_pages, 100UL);

	/* A lower peak shows when the higher one has passed. */
	mheap->peak_pages = 800;
	gomem_scavenge_fold(mheap, 20 * delay, delay);
	mheap->peak_pages = 500;
	gomem_scavenge_fold(mheap, 20 * delay + delay / 2, delay);
	KUNIT_EXPECT_EQ(test, mheap->window_pages, 800UL);
	gomem_scavenge_fold(mheap, 21 * delay + delay / 4, delay);
	KUNIT_EXPECT_EQ(test, mheap->window_pages, 500UL);
	/* Nobody looked for long: all is forgotten. */
	gomem_scavenge_fold(mheap, 100 * delay, delay);
	KUNIT_EXPECT_EQ(test, mheap->window_pages, 100UL);
}

/* Nothing is returned while so much was in use lately. */
static void scavenge_keeps_for_a_while(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	const unsigned int delay = 1000, nr = 64;
	void **objs = get_objects(test, nr, MIB / 4);

	gomem_scavenge_fold(mheap, 0, delay);
	free_some(test, objs, nr, 0, 1);
	gomem_scavenge_fold(mheap, delay, delay);
	KUNIT_EXPECT_EQ(test, gomem_scavenge_excess(mheap), 0UL);
	KUNIT_EXPECT_FALSE(test, gomem_scavenge_rest(mheap));
	gomem_scavenge_fold(mheap, 2 * delay + delay / 4, delay);
	KUNIT_EXPECT_EQ(test, gomem_scavenge_excess(mheap),
			nr * (MIB / 4) / GOMEM_PAGE_SIZE - gomem_mheap_goal(0));
}

/* An idle heap ends with next to nothing, whatever its blocks are like. */
static void scavenge_to_the_end(struct kunit *test)
{
	static const size_t sizes[] = { 60000, 100000, MIB / 2, 2 * MIB, 9000 };
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned int i;
	void **objs;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int nr = 4 * MIB / sizes[i];

		objs = get_objects(test, nr, sizes[i]);
		free_some(test, objs, nr, 0, 1);
		gomem_heap_drain(gomem_test_heap(test));
		gomem_scavenge_fold(mheap, i * 10000, 1000);
		gomem_scavenge_fold(mheap, i * 10000 + 5000, 1000);
		gomem_scavenge(mheap, gomem_scavenge_excess(mheap), false,
			       ULONG_MAX);
		KUNIT_EXPECT_LE(test, gomem_mheap_held(mheap),
				262144UL / GOMEM_PAGE_SIZE);
		KUNIT_EXPECT_TRUE(test, gomem_scavenge_rest(mheap));
	}
}

/* A large object that comes and goes costs the kernel nothing. */
static void scavenge_spares_hot_pages(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned int i;

	for (i = 0; i < 100; i++) {
		gomem_free(gomem_heap_alloc(heap, 60000, GFP_KERNEL));
		if (i % 10 == 0)
			gomem_reclaim_look(heap);
	}
	KUNIT_EXPECT_EQ(test, mheap->grown, 1ULL);
	KUNIT_EXPECT_EQ(test, mheap->given_back, 0ULL);
}

/* --- Holes. --- */

/* Every other page of a block goes; the others stay as they are. */
static void scavenge_makes_holes(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	void **objs = get_objects(test, 64, GOMEM_PAGE_SIZE);
	u64 sys = stats_of(test)->heap_sys;
	unsigned int i;

	gomem_heap_drain(gomem_test_heap(test));
	free_some(test, objs, 64, 1, 2);
	gomem_heap_drain(gomem_test_heap(test));
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch(mheap, 1000, true), 32UL);
	KUNIT_EXPECT_EQ(test, released(test), 32 * GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, stats_of(test)->heap_sys, sys);
	KUNIT_EXPECT_EQ(test, mheap->idle_pages, 0UL);
	for (i = 0; i < 64; i++)
		KUNIT_EXPECT_EQ(test, gomem_owns(objs[i]), i % 2 == 0);
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);

	/* What is left of the blocks serves on, and goes whole in the end. */
	free_some(test, objs, 64, 0, 2);
	gomem_heap_drain(gomem_test_heap(test));
	KUNIT_EXPECT_EQ(test, mheap->idle_block_pages, 32UL);
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, 0), 32UL);
	KUNIT_EXPECT_EQ(test, mheap->nr_blocks, 0UL);
	KUNIT_EXPECT_EQ(test, released(test), sys);
}

/* No more than is asked for, and the highest first. */
static void scavenge_holes_are_counted(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	void *p = gomem_heap_alloc(gomem_test_heap(test), GOMEM_PAGE_SIZE,
				   GFP_KERNEL);
	struct gomem_block *block = gomem_block_of(gomem_span_of(p));

	KUNIT_EXPECT_EQ(test, block->npages, 8U);
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch(mheap, 3, true), 3UL);
	KUNIT_EXPECT_EQ(test, block->holes, 3);
	KUNIT_EXPECT_EQ(test, block->longest, 4);
	KUNIT_EXPECT_EQ(test, find_first_bit(gomem_block_hole(block), 8), 5UL);
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch(mheap, 100, true), 4UL);
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch(mheap, 100, true), 0UL);
	gomem_free(p);
}

/* Not from blocks that spans are being taken from. */
static void scavenge_spares_filling_blocks(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	void *p, *q;

	gomem_scavenge_fold(mheap, 0, 3600 * MSEC_PER_SEC);
	p = gomem_heap_alloc(heap, GOMEM_PAGE_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch(mheap, 100, false), 0UL);
	/* A span was freed since: it is not filling up any more. */
	q = gomem_heap_alloc(heap, 40000, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch(mheap, 100, false), 0UL);
	gomem_free(q);
	gomem_heap_drain(heap);
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch(mheap, 100, false), 7UL);
	gomem_free(p);
}

/* The pages of a hole belong to whoever gets them, even if that is gomem. */
static void scavenge_hole_is_got_again(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	void *p = gomem_heap_alloc(heap, GOMEM_PAGE_SIZE, GFP_KERNEL);
	struct gomem_block *block = gomem_block_of(gomem_span_of(p));
	unsigned long base = block->base;
	void **got = gomem_test_array(test, GOT), *again = NULL;
	unsigned int i, nr;

	gomem_mheap_punch(mheap, 100, true);
	/* One span at a time: the page allocator gives what it got last. */
	for (nr = 0; nr < GOT && !again; nr++) {
		got[nr] = gomem_heap_alloc(heap, GOMEM_PAGE_SIZE - 8, GFP_ATOMIC);
		if ((unsigned long)got[nr] - base < 8 * GOMEM_PAGE_SIZE)
			again = got[nr];
	}
	if (!again)
		kunit_info(test, "the hole was not got again\n");
	gomem_free(p);
	gomem_heap_drain(heap);
	gomem_mheap_trim(mheap, 0);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test, gomem_owns(got[i]));
		gomem_free(got[i]);
	}
}

/* --- Everything, on demand. --- */

/* 32 MiB of objects of all sizes; then the kernel has them back. */
static void scavenge_free_os_memory(struct kunit *test)
{
	static const size_t sizes[] = { 64, 1000, 8192, 32768, 100000, MIB / 4 };
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned long free_before, bytes = 32 * MIB / ARRAY_SIZE(sizes);
	void **objs[ARRAY_SIZE(sizes)];
	unsigned int i, nr;
	u64 before;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		objs[i] = get_objects(test, bytes / sizes[i] + 1, sizes[i]);
	before = released(test);
	free_before = kernel_free_pages();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		nr = bytes / sizes[i] + 1;
		free_some(test, objs[i], nr, 0, 1);
	}
	KUNIT_EXPECT_EQ(test, released(test), before);
	gomem_heap_free_os_memory(heap);
	KUNIT_EXPECT_GE(test, released(test), before + 31 * MIB);
	KUNIT_EXPECT_GE(test, kernel_free_pages(),
			free_before + (31 * MIB >> PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, stats_of(test)->heap_inuse, 0ULL);
	KUNIT_EXPECT_EQ(test, stats_of(test)->heap_idle, released(test));
	KUNIT_EXPECT_EQ(test, stats_of(test)->mcache_sys,
			(u64)num_online_cpus() * sizeof(struct gomem_mcache));
}

/*
 * Go's test of physical memory: every other object is freed, then the heap has
 * to grow because what is wanted next is larger than the gaps.
 */
static void physical_memory(struct kunit *test, size_t size)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int nr = 32 * MIB / size, nr_large = nr / 4;
	void **small = get_objects(test, nr, size), **large;
	const struct gomem_memstats *s;
	u64 most;

	free_some(test, small, nr, 1, 2);
	gomem_heap_drain(heap);
	large = get_objects(test, nr_large, 2 * size);
	while (gomem_reclaim_look(heap) == 1)
		cond_resched();
	s = stats_of(test);
	most = s->heap_alloc + s->heap_alloc / 10 + 2 * MIB;
	KUNIT_EXPECT_LE_MSG(test, s->heap_sys - s->heap_released, most,
			    "objects of %zu bytes, HeapAlloc %llu", size,
			    s->heap_alloc);
	/* So much would be held if nothing had gone back. */
	KUNIT_EXPECT_GT(test, s->heap_sys, most);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	free_some(test, small, nr, 0, 2);
	free_some(test, large, nr_large, 0, 1);
	gomem_heap_free_os_memory(heap);
}

static void scavenge_physical_memory(struct kunit *test)
{
	physical_memory(test, GOMEM_PAGE_SIZE);
	physical_memory(test, 16384);
	physical_memory(test, 65536);
	physical_memory(test, 200000);
}

/* --- Most of a heap is idle. --- */

#define EBB_MIN	(512 << 10)

/* What has been in use is known for one fifth of the delay, from two parts of it. */
static void ebb_knows_use(struct kunit *test)
{
	struct gomem_ebb *ebb = kunit_kzalloc(test, sizeof(*ebb), GFP_KERNEL);
	const unsigned int delay = 5000;
	const u64 none = 0;

	KUNIT_ASSERT_NOT_NULL(test, ebb);
	/* 80 were allocated, 30 are live; no more than 60 can have been in use. */
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 10000, delay, 30, 80, 60), 60ULL);
	/* 10 more came and went: bounded by what was live before. */
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 10500, delay, 30, 90, 60), 60ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 11000, delay, 5, 90, 60), 40ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 11500, delay, 5, 90, 60), 30ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 12000, delay, 5, 90, 60), 5ULL);
	/* A look in between ends no part, but counts. */
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 12100, delay, 50, 150, 60), 60ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 12200, delay, none, 150, none), 60ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 12500, delay, none, 150, none), 60ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 13000, delay, none, 150, none), 60ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_look(ebb, 13500, delay, none, 150, none), 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_allocated(ebb, 157), 7ULL);
}

static void ebb_rules(struct kunit *test)
{
	struct gomem_ebb *ebb = kunit_kzalloc(test, sizeof(*ebb), GFP_KERNEL);
	const unsigned int delay = 5000;
	const u64 held = 64 * MIB;

	KUNIT_ASSERT_NOT_NULL(test, ebb);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 10000, delay, held / 4 + 1, held), 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 10000, delay, held / 4, held),
			held / 2 - EBB_MIN);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 10000, delay, 0, held),
			held - EBB_MIN);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 10000, delay, 0, EBB_MIN), 0ULL);
	/* It was the end. */
	gomem_ebb_returned(ebb, 10000, held);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 15001, delay, held, held), 0ULL);
	KUNIT_EXPECT_GT(test, gomem_ebb_excess(ebb, 15002, delay, 0, held), 0ULL);
	/* It was not: that may happen once. */
	gomem_ebb_returned(ebb, 20000, held);
	gomem_ebb_returned(ebb, 20001, held / 2);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 25000, delay, held / 2, held / 2), 0ULL);
	KUNIT_EXPECT_GT(test, gomem_ebb_excess(ebb, 25001, delay, 0, held), 0ULL);
	/* Twice; and three times. */
	gomem_ebb_returned(ebb, 25001, held);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 26000, delay, held / 2, held / 2), 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 35999, delay, 0, held), 0ULL);
	KUNIT_EXPECT_GT(test, gomem_ebb_excess(ebb, 36000, delay, 0, held), 0ULL);
	gomem_ebb_returned(ebb, 36000, held);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 36000, delay, held, held), 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 55999, delay, 0, held), 0ULL);
	KUNIT_EXPECT_GT(test, gomem_ebb_excess(ebb, 56000, delay, 0, held), 0ULL);
	/* It was right, and all is forgotten. */
	gomem_ebb_returned(ebb, 56000, held);
	KUNIT_EXPECT_GT(test, gomem_ebb_excess(ebb, 61001, delay, 0, held), 0ULL);
	gomem_ebb_returned(ebb, 61001, held);
	KUNIT_EXPECT_EQ(test, gomem_ebb_excess(ebb, 62000, delay, held, held), 0ULL);
	KUNIT_EXPECT_GT(test, gomem_ebb_excess(ebb, 62001, delay, 0, held), 0ULL);
}

/* Look every half second, by a clock of the test's own, for @ms. */
static u64 look_on(struct kunit *test, u64 now, unsigned int ms)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 end = now + ms;

	for (; now < end; now += 500) {
		/* Cycles are as near to each other as they like. */
		heap->gc->not_before = 0;
		while (gomem_reclaim_look_at(heap, now) == 1)
			cond_resched();
	}
	return now;
}

/*
 * A heap of which everything is freed is returned a second and a half later,
 * whatever the size of its objects, and wherever they wait.
 */
static void ebb_of_every_size(struct kunit *test)
{
	static const size_t sizes[] = { 64, 1024, 4096, 60000, 200000, PIECE };
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned int i, nr;
	u64 now = 100000;
	void **objs;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		nr = 16 * MIB / sizes[i];
		objs = get_objects(test, nr, sizes[i]);
		now = look_on(test, now, 7000);
		KUNIT_EXPECT_GE(test, gomem_mheap_held(mheap), 16 * MIB / GOMEM_PAGE_SIZE);
		free_some(test, objs, nr, 0, 1);
		now = look_on(test, now, 1000);
		KUNIT_EXPECT_GE_MSG(test, gomem_mheap_held(mheap),
				    16 * MIB / GOMEM_PAGE_SIZE / 10 * 9, "%zu", sizes[i]);
		now = look_on(test, now, 1000);
		KUNIT_EXPECT_LE_MSG(test, gomem_mheap_held(mheap),
				    MIB / GOMEM_PAGE_SIZE, "%zu", sizes[i]);
		/* What follows is no second wave. */
		now = look_on(test, now, 6000);
	}
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);
}

/* Where more than a quarter stays in use, the delay counts. */
static void ebb_is_none(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	const unsigned int nr = 64;
	void **objs = get_objects(test, nr, PIECE);
	u64 now = look_on(test, 100000, 7000);

	free_some(test, objs, nr, 20, 1);
	now = look_on(test, now, 5000);
	KUNIT_EXPECT_EQ(test, gomem_mheap_held(mheap), nr * PIECE / GOMEM_PAGE_SIZE);
	now = look_on(test, now, 2000);
	KUNIT_EXPECT_LE(test, gomem_mheap_held(mheap), 6 * MIB / GOMEM_PAGE_SIZE);
	free_some(test, objs, 20, 0, 1);
}

/* A heap that goes up and down for minutes loses its memory a few times only. */
static void ebb_and_flow(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	const unsigned int nr = 64, waves = 40;
	unsigned int i;
	u64 now = 100000;
	void **objs;

	for (i = 0; i < waves; i++) {
		objs = get_objects(test, nr, PIECE);
		now = look_on(test, now, 1000);
		free_some(test, objs, nr, 0, 1);
		now = look_on(test, now, 2500);
	}
	KUNIT_EXPECT_GE(test, mheap->grown, 2ULL * nr);
	KUNIT_EXPECT_LE(test, mheap->grown, 6ULL * nr);
}

/* Objects that come and go all the time are no idle memory, even if they wait. */
static void ebb_spares_busy_caches(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i, nr = 2048, cycles = 0;
	u64 now = 100000;
	void **objs;

	for (i = 0; i < 10; i++) {
		objs = get_objects(test, nr, 1024);
		free_some(test, objs, nr, 0, 1);
		now = look_on(test, now, 500);
		if (!i)
			cycles = stats_of(test)->num_gc;
	}
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, cycles);
	now = look_on(test, now, 2000);
	KUNIT_EXPECT_GT(test, stats_of(test)->num_gc, cycles);
	KUNIT_EXPECT_EQ(test, gomem_cached_bytes(heap), 0ULL);
}

/* --- The worker. --- */

/* A heap at rest is looked at by nobody until something moves. */
static void scavenge_rests(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_reclaim *r = heap->reclaim;
	void *p, *large;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, gomem_reclaim_look(heap), MAX_JIFFY_OFFSET);
	gomem_reclaim_start(heap);
	for (i = 0; i < 100 && (work_busy(&r->look.work) || !heap->at_rest); i++)
		msleep(20);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&r->look));
	/* Large objects are no reason, small ones are. */
	large = gomem_heap_alloc(heap, 100000, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, heap->at_rest);
	p = gomem_heap_alloc(heap, 64, GFP_KERNEL);
	for (i = 0; i < 100 && !delayed_work_pending(&r->look); i++)
		fsleep(1000);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&r->look));
	KUNIT_EXPECT_FALSE(test, heap->at_rest);
	/* What waits on the CPU is all that is left to do; that has time. */
	for (i = 0; i < 200 && (work_busy(&r->look.work) & WORK_BUSY_RUNNING ||
				!heap->at_rest); i++)
		msleep(20);
	KUNIT_EXPECT_TRUE(test, heap->at_rest);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&r->look));
	KUNIT_EXPECT_GT(test, r->look.timer.expires, jiffies + 60 * HZ);
	/* After two minutes it is collected, and then there is nothing left. */
	heap->gc->checked -= 120 * NSEC_PER_SEC;
	mod_delayed_work(system_wq, &r->look, 0);
	for (i = 0; i < 200 && work_busy(&r->look.work); i++)
		msleep(20);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&r->look));
	KUNIT_EXPECT_EQ(test, gomem_cached_bytes(heap), 0ULL);
	gomem_reclaim_stop(heap);
	gomem_free(p);
	gomem_free(large);
}

/* A heap that was large and is idle shrinks by itself. */
static void scavenge_by_itself(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = get_objects(test, 64, MIB / 4);
	unsigned int i;

	gomem_knob_set(heap, GOMEM_KNOB_SCAVENGE_DELAY_MS, 200);
	gomem_reclaim_start(heap);
	msleep(50);
	free_some(test, objs, 64, 0, 1);
	for (i = 0; i < 100 && released(test) < 15 * MIB; i++)
		msleep(50);
	KUNIT_EXPECT_GE(test, released(test), 15 * MIB);
	KUNIT_EXPECT_GE_MSG(test, i, 2U, "it was not kept at all");
	gomem_reclaim_stop(heap);
}

/* Blocks and holes go while threads and a timer allocate and free. */
static void scavenge_under_load(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_load *load;
	unsigned int looks = 0;
	int nid;

	load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load);
	gomem_knob_set(heap, GOMEM_KNOB_SCAVENGE_DELAY_MS, 0);
	gomem_load_start(load, heap, 2);
	while (atomic_long_read(&load->interrupts) < GOMEM_LOAD_INTERRUPTS) {
		if (looks % 16 == 0)
			gomem_heap_free_os_memory(heap);
		gomem_reclaim_look(heap);
		for (nid = -1; gomem_next_node(heap, &nid);)
			gomem_mheap_punch(heap->node[nid]->mheap, 4, true);
		looks++;
		schedule();
	}
	gomem_load_stop(load);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&load->corrupt), 0L);
	KUNIT_EXPECT_GT(test, gomem_test_mheap(test)->given_back, 0ULL);
	gomem_heap_free_os_memory(heap);
	KUNIT_EXPECT_EQ(test, gomem_mheap_held(gomem_test_mheap(test)), 0UL);
}

static struct kunit_case gomem_scavenge_cases[] = {
	KUNIT_CASE(scavenge_goals),
	KUNIT_CASE(scavenge_window),
	KUNIT_CASE(scavenge_keeps_for_a_while),
	KUNIT_CASE(scavenge_to_the_end),
	KUNIT_CASE(scavenge_spares_hot_pages),
	KUNIT_CASE(scavenge_makes_holes),
	KUNIT_CASE(scavenge_holes_are_counted),
	KUNIT_CASE(scavenge_spares_filling_blocks),
	KUNIT_CASE(scavenge_hole_is_got_again),
	KUNIT_CASE(scavenge_free_os_memory),
	KUNIT_CASE(scavenge_physical_memory),
	KUNIT_CASE(ebb_knows_use),
	KUNIT_CASE(ebb_rules),
	KUNIT_CASE(ebb_of_every_size),
	KUNIT_CASE(ebb_is_none),
	KUNIT_CASE(ebb_and_flow),
	KUNIT_CASE(ebb_spares_busy_caches),
	KUNIT_CASE(scavenge_rests),
	KUNIT_CASE(scavenge_by_itself),
	KUNIT_CASE(scavenge_under_load),
	{}
};

static struct kunit_suite gomem_scavenge_suite = {
	.name = "gomem_scavenge",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_scavenge_cases,
};

kunit_test_suite(gomem_scavenge_suite);
