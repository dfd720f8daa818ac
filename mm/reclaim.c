// SPDX-License-Identifier: GPL-2.0
/*
 * The worker that gives memory back, and how it comes to be called.
 *
 * Each heap has one, on a queue of gomem's own.  Whenever it looks, it asks how
 * many bytes to return now, which is the greater of two numbers: what is above
 * the scavenger's goal (mm/scavenge.c), and what is above the memory limit
 * (mm/limit.c).  So many it returns, but in portions: after about half a
 * millisecond it stops and comes back a tick of the clock later.  And it asks
 * whether a reclaim cycle is due (mm/gc.c), which makes more memory idle.
 *
 * Allocating and freeing do not call it.  They compare a sum that they have just
 * changed with a mark, and raise a flag when it is passed; an interrupt to self
 * (irq_work) finds the flag and queues the work.  Nothing else is possible where
 * locks are held and interrupts off.  The worker sets the marks when it leaves.
 *
 * There are two timers.  One ticks once a second for what is neither urgent nor
 * much, and does not wake an idle CPU for it: depots return what they did not
 * need, CPUs are told to expect less.  The other runs only while there is
 * something to return when more time has passed.
 */
#include <linux/jiffies.h>
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/printk.h>
#include <linux/workqueue.h>

#include <trace/events/gomem.h>

#include <linux/gomem.h>

#include "depot.h"
#include "gc.h"
#include "heapctl.h"
#include "limit.h"
#include "mcache.h"
#include "mheap.h"
#include "reclaim.h"
#include "release.h"
#include "scavenge.h"

/* How long a look should take, and the pages that it returns meanwhile. */
#define LOOK_NS		(500 * NSEC_PER_USEC)
#define LEAST_BUDGET	64U
#define MOST_BUDGET	8192U

/* How often to look whether others have let go of pages. */
#define PINNED_MS	200

static struct workqueue_struct *reclaim_queue;

static u64 reclaim_held_bytes(const struct gomem_heap *heap)
{
	u64 pages = 0;
	int nid;

	for_each_node_mask(nid, heap->nodes)
		pages += gomem_mheap_held(heap->node[nid]->mheap);
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

/* Return what should be returned, or a portion of it: then there is more. */
static bool reclaim_return_idle(struct gomem_heap *heap)
{
	unsigned long target = 0, limit, left, done = 0, n;
	struct gomem_reclaim *r = heap->reclaim;
	u64 start = ktime_get_ns(), ns;
	struct gomem_mheap *mheap;
	int nid;

	limit = (gomem_limit_excess(heap) + GOMEM_PAGE_SIZE - 1) >>
		GOMEM_PAGE_SHIFT;
	for_each_node_mask(nid, heap->nodes) {
		mheap = heap->node[nid]->mheap;
		n = gomem_scavenge_excess(mheap);
		left = limit > done ? limit - done : 0;
		target += max(n, left);
		if (done < r->budget)
			done += gomem_scavenge(mheap, max(n, left), left > n,
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

/* When to look again, in jiffies, if nobody calls before. */
static unsigned long reclaim_rest(struct gomem_heap *heap)
{
	unsigned int delay = gomem_knob(heap, GOMEM_KNOB_SCAVENGE_DELAY_MS);
	bool rest = true;
	int nid;

	for_each_node_mask(nid, heap->nodes) {
		if (!gomem_scavenge_rest(heap->node[nid]->mheap))
			rest = false;
		/* Nobody tells when a page is let go. */
		if (READ_ONCE(heap->node[nid]->mheap->nr_pinned))
			return msecs_to_jiffies(PINNED_MS);
	}
	return rest ? MAX_JIFFY_OFFSET :
		      max(1UL, msecs_to_jiffies(delay / (GOMEM_PEAKS - 1)));
}

/**
 * gomem_reclaim_look() - what the worker does
 * @heap: the heap
 *
 * Context: process.
 * Return: in how many jiffies to look again, MAX_JIFFY_OFFSET if only when
 * called.
 */
unsigned long gomem_reclaim_look(struct gomem_heap *heap)
{
	unsigned int delay = gomem_knob(heap, GOMEM_KNOB_SCAVENGE_DELAY_MS);
	struct gomem_reclaim *r = heap->reclaim;
	unsigned long again;
	bool more, wanted;
	u64 wait;
	int nid;

	WRITE_ONCE(r->flag, false);
	/* Who raises it from now on calls again; pairs with irq_work_queue(). */
	smp_mb();
	for_each_node_mask(nid, heap->nodes)
		gomem_mheap_unpin(heap->node[nid]->mheap);
	for_each_node_mask(nid, heap->nodes)
		gomem_scavenge_fold(heap->node[nid]->mheap,
				    div_u64(ktime_get_ns(), NSEC_PER_MSEC),
				    delay);
	more = reclaim_return_idle(heap);
	wanted = READ_ONCE(r->drain) ||
		 (gomem_limit_excess(heap) && gomem_gc_cached_bytes(heap));
	wait = gomem_gc_due(heap, wanted);
	if (!wait) {
		WRITE_ONCE(r->drain, false);
		gomem_gc_cycle(heap, false);
		more |= reclaim_return_idle(heap);
		wait = gomem_gc_due(heap, false);
	}
	gomem_limit_alarm(heap);
	again = reclaim_rest(heap);
	if (wait != U64_MAX)
		again = min(again, nsecs_to_jiffies(wait) + 1);
	return more ? 1 : again;
}

static void reclaim_look_work(struct work_struct *work)
{
	struct gomem_reclaim *r;
	unsigned long again;

	r = container_of(to_delayed_work(work), struct gomem_reclaim, look);
	again = gomem_reclaim_look(r->heap);
	if (again != MAX_JIFFY_OFFSET && READ_ONCE(r->running))
		queue_delayed_work(reclaim_queue, &r->look, again);
}

/* Magazines that no CPU has needed since the last tick return to their spans. */
static void reclaim_trim_depots(struct gomem_heap *heap)
{
	unsigned int class;
	int cpu, nid;

	for_each_possible_cpu(cpu)
		gomem_mcache_relax(per_cpu_ptr(heap->mcache, cpu));
	for_each_node_mask(nid, heap->nodes)
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			gomem_depot_trim(&heap->node[nid]->central[class]);
}

static void reclaim_tick_work(struct work_struct *work)
{
	struct gomem_reclaim *r;

	r = container_of(to_delayed_work(work), struct gomem_reclaim, tick);
	reclaim_trim_depots(r->heap);
	mod_delayed_work(reclaim_queue, &r->look, 0);
	gomem_gc_look_at_cpus(r->heap);
	queue_delayed_work(reclaim_queue, &r->tick, HZ);
}

static void reclaim_kick(struct irq_work *work)
{
	struct gomem_reclaim *r = container_of(work, struct gomem_reclaim, kick);

	if (READ_ONCE(r->running))
		mod_delayed_work(reclaim_queue, &r->look, 0);
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
 * Context: process, may sleep; takes cpus_read_lock().
 */
void gomem_heap_free_os_memory(struct gomem_heap *heap)
{
	unsigned long target = 0, done = 0;
	u64 start = ktime_get_ns();
	struct gomem_node *node;
	unsigned int class;
	int nid;

	gomem_gc_cycle(heap, true);
	for_each_node_mask(nid, heap->nodes) {
		node = heap->node[nid];
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			gomem_depot_shed(&node->central[class]);
		target += READ_ONCE(node->mheap->idle_pages);
		done += gomem_mheap_trim_all(node->mheap);
		done += gomem_mheap_punch_all(node->mheap);
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
	INIT_DEFERRABLE_WORK(&r->tick, reclaim_tick_work);
	INIT_DELAYED_WORK(&r->look, reclaim_look_work);
	r->budget = LEAST_BUDGET;
	r->flag = false;
	WRITE_ONCE(r->running, true);
	queue_delayed_work(reclaim_queue, &r->tick, HZ);
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
	cancel_delayed_work_sync(&r->tick);
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
	gomem_drain_queue = alloc_workqueue("gomem_drain", WQ_MEM_RECLAIM |
					    GOMEM_COMPAT_WQ_PERCPU, 0);
	if (reclaim_queue && gomem_drain_queue)
		return 0;
	gomem_reclaim_exit();
	return -ENOMEM;
}

/**
 * gomem_reclaim_exit() - after the last heap
 */
void gomem_reclaim_exit(void)
{
	if (reclaim_queue)
		destroy_workqueue(reclaim_queue);
	if (gomem_drain_queue)
		destroy_workqueue(gomem_drain_queue);
	reclaim_queue = NULL;
	gomem_drain_queue = NULL;
}
