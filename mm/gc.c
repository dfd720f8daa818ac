// SPDX-License-Identifier: GPL-2.0
/*
 * Reclaim cycles: what waits in caches returns to its spans.
 *
 * The kernel's objects are freed by hand, so there is no garbage to find.  What
 * a cycle collects is what was freed and waits for a second use: the magazines
 * of all CPUs and of the depots.  They pin spans, and spans pin blocks.  A cycle
 * drains every CPU, empties the depots, and so frees the spans that have become
 * empty; magazines that have waited, empty and unused, since the last cycle, or since
 * the worker last trimmed the depots, are freed too.
 *
 * A CPU's magazines are taken away on that CPU, because an mcache has no lock: in an
 * interrupt, which does nothing but unload them into an array, and takes no lock.
 * Whoever runs the cycle then returns the objects.  So it does not matter what else
 * that CPU is busy with.  If the interrupt finds that it came while the mcache
 * was in use, for a few instructions that is, it is sent again.  The pause that is
 * reported is the time that the interrupt took, on the CPU for which that was
 * longest: after it, a CPU finds its mcache empty, and gets new magazines.
 *
 * CPUs that have no magazine are left alone, and so are those that are off: they were
 * drained when they went (mm/hotplug.c).  A CPU that has done nothing but sleep since
 * it was last looked at is not woken for a cycle of the background, unless memory is
 * short, or the memory limit is near, or what waits on CPUs pins much, or has waited for
 * two minutes.  It is left a note instead: at its next exchange of magazines in a call
 * that may sleep, it returns some of its objects (mcache_is_asked()).
 *
 * When a cycle begins is for mm/pacer.c to say.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/kernel_stat.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/tick.h>

#include <trace/events/gomem.h>

#include "gc.h"
#include "heapctl.h"
#include "knobs.h"
#include "limit.h"
#include "mcache.h"
#include "mheap.h"

#define LEAST_GAP_NS	(10 * NSEC_PER_MSEC)

/* A heap is not taken apart while it is rearmed: trace events are on as long as we are. */
DEFINE_MUTEX(gomem_rearm_mutex);

/* How often a CPU is interrupted again that was just using its mcache. */
#define MOST_TRIES	100

/* What a CPU is interrupted for. */
struct gc_call {
	struct gomem_heap *heap;
	struct gomem_magazine *(*mag)[2];
	bool done;		/* false: it was using its mcache */
	u64 ns;			/* what it took */
};

/* In a hard interrupt of the CPU that is meant, also on PREEMPT_RT: no locks. */
static void gc_detach_here(void *data)
{
	struct gc_call *call = data;
	u64 start = ktime_get_ns();

	call->done = gomem_mcache_detach(__this_cpu_read(*call->heap->mcache),
					 call->mag);
	call->ns = ktime_get_ns() - start;
}

static void gc_rearm_here(void *data)
{
	struct gc_call *call = data;

	call->done = gomem_mcache_rearm(call->heap,
					__this_cpu_read(*call->heap->mcache));
}

/**
 * gomem_gc_look_at_cpus() - note how long each CPU has been idle
 * @heap: the heap
 *
 * Context: process.
 */
void gomem_gc_look_at_cpus(struct gomem_heap *heap)
{
	struct gomem_mcache *mc;
	int cpu;

	mutex_lock(&heap->gc->mutex);
	for_each_cpu_and(cpu, heap->cpus, cpu_online_mask) {
		mc = gomem_mcache_of(heap, cpu);
		mc->idle_us = get_cpu_idle_time_us(cpu, &mc->at_us);
	}
	mutex_unlock(&heap->gc->mutex);
}

/* Has @cpu slept, but for a moment, since it was looked at? */
static bool gc_cpu_is_asleep(const struct gomem_mcache *mc, int cpu)
{
	u64 idle, now;

	idle = get_cpu_idle_time_us(cpu, &now);
	if (idle == -1ULL || !mc->at_us || now <= mc->at_us || idle < mc->idle_us)
		return false;
	return idle - mc->idle_us > (now - mc->at_us) / 100 * 99;
}

/*
 * Take the magazines of @cpu away, with an interrupt there.  False if it is off, or
 * was using its mcache each time.
 */
static bool gc_detach_cpu(struct gc_call *call, int cpu)
{
	unsigned int tries;

	for (tries = 0; tries < MOST_TRIES; tries++) {
		if (smp_call_function_single(cpu, gc_detach_here, call, true))
			return false;
		if (call->done)
			return true;
		cpu_relax();
		cond_resched();
	}
	return false;
}

/*
 * Drain @cpu.  One that has slept is woken only if @wake says so.  A CPU whose mcache
 * cannot be had is left a note to return some objects at its next exchange.
 */
static unsigned int gc_drain_cpu(struct gc_call *call, int cpu, bool wake)
{
	struct gomem_heap *heap = call->heap;
	struct gomem_mcache *mc = gomem_mcache_of(heap, cpu);

	if (gomem_mcache_is_bare(mc))
		return 0;
	if ((wake || !gc_cpu_is_asleep(mc, cpu)) && gc_detach_cpu(call, cpu))
		return gomem_mcache_put_back(heap, cpu, call->mag);
	WRITE_ONCE(mc->drained, READ_ONCE(heap->growths) - 1);
	return 0;
}

/*
 * Returns how many objects that were, in @longest the longest that it took on a CPU,
 * and in @sum what it took on all.
 */
static unsigned int gc_drain_cpus(struct gomem_heap *heap, bool wake, u64 *longest,
				  u64 *sum)
{
	struct gc_call call = { .heap = heap, .mag = heap->gc->scratch->mag };
	unsigned int nr = 0;
	int cpu;

	lockdep_assert_held(&heap->gc->mutex);
	*longest = 0;
	*sum = 0;
	gomem_depart(heap);
	for_each_cpu(cpu, heap->cpus) {
		call.ns = 0;
		nr += gc_drain_cpu(&call, cpu, wake);
		*longest = max(*longest, call.ns);
		*sum += call.ns;
	}
	gomem_arrive(heap);
	return nr;
}

/**
 * gomem_gc_drain_cpus() - return what the CPUs hold to the spans, if it can be done now
 * @heap: the heap
 * @wake: also from CPUs that have slept lately
 *
 * For who is short of memory.  Asks for none, waits for nothing but the interrupts,
 * and does nothing while somebody else is at it.
 *
 * Context: process, may sleep; reclaim, too.
 * Return: how many objects.
 */
unsigned int gomem_gc_drain_cpus(struct gomem_heap *heap, bool wake)
{
	u64 longest, sum;
	unsigned int nr;

	if (!mutex_trylock(&heap->gc->mutex))
		return 0;
	nr = gc_drain_cpus(heap, wake, &longest, &sum);
	mutex_unlock(&heap->gc->mutex);
	return nr;
}

/**
 * gomem_heap_drain() - return what all CPUs and depots hold to the spans
 * @heap: the heap
 *
 * Context: process, may sleep.
 */
void gomem_heap_drain(struct gomem_heap *heap)
{
	u64 longest, sum;

	mutex_lock(&heap->gc->mutex);
	gc_drain_cpus(heap, true, &longest, &sum);
	mutex_unlock(&heap->gc->mutex);
	gomem_heap_empty_depots(heap, UINT_MAX);
}

/* Until it is done: no CPU may go on by an old rate. */
static void gc_rearm_cpu(struct gomem_heap *heap, int cpu)
{
	struct gc_call call = { .heap = heap };

	do {
		if (smp_call_function_single(cpu, gc_rearm_here, &call, true)) {
			gomem_mcache_rearm(heap, gomem_mcache_of(heap, cpu));
			return;
		}
		cond_resched();
	} while (!call.done);
}

/**
 * gomem_heap_rearm() - the profile's rate has changed, or whether to trace
 * @heap: the heap; one that is not there yet, or not any more, is left alone
 *
 * No CPU goes off or comes up meanwhile: those that are off have their counts begun
 * anew as well.
 *
 * Context: process, may sleep.
 */
void gomem_heap_rearm(struct gomem_heap *heap)
{
	int cpu;

	mutex_lock(&gomem_rearm_mutex);
	if (!heap->node)
		goto out;
	mutex_lock(&heap->gc->mutex);
	cpus_read_lock();
	if (heap->mcache)
		for_each_cpu(cpu, heap->cpus)
			gc_rearm_cpu(heap, cpu);
	cpus_read_unlock();
	mutex_unlock(&heap->gc->mutex);
out:
	mutex_unlock(&gomem_rearm_mutex);
}

/* Return what the depots hold, and shrink what nobody has used. */
static void gc_sweep(struct gomem_heap *heap)
{
	int nid;

	gomem_heap_empty_depots(heap, UINT_MAX);
	for (nid = -1; gomem_next_node(heap, &nid);)
		gomem_mheap_unpin(heap->node[nid]->mheap);
	gomem_heap_trim(heap);
}

/* What this task has used a CPU for since gc_clock_start(). */
struct gc_clock {
	u64 ns, ran;
	unsigned long switches;
};

static void gc_clock_start(struct gc_clock *clock)
{
	clock->ns = ktime_get_ns();
	clock->ran = current->se.sum_exec_runtime;
	clock->switches = current->nvcsw + current->nivcsw;
}

/* The scheduler's figure is as of the last switch, and so for where there was one. */
static u64 gc_clock_read(const struct gc_clock *clock)
{
	u64 ns = ktime_get_ns() - clock->ns;

	if (clock->switches == current->nvcsw + current->nivcsw)
		return ns;
	return min(ns, current->se.sum_exec_runtime - clock->ran);
}

/* Note that a cycle is over, and what it was like. */
static void gc_record(struct gomem_heap *heap, bool forced, u64 pause, u64 cpu_ns)
{
	struct gomem_gc *gc = heap->gc;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&gc->lock, flags);
	i = gc->nr % GOMEM_NR_PAUSES;
	gc->last = ktime_get_real_ns();
	gc->last_ns = ktime_get_ns();
	gc->cpu_ns += cpu_ns;
	gc->pause_total_ns += pause;
	gc->pause_ns[i] = pause;
	gc->pause_end[i] = gc->last;
	gc->nr++;
	gc->nr_forced += forced;
	spin_unlock_irqrestore(&gc->lock, flags);
	gc->checked = gc->last_ns;
	gc->not_before = gc->last_ns + max_t(u64, cpu_ns, LEAST_GAP_NS);
}

/* How long CPUs have been online since the heap was made, all together; under gc->lock. */
static u64 gc_online_ns(const struct gomem_gc *gc, u64 now)
{
	return gc->online_ns + (now - gc->online_at) * gc->nr_online;
}

/* Share of the CPUs' time that cycles took, in parts per 10^9; under gc->lock. */
static u64 gc_cpu_ppb(const struct gomem_gc *gc)
{
	return mul_u64_u64_div_u64(gc->cpu_ns, NSEC_PER_SEC,
				   gc_online_ns(gc, ktime_get_ns()) + 1);
}

/**
 * gomem_gc_cpus_change() - CPUs come and go
 * @heap: a heap
 * @nr: how many are online from now on
 *
 * Context: any but NMI.
 */
void gomem_gc_cpus_change(struct gomem_heap *heap, unsigned int nr)
{
	struct gomem_gc *gc = heap->gc;
	unsigned long flags;
	u64 now;

	spin_lock_irqsave(&gc->lock, flags);
	now = ktime_get_ns();
	gc->online_ns = gc_online_ns(gc, now);
	gc->online_at = now;
	gc->nr_online = nr;
	spin_unlock_irqrestore(&gc->lock, flags);
}

/* As Go does with GODEBUG=gctrace=1. */
static void gc_log_cycle(struct gomem_heap *heap, bool forced, u64 pause,
			 u64 cpu_ns, u64 before, u64 after, u64 goal)
{
	struct gomem_gc *gc = heap->gc;
	u64 ms = div_u64(gc->last_ns - gc->born, NSEC_PER_MSEC);
	unsigned long flags;
	u64 ppb;

	spin_lock_irqsave(&gc->lock, flags);
	ppb = gc_cpu_ppb(gc);
	spin_unlock_irqrestore(&gc->lock, flags);
	pr_info("gc %u @%llu.%03llus %llu%%: %llu+%llu us clock, %llu->%llu KB, %llu KB goal, %u P%s\n",
		gc->nr, ms / 1000, ms % 1000,
		div_u64(ppb, NSEC_PER_SEC / 100),
		div_u64(pause, NSEC_PER_USEC), div_u64(cpu_ns, NSEC_PER_USEC),
		before >> 10, after >> 10, goal >> 10, num_online_cpus(),
		forced ? " (forced)" : "");
}

/**
 * gomem_gc_cycle() - one reclaim cycle
 * @heap: the heap
 * @forced: somebody asked for it: no CPU is left out
 *
 * Context: process, may sleep.
 */
void gomem_gc_cycle(struct gomem_heap *heap, bool forced)
{
	u64 pause, before, live, goal, cpu_ns;
	struct gomem_gc *gc = heap->gc;
	struct gomem_snapshot *snap = &gc->scratch->snap;
	struct gc_clock clock;
	bool wake;

	mutex_lock(&gc->mutex);
	wake = forced || READ_ONCE(gc->wake) || gomem_limit_excess(heap);
	WRITE_ONCE(gc->wake, false);
	live = gomem_gc_live_locked(heap);
	goal = gomem_gc_next(heap, snap, live);
	before = live + gomem_cached_bytes(heap);
	gc_clock_start(&clock);
	gc_drain_cpus(heap, wake, &pause, &cpu_ns);
	gc_sweep(heap);
	live = gomem_gc_live_locked(heap);
	WRITE_ONCE(gc->live, live);
	cpu_ns += gc_clock_read(&clock);
	gc_record(heap, forced, pause, cpu_ns);

	gc->left = gomem_cached_bytes(heap);
	trace_gomem_gc(gc->nr, forced, pause, cpu_ns, before, live + gc->left,
		       gomem_gc_next(heap, snap, live));
	if (gomem_knob(heap, GOMEM_KNOB_GCTRACE))
		gc_log_cycle(heap, forced, pause, cpu_ns, before, live + gc->left, goal);
	mutex_unlock(&gc->mutex);
}

/**
 * gomem_gc_stats() - what MemStats says about cycles
 * @heap: the heap
 * @snap: its snapshot; may lie in the rings of @stats
 * @stats: where it goes; what is about objects is there already
 *
 * Context: any but NMI.
 */
void gomem_gc_stats(struct gomem_heap *heap, const struct gomem_snapshot *snap,
		    struct gomem_memstats *stats)
{
	struct gomem_gc *gc = heap->gc;
	unsigned long flags;

	stats->next_gc = gomem_gc_next(heap, snap, stats->heap_alloc);
	spin_lock_irqsave(&gc->lock, flags);
	stats->last_gc = gc->last;
	stats->pause_total_ns = gc->pause_total_ns;
	stats->num_gc = gc->nr;
	stats->num_forced_gc = gc->nr_forced;
	stats->gc_cpu_ppb = gc_cpu_ppb(gc);
	memcpy(stats->pause_ns, gc->pause_ns, sizeof(stats->pause_ns));
	memcpy(stats->pause_end, gc->pause_end, sizeof(stats->pause_end));
	spin_unlock_irqrestore(&gc->lock, flags);
}

/**
 * gomem_gc_init() - no cycle yet
 * @heap: the heap, its knobs set
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_gc_init(struct gomem_heap *heap)
{
	struct gomem_gc *gc;

	gc = gomem_meta_alloc(heap->meta, GOMEM_META_OTHER, sizeof(*gc),
			      GFP_KERNEL);
	if (!gc)
		return -ENOMEM;
	heap->gc = gc;
	mutex_init(&gc->mutex);
	spin_lock_init(&gc->lock);
	gc->born = ktime_get_ns();
	gc->checked = gc->born;
	gc->scratch = gomem_meta_alloc(heap->meta, GOMEM_META_OTHER,
				       sizeof(*gc->scratch), GFP_KERNEL);
	if (gc->scratch)
		return 0;
	gomem_gc_exit(heap);
	return -ENOMEM;
}

/**
 * gomem_gc_exit() - no cycle any more
 * @heap: the heap
 */
void gomem_gc_exit(struct gomem_heap *heap)
{
	struct gomem_gc *gc = heap->gc;

	if (!gc)
		return;
	gomem_meta_free(heap->meta, GOMEM_META_OTHER, gc->scratch);
	gomem_meta_free(heap->meta, GOMEM_META_OTHER, gc);
	heap->gc = NULL;
}

void gomem_gc(void)
{
	gomem_gc_cycle(&gomem_default_heap, true);
}
EXPORT_SYMBOL_GPL(gomem_gc);
