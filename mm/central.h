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
#include <linux/spinlock.h>
#include <linux/topology.h>
#include <linux/types.h>

#include "heap.h"
#include "sizeclass.h"

struct gomem_magazine;
struct gomem_mheap;

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
	struct gomem_magazine *full;	/* depot: magazines with objects */
	struct gomem_magazine *empty;	/* depot: magazines without */
	u32 nr_full, nr_empty;
	u32 min_full, min_empty;	/* fewest since the last trim */
	unsigned long nr_cached;	/* objects in the full ones */
	unsigned long empty_room;	/* for objects, in the empty ones */
	struct list_head partial;	/* spans with room, fullest first */
	struct list_head reserve;	/* the same, from the emergency reserves */
	u64 nmalloc, nfree;		/* past the mcaches */
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

static inline struct gomem_node *gomem_local_node(struct gomem_heap *heap)
{
	return heap->node[numa_mem_id()];
}

#endif /* GOMEM_CENTRAL_H */
