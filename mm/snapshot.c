// SPDX-License-Identifier: GPL-2.0
/*
 * A picture of a heap that adds up, taken without stopping it.
 *
 * CPUs count what they hand out and take back in their mcaches, mcentrals count
 * what goes past those, and mheaps count spans and pages under their lock.  To
 * sum them up while they all go on counting, order is enough:
 *
 *  1. spans and pages of every node, each under its mheap's lock;
 *  2. all frees, F;
 *  3. all mallocs, M.
 *
 * A free is counted after its malloc and read before it, so F <= M.  And as an
 * object that is live when step 1 is done has a slot in the spans counted there,
 * no more than F + slots objects had been allocated by then.  Reported are
 *
 *	Frees = F,  Mallocs = min(M, F + slots).
 *
 * Neither is ever more than what really happened by the end of step 3, nor less
 * than what had happened before step 1; so both only grow from one snapshot to
 * the next, the live objects never exceed the slots, and HeapAlloc never exceeds
 * HeapInuse.  A CPU that comes up for the first time is seen from one of the steps on:
 * it has counted nothing before.
 *
 * An undetected double free counts a free too many until it is found out (see
 * gomem_objects_put()); F is bounded by M for that while.
 */
#include <linux/cpumask.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "central.h"
#include "heap.h"
#include "mcache.h"
#include "meta.h"
#include "mheap.h"
#include "snapshot.h"

/* Step 1, for one node. */
static void snapshot_read_node(struct gomem_node *node, struct gomem_snapshot *snap)
{
	struct gomem_mheap *mheap = node->mheap;
	const struct gomem_mcentral *large = &node->central[0];
	unsigned long flags;
	unsigned int class;
	u64 pinned, tails;

	spin_lock_irqsave(&mheap->lock, flags);
	for (class = 0; class < GOMEM_NR_CACHED; class++) {
		snap->class[class].spans += node->central[class].nspans;
		snap->class[class].bytes += gomem_central_bytes(&node->central[class]);
		snap->class[class].slots += node->central[class].slots;
		snap->class[class].stolen += node->central[class].stolen;
		snap->stolen += node->central[class].stolen;
	}
	snap->class[0].nmalloc += large->large_nmalloc;
	snap->class[0].nfree += large->large_nfree;
	snap->large_bytes += large->large_bytes;
	snap->large_total += large->large_total;
	pinned = ((u64)mheap->pinned_pages << GOMEM_PAGE_SHIFT) -
		 ((u64)mheap->pinned_halves << GOMEM_HALF_SHIFT);
	snap->held_pages += DIV_ROUND_UP_ULL(pinned, PAGE_SIZE);
	tails = (u64)mheap->tail_pages << GOMEM_PAGE_SHIFT;
	snap->tails += tails;
	snap->idle += ((u64)mheap->idle_pages << GOMEM_PAGE_SHIFT) + tails + pinned;
	snap->released += mheap->released_bytes;
	snap->moves += mheap->moves;
	spin_unlock_irqrestore(&mheap->lock, flags);
}

/* Step 2. */
static void snapshot_read_frees(struct gomem_heap *heap, struct gomem_snapshot *snap)
{
	struct gomem_mcentral *central;
	unsigned int class;
	int cpu, nid;

	for_each_cpu(cpu, heap->cpus) {
		struct gomem_mcache *mc = gomem_mcache_of(heap, cpu);

		for (class = 1; class < GOMEM_NR_CACHED; class++)
			snap->class[class].nfree +=
				READ_ONCE(mc->class[class].nfree);
	}
	for (nid = -1; gomem_next_node(heap, &nid);) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++) {
			snap->class[class].nfree += READ_ONCE(central[class].nfree);
			snap->lookups += READ_ONCE(central[class].nlookup);
		}
	}
}

/* Step 3. */
static void snapshot_read_mallocs(struct gomem_heap *heap, struct gomem_snapshot *snap)
{
	struct gomem_mcentral *central;
	unsigned int class;
	int cpu, nid;

	for_each_cpu(cpu, heap->cpus) {
		struct gomem_mcache *mc = gomem_mcache_of(heap, cpu);

		gomem_mcache_add_nmalloc(mc, snap->class);
		snap->naccount += local_read(&mc->naccount);
	}
	for (nid = -1; gomem_next_node(heap, &nid);) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			snap->class[class].nmalloc += READ_ONCE(central[class].nmalloc);
	}
}

/**
 * gomem_snapshot() - read all counters of a heap, consistently
 * @heap: the heap
 * @snap: where they go
 *
 * Context: any but NMI.
 */
void gomem_snapshot(struct gomem_heap *heap, struct gomem_snapshot *snap)
{
	unsigned int class;
	int nid;

	memset(snap, 0, sizeof(*snap));
	snap->stolen = atomic_long_read(&heap->meta->stolen);
	for (nid = -1; gomem_next_node(heap, &nid);)
		snapshot_read_node(heap->node[nid], snap);
	smp_rmb();	/* spans before frees; see above */
	snapshot_read_frees(heap, snap);
	smp_rmb();	/* frees before mallocs */
	snapshot_read_mallocs(heap, snap);
	snap->naccount += atomic_long_read(&heap->event[GOMEM_EV_ACCOUNT]);
	snap->lookups += atomic_long_read(&heap->event[GOMEM_EV_LOOKUP]);

	snap->inuse = snap->large_bytes;
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		struct gomem_class_stats *s = &snap->class[class];

		s->nmalloc = min(s->nmalloc, s->nfree + s->slots);
		s->nfree = min(s->nfree, s->nmalloc);
		snap->inuse += s->bytes;
		snap->nr_spans += s->spans;
	}
	snap->nr_spans += snap->class[0].spans;
}

/* A pair of magazines that is being exchanged may be seen half old, half new. */
static u64 snapshot_cached_on(struct gomem_heap *heap, int cpu, unsigned int class)
{
	struct gomem_mcache *mc = gomem_mcache_of(heap, cpu);
	struct gomem_magazine *loaded = READ_ONCE(mc->pair[class].loaded);
	struct gomem_magazine *prev = READ_ONCE(mc->pair[class].prev);
	long nr = READ_ONCE(mc->class[class].top) - loaded->obj;

	return clamp_t(long, nr, 0, gomem_class[class].mag_cap) +
	       READ_ONCE(prev->nr);
}

/**
 * gomem_cached_bytes_on() - bytes of objects that wait in the magazines of a CPU
 * @heap: the heap
 * @cpu: the CPU
 *
 * Context: any but NMI.
 * Return: bytes, about right while they move.
 */
u64 gomem_cached_bytes_on(struct gomem_heap *heap, int cpu)
{
	unsigned int class;
	u64 bytes = 0;

	rcu_read_lock();	/* magazines that are being freed */
	for (class = 1; class < GOMEM_NR_CACHED; class++)
		bytes += snapshot_cached_on(heap, cpu, class) *
			 gomem_class[class].size;
	rcu_read_unlock();
	return bytes;
}

/**
 * gomem_cached_bytes() - bytes of objects that wait in magazines
 * @heap: the heap
 *
 * Context: any but NMI.
 * Return: bytes, about right while they move.
 */
u64 gomem_cached_bytes(struct gomem_heap *heap)
{
	struct gomem_mcentral *central;
	unsigned int class;
	u64 bytes = 0;
	int cpu, nid;

	for_each_cpu(cpu, heap->cpus)
		bytes += gomem_cached_bytes_on(heap, cpu);
	for (nid = -1; gomem_next_node(heap, &nid);) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			bytes += (u64)READ_ONCE(central[class].nr_cached) *
				 gomem_class[class].size;
	}
	return bytes;
}

/**
 * gomem_cached_objects() - objects that wait in magazines
 * @heap: the heap
 * @cached: how many, by class; about right while they move
 *
 * Context: any but NMI.
 */
void gomem_cached_objects(struct gomem_heap *heap, u64 *cached)
{
	struct gomem_mcentral *central;
	unsigned int class;
	int cpu, nid;

	memset(cached, 0, GOMEM_NR_CACHED * sizeof(*cached));
	rcu_read_lock();	/* magazines that are being freed */
	for_each_cpu(cpu, heap->cpus)
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			cached[class] += snapshot_cached_on(heap, cpu, class);
	rcu_read_unlock();
	for (nid = -1; gomem_next_node(heap, &nid);) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			cached[class] += READ_ONCE(central[class].nr_cached);
	}
}
