// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: memory from the page allocator and back.
 *
 * A block is got in one piece and split at birth, so that from then on every
 * kernel page of it is a page of its own: the tail beyond what is wanted goes
 * back at once, and the rest can go back in any portion.  A page that somebody
 * still holds a reference to when it goes back stays theirs until they drop
 * it; the page allocator's own reference count sees to that.
 *
 * Descriptors are freed after a grace period, because a wrong gomem_free() may
 * be looking at them.
 */
#include <linux/bitmap.h>
#include <linux/kasan.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "arena.h"
#include "block.h"
#include "meta.h"

/* How many kernel pages hold @npages gomem pages. */
static unsigned long block_kernel_pages(unsigned long npages)
{
	return DIV_ROUND_UP(npages << GOMEM_PAGE_SHIFT, PAGE_SIZE);
}

static void block_free_kernel_pages(unsigned long address, unsigned long nr)
{
	for (; nr; nr--, address += PAGE_SIZE)
		__free_page(virt_to_page((void *)address));
}

/**
 * gomem_block_free_pages() - give pages of a block back to the page allocator
 * @base: address of the first
 * @npages: how many gomem pages: whole kernel pages
 *
 * Context: any, no gomem lock held.
 */
void gomem_block_free_pages(unsigned long base, unsigned int npages)
{
	block_free_kernel_pages(base, block_kernel_pages(npages));
}

/**
 * gomem_block_order() - the order of the page request behind a block
 * @npages: gomem pages
 *
 * Never less than a whole gomem page, so that every block is aligned to one.
 *
 * Return: what alloc_pages() wants.
 */
unsigned int gomem_block_order(unsigned int npages)
{
	return max_t(unsigned int, GOMEM_MIN_ORDER,
		     get_order((unsigned long)npages << GOMEM_PAGE_SHIFT));
}

static void block_free_descriptor(struct gomem_meta *meta, struct gomem_block *block)
{
	gomem_meta_free(meta, GOMEM_META_MSPAN, block->span);
	gomem_meta_free(meta, GOMEM_META_GC, block);
}

static void block_free_descriptor_rcu(struct rcu_head *rcu)
{
	struct gomem_block *block = container_of(rcu, struct gomem_block, rcu);

	block_free_descriptor(block->meta, block);
}

static struct gomem_block *block_alloc_descriptor(struct gomem_meta *meta,
						  unsigned int nr_spans, gfp_t gfp)
{
	struct gomem_block *block;
	unsigned int i;

	block = gomem_meta_alloc(meta, GOMEM_META_GC, sizeof(*block), gfp);
	if (!block)
		return NULL;
	block->meta = meta;
	block->span = gomem_meta_alloc(meta, GOMEM_META_MSPAN,
				       nr_spans * sizeof(*block->span), gfp);
	if (!block->span) {
		block_free_descriptor(meta, block);
		return NULL;
	}
	for (i = 0; i < nr_spans; i++) {
		INIT_LIST_HEAD(&block->span[i].list);
		block->span[i].block = block;
	}
	return block;
}

/*
 * Get the pages: split, without the tail.  Returns their address, or 0.
 */
static unsigned long block_get_pages(unsigned int npages, gfp_t gfp, int nid,
				     bool *pfmemalloc)
{
	unsigned int order = gomem_block_order(npages);
	unsigned long wanted = block_kernel_pages(npages);
	unsigned long address;
	struct page *page;

	page = alloc_pages_node(nid, gfp, order);
	if (!page)
		return 0;
	*pfmemalloc = page_is_pfmemalloc(page);
	split_page(page, order);
	/* Tagged addresses would not find their way through the index. */
	address = (unsigned long)kasan_reset_tag(page_address(page));
	block_free_kernel_pages(address + (wanted << PAGE_SHIFT),
				(1UL << order) - wanted);
	return address;
}

/**
 * gomem_block_alloc() - a new block, known to nobody yet
 * @meta: what its metadata is counted in
 * @npages: its length in gomem pages (rounded up to kernel pages)
 * @exact: it will hold one large object; else it can be cut into spans, and
 *	@npages is at most GOMEM_ARENA_PAGES
 * @gfp: for the pages, as the page allocator is to see them
 * @nid: the node to ask
 *
 * Context: as @gfp says, no gomem lock held.
 * Return: the block, or NULL and nothing is lost.
 */
struct gomem_block *gomem_block_alloc(struct gomem_meta *meta,
				      unsigned int npages, bool exact,
				      gfp_t gfp, int nid)
{
	gfp_t meta_gfp = gomem_meta_gfp(gfp);
	struct gomem_block *block;

	npages = (block_kernel_pages(npages) << PAGE_SHIFT) >> GOMEM_PAGE_SHIFT;
	block = block_alloc_descriptor(meta, exact ? 1 : npages, meta_gfp);
	if (!block)
		return NULL;
	if (gomem_should_fail(meta))
		goto no_pages;
	block->base = block_get_pages(npages, gfp, nid, &block->pfmemalloc);
	if (!block->base)
		goto no_pages;
	if (gomem_arena_get(meta, block->base, npages, meta_gfp))
		goto no_arena;
	block->npages = npages;
	block->exact = exact;
	block->born = ktime_get_mono_fast_ns();
	INIT_LIST_HEAD(&block->all);
	INIT_LIST_HEAD(&block->list);
	INIT_LIST_HEAD(&block->idle);
	return block;

no_arena:
	block_free_kernel_pages(block->base, block_kernel_pages(npages));
no_pages:
	block_free_descriptor(meta, block);
	return NULL;
}

/**
 * gomem_block_untag() - its pages are no longer gomem's
 * @block: the block; its holes may be somebody's by now, and are left alone
 *
 * Context: under the lock of its mheap, if anybody else may use that.
 */
void gomem_block_untag(struct gomem_block *block)
{
	unsigned int start, end;

	if (block->exact) {
		gomem_arena_set(block->base, block->npages, GOMEM_TAG_NONE,
				GOMEM_TAG_NONE, NULL);
		return;
	}
	for_each_clear_bitrange(start, end, block->hole, block->npages)
		gomem_arena_set(block->base + ((unsigned long)start << GOMEM_PAGE_SHIFT),
				end - start, GOMEM_TAG_NONE, GOMEM_TAG_NONE,
				NULL);
}

/**
 * gomem_block_free() - give a block back to the page allocator
 * @block: in no list, its pages' tags cleared
 *
 * Context: any, no gomem lock held.
 */
void gomem_block_free(struct gomem_block *block)
{
	unsigned int start, end;

	gomem_arena_put(block->base, block->npages);
	if (block->exact) {
		gomem_block_free_pages(block->base, block->npages);
	} else {
		for_each_clear_bitrange(start, end, block->hole, block->npages)
			gomem_block_free_pages(block->base +
					       ((unsigned long)start << GOMEM_PAGE_SHIFT),
					       end - start);
	}
	call_rcu(&block->rcu, block_free_descriptor_rcu);
}

/**
 * gomem_block_abandon() - forget a block, and leave its pages allocated
 * @block: it holds objects that somebody leaked
 *
 * Context: process; nobody looks anything up any more.
 */
void gomem_block_abandon(struct gomem_block *block)
{
	struct gomem_meta *meta = block->meta;
	unsigned int i;

	for (i = 0; !block->exact && i < block->npages; i++)
		if (block->span[i].state != GOMEM_SPAN_IDLE) {
			gomem_meta_free(meta, GOMEM_META_GC,
					gomem_mspan_far_bits(&block->span[i]));
			gomem_mspan_forget(&block->span[i], meta);
		}
	rcu_read_lock();	/* in place of a lock */
	gomem_block_untag(block);
	rcu_read_unlock();
	gomem_arena_put(block->base, block->npages);
	block_free_descriptor(meta, block);
}
