/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of the heap profile share.
 */
#ifndef GOMEM_MPROF_TEST_H
#define GOMEM_MPROF_TEST_H

#include "gomem_test.h"

static inline struct gomem_mprof *profile(struct kunit *test)
{
	return gomem_test_heap(test)->mprof;
}

static inline void set_rate(struct kunit *test, u32 rate)
{
	KUNIT_ASSERT_EQ(test, gomem_mprof_set_rate(gomem_test_heap(test), rate), 0);
}

/* Three places to allocate from, so that it is known who does. */
void *gomem_test_here(struct kunit *test, size_t size);
void *gomem_test_there(struct kunit *test, size_t size);
void *gomem_test_elsewhere(struct kunit *test, size_t size);

static inline void get_sites(struct kunit *test, struct gomem_sites *sites)
{
	KUNIT_ASSERT_EQ(test, gomem_sites_get(gomem_test_heap(test), sites), 0);
}

/* Samples of objects of @size bytes, as served: ever, and of those freed. */
void gomem_test_expect_samples(struct kunit *test, size_t size, u64 nmalloc, u64 nfree);

static inline long dropped(struct kunit *test)
{
	return atomic_long_read(&profile(test)->dropped);
}

static inline long bytes_taken(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;

	return atomic_long_read(&meta->bytes[GOMEM_META_BUCKHASH]);
}

#endif /* GOMEM_MPROF_TEST_H */
