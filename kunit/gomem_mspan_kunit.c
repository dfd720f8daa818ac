// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of spans: one bit an object, and every object where it belongs.
 *
 * Each test gets spans from its own page heap and is the only one to use them,
 * so no lock is needed.  What must hold whatever the class: objects are given
 * out from the lowest address on, each exactly once until it is put back, and
 * a put that no take precedes is refused and changes nothing.
 */
#include <linux/string.h>

#include "gomem_test.h"

#define CLASS_FAR	3	/* 32 bytes, 256 objects: bits of their own */
#define CLASS_48	4	/* 170 objects: the last word is a partial one */
#define CLASS_INLINE	5	/* 64 bytes, 128 objects: all inline bits */
#define CLASS_1024	31	/* 8 objects: the first word is a partial one */

#define MAX_OBJECTS	1024	/* of class 1, which has most */

/* Room for all objects of a span, and for one that there must not be. */
static void **new_array(struct kunit *test)
{
	return gomem_test_array(test, MAX_OBJECTS + 1);
}

static void *object_at(const struct gomem_span *span, unsigned int i)
{
	return (void *)(gomem_span_base(span) +
			(unsigned long)i * gomem_class[span->class].size);
}

/* How many objects are given out, according to the bits. */
static unsigned int count_bits(const struct gomem_span *span)
{
	unsigned int i, n = 0;

	for (i = 0; i < gomem_class[span->class].nelems; i++)
		n += gomem_mspan_test(span, i);
	return n;
}

/* Put back all that is given out, and the span. */
static void put_span(struct kunit *test, struct gomem_span *span)
{
	unsigned int i;

	for (i = 0; i < gomem_class[span->class].nelems; i++)
		if (gomem_mspan_test(span, i))
			KUNIT_EXPECT_TRUE(test, gomem_mspan_put(span, i));
	KUNIT_EXPECT_EQ(test, span->nalloc, 0);
	KUNIT_EXPECT_EQ(test, count_bits(span), 0U);
	gomem_mheap_free_span(span);
}

static void mspan_fresh(struct kunit *test)
{
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		struct gomem_span *span = gomem_test_span(test, class);

		KUNIT_EXPECT_EQ(test, span->nalloc, 0);
		KUNIT_EXPECT_EQ(test, count_bits(span), 0U);
		KUNIT_EXPECT_EQ(test, gomem_span_bytes(span),
				(unsigned long)gomem_class_bytes(class));
		put_span(test, span);
	}
}

/* Take everything in portions of seven; each object once and in its place. */
static void fill_span(struct kunit *test, struct gomem_span *span, void **objs)
{
	unsigned int nelems = gomem_class[span->class].nelems;
	unsigned int taken = 0, n, i;

	while ((n = gomem_mspan_take(span, objs + taken, 7))) {
		KUNIT_ASSERT_LE(test, n, 7U);
		taken += n;
		KUNIT_ASSERT_LE(test, taken, nelems);
		KUNIT_ASSERT_EQ(test, span->nalloc, taken);
	}
	KUNIT_EXPECT_EQ(test, taken, nelems);
	KUNIT_EXPECT_EQ(test, count_bits(span), nelems);
	for (i = 0; i < nelems; i++)
		if (objs[i] != object_at(span, i))
			break;
	KUNIT_EXPECT_EQ_MSG(test, i, nelems, "class %u", span->class);
}

static void mspan_every_class(struct kunit *test)
{
	void **objs = new_array(test);
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		struct gomem_span *span = gomem_test_span(test, class);

		fill_span(test, span, objs);
		put_span(test, span);
	}
}

/* Nothing behind the last object is ever given out, nor its bit set. */
static void mspan_last_word(struct kunit *test)
{
	struct gomem_span *span = gomem_test_span(test, CLASS_48);
	void **objs = new_array(test);

	KUNIT_ASSERT_NOT_NULL(test, gomem_mspan_far_bits(span));
	KUNIT_EXPECT_EQ(test, gomem_mspan_take(span, objs, MAX_OBJECTS), 170U);
	KUNIT_EXPECT_PTR_EQ(test, objs[169], object_at(span, 169));
	KUNIT_EXPECT_NULL(test, objs[170]);
	KUNIT_EXPECT_EQ(test, span->far_bits[2], (1UL << 42) - 1);
	KUNIT_EXPECT_EQ(test, gomem_mspan_take(span, objs, 1), 0U);
	KUNIT_EXPECT_EQ(test, span->far_bits[2], (1UL << 42) - 1);
	put_span(test, span);
}

/* The last bit of the inline words is an object like any other. */
static void mspan_inline_bits(struct kunit *test)
{
	struct gomem_span *span = gomem_test_span(test, CLASS_INLINE);
	void **objs = new_array(test);

	KUNIT_EXPECT_NULL(test, gomem_mspan_far_bits(span));
	KUNIT_EXPECT_EQ(test, gomem_mspan_take(span, objs, MAX_OBJECTS), 128U);
	KUNIT_EXPECT_EQ(test, span->bits[0], ~0UL);
	KUNIT_EXPECT_EQ(test, span->bits[1], ~0UL);
	KUNIT_EXPECT_TRUE(test, gomem_mspan_put(span, 127));
	KUNIT_EXPECT_EQ(test, span->bits[1], ~0UL >> 1);
	KUNIT_EXPECT_EQ(test, gomem_mspan_take(span, objs, 2), 1U);
	KUNIT_EXPECT_PTR_EQ(test, objs[0], object_at(span, 127));
	put_span(test, span);
}

/* Bits beside the span: made for it, zero, and freed with it. */
static void mspan_far_bits(struct kunit *test)
{
	struct gomem_span *span = gomem_test_span(test, CLASS_FAR);
	atomic_long_t *gc = &gomem_test_heap(test)->meta->bytes[GOMEM_META_GC];
	long with_bits = atomic_long_read(gc);
	void **objs = new_array(test);

	KUNIT_ASSERT_NOT_NULL(test, gomem_mspan_far_bits(span));
	KUNIT_EXPECT_PTR_EQ(test, gomem_mspan_far_bits(span), span->far_bits);
	KUNIT_EXPECT_EQ(test, gomem_mspan_take(span, objs, 65), 65U);
	KUNIT_EXPECT_EQ(test, span->far_bits[0], ~0UL);
	KUNIT_EXPECT_EQ(test, span->far_bits[1], 1UL);
	KUNIT_EXPECT_EQ(test, span->far_bits[3], 0UL);
	put_span(test, span);
	KUNIT_EXPECT_EQ(test, with_bits - atomic_long_read(gc), 32L);
}

/* Exactly the classes of more than 128 objects have their bits elsewhere. */
static void mspan_which_bits(struct kunit *test)
{
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		KUNIT_EXPECT_EQ(test, gomem_class_has_far_bits(class),
				gomem_class[class].size < 64);
}

static void mspan_lowest_first(struct kunit *test)
{
	static const unsigned int hole[] = { 5, 63, 64, 169 };
	struct gomem_span *span = gomem_test_span(test, CLASS_48);
	void **objs = new_array(test);
	int i;

	gomem_mspan_take(span, objs, MAX_OBJECTS);
	for (i = ARRAY_SIZE(hole) - 1; i >= 0; i--)
		KUNIT_EXPECT_TRUE(test, gomem_mspan_put(span, hole[i]));
	KUNIT_EXPECT_EQ(test, span->nalloc, 166);

	KUNIT_EXPECT_EQ(test, gomem_mspan_take(span, objs, 3), 3U);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_PTR_EQ(test, objs[i], object_at(span, hole[i]));
	KUNIT_EXPECT_FALSE(test, gomem_mspan_test(span, hole[3]));
	KUNIT_EXPECT_EQ(test, gomem_mspan_take(span, objs, 3), 1U);
	KUNIT_EXPECT_PTR_EQ(test, objs[0], object_at(span, hole[3]));
	put_span(test, span);
}

static void mspan_test_bit(struct kunit *test)
{
	struct gomem_span *span = gomem_test_span(test, CLASS_1024);
	void **objs = new_array(test);

	KUNIT_EXPECT_EQ(test, gomem_mspan_take(span, objs, 2), 2U);
	KUNIT_EXPECT_TRUE(test, gomem_mspan_test(span, 0));
	KUNIT_EXPECT_TRUE(test, gomem_mspan_test(span, 1));
	KUNIT_EXPECT_FALSE(test, gomem_mspan_test(span, 2));
	KUNIT_EXPECT_TRUE(test, gomem_mspan_put(span, 0));
	KUNIT_EXPECT_FALSE(test, gomem_mspan_test(span, 0));
	KUNIT_EXPECT_TRUE(test, gomem_mspan_test(span, 1));
	put_span(test, span);
}

/* Put twice, and put what was never taken: refused, and nothing changes. */
static void refuse_put(struct kunit *test, unsigned int class, unsigned int i)
{
	struct gomem_span *span = gomem_test_span(test, class);
	void **objs = new_array(test);
	unsigned int n;

	KUNIT_EXPECT_FALSE(test, gomem_mspan_put(span, i));
	KUNIT_EXPECT_EQ(test, span->nalloc, 0);
	n = gomem_mspan_take(span, objs, i + 1);
	KUNIT_EXPECT_EQ(test, n, i + 1);
	KUNIT_EXPECT_TRUE(test, gomem_mspan_put(span, i));
	KUNIT_EXPECT_FALSE(test, gomem_mspan_put(span, i));
	KUNIT_EXPECT_EQ(test, span->nalloc, i);
	KUNIT_EXPECT_EQ(test, count_bits(span), i);
	put_span(test, span);
}

static void mspan_double_put(struct kunit *test)
{
	refuse_put(test, CLASS_1024, 0);
	refuse_put(test, CLASS_1024, 7);
	refuse_put(test, CLASS_INLINE, 64);
	refuse_put(test, CLASS_FAR, 255);
}

static struct kunit_case gomem_mspan_cases[] = {
	KUNIT_CASE(mspan_fresh),
	KUNIT_CASE(mspan_every_class),
	KUNIT_CASE(mspan_last_word),
	KUNIT_CASE(mspan_inline_bits),
	KUNIT_CASE(mspan_far_bits),
	KUNIT_CASE(mspan_which_bits),
	KUNIT_CASE(mspan_lowest_first),
	KUNIT_CASE(mspan_test_bit),
	KUNIT_CASE(mspan_double_put),
	{}
};

static struct kunit_suite gomem_mspan_suite = {
	.name = "gomem_mspan",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_mspan_cases,
};

kunit_test_suites(&gomem_mspan_suite);
