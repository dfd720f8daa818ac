// SPDX-License-Identifier: GPL-2.0
/*
 * Wrong use: what gomem_free() must not be given, and is given here.
 *
 * Each mistake is counted once, in the heap that it was made in: that of the
 * object, or the default heap for what is no object of any.  It does no harm
 * then: no object is handed out to two, the books balance, and everything can
 * be taken apart afterwards, which gomem_test_exit() does.
 *
 * When it is found out depends on what it is: a repeat of the last free, a
 * large object, and what is no object at once; the rest when the object
 * returns to its span, which these tests bring about by draining the heap.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "gomem_test.h"

#define MANY	200

static long bad_frees(struct gomem_heap *heap)
{
	return gomem_test_events(heap, GOMEM_EV_BAD_FREE);
}

static long default_bad_frees(void)
{
	return bad_frees(&gomem_default_heap);
}

static void *take(struct kunit *test, size_t size)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

/* Nothing is allocated; nothing that is from now on is handed out twice. */
static void expect_no_harm(struct kunit *test, size_t size)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = gomem_test_array(test, MANY);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	for (i = 0; i < MANY; i++)
		objs[i] = take(test, size);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, MANY));
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), (unsigned long)MANY);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, gomem_usable_size(objs[i]),
				gomem_size_roundup(size));
	gomem_free_bulk(MANY, objs);
}

/* Whatever the state of the magazines is, a repeat is seen at once. */
static void badfree_repeat(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = gomem_test_array(test, MANY);
	unsigned int i;

	for (i = 0; i < MANY; i++)
		objs[i] = take(test, 64);
	for (i = 0; i < MANY; i++) {
		gomem_free(objs[i]);
		gomem_free(objs[i]);
		KUNIT_EXPECT_EQ(test, bad_frees(heap), i + 1L);
	}
	expect_no_harm(test, 64);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), (long)MANY);
}

/* The default heap has its own code for this. */
static void badfree_repeat_default_heap(struct kunit *test)
{
	unsigned long live = gomem_test_live(&gomem_default_heap);
	void **objs = gomem_test_array(test, 10);
	long before = default_bad_frees();
	unsigned int i;

	for (i = 0; i < 10; i++)
		objs[i] = gomem_alloc(100, GFP_KERNEL);
	for (i = 0; i < 10; i++) {
		gomem_free(objs[i]);
		gomem_free(objs[i]);
		KUNIT_EXPECT_EQ(test, default_bad_frees(), before + i + 1);
	}
	for (i = 0; i < 10; i++)
		objs[i] = gomem_alloc(100, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, 10));
	gomem_free_bulk(10, objs);
	KUNIT_EXPECT_EQ(test, gomem_test_live(&gomem_default_heap), live);
	KUNIT_EXPECT_EQ(test, gomem_check(&gomem_default_heap, NULL), 0U);
}

/* Also where whole magazines go to the depot at once. */
static void badfree_repeat_in_bulk(struct kunit *test)
{
	unsigned long live = gomem_test_live(&gomem_default_heap);
	void **objs = gomem_test_array(test, MANY + 1);
	long before = default_bad_frees();
	unsigned int i;

	for (i = 1; i <= MANY; i++) {
		KUNIT_ASSERT_EQ(test, gomem_alloc_bulk(64, GFP_KERNEL, MANY,
						       objs), MANY);
		memmove(objs + i, objs + i - 1, (MANY + 1 - i) * sizeof(*objs));
		gomem_free_bulk(MANY + 1, objs);
		KUNIT_EXPECT_EQ(test, default_bad_frees(), before + i);
	}
	KUNIT_EXPECT_EQ(test, gomem_test_live(&gomem_default_heap), live);
	KUNIT_EXPECT_EQ(test, gomem_check(&gomem_default_heap, NULL), 0U);
}

/* Right and wrong ones together: the right ones are freed, each wrong counts. */
static void badfree_in_bulk(struct kunit *test)
{
	unsigned long live = gomem_test_live(&gomem_default_heap);
	void *a = gomem_alloc(64, GFP_KERNEL), *b = gomem_alloc(64, GFP_KERNEL);
	void *large = gomem_alloc(100000, GFP_KERNEL);
	void *other = take(test, 64);
	void *objs[] = { a, a, NULL, large, b, test, ZERO_SIZE_PTR, other, b };
	long before = default_bad_frees();

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_ASSERT_NOT_NULL(test, large);
	gomem_free_bulk(ARRAY_SIZE(objs), objs);
	/* The second a, what is not gomem's, and the second b. */
	KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 3);
	KUNIT_EXPECT_EQ(test, gomem_test_live(&gomem_default_heap), live);
	KUNIT_EXPECT_EQ(test, gomem_test_live(gomem_test_heap(test)), 0UL);
	KUNIT_EXPECT_EQ(test, gomem_check(&gomem_default_heap, NULL), 0U);
}

/* The span lives on: another object of it is allocated. */
static void badfree_double_later(struct kunit *test)
{
	static const size_t sizes[] = { 8, 64, 640, 2048, 6144 };
	struct gomem_heap *heap = gomem_test_heap(test);
	void *a, *b, *kept;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		kept = take(test, sizes[i]);
		a = take(test, sizes[i]);
		b = take(test, sizes[i]);
		gomem_free(a);
		gomem_free(b);
		gomem_free(a);
		gomem_heap_drain(heap);
		KUNIT_EXPECT_EQ(test, bad_frees(heap), i + 1L);
		KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 1UL);
		gomem_free(kept);
		expect_no_harm(test, sizes[i]);
	}
}

/* The span dies of the right frees, before it comes to the wrong one. */
static void badfree_double_of_last(struct kunit *test)
{
	static const size_t sizes[] = { 8, 64, 640, 32768 };
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i;
	void *a, *b;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		a = take(test, sizes[i]);
		b = take(test, sizes[i]);
		gomem_free(a);
		gomem_free(b);
		gomem_free(a);
		gomem_heap_drain(heap);
		KUNIT_EXPECT_EQ(test, bad_frees(heap), i + 1L);
		expect_no_harm(test, sizes[i]);
		gomem_heap_drain(heap);
	}
}

static long free_there(void *p)
{
	gomem_free(p);
	return 0;
}

/* Once on this CPU, once on another one: neither sees a repeat. */
static void badfree_double_on_two_cpus(struct kunit *test)
{
	int cpu = raw_smp_processor_id(), other = gomem_test_other_cpu(cpu);
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p = take(test, 64), *kept = take(test, 64);

	if (other == cpu) {
		gomem_free(p);
		gomem_free(kept);
		kunit_skip(test, "there is one CPU only");
	}
	gomem_free(p);
	work_on_cpu(other, free_there, p);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 0L);
	gomem_heap_drain(heap);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 1L);
	gomem_free(kept);
	expect_no_harm(test, 64);
}

/* 39 objects of 208 bytes fill a span but for 80 bytes. */
static void badfree_interior(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	char *p = take(test, 208), *span;

	span = (char *)gomem_span_base(gomem_span_of(p));
	gomem_free(p + 8);
	gomem_free(p + 1);
	gomem_free(p + 207);
	gomem_free(span + 39 * 208);
	gomem_free(span + 8191);
	gomem_heap_drain(heap);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 5L);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 1UL);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)208);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	gomem_free(p);
	gomem_heap_drain(heap);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 5L);
	expect_no_harm(test, 208);
}

static void badfree_large(struct kunit *test)
{
	static const size_t sizes[] = { 100000, KMALLOC_MAX_SIZE };
	unsigned long live = gomem_test_live(&gomem_default_heap);
	long before = default_bad_frees();
	unsigned int i;
	char *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gomem_alloc(sizes[i], GFP_KERNEL);
		gomem_free(p + 8);
		gomem_free(p + 8192);
		gomem_free(p + sizes[i] - 1);
		KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 4 * i + 3);
		KUNIT_EXPECT_EQ(test, gomem_test_live(&gomem_default_heap),
				live + 1);
		KUNIT_EXPECT_GE(test, gomem_usable_size(p), sizes[i]);
		gomem_free(p);
		KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 4 * i + 3);
		gomem_free(p);
		KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 4 * i + 4);
		KUNIT_EXPECT_EQ(test, gomem_test_live(&gomem_default_heap), live);
	}
	KUNIT_EXPECT_EQ(test, gomem_check(&gomem_default_heap, NULL), 0U);
}

/*
 * Large objects that CPUs cache: what points into another page than the first is
 * seen at once, as is a repeat; what points into the first when it is drained.
 */
static void badfree_run(struct kunit *test)
{
	unsigned long live = gomem_test_live(&gomem_default_heap);
	char *p = gomem_alloc(60000, GFP_KERNEL);
	long before = default_bad_frees();

	KUNIT_ASSERT_NOT_NULL(test, p);
	gomem_free(p + 8192);
	gomem_free(p + 65535);
	KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 2);
	gomem_free(p + 8);
	gomem_heap_drain(&gomem_default_heap);
	KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 3);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(p), (size_t)65536);
	gomem_free(p);
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 4);
	gomem_heap_drain(&gomem_default_heap);
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 5);
	KUNIT_EXPECT_EQ(test, gomem_test_live(&gomem_default_heap), live);
	KUNIT_EXPECT_EQ(test, gomem_check(&gomem_default_heap, NULL), 0U);
}

static void badfree_foreign(struct kunit *test)
{
	static char in_data[16];
	u8 *slab = kmalloc(64, GFP_KERNEL), *vmalloced = vmalloc(100);
	long before = default_bad_frees();
	char on_stack[16];
	const void *foreign[] = {
		slab, vmalloced, on_stack, in_data, badfree_foreign,
		(void *)0x100, (void *)0x1000, (void *)0x7f0000001000,
		(void *)0x0123456789abcdef, (void *)0x8000000000000000,
		(void *)PAGE_OFFSET - 1, (void *)PAGE_OFFSET + (1UL << 46),
		(void *)ULONG_MAX,
	};
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, slab);
	KUNIT_ASSERT_NOT_NULL(test, vmalloced);
	memset(slab, 0x55, 64);
	for (i = 0; i < ARRAY_SIZE(foreign); i++) {
		gomem_free(foreign[i]);
		KUNIT_EXPECT_EQ(test, default_bad_frees(), before + i + 1);
	}
	KUNIT_EXPECT_NULL(test, memchr_inv(slab, 0x55, 64));
	KUNIT_EXPECT_EQ(test, gomem_check(&gomem_default_heap, NULL), 0U);
	vfree(vmalloced);
	kfree(slab);
}

/* Neither is wrong. */
static void badfree_nothing(struct kunit *test)
{
	long before = default_bad_frees();

	gomem_free(NULL);
	gomem_free(NULL);
	gomem_free(ZERO_SIZE_PTR);
	gomem_free_sensitive(NULL);
	gomem_free_sensitive(ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, default_bad_frees(), before);
}

/* Its span is idle, then given back to the kernel: no object of any heap. */
static void badfree_after_its_span(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p = take(test, 64), *neighbour = take(test, 640);
	long before = default_bad_frees();

	gomem_free(p);
	gomem_heap_drain(heap);
	KUNIT_ASSERT_TRUE(test, gomem_owns(p));
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 1);

	gomem_free(neighbour);
	gomem_heap_drain(heap);
	gomem_mheap_trim(gomem_test_node(test)->mheap, 0);
	KUNIT_ASSERT_FALSE(test, gomem_owns(p));
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, default_bad_frees(), before + 2);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 0L);
	expect_no_harm(test, 64);
}

/* The page of the object's span serves another class when it is freed again. */
static void badfree_in_another_class(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	char *p = take(test, 64), *q;

	gomem_free(p);
	gomem_heap_drain(heap);
	q = take(test, 208);
	KUNIT_ASSERT_PTR_EQ(test, gomem_span_of(p), gomem_span_of(q));
	gomem_free(p + 64);
	gomem_heap_drain(heap);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 1L);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 1UL);
	gomem_free(q);
	expect_no_harm(test, 208);
}

/* debug=F: nothing is found out later. */
static void badfree_uncached(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	char *a, *b, *kept, *span;

	heap->uncached = true;
	kept = take(test, 208);
	a = take(test, 208);
	b = take(test, 208);
	span = (char *)gomem_span_base(gomem_span_of(a));
	gomem_free(a);
	gomem_free(b);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 0L);
	gomem_free(a);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 1L);
	gomem_free(kept + 16);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 2L);
	gomem_free(span + 39 * 208);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 3L);
	gomem_free(span + 5 * 208);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 4L);
	KUNIT_EXPECT_EQ(test, gomem_test_live(heap), 1UL);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	gomem_free(kept);
	expect_no_harm(test, 208);
}

/*
 * kfree() of gomem's memory.  Where kfree() looks whether a page is its own it complains
 * and does no more.  Where it does not it drops a reference, of which gomem's pages have
 * enough; scripts/guest/70-pages.sh has that, on stock kernels.
 */
#ifdef kunit_warning_suppress
/* Who gets memory now and writes to it: is it @p's? */
static void expect_untouched(struct kunit *test, const void *p, size_t size)
{
	unsigned long page[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(page); i++) {
		page[i] = __get_free_page(GFP_KERNEL);
		if (page[i])
			memset((void *)page[i], 'C', PAGE_SIZE);
	}
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 'A', size));
	while (i--)
		free_page(page[i]);
}

static void badfree_kfree(struct kunit *test)
{
	static const size_t sizes[] = { 64, 2048, 8192, 30000, 60000, 100000 };
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i;
	void *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = take(test, sizes[i]);
		memset(p, 'A', sizes[i]);
		kunit_warning_suppress(test)
			kfree(p);
		expect_untouched(test, p, sizes[i]);
		KUNIT_EXPECT_TRUE(test, gomem_owns(p));
		KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
		gomem_free(p);
		gomem_heap_drain(heap);
	}
	KUNIT_EXPECT_EQ(test, atomic_long_read(&heap->meta->stolen), 0L);
	KUNIT_EXPECT_EQ(test, bad_frees(heap), 0L);
	expect_no_harm(test, 2048);
}
#else
static void badfree_kfree(struct kunit *test)
{
	kunit_skip(test, "kfree() complains of it, and cannot be kept from that");
}
#endif

static struct kunit_case gomem_badfree_cases[] = {
	KUNIT_CASE(badfree_repeat),
	KUNIT_CASE(badfree_repeat_default_heap),
	KUNIT_CASE(badfree_repeat_in_bulk),
	KUNIT_CASE(badfree_in_bulk),
	KUNIT_CASE(badfree_double_later),
	KUNIT_CASE(badfree_double_of_last),
	KUNIT_CASE(badfree_double_on_two_cpus),
	KUNIT_CASE(badfree_interior),
	KUNIT_CASE(badfree_large),
	KUNIT_CASE(badfree_run),
	KUNIT_CASE(badfree_foreign),
	KUNIT_CASE(badfree_nothing),
	KUNIT_CASE(badfree_after_its_span),
	KUNIT_CASE(badfree_in_another_class),
	KUNIT_CASE(badfree_uncached),
	KUNIT_CASE(badfree_kfree),
	{}
};

static struct kunit_suite gomem_badfree_suite = {
	.name = "gomem_badfree",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_badfree_cases,
};

kunit_test_suite(gomem_badfree_suite);
