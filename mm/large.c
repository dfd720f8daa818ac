// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects: a span each.
 *
 * Above 64 KiB, where run classes end, an object is a run of whole pages.  Where
 * the page heap has such a run, or is about to grow by much more than one, it is
 * asked; otherwise it gets a block that is just as long.  When the object is freed,
 * that is a block like any other, which waits for the next one.  Idle blocks that
 * have been of no use to a large object go back before it gets its own, as much
 * memory as it gets, so that objects of many lengths do not leave a block of each.
 *
 * From GOMEM_LEAST_WHOLE on, objects get a block that is as long as a power of two,
 * as the page allocator hands it out, and is given back in one piece as soon as they
 * are freed.  So high orders are not broken up for what nobody else could use.  Where
 * much of it is left, the block is tailed, and the heap grows into that (mm/tail.c);
 * otherwise it is compound.
 *
 * Nobody caches these objects, so a wrong free of one is always caught at once.
 */
#include <linux/delay.h>
#include <linux/rcupdate.h>

#include "arena.h"
#include "badfree.h"
#include "grow.h"
#include "large.h"
#include "mheap.h"
#include "release.h"

static unsigned int large_pages_for(size_t size)
{
	if (size >= GOMEM_LEAST_WHOLE)
		size = gomem_whole_size(size);
	return DIV_ROUND_UP(size, GOMEM_PAGE_SIZE);
}

/**
 * gomem_page_gfp() - a caller's flags, as the page allocator may see them
 * @gfp: the caller's
 *
 * Objects are zeroed one by one, where they have to be; nobody is charged; whether the
 * pages are compound is for mm/block.c to say; and the memory cannot be moved.
 *
 * Return: what is left of @gfp.
 */
gfp_t gomem_page_gfp(gfp_t gfp)
{
	return gfp & ~(__GFP_ACCOUNT | __GFP_ZERO | __GFP_COMP | __GFP_MOVABLE |
		       __GFP_HIGHMEM | __GFP_RECLAIMABLE | __GFP_WRITE);
}

/* Make a new block an object, of @npages. */
static void *large_adopt(struct gomem_node *node, struct gomem_block *block,
			 unsigned int npages)
{
	struct gomem_want want = {
		.central = &node->central[0],
		.npages = npages,
		.align = 1,
	};

	gomem_mheap_follow(&want, block);
	return (void *)gomem_span_base(gomem_mheap_adopt(want.central->mheap,
							 &want, block));
}

/* A block for one object; how long it may take is for @gfp to say. */
static struct gomem_block *large_own_block(struct gomem_node *node,
					   unsigned int npages,
					   enum gomem_block_kind kind, gfp_t gfp,
					   bool by_policy)
{
	struct gomem_heap *heap = node->central[0].heap;
	struct gomem_mheap *mheap = node->mheap;
	int nid = by_policy ? NUMA_NO_NODE : mheap->nid;
	struct gomem_block *block;

	/* Who cannot wait is promised nothing. */
	if (!(gfp & __GFP_NOFAIL) || !gfpflags_allow_blocking(gfp))
		return gomem_block_alloc(mheap->meta, npages, kind,
					 gfp & ~__GFP_NOFAIL, nid);

	/*
	 * The page allocator promises nothing here; gomem does.  Up to the costly
	 * orders it kills for such memory before it fails, which is wanted.
	 */
	if (gomem_block_order(npages) > GOMEM_MAX_NOFAIL_ORDER)
		gfp = (gfp & ~__GFP_NOFAIL) | __GFP_NOWARN;
	if (gomem_block_order(npages) > PAGE_ALLOC_COSTLY_ORDER)
		gfp |= __GFP_RETRY_MAYFAIL;
	while (!(block = gomem_block_alloc(mheap->meta, npages, kind, gfp, nid))) {
		heap->hooks->shrink(heap, gfp);
		msleep(20);
	}
	return block;
}

/**
 * gomem_large_exact() - an object with pages of its own
 * @node: the node that it is to lie on
 * @size: bytes, of any size
 * @gfp: from gomem_page_gfp(), but with __GFP_ZERO if zeroed memory is wanted
 * @by_policy: or rather on the node that the task's memory policy says
 *
 * The memory has been zeroed if it is to be.
 *
 * Context: as @gfp says; __GFP_NOFAIL may sleep for as long as it takes.
 * Return: the object, or NULL.
 */
void *gomem_large_exact(struct gomem_node *node, size_t size, gfp_t gfp,
			bool by_policy)
{
	enum gomem_block_kind kind = gomem_leaves_tail(size) ? GOMEM_BLOCK_TAILED :
							       GOMEM_BLOCK_COMPOUND;
	unsigned int npages = large_pages_for(size);
	struct gomem_block *block;

	block = large_own_block(node, npages, kind, gfp, by_policy);
	return block ? large_adopt(node, block, npages) : NULL;
}

/* A run of what there is, or of a new block if the heap is of a size that has such. */
static struct gomem_span *large_shared_run(struct gomem_mheap *mheap,
					   const struct gomem_want *want,
					   gfp_t gfp)
{
	struct gomem_span *span;

	span = gomem_mheap_find(mheap, want);
	if (!span)
		span = gomem_mheap_grow_tail(mheap, want, gfp);
	if (span || 2 * want->npages > gomem_mheap_growth(mheap))
		return span;
	return gomem_mheap_grow(mheap, want, gfp);
}

/**
 * gomem_large_alloc() - an object of whole pages
 * @node: the node that it is to lie on
 * @size: bytes, 1 to KMALLOC_MAX_SIZE
 * @gfp: from gomem_page_gfp(), but with __GFP_ZERO if zeroed memory is wanted
 * @by_policy: or rather on the node that the task's memory policy says
 * @zeroed: true if the memory has been zeroed as it is to be; untouched else
 *
 * Context: as @gfp says.
 * Return: the object, or NULL.
 */
void *gomem_large_alloc(struct gomem_node *node, size_t size, gfp_t gfp,
			bool by_policy, bool *zeroed)
{
	struct gomem_want want = {
		.central = &node->central[0],
		.npages = large_pages_for(size),
		.align = gomem_align_pages(size),
		.by_policy = by_policy,
	};
	struct gomem_mheap *mheap = node->mheap;
	struct gomem_block *block;
	struct gomem_span *span;

	if (size >= GOMEM_LEAST_WHOLE) {
		*zeroed = true;
		gomem_mheap_make_way(mheap, want.npages, gfp);
		return gomem_large_exact(node, size, gfp, by_policy);
	}
	gfp &= ~__GFP_ZERO;
	span = by_policy ? NULL : large_shared_run(mheap, &want, gfp);
	if (span)
		return (void *)gomem_span_base(span);
	gomem_mheap_make_way(mheap, want.npages, gfp);
	block = large_own_block(node, want.npages, GOMEM_BLOCK_SHARED, gfp,
				by_policy);
	return block ? large_adopt(node, block, want.npages) : NULL;
}

/*
 * The large object at @p, if it is one, dies; under the lock of its mheap.  Whoever
 * frees it again finds it so.
 */
static enum gomem_bad large_kill(struct gomem_span *span, const void *p)
{
	/* It may have been freed before the lock was taken. */
	if (gomem_span_at(p) != span || span->state != GOMEM_SPAN_INUSE ||
	    span->class)
		return GOMEM_BAD_IDLE;
	if (gomem_span_base(span) != (unsigned long)p)
		return GOMEM_BAD_LARGE_INTERIOR;
	WRITE_ONCE(span->state, GOMEM_SPAN_DYING);
	gomem_block_of(span)->node->mheap->moves++;
	return GOMEM_GOOD;
}

/**
 * gomem_large_free() - free an object of whole pages
 * @heap: where a free is counted that is of no heap's object
 * @p: an address in a page tagged GOMEM_TAG_LARGE
 *
 * Context: any; takes the lock of its mheap.
 */
void gomem_large_free(struct gomem_heap *heap, const void *p)
{
	enum gomem_bad bad = GOMEM_BAD_IDLE;
	struct gomem_mheap *mheap;
	struct gomem_sample sample = {};
	struct gomem_span *span;
	unsigned long flags;

	rcu_read_lock();
	span = gomem_span_at(p);
	if (span) {
		mheap = gomem_block_of(span)->node->mheap;
		heap = gomem_span_central(span)->heap;
		spin_lock_irqsave(&mheap->lock, flags);
		bad = large_kill(span, p);
		if (!bad)
			sample = span->large;
		spin_unlock_irqrestore(&mheap->lock, flags);
	}
	rcu_read_unlock();
	gomem_count(heap, GOMEM_EV_LOOKUP);
	if (bad) {
		gomem_bad_free(heap, p, bad);
		return;
	}
	if (sample.bucket)
		heap->hooks->gone(heap, sample);
	/* From here on it is ours alone. */
	gomem_mheap_free_span(span);
}
