// SPDX-License-Identifier: GPL-2.0
/*
 * What the suites of the heap profile allocate by, and count by.
 */
#include "gomem_mprof_test.h"

noinline void *gomem_test_here(struct kunit *test, size_t size)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

noinline void *gomem_test_there(struct kunit *test, size_t size)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

noinline void *gomem_test_elsewhere(struct kunit *test, size_t size)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

void gomem_test_expect_samples(struct kunit *test, size_t size, u64 nmalloc, u64 nfree)
{
	u64 mallocs = 0, frees = 0;
	struct gomem_sites sites;
	unsigned int i;

	get_sites(test, &sites);
	for (i = 0; i < sites.nr; i++) {
		if (sites.site[i].bucket.size != gomem_size_roundup(size))
			continue;
		mallocs += sites.site[i].bucket.nmalloc;
		frees += sites.site[i].bucket.nfree;
	}
	gomem_sites_put(&sites);
	KUNIT_EXPECT_EQ(test, mallocs, nmalloc);
	KUNIT_EXPECT_EQ(test, frees, nfree);
}
