// SPDX-License-Identifier: GPL-2.0
/*
 * The page heap of a node: blocks, and runs of pages in them.
 *
 * A span takes a run of pages from a block that has one.  Which block is what
 * keeps the heap small: always the one with the most pages in use, so that the
 * emptiest ones are left alone, drain, and go back to the kernel whole (the
 * idea is TCMalloc's huge page filler).  To find it without a walk, blocks
 * with room stand on a shelf: rows by pages in use, columns by their longest
 * idle run.  The fullest row that has a column long enough is taken; blocks
 * without any span are the bottom row, and so come last.
 *
 * Inside a block the first fit is taken.
 *
 * When no block fits, the heap grows, by about 1/128 of what is in use: at least
 * 64 KiB, so that blocks stay few, and at most 2 MiB, an arena.  That is asked
 * for without any pressure on the page allocator, and only for callers that may
 * sleep; what they do not get, and what others need, is one span at a time.
 *
 * A block that has lost its last span is kept for a while if the heap is large
 * enough to want it back soon; see gomem_mheap_keep().
 */
#include <linux/ktime.h>
#include <linux/log2.h>

#include "internal.h"

#define MIN_GROWTH	((64UL << 10) >> GOMEM_PAGE_SHIFT)

/* Above this order one span is not worth asking for; its object alone is. */
#define MAX_SPAN_ORDER		3
#define MAX_NOFAIL_ORDER	1

/*
 * Aligned requests may not fit the longest run of the first block; how many
 * blocks to try before taking one whose run is long enough for any alignment.
 */
#define MAX_TRIES	8

static unsigned int shelf_row(unsigned int used)
{
	return used ? ilog2(used) + 1 : 0;
}

static unsigned int shelf_column(unsigned int longest)
{
	if (longest <= GOMEM_MAX_SPAN_PAGES)
		return longest - 1;
	if (longest < 16)
		return GOMEM_MAX_SPAN_PAGES;
	return min_t(unsigned int, GOMEM_MAX_SPAN_PAGES + ilog2(longest) - 3,
		     GOMEM_SHELF_COLUMNS - 1);
}

/*
 * The first column of which every block has a run of @npages; for more than
 * half an arena there is none, and the last column has those that may.
 */
static unsigned int shelf_column_for(unsigned int npages)
{
	if (npages <= GOMEM_MAX_SPAN_PAGES + 1)
		return npages - 1;
	return min_t(unsigned int, GOMEM_MAX_SPAN_PAGES + order_base_2(npages) - 3,
		     GOMEM_SHELF_COLUMNS - 1);
}

static void shelf_remove(struct gomem_mheap *mheap, struct gomem_block *block)
{
	if (list_empty(&block->list))
		return;
	list_del_init(&block->list);
	if (list_empty(&mheap->shelf[block->row][block->column]))
		mheap->shelf_map[block->row] &= ~BIT(block->column);
}

static void shelf_insert(struct gomem_mheap *mheap, struct gomem_block *block)
{
	if (!block->longest)
		return;
	block->row = shelf_row(block->used);
	block->column = shelf_column(block->longest);
	list_add(&block->list, &mheap->shelf[block->row][block->column]);
	mheap->shelf_map[block->row] |= BIT(block->column);
}

static unsigned int longest_idle_run(const struct gomem_block *block)
{
	unsigned int longest = 0, start, end = 0;

	for (;;) {
		start = find_next_zero_bit(block->map, block->npages, end);
		if (start >= block->npages)
			return longest;
		end = find_next_bit(block->map, block->npages, start);
		longest = max(longest, end - start);
	}
}

/* Pages of @block were taken or came back: find its place again. */
static void reshelve(struct gomem_mheap *mheap, struct gomem_block *block)
{
	shelf_remove(mheap, block);
	block->longest = longest_idle_run(block);
	shelf_insert(mheap, block);
}

/* Make @npages pages of @block, from @first on, the span that @want describes. */
static struct gomem_span *publish(struct gomem_mheap *mheap,
				  const struct gomem_want *want,
				  struct gomem_block *block,
				  unsigned int first, unsigned int npages)
{
	struct gomem_mcentral *central = want->central;
	struct gomem_span *span = &block->span[first];
	bool large = !central->class;

	span->npages = npages;
	span->class = central->class;
	WRITE_ONCE(span->central, central);
	gomem_mspan_init(span, want->far_bits);
	/* Who sees the state sees what was set before. */
	smp_store_release(&span->state, GOMEM_SPAN_INUSE);

	mheap->nr_spans++;
	mheap->inuse_pages += npages;
	central->nspans++;
	central->npages += npages;
	if (large) {
		central->large_nmalloc++;
		central->large_bytes += gomem_span_bytes(span);
		central->large_total += gomem_span_bytes(span);
	} else {
		central->slots += gomem_span_nelems(span);
	}
	gomem_arena_set(gomem_span_base(span), npages, central->tag,
			large ? GOMEM_TAG_INTERIOR : central->tag, span);
	return span;
}

/* Cut a span out of @block.  NULL if it has no run that is aligned as wanted. */
static struct gomem_span *carve(struct gomem_mheap *mheap,
				const struct gomem_want *want,
				struct gomem_block *block)
{
	unsigned long first;

	first = bitmap_find_next_zero_area(block->map, block->npages, 0,
					   want->npages, want->align - 1);
	if (first >= block->npages)
		return NULL;
	bitmap_set(block->map, first, want->npages);
	if (!block->used)
		mheap->idle_block_pages -= block->npages;
	block->used += want->npages;
	mheap->idle_pages -= want->npages;
	reshelve(mheap, block);
	return publish(mheap, want, block, first, want->npages);
}

static struct gomem_span *find_on_shelf(struct gomem_mheap *mheap,
					const struct gomem_want *want,
					unsigned int npages, unsigned int tries)
{
	unsigned int column = shelf_column_for(npages);
	struct gomem_span *span;
	struct gomem_block *block;
	int row;

	for (row = GOMEM_SHELF_ROWS - 1; row >= 0; row--) {
		unsigned long map = mheap->shelf_map[row] >> column << column;
		unsigned int c;

		for_each_set_bit(c, &map, GOMEM_SHELF_COLUMNS) {
			block = list_first_entry(&mheap->shelf[row][c],
						 struct gomem_block, list);
			span = carve(mheap, want, block);
			if (span || !--tries)
				return span;
		}
	}
	return NULL;
}

/**
 * gomem_mheap_find() - a span from the blocks that there are
 * @mheap: the page heap
 * @want: what is wanted
 *
 * Context: any; takes mheap->lock.
 * Return: the span, in use and published, or NULL if the heap has to grow.
 */
struct gomem_span *gomem_mheap_find(struct gomem_mheap *mheap,
				    const struct gomem_want *want)
{
	struct gomem_span *span;
	unsigned long flags;

	if (want->npages > GOMEM_ARENA_PAGES)
		return NULL;
	spin_lock_irqsave(&mheap->lock, flags);
	span = find_on_shelf(mheap, want, want->npages, MAX_TRIES);
	if (!span && want->align > 1)
		span = find_on_shelf(mheap, want,
				     want->npages + want->align - 1, MAX_TRIES);
	spin_unlock_irqrestore(&mheap->lock, flags);
	return span;
}

/* New pages of the heap take the place of released ones first. */
static void account_new_pages(struct gomem_mheap *mheap, unsigned long npages)
{
	lockdep_assert_held(&mheap->lock);
	mheap->released_pages -= min(mheap->released_pages, npages);
	mheap->grown++;
	mheap->nr_blocks++;
}

/**
 * gomem_mheap_growth() - how much the heap would like to grow by
 * @mheap: the page heap
 *
 * Return: gomem pages, a power of two.
 */
unsigned int gomem_mheap_growth(struct gomem_mheap *mheap)
{
	unsigned long share = READ_ONCE(mheap->inuse_pages) / 128;

	return clamp_t(unsigned long, share ? rounddown_pow_of_two(share) : 0,
		       MIN_GROWTH, GOMEM_ARENA_PAGES);
}

/*
 * A block of the size that the heap would like, or a smaller one: without
 * waiting, without waking anybody, without touching reserves.
 */
static struct gomem_block *grow_ahead(struct gomem_mheap *mheap,
				      const struct gomem_want *want, gfp_t gfp)
{
	unsigned int least = max_t(unsigned int, MIN_GROWTH,
				   roundup_pow_of_two(want->npages));
	unsigned int npages = max(gomem_mheap_growth(mheap), least);
	struct gomem_block *block;

	if (!gfpflags_allow_blocking(gfp) || npages > GOMEM_ARENA_PAGES)
		return NULL;
	gfp = (gfp & GFP_ZONEMASK) | __GFP_NOWARN | __GFP_NORETRY |
	      __GFP_NOMEMALLOC | __GFP_THISNODE;
	for (; npages >= least; npages /= 2) {
		block = gomem_block_alloc(mheap, npages, false, gfp, mheap->nid);
		if (block)
			return block;
	}
	return NULL;
}

/* The order that an object of @central's class would need alone. */
static unsigned int object_order(const struct gomem_want *want)
{
	unsigned int size = gomem_class[want->central->class].size;

	return size ? gomem_block_order(DIV_ROUND_UP(size, GOMEM_PAGE_SIZE)) :
		      gomem_block_order(want->npages);
}

/*
 * The pages of one span.  If an object alone could do with a smaller order, that
 * is asked for without any pressure; otherwise with all the means that the caller
 * has.
 */
static struct gomem_block *grow_span(struct gomem_mheap *mheap,
				     const struct gomem_want *want, gfp_t gfp)
{
	unsigned int order = gomem_block_order(want->npages);

	if (order > object_order(want))
		gfp = (gfp & ~(__GFP_NOFAIL | __GFP_RECLAIM)) | __GFP_NOWARN |
		      __GFP_NORETRY | __GFP_NOMEMALLOC;
	if (order > (gfp & __GFP_NOFAIL ? MAX_NOFAIL_ORDER : MAX_SPAN_ORDER))
		return NULL;
	return gomem_block_alloc(mheap, want->npages, false, gfp, mheap->nid);
}

/**
 * gomem_mheap_grow() - a span from a block that is got for it
 * @mheap: the page heap
 * @want: what is wanted
 * @gfp: the caller's flags, as gomem_page_gfp() leaves them
 * @reserve: where a block goes that came from the emergency reserves: no span
 *	is made of it then, gomem_mheap_adopt() makes it one object
 *
 * Context: as @gfp says, no gomem lock held.
 * Return: the span, in use and published, or NULL: look at @reserve then, and
 * try pages for the object alone.
 */
struct gomem_span *gomem_mheap_grow(struct gomem_mheap *mheap,
				    const struct gomem_want *want, gfp_t gfp,
				    struct gomem_block **reserve)
{
	struct gomem_block *block;

	block = grow_ahead(mheap, want, gfp);
	if (!block)
		block = grow_span(mheap, want, gfp);
	if (!block)
		return NULL;
	if (block->pfmemalloc) {
		*reserve = block;
		return NULL;
	}

	return gomem_mheap_adopt(mheap, want, block);
}

/* A new block to cut spans from, and the first one. */
static struct gomem_span *adopt_shared(struct gomem_mheap *mheap,
				       const struct gomem_want *want,
				       struct gomem_block *block)
{
	mheap->idle_pages += block->npages;
	mheap->idle_block_pages += block->npages;
	gomem_arena_set(block->base, block->npages, GOMEM_TAG_IDLE,
			GOMEM_TAG_IDLE, NULL);
	return carve(mheap, want, block);
}

/**
 * gomem_mheap_adopt() - take a new block in, for a span
 * @mheap: the page heap
 * @want: what is wanted; an exact block, or one from the emergency reserves, is
 *	a single large object, which the number 0 of its heap and node counts
 * @block: from gomem_block_alloc(), known to nobody yet, and long enough
 *
 * Context: any; takes mheap->lock.
 * Return: the span, in use and published.
 */
struct gomem_span *gomem_mheap_adopt(struct gomem_mheap *mheap,
				     const struct gomem_want *want,
				     struct gomem_block *block)
{
	struct gomem_span *span;
	unsigned long flags;

	spin_lock_irqsave(&mheap->lock, flags);
	account_new_pages(mheap, block->npages);
	list_add_tail_rcu(&block->all, &mheap->blocks);
	if (block->exact || block->pfmemalloc) {
		block->exact = true;
		block->used = block->npages;
		span = publish(mheap, want, block, 0, block->npages);
	} else {
		span = adopt_shared(mheap, want, block);
	}
	spin_unlock_irqrestore(&mheap->lock, flags);
	return span;
}

/*
 * Take a block without spans out of the heap.  Its pages count as released,
 * which they are as soon as the caller has let the lock go.
 */
static void detach_block(struct gomem_mheap *mheap, struct gomem_block *block)
{
	lockdep_assert_held(&mheap->lock);
	if (!block->exact) {
		mheap->idle_pages -= block->npages;
		mheap->idle_block_pages -= block->npages;
		shelf_remove(mheap, block);
	}
	mheap->released_pages += block->npages;
	mheap->given_back++;
	mheap->nr_blocks--;
	list_del_rcu(&block->all);
	gomem_arena_set(block->base, block->npages, GOMEM_TAG_NONE,
			GOMEM_TAG_NONE, NULL);
}

/**
 * gomem_mheap_keep() - how much to keep in blocks without any span
 * @mheap: the page heap
 *
 * Return: gomem pages: room to grow twice, or 1/32 of what is in use.
 */
unsigned long gomem_mheap_keep(struct gomem_mheap *mheap)
{
	return max_t(unsigned long, 2 * gomem_mheap_growth(mheap),
		     READ_ONCE(mheap->inuse_pages) / 32);
}

/* Pages of a span in a shared block become idle.  True: give the block back. */
static bool retire_pages(struct gomem_mheap *mheap, struct gomem_span *span)
{
	struct gomem_block *block = span->block;

	if (block->exact)
		return true;
	gomem_arena_set(gomem_span_base(span), span->npages, GOMEM_TAG_IDLE,
			GOMEM_TAG_IDLE, NULL);
	bitmap_clear(block->map, span - block->span, span->npages);
	block->used -= span->npages;
	mheap->idle_pages += span->npages;
	reshelve(mheap, block);
	if (block->used)
		return false;
	block->idle_since = ktime_get_mono_fast_ns();
	mheap->idle_block_pages += block->npages;
	return mheap->idle_block_pages > gomem_mheap_keep(mheap);
}

/**
 * gomem_mheap_retire() - the part of freeing a span that needs the lock
 * @mheap: the page heap, locked
 * @span: the span
 *
 * Return: true if the caller is to gomem_block_free() its block, unlocked.
 */
bool gomem_mheap_retire(struct gomem_mheap *mheap, struct gomem_span *span)
{
	struct gomem_mcentral *central = span->central;
	struct gomem_block *block = span->block;

	lockdep_assert_held(&mheap->lock);
	mheap->nr_spans--;
	mheap->inuse_pages -= span->npages;
	central->nspans--;
	central->npages -= span->npages;
	if (central->class) {
		central->slots -= gomem_span_nelems(span);
	} else {
		central->large_nfree++;
		central->large_bytes -= gomem_span_bytes(span);
	}
	WRITE_ONCE(span->state, GOMEM_SPAN_IDLE);
	if (!retire_pages(mheap, span))
		return false;
	detach_block(mheap, block);
	return true;
}

/**
 * gomem_mheap_free_span() - take a span back
 * @span: dying: nobody else holds it
 *
 * Context: any; takes its mheap's lock.
 */
void gomem_mheap_free_span(struct gomem_span *span)
{
	struct gomem_block *block = span->block;
	struct gomem_mheap *mheap = block->mheap;
	unsigned long *far_bits = gomem_mspan_far_bits(span);
	unsigned long flags;
	bool give_back;

	spin_lock_irqsave(&mheap->lock, flags);
	give_back = gomem_mheap_retire(mheap, span);
	spin_unlock_irqrestore(&mheap->lock, flags);
	gomem_meta_free(mheap->meta, GOMEM_META_GC, far_bits);
	if (give_back)
		gomem_block_free(block);
}

/**
 * gomem_mheap_trim() - give back blocks without any span
 * @mheap: the page heap
 * @keep: gomem pages of such blocks to keep
 *
 * Context: any; takes mheap->lock, once a block.
 * Return: gomem pages given back.
 */
unsigned long gomem_mheap_trim(struct gomem_mheap *mheap, unsigned long keep)
{
	unsigned long given_back = 0;
	struct gomem_block *block;
	unsigned long flags;

	for (;;) {
		block = NULL;
		spin_lock_irqsave(&mheap->lock, flags);
		if (mheap->shelf_map[0] && mheap->idle_block_pages > keep) {
			unsigned int column = __ffs(mheap->shelf_map[0]);

			block = list_last_entry(&mheap->shelf[0][column],
						struct gomem_block, list);
			detach_block(mheap, block);
		}
		spin_unlock_irqrestore(&mheap->lock, flags);
		if (!block)
			return given_back;
		given_back += block->npages;
		gomem_block_free(block);
	}
}

/**
 * gomem_mheap_init() - an empty page heap
 * @mheap: the page heap
 * @nid: the node whose memory it asks for
 * @meta: what its metadata is counted in
 */
void gomem_mheap_init(struct gomem_mheap *mheap, int nid,
		      struct gomem_meta *meta)
{
	unsigned int row, column;

	spin_lock_init(&mheap->lock);
	mheap->nid = nid;
	mheap->meta = meta;
	INIT_LIST_HEAD(&mheap->blocks);
	for (row = 0; row < GOMEM_SHELF_ROWS; row++)
		for (column = 0; column < GOMEM_SHELF_COLUMNS; column++)
			INIT_LIST_HEAD(&mheap->shelf[row][column]);
}

/**
 * gomem_mheap_destroy() - give back what can be given back
 * @mheap: the page heap
 *
 * Blocks that still hold objects lose their descriptors but keep their pages:
 * whoever holds the objects may go on using them.
 *
 * Context: process; nobody else uses @mheap any more.
 */
void gomem_mheap_destroy(struct gomem_mheap *mheap)
{
	struct gomem_block *block, *next;

	gomem_mheap_trim(mheap, 0);
	list_for_each_entry_safe(block, next, &mheap->blocks, all) {
		list_del(&block->all);
		gomem_block_abandon(block);
	}
}
