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
#include <linux/hrtimer.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include <linux/gomem.h>

#include "arena.h"
#include "badfree.h"
#include "block.h"
#include "bulk.h"
#include "central.h"
#include "check.h"
#include "depot.h"
#include "gc.h"
#include "grow.h"
#include "heap.h"
#include "heapctl.h"
#include "index.h"
#include "instance.h"
#include "knobs.h"
#include "large.h"
#include "limit.h"
#include "magazine.h"
#include "mcache.h"
#include "mcentral.h"
#include "meta.h"
#include "mheap.h"
#include "mprof.h"
#include "mspan.h"
#include "mstats.h"
#include "object.h"
#include "reclaim.h"
#include "release.h"
#include "sampling.h"
#include "scavenge.h"
#include "shrinker.h"
#include "sizeclass.h"
#include "snapshot.h"
#include "stock.h"

struct gomem_test {
	struct gomem_meta meta;
	struct gomem_heap heap;
	bool expect_leaks;	/* set by a test that leaks on purpose */
};

int gomem_test_init(struct kunit *test);
void gomem_test_exit(struct kunit *test);

/*
 * A span of @class with none of its objects given out, from the test's page
 * heap; gomem_mheap_free_span() takes it back.
 */
struct gomem_span *gomem_test_span(struct kunit *test, unsigned int class);

static inline struct gomem_heap *gomem_test_heap(struct kunit *test)
{
	return &((struct gomem_test *)test->priv)->heap;
}

static inline struct gomem_node *gomem_test_node(struct kunit *test)
{
	return gomem_local_node(gomem_test_heap(test));
}

static inline struct gomem_mheap *gomem_test_mheap(struct kunit *test)
{
	return gomem_test_node(test)->mheap;
}

/* The same for tests that look into an mcache: they stay on the CPU they are on. */
int gomem_test_init_pinned(struct kunit *test);

/* Of a test that stays on its CPU. */
static inline struct gomem_mcache *gomem_test_mcache(struct kunit *test)
{
	return raw_cpu_read(*gomem_test_heap(test)->mcache);
}

static inline long gomem_test_events(struct gomem_heap *heap,
				     enum gomem_event event)
{
	return atomic_long_read(&heap->event[event]);
}

/* Room for @nr addresses, until the test is over. */
static inline void **gomem_test_array(struct kunit *test, unsigned int nr)
{
	void **objs = kunit_kcalloc(test, nr, sizeof(*objs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, objs);
	return objs;
}

/* A run for one object that is not cached. */
static inline struct gomem_want gomem_test_want(struct kunit *test, unsigned int npages,
						unsigned int align)
{
	return (struct gomem_want) {
		.central = &gomem_test_node(test)->central[0],
		.npages = npages,
		.align = align,
	};
}

/* An object of whole pages, from the test's page heap. */
static inline void *gomem_test_large(struct kunit *test, size_t size)
{
	bool zeroed = false;

	return gomem_large_alloc(gomem_test_node(test), size, GFP_KERNEL,
				 false, &zeroed);
}

/*
 * Take this CPU's mcache of @heap, so that who allocates finds it as an interrupt does
 * that came in the middle; gomem_test_let_mcache() gives it back.  On PREEMPT_RT nobody
 * may allocate with preemption off, and it is enough to stay on the CPU.
 */
static inline struct gomem_mcache *gomem_test_hold_mcache(struct gomem_heap *heap)
{
	struct gomem_mcache *mc;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		migrate_disable();
	else
		preempt_disable();
	mc = raw_cpu_read(*heap->mcache);
	mc->busy = 1;
	return mc;
}

static inline void gomem_test_let_mcache(struct gomem_mcache *mc)
{
	mc->busy = 0;
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		migrate_enable();
	else
		preempt_enable();
}

unsigned long gomem_test_live(struct gomem_heap *heap);
bool gomem_test_distinct(void **objs, unsigned int nr);
int gomem_test_other_cpu(int cpu);

/*
 * A load: threads, each on a CPU of its own where there are enough, and a timer
 * interrupt on the CPU that starts it.  They allocate from one heap, pass the
 * objects to each other, check what is in them and free them.  The timer also
 * frees an object of GOMEM_LOAD_PAIR bytes as soon as it has got it.
 *
 * On PREEMPT_RT nobody may allocate in hard interrupts; there the timer is a soft
 * interrupt, which is a thread that comes before others.
 */
#define GOMEM_LOAD_TIMER	(IS_ENABLED(CONFIG_PREEMPT_RT) ? \
				 HRTIMER_MODE_REL_PINNED_SOFT : \
				 HRTIMER_MODE_REL_PINNED_HARD)
#define GOMEM_LOAD_PAIR		1024

/* Enough interrupts; about a second where each one has to wait for a tick. */
#define GOMEM_LOAD_INTERRUPTS	(IS_ENABLED(CONFIG_HIGH_RES_TIMERS) ? 2000 : 90)
#define GOMEM_LOAD_SLOTS	64
#define GOMEM_LOAD_THREADS	2

struct gomem_load {
	struct gomem_heap *heap;
	void *slot[GOMEM_LOAD_SLOTS];
	struct task_struct *thread[GOMEM_LOAD_THREADS];
	struct hrtimer timer;
	struct rnd_state timer_rnd;
	atomic_long_t allocated, freed, corrupt, interrupts;
};

void gomem_load_start(struct gomem_load *load, struct gomem_heap *heap,
		      unsigned int threads);
void gomem_load_step(struct gomem_load *load, struct rnd_state *rnd,
		     u32 max_size, gfp_t gfp);
void gomem_load_stop(struct gomem_load *load);

#endif /* GOMEM_TEST_H */
