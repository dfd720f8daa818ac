// SPDX-License-Identifier: GPL-2.0
/*
 * The worker that gives memory back, and how it comes to be called.
 *
 * Each heap has one, on a queue of gomem's own.  Whenever it looks, it asks how
 * many bytes to return now, which is the greatest of three numbers: what is above
 * the scavenger's goal, what is above the ebb's (both mm/scavenge.c), and what is
 * above the memory limit (mm/limit.c).  So many it returns, but in portions: after
 * about half a millisecond it stops and comes back a tick of the clock later.  And it
 * asks whether a reclaim cycle is due (mm/pacer.c), which makes more memory idle.
 *
 * Allocating and freeing do not call it.  They compare a sum that they have just
 * changed with a mark, and raise a flag when it is passed; an interrupt to self
 * (irq_work) finds the flag and queues the work.  Nothing else is possible where
 * locks are held and interrupts off.  The worker sets the marks when it leaves.
 *
 * While anything moves, or waits for its time, there is a look every half second; while
 * others refer to pages of freed spans, every 200 ms, because nobody tells when they let
 * go.  Once a second, a look has the depots return what they did not need, and CPUs told
 * to expect less.  When nothing has moved since the last look, the next one is when
 * something will be due; and when there is nothing, neither to return nor to collect,
 * the heap is at rest, and no timer runs.  Where objects begin to move between CPUs,
 * depots and spans, off the fast path, a heap at rest is stirred, by an interrupt to
 * self as well, and half a second later there is a look again.
 */
#include <linux/jiffies.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#include <trace/events/gomem.h>

#include <linux/gomem.h>

#include "gc.h"
#include "heapctl.h"
#include "limit.h"
#include "mheap.h"
#include "mprof.h"
#include "reclaim.h"
#include "release.h"
#include "scavenge.h"

/* How long a look should take, and the pages that it returns meanwhile. */
#define LOOK_NS		(500 * NSEC_PER_USEC)
#define LEAST_BUDGET	64U
#define MOST_BUDGET	8192U

/* How often to look whether others have let go of pages. */
#define PINNED_MS	200

/* How often to look while anything moves, and to trim depots meanwhile. */
#define LOOK_MS		500
#define TRIM_MS		900	/* every second time, even if that comes early */

/* What goes early is noted if it may be missed. */
#define EBB_MATTERS	((u64)SZ_1M)

/* A cycle is worth the trouble if it makes so much idle. */
#define LEAST_GAIN	((u64)SZ_512K)

static struct workqueue_struct *reclaim_queue;

static u64 reclaim_held_bytes(const struct gomem_heap *heap)
{
	u64 pages = 0;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);)
		pages += gomem_mheap_held(heap->node[nid]->mheap);
	return pages << GOMEM_PAGE_SHIFT;
}

/* The same without what cannot go back. */
static u64 reclaim_kept_bytes(const struct gomem_heap *heap)
{
	u64 pages = 0;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);)
		pages += gomem_mheap_kept(heap->node[nid]->mheap);
	return pages << GOMEM_PAGE_SHIFT;
}

/* Tell the world that memory went back; @wanted and @done in gomem pages. */
static void reclaim_report(struct gomem_heap *heap, const char *why,
			   unsigned long wanted, unsigned long done, u64 ns)
{
	u64 held = reclaim_held_bytes(heap);

	trace_gomem_scavenge(why, (u64)wanted << GOMEM_PAGE_SHIFT,
			     (u64)done << GOMEM_PAGE_SHIFT, held, ns);
	/* As Go does with GODEBUG=scavtrace=1. */
	if (gomem_knob(heap, GOMEM_KNOB_SCAVTRACE))
		pr_info("scav %lu KiB work (%s), %llu KiB now, %llu us\n",
			done << (GOMEM_PAGE_SHIFT - 10), why, held >> 10,
			div_u64(ns, NSEC_PER_USEC));
}

/* The next portion is larger if this one was quick, smaller if it was not. */
static void reclaim_adapt_budget(struct gomem_reclaim *r, u64 ns)
{
	if (ns > LOOK_NS)
		r->budget /= 2;
	else if (ns < LOOK_NS / 2)
		r->budget *= 2;
	r->budget = clamp(r->budget, LEAST_BUDGET, MOST_BUDGET);
}

/*
 * Return what should be returned, or a portion of it: then there is more.  @ebb is
 * what goes because most of the heap has become idle, in bytes.
 */
static bool reclaim_return_idle(struct gomem_heap *heap, u64 ebb)
{
	unsigned long target = 0, limit, extra, left, done = 0, n;
	struct gomem_reclaim *r = heap->reclaim;
	u64 start = ktime_get_ns(), ns;
	struct gomem_mheap *mheap;
	int nid;

	limit = (gomem_limit_excess(heap) + GOMEM_PAGE_SIZE - 1) >>
		GOMEM_PAGE_SHIFT;
	extra = max_t(unsigned long, limit, ebb >> GOMEM_PAGE_SHIFT);
	for (nid = -1; gomem_next_node(heap, &nid);) {
		mheap = heap->node[nid]->mheap;
		n = gomem_scavenge_excess(mheap);
		left = extra > done ? extra - done : 0;
		target += max(n, left);
		if (done < r->budget)
			done += gomem_scavenge(mheap, max(n, left),
					       limit > done && left > n,
					       r->budget - done);
	}
	if (!done)
		return false;
	ns = ktime_get_ns() - start;
	reclaim_report(heap, limit ? "limit" : "background", target, done, ns);
	n = r->budget;
	reclaim_adapt_budget(r, ns);
	return done >= n;
}

/* The same, with what the ebb's rule says of it. */
static bool reclaim_return(struct gomem_heap *heap, u64 now_ms, u64 use)
{
	unsigned int delay = gomem_knob(heap, GOMEM_KNOB_SCAVENGE_DELAY_MS);
	struct gomem_reclaim *r = heap->reclaim;
	u64 held = reclaim_kept_bytes(heap), ebb;
	bool more;

	ebb = gomem_ebb_excess(&r->ebb, now_ms, delay, use, held);
	more = reclaim_return_idle(heap, ebb);
	if (ebb > EBB_MATTERS && reclaim_kept_bytes(heap) < held)
		gomem_ebb_returned(&r->ebb, now_ms, held);
	return more;
}

static bool reclaim_depots_hold(struct gomem_heap *heap)
{
	unsigned int class;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);)
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			if (READ_ONCE(heap->node[nid]->central[class].nr_full))
				return true;
	return false;
}

/*
 * Is most of the heap idle, or would be if it were not for objects that wait, and
 * are they hardly used?  Then a cycle is wanted; and if it is mostly CPUs on which
 * they wait, sleeping ones are woken for it.
 */
static bool reclaim_caches_are_idle(struct gomem_heap *heap,
				    const struct gomem_gc_sums *sums)
{
	u64 allocated, held = reclaim_kept_bytes(heap), idle = 0;
	struct gomem_ebb *ebb = &heap->reclaim->ebb;
	int nid;

	if (gomem_knob(heap, GOMEM_KNOB_GC_PERCENT) < 0)
		return false;
	for (nid = -1; gomem_next_node(heap, &nid);)
		idle += (u64)READ_ONCE(heap->node[nid]->mheap->idle_pages) <<
			GOMEM_PAGE_SHIFT;
	allocated = ebb->allocated + gomem_ebb_allocated(ebb, sums->total);
	if (sums->gain < LEAST_GAIN || sums->gain + idle < held / 2 ||
	    sums->added < sums->cached / 2 || allocated > sums->gain / 4)
		return false;
	if (sums->cpu_gain >= LEAST_GAIN && sums->cpu_gain > sums->live / 4)
		WRITE_ONCE(heap->gc->wake, true);
	return true;
}

/* Have objects come or gone since the last look? */
static bool reclaim_moved(struct gomem_reclaim *r, const struct gomem_gc_sums *sums)
{
	bool moved = sums->live != r->live || sums->total != r->total ||
		     sums->cached != r->cached;

	r->live = sums->live;
	r->total = sums->total;
	r->cached = sums->cached;
	return moved;
}

/*
 * When to look again, in jiffies, if nobody calls before.  @moved: something does;
 * @use: what has been in use lately, bytes.
 */
static unsigned long reclaim_rest(struct gomem_heap *heap, bool moved, u64 live, u64 use)
{
	unsigned int delay = gomem_knob(heap, GOMEM_KNOB_SCAVENGE_DELAY_MS);
	unsigned long again = MAX_JIFFY_OFFSET;
	u64 wait = gomem_gc_waits(heap);
	int nid;

	if (moved || reclaim_depots_hold(heap))
		again = msecs_to_jiffies(LOOK_MS);
	if (wait != U64_MAX)
		again = min(again, nsecs_to_jiffies(wait) + 1);
	/* What has been in use will have been so for long enough. */
	if (use > live && reclaim_kept_bytes(heap) / 4 > live)
		again = min(again, max(1UL, msecs_to_jiffies(min_t(unsigned int, LOOK_MS,
								   delay / 5))));
	for (nid = -1; gomem_next_node(heap, &nid);) {
		if (!gomem_scavenge_rest(heap->node[nid]->mheap))
			again = min(again, max(1UL, msecs_to_jiffies(delay /
								     (GOMEM_PEAKS - 1))));
		/* Nobody tells when a page is let go. */
		if (READ_ONCE(heap->node[nid]->mheap->nr_pinned))
			again = min(again, msecs_to_jiffies(PINNED_MS));
	}
	return again;
}

/**
 * gomem_reclaim_look_at() - what the worker does
 * @heap: the heap
 * @now_ms: the time, from any start; never goes back
 *
 * Context: process.
 * Return: in how many jiffies to look again, MAX_JIFFY_OFFSET if only when
 * called.
 */
unsigned long gomem_reclaim_look_at(struct gomem_heap *heap, u64 now_ms)
{
	unsigned int delay = gomem_knob(heap, GOMEM_KNOB_SCAVENGE_DELAY_MS);
	struct gomem_reclaim *r = heap->reclaim;
	bool more, moved, wanted = false;
	struct gomem_gc_sums sums;
	unsigned long again;
	u64 wait, use, peak = 0;
	int nid;

	WRITE_ONCE(r->flag, false);
	WRITE_ONCE(heap->at_rest, true);
	/*
	 * Who raises the flag from now on calls again, and who moves something, stirs:
	 * pairs with irq_work_queue().
	 */
	smp_mb();
	for (nid = -1; gomem_next_node(heap, &nid);)
		gomem_mheap_unpin(heap->node[nid]->mheap);
	for (nid = -1; gomem_next_node(heap, &nid);)
		peak += gomem_scavenge_fold(heap->node[nid]->mheap, now_ms, delay);
	if (now_ms - r->trimmed_ms >= TRIM_MS) {
		r->trimmed_ms = now_ms;
		gomem_heap_trim(heap);
	}
	gomem_gc_sum(heap, &sums);
	moved = reclaim_moved(r, &sums);
	use = gomem_ebb_look(&r->ebb, now_ms, delay, sums.live, sums.total,
			     peak << GOMEM_PAGE_SHIFT);
	more = reclaim_return(heap, now_ms, use);
	if (READ_ONCE(r->drain)) {
		WRITE_ONCE(heap->gc->wake, true);
		wanted = true;
	}
	/* Near the limit, what is idle goes first, however many portions that takes. */
	wanted = wanted || (!more && gomem_limit_excess(heap) && sums.cached) ||
		 reclaim_caches_are_idle(heap, &sums);
	wait = gomem_gc_due(heap, wanted);
	if (!wait) {
		WRITE_ONCE(r->drain, false);
		gomem_gc_cycle(heap, false);
		more |= reclaim_return(heap, now_ms, use);
		wait = gomem_gc_due(heap, false);
		/* What has become idle may be due soon. */
		moved = true;
	}
	gomem_limit_alarm(heap);
	gomem_mprof_look(heap, sums.live);
	again = reclaim_rest(heap, moved, sums.live, use);
	if (wait != U64_MAX)
		again = min(again, nsecs_to_jiffies(wait) + 1);
	return more ? 1 : again;
}

/**
 * gomem_reclaim_look() - what the worker does, now
 * @heap: the heap
 *
 * Context: process.
 * Return: as gomem_reclaim_look_at().
 */
unsigned long gomem_reclaim_look(struct gomem_heap *heap)
{
	return gomem_reclaim_look_at(heap, div_u64(ktime_get_ns(), NSEC_PER_MSEC));
}

static void reclaim_look_work(struct work_struct *work)
{
	unsigned long again, soon = msecs_to_jiffies(LOOK_MS);
	struct gomem_reclaim *r;

	r = container_of(to_delayed_work(work), struct gomem_reclaim, look);
	again = gomem_reclaim_look(r->heap);
	if (again == MAX_JIFFY_OFFSET || !READ_ONCE(r->running))
		return;
	gomem_gc_look_at_cpus(r->heap);
	if (again > soon) {
		/* Whoever has stirred meanwhile has queued it for earlier. */
		queue_delayed_work(reclaim_queue, &r->look, again);
		return;
	}
	/* It comes soon enough whatever moves. */
	WRITE_ONCE(r->heap->at_rest, false);
	/* Whoever has raised the flag has queued it for now, or does so. */
	if (!READ_ONCE(r->flag))
		mod_delayed_work(reclaim_queue, &r->look, again);
}

static void reclaim_kick(struct irq_work *work)
{
	struct gomem_reclaim *r = container_of(work, struct gomem_reclaim, kick);

	if (READ_ONCE(r->running))
		mod_delayed_work(reclaim_queue, &r->look, 0);
}

static void reclaim_stir(struct irq_work *work)
{
	struct gomem_reclaim *r = container_of(work, struct gomem_reclaim, stir);

	if (READ_ONCE(r->running) && !READ_ONCE(r->flag))
		mod_delayed_work(reclaim_queue, &r->look, msecs_to_jiffies(LOOK_MS));
}

/**
 * gomem_reclaim_stir() - something moves in a heap at rest
 * @heap: the heap
 *
 * Context: any but NMI, any lock of gomem's held.
 */
void gomem_reclaim_stir(struct gomem_heap *heap)
{
	/* Pairs with the release in gomem_reclaim_start(). */
	struct gomem_reclaim *r = smp_load_acquire(&heap->reclaim);

	if (!r || !READ_ONCE(r->running) || !READ_ONCE(heap->at_rest))
		return;
	WRITE_ONCE(heap->at_rest, false);
	irq_work_queue(&r->stir);
}

/**
 * gomem_reclaim_call() - raise the flag: the worker is wanted
 * @heap: the heap
 *
 * Context: any but NMI, any lock of gomem's held.
 */
void gomem_reclaim_call(struct gomem_heap *heap)
{
	/* Pairs with the release in gomem_reclaim_start(). */
	struct gomem_reclaim *r = smp_load_acquire(&heap->reclaim);

	if (!r || READ_ONCE(r->flag) || !READ_ONCE(r->running))
		return;
	WRITE_ONCE(r->flag, true);
	irq_work_queue(&r->kick);
}

/**
 * gomem_heap_free_os_memory() - give back everything that is idle, now
 * @heap: the heap
 *
 * Context: process, may sleep.
 */
void gomem_heap_free_os_memory(struct gomem_heap *heap)
{
	unsigned long target = 0, done = 0;
	u64 start = ktime_get_ns();
	struct gomem_mheap *mheap;
	int nid;

	gomem_gc_cycle(heap, true);
	gomem_heap_shed(heap);
	for (nid = -1; gomem_next_node(heap, &nid);) {
		mheap = heap->node[nid]->mheap;
		target += READ_ONCE(mheap->idle_pages);
		done += gomem_mheap_trim_all(mheap);
		done += gomem_mheap_punch_all(mheap);
	}
	reclaim_report(heap, "forced", target, done, ktime_get_ns() - start);
}

void gomem_free_os_memory(void)
{
	gomem_heap_free_os_memory(&gomem_default_heap);
}
EXPORT_SYMBOL_GPL(gomem_free_os_memory);

/**
 * gomem_reclaim_start() - begin to look after a heap, or begin again
 * @heap: the heap
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_reclaim_start(struct gomem_heap *heap)
{
	struct gomem_reclaim *r = heap->reclaim;

	if (!r)
		r = gomem_meta_alloc(heap->meta, GOMEM_META_OTHER, sizeof(*r),
				     GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	r->heap = heap;
	init_irq_work(&r->kick, reclaim_kick);
	init_irq_work(&r->stir, reclaim_stir);
	INIT_DELAYED_WORK(&r->look, reclaim_look_work);
	r->budget = LEAST_BUDGET;
	r->flag = false;
	WRITE_ONCE(r->running, true);
	/* Who sees it sees that it is complete; pairs with gomem_reclaim_call(). */
	smp_store_release(&heap->reclaim, r);
	queue_delayed_work(reclaim_queue, &r->look, 0);
	return 0;
}

/**
 * gomem_reclaim_stop() - leave a heap alone from now on
 * @heap: the heap
 *
 * Context: process, may sleep until a running look is over.
 */
void gomem_reclaim_stop(struct gomem_heap *heap)
{
	struct gomem_reclaim *r = heap->reclaim;

	WRITE_ONCE(r->running, false);
	irq_work_sync(&r->kick);
	irq_work_sync(&r->stir);
	cancel_delayed_work_sync(&r->look);
}

/**
 * gomem_reclaim_free() - there is no worker any more
 * @heap: the heap, stopped before
 */
void gomem_reclaim_free(struct gomem_heap *heap)
{
	struct gomem_reclaim *r = heap->reclaim;

	heap->reclaim = NULL;
	gomem_meta_free(heap->meta, GOMEM_META_OTHER, r);
}

/**
 * gomem_reclaim_init() - before the first heap
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_reclaim_init(void)
{
	reclaim_queue = alloc_workqueue("gomem", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return reclaim_queue ? 0 : -ENOMEM;
}

/**
 * gomem_reclaim_exit() - after the last heap
 */
void gomem_reclaim_exit(void)
{
	destroy_workqueue(reclaim_queue);
}
