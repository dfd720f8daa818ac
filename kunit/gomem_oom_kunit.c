// SPDX-License-Identifier: GPL-2.0
/*
 * When memory runs out: every request for memory fails once.
 *
 * meta.fail_nth makes the n-th request fail that the allocator makes, for pages
 * or for its own descriptors.  A scenario is run with n = 1, 2, 3 and so on,
 * until it makes fewer than n requests; in between the heap is emptied, so that
 * each run makes the same ones.  A run either gets its memory nevertheless, in
 * another way, or NULL, which is counted; and nothing is lost: the books balance
 * after every run, and gomem_test_exit() weighs all that was taken.
 *
 * Where one failure is survived there may be no way left after several; for
 * these, the arena index is exchanged for one that covers no memory at all.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "gomem_test.h"

#define MAX_RUNS	100

/*
 * Nothing cached on this CPU, no pages, no magazines: as if nobody had ever
 * asked.
 */
static void empty(struct gomem_heap *heap)
{
	struct gomem_node *node;
	unsigned int class;
	int nid;

	gomem_mcache_drain(heap, NULL, UINT_MAX);
	for (nid = -1; gomem_next_node(heap, &nid);) {
		node = heap->node[nid];
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			gomem_depot_destroy(&node->central[class]);
		gomem_mheap_trim(node->mheap, 0);
	}
}

/* Let request number @n fail from now on.  Then: did any? */
static void fail_begin(struct gomem_heap *heap, unsigned int n)
{
	atomic_long_set(&heap->meta->failed, 0);
	atomic_set(&heap->meta->fail_nth, n);
}

static bool fail_end(struct kunit *test, struct gomem_heap *heap)
{
	int left = atomic_xchg(&heap->meta->fail_nth, 0);

	KUNIT_EXPECT_EQ(test, atomic_long_read(&heap->meta->failed),
			left ? 0L : 1L);
	return !left;
}

/* One way to ask for one object. */
struct ask {
	const char *name;
	size_t size;
	gfp_t gfp;
	unsigned int requests;	/* made at least, when none fails */
	bool exact;		/* in the end, pages for this object or none */
	bool in_use;		/* with 64 MiB in use: the heap grows ahead */
};

#define SMALL_REQUESTS		3	/* magazine, block with its spans, pages */
#define ATOMIC_REQUESTS		3	/* the same of one span */
#define SHARED_REQUESTS		2	/* block with its spans, pages */
#define EXACT_REQUESTS		2	/* the same of one span */
#define ATOMIC			(GFP_ATOMIC | __GFP_NOWARN)
#define NOWAIT			(GFP_NOWAIT | __GFP_NOWARN)
#define NOFAIL			(GFP_KERNEL | __GFP_NOFAIL)

static const struct ask asks[] = {
	{ "small", 64, GFP_KERNEL, SMALL_REQUESTS },
	{ "small atomic", 64, ATOMIC, ATOMIC_REQUESTS },
	{ "small nowait", 64, NOWAIT, ATOMIC_REQUESTS },
	{ "small nofail", 64, NOFAIL, SMALL_REQUESTS },
	{ "far bits", 16, GFP_KERNEL, SMALL_REQUESTS + 1 },
	{ "far bits atomic", 8, ATOMIC, ATOMIC_REQUESTS + 1 },
	{ "far bits nofail", 48, NOFAIL, SMALL_REQUESTS + 1 },
	{ "long span", 18432, GFP_KERNEL, SMALL_REQUESTS },
	{ "long span atomic", 18432, ATOMIC, ATOMIC_REQUESTS },
	{ "long span nofail", 18432, NOFAIL, SMALL_REQUESTS },
	{ "aligned span atomic", 32768, ATOMIC, ATOMIC_REQUESTS },
	{ "run", 57344, GFP_KERNEL, SMALL_REQUESTS },
	{ "run atomic", 57344, ATOMIC, ATOMIC_REQUESTS, .exact = true },
	{ "run nofail", 57344, NOFAIL, SMALL_REQUESTS },
	{ "small ahead", 64, GFP_KERNEL, SMALL_REQUESTS, .in_use = true },
	{ "shared", 73728, GFP_KERNEL, SHARED_REQUESTS, .in_use = true },
	{ "shared atomic", 73728, ATOMIC, SHARED_REQUESTS,
	  .exact = true, .in_use = true },
	{ "shared nofail", 73728, NOFAIL, SHARED_REQUESTS, .in_use = true },
	{ "own", 100000, GFP_KERNEL, SHARED_REQUESTS, .exact = true },
	{ "own atomic", 100000, ATOMIC, SHARED_REQUESTS, .exact = true },
	{ "own nofail", 100000, NOFAIL, SHARED_REQUESTS },
	{ "exact zone", 64, NOWAIT | GFP_DMA, EXACT_REQUESTS },
	{ "exact zone nofail", 64, NOFAIL | GFP_DMA, EXACT_REQUESTS },
	{ "arenas", KMALLOC_MAX_SIZE, GFP_KERNEL, EXACT_REQUESTS, .exact = true },
	{ "arenas atomic", KMALLOC_MAX_SIZE, ATOMIC, EXACT_REQUESTS,
	  .exact = true },
	{ "arenas nofail", KMALLOC_MAX_SIZE, NOFAIL, EXACT_REQUESTS },
};

static void ask_to_desc(const struct ask *ask, char *desc)
{
	strscpy(desc, ask->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ask, asks, ask_to_desc);

/* One run.  True if the failure came; adds to @refused if it was told. */
static bool run_ask(struct kunit *test, const struct ask *ask, unsigned int n,
		    unsigned int *refused)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned long live = gomem_test_live(heap);
	bool failed;
	void *p;

	fail_begin(heap, n);
	p = gomem_heap_alloc(heap, ask->size, ask->gfp);
	failed = fail_end(test, heap);
	*refused += !p;
	if (p) {
		KUNIT_EXPECT_GE(test, gomem_usable_size(p), ask->size);
		memset(p, 0x5a, ask->size);
	}
	KUNIT_EXPECT_TRUE(test, p || (failed && ask->exact));
	KUNIT_EXPECT_EQ(test, gomem_test_events(heap, GOMEM_EV_OOM),
			(long)*refused);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live);
	return failed;
}

static void oom_nth(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	const struct ask *ask = test->param_value;
	unsigned int n, refused = 0;
	void *in_use[16] = {};

	for (n = 0; ask->in_use && n < ARRAY_SIZE(in_use); n++)
		in_use[n] = gomem_heap_alloc(heap, 4 << 20, GFP_KERNEL);
	for (n = 1; n < MAX_RUNS && run_ask(test, ask, n, &refused); n++)
		empty(heap);
	KUNIT_EXPECT_GT(test, n, ask->requests);
	KUNIT_EXPECT_LT(test, n, (unsigned int)MAX_RUNS);
	if (ask->exact)
		KUNIT_EXPECT_GE(test, refused, (unsigned int)EXACT_REQUESTS);
	gomem_free_bulk(ARRAY_SIZE(in_use), in_use);
}

/* The pages that were got when something else failed have gone back. */
static void oom_returns_pages(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int n, i, lost, times = 16;
	unsigned long before;
	void *p;

	for (n = 1; n < MAX_RUNS; n++) {
		before = global_zone_page_state(NR_FREE_PAGES);
		for (i = 0; i < times; i++) {
			fail_begin(heap, n);
			p = gomem_heap_alloc(heap, KMALLOC_MAX_SIZE, GFP_KERNEL);
			if (!fail_end(test, heap)) {
				gomem_free(p);
				return;
			}
		}
		lost = max_t(long, 0, before -
				      global_zone_page_state(NR_FREE_PAGES));
		KUNIT_EXPECT_LT(test, lost, times / 2 *
				(unsigned int)(KMALLOC_MAX_SIZE / PAGE_SIZE));
	}
}

/* Exchange the arena index, when nobody else looks at it. */
static struct gomem_index *exchange_index(struct gomem_index *index)
{
	struct gomem_index *old;

	if (index->nr)
		gomem_reclaim_start(&gomem_default_heap);
	else
		gomem_reclaim_stop(&gomem_default_heap);
	old = gomem_index;
	WRITE_ONCE(gomem_index, index);
	return old;
}

/* There is no memory, for nobody and in no way. */
static void oom_nothing_left(struct kunit *test)
{
	static const size_t sizes[] = { 8, 64, 8192, 18432, 32768, 40000,
		KMALLOC_MAX_SIZE };
	static const gfp_t gfps[] = { GFP_KERNEL, ATOMIC, ATOMIC | GFP_DMA };
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_index *real, none = {};
	unsigned int i, j, got = 0, asked = 0;

	real = exchange_index(&none);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (j = 0; j < ARRAY_SIZE(gfps); j++, asked++)
			got += !!gomem_heap_alloc(heap, sizes[i], gfps[j]);
	exchange_index(real);

	KUNIT_EXPECT_EQ(test, got, 0U);
	KUNIT_EXPECT_EQ(test, gomem_test_events(heap, GOMEM_EV_OOM),
			(long)asked);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *p = gomem_heap_alloc(heap, sizes[i], GFP_KERNEL);

		KUNIT_EXPECT_NOT_NULL(test, p);
		gomem_free(p);
	}
}

/* What waits in depots is used before the heap grows, by who has the time. */
static void oom_depots_come_first(struct kunit *test)
{
	static const gfp_t gfps[] = { GFP_KERNEL, ATOMIC };
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_node(test)->mheap;
	unsigned int i, got;
	void *objs[40];
	u64 grown;

	for (i = 0; i < ARRAY_SIZE(gfps); i++) {
		empty(heap);
		got = gomem_heap_alloc_bulk(heap, 32768, GFP_KERNEL, 40, objs);
		KUNIT_ASSERT_EQ(test, got, 40U);
		gomem_free_bulk(40, objs);
		grown = mheap->grown;
		/* The mcache keeps twelve, the depot has the rest. */
		got = gomem_heap_alloc_bulk(heap, 24576, gfps[i], 4, objs);
		KUNIT_ASSERT_EQ(test, got, 4U);
		KUNIT_EXPECT_EQ(test, mheap->grown, grown + (gfps[i] == ATOMIC ? 4 : 0));
		gomem_free_bulk(4, objs);
	}
}

/* A free needs no memory: without a magazine the object goes to its span. */
static void oom_free_needs_none(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mcentral *central;
	void **objs = gomem_test_array(test, 100);
	unsigned int i, got, failures = 0;

	central = &gomem_test_node(test)->central[gomem_size_class(64)];
	got = gomem_heap_alloc_bulk(heap, 64, GFP_KERNEL, 100, objs);
	KUNIT_ASSERT_EQ(test, got, 100U);
	gomem_heap_drain(heap);
	gomem_depot_destroy(central);
	for (i = 0; i < 100; i++) {
		fail_begin(heap, 1);
		gomem_free(objs[i]);
		failures += fail_end(test, heap);
		KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 99UL - i);
	}
	/* Without a magazine none is ever pushed, so each free asked for one. */
	KUNIT_EXPECT_EQ(test, failures, 100U);
	KUNIT_EXPECT_EQ(test, central->nfree, 100ULL);
	KUNIT_EXPECT_EQ(test, central->nspans, 0UL);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
}

/* All or nothing, and of nothing, nothing stays allocated. */
static void oom_bulk(struct kunit *test)
{
	struct gomem_heap *heap = &gomem_default_heap;
	unsigned long live = gomem_test_live(heap);
	long oom = gomem_test_events(heap, GOMEM_EV_OOM);
	unsigned int n, refused = 0;
	void *objs[4];
	bool failed;
	int got;

	/* A cycle meanwhile could find memory after all. */
	gomem_reclaim_stop(heap);
	gomem_heap_drain(heap);
	for (n = 1; n < MAX_RUNS; n++) {
		empty(heap);
		fail_begin(heap, n);
		got = gomem_alloc_bulk(3 << 20, GFP_KERNEL, 4, objs);
		failed = fail_end(test, heap);
		KUNIT_EXPECT_EQ(test, got, failed ? 0 : 4);
		KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live + got);
		refused += failed;
		gomem_free_bulk(got, objs);
		if (!failed)
			break;
	}
	KUNIT_EXPECT_GT(test, refused, 4U * EXACT_REQUESTS - 1);
	KUNIT_EXPECT_EQ(test, gomem_test_events(heap, GOMEM_EV_OOM),
			oom + refused);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	gomem_reclaim_start(heap);
}

/* What could not be made larger is as it was. */
static void oom_realloc(struct kunit *test)
{
	struct gomem_heap *heap = &gomem_default_heap;
	unsigned long live = gomem_test_live(heap);
	void *p = gomem_heap_alloc(heap, 100, GFP_KERNEL), *q;
	unsigned int n;
	bool failed;

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x66, 112);
	for (n = 1; n < MAX_RUNS; n++) {
		fail_begin(heap, n);
		q = gomem_realloc(p, KMALLOC_MAX_SIZE, GFP_KERNEL);
		failed = fail_end(test, heap);
		KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live + 1);
		if (!failed)
			break;
		KUNIT_EXPECT_NULL(test, q);
		KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)112);
		KUNIT_EXPECT_NULL(test, memchr_inv(p, 0x66, 112));
	}
	KUNIT_EXPECT_GT(test, n, (unsigned int)EXACT_REQUESTS);
	KUNIT_ASSERT_NOT_NULL(test, q);
	KUNIT_EXPECT_NULL(test, memchr_inv(q, 0x66, 112));
	gomem_free(q);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live);
}

static struct kunit_case gomem_oom_cases[] = {
	KUNIT_CASE_PARAM(oom_nth, ask_gen_params),
	KUNIT_CASE(oom_returns_pages),
	KUNIT_CASE(oom_nothing_left),
	KUNIT_CASE(oom_depots_come_first),
	KUNIT_CASE(oom_free_needs_none),
	KUNIT_CASE(oom_bulk),
	KUNIT_CASE(oom_realloc),
	{}
};

static struct kunit_suite gomem_oom_suite = {
	.name = "gomem_oom",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_oom_cases,
};

kunit_test_suite(gomem_oom_suite);
