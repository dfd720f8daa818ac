// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what large objects leave of their pages: the heap grows into it, and
 * nobody else gets any of it while the object lives.
 *
 * The usual object here has 3 MiB, so the last MiB of four is its tail.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sizes.h>

#include "gomem_test.h"
#include "tail.h"

#define PAGES(bytes)	((unsigned long)(bytes) >> GOMEM_PAGE_SHIFT)
#define OBJECT		(3 * SZ_1M)
#define WHOLE		PAGES(SZ_4M)
#define OWN		PAGES(OBJECT)
#define TAIL		(WHOLE - OWN)
#define GROWTH		8	/* pages by which a small heap grows */

/* The sums, in pages, as the heap has them and as MemStats shows them. */
static void expect_sums(struct kunit *test, u64 inuse, u64 idle, u64 tail)
{
	struct gomem_snapshot *snap = kunit_kzalloc(test, sizeof(*snap), GFP_KERNEL);
	struct gomem_memstats *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	struct gomem_mheap *mheap = gomem_test_mheap(test);

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_NOT_NULL(test, snap);
	KUNIT_EXPECT_EQ(test, (u64)mheap->inuse_pages, inuse);
	KUNIT_EXPECT_EQ(test, (u64)mheap->idle_pages, idle);
	KUNIT_EXPECT_EQ(test, (u64)mheap->tail_pages, tail);
	gomem_heap_memstats(gomem_test_heap(test), s);
	KUNIT_EXPECT_EQ(test, s->heap_inuse, inuse << GOMEM_PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, s->heap_idle - s->heap_released,
			(idle + tail + mheap->pinned_pages) << GOMEM_PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, s->heap_sys, s->heap_inuse + s->heap_idle);
	gomem_snapshot(gomem_test_heap(test), snap);
	KUNIT_EXPECT_EQ(test, snap->tails, tail << GOMEM_PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);
}

static char *get_object(struct kunit *test, size_t size)
{
	char *p = gomem_test_large(test, size);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static void put_object(struct kunit *test, void *p)
{
	gomem_large_free(gomem_test_heap(test), p);
}

/* A run, where the heap has to grow. */
static struct gomem_span *grow(struct kunit *test, unsigned int npages,
			       unsigned int align, gfp_t gfp)
{
	struct gomem_want want = gomem_test_want(test, npages, align);
	struct gomem_span *span;

	span = gomem_mheap_grow_tail(gomem_test_mheap(test), &want, gfp);
	if (!span)
		span = gomem_mheap_grow(gomem_test_mheap(test), &want, gfp);
	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_EXPECT_EQ(test, gomem_span_npages(span), npages);
	return span;
}

/* The same, or one that there is. */
static struct gomem_span *get_run(struct kunit *test, unsigned int npages)
{
	struct gomem_want want = gomem_test_want(test, npages, 1);
	struct gomem_span *span = gomem_mheap_find(gomem_test_mheap(test), &want);

	return span ? span : grow(test, npages, 1, GFP_KERNEL);
}

/* Does @span lie in the four MiB that begin at @p? */
static bool in_whole(const struct gomem_span *span, const char *p)
{
	return gomem_span_base(span) - (unsigned long)p < SZ_4M;
}

/* --- Who leaves a tail. --- */

static void tail_sizes(struct kunit *test)
{
	static const struct {
		size_t size;
		bool tail;
	} row[] = {
		{ SZ_512K, false },
		{ SZ_512K + 1, true },
		{ SZ_1M - SZ_128K, true },
		{ SZ_1M - SZ_128K + 1, false },
		{ SZ_1M, false },
		{ SZ_2M + 1, true },
		{ OBJECT, true },
		{ SZ_4M - SZ_512K + 1, false },
		{ SZ_4M, false },
	};
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned int i;
	size_t own, whole;
	char *p;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		own = round_up(row[i].size, max(PAGE_SIZE, GOMEM_PAGE_SIZE));
		whole = roundup_pow_of_two(row[i].size);
		if (!row[i].tail)
			own = whole;
		p = get_object(test, row[i].size);
		KUNIT_EXPECT_EQ(test, gomem_usable_size(p), own);
		KUNIT_EXPECT_EQ(test, gomem_size_roundup(row[i].size), own);
		KUNIT_EXPECT_EQ(test, gomem_size_roundup(own), own);
		expect_sums(test, PAGES(own), 0, PAGES(whole - own));
		KUNIT_EXPECT_EQ(test, !list_empty(&mheap->tails), row[i].tail);
		put_object(test, p);
		KUNIT_EXPECT_TRUE(test, list_empty(&mheap->tails));
	}
}

/* Of reserves that the object was allowed to use, nobody else gets a part. */
static void tail_of_reserves(struct kunit *test)
{
	struct gomem_node *node = gomem_test_node(test);
	struct gomem_want want = gomem_test_want(test, OWN, 1);
	struct gomem_block *block;
	struct gomem_span *span;

	block = gomem_block_alloc(node->mheap->meta, OWN, GOMEM_BLOCK_TAILED,
				  GFP_KERNEL, node->mheap->nid);
	KUNIT_ASSERT_NOT_NULL(test, block);
	/* As if it were. */
	block->pfmemalloc = true;
	block->tailed = false;
	span = gomem_mheap_adopt(node->mheap, &want, block);
	KUNIT_EXPECT_EQ(test, (unsigned long)gomem_span_npages(span), WHOLE);
	expect_sums(test, WHOLE, 0, 0);
	gomem_mheap_free_span(span);
	expect_sums(test, 0, 0, 0);
}

/* --- The heap grows into it. --- */

/* From the end on, in portions as large as the heap likes them; then there is none. */
static void tail_grown_into(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	char *p = get_object(test, OBJECT), *end = p + SZ_4M;
	struct gomem_span *run[TAIL + 1];
	unsigned long i, pieces;

	expect_sums(test, OWN, 0, TAIL);
	for (i = 0; i < TAIL; i++) {
		run[i] = get_run(test, 1);
		pieces = i / GROWTH + 1;
		KUNIT_EXPECT_EQ(test, gomem_span_base(run[i]), (unsigned long)end -
				(pieces * GROWTH - i % GROWTH) * GOMEM_PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, gomem_block_of(run[i])->npages, (u32)GROWTH);
		KUNIT_EXPECT_EQ(test, mheap->nr_blocks, pieces + 1);
		if (i % GROWTH == 0)
			expect_sums(test, OWN + i + 1, GROWTH - 1, TAIL - pieces * GROWTH);
	}
	KUNIT_EXPECT_TRUE(test, list_empty(&mheap->tails));
	KUNIT_EXPECT_EQ(test, mheap->grown, 1ULL);
	run[TAIL] = get_run(test, 1);
	KUNIT_EXPECT_EQ(test, mheap->grown, 2ULL);
	expect_sums(test, WHOLE + 1, GROWTH - 1, 0);
	memset(p, 0x5a, OBJECT);
	for (i = 0; i <= TAIL; i++)
		gomem_mheap_free_span(run[i]);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0x5a, OBJECT));
	put_object(test, p);
	expect_sums(test, 0, TAIL + GROWTH, 0);
}

/* What is there is used first; and of tails, the oldest one. */
static void tail_is_growth(struct kunit *test)
{
	struct gomem_span *run = get_run(test, 1), *more[2 * GROWTH];
	char *p[2] = { get_object(test, OBJECT), get_object(test, OBJECT) };
	unsigned int i;

	KUNIT_EXPECT_FALSE(test, in_whole(run, p[0]) || in_whole(run, p[1]));
	for (i = 0; i < 2 * GROWTH; i++) {
		more[i] = get_run(test, 1);
		KUNIT_EXPECT_EQ(test, in_whole(more[i], p[0]), i >= GROWTH - 1);
	}
	for (i = 0; i < 2 * GROWTH; i++)
		gomem_mheap_free_span(more[i]);
	gomem_mheap_free_span(run);
	put_object(test, p[1]);
	put_object(test, p[0]);
}

/* So do objects between the small and the largest ones, without a rest. */
static void tail_of_medium_object(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	char *p = get_object(test, OBJECT);
	char *q = get_object(test, 37 * GOMEM_PAGE_SIZE);
	char *r = get_object(test, 63 * GOMEM_PAGE_SIZE);
	char *too_long = get_object(test, 40 * GOMEM_PAGE_SIZE);

	KUNIT_EXPECT_PTR_EQ(test, q, p + SZ_4M - 37 * GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, r, q - 63 * GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, mheap->grown, 2ULL);
	expect_sums(test, OWN + 37 + 63 + 40, 0, TAIL - 37 - 63);
	put_object(test, too_long);
	put_object(test, r);
	put_object(test, q);
	expect_sums(test, OWN, 37 + 63 + 40, TAIL - 37 - 63);
	put_object(test, p);
}

/*
 * Who must not sleep gets a page, page by page, and nothing longer: that would be a
 * descriptor for each.
 */
static void tail_atomic(struct kunit *test)
{
	char *p = get_object(test, OBJECT);
	struct gomem_want want = gomem_test_want(test, 2, 1);
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *run[2];

	run[0] = grow(test, 1, 1, GFP_ATOMIC);
	KUNIT_EXPECT_TRUE(test, in_whole(run[0], p));
	KUNIT_EXPECT_EQ(test, gomem_block_of(run[0])->npages, 1U);
	expect_sums(test, OWN + 1, 0, TAIL - 1);
	KUNIT_EXPECT_NULL(test, gomem_mheap_grow_tail(mheap, &want, GFP_ATOMIC));
	run[1] = gomem_mheap_grow_tail(mheap, &want, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, run[1]);
	KUNIT_EXPECT_TRUE(test, in_whole(run[1], p));
	gomem_mheap_free_span(run[1]);
	gomem_mheap_free_span(run[0]);
	put_object(test, p);
}

/* Who gets no pages for the span that is best gets a page of a tail, for a short one. */
static void tail_for_short_span(struct kunit *test)
{
	struct gomem_mcentral *central =
		&gomem_test_node(test)->central[gomem_size_class(1408)];
	struct gomem_heap *heap = gomem_test_heap(test);
	void *obj[11] = {}, *single = NULL;
	char *p = get_object(test, OBJECT);
	unsigned int i;

	/* There are as many objects that the next span is a long one. */
	for (i = 0; gomem_span_pages(central->class, central->slots) == 1; i++)
		KUNIT_ASSERT_EQ(test, 1U, gomem_mcentral_fetch(central, &obj[i], 1,
							       GFP_ATOMIC, true,
							       &single));
	while (central->slots > i)
		KUNIT_ASSERT_EQ(test, 1U, gomem_mcentral_fetch(central, &obj[i++], 1,
							       GFP_ATOMIC, true,
							       &single));
	atomic_set(&heap->meta->fail_nth, 1);
	KUNIT_EXPECT_EQ(test, 1U, gomem_mcentral_fetch(central, &obj[i], 1, GFP_ATOMIC,
						       true, &single));
	KUNIT_EXPECT_EQ(test, atomic_read(&heap->meta->fail_nth), 0);
	KUNIT_ASSERT_NOT_NULL(test, obj[i]);
	KUNIT_EXPECT_TRUE(test, in_whole(gomem_span_of(obj[i]), p));
	gomem_objects_put(heap, obj, i + 1, NULL);
	put_object(test, p);
}

/* A piece is aligned to nothing; a span of it is, whatever else is in it. */
static void tail_aligned_runs(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_span *run, *again, *odd;
	struct gomem_want want;
	unsigned int align;
	char *p;

	for (align = 1; align <= 64; align *= 2) {
		p = get_object(test, OBJECT - GOMEM_PAGE_SIZE);
		odd = grow(test, 1, 1, GFP_ATOMIC);
		run = grow(test, align, align, GFP_KERNEL);
		KUNIT_EXPECT_TRUE(test, in_whole(odd, p) && in_whole(run, p));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(gomem_span_base(run),
						   align * GOMEM_PAGE_SIZE));
		gomem_mheap_free_span(run);
		/* The same of blocks that are there, which begin anywhere. */
		want = gomem_test_want(test, align, align);
		again = gomem_mheap_find(mheap, &want);
		KUNIT_EXPECT_PTR_EQ(test, again, run);
		gomem_mheap_free_span(again);
		gomem_mheap_free_span(odd);
		put_object(test, p);
		gomem_mheap_trim_all(mheap);
		expect_sums(test, 0, 0, 0);
	}
}

/* An idle block that begins with an odd page has its first aligned run behind that. */
static void tail_misaligned_block(struct kunit *test)
{
	char *p = get_object(test, OBJECT);
	struct gomem_want want = gomem_test_want(test, 4, 4);
	struct gomem_span *run, *aligned;

	run = grow(test, 11, 1, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, in_whole(run, p));
	gomem_mheap_free_span(run);
	aligned = gomem_mheap_find(gomem_test_mheap(test), &want);
	KUNIT_ASSERT_NOT_NULL(test, aligned);
	KUNIT_EXPECT_PTR_EQ(test, aligned, run + 3);
	gomem_mheap_free_span(aligned);
	put_object(test, p);
}

/* Whatever cannot be had, the heap grows otherwise, and nothing is lost. */
static void tail_fails(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_meta *meta = mheap->meta;
	char *p = get_object(test, OBJECT);
	struct gomem_span *run;

	atomic_set(&meta->fail_nth, 1);
	run = grow(test, 1, 1, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&meta->failed), 1L);
	KUNIT_EXPECT_FALSE(test, in_whole(run, p));
	expect_sums(test, OWN + 1, GROWTH - 1, TAIL);
	gomem_mheap_free_span(run);
	gomem_mheap_trim_all(mheap);
	atomic_set(&meta->fail_nth, 2);
	run = grow(test, 1, 1, GFP_KERNEL);
	atomic_set(&meta->fail_nth, 0);
	KUNIT_EXPECT_TRUE(test, in_whole(run, p));
	gomem_mheap_free_span(run);
	put_object(test, p);
}

/* No tail has what a larger heap grows by: then it is half of that, and not a span. */
static void tail_of_larger_heap(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_want want = gomem_test_want(test, 1, 1);
	char *p = get_object(test, OBJECT);

	KUNIT_EXPECT_EQ(test, gomem_tail_find(mheap, &want, 2 * TAIL), (unsigned int)TAIL);
	KUNIT_EXPECT_EQ(test, gomem_tail_find(mheap, &want, TAIL + 2), (unsigned int)TAIL / 2 + 1);
	KUNIT_EXPECT_EQ(test, gomem_tail_find(mheap, &want, GROWTH), (unsigned int)GROWTH);
	KUNIT_EXPECT_EQ(test, gomem_tail_find(mheap, &want, 0), 1U);
	want.npages = TAIL + 1;
	KUNIT_EXPECT_EQ(test, gomem_tail_find(mheap, &want, 2 * TAIL), 0U);
	put_object(test, p);
}

/* For whom there is room in a tail, nothing is given back that has none. */
static void tail_comes_first(struct kunit *test)
{
	unsigned int class = gomem_size_class(18432);
	struct gomem_mcentral *central = &gomem_test_node(test)->central[class];
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_want want = gomem_test_want(test, 1, 1);
	char *p = get_object(test, OBJECT);
	void *obj = NULL, *single = NULL;
	struct gomem_span *run;

	/* A block of one page, which is idle. */
	run = gomem_mheap_grow(mheap, &want, GFP_ATOMIC);
	KUNIT_ASSERT_NOT_NULL(test, run);
	gomem_mheap_free_span(run);
	KUNIT_EXPECT_EQ(test, mheap->idle_block_pages, 1UL);
	KUNIT_EXPECT_EQ(test, 1U, gomem_mcentral_fetch(central, &obj, 1, GFP_KERNEL,
						       true, &single));
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_TRUE(test, in_whole(gomem_span_of(obj), p));
	KUNIT_EXPECT_EQ(test, mheap->idle_block_pages, 1UL);
	KUNIT_EXPECT_EQ(test, mheap->given_back, 0ULL);
	gomem_objects_put(gomem_test_heap(test), &obj, 1, NULL);
	put_object(test, p);
}

/* It may have become shorter, or be gone, while a block was described for it. */
static void tail_changes_meanwhile(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_want want = gomem_test_want(test, 1, 1);
	char *p = get_object(test, OBJECT);
	struct gomem_block *block;
	unsigned int npages;
	bool cut[2];

	npages = gomem_tail_find(mheap, &want, TAIL);
	KUNIT_EXPECT_EQ(test, (unsigned long)npages, TAIL);
	block = gomem_block_describe(mheap->meta, npages, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, block);
	gomem_mheap_free_span(grow(test, 1, 1, GFP_KERNEL));
	spin_lock_irq(&mheap->lock);
	cut[0] = gomem_tail_cut(mheap, &want, TAIL, block);
	spin_unlock_irq(&mheap->lock);
	put_object(test, p);
	spin_lock_irq(&mheap->lock);
	cut[1] = gomem_tail_cut(mheap, &want, TAIL, block);
	spin_unlock_irq(&mheap->lock);
	KUNIT_EXPECT_FALSE(test, cut[0] || cut[1]);
	gomem_block_put(block);
	expect_sums(test, 0, GROWTH, 0);
}

/* --- Nobody else gets any of it. --- */

static void tail_stays(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned long scanned, i;
	char *p[16];

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = get_object(test, OBJECT);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, 0), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim_all(mheap), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch_all(mheap), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_mheap_punch(mheap, 100, true), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_scavenge_excess(mheap), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_scavenge(mheap, 1000, true, 1000), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_shrink_count(heap, mheap->nid), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_shrink_scan(heap, mheap->nid, 1000, &scanned), 0UL);
	gomem_heap_free_os_memory(heap);
	KUNIT_EXPECT_EQ(test, mheap->told_idle, 0L);
	KUNIT_EXPECT_EQ(test, mheap->told_inuse,
			(long)(ARRAY_SIZE(p) * SZ_4M / PAGE_SIZE));
	/* Nor does it count as held where more should be kept or less. */
	KUNIT_EXPECT_EQ(test, gomem_mheap_kept(mheap), ARRAY_SIZE(p) * OWN);
	KUNIT_EXPECT_EQ(test, gomem_mheap_held(mheap), ARRAY_SIZE(p) * WHOLE);
	expect_sums(test, ARRAY_SIZE(p) * OWN, 0, ARRAY_SIZE(p) * TAIL);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		put_object(test, p[i]);
	expect_sums(test, 0, 0, 0);
}

/* --- And in the end. --- */

/* A block of 2^@order pages that nobody has cut into is one again, or part of one. */
static bool is_free_whole(const void *p, unsigned int order)
{
	struct page *page = virt_to_page(p);

	return PageBuddy(page) && page_private(page) >= order;
}

static void tail_goes_whole(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned int tries, whole = 0;
	char *p;

	/* Somebody else may be faster. */
	for (tries = 0; tries < 10 && !whole; tries++) {
		p = get_object(test, OBJECT);
		put_object(test, p);
		whole += is_free_whole(p, get_order(SZ_4M));
	}
	KUNIT_EXPECT_EQ(test, whole, 1U);
	KUNIT_EXPECT_EQ(test, mheap->given_back, (u64)tries);
	KUNIT_EXPECT_EQ(test, mheap->released_bytes, (u64)SZ_4M);
	expect_sums(test, 0, 0, 0);
}

/* A piece is a block like any other, before its object is freed and after that. */
static void tail_outlives_object(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	char *p = get_object(test, OBJECT);
	struct gomem_span *run = grow(test, 1, 1, GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, in_whole(run, p));
	memset((void *)gomem_span_base(run), 0x5a, GOMEM_PAGE_SIZE);
	put_object(test, p);
	expect_sums(test, 1, GROWTH - 1, 0);
	KUNIT_EXPECT_EQ(test, mheap->released_bytes, (WHOLE - GROWTH) << GOMEM_PAGE_SHIFT);
	KUNIT_EXPECT_FALSE(test, gomem_owns(p + OBJECT));
	KUNIT_EXPECT_PTR_EQ(test, gomem_span_of((void *)gomem_span_base(run)), run);
	KUNIT_EXPECT_NULL(test, memchr_inv((void *)gomem_span_base(run), 0x5a,
					   GOMEM_PAGE_SIZE));
	gomem_mheap_free_span(run);
	expect_sums(test, 0, GROWTH, 0);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim_all(mheap), (unsigned long)GROWTH);
	KUNIT_EXPECT_EQ(test, mheap->released_bytes, (u64)SZ_4M);
	KUNIT_EXPECT_EQ(test, mheap->nr_blocks, 0UL);
}

/* One that goes back before its object does is nobody's business any more. */
static void tail_piece_goes_first(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	char *p = get_object(test, OBJECT);

	gomem_mheap_free_span(grow(test, 1, 1, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim_all(mheap), (unsigned long)GROWTH);
	expect_sums(test, OWN, 0, TAIL - GROWTH);
	KUNIT_EXPECT_TRUE(test, gomem_owns(p + OBJECT));
	KUNIT_EXPECT_FALSE(test, gomem_owns(p + SZ_4M - 1));
	put_object(test, p);
	expect_sums(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, mheap->released_bytes, (u64)SZ_4M);
}

/* While somebody refers to the object's pages, the tail stays, and is of use. */
static void tail_of_held_object(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	char *p = get_object(test, OBJECT);
	struct page *page = virt_to_page(p + OBJECT - 1);
	struct gomem_span *run;

	get_page(page);
	put_object(test, p);
	KUNIT_EXPECT_EQ(test, mheap->pinned_pages, OWN);
	expect_sums(test, 0, 0, TAIL);
	gomem_heap_free_os_memory(gomem_test_heap(test));
	run = grow(test, 1, 1, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, in_whole(run, p));
	expect_sums(test, 1, GROWTH - 1, TAIL - GROWTH);
	KUNIT_EXPECT_EQ(test, gomem_mheap_unpin(mheap), 0UL);
	put_page(page);
	KUNIT_EXPECT_EQ(test, gomem_mheap_unpin(mheap), OWN);
	expect_sums(test, 1, GROWTH - 1, 0);
	gomem_mheap_free_span(run);
}

/* A page of a tail that somebody refers to goes back when they let go. */
static void tail_page_held(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	char *p = get_object(test, OBJECT);
	struct page *page = virt_to_page(p + OBJECT + 5 * PAGE_SIZE);

	KUNIT_EXPECT_EQ(test, page_count(page), GOMEM_PAGE_COUNT);
	get_page(page);
	put_object(test, p);
	KUNIT_EXPECT_EQ(test, mheap->pinned_pages, 0UL);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	put_page(page);
	expect_sums(test, 0, 0, 0);
}

/* The heap goes; the object that was leaked stays, and its tail goes back. */
static void tail_of_leaked_object(struct kunit *test)
{
	struct gomem_node *node = gomem_test_node(test);
	struct gomem_mheap *mheap = node->mheap;
	int nid = mheap->nid;
	unsigned long i;
	char *p[2];

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = get_object(test, OBJECT);
	/* One is freed, but held. */
	get_page(virt_to_page(p[1]));
	put_object(test, p[1]);
	gomem_mheap_destroy(mheap);
	KUNIT_EXPECT_EQ(test, mheap->tail_pages, 0UL);
	KUNIT_EXPECT_FALSE(test, gomem_owns(p[0]) || gomem_owns(p[0] + OBJECT));
	for (i = 0; i < OBJECT; i += PAGE_SIZE)
		if (page_count(virt_to_page(p[0] + i)) != GOMEM_PAGE_COUNT)
			break;
	KUNIT_EXPECT_EQ(test, i, (unsigned long)OBJECT);
	for (; i < SZ_4M; i += PAGE_SIZE)
		if (page_count(virt_to_page(p[0] + i)) == GOMEM_PAGE_COUNT)
			break;
	KUNIT_EXPECT_EQ(test, i, (unsigned long)SZ_4M);
	KUNIT_EXPECT_EQ(test, page_count(virt_to_page(p[1])), 1);
	put_page(virt_to_page(p[1]));
	/* As it was. */
	gomem_block_free_pages(mheap->meta, (unsigned long)p[0], OWN);
	mod_node_page_state(NODE_DATA(nid), NR_SLAB_UNRECLAIMABLE_B, -(long)OBJECT);
	i = (unsigned long)mheap->meta;
	memset(mheap, 0, sizeof(*mheap));
	gomem_mheap_init(mheap, nid, (void *)i);
	memset(&node->central[0].nspans, 0,
	       sizeof(node->central[0]) - offsetof(struct gomem_mcentral, nspans));
}

/* Large objects come and go while others grow into their tails. */
static void tail_under_load(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_load *load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	unsigned int i = 0, wrong = 0;
	char *p[3] = {};

	KUNIT_ASSERT_NOT_NULL(test, load);
	gomem_reclaim_start(heap);
	gomem_load_start(load, heap, GOMEM_LOAD_THREADS);
	while (atomic_long_read(&load->interrupts) < GOMEM_LOAD_INTERRUPTS) {
		char **q = &p[i++ % ARRAY_SIZE(p)];

		wrong += *q && memchr_inv(*q, i % ARRAY_SIZE(p), OBJECT);
		gomem_free(*q);
		*q = gomem_heap_alloc(heap, OBJECT, GFP_KERNEL);
		if (*q)
			memset(*q, i % ARRAY_SIZE(p), OBJECT);
		if (i % 16 == 0)
			gomem_heap_free_os_memory(heap);
		cond_resched();
	}
	gomem_load_stop(load);
	gomem_free_bulk(ARRAY_SIZE(p), (void **)p);
	gomem_reclaim_stop(heap);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&load->corrupt), 0L);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->tail_pages, 0UL);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
}

static struct kunit_case gomem_tail_cases[] = {
	KUNIT_CASE(tail_sizes),
	KUNIT_CASE(tail_of_reserves),
	KUNIT_CASE(tail_grown_into),
	KUNIT_CASE(tail_is_growth),
	KUNIT_CASE(tail_of_larger_heap),
	KUNIT_CASE(tail_comes_first),
	KUNIT_CASE(tail_of_medium_object),
	KUNIT_CASE(tail_atomic),
	KUNIT_CASE(tail_for_short_span),
	KUNIT_CASE(tail_aligned_runs),
	KUNIT_CASE(tail_misaligned_block),
	KUNIT_CASE(tail_fails),
	KUNIT_CASE(tail_changes_meanwhile),
	KUNIT_CASE(tail_stays),
	KUNIT_CASE(tail_goes_whole),
	KUNIT_CASE(tail_outlives_object),
	KUNIT_CASE(tail_piece_goes_first),
	KUNIT_CASE(tail_of_held_object),
	KUNIT_CASE(tail_page_held),
	KUNIT_CASE(tail_of_leaked_object),
	KUNIT_CASE(tail_under_load),
	{}
};

static struct kunit_suite gomem_tail_suite = {
	.name = "gomem_tail",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_tail_cases,
};

kunit_test_suites(&gomem_tail_suite);
