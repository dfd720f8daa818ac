// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what makes gomem give memory back earlier than it would: the memory
 * limit, the shrinker, memory and CPUs that go.  And of the knobs.
 */
#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/pfn.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "gomem_test.h"
#include "oom.h"

#define MIB	BIT(20)

static struct gomem_memstats *stats_of(struct kunit *test)
{
	struct gomem_memstats *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	gomem_heap_memstats(gomem_test_heap(test), s);
	return s;
}

static void set_limit(struct kunit *test, s64 limit)
{
	KUNIT_EXPECT_EQ(test, 0, gomem_knob_set(gomem_test_heap(test),
						GOMEM_KNOB_MEMORY_LIMIT, limit));
}

/* Objects that come and go: idle memory that was needed lately, in blocks of this. */
#define PIECE	(MIB / 4)

static void make_idle(struct kunit *test, unsigned int megabytes)
{
	unsigned int i, nr = megabytes * MIB / PIECE;
	void **p = gomem_test_array(test, nr);

	for (i = 0; i < nr; i++) {
		p[i] = gomem_heap_alloc(gomem_test_heap(test), PIECE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	gomem_free_bulk(nr, p);
}

static void look_until_done(struct kunit *test)
{
	while (gomem_reclaim_look(gomem_test_heap(test)) == 1)
		cond_resched();
}

/* --- The limit. --- */

static void limit_of_what(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	const struct gomem_memstats *s;

	make_idle(test, 5);
	fsleep(1000);
	rcu_barrier();
	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, gomem_limit_used(heap), s->sys - s->heap_released);
	KUNIT_EXPECT_EQ(test, gomem_limit_excess(heap), 0ULL);
	gomem_mheap_trim(gomem_test_mheap(test), 0);
	rcu_barrier();
	s = stats_of(test);
	KUNIT_EXPECT_GT(test, s->heap_released, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_limit_used(heap), s->sys - s->heap_released);
	set_limit(test, 0);
	KUNIT_EXPECT_EQ(test, gomem_limit_excess(heap), gomem_limit_used(heap));
}

/* Idle memory that the scavenger would keep goes when the limit is near. */
static void limit_returns_idle(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);

	make_idle(test, 16);
	look_until_done(test);
	KUNIT_EXPECT_EQ(test, stats_of(test)->heap_released, 0ULL);
	set_limit(test, 10 * MIB);
	look_until_done(test);
	KUNIT_EXPECT_LE(test, gomem_limit_used(heap), 10ULL * MIB / 20 * 19);
	/* And no more than that. */
	KUNIT_EXPECT_GE(test, gomem_limit_used(heap), 7ULL * MIB);
}

/* What waits in caches goes too, after a cycle. */
static void limit_begins_cycles(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i, nr = 2000;
	void **objs = gomem_test_array(test, nr);

	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	gomem_free_bulk(nr, objs);
	KUNIT_EXPECT_GT(test, gomem_cached_bytes(heap), (u64)MIB);
	set_limit(test, MIB);
	for (i = 0; i < 100 && !stats_of(test)->num_gc; i++) {
		look_until_done(test);
		usleep_range(1000, 2000);
	}
	KUNIT_EXPECT_EQ(test, gomem_cached_bytes(heap), 0ULL);
	KUNIT_EXPECT_LE(test, gomem_limit_used(heap), (u64)MIB);
	/* With nothing left to collect, there is no other cycle. */
	i = stats_of(test)->num_gc;
	set_limit(test, 1);
	usleep_range(20000, 30000);
	look_until_done(test);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, i);
}

/* Idle memory that is enough goes in as many portions as it takes, without a cycle. */
static void limit_returns_idle_first(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p;

	make_idle(test, 16);
	p = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	gomem_free(p);
	KUNIT_EXPECT_GT(test, gomem_cached_bytes(heap), 0ULL);
	set_limit(test, 4 * MIB);
	KUNIT_EXPECT_EQ(test, gomem_reclaim_look(heap), 1UL);
	look_until_done(test);
	KUNIT_EXPECT_EQ(test, gomem_limit_excess(heap), 0ULL);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, 0U);
	KUNIT_EXPECT_GT(test, gomem_cached_bytes(heap), 0ULL);
}

/*
 * Whatever gc_percent is, a cycle begins when HeapAlloc and what is cached have reached
 * NextGC, and not before.  So it is when cycles are off, but for the limit.
 */
static void limit_is_next_gc(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i, nr = 12 * MIB / 1024, step = 256;
	u64 next = 0, after, used = 0, first;
	void **objs = gomem_test_array(test, nr);
	const struct gomem_memstats *s;

	gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT, -1);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, U64_MAX);
	set_limit(test, 8 * MIB);
	first = stats_of(test)->next_gc;
	KUNIT_EXPECT_LE(test, first, 8ULL * MIB / 20 * 19);
	KUNIT_EXPECT_GE(test, first, 7ULL * MIB);
	/* What is idle can go, but for what describes it. */
	make_idle(test, 2);
	KUNIT_EXPECT_GE(test, stats_of(test)->next_gc, first - MIB / 8);
	/* What is freed and waits is as far from it as what lives.  Magazines first. */
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, gomem_heap_alloc_bulk(heap, 1024, GFP_KERNEL, step,
							    objs), step);
		next = stats_of(test)->next_gc;
		gomem_free_bulk(step, objs);
	}
	KUNIT_EXPECT_GT(test, gomem_cached_bytes(heap), 100ULL * 1024);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, next);
	for (i = 0; i < nr; i++) {
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
		if (i % step)
			continue;
		s = stats_of(test);
		next = s->next_gc;
		used = s->heap_alloc + gomem_cached_bytes(heap);
		look_until_done(test);
		s = stats_of(test);
		after = s->next_gc;
		if (s->num_gc)
			break;
		/* Descriptors that go with idle memory move it a little. */
		KUNIT_EXPECT_LE(test, used, max(next, after));
	}
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, 1U);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_forced_gc, 0U);
	KUNIT_EXPECT_GE(test, used, min(next, after));
	KUNIT_EXPECT_GE(test, used, first - MIB);
	KUNIT_EXPECT_LE(test, gomem_limit_used(heap), 8ULL * MIB);
	/* The lesser of the two is told. */
	gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT, 0);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc,
			min(gomem_gc_goal(heap), after));
	set_limit(test, 0);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, 0ULL);
	set_limit(test, S64_MAX);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, gomem_gc_goal(heap));
	gomem_free_bulk(min(i + 1, nr), objs);
}

/*
 * A limit that cannot be kept: nothing fails, and cycles take no more than half
 * of one CPU.
 */
static void limit_fails_nobody(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 start = ktime_get_ns(), took;
	struct gomem_load *load;

	load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load);
	set_limit(test, 0);
	gomem_reclaim_start(heap);
	gomem_load_start(load, heap, 2);
	while (atomic_long_read(&load->interrupts) < GOMEM_LOAD_INTERRUPTS)
		msleep(20);
	gomem_load_stop(load);
	gomem_reclaim_stop(heap);
	took = ktime_get_ns() - start;
	KUNIT_EXPECT_EQ(test, gomem_test_events(heap, GOMEM_EV_OOM), 0L);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&load->corrupt), 0L);
	KUNIT_EXPECT_GT(test, stats_of(test)->num_gc, 0U);
	KUNIT_EXPECT_LE(test, heap->gc->cpu_ns, took / 2 + 20 * NSEC_PER_MSEC);
}

static void limit_of_default_heap(struct kunit *test)
{
	s64 limit = gomem_set_memory_limit(-1);
	int percent = gomem_set_gc_percent(150);

	KUNIT_EXPECT_EQ(test, gomem_set_memory_limit(S64_MAX / 2), limit);
	KUNIT_EXPECT_EQ(test, gomem_set_memory_limit(-5), S64_MAX / 2);
	KUNIT_EXPECT_EQ(test, gomem_set_memory_limit(limit), S64_MAX / 2);
	KUNIT_EXPECT_EQ(test, gomem_set_gc_percent(-7), 150);
	KUNIT_EXPECT_EQ(test, gomem_set_gc_percent(INT_MAX), -1);
	KUNIT_EXPECT_EQ(test, gomem_set_gc_percent(percent), 1000000);
}

/* --- The shrinker. --- */

/* What a node's shrinker is to count, added up here once more. */
static unsigned long countable(struct kunit *test, u64 *idle, u64 *depots, u64 *cpus)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_node *node = gomem_test_node(test);
	unsigned int class;
	int cpu;

	*idle = (u64)node->mheap->idle_pages << GOMEM_PAGE_SHIFT;
	*depots = 0;
	*cpus = 0;
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		*depots += node->central[class].nr_cached * gomem_class[class].size;
		for_each_online_cpu(cpu) {
			struct gomem_mcache *mc = gomem_mcache_of(heap, cpu);

			*cpus += gomem_class[class].size *
				 (mc->class[class].top - mc->pair[class].loaded->obj +
				  mc->pair[class].prev->nr);
		}
	}
	return (*idle >> PAGE_SHIFT) + ((*depots + *cpus) >> PAGE_SHIFT);
}

static unsigned long scan(struct kunit *test, unsigned long nr)
{
	unsigned long scanned = 0, given;

	given = gomem_shrink_scan(gomem_test_heap(test), gomem_test_mheap(test)->nid,
				  nr, &scanned);
	KUNIT_EXPECT_GE(test, scanned, given);
	return given;
}

static void shrinker_gives_blocks(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned long pages = (8 * MIB) >> PAGE_SHIFT, scanned;
	int nid = mheap->nid;

	KUNIT_EXPECT_EQ(test, gomem_shrink_count(heap, nid), 0UL);
	make_idle(test, 8);
	KUNIT_EXPECT_EQ(test, gomem_shrink_count(heap, nid), pages);
	KUNIT_EXPECT_EQ(test, gomem_shrink_scan(heap, nid, 1, &scanned),
			PIECE >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, scanned, PIECE >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, stats_of(test)->heap_released, (u64)PIECE);
	KUNIT_EXPECT_TRUE(test, heap->reclaim->drain);
	KUNIT_EXPECT_EQ(test, scan(test, pages), (8 * MIB - PIECE) >> PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, gomem_shrink_count(heap, nid), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_shrink_scan(heap, nid, pages, &scanned), 0UL);
	KUNIT_EXPECT_EQ(test, scanned, 0UL);
	/* What it asked for comes with the worker. */
	gomem_reclaim_look(heap);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, 1U);
	KUNIT_EXPECT_FALSE(test, heap->reclaim->drain);
}

/* A small block goes before a larger one when that is enough. */
static void shrinker_gives_what_fits(struct kunit *test)
{
	unsigned long pages = (80 << 10) >> PAGE_SHIFT;
	void *p = gomem_heap_alloc(gomem_test_heap(test), 80 << 10, GFP_KERNEL);

	make_idle(test, 1);
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, scan(test, pages), pages);
	KUNIT_EXPECT_EQ(test, scan(test, pages), PIECE >> PAGE_SHIFT);
}

/* Everything that waits or is idle is counted, wherever it is. */
static void shrinker_counts_all(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	int nid = gomem_test_mheap(test)->nid;
	unsigned int i, nr = 2000;
	void **objs = gomem_test_array(test, nr);
	u64 idle, depots, cpus;
	unsigned long count;

	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	gomem_free_bulk(nr - 3, objs + 3);
	count = countable(test, &idle, &depots, &cpus);
	KUNIT_EXPECT_GT(test, depots, (u64)MIB);
	KUNIT_EXPECT_GT(test, cpus, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_shrink_count(heap, nid), count);
	gomem_heap_drain(heap);
	/* Now it is idle, most of it in blocks, some beside what is live. */
	count = countable(test, &idle, &depots, &cpus);
	KUNIT_EXPECT_EQ(test, depots + cpus, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_shrink_count(heap, nid), count);
	KUNIT_EXPECT_GT(test, gomem_test_mheap(test)->idle_pages,
			gomem_test_mheap(test)->idle_block_pages);
	KUNIT_EXPECT_EQ(test, scan(test, ULONG_MAX) + scan(test, ULONG_MAX), count);
	KUNIT_EXPECT_EQ(test, gomem_shrink_count(heap, nid), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	gomem_free_bulk(3, objs);
}

/* Depots are emptied a portion at a time, for the blocks that they pin. */
static void shrinker_empties_depots(struct kunit *test)
{
	const unsigned long portion = 16, pages = portion + (64 << 10 >> PAGE_SHIFT);
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i, nr = 2000, scans = 0, class = gomem_size_class(1024);
	void **objs = gomem_test_array(test, nr);
	u64 idle, depots, before, cpus;
	unsigned long given, scanned;
	u64 inuse;

	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	gomem_free_bulk(nr, objs);
	inuse = stats_of(test)->heap_inuse;
	scan(test, ULONG_MAX >> 1);
	KUNIT_EXPECT_LT(test, stats_of(test)->heap_inuse, inuse / 2);
	scan(test, ULONG_MAX >> 1);

	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	gomem_free_bulk(nr, objs);
	for (;;) {
		countable(test, &idle, &before, &cpus);
		if (before < portion << PAGE_SHIFT)
			break;
		given = gomem_shrink_scan(heap, gomem_test_mheap(test)->nid, portion,
					  &scanned);
		countable(test, &idle, &depots, &cpus);
		/* A magazine, or a block, more than was asked for. */
		KUNIT_EXPECT_LE(test, before - depots, (portion << PAGE_SHIFT) +
				1024ULL * gomem_class[class].mag_cap);
		KUNIT_EXPECT_LE(test, given, pages);
		KUNIT_ASSERT_GT(test, scanned, 0UL);
		scans++;
	}
	KUNIT_EXPECT_GT(test, scans, nr * 1024 / 2 / (portion << PAGE_SHIFT) / 2);
}

static long fill_this_cpu(void *heap)
{
	void *objs[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = gomem_heap_alloc(heap, 2048, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		gomem_free(objs[i]);
	return 0;
}

/* What waits on the CPUs is got when there is nothing else. */
static void shrinker_empties_cpus(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 idle, depots, cpus;
	int cpu;

	for_each_online_cpu(cpu)
		work_on_cpu(cpu, fill_this_cpu, heap);
	countable(test, &idle, &depots, &cpus);
	KUNIT_EXPECT_GT(test, cpus, 0ULL);
	KUNIT_EXPECT_GT(test, stats_of(test)->heap_inuse, 0ULL);
	while (scan(test, 1 << 20))
		;
	KUNIT_EXPECT_EQ(test, countable(test, &idle, &depots, &cpus), 0UL);
	KUNIT_EXPECT_EQ(test, stats_of(test)->heap_inuse, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_mheap_held(gomem_test_mheap(test)), 0UL);
}

/* Two reclaimers at once: neither finds the list of heaps closed. */
static void shrinker_has_company(struct kunit *test)
{
	int nid = gomem_test_mheap(test)->nid;
	unsigned long scanned = 0;

	make_idle(test, 8);
	KUNIT_ASSERT_EQ(test, down_read_trylock(&gomem_heaps_lock), 1);
	KUNIT_EXPECT_GE(test, gomem_shrink_count_all(nid), (8 * MIB) >> PAGE_SHIFT);
	KUNIT_EXPECT_GE(test, gomem_shrink_scan_all(nid, ULONG_MAX, &scanned),
			(8 * MIB) >> PAGE_SHIFT);
	up_read(&gomem_heaps_lock);
	KUNIT_EXPECT_EQ(test, gomem_mheap_held(gomem_test_mheap(test)), 0UL);
}

/* --- Out of memory. --- */

/* Everything that is not live goes back, and then there is nothing more to give. */
static void oom_gives_all(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i, nr = 2000;
	void **objs = gomem_test_array(test, nr), *live;

	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	live = gomem_heap_alloc(heap, 8192, GFP_KERNEL);
	gomem_free_bulk(nr, objs);
	make_idle(test, 4);
	KUNIT_EXPECT_GE(test, gomem_oom_give(heap), (11 * MIB / 2) >> PAGE_SHIFT);
	while (gomem_oom_give(heap))
		;
	KUNIT_EXPECT_EQ(test, gomem_mheap_held(gomem_test_mheap(test)), 1UL);
	KUNIT_EXPECT_EQ(test, stats_of(test)->mcache_sys, stats_of(test)->mcache_inuse);
	gomem_free(live);
}

static void expect_line(struct kunit *test, const char *expected)
{
	static char line[160 + KSYM_SYMBOL_LEN];

	KUNIT_EXPECT_GT(test, gomem_oom_line(gomem_test_heap(test), line, sizeof(line)), 0);
	KUNIT_EXPECT_STREQ(test, (const char *)line, expected);
}

static void oom_tells_who(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	const unsigned int nr = 1024;
	void **objs = gomem_test_array(test, nr), *large[6], *other;
	char line[160], name[80];
	const char *rest;
	unsigned int i;

	expect_line(test, "holds 0 MB, 0 MB in use");
	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 4096, GFP_KERNEL);
	other = gomem_heap_alloc(heap, 8192, GFP_KERNEL);
	gomem_heap_drain(heap);
	expect_line(test, "holds 4 MB, 4 MB in use; most in 4096-byte objects: 4 MB");
	for (i = 0; i < ARRAY_SIZE(large); i++)
		large[i] = gomem_heap_alloc(heap, i % 2 ? 60000 : 2 * MIB, GFP_KERNEL);
	expect_line(test, "holds 10 MB, 10 MB in use; most in large objects: 6 MB");
	gomem_free_bulk(ARRAY_SIZE(large), large);
	gomem_free_bulk(nr, objs);
	gomem_free(other);
	gomem_heap_free_os_memory(heap);

	/* With a profile, it is known who: this function. */
	KUNIT_ASSERT_EQ(test, gomem_mprof_set_rate(heap, 1), 0);
	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 2048, GFP_KERNEL);
	gomem_oom_line(heap, line, sizeof(line));
	rest = strstr(line, "2048-byte objects: 2 MB; ");
	KUNIT_ASSERT_NOT_NULL_MSG(test, rest, "%s", line);
	snprintf(name, sizeof(name), "%s+0x", __func__);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(rest, name), "%s", line);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(rest, " holds ~2 MB"), "%s", line);
	/* It is cut off where there is no room. */
	KUNIT_EXPECT_EQ(test, gomem_oom_line(heap, line, 20), 19);
	KUNIT_EXPECT_EQ(test, strlen(line), (size_t)19);
	gomem_free_bulk(nr, objs);
	KUNIT_EXPECT_EQ(test, gomem_mprof_set_rate(heap, 0), 0);
}

/* Idle blocks are reported as memory that the kernel can have. */
static void shrinker_is_told_to_the_kernel(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	long before = global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B);
	long pages = (8 * MIB) >> PAGE_SHIFT, slack = 1024;

	make_idle(test, 8);
	/* Each CPU may keep some back. */
	KUNIT_EXPECT_GE(test, (long)global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B),
			before + pages - slack);
	gomem_mheap_trim(mheap, 0);
	KUNIT_EXPECT_LE(test, (long)global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B),
			before + slack);
}

/* --- Memory that is added. --- */

/* A longer index knows what the shorter one knew. */
static void hotplug_extends_index(struct kunit *test)
{
	unsigned long start_pfn = PHYS_PFN(__pa(gomem_index->base));
	unsigned long nr = gomem_index->nr, end_pfn;
	void *p = gomem_heap_alloc(gomem_test_heap(test), 100000, GFP_KERNEL);
	const struct gomem_index *old = gomem_index;

	end_pfn = start_pfn + (nr << (GOMEM_ARENA_SHIFT - PAGE_SHIFT));
	KUNIT_EXPECT_EQ(test, gomem_index_extend(start_pfn, end_pfn), 0);
	KUNIT_EXPECT_PTR_EQ(test, (const struct gomem_index *)gomem_index, old);
	KUNIT_EXPECT_EQ(test, gomem_index_extend(end_pfn, end_pfn + 1), 0);
	KUNIT_EXPECT_EQ(test, gomem_index->nr, nr + 1);
	KUNIT_EXPECT_PTR_EQ(test, gomem_index->arena[nr], &gomem_no_arena);
	KUNIT_EXPECT_TRUE(test, gomem_owns(p));
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)106496);
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);
}

/*
 * Memory comes that lies far away.  What there was is known as before, and there may
 * be arenas in the new memory, but not between.  The suites after this one have
 * such an index.
 */
static void hotplug_of_far_memory(struct kunit *test)
{
	unsigned long far = PHYS_PFN(__pa(gomem_index->base)) + PHYS_PFN(1ULL << 40);
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned long address = (unsigned long)__va(PFN_PHYS(far));
	void *p = gomem_heap_alloc(heap, 100000, GFP_KERNEL), *q;
	size_t before = gomem_index_bytes();

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gomem_index_extend(far, far + PHYS_PFN(1 << 30)), 0);
	KUNIT_EXPECT_LE(test, gomem_index_bytes(), before + (1 << 20));
	KUNIT_EXPECT_TRUE(test, gomem_owns(p));
	q = gomem_heap_alloc(heap, 200000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	KUNIT_EXPECT_TRUE(test, gomem_owns(q));
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)106496);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);

	KUNIT_ASSERT_EQ(test, gomem_arena_get(heap->meta, address, GOMEM_PAGE_SIZE,
					      GFP_KERNEL), 0);
	KUNIT_EXPECT_FALSE(test, gomem_owns((void *)address));
	gomem_arena_put(address, GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, gomem_arena_get(heap->meta, address - (512 << 20),
					      GOMEM_PAGE_SIZE, GFP_KERNEL), -ERANGE);
	/* Nor where a part of it is between. */
	address -= GOMEM_PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, gomem_arena_get(heap->meta, address, 2 * GOMEM_PAGE_SIZE,
					      GFP_KERNEL), -ERANGE);
	KUNIT_EXPECT_FALSE(test, gomem_owns((void *)address));
	gomem_free(p);
	gomem_free(q);
}

/* --- Knobs. --- */

static void knobs_parse(struct kunit *test)
{
	static const struct {
		enum gomem_knob knob;
		const char *text;
		s64 value;
	} row[] = {
		{ GOMEM_KNOB_GC_PERCENT, "100", 100 },
		{ GOMEM_KNOB_GC_PERCENT, "0\n", 0 },
		{ GOMEM_KNOB_GC_PERCENT, "-1", -1 },
		{ GOMEM_KNOB_MEMORY_LIMIT, "0", 0 },
		{ GOMEM_KNOB_MEMORY_LIMIT, "4096", 4096 },
		{ GOMEM_KNOB_MEMORY_LIMIT, "3K\n", 3 << 10 },
		{ GOMEM_KNOB_MEMORY_LIMIT, "64M", 64 << 20 },
		{ GOMEM_KNOB_MEMORY_LIMIT, "5G", 5LL << 30 },
		{ GOMEM_KNOB_MEMORY_LIMIT, "9223372036854775807", S64_MAX },
		{ GOMEM_KNOB_SCAVENGE_DELAY_MS, "1000", 1000 },
		{ GOMEM_KNOB_GCTRACE, "0", 0 },
		{ GOMEM_KNOB_SCAVTRACE, "0", 0 },
	};
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		KUNIT_EXPECT_EQ_MSG(test, 0, gomem_knob_parse(heap, row[i].knob,
							      row[i].text),
				    "%s", row[i].text);
		KUNIT_EXPECT_EQ(test, gomem_knob(heap, row[i].knob), row[i].value);
	}
}

/* Nonsense is refused, and changes nothing. */
static void knobs_refuse(struct kunit *test)
{
	static const struct {
		enum gomem_knob knob;
		const char *text;
	} row[] = {
		{ GOMEM_KNOB_GC_PERCENT, "" }, { GOMEM_KNOB_GC_PERCENT, "\n" },
		{ GOMEM_KNOB_GC_PERCENT, "-2" }, { GOMEM_KNOB_GC_PERCENT, "100K" },
		{ GOMEM_KNOB_GC_PERCENT, "1000001" },
		{ GOMEM_KNOB_GC_PERCENT, "0x10" },
		{ GOMEM_KNOB_GC_PERCENT, "1 2" }, { GOMEM_KNOB_GC_PERCENT, "off" },
		{ GOMEM_KNOB_GC_PERCENT, "99999999999999999999" },
		{ GOMEM_KNOB_GC_PERCENT, "000000000000000000000000000000001" },
		{ GOMEM_KNOB_MEMORY_LIMIT, "-1" }, { GOMEM_KNOB_MEMORY_LIMIT, "M" },
		{ GOMEM_KNOB_MEMORY_LIMIT, "5MM" }, { GOMEM_KNOB_MEMORY_LIMIT, "5T" },
		{ GOMEM_KNOB_MEMORY_LIMIT, "1.5G" },
		{ GOMEM_KNOB_MEMORY_LIMIT, "9223372036854775807K" },
		{ GOMEM_KNOB_MEMORY_LIMIT, "-9223372036854775807G" },
		{ GOMEM_KNOB_MEMORY_LIMIT, "9223372036854775808" },
		{ GOMEM_KNOB_SCAVENGE_DELAY_MS, "-1" },
		{ GOMEM_KNOB_SCAVENGE_DELAY_MS, "86400001" },
		{ GOMEM_KNOB_GCTRACE, "2" }, { GOMEM_KNOB_SCAVTRACE, "yes" },
		{ GOMEM_KNOB_GCTRACE, "+1" }, { GOMEM_KNOB_GCTRACE, "1\t" },
		{ GOMEM_KNOB_GCTRACE, " 1" }, { GOMEM_KNOB_GCTRACE, "1 " },
		{ GOMEM_KNOB_GCTRACE, "1\n\n" }, { GOMEM_KNOB_GCTRACE, "1\r\n" },
		{ GOMEM_KNOB_GC_PERCENT, "-" }, { GOMEM_KNOB_GC_PERCENT, "--1" },
		{ GOMEM_KNOB_GC_PERCENT, "1-" },
		{ GOMEM_KNOB_MEMORY_LIMIT, "+1K" }, { GOMEM_KNOB_MEMORY_LIMIT, "1 K" },
		{ GOMEM_KNOB_MEMORY_LIMIT, "1K " }, { GOMEM_KNOB_MEMORY_LIMIT, "1K\n\n" },
		{ GOMEM_KNOB_SCAVENGE_DELAY_MS, "00000000000000000000512garbage" },
	};
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i;
	s64 before;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		before = gomem_knob(heap, row[i].knob);
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
				    gomem_knob_parse(heap, row[i].knob,
						     row[i].text),
				    "'%s'", row[i].text);
		KUNIT_EXPECT_EQ(test, gomem_knob(heap, row[i].knob), before);
	}
}

static struct kunit_case gomem_limit_cases[] = {
	KUNIT_CASE(limit_of_what),
	KUNIT_CASE(limit_returns_idle),
	KUNIT_CASE(limit_begins_cycles),
	KUNIT_CASE(limit_returns_idle_first),
	KUNIT_CASE(limit_is_next_gc),
	KUNIT_CASE(limit_fails_nobody),
	KUNIT_CASE(limit_of_default_heap),
	KUNIT_CASE(shrinker_gives_blocks),
	KUNIT_CASE(shrinker_gives_what_fits),
	KUNIT_CASE(shrinker_counts_all),
	KUNIT_CASE(shrinker_empties_depots),
	KUNIT_CASE(shrinker_empties_cpus),
	KUNIT_CASE(shrinker_has_company),
	KUNIT_CASE(oom_gives_all),
	KUNIT_CASE(oom_tells_who),
	KUNIT_CASE(shrinker_is_told_to_the_kernel),
	KUNIT_CASE(hotplug_extends_index),
	KUNIT_CASE(hotplug_of_far_memory),
	KUNIT_CASE(knobs_parse),
	KUNIT_CASE(knobs_refuse),
	{}
};

static struct kunit_suite gomem_limit_suite = {
	.name = "gomem_limit",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_limit_cases,
};

kunit_test_suite(gomem_limit_suite);
