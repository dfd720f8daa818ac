// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of reclaim cycles: what they collect, when they begin, what is told
 * about them.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/workqueue.h>

#include "gomem_test.h"

#define MIB	BIT(20)

static struct gomem_memstats *stats_of(struct kunit *test)
{
	struct gomem_memstats *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	gomem_heap_memstats(gomem_test_heap(test), s);
	return s;
}

/* The equations about cycles, in every snapshot. */
static void expect_equations(struct kunit *test, const struct gomem_memstats *s)
{
	u64 sum = 0;
	u32 i;

	KUNIT_EXPECT_EQ(test, s->last_gc, s->pause_end[(s->num_gc + 255) % 256]);
	KUNIT_EXPECT_LE(test, s->num_forced_gc, s->num_gc);
	for (i = 0; i < GOMEM_NR_PAUSES; i++)
		sum += s->pause_ns[i];
	if (s->num_gc < GOMEM_NR_PAUSES)
		KUNIT_EXPECT_EQ(test, s->pause_total_ns, sum);
	else
		KUNIT_EXPECT_GE(test, s->pause_total_ns, sum);
}

static long fill_cache(void *heap)
{
	void *objs[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	gomem_free_bulk(ARRAY_SIZE(objs), objs);
	return 0;
}

/* What waits on any CPU, and in the depots, is idle memory after a cycle. */
static void gc_collects(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_memstats *s;
	int cpu;

	for_each_online_cpu(cpu)
		work_on_cpu(cpu, fill_cache, heap);
	KUNIT_EXPECT_GT(test, gomem_cached_bytes(heap), 0ULL);
	KUNIT_EXPECT_GT(test, stats_of(test)->heap_inuse, 0ULL);
	gomem_gc_cycle(heap, true);
	KUNIT_EXPECT_EQ(test, gomem_cached_bytes(heap), 0ULL);
	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, s->heap_inuse, 0ULL);
	KUNIT_EXPECT_EQ(test, s->num_gc, 1U);
	KUNIT_EXPECT_EQ(test, s->num_forced_gc, 1U);
	expect_equations(test, s);
}

/* What is told about a cycle is so: seen from outside, before and after. */
static void gc_is_told(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 real_before, real_after, start, took, ppb;
	struct gomem_memstats *s;
	unsigned int i;

	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, s->num_gc, 0U);
	KUNIT_EXPECT_EQ(test, s->last_gc, 0ULL);
	expect_equations(test, s);
	for (i = 0; i < 3; i++) {
		fill_cache(heap);
		real_before = ktime_get_real_ns();
		start = ktime_get_ns();
		gomem_gc_cycle(heap, i == 1);
		took = ktime_get_ns() - start;
		real_after = ktime_get_real_ns();
		s = stats_of(test);
		KUNIT_EXPECT_EQ(test, s->num_gc, i + 1);
		KUNIT_EXPECT_EQ(test, s->num_forced_gc, i >= 1 ? 1U : 0U);
		KUNIT_EXPECT_GE(test, s->last_gc, real_before);
		KUNIT_EXPECT_LE(test, s->last_gc, real_after);
		KUNIT_EXPECT_LE(test, s->pause_ns[i], took);
		expect_equations(test, s);
	}
	ppb = s->gc_cpu_ppb;
	KUNIT_EXPECT_GT(test, ppb, 0ULL);
	KUNIT_EXPECT_LE(test, ppb, (u64)NSEC_PER_SEC);
	/* It is a share of a time that goes on. */
	msleep(20);
	KUNIT_EXPECT_LT(test, stats_of(test)->gc_cpu_ppb, ppb);
}

/* A second of one CPU and one of three are four; CPUs that come change no past. */
static void gc_fraction_over_hotplug(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 start = ktime_get_ns(), most = 4 * NSEC_PER_MSEC, ppb, took;
	struct gomem_gc *gc = heap->gc;

	gc->online_ns = 0;
	gc->online_at = start - NSEC_PER_SEC;
	gc->nr_online = 1;
	gc->cpu_ns = most;
	gomem_gc_cpus_change(heap, 3);
	gc->online_at -= NSEC_PER_SEC;
	gomem_gc_cpus_change(heap, 1000);
	gomem_gc_cpus_change(heap, 0);
	ppb = stats_of(test)->gc_cpu_ppb;
	took = ktime_get_ns() - start;
	KUNIT_EXPECT_LE(test, ppb, NSEC_PER_SEC / 1000ULL);
	KUNIT_EXPECT_GE(test, ppb, div64_u64(most * NSEC_PER_SEC,
					     4ULL * NSEC_PER_SEC + 1000 * took));
	gomem_gc_cpus_change(heap, num_online_cpus());
	gc->cpu_ns = 0;
}

/* The rings begin anew after 256, and only the newest are left. */
static void gc_rings(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_memstats *s;
	u64 first;
	u32 i;

	gomem_gc_cycle(heap, false);
	first = stats_of(test)->pause_end[0];
	for (i = 1; i < 258; i++)
		gomem_gc_cycle(heap, false);
	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, s->num_gc, 258U);
	KUNIT_EXPECT_EQ(test, s->last_gc, s->pause_end[1]);
	KUNIT_EXPECT_GT(test, s->pause_end[0], first);
	for (i = 0; i < 255; i++)
		KUNIT_EXPECT_LE(test, s->pause_end[(i + 2) % 256],
				s->pause_end[(i + 3) % 256]);
	expect_equations(test, s);
}

static void gc_goals(struct kunit *test)
{
	static const struct {
		s64 percent;
		u64 live, goal;
	} row[] = {
		{ 100, 0, 4 * MIB }, { 100, 2 * MIB, 4 * MIB },
		{ 100, 3 * MIB, 6 * MIB }, { 50, 8 * MIB, 12 * MIB },
		{ 0, 8 * MIB, 8 * MIB }, { 0, 0, 4 * MIB },
		{ 300, 8 * MIB, 32 * MIB }, { -1, 8 * MIB, U64_MAX },
		{ 1000000, 1ULL << 40, 10001ULL << 40 },
	};
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		KUNIT_EXPECT_EQ(test, 0,
				gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT,
					       row[i].percent));
		heap->gc->live = row[i].live;
		KUNIT_EXPECT_EQ(test, gomem_gc_goal(heap), row[i].goal);
		KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, row[i].goal);
	}
	heap->gc->live = 0;
}

/* NextGC follows what was live after the last cycle. */
static void gc_next(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p[6];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = gomem_heap_alloc(heap, MIB, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, (u64)4 * MIB);
	gomem_gc_cycle(heap, false);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, (u64)12 * MIB);
	gomem_free_bulk(ARRAY_SIZE(p), p);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, (u64)12 * MIB);
	gomem_gc_cycle(heap, false);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, (u64)4 * MIB);
}

/* A cycle is due when the heap has reached NextGC, and not before. */
static void gc_is_due(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p[5];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, false),
				i < 4 ? U64_MAX : 0ULL);
		p[i] = gomem_heap_alloc(heap, MIB, GFP_KERNEL);
	}
	gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT, -1);
	KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, false), U64_MAX);
	KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, true), 0ULL);
	gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT, 100);
	KUNIT_EXPECT_EQ(test, gomem_reclaim_look(heap) > 0, true);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, 1U);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_forced_gc, 0U);
	KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, false), U64_MAX);
	gomem_free_bulk(ARRAY_SIZE(p), p);
}

/* Objects that wait in caches are as good a reason as those that live. */
static void gc_counts_what_is_cached(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i, nr = 4 * MIB / 1024;
	void **objs = gomem_test_array(test, nr);

	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	gomem_free_bulk(nr, objs);
	KUNIT_EXPECT_EQ(test, stats_of(test)->heap_alloc, 0ULL);
	if (gomem_cached_bytes(heap) >= 4 * MIB)
		KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, false), 0ULL);
	else
		KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, false), U64_MAX);
}

/* No reason is good enough when nothing has changed since the last cycle. */
static void gc_rests(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p = gomem_heap_alloc(heap, 4 * MIB, GFP_KERNEL), *more;

	gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT, 0);
	KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, false), 0ULL);
	gomem_gc_cycle(heap, false);
	KUNIT_EXPECT_EQ(test, gomem_gc_goal(heap), (u64)4 * MIB);
	KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, false), U64_MAX);
	/* What waits, and waited then, as on a CPU that sleeps. */
	fill_cache(heap);
	KUNIT_EXPECT_NE(test, gomem_gc_due(heap, false), U64_MAX);
	heap->gc->left = gomem_cached_bytes(heap);
	KUNIT_EXPECT_EQ(test, gomem_gc_due(heap, false), U64_MAX);
	more = gomem_heap_alloc(heap, 4 * MIB, GFP_KERNEL);
	KUNIT_EXPECT_NE(test, gomem_gc_due(heap, false), U64_MAX);
	gomem_free(more);
	gomem_free(p);
}

/*
 * With a gc_percent of -1 no cycle begins by itself: not for what is allocated, not for
 * what is cached and pins the heap, and not for what has waited for two minutes.
 */
static void gc_off_is_off(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 now = div_u64(ktime_get_ns(), NSEC_PER_MSEC);
	unsigned int i, nr = 8 * MIB / 1024;
	void **objs = gomem_test_array(test, nr);

	gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT, -1);
	for (i = 0; i < nr; i++)
		objs[i] = gomem_heap_alloc(heap, 1024, GFP_KERNEL);
	gomem_reclaim_look_at(heap, now);
	gomem_free_bulk(nr, objs);
	for (i = 0; i < 10; i++) {
		fill_cache(heap);
		gomem_reclaim_look_at(heap, now += 500);
	}
	heap->gc->checked -= 121 * NSEC_PER_SEC;
	gomem_reclaim_look_at(heap, now += 121 * MSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, gomem_gc_waits(heap), U64_MAX);
	KUNIT_EXPECT_GT(test, gomem_cached_bytes(heap), 0ULL);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, 0U);
	KUNIT_EXPECT_EQ(test, stats_of(test)->next_gc, U64_MAX);

	/* Each of them is one with another gc_percent. */
	gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT, 100);
	KUNIT_EXPECT_NE(test, gomem_gc_waits(heap), U64_MAX);
	heap->gc->checked -= 121 * NSEC_PER_SEC;
	gomem_reclaim_look_at(heap, now += 500);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, 1U);
	KUNIT_EXPECT_EQ(test, gomem_cached_bytes(heap), 0ULL);
	gomem_knob_set(heap, GOMEM_KNOB_GC_PERCENT, -1);
	gomem_gc_cycle(heap, true);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, 2U);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_forced_gc, 1U);
}

/* However good the reason, cycles take half of one CPU at most. */
static void gc_is_bounded(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 start = ktime_get_ns(), cpu_ns, took, wait;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		fill_cache(heap);
		gomem_gc_cycle(heap, false);
		wait = gomem_gc_due(heap, true);
		KUNIT_EXPECT_GT(test, wait, 0ULL);
		KUNIT_EXPECT_NE(test, wait, U64_MAX);
		while (gomem_gc_due(heap, true))
			usleep_range(1000, 2000);
	}
	took = ktime_get_ns() - start;
	cpu_ns = heap->gc->cpu_ns;
	KUNIT_EXPECT_GT(test, cpu_ns, 0ULL);
	KUNIT_EXPECT_LE(test, cpu_ns, took / 2 + 10 * NSEC_PER_MSEC);
}

/* A CPU that is just using its mcache keeps it, and is left a note. */
static void gc_leaves_a_busy_cpu(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	int cpu = gomem_test_other_cpu(raw_smp_processor_id());
	struct gomem_mcache *mc = gomem_mcache_of(heap, cpu);
	u64 cached;

	work_on_cpu(cpu, fill_cache, heap);
	cached = gomem_cached_bytes(heap);
	KUNIT_ASSERT_FALSE(test, gomem_mcache_is_bare(mc));
	WRITE_ONCE(mc->busy, 1);
	KUNIT_EXPECT_EQ(test, gomem_gc_drain_cpus(heap, true), 0U);
	KUNIT_EXPECT_EQ(test, mc->busy, 1);
	KUNIT_EXPECT_NE(test, mc->drained, heap->growths);
	KUNIT_EXPECT_EQ(test, gomem_cached_bytes(heap), cached);
	WRITE_ONCE(mc->busy, 0);
	KUNIT_EXPECT_GT(test, gomem_gc_drain_cpus(heap, true), 0U);
	KUNIT_EXPECT_TRUE(test, gomem_mcache_is_bare(mc));
	KUNIT_EXPECT_LT(test, gomem_cached_bytes(heap), cached);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
}

/* Who is short of memory waits for nobody that is at it already. */
static void gc_drain_does_not_wait(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);

	fill_cache(heap);
	mutex_lock(&heap->gc->mutex);
	KUNIT_EXPECT_EQ(test, gomem_gc_drain_cpus(heap, true), 0U);
	mutex_unlock(&heap->gc->mutex);
	KUNIT_EXPECT_GT(test, gomem_gc_drain_cpus(heap, true), 0U);
}

struct spinner {
	struct gomem_heap *heap;
	atomic_t spins;
	bool stop;
};

/* Fills its caches, and then spins: nothing else runs on its CPU. */
static int spin_thread(void *data)
{
	struct spinner *s = data;

	fill_cache(s->heap);
	preempt_disable();
	while (!READ_ONCE(s->stop)) {
		atomic_inc(&s->spins);
		cpu_relax();
	}
	preempt_enable();
	return 0;
}

/* Neither a cycle nor a new rate waits for a CPU that does not schedule. */
static void gc_does_not_wait_for_a_cpu(struct kunit *test)
{
	int here, cpu;
	struct gomem_heap *heap = gomem_test_heap(test);
	struct spinner s = { .heap = heap };
	struct task_struct *thread;
	struct gomem_mcache *mc;

	here = raw_smp_processor_id();
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(here)), 0);
	cpu = gomem_test_other_cpu(here);
	if (cpu == here)
		kunit_skip(test, "there is one CPU only");
	mc = gomem_mcache_of(heap, cpu);
	thread = kthread_create(spin_thread, &s, "gomem_spin");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	kthread_bind(thread, cpu);
	get_task_struct(thread);
	wake_up_process(thread);
	while (!atomic_read(&s.spins))
		cond_resched();
	KUNIT_EXPECT_FALSE(test, gomem_mcache_is_bare(mc));
	gomem_gc_cycle(heap, true);
	KUNIT_EXPECT_TRUE(test, gomem_mcache_is_bare(mc));
	KUNIT_EXPECT_EQ(test, gomem_mprof_set_rate(heap, 1), 0);
	KUNIT_EXPECT_EQ(test, mc->pair[1].armed, GOMEM_ARMED_ANEW);
	WRITE_ONCE(s.stop, true);
	kthread_stop(thread);
	put_task_struct(thread);
	KUNIT_EXPECT_EQ(test, gomem_cached_bytes(heap), 0ULL);
}

static unsigned int empty_magazines(struct gomem_heap *heap)
{
	unsigned int class, nr = 0;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);)
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			nr += heap->node[nid]->central[class].nr_empty;
	return nr;
}

/* Magazines that two cycles found unused are freed, those in use are not. */
static void gc_sheds_magazines(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int i, used;

	fill_cache(heap);
	gomem_gc_cycle(heap, false);
	used = empty_magazines(heap);
	KUNIT_EXPECT_GT(test, used, 0U);
	for (i = 0; i < 5; i++) {
		fill_cache(heap);
		gomem_gc_cycle(heap, false);
		KUNIT_EXPECT_GT(test, empty_magazines(heap), 0U);
	}
	/* They wait through two cycles; the third finds that. */
	for (i = 0; i < 3; i++)
		gomem_gc_cycle(heap, false);
	KUNIT_EXPECT_EQ(test, empty_magazines(heap), 0U);
	KUNIT_EXPECT_EQ(test, stats_of(test)->mcache_sys,
			stats_of(test)->mcache_inuse);
}

/* The flag that allocating raises has the worker run a cycle. */
static void gc_begins_by_itself(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *p[8];
	unsigned int i;

	gomem_reclaim_start(heap);
	msleep(30);
	KUNIT_EXPECT_EQ(test, stats_of(test)->num_gc, 0U);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = gomem_heap_alloc(heap, MIB, GFP_KERNEL);
	for (i = 0; i < 25 && !stats_of(test)->num_gc; i++)
		msleep(20);
	/* Sooner than the tick of a second would. */
	KUNIT_EXPECT_GT(test, stats_of(test)->num_gc, 0U);
	gomem_reclaim_stop(heap);
	gomem_free_bulk(ARRAY_SIZE(p), p);
}

/* Cycles while threads and a timer interrupt allocate: nobody goes without. */
static void gc_under_load(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_memstats *s;
	struct gomem_load *load;
	unsigned int cycles = 0;

	load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load);
	KUNIT_ASSERT_NOT_NULL(test, s);
	gomem_load_start(load, heap, 2);
	while (atomic_long_read(&load->interrupts) < GOMEM_LOAD_INTERRUPTS) {
		gomem_gc_cycle(heap, cycles++ % 2);
		gomem_heap_memstats(heap, s);
		expect_equations(test, s);
		KUNIT_EXPECT_EQ(test, s->num_gc, cycles);
		schedule();
	}
	gomem_load_stop(load);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&load->corrupt), 0L);
	KUNIT_EXPECT_EQ(test, gomem_test_events(heap, GOMEM_EV_OOM), 0L);
	gomem_gc_cycle(heap, true);
	KUNIT_EXPECT_EQ(test, stats_of(test)->heap_inuse, 0ULL);
}

static struct kunit_case gomem_gc_cases[] = {
	KUNIT_CASE(gc_collects),
	KUNIT_CASE(gc_is_told),
	KUNIT_CASE(gc_fraction_over_hotplug),
	KUNIT_CASE(gc_rings),
	KUNIT_CASE(gc_goals),
	KUNIT_CASE(gc_next),
	KUNIT_CASE(gc_is_due),
	KUNIT_CASE(gc_counts_what_is_cached),
	KUNIT_CASE(gc_rests),
	KUNIT_CASE(gc_off_is_off),
	KUNIT_CASE(gc_is_bounded),
	KUNIT_CASE(gc_leaves_a_busy_cpu),
	KUNIT_CASE(gc_drain_does_not_wait),
	KUNIT_CASE(gc_does_not_wait_for_a_cpu),
	KUNIT_CASE(gc_sheds_magazines),
	KUNIT_CASE(gc_begins_by_itself),
	KUNIT_CASE(gc_under_load),
	{}
};

static struct kunit_suite gomem_gc_suite = {
	.name = "gomem_gc",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_gc_cases,
};

kunit_test_suite(gomem_gc_suite);
