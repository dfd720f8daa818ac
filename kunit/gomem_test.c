// SPDX-License-Identifier: GPL-2.0
/*
 * A heap of each test's own; see gomem_test.h.
 */
#include <linux/percpu.h>
#include <linux/slab.h>

#include "gomem_test.h"

int gomem_test_init(struct kunit *test)
{
	struct gomem_test *t = kzalloc(sizeof(*t), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!t)
		return -ENOMEM;
	t->mcache = alloc_percpu(struct gomem_mcache);
	if (t->mcache)
		ret = gomem_heap_init(&t->heap, test->name, &t->meta, t->mcache);
	if (ret) {
		free_percpu(t->mcache);
		kfree(t);
		return ret;
	}
	test->priv = t;
	return 0;
}

/* The books balance, every object has come back, every byte is returned. */
void gomem_test_exit(struct kunit *test)
{
	struct gomem_test *t = test->priv;
	unsigned long leaked;
	unsigned int kind;

	if (!t)
		return;
	KUNIT_EXPECT_EQ(test, gomem_check(&t->heap, NULL), 0U);
	leaked = gomem_heap_destroy(&t->heap);
	if (!t->expect_leaks)
		KUNIT_EXPECT_EQ(test, leaked, 0UL);
	for (kind = 0; kind < GOMEM_NR_META; kind++)
		KUNIT_EXPECT_EQ(test, atomic_long_read(&t->meta.bytes[kind]), 0L);
	free_percpu(t->mcache);
	kfree(t);
}
