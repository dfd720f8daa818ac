// SPDX-License-Identifier: GPL-2.0
/*
 * The allocator's own memory: descriptors, bitmaps, magazines.
 *
 * What is got here comes from kmalloc() and is counted, as the kernel really holds it,
 * under the field of MemStats that it belongs to.  Mcaches, page heaps and mcentrals, and
 * the buckets of the heap profile are got and counted where they are made; arenas and
 * their index are counted in mm/arena.c, and what is made ahead in mm/stock.c, because
 * they are of no heap.
 *
 * Here is also the one place where tests make requests fail, for metadata and for pages
 * alike.
 */
#include <linux/slab.h>

#include "meta.h"
#include "stock.h"

/**
 * gomem_should_fail() - is this the request that a test wants to fail?
 * @meta: whose requests are counted down
 *
 * Return: true once, when @meta->fail_nth reaches zero.
 */
bool gomem_should_fail(struct gomem_meta *meta)
{
	if (likely(!atomic_read(&meta->fail_nth)))
		return false;
	if (atomic_dec_if_positive(&meta->fail_nth) != 0)
		return false;
	atomic_long_inc(&meta->failed);
	return true;
}

/**
 * gomem_meta_gfp() - flags for metadata that a request with @gfp needs
 * @gfp: the caller's flags
 *
 * Return: the same urgency and the same right to sleep, without what says
 * where the caller's own memory has to lie, how it looks or who pays for it.
 */
gfp_t gomem_meta_gfp(gfp_t gfp)
{
	return gfp & ~(GFP_ZONEMASK | __GFP_RECLAIMABLE | __GFP_ACCOUNT |
		       __GFP_ZERO | __GFP_COMP | __GFP_THISNODE |
		       __GFP_HARDWALL | __GFP_WRITE);
}

static void meta_count(struct gomem_meta *meta, enum gomem_meta_kind kind, const void *p)
{
	atomic_long_add(ksize(p), &meta->bytes[kind]);
}

/**
 * gomem_meta_alloc() - zeroed memory for the allocator itself
 * @meta: where it is counted
 * @kind: as what
 * @size: bytes
 * @gfp: from gomem_meta_gfp()
 *
 * Context: as @gfp says; no gomem lock held.
 * Return: the memory, or NULL.
 */
void *gomem_meta_alloc(struct gomem_meta *meta, enum gomem_meta_kind kind,
		       size_t size, gfp_t gfp)
{
	void *p;

	if (gomem_should_fail(meta))
		return NULL;
	p = kzalloc(size, gfp);
	if (p)
		meta_count(meta, kind, p);
	return p;
}

/**
 * gomem_meta_take() - the same, out of a stock
 * @meta: where it is counted
 * @kind: as what
 * @stock: of what kmalloc() has, zeroed
 * @gfp: from gomem_meta_gfp()
 *
 * Context: as @gfp says; no gomem lock held.
 * Return: the memory, or NULL.
 */
void *gomem_meta_take(struct gomem_meta *meta, enum gomem_meta_kind kind,
		      struct gomem_stock *stock, gfp_t gfp)
{
	void *p;

	if (gomem_should_fail(meta))
		return NULL;
	p = gomem_stock_take(stock, gfp);
	if (p)
		meta_count(meta, kind, p);
	return p;
}

/**
 * gomem_meta_uncount() - what gomem_meta_alloc() returned will be freed by others
 * @meta: where it was counted
 * @kind: as what
 * @p: the memory
 */
void gomem_meta_uncount(struct gomem_meta *meta, enum gomem_meta_kind kind,
			const void *p)
{
	atomic_long_sub(ksize(p), &meta->bytes[kind]);
}

/**
 * gomem_meta_recount() - some of what was allocated is of another kind
 * @meta: where it is counted
 * @from: as what it was counted
 * @to: as what it is to be
 * @bytes: how much
 */
void gomem_meta_recount(struct gomem_meta *meta, enum gomem_meta_kind from,
			enum gomem_meta_kind to, size_t bytes)
{
	atomic_long_sub(bytes, &meta->bytes[from]);
	atomic_long_add(bytes, &meta->bytes[to]);
}

/**
 * gomem_meta_free() - give back what gomem_meta_alloc() returned
 * @meta: where it was counted
 * @kind: as what
 * @p: the memory, or NULL
 */
void gomem_meta_free(struct gomem_meta *meta, enum gomem_meta_kind kind,
		     void *p)
{
	if (!p)
		return;
	gomem_meta_uncount(meta, kind, p);
	kfree(p);
}
