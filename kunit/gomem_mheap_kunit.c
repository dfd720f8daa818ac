// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the page heap: where runs of pages come from and where they go.
 *
 * Unless a test is about something else, its runs are large objects, which can
 * be of any length, and its heap is so small that it grows by 64 KiB, eight
 * pages at a time.  So "the first run of a new block" can be relied upon, and
 * every sum of pages is known exactly.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "gomem_test.h"

#define GROWTH	8	/* pages by which a small heap grows */

static struct gomem_meta *test_meta(struct kunit *test)
{
	return gomem_test_heap(test)->meta;
}

static struct gomem_span *find(struct kunit *test, unsigned int npages,
			       unsigned int align)
{
	struct gomem_want want = gomem_test_want(test, npages, align);

	return gomem_mheap_find(gomem_test_mheap(test), &want);
}

static struct gomem_span *grow(struct kunit *test, unsigned int npages,
			       gfp_t gfp)
{
	struct gomem_want want = gomem_test_want(test, npages, 1);

	return gomem_mheap_grow(gomem_test_mheap(test), &want, gfp);
}

/* A run from the blocks that there are, or else from a new one. */
static struct gomem_span *get_run(struct kunit *test, unsigned int npages)
{
	struct gomem_span *span = find(test, npages, 1);

	if (!span)
		span = grow(test, npages, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_EXPECT_EQ(test, gomem_span_npages(span), npages);
	return span;
}

static void get_runs(struct kunit *test, struct gomem_span **span,
		     unsigned int nr, unsigned int npages)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		span[i] = get_run(test, npages);
}

static void free_runs(struct gomem_span **span, unsigned int nr)
{
	while (nr--)
		gomem_mheap_free_span(*span++);
}

/* The page of its block that a span starts at. */
static unsigned int place(const struct gomem_span *span)
{
	return span - gomem_block_of(span)->span;
}

/* The sums, in pages, as the heap has them and as MemStats shows them. */
static void expect_sums(struct kunit *test, u64 inuse, u64 idle, u64 released)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_memstats *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, (u64)mheap->inuse_pages, inuse);
	KUNIT_EXPECT_EQ(test, (u64)mheap->idle_pages, idle);
	KUNIT_EXPECT_EQ(test, mheap->released_bytes, released << GOMEM_PAGE_SHIFT);
	gomem_heap_memstats(gomem_test_heap(test), s);
	KUNIT_EXPECT_EQ(test, s->heap_inuse, inuse << GOMEM_PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, s->heap_idle,
			(idle + released) << GOMEM_PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, s->heap_released, released << GOMEM_PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, s->heap_sys,
			(inuse + idle + released) << GOMEM_PAGE_SHIFT);
}

/* --- Placement. --- */

static void mheap_first_fit(struct kunit *test)
{
	struct gomem_span *span[GROWTH];
	unsigned int i;

	get_runs(test, span, GROWTH, 1);
	for (i = 0; i < GROWTH; i++) {
		KUNIT_EXPECT_PTR_EQ(test, gomem_block_of(span[i]), gomem_block_of(span[0]));
		KUNIT_EXPECT_EQ(test, place(span[i]), i);
	}
	KUNIT_EXPECT_NULL(test, find(test, 1, 1));
	gomem_mheap_free_span(span[5]);
	gomem_mheap_free_span(span[2]);
	KUNIT_EXPECT_EQ(test, place(get_run(test, 1)), 2U);
	KUNIT_EXPECT_EQ(test, place(get_run(test, 1)), 5U);
	free_runs(span, GROWTH);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->grown, 1ULL);
}

/* Of the blocks that have room, the one with the most pages in use. */
static void mheap_fullest_block(struct kunit *test)
{
	struct gomem_span *a[GROWTH], *b[GROWTH];

	get_runs(test, a, GROWTH, 1);
	get_runs(test, b, GROWTH, 1);
	KUNIT_ASSERT_PTR_NE(test, gomem_block_of(a[0]), gomem_block_of(b[0]));
	free_runs(b, 2);
	free_runs(a, 5);

	/* Too long for the fuller one. */
	KUNIT_ASSERT_PTR_EQ(test, get_run(test, 3), a[0]);
	gomem_mheap_free_span(a[0]);
	KUNIT_ASSERT_PTR_EQ(test, get_run(test, 1), b[0]);
	KUNIT_ASSERT_PTR_EQ(test, get_run(test, 1), b[1]);
	KUNIT_ASSERT_PTR_EQ(test, get_run(test, 1), a[0]);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->grown, 2ULL);

	free_runs(b, GROWTH);
	free_runs(a, 1);
	free_runs(a + 5, GROWTH - 5);
}

/* A block without any span is the last resort, however well it would fit. */
static void mheap_idle_block_last(struct kunit *test)
{
	struct gomem_span *a[GROWTH], *b[GROWTH];
	unsigned int i;

	get_runs(test, a, GROWTH, 1);
	get_runs(test, b, GROWTH, 1);
	free_runs(a, GROWTH);
	free_runs(b, GROWTH - 1);
	for (i = 0; i < GROWTH - 1; i++)
		KUNIT_ASSERT_PTR_EQ(test, get_run(test, 1), b[i]);
	KUNIT_ASSERT_PTR_EQ(test, get_run(test, 1), a[0]);
	gomem_mheap_free_span(a[0]);
	free_runs(b, GROWTH);
}

/* In whatever order neighbours are freed, they make one run. */
static void mheap_coalesce(struct kunit *test)
{
	static const u8 order[][3] = {
		{ 3, 4, 5 }, { 3, 5, 4 }, { 4, 3, 5 },
		{ 4, 5, 3 }, { 5, 3, 4 }, { 5, 4, 3 },
	};
	struct gomem_span *span[GROWTH];
	unsigned int i, k;

	get_runs(test, span, GROWTH, 1);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		KUNIT_EXPECT_EQ(test, gomem_block_of(span[0])->longest, 0);
		for (k = 0; k < 3; k++)
			gomem_mheap_free_span(span[order[i][k]]);
		KUNIT_EXPECT_EQ(test, gomem_block_of(span[0])->longest, 3);
		KUNIT_ASSERT_PTR_EQ(test, find(test, 3, 1), span[3]);
		gomem_mheap_free_span(span[3]);
		get_runs(test, &span[3], 3, 1);
	}
	free_runs(span, GROWTH);
	KUNIT_ASSERT_PTR_EQ(test, find(test, GROWTH, 1), span[0]);
	gomem_mheap_free_span(span[0]);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->grown, 1ULL);
}

/* No run is longer than an arena, and none goes past the end of its block. */
static void mheap_longest_run(struct kunit *test)
{
	struct gomem_span *span = get_run(test, GOMEM_ARENA_PAGES);

	KUNIT_EXPECT_NULL(test, find(test, 1, 1));
	gomem_mheap_free_span(span);
	KUNIT_EXPECT_NULL(test, find(test, GOMEM_ARENA_PAGES + 1, 1));
	KUNIT_ASSERT_PTR_EQ(test, find(test, GOMEM_ARENA_PAGES, 1), span);
	gomem_mheap_free_span(span);
	gomem_mheap_trim(gomem_test_mheap(test), 0);
	expect_sums(test, 0, 0, GOMEM_ARENA_PAGES);
	KUNIT_EXPECT_NULL(test, find(test, GOMEM_ARENA_PAGES, 1));
	span = get_run(test, 5);
	KUNIT_EXPECT_NULL(test, find(test, 4, 1));
	gomem_mheap_free_span(span);
}

/* --- Alignment. --- */

static void mheap_aligned_runs(struct kunit *test)
{
	struct gomem_span *one = get_run(test, 1);
	struct gomem_span *two = find(test, 2, 2);
	struct gomem_span *four = find(test, 4, 4);

	KUNIT_ASSERT_NOT_NULL(test, two);
	KUNIT_ASSERT_NOT_NULL(test, four);
	KUNIT_EXPECT_EQ(test, place(one), 0U);
	KUNIT_EXPECT_EQ(test, place(two), 2U);
	KUNIT_EXPECT_EQ(test, place(four), 4U);
	/* One page is left, and it is not lost. */
	KUNIT_EXPECT_NULL(test, find(test, 2, 1));
	gomem_mheap_free_span(two);
	KUNIT_ASSERT_PTR_EQ(test, find(test, 3, 1), one + 1);
	gomem_mheap_free_span(one + 1);
	gomem_mheap_free_span(four);
	gomem_mheap_free_span(one);
}

/* A run that is long enough but lies wrong is passed over. */
static void mheap_misaligned_run(struct kunit *test)
{
	struct gomem_span *a[GROWTH], *b;

	get_runs(test, a, GROWTH, 1);
	free_runs(a + 2, 4);
	KUNIT_EXPECT_NULL(test, find(test, 4, 4));
	b = grow(test, GROWTH, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	gomem_mheap_free_span(b);
	KUNIT_ASSERT_PTR_EQ(test, find(test, 4, 4), b);
	gomem_mheap_free_span(b);
	KUNIT_ASSERT_PTR_EQ(test, find(test, 4, 1), a[2]);
	free_runs(a, 3);
	free_runs(a + 6, 2);
}

/* In memory too: an aligned run in a block is an aligned address. */
static void mheap_aligned_addresses(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_span *one = get_run(test, 1);
	bool aligned = true;
	size_t size;
	void *p;

	for (size = GOMEM_PAGE_SIZE; aligned && size <= KMALLOC_MAX_SIZE;
	     size += GOMEM_PAGE_SIZE) {
		p = gomem_test_large(test, size);
		KUNIT_ASSERT_NOT_NULL(test, p);
		aligned = IS_ALIGNED((unsigned long)p, size & -size);
		gomem_large_free(heap, p);
	}
	KUNIT_EXPECT_TRUE_MSG(test, aligned, "%zu bytes",
			      size - GOMEM_PAGE_SIZE);
	gomem_mheap_free_span(one);
}

/* So is the span of a run class, or of any other class. */
static void mheap_aligned_spans(struct kunit *test)
{
	struct gomem_span *one = get_run(test, 1), *span;
	unsigned int class;
	size_t size;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		size = gomem_class[class].size;
		span = gomem_test_span(test, class);
		KUNIT_EXPECT_TRUE_MSG(test, IS_ALIGNED(gomem_span_base(span),
						       size & -size),
				      "%zu bytes", size);
		gomem_mheap_free_span(span);
	}
	gomem_mheap_free_span(one);
}

/* --- Growth. --- */

/* What is asked of growth, by pages in use. */
static void mheap_proportions(struct kunit *test)
{
	static const struct {
		unsigned long inuse, growth;
	} row[] = {
		{ 0, 8 }, { 1024, 8 }, { 4095, 8 }, { 4096, 16 }, { 8191, 16 },
		{ 8192, 32 }, { 32768, 128 }, { 65535, 128 }, { 65536, 256 },
		{ 131072, 256 }, { 1UL << 30, 256 },
	};
	struct gomem_mheap *mheap = kunit_kzalloc(test, sizeof(*mheap),
						  GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, mheap);
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		mheap->inuse_pages = row[i].inuse;
		KUNIT_EXPECT_EQ(test, gomem_mheap_growth(mheap), row[i].growth);
	}
}

/* However long the test takes. */
static void mheap_set_empty_for_long(struct gomem_mheap *mheap, unsigned int order)
{
	gomem_mheap_set_empty(mheap, order);
	mheap->empty += 60 * HZ;
}

/* That there is nothing of an order says nothing of smaller ones. */
static void mheap_empty_by_order(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);

	KUNIT_EXPECT_FALSE(test, gomem_mheap_is_empty(mheap, 4));
	mheap_set_empty_for_long(mheap, 3);
	KUNIT_EXPECT_TRUE(test, gomem_mheap_is_empty(mheap, 3));
	KUNIT_EXPECT_TRUE(test, gomem_mheap_is_empty(mheap, 4));
	KUNIT_EXPECT_FALSE(test, gomem_mheap_is_empty(mheap, 0));
	mheap_set_empty_for_long(mheap, 0);
	KUNIT_EXPECT_TRUE(test, gomem_mheap_is_empty(mheap, 0));
	mheap_set_empty_for_long(mheap, 3);
	KUNIT_EXPECT_TRUE(test, gomem_mheap_is_empty(mheap, 0));
	mheap->empty = jiffies - HZ;
	KUNIT_EXPECT_FALSE(test, gomem_mheap_is_empty(mheap, 4));
	mheap_set_empty_for_long(mheap, 4);
	KUNIT_EXPECT_FALSE(test, gomem_mheap_is_empty(mheap, 3));
}

#define MANY_ARENAS	16	/* 32 MiB */

/* 32 MiB in use: the heap grows by 128 KiB. */
static void mheap_grows_in_proportion(struct kunit *test)
{
	struct gomem_span *big[MANY_ARENAS], *run, *long_run;

	run = get_run(test, 1);
	KUNIT_EXPECT_EQ(test, gomem_block_of(run)->npages, 8U);
	gomem_mheap_free_span(run);
	gomem_mheap_trim(gomem_test_mheap(test), 0);

	get_runs(test, big, MANY_ARENAS, GOMEM_ARENA_PAGES);
	run = get_run(test, 1);
	KUNIT_EXPECT_EQ(test, gomem_block_of(run)->npages, 16U);
	/* A run that is longer than that gets a block that holds it. */
	long_run = get_run(test, 17);
	KUNIT_EXPECT_EQ(test, gomem_block_of(long_run)->npages, 32U);
	expect_sums(test, 4096 + 18, 15 + 15, 0);
	gomem_mheap_free_span(long_run);
	gomem_mheap_free_span(run);
	free_runs(big, MANY_ARENAS);
}

/*
 * Have the nth request of a growth fail.  The descriptor is the first one, the pages are
 * the second; a third one is made only if the arena is new.
 */
static struct gomem_span *grow_failing(struct kunit *test, unsigned int npages, int nth)
{
	struct gomem_meta *meta = test_meta(test);
	struct gomem_span *run;
	int left;

	atomic_long_set(&meta->failed, 0);
	atomic_set(&meta->fail_nth, nth);
	run = grow(test, npages, GFP_KERNEL);
	left = atomic_xchg(&meta->fail_nth, 0);
	KUNIT_ASSERT_NOT_NULL(test, run);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&meta->failed), left ? 0L : 1L);
	if (nth <= 2)
		KUNIT_EXPECT_EQ(test, left, 0);
	if (!left)
		return run;
	gomem_mheap_free_span(run);
	gomem_mheap_trim(gomem_test_mheap(test), 0);
	return NULL;
}

/* Whichever request for the wished-for block fails, a smaller one is taken. */
static void mheap_smaller_block(struct kunit *test)
{
	struct gomem_span *big[MANY_ARENAS], *run;
	int nth;

	get_runs(test, big, MANY_ARENAS, GOMEM_ARENA_PAGES);
	for (nth = 1; nth <= 3; nth++) {
		run = grow_failing(test, 1, nth);
		if (!run)
			break;
		KUNIT_EXPECT_EQ(test, gomem_block_of(run)->npages, 8U);
		gomem_mheap_free_span(run);
	}
	free_runs(big, MANY_ARENAS);
}

/* And when there is no smaller block, the run alone. */
static void mheap_single_span(struct kunit *test)
{
	struct gomem_span *run;
	int nth;

	for (nth = 1; nth <= 3; nth++) {
		run = grow_failing(test, 3, nth);
		if (!run)
			break;
		KUNIT_EXPECT_EQ(test, gomem_block_of(run)->npages, 3U);
		expect_sums(test, 3, 0, 0);
		gomem_mheap_free_span(run);
		gomem_mheap_trim(gomem_test_mheap(test), 0);
		KUNIT_EXPECT_NULL(test, find(test, 1, 1));
	}
}

/*
 * Who must not sleep gets one span, of all the pages that come at once.  One page is cut
 * like any other when it is free; what is longer goes back as it came.
 */
static void mheap_atomic(struct kunit *test)
{
	struct gomem_span *run[5];
	unsigned int n, sum = 0;

	for (n = 1; n <= 4; n++) {
		run[n] = grow(test, n, GFP_ATOMIC);
		KUNIT_ASSERT_NOT_NULL(test, run[n]);
		KUNIT_EXPECT_EQ(test, gomem_span_npages(run[n]), (u32)roundup_pow_of_two(n));
		KUNIT_EXPECT_EQ(test, gomem_block_of(run[n])->npages, gomem_span_npages(run[n]));
		KUNIT_EXPECT_EQ(test, (bool)gomem_block_of(run[n])->exact, n > 1);
		KUNIT_EXPECT_EQ(test, (bool)gomem_block_of(run[n])->compound, n > 1);
		sum += gomem_span_npages(run[n]);
		expect_sums(test, sum, 0, 0);
	}
	/* Above order 3 the object alone is a better thing to ask for. */
	KUNIT_EXPECT_NULL(test, grow(test, 5, GFP_ATOMIC));
	free_runs(run + 1, 4);
	expect_sums(test, 0, 1, sum - 1);
}

/* The page allocator takes __GFP_NOFAIL up to order 1 only. */
static void mheap_nofail(struct kunit *test)
{
	struct gomem_span *run;

	/* The pages that the heap would like: see grow_failing(). */
	atomic_set(&test_meta(test)->fail_nth, 2);
	KUNIT_EXPECT_NULL(test, grow(test, 2, GFP_KERNEL | __GFP_NOFAIL));
	atomic_set(&test_meta(test)->fail_nth, 2);
	run = grow(test, 1, GFP_KERNEL | __GFP_NOFAIL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&test_meta(test)->failed), 2L);
	KUNIT_ASSERT_NOT_NULL(test, run);
	KUNIT_EXPECT_EQ(test, gomem_block_of(run)->npages, 1U);
	gomem_mheap_free_span(run);
}

static long meta_bytes(struct kunit *test)
{
	struct gomem_meta *meta = test_meta(test);
	long sum = 0;
	int kind;

	rcu_barrier();
	for (kind = 0; kind < GOMEM_NR_META; kind++)
		sum += atomic_long_read(&meta->bytes[kind]);
	return sum;
}

/* Growth that fails, at whatever point, leaves nothing behind. */
static void mheap_growth_fails(struct kunit *test)
{
	struct gomem_meta *meta = test_meta(test);
	long before = meta_bytes(test);
	struct gomem_span *run;
	int nth;

	for (nth = 1; nth < 10; nth++) {
		atomic_set(&meta->fail_nth, nth);
		run = grow(test, 1, GFP_ATOMIC);
		if (run)
			break;
		KUNIT_EXPECT_EQ(test, meta_bytes(test), before);
		expect_sums(test, 0, 0, 0);
	}
	atomic_set(&meta->fail_nth, 0);
	/* Descriptor, pages; an arena, if that is new. */
	KUNIT_EXPECT_GE(test, nth, 3);
	KUNIT_EXPECT_LE(test, nth, 4);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&meta->failed), nth - 1L);
	KUNIT_ASSERT_NOT_NULL(test, run);
	gomem_mheap_free_span(run);
	gomem_mheap_trim(gomem_test_mheap(test), 0);
	KUNIT_EXPECT_EQ(test, meta_bytes(test), before);
}

/* --- Idle blocks. --- */

/* Of whatever length a run was, the next one of that length is the same. */
static void mheap_finds_every_length(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *run, *again;
	unsigned int n;
	u64 grown;

	for (n = 1; n <= GOMEM_ARENA_PAGES; n++) {
		run = grow(test, n, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, run);
		gomem_mheap_free_span(run);
		grown = mheap->grown;
		again = find(test, n, 1);
		KUNIT_EXPECT_PTR_EQ_MSG(test, again, run, "%u pages", n);
		KUNIT_EXPECT_EQ(test, mheap->grown, grown);
		if (again)
			gomem_mheap_free_span(again);
		gomem_mheap_trim(mheap, 0);
	}
}

/* The same for large objects, which have blocks of just their length. */
static void mheap_finds_large_again(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p, *again;
	size_t size;
	u64 grown;

	for (size = 70000; size < GOMEM_LEAST_WHOLE; size += 50000) {
		p = gomem_test_large(test, size);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gomem_large_free(heap, p);
		grown = mheap->grown;
		again = gomem_test_large(test, size);
		KUNIT_EXPECT_PTR_EQ_MSG(test, again, p, "%zu bytes", size);
		KUNIT_EXPECT_EQ(test, mheap->grown, grown);
		gomem_large_free(heap, again);
		gomem_mheap_trim(mheap, 0);
	}
}

/* Freeing gives nothing back: growth finds it all again. */
static void mheap_keeps_idle_blocks(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *run[4];

	get_runs(test, run, 4, GROWTH);
	expect_sums(test, 4 * GROWTH, 0, 0);
	gomem_mheap_free_span(run[0]);
	expect_sums(test, 3 * GROWTH, GROWTH, 0);
	free_runs(run + 1, 3);
	expect_sums(test, 0, 4 * GROWTH, 0);
	KUNIT_EXPECT_EQ(test, mheap->idle_block_pages, 4UL * GROWTH);
	get_runs(test, run, 4, GROWTH);
	expect_sums(test, 4 * GROWTH, 0, 0);
	KUNIT_EXPECT_EQ(test, mheap->idle_block_pages, 0UL);
	KUNIT_EXPECT_EQ(test, mheap->nr_blocks, 4UL);
	KUNIT_EXPECT_EQ(test, mheap->grown, 4ULL);
	KUNIT_EXPECT_EQ(test, mheap->given_back, 0ULL);
	free_runs(run, 4);
}

/* Idle pages of a block that is in use are not at anybody's disposal. */
static void mheap_trim_spares_used(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *run = get_run(test, 1);

	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, 0), 0UL);
	expect_sums(test, 1, GROWTH - 1, 0);
	gomem_mheap_free_span(run);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, GROWTH), 0UL);
	expect_sums(test, 0, GROWTH, 0);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, GROWTH - 1), 8UL);
	expect_sums(test, 0, 0, GROWTH);
}

/* Of blocks of one size the one that has been idle for longest goes first. */
static void mheap_trim_oldest(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *run[2], *again;
	unsigned long kept;

	get_runs(test, run, 2, GROWTH);
	kept = gomem_span_base(run[0]);
	gomem_mheap_free_span(run[1]);
	gomem_mheap_free_span(run[0]);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, GROWTH), 8UL);
	again = find(test, GROWTH, 1);
	KUNIT_ASSERT_NOT_NULL(test, again);
	KUNIT_EXPECT_EQ(test, gomem_span_base(again), kept);
	gomem_mheap_free_span(again);
}

/*
 * What is released is made up for by what is got later, and only when all of
 * it has been does HeapSys rise: it is the largest size that the heap has had.
 */
static void mheap_released(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *three, *eight;
	void *five, *twenty;

	gomem_mheap_free_span(get_run(test, 1));
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, 0), 8UL);
	expect_sums(test, 0, 0, 8);

	three = grow(test, 3, GFP_ATOMIC);
	expect_sums(test, 4, 0, 4);
	eight = grow(test, 8, GFP_KERNEL);
	expect_sums(test, 12, 0, 0);

	five = gomem_test_large(test, 40960);
	expect_sums(test, 17, 0, 0);
	gomem_large_free(heap, five);
	expect_sums(test, 12, 5, 0);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, 0), 5UL);
	expect_sums(test, 12, 0, 5);
	twenty = gomem_test_large(test, 163840);
	expect_sums(test, 32, 0, 0);

	gomem_large_free(heap, twenty);
	gomem_mheap_free_span(three);
	gomem_mheap_free_span(eight);
	expect_sums(test, 0, 28, 4);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, 0), 28UL);
	expect_sums(test, 0, 0, 32);
}

/* --- Blocks of one object, and the pages themselves. --- */

/* An object got pages of its own; when it is freed, they are anybody's. */
static void mheap_block_of_one(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *span;
	void *p;

	p = gomem_test_large(test, 40961);
	KUNIT_ASSERT_NOT_NULL(test, p);
	span = gomem_span_of(p);
	KUNIT_EXPECT_PTR_EQ(test, (void *)gomem_span_base(span), p);
	KUNIT_EXPECT_EQ(test, gomem_span_npages(span), 6U);
	KUNIT_EXPECT_EQ(test, gomem_block_of(span)->npages, 6U);
	KUNIT_EXPECT_FALSE(test, gomem_block_of(span)->exact);
	expect_sums(test, 6, 0, 0);
	KUNIT_EXPECT_NULL(test, find(test, 1, 1));
	gomem_large_free(heap, p);
	expect_sums(test, 0, 6, 0);
	KUNIT_ASSERT_PTR_EQ(test, find(test, 4, 1), span);
	KUNIT_ASSERT_PTR_EQ(test, find(test, 2, 1), span + 4);
	gomem_mheap_free_span(span + 4);
	gomem_mheap_free_span(span);
	KUNIT_EXPECT_EQ(test, mheap->given_back, 0ULL);
}

/* What cannot be cut into spans, or is not what others want, goes at once. */
static void mheap_exact_block(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	static const struct {
		size_t size;
		gfp_t gfp;
	} row[] = {
		{ 2 * GOMEM_ARENA_SIZE - 1, GFP_KERNEL },
		{ 40961, GFP_KERNEL | GFP_DMA },
	};
	struct gomem_span *span;
	unsigned int i;
	u64 npages;
	void *p;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		u64 released = mheap->released_bytes >> GOMEM_PAGE_SHIFT;

		npages = roundup_pow_of_two(DIV_ROUND_UP(row[i].size, GOMEM_PAGE_SIZE));
		p = gomem_large_exact(gomem_test_node(test), row[i].size,
				      row[i].gfp, false);
		KUNIT_ASSERT_NOT_NULL(test, p);
		span = gomem_span_of(p);
		KUNIT_EXPECT_TRUE(test, gomem_block_of(span)->exact);
		expect_sums(test, npages, 0, released - min(released, npages));
		KUNIT_EXPECT_NULL(test, find(test, 1, 1));
		gomem_large_free(heap, p);
		expect_sums(test, 0, 0, max(released, npages));
		KUNIT_EXPECT_EQ(test, mheap->given_back, i + 1ULL);
	}
}

/* Every kernel page of a block is a page of its own, which nobody frees by mistake. */
static void mheap_page_counts(struct kunit *test)
{
	struct gomem_span *run = get_run(test, 1);
	unsigned long base = gomem_block_of(run)->base;
	unsigned long end = base + GROWTH * GOMEM_PAGE_SIZE;
	void *whole;

	for (; base < end; base += PAGE_SIZE) {
		struct page *page = virt_to_page((void *)base);

		KUNIT_EXPECT_EQ(test, page_ref_count(page), GOMEM_PAGE_COUNT);
		KUNIT_EXPECT_FALSE(test, PageCompound(page));
	}
	gomem_mheap_free_span(run);
	whole = gomem_test_large(test, GOMEM_LEAST_WHOLE);
	KUNIT_ASSERT_NOT_NULL(test, whole);
	KUNIT_EXPECT_TRUE(test, PageCompound(virt_to_page(whole)));
	KUNIT_EXPECT_EQ(test, page_count(virt_to_page(whole + PAGE_SIZE)),
			GOMEM_PAGE_COUNT);
	gomem_large_free(gomem_test_heap(test), whole);
}

static const size_t held_sizes[] = { 40960, 100000, GOMEM_LEAST_WHOLE };

/* A page to which somebody refers is nobody else's, and is not given back. */
static void mheap_page_still_held(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned long npages, i;
	struct page *page;
	char *p, *again;

	for (i = 0; i < ARRAY_SIZE(held_sizes); i++) {
		p = gomem_test_large(test, held_sizes[i]);
		KUNIT_ASSERT_NOT_NULL(test, p);
		npages = gomem_span_npages(gomem_span_of(p));
		page = virt_to_page(p + 2 * PAGE_SIZE);
		get_page(page);
		gomem_large_free(heap, p);
		gomem_mheap_trim_all(mheap);
		gomem_mheap_punch_all(mheap);
		KUNIT_EXPECT_EQ(test, mheap->pinned_pages, npages);
		KUNIT_EXPECT_EQ(test, page_count(page), GOMEM_PAGE_COUNT + 1);
		KUNIT_EXPECT_EQ(test, gomem_mheap_unpin(mheap), 0UL);
		KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
		again = gomem_test_large(test, held_sizes[i]);
		KUNIT_EXPECT_PTR_NE(test, again, p);
		gomem_large_free(heap, again);

		put_page(page);
		KUNIT_EXPECT_EQ(test, gomem_mheap_unpin(mheap), npages);
		KUNIT_EXPECT_EQ(test, mheap->pinned_pages, 0UL);
		gomem_mheap_trim_all(mheap);
		expect_sums(test, 0, 0, mheap->released_bytes >> GOMEM_PAGE_SHIFT);
	}
}

/* The heap goes, and the page stays with whoever refers to it. */
static void mheap_held_to_the_end(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_meta *meta;
	struct gomem_span *span;
	struct page *page[2];
	char *p;
	int nid;

	span = get_run(test, 3);
	page[0] = virt_to_page((void *)gomem_span_base(span) + PAGE_SIZE);
	get_page(page[0]);
	gomem_mheap_free_span(span);
	p = gomem_test_large(test, GOMEM_LEAST_WHOLE);
	KUNIT_ASSERT_NOT_NULL(test, p);
	page[1] = virt_to_page(p);
	get_page(page[1]);
	gomem_large_free(gomem_test_heap(test), p);
	gomem_mheap_destroy(mheap);
	KUNIT_EXPECT_EQ(test, page_count(page[0]), 1);
	KUNIT_EXPECT_EQ(test, page_count(page[1]), 1);
	put_page(page[0]);
	put_page(page[1]);
	/* As it was. */
	nid = mheap->nid;
	meta = mheap->meta;
	memset(mheap, 0, sizeof(*mheap));
	gomem_mheap_init(mheap, nid, meta);
	gomem_test_node(test)->central[0].large_nmalloc = 0;
	gomem_test_node(test)->central[0].large_nfree = 0;
}

/* kfree() takes a reference that it believes to be the last one. */
static void take_reference(void *p)
{
	struct page *page = virt_to_head_page(p);

	mod_node_page_state(page_pgdat(page), NR_SLAB_UNRECLAIMABLE_B,
			    -(long)(PAGE_SIZE << compound_order(page)));
	page_ref_dec(page);
}

/* It does no harm, and is found out when the memory is freed. */
static void mheap_page_stolen(struct kunit *test)
{
	struct gomem_mcentral *large = &gomem_test_node(test)->central[0];
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned long i;
	char *p;

	for (i = 0; i < ARRAY_SIZE(held_sizes); i++) {
		p = gomem_test_large(test, held_sizes[i]);
		KUNIT_ASSERT_NOT_NULL(test, p);
		memset(p, 0x5a, held_sizes[i]);
		take_reference(p);
		KUNIT_EXPECT_EQ(test, p[held_sizes[i] - 1], 0x5a);
		gomem_large_free(heap, p);
		KUNIT_EXPECT_EQ(test, large->stolen, i + 1ULL);
		KUNIT_EXPECT_EQ(test, mheap->pinned_pages, 0UL);
		gomem_mheap_trim_all(mheap);
	}
	KUNIT_EXPECT_EQ(test, atomic_long_read(&heap->meta->stolen), 0L);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 1U);
	large->stolen = 0;
}

/* The same of memory that is idle. */
static void mheap_idle_page_stolen(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *run = get_run(test, 1);
	void *base = (void *)gomem_span_base(run);

	gomem_mheap_free_span(run);
	take_reference(base);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim_all(mheap), (unsigned long)GROWTH);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&mheap->meta->stolen), 1L);
	atomic_long_set(&mheap->meta->stolen, 0);
}

/* Half a page: one kernel page for a span where no two are together. */
static void mheap_half_page(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_want want = gomem_test_want(test, 1, 1);
	struct gomem_span *span[2];
	unsigned int i;

	if (!GOMEM_HAS_HALVES)
		kunit_skip(test, "kernel pages are larger");
	want.half = true;
	want.central = &gomem_test_node(test)->central[gomem_size_class(512)];
	for (i = 0; i < 2; i++) {
		span[i] = gomem_mheap_grow(mheap, &want, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, span[i]);
		KUNIT_EXPECT_EQ(test, gomem_span_bytes(span[i]), PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, gomem_span_nelems(span[i]), 8U);
		KUNIT_EXPECT_TRUE(test, gomem_block_of(span[i])->exact);
	}
	KUNIT_EXPECT_EQ(test, mheap->inuse_halves, 2UL);
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);
	gomem_mheap_free_span(span[0]);
	KUNIT_EXPECT_EQ(test, mheap->released_bytes, (u64)PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);
	gomem_mheap_free_span(span[1]);
	KUNIT_EXPECT_EQ(test, mheap->given_back, 2ULL);
	KUNIT_EXPECT_EQ(test, mheap->inuse_halves, 0UL);
}

/* A large object that finds no run takes the place of what is idle. */
static void mheap_makes_way(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned long most = 0;
	size_t size;
	void *p;

	for (size = 72 << 10; size <= 1 << 20; size += 24 << 10) {
		p = gomem_test_large(test, size);
		KUNIT_ASSERT_NOT_NULL(test, p);
		most = max(most, gomem_mheap_held(mheap));
		gomem_large_free(heap, p);
		most = max(most, gomem_mheap_held(mheap));
	}
	KUNIT_EXPECT_LE(test, most, (1UL << 20) >> GOMEM_PAGE_SHIFT);
}

/*
 * The slab lines of /proc/meminfo count what is in use and what is idle.  Each CPU may
 * keep some of that back, and the rest of the kernel goes on.
 */
static void mheap_tells_the_kernel(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	long before = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
	long pages = GOMEM_ARENA_SIZE / PAGE_SIZE, slack = 1024, told;
	struct gomem_span *run[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(run); i++)
		run[i] = get_run(test, GOMEM_ARENA_PAGES);
	told = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
	KUNIT_EXPECT_EQ(test, mheap->told_inuse, i * pages);
	KUNIT_EXPECT_EQ(test, mheap->told_idle, 0L);
	KUNIT_EXPECT_GE(test, told, before + i * pages - slack);
	while (i--)
		gomem_mheap_free_span(run[i]);
	told = global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
	KUNIT_EXPECT_EQ(test, mheap->told_inuse, 0L);
	KUNIT_EXPECT_EQ(test, mheap->told_idle, (long)ARRAY_SIZE(run) * pages);
	KUNIT_EXPECT_LE(test, told, before + slack);
	gomem_mheap_trim_all(mheap);
	KUNIT_EXPECT_EQ(test, mheap->told_idle, 0L);
}

static void mheap_counts_spans(struct kunit *test)
{
	struct gomem_node *node = gomem_test_node(test);
	struct gomem_span *large = get_run(test, 2);
	struct gomem_span *small = gomem_test_span(test, 17);

	KUNIT_EXPECT_EQ(test, node->mheap->nr_spans, 2UL);
	KUNIT_EXPECT_EQ(test, node->central[17].nspans, 1UL);
	KUNIT_EXPECT_EQ(test, node->central[0].nspans, 1UL);
	KUNIT_EXPECT_EQ(test, node->central[0].large_nmalloc, 1ULL);
	KUNIT_EXPECT_EQ(test, node->central[0].large_bytes, 16384ULL);
	gomem_mheap_free_span(small);
	gomem_mheap_free_span(large);
	KUNIT_EXPECT_EQ(test, node->mheap->nr_spans, 0UL);
	KUNIT_EXPECT_EQ(test, node->central[17].nspans, 0UL);
	KUNIT_EXPECT_EQ(test, node->central[0].nspans, 0UL);
	KUNIT_EXPECT_EQ(test, node->central[0].large_nfree, 1ULL);
	KUNIT_EXPECT_EQ(test, node->central[0].large_bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, node->central[0].large_total, 16384ULL);
}

static struct kunit_case gomem_mheap_cases[] = {
	KUNIT_CASE(mheap_first_fit),
	KUNIT_CASE(mheap_fullest_block),
	KUNIT_CASE(mheap_idle_block_last),
	KUNIT_CASE(mheap_coalesce),
	KUNIT_CASE(mheap_longest_run),
	KUNIT_CASE(mheap_aligned_runs),
	KUNIT_CASE(mheap_misaligned_run),
	KUNIT_CASE(mheap_aligned_addresses),
	KUNIT_CASE(mheap_aligned_spans),
	KUNIT_CASE(mheap_proportions),
	KUNIT_CASE(mheap_empty_by_order),
	KUNIT_CASE(mheap_grows_in_proportion),
	KUNIT_CASE(mheap_smaller_block),
	KUNIT_CASE(mheap_single_span),
	KUNIT_CASE(mheap_atomic),
	KUNIT_CASE(mheap_nofail),
	KUNIT_CASE(mheap_growth_fails),
	KUNIT_CASE(mheap_finds_every_length),
	KUNIT_CASE(mheap_finds_large_again),
	KUNIT_CASE(mheap_keeps_idle_blocks),
	KUNIT_CASE(mheap_trim_spares_used),
	KUNIT_CASE(mheap_trim_oldest),
	KUNIT_CASE(mheap_released),
	KUNIT_CASE(mheap_block_of_one),
	KUNIT_CASE(mheap_exact_block),
	KUNIT_CASE(mheap_page_counts),
	KUNIT_CASE(mheap_page_still_held),
	KUNIT_CASE(mheap_held_to_the_end),
	KUNIT_CASE(mheap_page_stolen),
	KUNIT_CASE(mheap_idle_page_stolen),
	KUNIT_CASE(mheap_half_page),
	KUNIT_CASE(mheap_makes_way),
	KUNIT_CASE(mheap_tells_the_kernel),
	KUNIT_CASE(mheap_counts_spans),
	{}
};

static struct kunit_suite gomem_mheap_suite = {
	.name = "gomem_mheap",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_mheap_cases,
};

kunit_test_suites(&gomem_mheap_suite);
