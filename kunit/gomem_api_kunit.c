// SPDX-License-Identifier: GPL-2.0
/*
 * The public functions: what include/linux/gomem.h promises of each, which is
 * what its kmalloc() namesake does.
 *
 * They work on the default heap, so every test compares what that heap says
 * after with what it said before: nothing stays allocated, nothing was freed
 * wrongly, and the books balance.  Expected sizes come from a search through
 * the class table, not from the look-up that the allocator uses.
 */
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "gomem_test.h"

static struct gomem_heap * const heap = &gomem_default_heap;

/* What the default heap said before the test. */
struct before {
	unsigned long live;
	long bad_frees, oom;
};

static int api_init(struct kunit *test)
{
	struct before *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	if (!b)
		return -ENOMEM;
	b->live = gomem_test_live(heap);
	b->bad_frees = gomem_test_events(heap, GOMEM_EV_BAD_FREE);
	b->oom = gomem_test_events(heap, GOMEM_EV_OOM);
	test->priv = b;
	return set_cpus_allowed_ptr(current,
				    cpumask_of(raw_smp_processor_id()));
}

static void api_exit(struct kunit *test)
{
	const struct before *b = test->priv;

	if (!b)
		return;
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), b->live);
	KUNIT_EXPECT_EQ(test, gomem_test_events(heap, GOMEM_EV_BAD_FREE),
			b->bad_frees);
	KUNIT_EXPECT_EQ(test, gomem_test_events(heap, GOMEM_EV_OOM), b->oom);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
}

/*
 * The compiler knows what gomem_alloc() is like: that it returns no pointer that
 * there is already, and how long the memory is that it returns.  Here these are
 * the questions, so it is not to know.
 */
static noinline void *get(size_t size, gfp_t gfp)
{
	void *p = gomem_alloc(size, gfp);

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static noinline void *renew(void *p, size_t size, gfp_t gfp)
{
	p = gomem_realloc(p, size, gfp);
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

/* The largest power of two that divides @size. */
static size_t divisor_of(size_t size)
{
	return size & -size;
}

/* Whole pages, if an eighth or more of the power of two is left. */
static size_t expected_whole_size(size_t size)
{
	size_t whole = roundup_pow_of_two(size);

	size = round_up(size, max(PAGE_SIZE, GOMEM_PAGE_SIZE));
	return whole <= SZ_4M && size <= whole / 8 * 7 ? size : whole;
}

/*
 * What @size is rounded up to: the first class with room, and alignment for all
 * that is rounded up to the same step; or whole pages.
 */
static size_t expected_size(size_t size)
{
	size_t step = size <= GOMEM_COARSE_BASE ? 1UL << GOMEM_FINE_SHIFT :
						  1UL << GOMEM_COARSE_SHIFT;
	unsigned int class;
	size_t align;

	if (size >= GOMEM_LEAST_WHOLE)
		return expected_whole_size(size);
	if (size > GOMEM_MAX_SMALL)
		return round_up(size, GOMEM_PAGE_SIZE);
	size = round_up(size, step);
	align = max_t(size_t, ARCH_KMALLOC_MINALIGN, divisor_of(size));
	for (class = 1; class < GOMEM_NR_CLASSES; class++)
		if (gomem_class[class].size >= size &&
		    IS_ALIGNED(gomem_class[class].size, align))
			return gomem_class[class].size;
	return 0;
}

static void check_size(struct kunit *test, size_t size)
{
	void *p = get(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), expected_size(size));
	KUNIT_EXPECT_EQ(test, gomem_size_roundup(size), expected_size(size));
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p,
					   ARCH_KMALLOC_MINALIGN));
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, divisor_of(size)));
	memset(p, 0xa5, gomem_usable_size(p));
	gomem_free(p);
}

static void api_every_class(struct kunit *test)
{
	unsigned int class;

	check_size(test, 1);
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		check_size(test, gomem_class[class].size - 1);
		check_size(test, gomem_class[class].size);
		check_size(test, gomem_class[class].size + 1);
	}
}

static void api_large_sizes(struct kunit *test)
{
	size_t size;

	for (size = 2 * GOMEM_MAX_SMALL; size < KMALLOC_MAX_SIZE; size *= 2) {
		check_size(test, size - 1);
		check_size(test, size);
		check_size(test, size + 1);
	}
	check_size(test, KMALLOC_MAX_SIZE - GOMEM_PAGE_SIZE);
	check_size(test, KMALLOC_MAX_SIZE - 1);
	check_size(test, KMALLOC_MAX_SIZE);
}

/* No failure of the memory: nobody has to be told to try again. */
static void api_too_large(struct kunit *test)
{
	static const size_t sizes[] = {
		KMALLOC_MAX_SIZE + 1UL, 2 * KMALLOC_MAX_SIZE, SIZE_MAX / 2,
		SIZE_MAX - 8192, SIZE_MAX,
	};
	unsigned int i;
	void *obj;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_NULL(test, get(sizes[i], GFP_KERNEL));
		KUNIT_EXPECT_NULL(test, get(sizes[i], GFP_KERNEL | __GFP_ZERO));
		KUNIT_EXPECT_NULL(test, get(sizes[i], GFP_KERNEL | GFP_DMA));
		KUNIT_EXPECT_EQ(test, gomem_alloc_bulk(sizes[i], GFP_KERNEL, 1,
						       &obj), 0);
		KUNIT_EXPECT_EQ(test, gomem_size_roundup(sizes[i]), sizes[i]);
	}
}

static void api_size_zero(struct kunit *test)
{
	u64 lookups = gomem_test_events(heap, GOMEM_EV_LOOKUP);
	void *objs[2] = {};

	KUNIT_EXPECT_PTR_EQ(test, get(0, GFP_KERNEL), ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, get(0, GFP_KERNEL | GFP_DMA), ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, gomem_zalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, gomem_alloc_node(0, GFP_KERNEL, NUMA_NO_NODE),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, gomem_alloc_array(0, 8, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, gomem_calloc(8, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, gomem_memdup("x", 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, gomem_alloc_bulk(0, GFP_KERNEL, 2, objs), 2);
	KUNIT_EXPECT_PTR_EQ(test, objs[1], ZERO_SIZE_PTR);
	gomem_free_bulk(2, objs);
	gomem_free(ZERO_SIZE_PTR);
	gomem_free_sensitive(ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, gomem_size_roundup(0), (size_t)0);
	KUNIT_EXPECT_EQ(test, (u64)gomem_test_events(heap, GOMEM_EV_LOOKUP),
			lookups);
}

/* Powers of two are aligned to themselves, next to objects that are not. */
static void api_natural_alignment(struct kunit *test)
{
	void *odd[4], *even[4];
	unsigned int i;
	size_t size;

	for (size = 8; size <= KMALLOC_MAX_SIZE; size *= 2) {
		for (i = 0; i < ARRAY_SIZE(even); i++) {
			odd[i] = get(size > 8192 ? 24576 : size + 1, GFP_KERNEL);
			even[i] = get(size, GFP_KERNEL);
		}
		KUNIT_EXPECT_TRUE(test, gomem_test_distinct(even, 4));
		for (i = 0; i < ARRAY_SIZE(even); i++)
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)even[i],
							   size));
		gomem_free_bulk(ARRAY_SIZE(odd), odd);
		gomem_free_bulk(ARRAY_SIZE(even), even);
	}
}

#define EACH	4

/* How many of @objs are not aligned as @size wants it, or are not there?  Free them. */
static unsigned int misaligned(void **objs, unsigned int nr, size_t size)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < nr; i++)
		wrong += !objs[i] ||
			 !IS_ALIGNED((unsigned long)objs[i], divisor_of(size));
	gomem_free_bulk(nr, objs);
	return wrong;
}

/* The same of some that are got in each way to get some, one after the other. */
static unsigned int misaligned_of(size_t size)
{
	unsigned int i, wrong, nr = size <= GOMEM_MAX_CACHED ? EACH : 1;
	void *objs[EACH];

	for (i = 0; i < nr; i++)
		objs[i] = get(size, GFP_KERNEL);
	wrong = misaligned(objs, nr, size);
	for (i = 0; i < nr; i++)
		objs[i] = gomem_zalloc(size, GFP_KERNEL);
	wrong += misaligned(objs, nr, size);
	if (!gomem_alloc_bulk(size, GFP_KERNEL, nr, objs))
		return wrong + nr;
	return wrong + misaligned(objs, nr, size);
}

/* @first, and so on by @step up to @last. */
static void check_alignment(struct kunit *test, size_t first, size_t last,
			    size_t step)
{
	unsigned int wrong = 0, n;
	size_t size, bad = 0;

	for (size = first; size <= last; size += step) {
		n = misaligned_of(size);
		if (n && !bad)
			bad = size;
		wrong += n;
		cond_resched();
	}
	KUNIT_EXPECT_EQ_MSG(test, wrong, 0U, "the first ones of %zu bytes", bad);
}

/* All sizes are aligned to what divides them. */
static void api_alignment_of_small(struct kunit *test)
{
	check_alignment(test, 8, GOMEM_MAX_CACHED, 8);
}

/* A block that is as long as can be, at the beginning of which lies what is returned. */
static void *get_block(void)
{
	gomem_free_os_memory();
	gomem_free(get(GOMEM_LEAST_WHOLE - GOMEM_PAGE_SIZE, GFP_KERNEL));
	return get(9 * GOMEM_PAGE_SIZE, GFP_KERNEL);
}

/* So are runs of pages, where what comes first is not aligned. */
static void api_alignment_of_large(struct kunit *test)
{
	const size_t step = 4096, some = 64 * step;
	size_t size, most = min_t(size_t, KMALLOC_MAX_SIZE, 4 << 20);
	void *odd;

	for (size = step; size < most; size += some) {
		odd = get_block();
		check_alignment(test, size, size + some - step, step);
		gomem_free(odd);
	}
	gomem_free_os_memory();
}

/* One piece of physical memory, in the direct map, of pages that are ours. */
static void api_contiguous(struct kunit *test)
{
	static const size_t sizes[] = {
		100, 8192, 32768, 100000, 1 << 20, KMALLOC_MAX_SIZE,
	};
	unsigned int i;
	size_t offset;
	char *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = get(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		for (offset = 0; offset < sizes[i]; offset += PAGE_SIZE) {
			struct page *page = virt_to_page(p + offset);

			KUNIT_EXPECT_EQ(test, __pa(p + offset),
					__pa(p) + offset);
			KUNIT_EXPECT_EQ(test, page_to_pfn(page),
					PFN_DOWN(__pa(p) + offset));
			KUNIT_EXPECT_TRUE(test, virt_addr_valid(p + offset));
			KUNIT_EXPECT_EQ(test, page_count(page), GOMEM_PAGE_COUNT);
		}
		gomem_free(p);
	}
}

/* Dirty memory of @size bytes lies ready for the next one who asks. */
static void leave_dirt(size_t size)
{
	void *p = get(size, GFP_KERNEL | __GFP_NOFAIL);

	memset(p, 0xff, gomem_usable_size(p));
	gomem_free(p);
}

static void expect_zeroes(struct kunit *test, void *p)
{
	OPTIMIZER_HIDE_VAR(p);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0, gomem_usable_size(p)));
	gomem_free(p);
}

static void api_zeroes(struct kunit *test)
{
	static const size_t sizes[] = { 1, 13, 64, 100, 1025, 5000, 8193, 20481,
		32760, 40001, 300000, 3000000 };
	unsigned int i;
	void *obj;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];

		leave_dirt(size);
		expect_zeroes(test, gomem_zalloc(size, GFP_KERNEL));
		leave_dirt(size);
		expect_zeroes(test, gomem_calloc(1, size, GFP_KERNEL));
		leave_dirt(size);
		expect_zeroes(test, gomem_alloc_node(size, GFP_KERNEL | __GFP_ZERO,
						     numa_mem_id()));
		leave_dirt(size);
		expect_zeroes(test, gomem_realloc(NULL, size,
						  GFP_KERNEL | __GFP_ZERO));
		leave_dirt(size);
		KUNIT_ASSERT_EQ(test, gomem_alloc_bulk(size, GFP_KERNEL | __GFP_ZERO,
						       1, &obj), 1);
		expect_zeroes(test, obj);
		expect_zeroes(test, get(size, GFP_ATOMIC | GFP_DMA | __GFP_ZERO));
	}
}

static void api_array_overflow(struct kunit *test)
{
	size_t half = SIZE_MAX / 2 + 1, root = 1UL << 32;
	void *p;

	KUNIT_EXPECT_NULL(test, gomem_alloc_array(half, 2, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, gomem_alloc_array(2, half, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, gomem_alloc_array(root, root, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, gomem_alloc_array(root + 1, root, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, gomem_calloc(SIZE_MAX, SIZE_MAX, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, gomem_calloc(SIZE_MAX / 16 + 2, 16, GFP_KERNEL));
	p = gomem_alloc_array(30, 33, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), expected_size(30 * 33));
	gomem_free(p);
}

static void api_realloc_in_place(struct kunit *test)
{
	u8 *p = renew(NULL, 100, GFP_KERNEL), *q;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gomem_usable_size(p), (size_t)112);
	memset(p, 0x11, 112);
	q = renew(p, 112, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	q = renew(p, 1, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0x11, 50));
	q = renew(p, 50, GFP_KERNEL | __GFP_ZERO);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0x11, 50));
	KUNIT_EXPECT_NULL(test, memchr_inv(p + 50, 0, 112 - 50));
	q = renew(p, 0, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, ZERO_SIZE_PTR);
	q = renew(ZERO_SIZE_PTR, 10, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, gomem_owns(q));
	gomem_free(q);
	q = renew(NULL, 0, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, ZERO_SIZE_PTR);
}

/* Where it is it may be large enough and yet not aligned as the new size is. */
static void api_realloc_aligns(struct kunit *test)
{
	static const size_t sizes[] = { 2688, 2560, 2048, 512, 500, 49152, 40960,
		106496, 98304, 65536, 20480, 4096 };
	unsigned int i, j, misaligned = 0, corrupt = 0;
	size_t kept = 0;
	u8 *p[8] = {};

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(p); j++) {
			p[j] = renew(p[j], sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[j]);
			misaligned += !IS_ALIGNED((unsigned long)p[j],
						  divisor_of(sizes[i]));
			corrupt += !!memchr_inv(p[j], i, min(kept, sizes[i]));
			memset(p[j], i + 1, sizes[i]);
		}
		kept = sizes[i];
	}
	KUNIT_EXPECT_EQ(test, misaligned, 0U);
	KUNIT_EXPECT_EQ(test, corrupt, 0U);
	for (j = 0; j < ARRAY_SIZE(p); j++)
		gomem_free(p[j]);
}

static void api_realloc_moves(struct kunit *test)
{
	static const size_t sizes[] = { 8, 9, 1000, 8193, 32769, 70000, 1 << 21 };
	unsigned long live = gomem_test_live(heap);
	size_t old;
	unsigned int i;
	u8 *p;

	p = get(sizes[0], GFP_KERNEL);
	for (i = 1; i < ARRAY_SIZE(sizes); i++) {
		old = gomem_usable_size(p);
		KUNIT_ASSERT_LT(test, old, sizes[i]);
		memset(p, i, old);
		leave_dirt(sizes[i]);
		p = renew(p, sizes[i], GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_EQ(test, gomem_usable_size(p),
				expected_size(sizes[i]));
		KUNIT_EXPECT_NULL(test, memchr_inv(p, i, old));
		KUNIT_EXPECT_NULL(test, memchr_inv(p + old, 0, sizes[i] - old));
		KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live + 1);
	}
	gomem_free(p);
}

/* Then what was there stays there. */
static void api_realloc_fails(struct kunit *test)
{
	u8 *p = get(64, GFP_KERNEL), *foreign = kmalloc(64, GFP_KERNEL);
	struct before *b = test->priv;

	KUNIT_ASSERT_NOT_NULL(test, foreign);
	memset(p, 0x22, 64);
	memset(foreign, 0x33, 64);
	KUNIT_EXPECT_NULL(test, renew(p, KMALLOC_MAX_SIZE + 1UL, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)64);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0x22, 64));

	KUNIT_EXPECT_NULL(test, renew(foreign, 100, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, memchr_inv(foreign, 0x33, 64));
	KUNIT_EXPECT_NULL(test, renew(p + 8, 100, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0x22, 64));
	b->bad_frees += 2;
	kfree(foreign);
	gomem_free(p);
}

static void api_bulk(struct kunit *test)
{
	static const size_t sizes[] = { 8, 64, 1000, 8192, 32768, 40000 };
	unsigned long live = gomem_test_live(heap);
	void **objs = gomem_test_array(test, 100);
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_ASSERT_EQ(test, gomem_alloc_bulk(sizes[i], GFP_KERNEL,
						       100, objs), 100);
		KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, 100));
		KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live + 100);
		for (j = 0; j < 100; j++)
			KUNIT_EXPECT_EQ(test, gomem_usable_size(objs[j]),
					expected_size(sizes[i]));
		gomem_free(objs[50]);
		objs[50] = NULL;
		gomem_free_bulk(100, objs);
		KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live);
	}
	KUNIT_EXPECT_EQ(test, gomem_alloc_bulk(8, GFP_KERNEL, 0, objs), 0);
	KUNIT_EXPECT_EQ(test, gomem_alloc_bulk(8, GFP_KERNEL, SIZE_MAX, objs), 0);
	gomem_free_bulk(0, objs);
}

/* What is not the start of an object has no size; what is not ours, no owner. */
static void api_usable_size_and_owns(struct kunit *test)
{
	char *p = get(200, GFP_KERNEL), *large = get(100000, GFP_KERNEL);
	char *foreign = kmalloc(64, GFP_KERNEL), on_stack = 0;
	const void *not_ours[] = {
		NULL, ZERO_SIZE_PTR, foreign, &on_stack, api_init,
		(void *)0x1000, (void *)ULONG_MAX, (void *)PAGE_OFFSET - 1,
	};
	unsigned int i;

	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)208);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p + 8), (size_t)0);
	KUNIT_EXPECT_TRUE(test, gomem_owns(p));
	KUNIT_EXPECT_TRUE(test, gomem_owns(p + 207));
	KUNIT_EXPECT_EQ(test, gomem_usable_size(large), (size_t)106496);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(large + 1), (size_t)0);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(large + 8192), (size_t)0);
	KUNIT_EXPECT_TRUE(test, gomem_owns(large + 106495));
	for (i = 0; i < ARRAY_SIZE(not_ours); i++) {
		KUNIT_EXPECT_EQ(test, gomem_usable_size(not_ours[i]), (size_t)0);
		KUNIT_EXPECT_FALSE(test, gomem_owns(not_ours[i]));
	}
	gomem_free(large);
	gomem_free(p);
	kfree(foreign);

	/* More than an arena: a block of its own, gone when it is freed. */
	large = get(KMALLOC_MAX_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, gomem_owns(large + KMALLOC_MAX_SIZE - 1));
	gomem_free(large);
	KUNIT_EXPECT_FALSE(test, gomem_owns(large));
}

static void api_dup(struct kunit *test)
{
	char *s = gomem_strdup("gomem", GFP_KERNEL);
	char *empty = gomem_strdup("", GFP_KERNEL);
	u8 *data = gomem_memdup("a\0b", 4, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_NOT_NULL(test, empty);
	KUNIT_ASSERT_NOT_NULL(test, data);
	KUNIT_EXPECT_STREQ(test, (const char *)s, "gomem");
	KUNIT_EXPECT_EQ(test, gomem_usable_size(s), expected_size(6));
	KUNIT_EXPECT_EQ(test, empty[0], '\0');
	KUNIT_EXPECT_EQ(test, memcmp(data, "a\0b", 4), 0);
	KUNIT_EXPECT_NULL(test, gomem_strdup(NULL, GFP_KERNEL));
	gomem_free(s);
	gomem_free(empty);
	gomem_free(data);
}

/* The object waits in a magazine then, its span kept by another one. */
static void api_free_sensitive(struct kunit *test)
{
	void *neighbour = get(640, GFP_KERNEL);
	u8 *p = get(600, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x44, 640);
	gomem_free_sensitive(p);
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0, 640));
	gomem_free_sensitive(NULL);
	gomem_free(neighbour);
}

static u64 naccount(struct kunit *test)
{
	struct gomem_snapshot *snap;

	snap = kunit_kzalloc(test, sizeof(*snap), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, snap);
	gomem_snapshot(heap, snap);
	return snap->naccount;
}

static void api_account(struct kunit *test)
{
	u64 before = naccount(test);
	void *small = get(100, GFP_KERNEL_ACCOUNT);
	void *large = get(100000, GFP_KERNEL_ACCOUNT);
	void *zeroed = gomem_zalloc(100, GFP_KERNEL_ACCOUNT);

	KUNIT_EXPECT_NOT_NULL(test, small);
	KUNIT_EXPECT_NOT_NULL(test, large);
	KUNIT_EXPECT_EQ(test, naccount(test), before + 3);
	gomem_free(get(100, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, naccount(test), before + 3);
	gomem_free(small);
	gomem_free(large);
	expect_zeroes(test, zeroed);
}

/* Of no zone above the one asked for, and not from anybody's cache. */
static void api_zones(struct kunit *test)
{
	static const gfp_t zones[] = { GFP_DMA, GFP_DMA32 };
	static const size_t sizes[] = { 8, 640, 8192, 32768, 50000 };
	unsigned int i, j;
	void *p;

	for (i = 0; i < ARRAY_SIZE(zones); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			leave_dirt(sizes[j]);
			p = get(sizes[j], GFP_KERNEL | zones[i]);
			KUNIT_ASSERT_NOT_NULL(test, p);
			KUNIT_EXPECT_LE(test, (int)page_zonenum(virt_to_page(p)),
					(int)gfp_zone(zones[i]));
			KUNIT_EXPECT_GE(test, gomem_usable_size(p), sizes[j]);
			KUNIT_EXPECT_EQ(test, gomem_span_central(gomem_span_of(p))->uncached,
					IS_ENABLED(CONFIG_ZONE_DMA32) ||
					(!i && IS_ENABLED(CONFIG_ZONE_DMA)));
			gomem_free(p);
		}
	}
}

static void api_nodes(struct kunit *test)
{
	int here = numa_mem_id(), nid;
	void *p;

	p = gomem_alloc_node(100, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)112);
	gomem_free(p);
	p = gomem_alloc_node(100, GFP_KERNEL | __GFP_THISNODE, here);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)112);
	KUNIT_EXPECT_EQ(test, page_to_nid(virt_to_page(p)), here);
	gomem_free(p);
	for_each_node_state(nid, N_MEMORY) {
		p = gomem_alloc_node(100, GFP_KERNEL | __GFP_THISNODE, nid);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_EQ(test, page_to_nid(virt_to_page(p)), nid);
		gomem_free(p);
	}
	KUNIT_EXPECT_NULL(test, gomem_alloc_node(100, GFP_KERNEL, nr_node_ids));
	KUNIT_EXPECT_NULL(test, gomem_alloc_node(100, GFP_KERNEL, INT_MAX));
	KUNIT_EXPECT_NULL(test, gomem_alloc_node(100, GFP_KERNEL, -2));
}

/*
 * Nothing sleeps where GFP_ATOMIC says not to (lockdep would tell): under a spinlock,
 * which on PREEMPT_RT is as far as GFP_ATOMIC goes, and has interrupts off elsewhere.
 */
static void api_interrupts_off(struct kunit *test)
{
	void **objs = gomem_test_array(test, 2 * GOMEM_NR_CACHED);
	static DEFINE_SPINLOCK(lock);
	unsigned int class, nr = 0;
	unsigned long flags;
	bool distinct;

	spin_lock_irqsave(&lock, flags);
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		objs[nr++] = get(gomem_class[class].size, GFP_ATOMIC);
		objs[nr++] = get(gomem_class[class].size, GFP_NOWAIT);
	}
	objs[nr++] = get(100000, GFP_ATOMIC);
	objs[nr++] = get(100, GFP_ATOMIC | GFP_DMA);
	distinct = gomem_test_distinct(objs, nr);
	gomem_free_bulk(nr, objs);
	spin_unlock_irqrestore(&lock, flags);
	KUNIT_EXPECT_TRUE(test, distinct);
}

#ifdef DEFINE_FREE
static void free_at_end_of_scope(struct kunit *test)
{
	unsigned long live = gomem_test_live(heap);

	void *scoped __free(gomem_free) = gomem_alloc(64, GFP_KERNEL);
	void *nothing __free(gomem_free) = NULL;
	void *kept __free(gomem_free) = gomem_alloc(64, GFP_KERNEL);

	KUNIT_EXPECT_NOT_NULL(test, scoped);
	KUNIT_EXPECT_NULL(test, nothing);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live + 2);
	gomem_free(no_free_ptr(kept));
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live + 1);
}
#endif

static void api_cleanup(struct kunit *test)
{
#ifdef DEFINE_FREE
	unsigned long live = gomem_test_live(heap);

	free_at_end_of_scope(test);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), live);
#else
	kunit_skip(test, "this kernel has no cleanup.h");
#endif
}

/* Objects of all sizes at once, each full of its number, come and go. */
#define NR_OBJECTS	500

static size_t random_size(struct rnd_state *rnd)
{
	unsigned int class = prandom_u32_state(rnd) % GOMEM_NR_CACHED;

	if (class)
		return gomem_class[class].size - 1 + prandom_u32_state(rnd) % 3;
	return GOMEM_MAX_SMALL + prandom_u32_state(rnd) % 200000;
}

static unsigned int replace(void **obj, u8 fill, struct rnd_state *rnd,
			    gfp_t gfp)
{
	unsigned int corrupt = 0;

	if (*obj && memchr_inv(*obj, fill, gomem_usable_size(*obj)))
		corrupt = 1;
	gomem_free(*obj);
	*obj = get(random_size(rnd), gfp | __GFP_NOWARN);
	if (*obj)
		memset(*obj, fill, gomem_usable_size(*obj));
	return corrupt;
}

static void api_contents_stay(struct kunit *test)
{
	void **objs = gomem_test_array(test, NR_OBJECTS);
	unsigned int i, slot, corrupt = 0;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 42);
	for (i = 0; i < 10 * NR_OBJECTS; i++) {
		slot = prandom_u32_state(&rnd) % NR_OBJECTS;
		corrupt += replace(&objs[slot], slot, &rnd,
				   i % 8 ? GFP_KERNEL : GFP_ATOMIC);
		cond_resched();
	}
	KUNIT_EXPECT_TRUE(test, gomem_test_live(heap) > NR_OBJECTS / 2);
	for (i = 0; i < NR_OBJECTS; i++) {
		if (objs[i] && memchr_inv(objs[i], (u8)i, gomem_usable_size(objs[i])))
			corrupt++;
		gomem_free(objs[i]);
	}
	KUNIT_EXPECT_EQ(test, corrupt, 0U);
}

static struct kunit_case gomem_api_cases[] = {
	KUNIT_CASE(api_every_class),
	KUNIT_CASE(api_large_sizes),
	KUNIT_CASE(api_too_large),
	KUNIT_CASE(api_size_zero),
	KUNIT_CASE(api_natural_alignment),
	KUNIT_CASE(api_alignment_of_small),
	KUNIT_CASE(api_alignment_of_large),
	KUNIT_CASE(api_contiguous),
	KUNIT_CASE(api_zeroes),
	KUNIT_CASE(api_array_overflow),
	KUNIT_CASE(api_realloc_in_place),
	KUNIT_CASE(api_realloc_aligns),
	KUNIT_CASE(api_realloc_moves),
	KUNIT_CASE(api_realloc_fails),
	KUNIT_CASE(api_bulk),
	KUNIT_CASE(api_usable_size_and_owns),
	KUNIT_CASE(api_dup),
	KUNIT_CASE(api_free_sensitive),
	KUNIT_CASE(api_account),
	KUNIT_CASE(api_zones),
	KUNIT_CASE(api_nodes),
	KUNIT_CASE(api_interrupts_off),
	KUNIT_CASE(api_cleanup),
	KUNIT_CASE(api_contents_stay),
	{}
};

static struct kunit_suite gomem_api_suite = {
	.name = "gomem_api",
	.init = api_init,
	.exit = api_exit,
	.test_cases = gomem_api_cases,
};

kunit_test_suite(gomem_api_suite);
