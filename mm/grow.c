// SPDX-License-Identifier: GPL-2.0
/*
 * How the page heap grows, when none of its blocks has room for a span.
 *
 * It grows by about 1/256 of what is in use: at least 64 KiB, so that blocks stay few,
 * and at most 2 MiB, an arena.  That is cut off from what large objects leave of their
 * pages (mm/tail.c), or else asked for without any pressure on the page allocator, and
 * only for callers that may sleep; what they do not get, and what others need, is one
 * span at a time.
 */
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>

#include "block.h"
#include "grow.h"
#include "meta.h"
#include "mheap.h"
#include "sizeclass.h"
#include "tail.h"

/* Above this order a span of many objects is not worth asking for. */
#define MAX_SPAN_ORDER		3

/**
 * gomem_mheap_growth() - how much the heap would like to grow by
 * @mheap: the page heap
 *
 * Return: gomem pages, a power of two.
 */
unsigned int gomem_mheap_growth(struct gomem_mheap *mheap)
{
	unsigned long share = READ_ONCE(mheap->inuse_pages) / 256;

	return clamp_t(unsigned long, share ? rounddown_pow_of_two(share) : 0,
		       GOMEM_MIN_GROWTH, GOMEM_ARENA_PAGES);
}

/* The node to ask for pages. */
static int grow_nid(const struct gomem_mheap *mheap,
		    const struct gomem_want *want)
{
	return want->by_policy ? NUMA_NO_NODE : mheap->nid;
}

/**
 * gomem_mheap_follow() - memory belongs to the node that it lies on
 * @want: what @block is for: from now on, the same class of that node
 * @block: got for @want, perhaps on another node than was asked
 */
void gomem_mheap_follow(struct gomem_want *want, const struct gomem_block *block)
{
	int nid = page_to_nid(virt_to_page((void *)block->base));
	struct gomem_mcentral *central = want->central;
	struct gomem_node *node;

	if (central->mheap->nid == nid || central->uncached)
		return;
	node = central->heap->node[nid];
	/* One whose memory has come since the heap was made is nobody's. */
	if (node->mheap->nid == nid)
		want->central = &node->central[central->class];
}

/* May the caller sleep, even if @gfp has been made light? */
static bool grow_may_sleep(const struct gomem_want *want, gfp_t gfp)
{
	return want->ahead || gfpflags_allow_blocking(gfp);
}

/*
 * A block of the size that the heap would like, or a smaller one: without
 * waiting, without waking anybody, without touching reserves.
 */
static struct gomem_block *grow_ahead(struct gomem_mheap *mheap,
				      const struct gomem_want *want, gfp_t gfp)
{
	unsigned int least = max_t(unsigned int, GOMEM_MIN_GROWTH,
				   roundup_pow_of_two(want->npages));
	unsigned int npages = max(gomem_mheap_growth(mheap), least);
	struct gomem_block *block;

	if (npages > GOMEM_ARENA_PAGES || !grow_may_sleep(want, gfp))
		return NULL;
	gfp = gomem_light_gfp(gfp & GFP_ZONEMASK);
	if (!want->by_policy)
		gfp |= __GFP_THISNODE;
	for (; npages >= least; npages /= 2) {
		block = gomem_block_alloc(mheap->meta, npages,
					  GOMEM_BLOCK_SHARED, gfp,
					  grow_nid(mheap, want));
		if (block)
			return block;
	}
	return NULL;
}

/* The order of the pages for a span as @want describes it. */
static unsigned int grow_want_order(const struct gomem_want *want)
{
	return want->half ? 0 : gomem_block_order(want->npages);
}

/* The order that an object of @want's class would need alone. */
static unsigned int grow_object_order(const struct gomem_want *want)
{
	unsigned int size = gomem_class[want->central->class].size;

	return size ? gomem_object_order(size) : gomem_block_order(want->npages);
}

/*
 * How to get the pages of one span.  Who may not sleep has no time to give back a tail,
 * nor to get a descriptor for every page: all of what comes is the span.
 */
static enum gomem_block_kind grow_span_kind(const struct gomem_want *want, gfp_t gfp)
{
	if (want->half)
		return GOMEM_BLOCK_HALF;
	if (want->npages > 1 && !grow_may_sleep(want, gfp))
		return GOMEM_BLOCK_COMPOUND;
	return GOMEM_BLOCK_SHARED;
}

/*
 * The pages of one span.  If an object alone could do with a smaller order, that
 * is asked for without any pressure; otherwise with all the means that the caller
 * has.
 */
static struct gomem_block *grow_span(struct gomem_mheap *mheap,
				     const struct gomem_want *want, gfp_t gfp)
{
	enum gomem_block_kind kind = grow_span_kind(want, gfp);
	unsigned int order = grow_want_order(want);

	if (order > grow_object_order(want))
		gfp = gomem_light_gfp(gfp);
	if (order > MAX_SPAN_ORDER && !gomem_is_run_class(want->central->class))
		return NULL;
	if (order > GOMEM_MAX_NOFAIL_ORDER && (gfp & __GFP_NOFAIL))
		return NULL;
	return gomem_block_alloc(mheap->meta, want->npages, kind, gfp,
				 grow_nid(mheap, want));
}

/**
 * gomem_mheap_grow() - a span from a block that is got for it
 * @mheap: the page heap
 * @want: what is wanted
 * @gfp: the caller's flags, as gomem_page_gfp() leaves them
 *
 * Context: as @gfp says, no gomem lock held.
 * Return: the span, in use and published, or NULL.  It may be of another node, the
 * one that its pages are of; and from the emergency reserves, see
 * gomem_block.pfmemalloc.
 */
struct gomem_span *gomem_mheap_grow(struct gomem_mheap *mheap,
				    const struct gomem_want *want, gfp_t gfp)
{
	struct gomem_block *block = NULL;
	struct gomem_want found = *want;

	if (!want->half)
		block = grow_ahead(mheap, want, gfp);
	if (!block)
		block = grow_span(mheap, want, gfp);
	if (!block)
		return NULL;
	gomem_mheap_follow(&found, block);
	return gomem_mheap_adopt(found.central->mheap, &found, block);
}

/**
 * gomem_mheap_grow_tail() - a span from what a large object has left of its pages
 * @mheap: the page heap
 * @want: what is wanted
 * @gfp: the caller's flags, as gomem_page_gfp() leaves them
 *
 * Context: as @gfp says, no gomem lock held.
 * Return: the span, in use and published, or NULL.
 */
struct gomem_span *gomem_mheap_grow_tail(struct gomem_mheap *mheap,
					 const struct gomem_want *want, gfp_t gfp)
{
	struct gomem_span *span = NULL;
	struct gomem_block *block;
	unsigned int npages, most;
	unsigned long flags;

	most = grow_may_sleep(want, gfp) ? gomem_mheap_growth(mheap) : 0;
	npages = gomem_tail_find(mheap, want, most);
	/* More than one descriptor takes time: see grow_span_kind(). */
	if (!npages || (!most && npages > 1))
		return NULL;
	block = gomem_block_describe(mheap->meta, npages,
				     gomem_meta_gfp(gomem_light_gfp(gfp)));
	if (!block)
		return NULL;
	spin_lock_irqsave(&mheap->lock, flags);
	if (gomem_tail_cut(mheap, want, most, block))
		span = gomem_mheap_take_in(mheap, want, block);
	spin_unlock_irqrestore(&mheap->lock, flags);
	if (!span)
		gomem_block_put(block);
	return span;
}
