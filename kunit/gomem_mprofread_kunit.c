// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile as it is told: readings, the largest holder, what is held and for how
 * long, Go's records, and pprof's protocol buffer.
 */
#include <linux/slab.h>

#include "../debugfs/debugfs.h"
#include "gomem_mprof_test.h"

#define SIZE		64

/* A bucket whose only sample has been dropped, among others, has no place in a reading. */
static void read_after_drop(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *first = gomem_test_here(test, SIZE), *p, *q[4];
	unsigned int i, frames = 0;
	struct gomem_reading r;

	set_rate(test, 1);
	atomic_set(&heap->meta->fail_nth, 1);
	p = gomem_test_here(test, SIZE);
	KUNIT_EXPECT_EQ(test, dropped(test), 1L);
	for (i = 0; i < ARRAY_SIZE(q); i++)
		q[i] = gomem_test_there(test, 1024 << i);
	KUNIT_ASSERT_EQ(test, gomem_reading_get(heap, &r), 0);
	for (i = 0; i < r.sites.nr; i++) {
		KUNIT_EXPECT_PTR_EQ(test, (void *)r.sites.site[i].stack,
				    (void *)(r.sites.frames + frames));
		frames += r.sites.site[i].bucket.depth;
	}
	gomem_reading_put(&r);
	gomem_free_bulk(ARRAY_SIZE(q), q);
	gomem_free(p);
	gomem_free(first);
}

/* Of more places than there is room for, the largest one is told. */
static void read_largest_holder(struct kunit *test)
{
	struct gomem_holder holder[2];
	void *p[3];

	profile(test)->max_depth = 1;
	set_rate(test, 1);
	p[0] = gomem_test_here(test, 16);
	p[1] = gomem_test_there(test, 32);
	p[2] = gomem_test_elsewhere(test, 1 << 20);
	KUNIT_EXPECT_EQ(test, gomem_mprof_holders(gomem_test_heap(test), holder, 2), 2U);
	KUNIT_EXPECT_GE(test, holder[0].bytes, 1ULL << 20);
	gomem_free_bulk(ARRAY_SIZE(p), p);
}

static void read_holds(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 now = gomem_mprof_now();
	struct gomem_hold hold[3];
	struct gomem_span *span;
	void *small, *large;

	profile(test)->max_depth = 1;
	set_rate(test, 1);
	small = gomem_test_here(test, SIZE);
	large = gomem_test_here(test, 70000);
	gomem_mprof_holds(heap, hold, 2);
	KUNIT_EXPECT_GE(test, hold[1].age, 1ULL);
	KUNIT_EXPECT_LE(test, hold[1].age, 1 + gomem_mprof_age(now));
	KUNIT_EXPECT_LE(test, hold[2].age, 1 + gomem_mprof_age(now));
	/* What is beside it waits in a magazine, or in the span. */
	span = gomem_span_of(small);
	KUNIT_EXPECT_EQ(test, hold[1].pinned,
			(gomem_span_bytes(span) - (u64)span->nalloc * SIZE) / span->nalloc);
	KUNIT_EXPECT_EQ(test, hold[2].pinned, 0ULL);
	gomem_span_of(large)->large.born = now - 1000;
	gomem_mprof_holds(heap, hold, 2);
	KUNIT_EXPECT_GE(test, hold[2].age, 1001ULL);
	gomem_free(small);
	gomem_free(large);
	gomem_mprof_holds(heap, hold, 2);
	KUNIT_EXPECT_EQ(test, hold[1].age, 0ULL);
	KUNIT_EXPECT_EQ(test, hold[2].age, 0ULL);
}

static void read_records(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mem_profile_record *r;
	void *p;

	r = kunit_kcalloc(test, 2, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	profile(test)->max_depth = 1;
	set_rate(test, 1);
	p = gomem_test_here(test, 100);
	gomem_free(gomem_test_there(test, 100));
	KUNIT_EXPECT_EQ(test, gomem_heap_mem_profile(heap, NULL, 0, true), 2UL);
	KUNIT_EXPECT_EQ(test, gomem_heap_mem_profile(heap, r, 2, false), 1UL);
	KUNIT_EXPECT_EQ(test, r[0].alloc_objects, 1ULL);
	KUNIT_EXPECT_EQ(test, r[0].alloc_bytes, 112ULL);
	KUNIT_EXPECT_EQ(test, r[0].free_objects, 0ULL);
	KUNIT_EXPECT_NE(test, r[0].stack[0], 0UL);
	KUNIT_EXPECT_EQ(test, r[0].stack[1], 0UL);
	KUNIT_EXPECT_EQ(test, r[1].alloc_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_heap_mem_profile(heap, r, 2, true), 2UL);
	KUNIT_EXPECT_EQ(test, r[1].free_bytes, 112ULL);
	gomem_free(p);
}

struct proto {
	const u8 *at, *end;
	bool bad;
};

static u64 get_varint(struct proto *in)
{
	unsigned int shift;
	u64 value = 0;

	for (shift = 0; shift < 64; shift += 7) {
		if (in->at == in->end)
			break;
		value |= (u64)(*in->at & 0x7f) << shift;
		if (!(*in->at++ & 0x80))
			return value;
	}
	in->bad = true;
	return 0;
}

/* The next field: its number, and its value or what is in it. */
static unsigned int get_field(struct proto *in, u64 *value, struct proto *inner)
{
	u64 key = get_varint(in);

	*inner = (struct proto) {};
	*value = get_varint(in);
	if ((key & 7) == 2 && *value <= in->end - in->at) {
		inner->at = in->at;
		inner->end = in->at + *value;
		in->at = inner->end;
	} else if (key & 7) {
		in->bad = true;
	}
	return key >> 3;
}

/* The four values of a sample. */
static void read_sample(struct proto *in, u64 *values)
{
	struct proto inner;
	unsigned int i;
	u64 value;

	while (in->at < in->end && !in->bad) {
		if (get_field(in, &value, &inner) != 2)
			continue;
		for (i = 0; i < 4; i++)
			values[i] = get_varint(&inner);
	}
}

static void read_encodes(struct kunit *test)
{
	struct gomem_blob blob = {};
	struct proto in, inner;
	unsigned int count[16] = {};
	unsigned int field;
	u64 value, values[4] = {};
	void *p;

	profile(test)->max_depth = 1;
	set_rate(test, 1);
	p = gomem_test_here(test, 100);
	gomem_free(gomem_test_here(test, 100));
	KUNIT_ASSERT_EQ(test, 0,
			gomem_profile_encode(gomem_test_heap(test), &blob));
	in = (struct proto) { .at = blob.data, .end = blob.data + blob.len };
	while (in.at < in.end && !in.bad) {
		field = get_field(&in, &value, &inner);
		KUNIT_ASSERT_LT(test, field, 16U);
		count[field]++;
		if (field == 2)
			read_sample(&inner, values);
		if (field == 12)
			KUNIT_EXPECT_EQ(test, value, 1ULL);
		/* The first string is the empty one. */
		if (field == 6 && count[6] == 1)
			KUNIT_EXPECT_PTR_EQ(test, inner.at, inner.end);
	}
	KUNIT_EXPECT_FALSE(test, in.bad);
	KUNIT_EXPECT_EQ(test, count[1], 4U);	/* sample types */
	KUNIT_EXPECT_EQ(test, count[2], 1U);	/* samples */
	KUNIT_EXPECT_EQ(test, count[3], 1U);	/* mappings */
	KUNIT_EXPECT_EQ(test, count[4], 1U);	/* locations */
	KUNIT_EXPECT_EQ(test, count[5], 1U);	/* functions */
	KUNIT_EXPECT_EQ(test, values[0], 2ULL);
	KUNIT_EXPECT_EQ(test, values[1], 224ULL);
	KUNIT_EXPECT_EQ(test, values[2], 1ULL);
	KUNIT_EXPECT_EQ(test, values[3], 112ULL);
	kvfree(blob.data);
	gomem_free(p);
}

/* Also one that is larger than a buffer is at first, and an empty one. */
static void read_encodes_any_number(struct kunit *test)
{
	struct gomem_blob blob = {};
	unsigned int size;

	KUNIT_EXPECT_EQ(test, 0,
			gomem_profile_encode(gomem_test_heap(test), &blob));
	KUNIT_EXPECT_GT(test, blob.len, 0UL);
	kvfree(blob.data);
	blob = (struct gomem_blob) {};
	set_rate(test, 1);
	for (size = 8; size <= GOMEM_LEAST_WHOLE; size += size < 4096 ? 8 : 4096) {
		gomem_free(gomem_test_here(test, size));
		gomem_free(gomem_test_there(test, size));
	}
	KUNIT_EXPECT_EQ(test, 0,
			gomem_profile_encode(gomem_test_heap(test), &blob));
	KUNIT_EXPECT_GT(test, blob.len, 4096UL);
	kvfree(blob.data);
}

static struct kunit_case gomem_mprofread_cases[] = {
	KUNIT_CASE(read_after_drop),
	KUNIT_CASE(read_largest_holder),
	KUNIT_CASE(read_holds),
	KUNIT_CASE(read_records),
	KUNIT_CASE(read_encodes),
	KUNIT_CASE(read_encodes_any_number),
	{}
};

static struct kunit_suite gomem_mprofread_suite = {
	.name = "gomem_mprofread",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_mprofread_cases,
};

kunit_test_suite(gomem_mprofread_suite);
