// SPDX-License-Identifier: GPL-2.0
/*
 * Reclaim cycles: what waits in caches returns to its spans.
 *
 * The kernel's objects are freed by hand, so there is no garbage to find.  What
 * a cycle collects is what was freed and waits for a second use: the magazines
 * of all CPUs and of the depots.  They pin spans, and spans pin blocks.  A cycle
 * drains every CPU, empties the depots, and so frees the spans that have become
 * empty; magazines that have waited, empty, through two cycles are freed too.
 *
 * A CPU is drained on that CPU, by a work item in process context, because an
 * mcache has no lock.  It takes the magazines away a class at a time and returns
 * the objects with the mcache let go, so an interrupt meanwhile finds at worst a
 * class without a magazine, and gets one.  The pause that is reported is the
 * whole time that the work item took, on the CPU for which that was longest: no
 * cache is away for longer than that.
 *
 * CPUs that are off are drained for them, and those that have no magazine are
 * left alone.  A CPU that has done nothing but sleep since it was last looked at is
 * not woken for a cycle of the background, unless the memory limit is near, or what
 * waits on CPUs pins much, or has waited for two minutes; it is left a note to drain
 * itself when it comes to use its mcache.
 *
 * A cycle begins when HeapAlloc and what is cached reach NextGC, which is set by
 * what was live after the last one and by gc_percent; what that one left in caches
 * does not count, or cycles would follow each other for nothing.  Also when somebody asks for
 * one; when the memory limit is near; when what is cached is not used and pins most of
 * the heap (mm/reclaim.c); and when objects have waited for two minutes.  After a background cycle there is none for at least as long as it
 * took, so they never take more than half of one CPU.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/kernel_stat.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/tick.h>
#include <linux/workqueue.h>

#include <trace/events/gomem.h>

#include "depot.h"
#include "gc.h"
#include "heapctl.h"
#include "knobs.h"
#include "limit.h"
#include "mheap.h"
#include "snapshot.h"

#define LEAST_NEXT_GC	(4ULL << 20)
#define LEAST_GAP_NS	(10 * NSEC_PER_MSEC)
#define WAITING_NS	(120 * NSEC_PER_SEC)

struct workqueue_struct *gomem_drain_queue;

struct gomem_drain {
	struct work_struct work;
	struct gomem_heap *heap;
	bool queued;
	u64 ns;			/* what it took */
	u64 idle_us, at_us;	/* time spent idle, when that was read */
};

struct gomem_gc_scratch {
	struct gomem_snapshot snap;
	u64 cached[GOMEM_NR_CACHED];
};

static void gc_drain_work(struct work_struct *work)
{
	struct gomem_drain *d = container_of(work, struct gomem_drain, work);
	u64 start = ktime_get_ns();

	gomem_mcache_drain(d->heap, NULL);
	d->ns = ktime_get_ns() - start;
}

/**
 * gomem_gc_look_at_cpus() - note how long each CPU has been idle
 * @heap: the heap
 *
 * Context: process.
 */
void gomem_gc_look_at_cpus(struct gomem_heap *heap)
{
	struct gomem_drain *d;
	int cpu;

	mutex_lock(&heap->gc->mutex);
	for_each_online_cpu(cpu) {
		d = per_cpu_ptr(heap->gc->drain, cpu);
		d->idle_us = get_cpu_idle_time_us(cpu, &d->at_us);
	}
	mutex_unlock(&heap->gc->mutex);
}

/* Has @cpu slept, but for a moment, since it was looked at? */
static bool gc_cpu_is_asleep(struct gomem_drain *d, int cpu)
{
	u64 idle, now;

	idle = get_cpu_idle_time_us(cpu, &now);
	if (idle == -1ULL || !d->at_us || now <= d->at_us || idle < d->idle_us)
		return false;
	return idle - d->idle_us > (now - d->at_us) / 100 * 99;
}

/* Begin to drain @cpu, or have it drained.  CPUs stay as they are. */
static void gc_drain_cpu(struct gomem_heap *heap, int cpu, bool wake)
{
	struct gomem_drain *d = per_cpu_ptr(heap->gc->drain, cpu);
	struct gomem_mcache *mc = gomem_mcache_of(heap, cpu);

	d->queued = false;
	d->ns = 0;
	if (gomem_mcache_is_bare(mc))
		return;
	if (!cpu_online(cpu)) {
		gomem_mcache_drain(heap, mc);
	} else if (wake || !gc_cpu_is_asleep(d, cpu)) {
		d->queued = true;
		queue_work_on(cpu, gomem_drain_queue, &d->work);
	} else {
		WRITE_ONCE(mc->drained, READ_ONCE(heap->growths) - 1);
	}
}

/* The same as gc_drain_cpus(), with the CPUs held where they are. */
static u64 gc_drain_held_cpus(struct gomem_heap *heap, bool wake, u64 *sum)
{
	struct gomem_drain *d;
	u64 longest = 0;
	int cpu;

	lockdep_assert_held(&heap->gc->mutex);
	for_each_cpu(cpu, heap->cpus)
		gc_drain_cpu(heap, cpu, wake);
	for_each_cpu(cpu, heap->cpus) {
		d = per_cpu_ptr(heap->gc->drain, cpu);
		if (!d->queued)
			continue;
		flush_work(&d->work);
		longest = max(longest, d->ns);
		*sum += d->ns;
	}
	return longest;
}

/* Returns the longest that it took on a CPU, and in @sum what it took on all. */
static u64 gc_drain_cpus(struct gomem_heap *heap, bool wake, u64 *sum)
{
	u64 longest;

	cpus_read_lock();
	longest = gc_drain_held_cpus(heap, wake, sum);
	cpus_read_unlock();
	return longest;
}

/**
 * gomem_gc_drain_cpus() - return what all CPUs hold to the spans, if that can be
 * @heap: the heap
 * @wake: also of CPUs that sleep
 *
 * For whoever is short of memory: it waits for nobody who may be waiting for
 * memory, or for the caller.
 *
 * Context: process, may sleep.
 * Return: true if they have been drained.
 */
bool gomem_gc_drain_cpus(struct gomem_heap *heap, bool wake)
{
	struct gomem_gc *gc = heap->gc;
	u64 sum = 0;
	bool held;

	if (!mutex_trylock(&gc->mutex))
		return false;
	held = cpus_read_trylock();
	if (held) {
		gc_drain_held_cpus(heap, wake, &sum);
		cpus_read_unlock();
	}
	mutex_unlock(&gc->mutex);
	return held;
}

/**
 * gomem_heap_drain() - return what all CPUs and depots hold to the spans
 * @heap: the heap
 *
 * Context: process, may sleep: every CPU empties its own mcache.
 */
void gomem_heap_drain(struct gomem_heap *heap)
{
	u64 sum = 0;

	mutex_lock(&heap->gc->mutex);
	gc_drain_cpus(heap, true, &sum);
	mutex_unlock(&heap->gc->mutex);
	gomem_heap_empty_depots(heap, UINT_MAX);
}

static long gc_rearm_this_cpu(void *data)
{
	gomem_mcache_rearm(data, NULL);
	return 0;
}

/**
 * gomem_heap_rearm() - the profile's rate has changed, or whether to trace
 * @heap: the heap; one that is not there yet, or not any more, is left alone
 *
 * Who else touches the mcaches of CPUs that are off holds gc.mutex, too.
 *
 * Context: process, may sleep: every CPU begins its counts anew.
 */
void gomem_heap_rearm(struct gomem_heap *heap)
{
	int cpu;

	if (!heap->node)
		return;
	mutex_lock(&heap->gc->mutex);
	if (!heap->mcache)
		goto out;
	cpus_read_lock();
	for_each_cpu(cpu, heap->cpus) {
		if (cpu_online(cpu))
			work_on_cpu(cpu, gc_rearm_this_cpu, heap);
		else
			gomem_mcache_rearm(heap, gomem_mcache_of(heap, cpu));
	}
	cpus_read_unlock();
out:
	mutex_unlock(&heap->gc->mutex);
}

/* Return what the depots hold, and shrink what nobody has used. */
static void gc_sweep(struct gomem_heap *heap)
{
	unsigned int class;
	int nid;

	gomem_heap_empty_depots(heap, UINT_MAX);
	for_each_node_mask(nid, heap->nodes)
		gomem_mheap_unpin(heap->node[nid]->mheap);
	for_each_node_mask(nid, heap->nodes)
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			gomem_depot_trim(&heap->node[nid]->central[class]);
	gomem_heap_relax(heap);
}

/* Bytes of objects that wait in magazines. */
static u64 gc_cached_bytes(struct gomem_heap *heap)
{
	u64 *cached = heap->gc->scratch->cached;
	unsigned int class;
	u64 bytes = 0;

	lockdep_assert_held(&heap->gc->mutex);
	gomem_cached_objects(heap, cached);
	for (class = 1; class < GOMEM_NR_CACHED; class++)
		bytes += cached[class] * gomem_class[class].size;
	return bytes;
}

static u64 gc_live_bytes(struct gomem_heap *heap)
{
	struct gomem_snapshot *snap = &heap->gc->scratch->snap;
	unsigned int class;
	u64 bytes;

	lockdep_assert_held(&heap->gc->mutex);
	gomem_snapshot(heap, snap);
	bytes = snap->large_bytes;
	for (class = 1; class < GOMEM_NR_CACHED; class++)
		bytes += gomem_class[class].size *
			 (snap->class[class].nmalloc - snap->class[class].nfree);
	return bytes;
}

/**
 * gomem_gc_cached_bytes() - bytes of objects that wait in magazines
 * @heap: the heap
 *
 * Context: process.
 * Return: bytes, about right while they move.
 */
u64 gomem_gc_cached_bytes(struct gomem_heap *heap)
{
	u64 bytes;

	mutex_lock(&heap->gc->mutex);
	bytes = gc_cached_bytes(heap);
	mutex_unlock(&heap->gc->mutex);
	return bytes;
}

/**
 * gomem_gc_goal() - NextGC
 * @heap: the heap
 *
 * Return: bytes of HeapAlloc and what is cached, at which the next cycle begins;
 * U64_MAX for never.
 */
u64 gomem_gc_goal(const struct gomem_heap *heap)
{
	s64 percent = gomem_knob(heap, GOMEM_KNOB_GC_PERCENT);
	u64 live = READ_ONCE(heap->gc->live);

	if (percent < 0)
		return U64_MAX;
	return max(LEAST_NEXT_GC, live + mul_u64_u64_div_u64(live, percent, 100));
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

/* Share of the CPUs' time that cycles took, in parts per 10^9; under gc->lock. */
static u64 gc_cpu_ppb(const struct gomem_gc *gc)
{
	u64 all = (ktime_get_ns() - gc->born) * num_online_cpus();

	return mul_u64_u64_div_u64(gc->cpu_ns, NSEC_PER_SEC, all + 1);
}

/* As Go does with GODEBUG=gctrace=1. */
static void gc_log_cycle(struct gomem_heap *heap, bool forced, u64 pause,
			 u64 cpu_ns, u64 before, u64 after, u64 goal)
{
	const struct gomem_gc *gc = heap->gc;
	u64 ms = div_u64(gc->last_ns - gc->born, NSEC_PER_MSEC);

	pr_info("gc %u @%llu.%03llus %llu%%: %llu+%llu us clock, %llu->%llu KB, %llu KB goal, %u P%s\n",
		gc->nr, ms / 1000, ms % 1000,
		div_u64(gc_cpu_ppb(gc), NSEC_PER_SEC / 100),
		div_u64(pause, NSEC_PER_USEC), div_u64(cpu_ns, NSEC_PER_USEC),
		before >> 10, after >> 10, goal >> 10, num_online_cpus(),
		forced ? " (forced)" : "");
}

/**
 * gomem_gc_cycle() - one reclaim cycle
 * @heap: the heap
 * @forced: somebody asked for it: no CPU is left out
 *
 * Context: process, may sleep; takes cpus_read_lock().
 */
void gomem_gc_cycle(struct gomem_heap *heap, bool forced)
{
	u64 pause, start, before, live, goal, cpu_ns = 0;
	struct gomem_gc *gc = heap->gc;
	bool wake;

	mutex_lock(&gc->mutex);
	wake = forced || READ_ONCE(gc->wake) || gomem_limit_excess(heap);
	WRITE_ONCE(gc->wake, false);
	goal = gomem_gc_goal(heap);
	before = gc_live_bytes(heap) + gc_cached_bytes(heap);
	pause = gc_drain_cpus(heap, wake, &cpu_ns);
	start = ktime_get_ns();
	gc_sweep(heap);
	live = gc_live_bytes(heap);
	WRITE_ONCE(gc->live, live);
	cpu_ns += ktime_get_ns() - start;
	gc_record(heap, forced, pause, cpu_ns);

	gc->left = gc_cached_bytes(heap);
	live += gc->left;
	trace_gomem_gc(gc->nr, forced, pause, cpu_ns, before, live,
		       gomem_gc_goal(heap));
	if (gomem_knob(heap, GOMEM_KNOB_GCTRACE))
		gc_log_cycle(heap, forced, pause, cpu_ns, before, live, goal);
	mutex_unlock(&gc->mutex);
}

/* Have the worker called when as much as is missing may have been allocated. */
static void gc_set_alarm(struct gomem_heap *heap, u64 missing)
{
	unsigned long pages = max_t(u64, missing, SZ_64K) >> GOMEM_PAGE_SHIFT;
	struct gomem_mheap *mheap;
	unsigned long flags;
	int nid;

	pages = max(1UL, pages / nodes_weight(heap->nodes));
	for_each_node_mask(nid, heap->nodes) {
		mheap = heap->node[nid]->mheap;
		spin_lock_irqsave(&mheap->lock, flags);
		mheap->alarm_inuse = mheap->inuse_pages + pages;
		spin_unlock_irqrestore(&mheap->lock, flags);
	}
}

/*
 * What NextGC is about: HeapAlloc, and what has come to wait in magazines since the
 * last cycle.  @more: is that more than there was then?
 */
static u64 gc_used_bytes(struct gomem_heap *heap, bool *more)
{
	u64 live = gc_live_bytes(heap), cached = gc_cached_bytes(heap);
	struct gomem_gc *gc = heap->gc;

	gc->left = min(gc->left, cached);
	*more = live > gc->live || cached > gc->left;
	return live + cached - gc->left;
}

/*
 * Have objects waited for so long that they will hardly be missed?  Those on CPUs
 * that sleep have, too.
 */
static bool gc_waited_long(struct gomem_heap *heap, u64 now)
{
	struct gomem_gc *gc = heap->gc;

	if (now - gc->checked < WAITING_NS)
		return false;
	gc->checked = now;
	if (gomem_knob(heap, GOMEM_KNOB_GC_PERCENT) < 0 || !gc_cached_bytes(heap))
		return false;
	WRITE_ONCE(gc->wake, true);
	return true;
}

/**
 * gomem_gc_waits() - when will objects have waited for too long?
 * @heap: the heap
 *
 * Context: process.
 * Return: in how many nanoseconds; U64_MAX if none waits, or it does not matter.
 */
u64 gomem_gc_waits(struct gomem_heap *heap)
{
	u64 now = ktime_get_ns(), wait = U64_MAX;
	struct gomem_gc *gc = heap->gc;

	mutex_lock(&gc->mutex);
	if (gomem_knob(heap, GOMEM_KNOB_GC_PERCENT) >= 0 && gc_cached_bytes(heap))
		wait = gc->checked + WAITING_NS > now ?
		       gc->checked + WAITING_NS - now : 0;
	mutex_unlock(&gc->mutex);
	return wait;
}

/* Bytes that @nr objects of a class may pin, as far as there is anything to pin. */
static u64 gc_pinned_bytes(const struct gomem_class_stats *s, unsigned int class, u64 nr)
{
	u64 live = (s->nmalloc - s->nfree) * gomem_class[class].size;

	if (!s->spans || !nr)
		return 0;
	return min(s->bytes - min(s->bytes, live), div64_u64(s->bytes, s->spans) * nr);
}

/**
 * gomem_gc_sum() - what there is, and what a cycle might do about it
 * @heap: the heap
 * @sums: where that goes
 *
 * Context: process.
 */
void gomem_gc_sum(struct gomem_heap *heap, struct gomem_gc_sums *sums)
{
	struct gomem_gc_scratch *scratch = heap->gc->scratch;
	struct gomem_class_stats *s = scratch->snap.class;
	struct gomem_gc *gc = heap->gc;
	unsigned int class;
	u64 depot;
	int nid;

	memset(sums, 0, sizeof(*sums));
	mutex_lock(&gc->mutex);
	sums->live = gc_live_bytes(heap);
	sums->cached = gc_cached_bytes(heap);
	sums->added = sums->cached - min(sums->cached, gc->left);
	/* What waits has not been waiting for longer. */
	if (!gc->waiting)
		gc->checked = ktime_get_ns();
	gc->waiting = sums->cached;
	sums->total = scratch->snap.large_total;
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		depot = 0;
		for_each_node_mask(nid, heap->nodes)
			depot += READ_ONCE(heap->node[nid]->central[class].nr_cached);
		depot = min(depot, scratch->cached[class]);
		sums->total += s[class].nmalloc * gomem_class[class].size;
		sums->gain += gc_pinned_bytes(&s[class], class, scratch->cached[class]);
		sums->cpu_gain += gc_pinned_bytes(&s[class], class,
						  scratch->cached[class] - depot);
	}
	mutex_unlock(&gc->mutex);
}

/**
 * gomem_gc_due() - is it time for a cycle?
 * @heap: the heap
 * @wanted: there is a reason for one already
 *
 * Also sees to it that the worker is called when NextGC may have been reached.
 *
 * Context: process.
 * Return: in how many nanoseconds; 0 for now, U64_MAX for no time known.
 */
u64 gomem_gc_due(struct gomem_heap *heap, bool wanted)
{
	u64 goal = gomem_gc_goal(heap), now = ktime_get_ns(), wait;
	struct gomem_gc *gc = heap->gc;
	bool more = false;
	u64 used = 0;
	int nid;

	mutex_lock(&gc->mutex);
	/* What is allocated or cached is in spans: most often that will do. */
	for_each_node_mask(nid, heap->nodes)
		used += (u64)READ_ONCE(heap->node[nid]->mheap->inuse_pages) <<
			GOMEM_PAGE_SHIFT;
	if (used >= goal)
		used = gc_used_bytes(heap, &more);
	/* With a gc_percent of 0 a heap at rest is at NextGC. */
	wanted = wanted || (more && used >= goal) || gc_waited_long(heap, now);
	wait = gc->not_before > now ? gc->not_before - now : 0;
	mutex_unlock(&gc->mutex);
	if (goal != U64_MAX)
		gc_set_alarm(heap, goal > used ? goal - used : 0);
	return wanted ? wait : U64_MAX;
}

/**
 * gomem_gc_stats() - what MemStats says about cycles
 * @heap: the heap
 * @stats: where it goes
 *
 * Context: any but NMI.
 */
void gomem_gc_stats(struct gomem_heap *heap, struct gomem_memstats *stats)
{
	struct gomem_gc *gc = heap->gc;
	unsigned long flags;

	stats->next_gc = gomem_gc_goal(heap);
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

static int gc_drains_init(struct gomem_heap *heap, struct gomem_gc *gc)
{
	struct gomem_drain *d;
	int cpu;

	gc->drain = alloc_percpu(struct gomem_drain);
	if (!gc->drain)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		d = per_cpu_ptr(gc->drain, cpu);
		d->heap = heap;
		INIT_WORK(&d->work, gc_drain_work);
	}
	return 0;
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
	if (gc->scratch && !gc_drains_init(heap, gc))
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
	free_percpu(gc->drain);
	gomem_meta_free(heap->meta, GOMEM_META_OTHER, gc->scratch);
	gomem_meta_free(heap->meta, GOMEM_META_OTHER, gc);
	heap->gc = NULL;
}

void gomem_gc(void)
{
	gomem_gc_cycle(&gomem_default_heap, true);
}
EXPORT_SYMBOL_GPL(gomem_gc);

int gomem_set_gc_percent(int percent)
{
	int old = gomem_knob(&gomem_default_heap, GOMEM_KNOB_GC_PERCENT);

	gomem_knob_set(&gomem_default_heap, GOMEM_KNOB_GC_PERCENT,
		       clamp(percent, -1, GOMEM_MAX_GC_PERCENT));
	return old;
}
EXPORT_SYMBOL_GPL(gomem_set_gc_percent);
