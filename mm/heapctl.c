// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to all depots and page heaps of a heap, for the sake of those below:
 * before it grows, and when the page allocator has nothing.
 */
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "central.h"
#include "depot.h"
#include "heapctl.h"
#include "mcache.h"
#include "mheap.h"
#include "release.h"

/*
 * How many magazines are emptied before the heap grows, by callers that may not
 * sleep, and by those that may.
 */
#define ATOMIC_DRAIN	16
#define GROWTH_DRAIN	256

/* Above this number the caller may sleep, and so others get their turn, */
#define ATOMIC_DEPOTS	16U
/* after so many at a time: each may be the end of as many spans as it has objects. */
#define RESCHED_DRAIN	4U

static unsigned int heapctl_empty_depot(struct gomem_mcentral *central, unsigned int nr)
{
	unsigned int done = 0, chunk, n;

	while (done < nr && READ_ONCE(central->nr_full)) {
		chunk = min(nr - done, RESCHED_DRAIN);
		n = gomem_depot_drain(central, chunk);
		done += n;
		if (n < chunk)
			break;
		if (nr > ATOMIC_DEPOTS)
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
 * @nr: how many magazines, at most
 *
 * Context: any, no gomem lock held; a caller that may not sleep asks for few.
 * Return: how many magazines were emptied.
 */
unsigned int gomem_heap_empty_depots(struct gomem_heap *heap, unsigned int nr)
{
	unsigned int done = 0;
	int nid;

	if (!READ_ONCE(heap->depot_used))
		return 0;
	WRITE_ONCE(heap->depot_used, false);
	for_each_node_mask(nid, heap->nodes)
		done += heapctl_empty_depots_of(heap->node[nid], nr - done);
	if (done == nr)
		WRITE_ONCE(heap->depot_used, true);
	return done;
}

/**
 * gomem_heap_relax() - every CPU is to expect less of what it has not used
 * @heap: the heap
 *
 * Context: any.
 */
void gomem_heap_relax(struct gomem_heap *heap)
{
	int cpu;

	for_each_cpu(cpu, heap->cpus)
		gomem_mcache_relax(gomem_mcache_of(heap, cpu));
}

/* This CPU need not be asked: it is about to drain its mcache. */
static void heapctl_note_drained(struct gomem_heap *heap)
{
	struct gomem_mcache *mc;

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
 * What waits in the depots and on this CPU returns to the spans, and the other CPUs
 * are asked to do the same.
 *
 * Context: as @gfp says.
 * Return: true if something has returned.
 */
bool gomem_heap_collect(struct gomem_heap *heap, gfp_t gfp)
{
	unsigned int nr;

	if (!gfpflags_allow_blocking(gfp))
		return gomem_heap_empty_depots(heap, ATOMIC_DRAIN);
	nr = gomem_heap_empty_depots(heap, GROWTH_DRAIN);
	WRITE_ONCE(heap->growths, heap->growths + 1);
	heapctl_note_drained(heap);
	return nr + gomem_mcache_drain(heap, NULL);
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
	emptied = gomem_heap_empty_depots(heap, may_sleep ? UINT_MAX : 16);
	for_each_node_mask(nid, heap->nodes) {
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
