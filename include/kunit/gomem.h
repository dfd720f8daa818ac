/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit: a test has freed all that it got from gomem.
 *
 * A leak test in three lines: include this file, give the suite an .init, and have it
 * return gomem_kunit_expect_no_leaks(test); or let .init be that function:
 *
 *	static struct kunit_suite foo_suite = {
 *		.name = "foo",
 *		.init = gomem_kunit_expect_no_leaks,
 *		.test_cases = foo_cases,
 *	};
 *
 * A test case that leaks fails, with a line for each place in the code that allocated
 * what is left:
 *
 *	not freed: 2 objects of 64 bytes from gomem, got by foo_name+0x1c/0x50 <
 *	foo_open+0x8a/0x120 < foo_test_open+0x2e/0x90 < kunit_try_run_case+0x52/0x80
 *
 * Exact, whatever else goes on: it counts what the test's own thread gets, from the call
 * on, and nothing of other tasks and of interrupts.  Any task may free it, also by RCU.
 */
#ifndef _KUNIT_GOMEM_H
#define _KUNIT_GOMEM_H

#include <kunit/test.h>
#include <linux/gomem.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

/* private: what follows is for gomem_kunit_expect_no_leaks(). */
#define GOMEM_KUNIT_SITES	16
#define GOMEM_KUNIT_FRAMES	6

struct gomem_kunit {
	struct kunit *test;
	struct gomem_watch watch;
	struct gomem_mem_profile_record record[GOMEM_KUNIT_SITES];
	char stack[512];
};

static inline void gomem_kunit_fail(struct gomem_kunit *g,
				    const struct gomem_mem_profile_record *r)
{
	u64 objects = r->alloc_objects - r->free_objects;
	unsigned int i, len = 0;

	g->stack[0] = 0;
	for (i = 0; i < GOMEM_KUNIT_FRAMES && r->stack[i]; i++)
		if (r->stack[i] != ULONG_MAX)
			len += scnprintf(g->stack + len, sizeof(g->stack) - len, "%s%pB",
					 i ? " < " : "", (void *)r->stack[i]);
	KUNIT_FAIL(g->test, "not freed: %llu object%s of %llu bytes from gomem, got by %s",
		   objects, objects == 1 ? "" : "s",
		   (r->alloc_bytes - r->free_bytes) / objects, g->stack);
}

static inline void gomem_kunit_free(struct kunit_resource *res)
{
	struct gomem_kunit *g = res->data;
	ssize_t nr, i;

	/* What is freed after a grace period. */
	rcu_barrier();
	nr = gomem_watch_read(&g->watch, g->record, GOMEM_KUNIT_SITES);
	gomem_watch_end(&g->watch);
	if (nr < 0)
		KUNIT_FAIL(g->test, "gomem did not see all allocations (%zd): there may be leaks",
			   nr);
	for (i = 0; i < nr && i < GOMEM_KUNIT_SITES; i++)
		gomem_kunit_fail(g, &g->record[i]);
	if (nr > GOMEM_KUNIT_SITES)
		KUNIT_FAIL(g->test, "not freed: memory from gomem that %zd more places got",
			   nr - GOMEM_KUNIT_SITES);
	kfree(g);
}

static inline int gomem_kunit_take(struct kunit_resource *res, void *context)
{
	res->data = context;
	return 0;
}

/* public: */

/**
 * gomem_kunit_expect_no_leaks() - expect that a test frees what it gets from gomem
 * @test: the test; its own thread calls this
 *
 * Is judged when the test is over: after the suite's .exit, and after the actions and the
 * resources that the test registers later than this.  So it is called first, as the
 * suite's .init or there; a test case may also call it by itself.
 *
 * While it holds, every allocation from gomem in the whole system is noted down.
 *
 * Context: process, may sleep.
 * Return: 0, or an error, with which .init may end.
 */
static inline int gomem_kunit_expect_no_leaks(struct kunit *test)
{
	struct gomem_kunit *g = kzalloc(sizeof(*g), GFP_KERNEL);
	int ret;

	if (!g)
		return -ENOMEM;
	g->test = test;
	ret = gomem_watch_begin(&g->watch);
	if (ret)
		goto no_watch;
	if (kunit_alloc_resource(test, gomem_kunit_take, gomem_kunit_free, GFP_KERNEL, g))
		return 0;
	ret = -ENOMEM;
	gomem_watch_end(&g->watch);
no_watch:
	kfree(g);
	return ret;
}

#endif /* _KUNIT_GOMEM_H */
