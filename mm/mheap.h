/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page heap of a node: runs of pages in blocks; mm/mheap.c.
 */
#ifndef GOMEM_MHEAP_H
#define GOMEM_MHEAP_H

#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "arena.h"
#include "block.h"
#include "central.h"
#include "mspan.h"

/*
 * The shelf sorts blocks by pages in use (row, powers of two) and by longest
 * idle run (column, exact up to the longest span, powers of two above).
 */
#define GOMEM_SHELF_ROWS	9
#define GOMEM_SHELF_COLUMNS	15

/*
 * Of a list that may be long, how many to look at under the lock, when what is found
 * first may not do.
 */
#define GOMEM_MAX_TRIES		8

/* The last scavenge_delay_ms in eighths, and the part that is not over yet. */
#define GOMEM_PEAKS		9

struct gomem_mheap {
	spinlock_t lock;		/* everything below, but what never changes */
	int nid;
	struct gomem_meta *meta;
	struct list_head blocks;
	unsigned long nr_blocks;
	u16 shelf_rows;				/* that are not empty */
	u16 shelf_map[GOMEM_SHELF_ROWS];	/* and their columns */
	struct list_head shelf[GOMEM_SHELF_ROWS][GOMEM_SHELF_COLUMNS];

	/*
	 * In gomem pages, of which a half one counts as one, and is taken off in
	 * inuse_halves.  HeapSys = inuse + idle + tail + pinned + released.
	 */
	unsigned long inuse_pages;	/* in spans that are in use */
	unsigned long inuse_halves;
	unsigned long idle_pages;	/* in blocks, in no span */
	unsigned long tail_pages;	/* behind large objects, in no span */
	unsigned long pinned_pages;	/* of freed spans that others refer to */
	unsigned long pinned_halves;
	u64 released_bytes;		/* given back, not got again since */
	unsigned long idle_block_pages;	/* in blocks with no span at all */
	unsigned long nr_spans;
	u64 grown, given_back;		/* blocks got, blocks given back; ever */
	u64 moves;			/* whenever any of these changes; ever */
	struct list_head idle_blocks;	/* with no span at all, oldest first */
	struct list_head tails;		/* blocks of which a piece can be cut off */
	struct list_head pinned;	/* spans, see pinned_pages */
	unsigned long nr_pinned;	/* of them */
	/* Kernel pages that the slab lines of the node have been told of. */
	long told_inuse, told_idle;

	/* How much to hold; mm/scavenge.c. */
	unsigned long peak_pages;	/* greatest inuse_pages since the last look */
	unsigned long window_pages;	/* and that of the looks that count */
	unsigned long peak[GOMEM_PEAKS];
	u64 peak_slot;			/* number of the newest of them */
	unsigned long filling_time;	/* see gomem_block.filling; jiffies */

	/* When the page allocator had nothing of this node without effort; jiffies. */
	unsigned long empty;
	unsigned int empty_order;	/* and of which order */

	/* Beyond these the worker wants to be called; mm/reclaim.c. */
	unsigned long alarm_inuse;
	unsigned long alarm_idle;
	unsigned long alarm_held;
};

/* A span that somebody wants: whose, how long, how aligned (in gomem pages). */
struct gomem_want {
	struct gomem_mcentral *central;
	unsigned int npages;
	unsigned int align;
	bool half;			/* half a page will do; npages is 1 */
	bool ahead;			/* more may be got than this one span */
	bool by_policy;			/* on whatever node the task's policy says */
	unsigned long *far_bits;	/* for classes of many objects */
};

void gomem_mheap_tell(struct gomem_mheap *mheap);
void gomem_mheap_init(struct gomem_mheap *mheap, int nid,
		      struct gomem_meta *meta);
struct gomem_span *gomem_mheap_find(struct gomem_mheap *mheap,
				    const struct gomem_want *want);
struct gomem_span *gomem_mheap_take_in(struct gomem_mheap *mheap,
				       const struct gomem_want *want,
				       struct gomem_block *block);
struct gomem_span *gomem_mheap_adopt(struct gomem_mheap *mheap,
				     const struct gomem_want *want,
				     struct gomem_block *block);
void gomem_mheap_free_span(struct gomem_span *span);
void gomem_mheap_census(struct gomem_mheap *mheap, struct gomem_span *span);
unsigned long gomem_mheap_unpin(struct gomem_mheap *mheap);
void gomem_mheap_reshelve(struct gomem_mheap *mheap, struct gomem_block *block);
void gomem_mheap_detach(struct gomem_mheap *mheap, struct gomem_block *block);

/*
 * What a decision has to be made about: not tails, which stay as long as the objects
 * in front of them do.
 */
static inline unsigned long gomem_mheap_kept(const struct gomem_mheap *mheap)
{
	return READ_ONCE(mheap->inuse_pages) + READ_ONCE(mheap->idle_pages) +
	       READ_ONCE(mheap->pinned_pages);
}

/* What the page heap holds, half pages as whole ones. */
static inline unsigned long gomem_mheap_held(const struct gomem_mheap *mheap)
{
	return gomem_mheap_kept(mheap) + READ_ONCE(mheap->tail_pages);
}

/* Where each piece of memory matters more than time: 12 MiB. */
static inline bool gomem_mheap_is_small(const struct gomem_mheap *mheap)
{
	return READ_ONCE(mheap->inuse_pages) < (12UL << 20) >> GOMEM_PAGE_SHIFT;
}

/*
 * Has the page allocator had nothing of this node and @order, or of a smaller one, ten
 * milliseconds ago at most?  To ask it is no small thing, and would be done at each
 * refill while others have memory.
 */
static inline bool gomem_mheap_is_empty(const struct gomem_mheap *mheap,
					unsigned int order)
{
	return time_before(jiffies, READ_ONCE(mheap->empty) + msecs_to_jiffies(10)) &&
	       order >= READ_ONCE(mheap->empty_order);
}

/* It has nothing of @order. */
static inline void gomem_mheap_set_empty(struct gomem_mheap *mheap, unsigned int order)
{
	/* That of a smaller one says more. */
	if (gomem_mheap_is_empty(mheap, order) && order != mheap->empty_order)
		return;
	WRITE_ONCE(mheap->empty_order, order);
	WRITE_ONCE(mheap->empty, jiffies);
}

/* How often the page heap of @node has grown. */
static inline u64 gomem_growths(const struct gomem_node *node)
{
	return READ_ONCE(node->mheap->grown);
}

/*
 * Objects from the emergency reserves are for those who may use these: no CPU caches
 * them, so their tag is none that gomem_free() knows what to do with.
 */
static inline u8 gomem_span_tag(const struct gomem_span *span)
{
	return gomem_block_of(span)->pfmemalloc && gomem_span_central(span)->class ?
	       GOMEM_TAG_OTHER : gomem_span_central(span)->tag;
}

/* The heap grows by so much at least. */
#define GOMEM_MIN_GROWTH	((64U << 10) >> GOMEM_PAGE_SHIFT)

/* rmqueue() does not like __GFP_NOFAIL above this order. */
#define GOMEM_MAX_NOFAIL_ORDER	1

/* A caller's flags, where the page allocator is not to make an effort. */
static inline gfp_t gomem_light_gfp(gfp_t gfp)
{
	return (gfp & ~(__GFP_RECLAIM | __GFP_NOFAIL)) | __GFP_NOWARN |
	       __GFP_NORETRY | __GFP_NOMEMALLOC;
}

/* The least that is kept idle, so that a small heap does not go back and forth. */
#define GOMEM_LEAST_SPARE	((128UL << 10) >> GOMEM_PAGE_SHIFT)

/* How much to hold, in gomem pages, if @peak are in use at the peak. */
static inline unsigned long gomem_mheap_goal(unsigned long peak)
{
	return peak + max(peak / 20, GOMEM_LEAST_SPARE);
}

#endif /* GOMEM_MHEAP_H */
