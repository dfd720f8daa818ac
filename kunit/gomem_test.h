/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites share: a heap of each test's own, made before the test and
 * taken apart, checked and weighed after it.
 *
 * A suite says .init = gomem_test_init, .exit = gomem_test_exit.
 */
#ifndef GOMEM_TEST_H
#define GOMEM_TEST_H

#include <kunit/test.h>

#include "internal.h"

struct gomem_test {
	struct gomem_meta meta;
	struct gomem_heap heap;
	struct gomem_mcache __percpu *mcache;
	bool expect_leaks;	/* set by a test that leaks on purpose */
};

int gomem_test_init(struct kunit *test);
void gomem_test_exit(struct kunit *test);

static inline struct gomem_heap *gomem_test_heap(struct kunit *test)
{
	return &((struct gomem_test *)test->priv)->heap;
}

static inline struct gomem_node *gomem_test_node(struct kunit *test)
{
	return gomem_local_node(gomem_test_heap(test));
}

#endif /* GOMEM_TEST_H */
