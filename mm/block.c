// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: memory from the page allocator and back.
 *
 * A shared block is got in one piece and split at birth, so that from then on
 * every kernel page of it is a page of its own: the tail beyond what is wanted goes
 * back at once, and the rest can go back in any portion, in the largest pieces that
 * are there.  A compound block stays in one piece, and of a tailed one, pieces may be
 * cut off that are blocks from then on.
 *
 * From birth to return the reference count of a page (of a compound block, of the first
 * one) is GOMEM_PAGE_COUNT, far below zero: see block.h for what that is good for.
 * Whoever wants to know whether others refer to a page compares it with that:
 * gomem_block_settle() does so for a span that is freed.  If a page is referred to even
 * when its block goes back, it stays with those who refer to it, and goes back when the
 * last of them lets go.
 *
 * As long, the descriptor of such a page refers to the block; so this is also where an
 * address leads to its span.
 *
 * Descriptors are freed after a grace period, because a wrong gomem_free() may
 * be looking at them.
 */
#include <linux/bitmap.h>
#include <linux/kasan.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "arena.h"
#include "block.h"
#include "meta.h"
#include "stock.h"

/* How many kernel pages hold @bytes. */
static unsigned long block_kernel_pages(unsigned long bytes)
{
	return DIV_ROUND_UP(bytes, PAGE_SIZE);
}

/* --- Reference counts. --- */

static void block_arm(struct gomem_block *block, struct page *page, unsigned long nr)
{
	for (; nr; nr--, page++) {
		set_page_private(page, (unsigned long)block);
		/* Somebody may hold one for a moment who looks at all pages there are. */
		page_ref_sub(page, 1 - GOMEM_PAGE_COUNT);
	}
}

/*
 * kfree() has taken @nr references, each of which it believed to be the last of 2^@order
 * pages, and has counted those as freed.
 */
static void block_undo_kfree(struct page *page, unsigned int order, int nr)
{
	mod_node_page_state(page_pgdat(page), NR_SLAB_UNRECLAIMABLE_B,
			    (long)nr * (PAGE_SIZE << order));
}

/*
 * Give a page back the references that kfree() has taken; somebody else may be at it.
 * True if others refer to it.
 */
static bool block_settle_page(struct page *page, unsigned int order,
			      unsigned long *stolen)
{
	int count = page_ref_count(page), others, now;

	for (;;) {
		others = count - GOMEM_PAGE_COUNT;
		if (others >= 0)
			return others > 0;
		now = atomic_cmpxchg(&page->_refcount, count, GOMEM_PAGE_COUNT);
		if (now == count)
			break;
		count = now;
	}
	block_undo_kfree(page, order, -others);
	*stolen -= others;
	return false;
}

/*
 * Free 2^@order pages of which the first has a count; or leave them with those who
 * refer to it.
 */
static void block_free_counted(struct gomem_meta *meta, struct page *page,
			       unsigned int order)
{
	unsigned long stolen = 0;

	set_page_private(page, 0);
	if (!page_ref_freeze(page, GOMEM_PAGE_COUNT)) {
		block_settle_page(page, order, &stolen);
		atomic_long_add(stolen, &meta->stolen);
		/* The last of them frees it, and may do so at once. */
		if (!page_ref_sub_and_test(page, GOMEM_PAGE_COUNT))
			return;
	}
	set_page_count(page, 1);
	__free_pages(page, order);
}

/* How many of the first @nr pages nobody else refers to; they are frozen then. */
static unsigned long block_freeze(struct page *page, unsigned long nr, int count)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		set_page_private(page + i, 0);
		if (!page_ref_freeze(page + i, count))
			break;
	}
	return i;
}

/*
 * Free @nr pages, each of which has the reference count @count, in the largest
 * pieces.
 */
static void block_free_run(struct gomem_meta *meta, struct page *page,
			   unsigned long nr, int count)
{
	unsigned int order, most = get_order(KMALLOC_MAX_SIZE);
	unsigned long done, i;

	while (nr) {
		order = min_t(unsigned int, ilog2(nr), most);
		if (page_to_pfn(page))
			order = min_t(unsigned int, order,
				      __ffs(page_to_pfn(page)));
		done = block_freeze(page, 1UL << order, count);
		if (done == 1UL << order) {
			set_page_count(page, 1);
			__free_pages(page, order);
		} else {
			for (i = 0; i < done; i++) {
				set_page_count(page + i, 1);
				__free_page(page + i);
			}
			if (count == 1)
				__free_page(page + done);
			else
				block_free_counted(meta, page + done, 0);
			done++;
		}
		page += done;
		nr -= done;
	}
}

/* The pages of a span that have a count, and how many such there are. */
static __always_inline struct page *block_counted(const struct gomem_span *span,
						  unsigned long *nr, unsigned int *order)
{
	const struct gomem_block *block = gomem_block_of(span);
	unsigned long base = gomem_span_base(span);

	*order = block->compound ? gomem_block_order(block->npages) : 0;
	*nr = (PFN_UP(base + gomem_span_bytes(span)) - PFN_DOWN(base)) >> *order;
	return virt_to_page((void *)base);
}

/**
 * gomem_block_settle() - compare the references to a span's pages with ours
 * @span: a span in use, or dying
 * @stolen: how many references kfree() has taken, by mistake; they are put back
 *
 * Where kernel pages are larger than gomem's, a page may be of more than one span.
 *
 * Context: any.
 * Return: true if somebody else refers to one of the pages.
 */
bool gomem_block_settle(struct gomem_span *span, unsigned long *stolen)
{
	unsigned int order;
	unsigned long nr;
	struct page *page = block_counted(span, &nr, &order);
	struct page *end = page + nr;
	bool held = false;

	*stolen = 0;
	/* Of a large object there are many, and mostly all is well. */
	for (; page < end; page++)
		if (page_ref_count(page) != GOMEM_PAGE_COUNT &&
		    block_settle_page(page, order, stolen))
			held = true;
	return held;
}

/**
 * gomem_object_is_held() - does somebody else refer to one of an object's pages?
 * @p: the first byte of an object of whole pages
 * @bytes: its length
 *
 * Asks the pages alone, because it is asked at every free.  Of what is not such an object
 * it may say anything.
 *
 * Context: any; the memory that @p is in does not go meanwhile.
 * Return: true if so.
 */
bool gomem_object_is_held(const void *p, unsigned long bytes)
{
	unsigned long base = ALIGN_DOWN((unsigned long)p, GOMEM_PAGE_SIZE);
	struct page *page = virt_to_page(p), *end = page + 1;

	/* Large pages of a kernel may begin before it, and end behind it. */
	if (!PageCompound(page))
		end = page + PFN_UP(base + bytes) - PFN_DOWN(base);
	for (; page < end; page++)
		if (page_ref_count(page) > GOMEM_PAGE_COUNT)
			return true;
	return false;
}

/* --- From an address to its span. --- */

/* Is this what a look-up is to find: a span that has the page @index of its block? */
static bool block_span_has(const struct gomem_span *span, unsigned int index)
{
	/* Who sees the state sees what is in it; pairs with mheap_publish(). */
	u8 state = smp_load_acquire(&span->state);

	if (state != GOMEM_SPAN_INUSE && state != GOMEM_SPAN_DYING)
		return false;
	if (gomem_is_one(READ_ONCE(span->class)))
		return index == span->index;
	return index - span->index < gomem_span_npages(span);
}

/**
 * gomem_span_at() - the span that an address lies in
 * @p: any value
 *
 * Context: under RCU, or with a gomem lock held.  Unless the caller owns an object of
 * it, the span may be dying: look again under the lock of its mcentral or mheap.
 * Return: the span, or NULL if @p is not in a span of gomem's.  Of a single object,
 * only the first page is.
 */
struct gomem_span *gomem_span_at(const void *p)
{
	struct gomem_block *block = gomem_arena_block((unsigned long)p);
	struct gomem_span *span;
	unsigned int index;

	if (!block)
		return NULL;
	index = ((unsigned long)p - block->base) >> GOMEM_PAGE_SHIFT;
	span = block->span;
	if (block->many)
		span += READ_ONCE(block->span[index].first);
	return block_span_has(span, index) ? span : NULL;
}

/**
 * gomem_span_of() - the same, for who is not under RCU
 * @p: any value
 *
 * Context: any but NMI.  The caller owns an object of the span.
 * Return: as gomem_span_at().
 */
struct gomem_span *gomem_span_of(const void *p)
{
	struct gomem_span *span;

	rcu_read_lock();
	span = gomem_span_at(p);
	rcu_read_unlock();
	return span;
}

/* --- To and from the page allocator. --- */

/**
 * gomem_block_free_pages() - give pages of a block back that is split
 * @meta: where it is counted if kfree() has taken references of them
 * @base: address of the first
 * @npages: how many gomem pages: whole kernel pages
 *
 * Context: any, no gomem lock held.
 */
void gomem_block_free_pages(struct gomem_meta *meta, unsigned long base,
			    unsigned int npages)
{
	block_free_run(meta, virt_to_page((void *)base),
		       block_kernel_pages((unsigned long)npages << GOMEM_PAGE_SHIFT),
		       GOMEM_PAGE_COUNT);
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

/**
 * gomem_object_order() - the order of the smallest page request that serves an object
 * @size: its class's
 *
 * Return: what alloc_pages() wants.
 */
unsigned int gomem_object_order(unsigned int size)
{
	if (GOMEM_HAS_HALVES && size <= GOMEM_HALF_SIZE)
		return 0;
	return gomem_block_order(DIV_ROUND_UP(size, GOMEM_PAGE_SIZE));
}

/* --- Descriptors. --- */

static struct gomem_stock block_stock;

/* What a block with so many spans takes, and two maps of them. */
static size_t block_descriptor_bytes(unsigned int nr_spans)
{
	return struct_size_t(struct gomem_block, span, nr_spans) +
	       2 * BITS_TO_LONGS(nr_spans) * sizeof(long);
}

static void *block_make_one(gfp_t gfp)
{
	return kzalloc(block_descriptor_bytes(1), gfp);
}

static unsigned int block_nr_spans(const struct gomem_block *block)
{
	return block->many ? block->npages : 1;
}

static void block_free_descriptor(struct gomem_meta *meta, struct gomem_block *block)
{
	gomem_meta_recount(meta, GOMEM_META_MSPAN, GOMEM_META_GC,
			   block_nr_spans(block) * sizeof(*block->span));
	gomem_meta_free(meta, GOMEM_META_GC, block);
}

static void block_free_descriptor_rcu(struct rcu_head *rcu)
{
	struct gomem_block *block = container_of(rcu, struct gomem_block, rcu);

	block_free_descriptor(block->meta, block);
}

static struct gomem_block *block_alloc_descriptor(struct gomem_meta *meta,
						  unsigned int npages,
						  enum gomem_block_kind kind, gfp_t gfp)
{
	unsigned int i, nr_spans = kind == GOMEM_BLOCK_SHARED ? npages : 1;
	struct gomem_block *block;

	if (nr_spans == 1)
		block = gomem_meta_take(meta, GOMEM_META_GC, &block_stock, gfp);
	else
		block = gomem_meta_alloc(meta, GOMEM_META_GC,
					 block_descriptor_bytes(nr_spans), gfp);
	if (!block)
		return NULL;
	gomem_meta_recount(meta, GOMEM_META_GC, GOMEM_META_MSPAN,
			   nr_spans * sizeof(*block->span));
	block->meta = meta;
	block->npages = npages;
	block->many = kind == GOMEM_BLOCK_SHARED;
	block->exact = kind != GOMEM_BLOCK_SHARED;
	block->compound = kind == GOMEM_BLOCK_COMPOUND;
	block->half = kind == GOMEM_BLOCK_HALF;
	block->tailed = kind == GOMEM_BLOCK_TAILED;
	block->born = ktime_get_mono_fast_ns();
	atomic_set(&block->refs, 1);
	INIT_LIST_HEAD(&block->all);
	INIT_LIST_HEAD(&block->list);
	INIT_LIST_HEAD(&block->idle);
	for (i = 0; i < nr_spans; i++) {
		INIT_LIST_HEAD(&block->span[i].list);
		block->span[i].index = i;
	}
	return block;
}

/* The order of the pages of @block, which is not split yet. */
static unsigned int block_order(const struct gomem_block *block)
{
	return block->half ? 0 : gomem_block_order(block->npages);
}

/* Get the pages, with their counts as they are to be.  False if there are none. */
static bool block_get_pages(struct gomem_block *block, gfp_t gfp, int nid)
{
	unsigned int order = block_order(block);
	unsigned long wanted = block_kernel_pages(gomem_block_bytes(block));
	struct page *page;

	if (nid == NUMA_NO_NODE)
		page = alloc_pages(gfp, order);
	else
		page = alloc_pages_node(nid, gfp, order);
	if (!page)
		return false;
	block->pfmemalloc = page_is_pfmemalloc(page);
	/* Reserves are for those who may use them: nobody else gets a part. */
	block->tailed = block->tailed && !block->pfmemalloc;
	/* Tagged addresses would not find their way through the index. */
	block->base = (unsigned long)kasan_reset_tag(page_address(page));
	if (block->compound) {
		block_arm(block, page, 1);
		return true;
	}
	split_page(page, order);
	block_free_run(block->meta, page + wanted, (1UL << order) - wanted, 1);
	block_arm(block, page, wanted);
	return true;
}

static void block_put_pages(struct gomem_block *block)
{
	struct page *page = virt_to_page((void *)block->base);
	unsigned int start, end;

	if (block->compound) {
		block_free_counted(block->meta, page, block_order(block));
	} else if (block->exact) {
		block_free_run(block->meta, page,
			       block_kernel_pages(gomem_block_bytes(block)),
			       GOMEM_PAGE_COUNT);
	} else {
		for_each_clear_bitrange(start, end, gomem_block_hole(block), block->npages)
			gomem_block_free_pages(block->meta, block->base +
					       ((unsigned long)start << GOMEM_PAGE_SHIFT),
					       end - start);
	}
}

/* How long a block will be that is to hold @npages gomem pages. */
static unsigned int block_length(unsigned int npages, enum gomem_block_kind kind)
{
	unsigned long bytes = (unsigned long)npages << GOMEM_PAGE_SHIFT;

	if (kind == GOMEM_BLOCK_COMPOUND || kind == GOMEM_BLOCK_TAILED)
		bytes = PAGE_SIZE << gomem_block_order(npages);
	return round_up(bytes, PAGE_SIZE) >> GOMEM_PAGE_SHIFT;
}

/**
 * gomem_block_alloc() - a new block, known to nobody yet
 * @meta: what its metadata is counted in
 * @npages: its length in gomem pages (rounded up to kernel pages; if compound or
 *	tailed, to a power of two)
 * @kind: shared, of at most GOMEM_ARENA_PAGES; compound; tailed; or half a page
 * @gfp: for the pages, as the page allocator is to see them
 * @nid: the node to ask, or NUMA_NO_NODE for what the task's policy says
 *
 * Context: as @gfp says, no gomem lock held.
 * Return: the block, or NULL and nothing is lost.
 */
struct gomem_block *gomem_block_alloc(struct gomem_meta *meta,
				      unsigned int npages,
				      enum gomem_block_kind kind, gfp_t gfp,
				      int nid)
{
	gfp_t meta_gfp = gomem_meta_gfp(gfp);
	struct gomem_block *block;

	block = block_alloc_descriptor(meta, block_length(npages, kind), kind, meta_gfp);
	if (!block)
		return NULL;
	if (block->compound)
		gfp |= __GFP_COMP;
	if (gomem_should_fail(meta) || !block_get_pages(block, gfp, nid))
		goto no_pages;
	if (gomem_arena_get(meta, block->base, gomem_block_bytes(block),
			    meta_gfp))
		goto no_arena;
	return block;

no_arena:
	block_put_pages(block);
no_pages:
	block_free_descriptor(meta, block);
	return NULL;
}

/**
 * gomem_block_describe() - a descriptor for a shared block, without pages
 * @meta: what it is counted in
 * @npages: its length in gomem pages, whole kernel pages
 * @gfp: from gomem_meta_gfp()
 *
 * Context: as @gfp says, no gomem lock held.
 * Return: the block, for gomem_block_cut() or else gomem_block_put(); or NULL.
 */
struct gomem_block *gomem_block_describe(struct gomem_meta *meta,
					 unsigned int npages, gfp_t gfp)
{
	return block_alloc_descriptor(meta, npages, GOMEM_BLOCK_SHARED, gfp);
}

/**
 * gomem_block_cut() - cut pages off from the end of a block
 * @from: a tailed block, whose tail is long enough
 * @block: from gomem_block_describe(); has the pages from now on
 *
 * Context: under the lock of the mheap of @from.
 */
void gomem_block_cut(struct gomem_block *from, struct gomem_block *block)
{
	unsigned long nr = block_kernel_pages(gomem_block_bytes(block));
	struct page *page;

	WRITE_ONCE(from->npages, from->npages - block->npages);
	block->base = from->base + ((unsigned long)from->npages << GOMEM_PAGE_SHIFT);
	page = virt_to_page((void *)block->base);
	/*
	 * Who finds the block sees what is in it: its tags were there before.  Pairs with
	 * the address dependency in gomem_arena_block().
	 */
	smp_wmb();
	while (nr--)
		set_page_private(page++, (unsigned long)block);
	/* @from keeps its arenas: they are there, and need no memory. */
	WARN_ON_ONCE(gomem_arena_get(block->meta, block->base,
				     gomem_block_bytes(block), 0));
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
		gomem_arena_set(block->base, gomem_block_bytes(block),
				GOMEM_TAG_NONE);
		return;
	}
	for_each_clear_bitrange(start, end, gomem_block_hole(block), block->npages)
		gomem_arena_set(block->base + ((unsigned long)start << GOMEM_PAGE_SHIFT),
				(unsigned long)(end - start) << GOMEM_PAGE_SHIFT,
				GOMEM_TAG_NONE);
}

/* What @block has of the arenas that it got, holes included. */
static unsigned long block_reach(const struct gomem_block *block)
{
	return ((unsigned long)block->npages << GOMEM_PAGE_SHIFT) >> block->half;
}

/**
 * gomem_block_put() - do without the descriptor of a block
 * @block: in no list, if this was the last who wanted it
 *
 * Context: any.
 */
void gomem_block_put(struct gomem_block *block)
{
	if (atomic_dec_and_test(&block->refs))
		call_rcu(&block->rcu, block_free_descriptor_rcu);
}

/**
 * gomem_block_free() - give a block back to the page allocator
 * @block: detached, its pages' tags cleared
 *
 * Context: any, no gomem lock held.
 */
void gomem_block_free(struct gomem_block *block)
{
	gomem_arena_put(block->base, block_reach(block));
	block_put_pages(block);
	gomem_block_put(block);
}

static void block_abandon_span(struct gomem_span *span, struct gomem_meta *meta)
{
	unsigned int order;
	struct page *page;
	unsigned long nr;

	switch (span->state) {
	case GOMEM_SPAN_IDLE:
		break;
	case GOMEM_SPAN_PINNED:
		/* Of a larger kernel page, another span may have the rest. */
		if (!gomem_block_of(span)->exact && GOMEM_PAGE_SIZE < PAGE_SIZE)
			break;
		page = block_counted(span, &nr, &order);
		for (; nr; nr--, page++)
			block_free_counted(meta, page, order);
		break;
	default:
		gomem_meta_free(meta, GOMEM_META_GC, gomem_mspan_far_bits(span));
		gomem_mspan_forget(span, meta);
	}
}

/**
 * gomem_block_abandon() - forget a block, and leave its spans' pages allocated
 * @block: it holds objects that somebody leaked
 *
 * Context: process; nobody looks anything up any more.
 */
void gomem_block_abandon(struct gomem_block *block)
{
	unsigned int i, nr = block->exact ? 1 : block->npages;
	unsigned int tail = gomem_block_tail(block);
	struct gomem_meta *meta = block->meta;

	/* First: of those that were pinned, pages go to others. */
	rcu_read_lock();	/* in place of a lock */
	gomem_block_untag(block);
	rcu_read_unlock();
	for (i = 0; i < nr; i++)
		block_abandon_span(&block->span[i], meta);
	gomem_arena_put(block->base, block_reach(block));
	if (tail)
		gomem_block_free_pages(meta, block->base +
				       ((unsigned long)block->used << GOMEM_PAGE_SHIFT),
				       tail);
	block_free_descriptor(meta, block);
}

/**
 * gomem_block_init() - before the first block
 *
 * Context: process, may sleep.
 */
void gomem_block_init(void)
{
	gomem_stock_init(&block_stock, block_make_one, kfree, ksize, GOMEM_STOCK_MOST);
}

/**
 * gomem_block_exit() - after the last one
 *
 * Context: process, may sleep.
 */
void gomem_block_exit(void)
{
	gomem_stock_exit(&block_stock);
}
