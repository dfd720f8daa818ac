// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path: what a CPU keeps in its two magazines of a class, when it
 * exchanges one, and what happens when an interrupt comes in between.
 *
 * Most of this looks at one size, 64 bytes: its span has 128 objects, so that
 * the first refills fit in one span.  The tests stay on one CPU and nothing happens
 * in the background.
 */
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "../mm/mcache-inline.h"
#include "gomem_test.h"

#define SIZE		64
#define FIRST_TARGET	2
#define MANY		400
#define BULK		1200
#define LARGE		2048

static unsigned int class_of_size(void)
{
	return gomem_size_class(SIZE);
}

static struct gomem_mcache_class *counts(struct kunit *test)
{
	return &gomem_test_mcache(test)->class[class_of_size()];
}

static u64 nmalloc(struct kunit *test)
{
	return gomem_mcache_nmalloc(gomem_test_mcache(test), class_of_size());
}

static struct gomem_mcache_pair *pair(struct kunit *test)
{
	return &gomem_test_mcache(test)->pair[class_of_size()];
}

static unsigned int nr_loaded(struct kunit *test)
{
	return mcache_loaded(gomem_test_mcache(test), class_of_size());
}

static struct gomem_mcentral *central(struct kunit *test)
{
	return &gomem_test_node(test)->central[class_of_size()];
}

static unsigned int target(struct kunit *test)
{
	return gomem_test_mcache(test)->target[class_of_size()];
}

static unsigned int mag_cap(void)
{
	return gomem_class[class_of_size()].mag_cap;
}

/* Objects of the class that wait in magazines, anywhere. */
static u64 cached(struct kunit *test)
{
	u64 nr[GOMEM_NR_CACHED];

	gomem_cached_objects(gomem_test_heap(test), nr);
	return nr[class_of_size()];
}

static void *take(struct kunit *test)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static void take_many(struct kunit *test, void **objs, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		objs[i] = take(test);
}

static void give_many(void **objs, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		gomem_free(objs[i]);
}

/* What has a page that somebody refers to is not the next caller's, cached or not. */
static void mcache_page_still_held(struct kunit *test)
{
	static const size_t sizes[] = { 40960, 60000 };
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_heap *heap = gomem_test_heap(test);
	struct page *page;
	unsigned int i, k;
	char *p, *again;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* The first page, one in the middle, the last. */
		for (k = 0; k < 3; k++) {
			p = gomem_heap_alloc(heap, sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p);
			page = virt_to_page(p + k * (sizes[i] - 1) / 2);
			get_page(page);
			gomem_free(p);
			again = gomem_heap_alloc(heap, sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, again);
			KUNIT_EXPECT_PTR_NE(test, again, p);
			KUNIT_EXPECT_EQ(test, mheap->nr_pinned, 1UL);
			put_page(page);
			gomem_mheap_unpin(mheap);
			KUNIT_EXPECT_EQ(test, mheap->nr_pinned, 0UL);
			gomem_free(again);
		}
	}
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
}

static void mcache_starts_empty(struct kunit *test)
{
	struct gomem_mcache *mc = gomem_test_mcache(test);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, mc->busy, 0);
	for (i = 0; i < GOMEM_NR_TAGS; i++) {
		KUNIT_EXPECT_PTR_EQ(test, mc->class[i].top, mc->class[i].limit);
		KUNIT_EXPECT_NULL(test, mc->class[i].top[-1]);
		KUNIT_EXPECT_EQ(test, mc->class[i].nfree, 0ULL);
	}
	for (i = 1; i < GOMEM_NR_CACHED; i++) {
		KUNIT_EXPECT_EQ(test, mc->target[i], FIRST_TARGET);
		KUNIT_EXPECT_EQ(test, gomem_mcache_nmalloc(mc, i), 0ULL);
		KUNIT_EXPECT_PTR_EQ(test, mc->pair[i].loaded, &gomem_no_magazine);
		KUNIT_EXPECT_PTR_EQ(test, mc->pair[i].prev, &gomem_no_magazine);
	}
}

/* What was freed last is handed out first, through magazines and the depot. */
static void mcache_is_lifo(struct kunit *test)
{
	void **objs = gomem_test_array(test, MANY);
	unsigned int i;

	take_many(test, objs, MANY);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, MANY));
	give_many(objs, MANY);
	KUNIT_EXPECT_GT(test, central(test)->nr_full, 0U);
	for (i = MANY; i--;)
		KUNIT_EXPECT_PTR_EQ(test, take(test), objs[i]);
	give_many(objs, MANY);
}

/*
 * Around the edge of a magazine the two are swapped, again and again, and none
 * is exchanged: an exchange would have raised the target.
 */
static void mcache_swaps_at_the_edge(struct kunit *test)
{
	struct gomem_magazine *full, *other;
	unsigned int i, before;
	void *objs[6], *a, *b;

	take_many(test, objs, 6);
	give_many(objs, 5);
	full = pair(test)->prev;
	other = pair(test)->loaded;
	KUNIT_ASSERT_EQ(test, full->nr, 4U);
	KUNIT_ASSERT_EQ(test, full->cap, 4U);
	KUNIT_ASSERT_EQ(test, nr_loaded(test), 1U);

	before = target(test);
	KUNIT_ASSERT_LT(test, before, mag_cap());
	for (i = 0; i < 20; i++) {
		a = take(test);
		b = take(test);
		KUNIT_EXPECT_PTR_EQ(test, pair(test)->loaded, full);
		KUNIT_EXPECT_PTR_EQ(test, pair(test)->prev, other);
		gomem_free(b);
		gomem_free(a);
		KUNIT_EXPECT_PTR_EQ(test, pair(test)->loaded, other);
		KUNIT_EXPECT_PTR_EQ(test, pair(test)->prev, full);
	}
	KUNIT_EXPECT_EQ(test, target(test), before);
	gomem_free(objs[5]);
}

/*
 * Each refill brings twice as many as the one before, up to a magazine full, but
 * no more than this CPU's share of a 32nd of the class.
 */
static void mcache_refills_grow(struct kunit *test)
{
	void **objs = gomem_test_array(test, 10000);
	unsigned int wanted = FIRST_TARGET, share, spans, total = 0;

	while (total < 9000) {
		KUNIT_ASSERT_EQ(test, target(test), wanted);
		KUNIT_ASSERT_EQ(test, cached(test), 0ULL);
		share = 2 + central(test)->slots / (32 * num_online_cpus());
		spans = central(test)->nspans;
		objs[total++] = take(test);
		/* Less when that is all that a span has left. */
		if (spans == central(test)->nspans &&
		    !list_empty(&central(test)->partial))
			KUNIT_EXPECT_EQ(test, nr_loaded(test) + 1,
					min(wanted, share));
		KUNIT_ASSERT_LT(test, nr_loaded(test), min(wanted, share));
		KUNIT_EXPECT_GE(test, pair(test)->loaded->room,
				pair(test)->loaded->cap);
		while (nr_loaded(test))
			objs[total++] = take(test);
		wanted = min(2 * wanted, mag_cap());
	}
	KUNIT_EXPECT_EQ(test, target(test), mag_cap());
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, total));
	give_many(objs, total);
}

/*
 * Of a class that has much, a refill brings 16 KiB or a share of a 256th, not of a 32nd,
 * where there are free slots enough for more.
 */
static void mcache_refills_of_large(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mcache *mc = gomem_test_mcache(test);
	unsigned int class = gomem_size_class(LARGE), i, nr, most = 0;
	unsigned int many = 1600 * num_online_cpus();
	void **objs;

	if (num_online_cpus() > 16)
		kunit_skip(test, "a class that has much for each CPU would be too much");
	objs = gomem_test_array(test, many);
	for (i = 0; i < many; i++) {
		objs[i] = gomem_heap_alloc(heap, LARGE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	for (i = 0; i < many; i += 2)
		gomem_free(objs[i]);
	gomem_heap_drain(heap);
	for (i = 0; i < many; i += 2) {
		nr = mcache_loaded(mc, class);
		objs[i] = gomem_heap_alloc(heap, LARGE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		if (!nr)
			most = max(most, mcache_loaded(mc, class) + 1);
	}
	/* 16 KiB, where a 32nd were 50 and a 256th 6; and two besides. */
	KUNIT_EXPECT_EQ(test, most, 8U + 2);
	give_many(objs, many);
}

/* What does not fit in two magazines goes to the depot, in full ones. */
static void mcache_flushes_to_depot(struct kunit *test)
{
	unsigned int list = gomem_depot_list(raw_smp_processor_id());
	void **objs = gomem_test_array(test, MANY);
	const struct gomem_magazine *mag;
	unsigned int in_depot = 0;
	u64 left;

	take_many(test, objs, MANY);
	left = cached(test);
	give_many(objs, MANY);
	/* It has taken some, so it may want them back. */
	for (mag = central(test)->full[list].top; mag; mag = mag->next) {
		KUNIT_EXPECT_EQ(test, mag->nr, mag->cap);
		KUNIT_EXPECT_LE(test, mag->nr, mag_cap());
		in_depot += mag->nr;
	}
	KUNIT_EXPECT_GT(test, in_depot, 0U);
	KUNIT_EXPECT_EQ(test, cached(test), left + MANY);
	KUNIT_EXPECT_EQ(test, in_depot + nr_loaded(test) +
			pair(test)->prev->nr, left + MANY);

	/* And comes back from there before anything is taken from a span. */
	take_many(test, objs, MANY);
	KUNIT_EXPECT_EQ(test, cached(test), left);
	KUNIT_EXPECT_EQ(test, central(test)->nr_full, 0U);
	give_many(objs, MANY);
}

static void mcache_relaxes(struct kunit *test)
{
	void **objs = gomem_test_array(test, MANY);
	unsigned int i, before;
	u64 waiting;

	take_many(test, objs, MANY);
	give_many(objs, MANY);
	waiting = cached(test);
	KUNIT_ASSERT_EQ(test, target(test), mag_cap());
	for (i = 0; i < 8; i++) {
		before = target(test);
		gomem_mcache_relax(gomem_test_mcache(test));
		if (before >= 2 * FIRST_TARGET)
			KUNIT_EXPECT_EQ(test, target(test), before / 2);
	}
	KUNIT_EXPECT_GE(test, target(test), 1U);
	KUNIT_EXPECT_LE(test, target(test), FIRST_TARGET);

	/* What the magazines hold is not touched, and they still work. */
	KUNIT_EXPECT_EQ(test, cached(test), waiting);
	take_many(test, objs, MANY);
	give_many(objs, MANY);
}

static void mcache_drains(struct kunit *test)
{
	struct gomem_mcache_class *cc = counts(test);
	void **objs = gomem_test_array(test, MANY);
	void *kept;

	KUNIT_EXPECT_TRUE(test, gomem_mcache_is_bare(gomem_test_mcache(test)));
	kept = take(test);
	KUNIT_EXPECT_FALSE(test, gomem_mcache_is_bare(gomem_test_mcache(test)));
	take_many(test, objs, MANY);
	give_many(objs, MANY);
	gomem_heap_drain(gomem_test_heap(test));
	KUNIT_EXPECT_TRUE(test, gomem_mcache_is_bare(gomem_test_mcache(test)));
	KUNIT_EXPECT_PTR_EQ(test, pair(test)->loaded, &gomem_no_magazine);
	KUNIT_EXPECT_PTR_EQ(test, pair(test)->prev, &gomem_no_magazine);
	KUNIT_EXPECT_EQ(test, cached(test), 0ULL);
	KUNIT_EXPECT_EQ(test, central(test)->nr_full, 0U);
	/* Only the span of the object that is kept is left. */
	KUNIT_EXPECT_EQ(test, central(test)->nspans, 1UL);
	KUNIT_EXPECT_EQ(test, nmalloc(test), MANY + 1ULL);
	KUNIT_EXPECT_EQ(test, cc->nfree, (u64)MANY);

	gomem_free(kept);
	gomem_heap_drain(gomem_test_heap(test));
	KUNIT_EXPECT_EQ(test, central(test)->nspans, 0UL);
}

/* What waits here is no reason to grow: the heap takes it back first. */
static void mcache_drains_before_growth(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = gomem_test_array(test, MANY);
	unsigned int nr = 0, growths;

	take_many(test, objs, MANY);
	give_many(objs, MANY);
	KUNIT_ASSERT_GT(test, cached(test), 0ULL);
	heap->asked = jiffies - HZ;
	for (growths = heap->growths; heap->growths == growths; nr++) {
		KUNIT_ASSERT_LT(test, nr, MANY);
		objs[nr] = gomem_heap_alloc(heap, GOMEM_PAGE_SIZE, GFP_KERNEL);
	}
	KUNIT_EXPECT_EQ(test, cached(test), 0ULL);
	KUNIT_EXPECT_EQ(test, central(test)->nspans, 0UL);
	give_many(objs, nr);
}

/* Another CPU's growth makes this one drain at its next exchange, not before. */
static void mcache_drains_when_asked(struct kunit *test)
{
	void **objs = gomem_test_array(test, MANY);
	void *other = gomem_heap_alloc(gomem_test_heap(test), 1000, GFP_KERNEL);
	unsigned int class;

	take_many(test, objs, MANY);
	give_many(objs, MANY);
	gomem_free(other);
	gomem_test_heap(test)->growths++;
	gomem_free(take(test));
	KUNIT_EXPECT_GT(test, cached(test), 0ULL);
	take_many(test, objs, MANY);
	KUNIT_EXPECT_EQ(test, gomem_test_mcache(test)->drained,
			gomem_test_heap(test)->growths);
	class = gomem_size_class(1000);
	KUNIT_EXPECT_EQ(test, gomem_test_node(test)->central[class].nspans, 0UL);
	give_many(objs, MANY);
}

/* Objects that have returned to their spans. */
static u64 returned(struct kunit *test)
{
	struct gomem_memstats *stats = kunit_kzalloc(test, sizeof(*stats), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, stats);
	gomem_heap_memstats(gomem_test_heap(test), stats);
	return stats->lookups;
}

/* Many objects of every class wait here. */
static void fill_all_classes(struct kunit *test)
{
	void **objs = gomem_test_array(test, MANY);
	unsigned int class, i, nr;

	/* So that the heap need not grow meanwhile. */
	for (i = 0; i < 80; i++)
		objs[i] = gomem_heap_alloc(gomem_test_heap(test), 400000, GFP_KERNEL);
	give_many(objs, i);
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		nr = min_t(unsigned int, MANY, 4 * gomem_class[class].mag_cap);
		for (i = 0; i < nr; i++)
			objs[i] = gomem_heap_alloc(gomem_test_heap(test),
						   gomem_class[class].size, GFP_KERNEL);
		give_many(objs, nr);
	}
}

/*
 * However fast the heap grows, others are asked seldom, and for little; also when they
 * have not been asked for long.
 */
static void mcache_is_asked_seldom(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned long start = jiffies, tenths;
	unsigned int i, growths;
	u64 before, waiting = 0;
	u64 *nr;

	heap->asked = jiffies - 60 * HZ;
	growths = heap->growths;
	for (i = 0; i < 1000; i++)
		gomem_heap_collect(heap, GFP_KERNEL);
	tenths = (jiffies - start) / (HZ / 10);
	KUNIT_EXPECT_GT(test, heap->growths, growths);
	KUNIT_EXPECT_LE(test, heap->growths - growths, 1U + (u32)tenths);

	nr = kunit_kcalloc(test, GOMEM_NR_CACHED, sizeof(*nr), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, nr);
	fill_all_classes(test);
	gomem_cached_objects(heap, nr);
	for (i = 1; i < GOMEM_NR_CACHED; i++)
		waiting += nr[i];
	KUNIT_ASSERT_GT(test, waiting, 2000ULL);
	before = returned(test);
	heap->growths++;
	fill_all_classes(test);
	KUNIT_EXPECT_EQ(test, gomem_test_mcache(test)->drained, heap->growths);
	KUNIT_EXPECT_GT(test, returned(test), before);
	KUNIT_EXPECT_LE(test, returned(test), before + 256 + 2 * 254);
}

/* Who may not sleep returns nothing before the heap grows. */
static void mcache_atomic_growth_drains_nothing(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = gomem_test_array(test, MANY);
	unsigned int nr;
	u64 sys, before;

	fill_all_classes(test);
	gomem_mheap_trim_all(gomem_test_mheap(test));
	before = returned(test);
	sys = gomem_mheap_held(gomem_test_mheap(test));
	for (nr = 0; gomem_mheap_held(gomem_test_mheap(test)) == sys; nr++) {
		KUNIT_ASSERT_LT(test, nr, MANY);
		objs[nr] = gomem_heap_alloc(heap, 3 * GOMEM_PAGE_SIZE, GFP_ATOMIC);
		KUNIT_ASSERT_NOT_NULL(test, objs[nr]);
	}
	KUNIT_EXPECT_EQ(test, returned(test), before);
	/* And little when the page allocator has nothing. */
	gomem_heap_shrink(heap, GFP_ATOMIC);
	KUNIT_EXPECT_LE(test, returned(test), before + 64);
	give_many(objs, nr);
}

/* A pair is counted on its CPU, and nowhere else. */
static void mcache_counts(struct kunit *test)
{
	struct gomem_mcache_class *cc = counts(test);
	void **objs = gomem_test_array(test, MANY);

	take_many(test, objs, MANY);
	KUNIT_EXPECT_EQ(test, nmalloc(test), (u64)MANY);
	KUNIT_EXPECT_EQ(test, cc->nfree, 0ULL);
	give_many(objs, MANY / 2);
	KUNIT_EXPECT_EQ(test, cc->nfree, MANY / 2ULL);
	give_many(objs + MANY / 2, MANY / 2);
	KUNIT_EXPECT_EQ(test, nmalloc(test), (u64)MANY);
	KUNIT_EXPECT_EQ(test, cc->nfree, (u64)MANY);
	KUNIT_EXPECT_EQ(test, central(test)->nmalloc, 0ULL);
	KUNIT_EXPECT_EQ(test, central(test)->nfree, 0ULL);
}

/* Twice as much as fills all that a CPU can hold of a class, and back. */
static void use_class(struct kunit *test, unsigned int class)
{
	struct gomem_mcache *mc = gomem_test_mcache(test);
	struct gomem_mcache_class *cc = &mc->class[class];
	unsigned int nr = 4 * gomem_class[class].mag_cap + 1;
	void **objs = gomem_test_array(test, nr);
	unsigned int i;

	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(gomem_test_heap(test),
					   gomem_class[class].size, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, nr));
	give_many(objs, nr);
	KUNIT_EXPECT_EQ(test, gomem_mcache_nmalloc(mc, class), (u64)nr);
	KUNIT_EXPECT_EQ(test, cc->nfree, (u64)nr);
	KUNIT_EXPECT_LE(test, mc->pair[class].loaded->cap,
			gomem_class[class].mag_cap);
	KUNIT_EXPECT_TRUE(test, gomem_is_run_class(class) || cc->top <= cc->limit);
	KUNIT_EXPECT_LE(test, mc->pair[class].prev->cap,
			gomem_class[class].mag_cap);
	KUNIT_EXPECT_LE(test, mc->pair[class].prev->nr,
			mc->pair[class].prev->cap);
}

static void mcache_serves_every_class(struct kunit *test)
{
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		use_class(test, class);
	KUNIT_EXPECT_EQ(test, gomem_no_magazine.nr, 0U);
	KUNIT_EXPECT_EQ(test, gomem_no_magazine.cap, 0U);
	KUNIT_EXPECT_NULL(test, gomem_no_magazine.next);
}

#define MANY_RUNS	1400	/* 88 MiB */

/*
 * Of runs that are freed, whichever way, the CPU keeps two magazines, and the
 * depot 64 MiB; all others are idle memory.
 */
static void mcache_keeps_few_runs(struct kunit *test)
{
	unsigned int run = gomem_size_class(60000), most, i, round;
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mcentral *central;
	void **objs = gomem_test_array(test, MANY_RUNS);

	central = &gomem_test_node(test)->central[run];
	most = 2 * gomem_class[run].mag_cap + (64 << 20) / 65536;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < MANY_RUNS; i++) {
			objs[i] = gomem_heap_alloc(heap, 60000, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		}
		KUNIT_EXPECT_GE(test, central->nspans, (unsigned long)MANY_RUNS);
		if (round)
			gomem_free_bulk(MANY_RUNS, objs);
		for (i = 0; !round && i < MANY_RUNS; i++)
			gomem_free(objs[i]);
		KUNIT_EXPECT_GT(test, central->nr_full, 0U);
		KUNIT_EXPECT_LE(test, central->nspans, (unsigned long)most);
		KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	}
}

/* What waits is taken, from here and from the depot, before any span is. */
static void mcache_bulk_takes_stock(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = gomem_test_array(test, BULK);
	void **more = gomem_test_array(test, BULK);
	unsigned int got;
	u64 waiting;

	take_many(test, objs, BULK);
	give_many(objs, BULK);
	KUNIT_ASSERT_GT(test, central(test)->nr_full, 0U);
	KUNIT_ASSERT_EQ(test, nmalloc(test), (u64)BULK);
	waiting = cached(test);
	got = gomem_heap_alloc_bulk(heap, SIZE, GFP_KERNEL, BULK, more);
	KUNIT_ASSERT_EQ(test, got, BULK);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(more, BULK));
	KUNIT_EXPECT_EQ(test, cached(test), waiting - BULK);
	KUNIT_EXPECT_GT(test, central(test)->nmalloc, 0ULL);
	KUNIT_EXPECT_EQ(test, nmalloc(test) + central(test)->nmalloc,
			2ULL * BULK);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), (unsigned long)BULK);
	give_many(more, BULK);
}

/* With the mcache taken, as an interrupt finds it that came in the middle. */
static void mcache_busy_goes_past(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mcache_class before, *cc = counts(test);
	void *mine = take(test), *objs[11] = {};
	struct gomem_mcache *mc;
	unsigned int nr, got;

	gomem_free(take(test));
	mc = gomem_test_hold_mcache(heap);
	before = *cc;
	nr = nr_loaded(test);
	objs[0] = gomem_heap_alloc(heap, SIZE, GFP_ATOMIC);
	got = gomem_heap_alloc_bulk(heap, SIZE, GFP_ATOMIC, 10, objs + 1);
	gomem_free(mine);
	gomem_test_let_mcache(mc);

	KUNIT_EXPECT_EQ(test, got, 10U);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, 11));
	KUNIT_EXPECT_GT(test, nr, 0U);
	KUNIT_EXPECT_EQ(test, memcmp(&before, cc, sizeof(before)), 0);
	KUNIT_EXPECT_EQ(test, central(test)->nmalloc, 11ULL);
	KUNIT_EXPECT_EQ(test, central(test)->nfree, 1ULL);
	give_many(objs, 11);
}

/* The same for gomem_alloc() and gomem_free(), which have code of their own. */
static void mcache_busy_default_heap(struct kunit *test)
{
	struct gomem_node *node = gomem_local_node(&gomem_default_heap);
	struct gomem_mcentral *c = &node->central[class_of_size()];
	struct gomem_mcache_class before, *cc;
	struct gomem_mcache *mc;
	u64 nmallocs = c->nmalloc, nfrees = c->nfree;
	void *mine = gomem_alloc(SIZE, GFP_KERNEL), *p;

	gomem_free(gomem_alloc(SIZE, GFP_KERNEL));
	mc = gomem_test_hold_mcache(&gomem_default_heap);
	cc = &mc->class[class_of_size()];
	before = *cc;
	p = gomem_alloc(SIZE, GFP_ATOMIC);
	gomem_free(mine);
	gomem_test_let_mcache(mc);

	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, memcmp(&before, cc, sizeof(before)), 0);
	KUNIT_EXPECT_EQ(test, c->nmalloc, nmallocs + 1);
	KUNIT_EXPECT_EQ(test, c->nfree, nfrees + 1);
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, gomem_check(&gomem_default_heap, NULL), 0U);
}

/* A real interrupt allocates and frees while this thread does so too. */
static void mcache_interrupt(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_memstats *stats;
	struct gomem_load *load;
	struct rnd_state rnd;

	load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	stats = kunit_kzalloc(test, sizeof(*stats), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load);
	KUNIT_ASSERT_NOT_NULL(test, stats);
	prandom_seed_state(&rnd, 1);
	gomem_load_start(load, heap, 0);
	while (atomic_long_read(&load->interrupts) < GOMEM_LOAD_INTERRUPTS) {
		gomem_load_step(load, &rnd, 500, GFP_KERNEL);
		cond_resched();
	}
	gomem_load_stop(load);

	gomem_heap_memstats(heap, stats);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&load->corrupt), 0L);
	KUNIT_EXPECT_EQ(test, stats->mallocs,
			(u64)atomic_long_read(&load->allocated));
	KUNIT_EXPECT_EQ(test, stats->frees,
			(u64)atomic_long_read(&load->freed));
	KUNIT_EXPECT_EQ(test, stats->heap_objects, 0ULL);
}

static long give_many_there(void *objs)
{
	give_many(objs, MANY);
	return 0;
}

/* Freed on another CPU: counted there, and back through the depot. */
static void mcache_free_on_other_cpu(struct kunit *test)
{
	int cpu = raw_smp_processor_id(), other = gomem_test_other_cpu(cpu);
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mcache_class *here = counts(test), *there;
	unsigned int class = class_of_size();
	struct gomem_mcache *away;
	void **objs = gomem_test_array(test, MANY);

	if (other == cpu)
		kunit_skip(test, "there is one CPU only");
	away = gomem_mcache_of(heap, other);
	there = &away->class[class];
	take_many(test, objs, MANY);
	work_on_cpu(other, give_many_there, objs);
	KUNIT_EXPECT_EQ(test, nmalloc(test), (u64)MANY);
	KUNIT_EXPECT_EQ(test, here->nfree, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_mcache_nmalloc(away, class), 0ULL);
	KUNIT_EXPECT_EQ(test, there->nfree, (u64)MANY);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 0UL);

	KUNIT_EXPECT_GT(test, central(test)->nr_full, 0U);
	take_many(test, objs, MANY);
	KUNIT_EXPECT_EQ(test, central(test)->nr_full, 0U);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, MANY));
	give_many(objs, MANY);
}

/* Everything that one can do with a heap, on a CPU for which it has no mcache. */
static void use_without_mcache(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = gomem_test_array(test, MANY), *p;
	struct gomem_snapshot *snap;
	unsigned int nr;

	take_many(test, objs, MANY);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, MANY));
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), (unsigned long)MANY);
	give_many(objs, MANY);
	nr = gomem_heap_alloc_bulk(heap, SIZE, GFP_KERNEL, MANY, objs);
	KUNIT_EXPECT_EQ(test, nr, MANY);
	gomem_free_bulk(nr, objs);
	KUNIT_EXPECT_EQ(test, central(test)->nmalloc, 2ULL * MANY);
	KUNIT_EXPECT_EQ(test, central(test)->nfree, 2ULL * MANY);
	KUNIT_EXPECT_EQ(test, cached(test), 0ULL);
	p = gomem_heap_alloc(heap, SIZE, GFP_KERNEL_ACCOUNT);
	KUNIT_EXPECT_NOT_NULL(test, p);
	gomem_free(p);

	KUNIT_EXPECT_EQ(test, gomem_mprof_set_rate(heap, 4096), 0);
	gomem_gc_cycle(heap, true);
	gomem_heap_trim(heap);
	gomem_heap_collect(heap, GFP_KERNEL);
	gomem_heap_shrink(heap, GFP_KERNEL);
	gomem_mcache_drain(heap, NULL, UINT_MAX);
	KUNIT_EXPECT_EQ(test, gomem_mprof_set_rate(heap, 0), 0);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 0UL);
	snap = kunit_kzalloc(test, sizeof(*snap), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, snap);
	gomem_snapshot(heap, snap);
	KUNIT_EXPECT_EQ(test, snap->naccount, 1ULL);
}

/* A CPU that has no mcache goes past it, until it gets one. */
static void mcache_missing(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mcache *before, *mc = gomem_test_mcache(test);
	atomic_long_t *bytes = &heap->meta->bytes[GOMEM_META_MCACHE];
	int cpu = raw_smp_processor_id();

	before = kunit_kmalloc(test, sizeof(*before), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, before);
	memcpy(before, &gomem_no_mcache, sizeof(*before));
	KUNIT_EXPECT_EQ(test, cpumask_weight(heap->cpus), num_online_cpus());
	cpumask_clear_cpu(cpu, heap->cpus);
	*per_cpu_ptr(heap->mcache, cpu) = &gomem_no_mcache;
	atomic_long_sub(sizeof(*mc), bytes);
	kfree(mc);

	use_without_mcache(test);
	atomic_set(&heap->meta->fail_nth, 1);
	KUNIT_EXPECT_EQ(test, gomem_mcache_create(heap, cpu), -ENOMEM);
	KUNIT_EXPECT_PTR_EQ(test, gomem_test_mcache(test), &gomem_no_mcache);
	KUNIT_EXPECT_FALSE(test, cpumask_test_cpu(cpu, heap->cpus));
	gomem_free(take(test));

	KUNIT_EXPECT_EQ(test, gomem_mcache_create(heap, cpu), 0);
	mc = gomem_test_mcache(test);
	KUNIT_ASSERT_PTR_NE(test, mc, &gomem_no_mcache);
	KUNIT_EXPECT_TRUE(test, cpumask_test_cpu(cpu, heap->cpus));
	KUNIT_EXPECT_EQ(test, gomem_mcache_create(heap, cpu), 0);
	KUNIT_EXPECT_PTR_EQ(test, gomem_test_mcache(test), mc);
	KUNIT_EXPECT_EQ(test, memcmp(before, &gomem_no_mcache, sizeof(*before)), 0);
	gomem_free(take(test));
	KUNIT_EXPECT_GT(test, cached(test), 0ULL);
	KUNIT_EXPECT_EQ(test, nmalloc(test), 1ULL);
}

/* No two mcaches share a cache line, and no class lies on two. */
static void mcache_is_aligned(struct kunit *test)
{
	unsigned long line = SMP_CACHE_BYTES;
	int cpu;

	KUNIT_EXPECT_EQ(test, sizeof(struct gomem_mcache) % line, 0UL);
	KUNIT_EXPECT_EQ(test, offsetof(struct gomem_mcache, class) %
			sizeof(struct gomem_mcache_class), 0UL);
	for_each_online_cpu(cpu)
		KUNIT_EXPECT_EQ(test, (unsigned long)
				gomem_mcache_of(gomem_test_heap(test), cpu) % line, 0UL);
}

/* debug=F: nothing waits anywhere. */
static void mcache_uncached(struct kunit *test)
{
	void **objs = gomem_test_array(test, MANY);

	gomem_test_heap(test)->uncached = true;
	take_many(test, objs, MANY);
	KUNIT_EXPECT_PTR_EQ(test, pair(test)->loaded, &gomem_no_magazine);
	give_many(objs, MANY);
	KUNIT_EXPECT_PTR_EQ(test, pair(test)->loaded, &gomem_no_magazine);
	KUNIT_EXPECT_EQ(test, cached(test), 0ULL);
	KUNIT_EXPECT_EQ(test, central(test)->nmalloc, (u64)MANY);
	KUNIT_EXPECT_EQ(test, central(test)->nfree, (u64)MANY);
	KUNIT_EXPECT_EQ(test, central(test)->nspans, 0UL);
}

static struct kunit_case gomem_mcache_cases[] = {
	KUNIT_CASE(mcache_page_still_held),
	KUNIT_CASE(mcache_starts_empty),
	KUNIT_CASE(mcache_is_lifo),
	KUNIT_CASE(mcache_swaps_at_the_edge),
	KUNIT_CASE(mcache_refills_grow),
	KUNIT_CASE(mcache_refills_of_large),
	KUNIT_CASE(mcache_flushes_to_depot),
	KUNIT_CASE(mcache_relaxes),
	KUNIT_CASE(mcache_drains),
	KUNIT_CASE(mcache_drains_before_growth),
	KUNIT_CASE(mcache_drains_when_asked),
	KUNIT_CASE(mcache_is_asked_seldom),
	KUNIT_CASE(mcache_atomic_growth_drains_nothing),
	KUNIT_CASE(mcache_counts),
	KUNIT_CASE(mcache_serves_every_class),
	KUNIT_CASE(mcache_keeps_few_runs),
	KUNIT_CASE(mcache_bulk_takes_stock),
	KUNIT_CASE(mcache_busy_goes_past),
	KUNIT_CASE(mcache_busy_default_heap),
	KUNIT_CASE(mcache_interrupt),
	KUNIT_CASE(mcache_free_on_other_cpu),
	KUNIT_CASE(mcache_uncached),
	KUNIT_CASE(mcache_missing),
	KUNIT_CASE(mcache_is_aligned),
	{}
};

static struct kunit_suite gomem_mcache_suite = {
	.name = "gomem_mcache",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_mcache_cases,
};

kunit_test_suite(gomem_mcache_suite);
