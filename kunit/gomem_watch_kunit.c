// SPDX-License-Identifier: GPL-2.0
/*
 * Watches: what a task has got, and nobody has freed, and nothing else.
 */
#include <linux/jiffies.h>
#include <linux/workqueue.h>

#include "../mm/watch.h"
#include "gomem_test.h"

#define RATE	(512 << 10)

static int watch_test_init(struct kunit *test)
{
	int ret = gomem_test_init(test);

	if (ret)
		return ret;
	/* A call stack is the function that allocates. */
	gomem_test_heap(test)->mprof->max_depth = 1;
	return gomem_mprof_set_rate(gomem_test_heap(test), RATE);
}

static noinline void *here(struct kunit *test)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), 64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static noinline void *there(struct kunit *test)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), 64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static void begin(struct kunit *test, struct gomem_watch *watch)
{
	KUNIT_ASSERT_EQ(test, gomem_heap_watch_begin(gomem_test_heap(test), watch), 0);
}

static void end(struct kunit *test, struct gomem_watch *watch)
{
	gomem_heap_watch_end(gomem_test_heap(test), watch);
}

static ssize_t places(struct kunit *test, struct gomem_watch *watch)
{
	return gomem_heap_watch_read(gomem_test_heap(test), watch, NULL, 0);
}

static void watch_sees_what_is_left(struct kunit *test)
{
	struct gomem_mem_profile_record *r;
	struct gomem_watch watch;
	void *p[5];
	int i;

	r = kunit_kcalloc(test, 2, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	begin(test, &watch);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 0L);
	for (i = 0; i < 5; i++)
		p[i] = i < 3 ? here(test) : there(test);
	gomem_free(p[1]);
	KUNIT_ASSERT_EQ(test, gomem_heap_watch_read(gomem_test_heap(test), &watch, r, 2),
			2L);
	KUNIT_EXPECT_NE(test, r[0].stack[0], r[1].stack[0]);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, r[i].alloc_objects - r[i].free_objects, 2ULL);
		KUNIT_EXPECT_EQ(test, r[i].alloc_bytes - r[i].free_bytes, 128ULL);
	}
	gomem_free(p[0]);
	gomem_free(p[2]);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 1L);
	gomem_free(p[3]);
	gomem_free(p[4]);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 0L);
	end(test, &watch);
}

/* Sizes that are served in different ways. */
static void watch_misses_no_size(struct kunit *test)
{
	static const size_t sizes[] = { 8, 1000, 5000, 40000, 65536, 70000, 3 << 20 };
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_watch watch;
	void *p, *many[100];
	unsigned int i;

	begin(test, &watch);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gomem_heap_alloc(heap, sizes[i], GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, places(test, &watch), 1L);
		gomem_free(p);
		KUNIT_EXPECT_EQ(test, places(test, &watch), 0L);
	}
	KUNIT_ASSERT_EQ(test, gomem_heap_alloc_bulk(heap, 64, GFP_KERNEL, 100, many), 100U);
	gomem_free_bulk(99, many);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 1L);
	gomem_free(many[99]);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 0L);
	end(test, &watch);
}

/* The same function, before the watch and after. */
static void watch_has_a_beginning(struct kunit *test)
{
	struct gomem_watch watch;
	void *p[4];
	int i;

	gomem_mprof_set_rate(gomem_test_heap(test), 1);
	for (i = 0; i < 2; i++)
		p[i] = here(test);
	begin(test, &watch);
	p[2] = here(test);
	gomem_free(p[0]);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 1L);
	gomem_free(p[2]);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 0L);
	end(test, &watch);
	p[3] = here(test);
	gomem_free(p[1]);
	gomem_free(p[3]);
}

/* What was leaked under one watch is not the next one's, be it freed or not. */
static void watch_leaves_what_was_leaked(struct kunit *test)
{
	struct gomem_watch first, second;
	void *leaked[2], *p;

	begin(test, &first);
	leaked[0] = here(test);
	leaked[1] = here(test);
	end(test, &first);
	begin(test, &second);
	KUNIT_EXPECT_NE(test, first.owner, second.owner);
	gomem_free(leaked[0]);
	p = here(test);
	KUNIT_EXPECT_EQ(test, places(test, &second), 1L);
	gomem_free(leaked[1]);
	KUNIT_EXPECT_EQ(test, places(test, &second), 1L);
	gomem_free(p);
	KUNIT_EXPECT_EQ(test, places(test, &second), 0L);
	end(test, &second);
}

/* A thousand tests that leak nothing take no more room than one. */
static void watch_takes_no_room(struct kunit *test)
{
	struct gomem_mprof *mprof = gomem_test_heap(test)->mprof;
	struct gomem_watch watch;
	unsigned int i, buckets = 0;

	for (i = 0; i < 20; i++) {
		begin(test, &watch);
		gomem_free(here(test));
		end(test, &watch);
		if (!i)
			buckets = mprof->nr_buckets;
	}
	KUNIT_EXPECT_EQ(test, mprof->nr_buckets, buckets);
}

/* Threads and interrupts allocate and free meanwhile. */
static void watch_sees_one_task(struct kunit *test)
{
	struct gomem_load *load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	struct gomem_watch watch;
	unsigned long end_of_patience = jiffies + 60 * HZ;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, load);
	gomem_load_start(load, gomem_test_heap(test), 1);
	begin(test, &watch);
	/* Never asleep, so that it is this task that is interrupted. */
	while (atomic_long_read(&load->interrupts) < 50 &&
	       time_before(jiffies, end_of_patience)) {
		p = here(test);
		KUNIT_EXPECT_EQ(test, places(test, &watch), 1L);
		gomem_free(p);
		KUNIT_EXPECT_EQ(test, places(test, &watch), 0L);
		cond_resched();
	}
	gomem_load_stop(load);
	KUNIT_EXPECT_GE(test, atomic_long_read(&load->interrupts), 50L);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 0L);
	end(test, &watch);
}

struct free_work {
	struct work_struct work;
	void *p;
};

static void free_by_work(struct work_struct *work)
{
	gomem_free(container_of(work, struct free_work, work)->p);
}

static void watch_knows_the_free_of_others(struct kunit *test)
{
	struct gomem_watch watch;
	struct free_work work;

	begin(test, &watch);
	work.p = here(test);
	INIT_WORK_ONSTACK(&work.work, free_by_work);
	schedule_work(&work.work);
	flush_work(&work.work);
	destroy_work_on_stack(&work.work);
	KUNIT_EXPECT_EQ(test, places(test, &watch), 0L);
	end(test, &watch);
}

/* The latest one counts, and the one below goes on when that ends. */
static void watch_in_a_watch(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_watch outer, inner;
	void *p, *q;

	begin(test, &outer);
	begin(test, &inner);
	p = here(test);
	KUNIT_EXPECT_EQ(test, places(test, &inner), 1L);
	KUNIT_EXPECT_EQ(test, places(test, &outer), 0L);
	end(test, &inner);
	KUNIT_EXPECT_EQ(test, heap->profile_rate, 1U);
	q = here(test);
	KUNIT_EXPECT_EQ(test, places(test, &outer), 1L);
	end(test, &outer);
	KUNIT_EXPECT_EQ(test, heap->profile_rate, (u32)RATE);
	gomem_free(p);
	gomem_free(q);
}

/* Somebody sets another rate meanwhile: that is what the rate is then. */
static void watch_tells_of_another_rate(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_watch watch;

	begin(test, &watch);
	gomem_mprof_set_rate(heap, 4096);
	KUNIT_EXPECT_EQ(test, places(test, &watch), (ssize_t)-ENODATA);
	gomem_mprof_set_rate(heap, 1);
	KUNIT_EXPECT_EQ(test, places(test, &watch), (ssize_t)-ENODATA);
	gomem_mprof_set_rate(heap, 4096);
	end(test, &watch);
	KUNIT_EXPECT_EQ(test, heap->profile_rate, 4096U);
}

/* No room for the mark of an object that may be the leak. */
static void watch_tells_what_it_missed(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_watch watch;
	void *kept, *p;

	gomem_mprof_set_rate(heap, 0);
	kept = here(test);
	begin(test, &watch);
	atomic_set(&heap->meta->fail_nth, 1);
	p = here(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&heap->meta->fail_nth), 0);
	KUNIT_EXPECT_EQ(test, places(test, &watch), (ssize_t)-ENODATA);
	end(test, &watch);
	gomem_free(p);
	gomem_free(kept);
}

static struct kunit_case gomem_watch_cases[] = {
	KUNIT_CASE(watch_sees_what_is_left),
	KUNIT_CASE(watch_misses_no_size),
	KUNIT_CASE(watch_has_a_beginning),
	KUNIT_CASE(watch_leaves_what_was_leaked),
	KUNIT_CASE(watch_takes_no_room),
	KUNIT_CASE(watch_sees_one_task),
	KUNIT_CASE(watch_knows_the_free_of_others),
	KUNIT_CASE(watch_in_a_watch),
	KUNIT_CASE(watch_tells_of_another_rate),
	KUNIT_CASE(watch_tells_what_it_missed),
	{}
};

static struct kunit_suite gomem_watch_suite = {
	.name = "gomem_watch",
	.init = watch_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_watch_cases,
};

kunit_test_suite(gomem_watch_suite);
