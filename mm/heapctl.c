// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to all depots and page heaps of a heap: for the sake of the layers below,
 * before the heap grows and when the page allocator has nothing; and for those above,
 * the worker and reclaim cycles, to return what depots hold or have not needed.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "central.h"
#include "depot.h"
#include "heapctl.h"
#include "mcache.h"
#include "mheap.h"
#include "release.h"

/* How many objects are returned to their spans before the heap grows. */
#define GROWTH_OBJECTS	1024U

/* How many between two looks whether others want to run: each may be the end of a span. */
#define RESCHED_OBJECTS	128U

/* How often others are disturbed, in jiffies: ten times a second. */
#define ASK_INTERVAL	(HZ / 10)

/* How many by a caller that may not sleep, when the page allocator has nothing. */
#define ATOMIC_OBJECTS	64U

static unsigned int heapctl_empty_depot(struct gomem_mcentral *central, unsigned int nr)
{
	unsigned int done = 0, chunk, n;

	while (done < nr && READ_ONCE(central->nr_full)) {
		chunk = min(nr - done, RESCHED_OBJECTS);
		n = gomem_depot_drain_objects(central, chunk);
		done += n;
		if (n < chunk)
			break;
		if (nr > ATOMIC_OBJECTS)
			cond_resched();
	}
	return done;
}

static unsigned int heapctl_empty_depots_of(struct gomem_node *node, unsigned int nr)
{
	unsigned int done = 0;
	unsigned int class;

	for (class = GOMEM_NR_CACHED - 1; class && done < nr; class--)
		done += heapctl_empty_depot(&node->central[class], nr - done);
	return done;
}

/**
 * gomem_heap_empty_depots() - return what waits in the depots to the spans
 * @heap: the heap
 * @nr: how many objects, at most; those of the largest classes first
 *
 * Context: any, no gomem lock held; a caller that may not sleep asks for few.
 * Return: how many objects were returned.
 */
unsigned int gomem_heap_empty_depots(struct gomem_heap *heap, unsigned int nr)
{
	unsigned int done = 0;
	int nid;

	if (!READ_ONCE(heap->depot_used))
		return 0;
	WRITE_ONCE(heap->depot_used, false);
	/* Who pushes from now on sets it again; pairs with depot_push_full(). */
	smp_mb();
	gomem_depart(heap);
	for (nid = -1; gomem_next_node(heap, &nid);)
		done += heapctl_empty_depots_of(heap->node[nid], nr - done);
	gomem_arrive(heap);
	if (done == nr)
		WRITE_ONCE(heap->depot_used, true);
	return done;
}

/*
 * The same, of what nobody has needed since the heap last grew; with @others, of what
 * other CPUs take and bring as well.
 */
static unsigned int heapctl_empty_idle(struct gomem_heap *heap, bool others,
				       unsigned int nr)
{
	unsigned int list = gomem_depot_list(raw_smp_processor_id());
	struct gomem_mcentral *central;
	unsigned int class, done = 0;
	int nid;

	gomem_depart(heap);
	for_each_node_mask(nid, heap->nodes) {
		for (class = GOMEM_NR_CACHED - 1; class && done < nr; class--) {
			central = &heap->node[nid]->central[class];
			if (READ_ONCE(central->nr_full))
				done += gomem_depot_drain_idle(central, list, others,
							       nr - done);
		}
		cond_resched();
	}
	gomem_arrive(heap);
	return done;
}

/**
 * gomem_heap_trim() - return what depots have not needed since the last time
 * @heap: the heap
 *
 * Every CPU is to expect less of what it has not used, too.
 *
 * Context: process, may sleep.
 */
void gomem_heap_trim(struct gomem_heap *heap)
{
	unsigned int class;
	int cpu, nid;

	for_each_cpu(cpu, heap->cpus)
		gomem_mcache_relax(gomem_mcache_of(heap, cpu));
	gomem_depart(heap);
	for (nid = -1; gomem_next_node(heap, &nid);)
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			gomem_depot_trim(&heap->node[nid]->central[class]);
	gomem_arrive(heap);
}

/**
 * gomem_heap_shed() - free all magazines that wait, empty, in depots
 * @heap: the heap
 *
 * Context: process, may sleep.
 */
void gomem_heap_shed(struct gomem_heap *heap)
{
	unsigned int class;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);)
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			gomem_depot_shed(&heap->node[nid]->central[class]);
}

/*
 * May what others are using be taken from them?  Not more often than they can bear it
 * without noticing, however fast the heap grows.  What is wanted again at once is on its
 * way from one CPU to another: taken each time, it would be in place of growth for ever.
 */
static bool heapctl_may_disturb(struct gomem_heap *heap)
{
	unsigned long now = jiffies;

	if (time_before(now, READ_ONCE(heap->asked) + ASK_INTERVAL))
		return false;
	WRITE_ONCE(heap->asked, now);
	return true;
}

/*
 * Has there been time for objects to be needed, or not, since others' were last looked
 * at?  A heap that grows fast would else return what is only on its way from one use to
 * the next.
 */
static bool heapctl_may_look(struct gomem_heap *heap)
{
	unsigned long now = jiffies;

	if (time_before(now, READ_ONCE(heap->collected) + GOMEM_LOOK_INTERVAL))
		return false;
	WRITE_ONCE(heap->collected, now);
	return true;
}

/* Have the other CPUs return some of what their mcaches hold. */
static void heapctl_ask_others(struct gomem_heap *heap)
{
	struct gomem_mcache *mc;

	WRITE_ONCE(heap->growths, heap->growths + 1);
	/* This one is about to. */
	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	if (mc != &gomem_no_mcache)
		WRITE_ONCE(mc->drained, heap->growths);
	preempt_enable();
}

/**
 * gomem_heap_collect() - the heap has to grow: use what waits instead
 * @heap: the heap
 * @gfp: of the request
 *
 * Some of what waits in the depots and on this CPU returns to the spans.  Now and then
 * that includes what others are using, and the other CPUs are asked to do the same.
 * Who may not sleep has no time for that.
 *
 * Context: as @gfp says.
 * Return: true if something has returned.
 */
bool gomem_heap_collect(struct gomem_heap *heap, gfp_t gfp)
{
	unsigned int nr;
	bool others;

	if (!gfpflags_allow_blocking(gfp))
		return false;
	if (heapctl_may_disturb(heap)) {
		heapctl_ask_others(heap);
		nr = gomem_heap_empty_depots(heap, GROWTH_OBJECTS);
	} else {
		others = heapctl_may_look(heap);
		/* Of a small heap each piece counts, and it does not grow for long. */
		if (!others && !gomem_mheap_is_small(gomem_local_node(heap)->mheap))
			return false;
		nr = heapctl_empty_idle(heap, others, GROWTH_OBJECTS);
	}
	if (nr < GROWTH_OBJECTS)
		nr += gomem_mcache_drain(heap, NULL, GROWTH_OBJECTS - nr);
	return nr;
}

/**
 * gomem_heap_shrink() - the page allocator has nothing: find something here
 * @heap: the heap
 * @gfp: of the request that failed
 *
 * Context: as @gfp says.
 * Return: true if it is worth to try again.
 */
bool gomem_heap_shrink(struct gomem_heap *heap, gfp_t gfp)
{
	bool may_sleep = gfpflags_allow_blocking(gfp);
	unsigned long given_back = 0, keep;
	struct gomem_mheap *mheap;
	unsigned int emptied;
	int nid;

	if (gfp & (__GFP_DMA | __GFP_DMA32))
		return false;
	emptied = gomem_heap_empty_depots(heap, may_sleep ? UINT_MAX : ATOMIC_OBJECTS);
	for (nid = -1; gomem_next_node(heap, &nid);) {
		mheap = heap->node[nid]->mheap;
		/* Who must not sleep gives one block back, the others all. */
		keep = READ_ONCE(mheap->idle_block_pages);
		if (may_sleep)
			given_back += gomem_mheap_trim_all(mheap);
		else if (keep)
			given_back += gomem_mheap_trim(mheap, keep - 1);
	}
	return emptied || given_back;
}
