// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of walks over the blocks of a page heap, while blocks come and go.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>

#include "gomem_test.h"
#include "walk.h"

#define BLOCK	(256UL << 10)
#define NR	8

/* Objects of 256 KiB, a block each. */
static void get_blocks(struct kunit *test, void **p)
{
	unsigned int i;

	for (i = 0; i < NR; i++) {
		p[i] = gomem_heap_alloc(gomem_test_heap(test), BLOCK, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	KUNIT_ASSERT_EQ(test, gomem_test_mheap(test)->nr_blocks, (unsigned long)NR);
}

static unsigned long descriptors(struct kunit *test)
{
	rcu_barrier();
	return atomic_long_read(&gomem_test_heap(test)->meta->bytes[GOMEM_META_GC]);
}

static unsigned int blocks_left(struct gomem_walk *walk)
{
	unsigned int nr = 0;

	while (gomem_walk_next(walk))
		nr++;
	return nr;
}

static void walk_sees_all(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_block *block;
	struct gomem_walk walk;
	unsigned int i;
	void *p[NR];

	gomem_walk_begin(&walk, mheap);
	KUNIT_EXPECT_EQ(test, blocks_left(&walk), 0U);
	get_blocks(test, p);
	gomem_walk_begin(&walk, mheap);
	for (i = 0; i < NR; i++) {
		block = gomem_walk_next(&walk);
		KUNIT_ASSERT_NOT_NULL(test, block);
		KUNIT_EXPECT_EQ(test, block->base, (unsigned long)p[i]);
		KUNIT_EXPECT_EQ(test, block->pins, 1U);
	}
	KUNIT_EXPECT_NULL(test, gomem_walk_next(&walk));
	KUNIT_EXPECT_NULL(test, gomem_walk_next(&walk));
	KUNIT_EXPECT_EQ(test, block->pins, 0U);
	gomem_free_bulk(NR, p);
}

/* The block where a walk stands goes, and those around it; the walk goes on. */
static void walk_outlives_blocks(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_block *block, *other;
	struct gomem_walk walk, second;
	unsigned long bytes;
	void *p[NR];

	get_blocks(test, p);
	bytes = descriptors(test);
	gomem_walk_begin(&walk, mheap);
	gomem_walk_begin(&second, mheap);
	gomem_walk_next(&walk);
	block = gomem_walk_next(&walk);
	gomem_walk_next(&second);
	KUNIT_EXPECT_PTR_EQ(test, gomem_walk_next(&second), block);
	KUNIT_EXPECT_EQ(test, block->pins, 2U);

	/* The second, where they stand, and the third, which is next. */
	gomem_free_bulk(2, p + 1);
	KUNIT_EXPECT_EQ(test, gomem_mheap_trim(mheap, 0), 2 * BLOCK / GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, mheap->nr_blocks, (unsigned long)NR - 2);
	KUNIT_EXPECT_FALSE(test, gomem_owns(p[1]));
	/* One descriptor is there, and one is not; what is in it is still true. */
	KUNIT_EXPECT_EQ(test, descriptors(test), bytes / NR * (NR - 1));
	KUNIT_EXPECT_EQ(test, block->npages, (u32)(BLOCK / GOMEM_PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, block->gone);
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);

	other = gomem_walk_next(&walk);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_EXPECT_EQ(test, other->base, (unsigned long)p[3]);
	KUNIT_EXPECT_EQ(test, descriptors(test), bytes / NR * (NR - 1));
	KUNIT_EXPECT_PTR_EQ(test, gomem_walk_next(&second), other);
	KUNIT_EXPECT_EQ(test, descriptors(test), bytes / NR * (NR - 2));
	KUNIT_EXPECT_EQ(test, blocks_left(&walk), NR - 4U);
	gomem_walk_end(&second);
	KUNIT_EXPECT_EQ(test, other->pins, 0U);
	gomem_walk_end(&walk);

	gomem_free(p[0]);
	gomem_free_bulk(NR - 3, p + 3);
}

/* All blocks go while a walk stands on the last one, or has just begun. */
static void walk_over_nothing(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	struct gomem_walk walk, fresh;
	unsigned int i;
	void *p[NR];

	get_blocks(test, p);
	gomem_walk_begin(&walk, mheap);
	gomem_walk_begin(&fresh, mheap);
	for (i = 0; i < NR; i++)
		gomem_walk_next(&walk);
	gomem_free_bulk(NR, p);
	gomem_mheap_trim(mheap, 0);
	KUNIT_EXPECT_GT(test, descriptors(test), 0UL);
	/* What is gone is passed by, even if somebody stands on it. */
	KUNIT_EXPECT_NULL(test, gomem_walk_next(&fresh));
	KUNIT_EXPECT_NULL(test, gomem_walk_next(&walk));
	KUNIT_EXPECT_EQ(test, descriptors(test), 0UL);
	KUNIT_EXPECT_TRUE(test, list_empty(&mheap->blocks));
}

/* A heap that grows as fast as it is walked over does not keep a walk for ever. */
static void walk_ends(struct kunit *test)
{
	struct gomem_mheap *mheap = gomem_test_mheap(test);
	unsigned int i = 0;
	struct gomem_walk walk;
	void *p[NR], *more[2 * NR];

	get_blocks(test, p);
	gomem_walk_begin(&walk, mheap);
	while (i < 2 * NR && gomem_walk_next(&walk))
		more[i++] = gomem_heap_alloc(gomem_test_heap(test), BLOCK, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, i, (unsigned int)NR);
	gomem_walk_end(&walk);
	gomem_free_bulk(NR, p);
	gomem_free_bulk(i, more);
}

/* Walks and checks beside threads that allocate, and memory that goes back. */
static void walk_under_load(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_load *load;

	load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load);
	gomem_load_start(load, heap, 2);
	while (atomic_long_read(&load->interrupts) < GOMEM_LOAD_INTERRUPTS) {
		KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
		gomem_heap_free_os_memory(heap);
	}
	gomem_load_stop(load);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&load->corrupt), 0L);
}

/* Books that are balanced are said to be, with @span in each state on its way out. */
static void expect_balanced(struct kunit *test, struct gomem_span *span)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_block_of(span)->node->mheap;
	struct page *page = virt_to_page((void *)gomem_span_base(span));

	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	span->state = GOMEM_SPAN_DYING;
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	get_page(page);
	gomem_mheap_free_span(span);
	KUNIT_EXPECT_EQ(test, mheap->nr_pinned, 1UL);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	put_page(page);
	gomem_mheap_unpin(mheap);
	KUNIT_EXPECT_EQ(test, mheap->nr_pinned, 0UL);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
}

/*
 * A span that is dying is still counted, and counted once; one to which others refer is
 * counted as idle.
 */
static void walk_counts_dying_spans(struct kunit *test)
{
	/* Of a block with others; a block each; the same, with a tail. */
	static const size_t large[] = { 100000, SZ_1M, SZ_1M + 100000 };
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p = gomem_heap_alloc(heap, 8192, GFP_KERNEL);
	unsigned int i;

	gomem_free(p);
	expect_balanced(test, gomem_test_span(test, gomem_size_class(1024)));
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		p = gomem_heap_alloc(heap, large[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		expect_balanced(test, gomem_span_of(p));
	}
}

static struct kunit_case gomem_walk_cases[] = {
	KUNIT_CASE(walk_sees_all),
	KUNIT_CASE(walk_outlives_blocks),
	KUNIT_CASE(walk_over_nothing),
	KUNIT_CASE(walk_ends),
	KUNIT_CASE(walk_counts_dying_spans),
	KUNIT_CASE(walk_under_load),
	{}
};

static struct kunit_suite gomem_walk_suite = {
	.name = "gomem_walk",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_walk_cases,
};

kunit_test_suite(gomem_walk_suite);
