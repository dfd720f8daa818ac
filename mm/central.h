/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A size class of a heap on a node, and a node: what those below mcentral know of
 * whom their spans are for.  What is done with them is in mcentral.h and depot.h.
 */
#ifndef GOMEM_CENTRAL_H
#define GOMEM_CENTRAL_H

#include <linux/cache.h>
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/nodemask.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/topology.h>
#include <linux/types.h>

#include "heap.h"
#include "sizeclass.h"

struct gomem_magazine;
struct gomem_mheap;

/* The lists of a depot's full magazines; see mm/depot.c. */
#define GOMEM_DEPOT_LISTS	5

struct gomem_depot_list {
	struct gomem_magazine *top;
	u32 nr;
	u32 min;			/* fewest since the last trim */
	u32 idle;			/* fewest since its CPUs had the heap grow */
	u32 spare;			/* fewest since others looked at it */
};

/*
 * gomem_mcentral - one class of one heap on one node
 *
 * Number 0 counts the objects that are not cached, and has neither spans nor a
 * depot.
 */
struct gomem_mcentral {
	spinlock_t lock;		/* spans' bitmaps, depot, uncached counters */
	u8 class;
	u8 tag;				/* what its spans' pages are tagged */
	bool uncached;			/* of a zone: no CPU caches its objects */
	struct gomem_depot_list full[GOMEM_DEPOT_LISTS];	/* depot: with objects */
	struct gomem_magazine *empty;	/* depot: magazines without */
	u32 nr_full, nr_empty;
	u32 min_empty;			/* fewest since the last trim */
	unsigned long looked;		/* when others' lists were looked at; jiffies */
	unsigned long nr_cached;	/* objects in the full ones */
	unsigned long empty_room;	/* for objects, in the empty ones */
	struct list_head partial;	/* spans with room, fullest first */
	struct list_head reserve;	/* the same, from the emergency reserves */
	u64 nmalloc, nfree;		/* past the mcaches */
	u64 nlookup;			/* objects that came back to spans */
	struct gomem_heap *heap;
	struct gomem_mheap *mheap;

	/* Under mheap->lock; of spans in use. */
	unsigned long nspans;
	unsigned long npages;
	unsigned long halves;		/* of those, half ones */
	unsigned long slots;		/* objects that they have room for */
	u64 stolen;			/* references that kfree() took */
	u64 large_nmalloc, large_nfree;
	u64 large_bytes, large_total;	/* live, ever */
} ____cacheline_aligned_in_smp;

/*
 * gomem_node - the memory of a node, or of a zone
 *
 * gomem_heap.node has one for each node that has memory; for each of the others the
 * nearest one of these; and from nr_node_ids on, those of the zones, made when they
 * are first asked for.  Until then, these are as any other one.
 */
struct gomem_node {
	struct gomem_mheap *mheap;
	struct gomem_mcentral central[GOMEM_NR_CACHED];
};

/* The node that @central is one of the classes of. */
static inline struct gomem_node *gomem_node_of(struct gomem_mcentral *central)
{
	return container_of(central - central->class, struct gomem_node,
			    central[0]);
}

/* Bytes of a class's spans. */
static inline u64 gomem_central_bytes(const struct gomem_mcentral *central)
{
	return ((u64)central->npages << GOMEM_PAGE_SHIFT) -
	       ((u64)central->halves << GOMEM_HALF_SHIFT);
}

/*
 * Go over the numbers that are @heap's own, from @id = -1 on.  False when there is none
 * any more.
 */
static inline bool gomem_next_node(const struct gomem_heap *heap, int *id)
{
	int end = nr_node_ids + GOMEM_NR_ZONES;

	*id = find_next_bit(heap->own, end, *id + 1);
	/* Who sees the bit sees the node; pairs with node_add() and gomem_zone_node(). */
	smp_rmb();
	return *id < end;
}

/*
 * Has the task a say in where its memory comes from?  As for kmalloc(), that is where
 * new pages come from, and not which of the memory that there is.
 */
static inline bool gomem_by_policy(gfp_t gfp)
{
#ifdef CONFIG_NUMA
	return in_task() && current->mempolicy && !(gfp & __GFP_THISNODE);
#else
	return false;
#endif
}

static inline struct gomem_node *gomem_local_node(struct gomem_heap *heap)
{
	return READ_ONCE(heap->node[numa_mem_id()]);
}

#endif /* GOMEM_CENTRAL_H */
