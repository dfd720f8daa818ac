// SPDX-License-Identifier: GPL-2.0
/*
 * When a reclaim cycle begins.
 *
 * It does when HeapAlloc and what is cached reach a goal, which is set by what was live
 * after the last one and by gc_percent; what that one left in caches does not count, or
 * cycles would follow each other for nothing.  Also when what is cached is not used and
 * pins most of the heap (mm/reclaim.c), and when objects have waited for two minutes.
 * Where gc_percent is -1, none of these three begins one.  And, whatever that is, a cycle
 * begins when somebody asks for it, when the memory limit is near (mm/limit.c), and when
 * memory is short.  NextGC is the goal, or what the heap will be when the limit is near,
 * if that is less.  After a background cycle there is none for at least as long as it
 * took, so they never take more than half of one CPU.
 *
 * Here is what the worker asks; it is the worker that runs the cycle (mm/gc.c).  So that
 * it asks in time, it is called when as much has been allocated as was missing.
 */
#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "central.h"
#include "gc.h"
#include "knobs.h"
#include "limit.h"
#include "mheap.h"

#define LEAST_NEXT_GC	(4ULL << 20)
#define WAITING_NS	(120 * NSEC_PER_SEC)

/**
 * gomem_gc_live_locked() - HeapAlloc
 * @heap: the heap
 *
 * Context: process; gc->mutex held, whose scratch it uses.
 * Return: bytes.
 */
u64 gomem_gc_live_locked(struct gomem_heap *heap)
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
 * gomem_gc_goal() - how large the heap is to be when a cycle begins, by gc_percent
 * @heap: the heap
 *
 * Return: bytes of HeapAlloc and what is cached; U64_MAX for never.
 */
u64 gomem_gc_goal(const struct gomem_heap *heap)
{
	s64 percent = gomem_knob(heap, GOMEM_KNOB_GC_PERCENT);
	u64 live = READ_ONCE(heap->gc->live);

	if (percent < 0)
		return U64_MAX;
	return max(LEAST_NEXT_GC, live + mul_u64_u64_div_u64(live, percent, 100));
}

/**
 * gomem_gc_next() - NextGC
 * @heap: the heap
 * @snap: its snapshot
 * @live: HeapAlloc in that
 *
 * Context: any but NMI.
 * Return: bytes of HeapAlloc and what is cached, at which the next cycle begins,
 * whether gc_percent or the limit says so; U64_MAX for never.
 */
u64 gomem_gc_next(struct gomem_heap *heap, const struct gomem_snapshot *snap, u64 live)
{
	return min(gomem_gc_goal(heap), gomem_limit_goal(heap, snap, live));
}

/* Have the worker called when as much as is missing may have been allocated. */
static void pacer_set_alarm(struct gomem_heap *heap, u64 missing)
{
	unsigned long pages = max_t(u64, missing, SZ_64K) >> GOMEM_PAGE_SHIFT;
	struct gomem_mheap *mheap;
	unsigned long flags;
	int nid;

	pages = max(1UL, pages / bitmap_weight(heap->own, nr_node_ids + GOMEM_NR_ZONES));
	for (nid = -1; gomem_next_node(heap, &nid);) {
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
static u64 pacer_used_bytes(struct gomem_heap *heap, bool *more)
{
	u64 live = gomem_gc_live_locked(heap), cached = gomem_cached_bytes(heap);
	struct gomem_gc *gc = heap->gc;

	gc->left = min(gc->left, cached);
	*more = live > gc->live || cached > gc->left;
	return live + cached - gc->left;
}

/*
 * Have objects waited for so long that they will hardly be missed?  Those on CPUs
 * that sleep have, too.
 */
static bool pacer_waited_long(struct gomem_heap *heap, u64 now)
{
	struct gomem_gc *gc = heap->gc;

	if (now - gc->checked < WAITING_NS)
		return false;
	gc->checked = now;
	if (gomem_knob(heap, GOMEM_KNOB_GC_PERCENT) < 0 || !gomem_cached_bytes(heap))
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
	if (gomem_knob(heap, GOMEM_KNOB_GC_PERCENT) >= 0 && gomem_cached_bytes(heap))
		wait = gc->checked + WAITING_NS > now ?
		       gc->checked + WAITING_NS - now : 0;
	mutex_unlock(&gc->mutex);
	return wait;
}

/* Bytes that @nr objects of a class may pin, as far as there is anything to pin. */
static u64 pacer_pinned_bytes(const struct gomem_class_stats *s, unsigned int class, u64 nr)
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
	sums->live = gomem_gc_live_locked(heap);
	gomem_cached_objects(heap, scratch->cached);
	for (class = 1; class < GOMEM_NR_CACHED; class++)
		sums->cached += scratch->cached[class] * gomem_class[class].size;
	sums->added = sums->cached - min(sums->cached, gc->left);
	/* What waits has not been waiting for longer. */
	if (!gc->waiting)
		gc->checked = ktime_get_ns();
	gc->waiting = sums->cached;
	sums->total = scratch->snap.large_total;
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		depot = 0;
		for (nid = -1; gomem_next_node(heap, &nid);)
			depot += READ_ONCE(heap->node[nid]->central[class].nr_cached);
		depot = min(depot, scratch->cached[class]);
		sums->total += s[class].nmalloc * gomem_class[class].size;
		sums->gain += pacer_pinned_bytes(&s[class], class, scratch->cached[class]);
		sums->cpu_gain += pacer_pinned_bytes(&s[class], class,
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
	for (nid = -1; gomem_next_node(heap, &nid);)
		used += (u64)READ_ONCE(heap->node[nid]->mheap->inuse_pages) <<
			GOMEM_PAGE_SHIFT;
	if (used >= goal)
		used = pacer_used_bytes(heap, &more);
	/* With a gc_percent of 0 a heap at rest is at NextGC. */
	wanted = wanted || (more && used >= goal) || pacer_waited_long(heap, now);
	wait = gc->not_before > now ? gc->not_before - now : 0;
	mutex_unlock(&gc->mutex);
	if (goal != U64_MAX)
		pacer_set_alarm(heap, goal > used ? goal - used : 0);
	return wanted ? wait : U64_MAX;
}

int gomem_set_gc_percent(int percent)
{
	int old = gomem_knob(&gomem_default_heap, GOMEM_KNOB_GC_PERCENT);

	gomem_knob_set(&gomem_default_heap, GOMEM_KNOB_GC_PERCENT,
		       clamp(percent, -1, GOMEM_MAX_GC_PERCENT));
	return old;
}
EXPORT_SYMBOL_GPL(gomem_set_gc_percent);
