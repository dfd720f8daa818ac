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
 * When no block fits, the heap grows (mm/grow.c).
 *
 * Nothing goes back when it is freed, but for what can serve nobody else: blocks that
 * are called exact, because each is a single span.  It stays where growth finds it
 * first, until the worker of mm/reclaim.c says how much is too much: then
 * blocks without any span go back whole, the one that has been without for
 * longest first, and if that is not enough, idle runs inside of blocks do
 * (mm/release.c).
 *
 * Nobody here calls the worker.  Sums that pass a mark raise a flag, which is
 * all that may be done under the lock.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmstat.h>

#include <trace/events/gomem.h>

#include "arena.h"
#include "mheap.h"
#include "tail.h"

static unsigned int mheap_shelf_row(unsigned int used)
{
	return used ? ilog2(used) + 1 : 0;
}

/*
 * Where a block with a run of @longest pages stands, and the first column to look
 * for one in: some blocks of that may have shorter runs, all behind it fit.
 */
static unsigned int mheap_shelf_column(unsigned int longest)
{
	if (longest <= GOMEM_MAX_SPAN_PAGES)
		return longest - 1;
	if (longest < 16)
		return GOMEM_MAX_SPAN_PAGES;
	return min_t(unsigned int, GOMEM_MAX_SPAN_PAGES + ilog2(longest) - 3,
		     GOMEM_SHELF_COLUMNS - 1);
}

static void mheap_shelf_remove(struct gomem_mheap *mheap, struct gomem_block *block)
{
	if (list_empty(&block->list))
		return;
	list_del_init(&block->list);
	if (!list_empty(&mheap->shelf[block->row][block->column]))
		return;
	mheap->shelf_map[block->row] &= ~BIT(block->column);
	if (!mheap->shelf_map[block->row])
		mheap->shelf_rows &= ~BIT(block->row);
}

static void mheap_shelf_insert(struct gomem_mheap *mheap, struct gomem_block *block)
{
	if (!block->longest)
		return;
	block->row = mheap_shelf_row(block->used);
	block->column = mheap_shelf_column(block->longest);
	list_add(&block->list, &mheap->shelf[block->row][block->column]);
	mheap->shelf_map[block->row] |= BIT(block->column);
	mheap->shelf_rows |= BIT(block->row);
}

static unsigned int mheap_longest_idle_run(struct gomem_block *block)
{
	unsigned int longest = 0, start, end = 0;

	/* All in use, or all idle: no need to look. */
	if (block->used + block->holes == block->npages)
		return 0;
	if (!block->used && !block->holes)
		return block->npages;
	for (;;) {
		start = find_next_zero_bit(gomem_block_map(block), block->npages, end);
		if (start >= block->npages)
			return longest;
		end = find_next_bit(gomem_block_map(block), block->npages, start);
		longest = max(longest, end - start);
	}
}

/**
 * gomem_mheap_reshelve() - find the place of a block on the shelf again
 * @mheap: the page heap, locked
 * @block: a shared block of which pages were taken, came back, or went
 */
void gomem_mheap_reshelve(struct gomem_mheap *mheap, struct gomem_block *block)
{
	mheap_shelf_remove(mheap, block);
	block->longest = mheap_longest_idle_run(block);
	mheap_shelf_insert(mheap, block);
}

static long mheap_kernel_pages(u64 npages, u64 halves)
{
	return ((npages << GOMEM_PAGE_SHIFT) - (halves << GOMEM_HALF_SHIFT)) >>
	       PAGE_SHIFT;
}

static void mheap_tell_one(struct gomem_mheap *mheap, enum node_stat_item item,
			   long now, long *told)
{
	if (now == *told)
		return;
	mod_node_page_state(NODE_DATA(mheap->nid), item,
			    (now - *told) * (long)PAGE_SIZE);
	*told = now;
}

/**
 * gomem_mheap_tell() - tell the kernel what there is
 * @mheap: the page heap, locked
 *
 * What is in use is counted as slab pages are, and what is idle as slab pages that can
 * be had (SUnreclaim and SReclaimable; MemAvailable counts the latter).  Tails cannot.
 */
void gomem_mheap_tell(struct gomem_mheap *mheap)
{
	u64 busy = mheap->inuse_pages + mheap->tail_pages + mheap->pinned_pages;
	u64 halves = mheap->inuse_halves + mheap->pinned_halves;

	lockdep_assert_held(&mheap->lock);
	mheap_tell_one(mheap, NR_SLAB_UNRECLAIMABLE_B,
		       mheap_kernel_pages(busy, halves), &mheap->told_inuse);
	mheap_tell_one(mheap, NR_SLAB_RECLAIMABLE_B,
		       mheap_kernel_pages(mheap->idle_pages, 0),
		       &mheap->told_idle);
}

/* @block has no span any more, or none yet. */
static void mheap_enter_idle(struct gomem_mheap *mheap,
			     struct gomem_block *block)
{
	list_add_tail(&block->idle, &mheap->idle_blocks);
	mheap->idle_block_pages += gomem_block_pages(block);
}

static void mheap_leave_idle(struct gomem_mheap *mheap,
			     struct gomem_block *block)
{
	list_del_init(&block->idle);
	mheap->idle_block_pages -= gomem_block_pages(block);
}

/* Count a span that is in use from now on, or until now. */
static void mheap_count_span(struct gomem_mheap *mheap,
			     const struct gomem_span *span, int sign)
{
	struct gomem_mcentral *central = gomem_span_central(span);
	long npages = sign * (long)gomem_span_npages(span);
	long halves = sign * gomem_block_of(span)->half;

	mheap->nr_spans += sign;
	mheap->moves++;
	mheap->inuse_pages += npages;
	mheap->inuse_halves += halves;
	central->nspans += sign;
	central->npages += npages;
	central->halves += halves;
	if (central->class)
		central->slots += sign * (long)gomem_span_nelems(span);
	else
		central->large_bytes += sign * (long)gomem_span_bytes(span);
}

/*
 * Tag the pages of @span: all of them @tag, or those behind the first @rest if it is
 * a single object.  Of an exact block, that is all there is, its tail included.
 */
static void mheap_tag_span(struct gomem_span *span, u8 tag, u8 rest)
{
	unsigned long base = gomem_span_base(span), bytes = gomem_span_bytes(span);

	if (gomem_block_of(span)->exact)
		bytes = gomem_block_bytes(gomem_block_of(span));
	gomem_arena_set_one(base, bytes, tag, gomem_is_one(span->class) ? rest : tag);
}

/* Make @npages pages of @block, from @first on, the span that @want describes. */
static struct gomem_span *mheap_publish(struct gomem_mheap *mheap,
					const struct gomem_want *want,
					struct gomem_block *block,
					unsigned int first, unsigned int npages)
{
	struct gomem_mcentral *central = want->central;
	struct gomem_span *span = &block->span[first];
	unsigned int i;

	for (i = 0; i < npages && block->many; i++)
		WRITE_ONCE(span[i].first, first);
	WRITE_ONCE(span->more, npages - 1);
	WRITE_ONCE(span->class, central->class);
	gomem_mspan_init(span, want->far_bits);
	/* Who sees the state sees what was set before: gomem_span_in_use(). */
	smp_store_release(&span->state, GOMEM_SPAN_INUSE);

	mheap_count_span(mheap, span, 1);
	if (!central->class) {
		central->large_nmalloc++;
		central->large_total += gomem_span_bytes(span);
	}
	if (mheap->inuse_pages > mheap->peak_pages)
		mheap->peak_pages = mheap->inuse_pages;
	if (mheap->inuse_pages >= mheap->alarm_inuse) {
		mheap->alarm_inuse = ULONG_MAX;
		gomem_heap_wake(central->heap);
	}
	mheap_tag_span(span, gomem_span_tag(span), GOMEM_TAG_INTERIOR);
	gomem_mheap_tell(mheap);
	return span;
}

/* Cut a span out of @block.  NULL if it has no run that is aligned as wanted. */
static struct gomem_span *mheap_carve(struct gomem_mheap *mheap,
				      const struct gomem_want *want,
				      struct gomem_block *block)
{
	unsigned long mask = want->align - 1, first = 0;
	unsigned long skew = (block->base >> GOMEM_PAGE_SHIFT) & mask;

	if (block->used || block->holes || skew || want->npages > block->npages)
		first = bitmap_find_next_zero_area_off(gomem_block_map(block),
						       block->npages, 0,
						       want->npages, mask, skew);
	if (first >= block->npages)
		return NULL;
	bitmap_set(gomem_block_map(block), first, want->npages);
	if (!block->used)
		mheap_leave_idle(mheap, block);
	block->used += want->npages;
	block->filling = jiffies + mheap->filling_time;
	mheap->idle_pages -= want->npages;
	gomem_mheap_reshelve(mheap, block);
	return mheap_publish(mheap, want, block, first, want->npages);
}

/*
 * A block from one place of the shelf, of which all blocks have a run of @npages,
 * or else some may.
 */
static struct gomem_block *mheap_block_in(struct list_head *place, unsigned int npages)
{
	unsigned int looks = GOMEM_MAX_TRIES;
	struct gomem_block *block;

	list_for_each_entry(block, place, list) {
		if (block->longest >= npages)
			return block;
		if (!--looks)
			break;
	}
	return NULL;
}

/*
 * A span out of a block with a run of @npages.  Where that is no longer than the span, it
 * may not be aligned as wanted, and other blocks are tried.
 */
static struct gomem_span *mheap_find_on_shelf(struct gomem_mheap *mheap,
					      const struct gomem_want *want,
					      unsigned int npages)
{
	unsigned int column = mheap_shelf_column(npages), tries = GOMEM_MAX_TRIES;
	unsigned int rows, row;
	struct gomem_block *block;
	struct gomem_span *span;

	for (rows = mheap->shelf_rows; rows; rows &= ~BIT(row)) {
		unsigned long map;
		unsigned int c;

		row = __fls(rows);
		map = mheap->shelf_map[row] >> column << column;
		for_each_set_bit(c, &map, GOMEM_SHELF_COLUMNS) {
			block = mheap_block_in(&mheap->shelf[row][c], npages);
			if (!block)
				continue;
			span = mheap_carve(mheap, want, block);
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
	span = mheap_find_on_shelf(mheap, want, want->npages);
	if (!span && want->align > 1)
		span = mheap_find_on_shelf(mheap, want, want->npages + want->align - 1);
	spin_unlock_irqrestore(&mheap->lock, flags);
	return span;
}

/* New pages of the heap take the place of released ones first. */
static void mheap_account_new(struct gomem_mheap *mheap, u64 bytes)
{
	lockdep_assert_held(&mheap->lock);
	mheap->released_bytes -= min(mheap->released_bytes, bytes);
	mheap->grown++;
}

/* The heap has grown.  Had it better not, or had it better give something back? */
static void mheap_call_worker(struct gomem_mheap *mheap, struct gomem_heap *heap)
{
	if (gomem_mheap_held(mheap) >= mheap->alarm_held) {
		mheap->alarm_held = ULONG_MAX;
		gomem_heap_wake(heap);
	} else if (gomem_mheap_kept(mheap) >
		   gomem_mheap_goal(max(mheap->window_pages,
					mheap->peak_pages))) {
		gomem_heap_wake(heap);
	}
}

static void mheap_trace_growth(struct gomem_mheap *mheap,
			       const struct gomem_block *block)
{
	trace_gomem_grow(mheap->nid, gomem_block_bytes(block),
			 block->exact,
			 (u64)gomem_mheap_held(mheap) << GOMEM_PAGE_SHIFT);
}

/* A new block to cut spans from, and the first one. */
static struct gomem_span *mheap_adopt_shared(struct gomem_mheap *mheap,
					     const struct gomem_want *want,
					     struct gomem_block *block)
{
	mheap->idle_pages += block->npages;
	mheap_enter_idle(mheap, block);
	gomem_arena_set(block->base, gomem_block_bytes(block), GOMEM_TAG_IDLE);
	return mheap_carve(mheap, want, block);
}

/**
 * gomem_mheap_take_in() - take a block in, for a span
 * @mheap: the page heap, locked
 * @want: what is wanted; an exact block, or one from the emergency reserves, is
 *	one span, of all of its pages if it is not tailed
 * @block: known to nobody yet, and long enough; its pages count already
 *
 * Return: the span, in use and published.
 */
struct gomem_span *gomem_mheap_take_in(struct gomem_mheap *mheap,
				       const struct gomem_want *want,
				       struct gomem_block *block)
{
	struct gomem_span *span;

	lockdep_assert_held(&mheap->lock);
	block->node = gomem_node_of(want->central);
	block->filling = jiffies + mheap->filling_time;
	mheap->nr_blocks++;
	list_add_tail(&block->all, &mheap->blocks);
	if (block->exact || block->pfmemalloc) {
		block->exact = true;
		block->used = block->tailed ? want->npages : block->npages;
		gomem_tail_add(mheap, block);
		span = mheap_publish(mheap, want, block, 0, block->used);
	} else {
		span = mheap_adopt_shared(mheap, want, block);
	}
	mheap_call_worker(mheap, want->central->heap);
	return span;
}

/**
 * gomem_mheap_adopt() - take a new block in, for a span
 * @mheap: the page heap
 * @want: what is wanted, as for gomem_mheap_take_in()
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
	mheap_account_new(mheap, gomem_block_bytes(block));
	span = gomem_mheap_take_in(mheap, want, block);
	spin_unlock_irqrestore(&mheap->lock, flags);
	mheap_trace_growth(mheap, block);
	return span;
}

/**
 * gomem_mheap_detach() - take a block without spans out of the heap
 * @mheap: the page heap, locked
 * @block: the block, for gomem_block_free() as soon as the lock is let go
 *
 * Its pages count as released already.
 */
void gomem_mheap_detach(struct gomem_mheap *mheap, struct gomem_block *block)
{
	lockdep_assert_held(&mheap->lock);
	if (!block->exact) {
		mheap->idle_pages -= gomem_block_pages(block);
		mheap_leave_idle(mheap, block);
		mheap_shelf_remove(mheap, block);
	}
	gomem_tail_remove(mheap, block);
	mheap->released_bytes += gomem_block_bytes(block);
	mheap->given_back++;
	mheap->nr_blocks--;
	mheap->moves++;
	if (block->pins)
		block->gone = true;
	else
		list_del(&block->all);
	if (!block->exact)
		gomem_block_untag(block);
	gomem_mheap_tell(mheap);
}

/*
 * Nobody refers to the pages of @span any more, which is in no sum by now: they
 * become idle.  True if the caller is to free its block.
 */
static bool mheap_make_idle(struct gomem_mheap *mheap, struct gomem_span *span)
{
	struct gomem_block *block = gomem_block_of(span);

	WRITE_ONCE(span->state, GOMEM_SPAN_IDLE);
	if (block->exact) {
		gomem_mheap_detach(mheap, block);
		return true;
	}
	bitmap_clear(gomem_block_map(block), span->index, gomem_span_npages(span));
	block->used -= gomem_span_npages(span);
	block->filling = jiffies;
	mheap->idle_pages += gomem_span_npages(span);
	gomem_mheap_reshelve(mheap, block);
	if (!block->used)
		mheap_enter_idle(mheap, block);
	if (mheap->idle_pages > mheap->alarm_idle) {
		mheap->alarm_idle = ULONG_MAX;
		gomem_heap_wake(gomem_span_central(span)->heap);
	}
	gomem_mheap_tell(mheap);
	return false;
}

/* Somebody refers to a page of @span: nobody gets it until they let go. */
static void mheap_pin(struct gomem_mheap *mheap, struct gomem_span *span)
{
	WRITE_ONCE(span->state, GOMEM_SPAN_PINNED);
	mheap->pinned_pages += gomem_span_npages(span);
	mheap->pinned_halves += gomem_block_of(span)->half;
	list_add_tail(&span->list, &mheap->pinned);
	mheap->nr_pinned++;
	gomem_heap_wake(gomem_span_central(span)->heap);
	gomem_mheap_tell(mheap);
}

/*
 * The part of freeing a span that needs the lock; @held if others refer to its pages.
 * True if the caller is to free its block.
 */
static bool mheap_retire(struct gomem_mheap *mheap, struct gomem_span *span,
			 bool held)
{
	struct gomem_mcentral *central = gomem_span_central(span);

	lockdep_assert_held(&mheap->lock);
	mheap_count_span(mheap, span, -1);
	if (!central->class)
		central->large_nfree++;
	if (!held && gomem_block_of(span)->exact) {
		mheap_tag_span(span, GOMEM_TAG_NONE, GOMEM_TAG_NONE);
		return mheap_make_idle(mheap, span);
	}
	mheap_tag_span(span, GOMEM_TAG_IDLE, GOMEM_TAG_IDLE);
	if (!held)
		return mheap_make_idle(mheap, span);
	mheap_pin(mheap, span);
	return false;
}

/**
 * gomem_mheap_free_span() - take a span back
 * @span: dying: nobody else holds it
 *
 * If others refer to its pages, they are not used again before the last of them lets
 * go: see gomem_mheap_unpin().
 *
 * Context: any; takes its mheap's lock.
 */
void gomem_mheap_free_span(struct gomem_span *span)
{
	unsigned long *far_bits = gomem_mspan_far_bits(span);
	struct gomem_block *block = gomem_block_of(span);
	struct gomem_mheap *mheap = block->node->mheap;
	unsigned long flags, stolen;
	bool held, give_back;

	/* There may be many pages, and nobody else looks at them. */
	held = gomem_block_settle(span, &stolen);
	spin_lock_irqsave(&mheap->lock, flags);
	gomem_span_central(span)->stolen += stolen;
	give_back = mheap_retire(mheap, span, held);
	spin_unlock_irqrestore(&mheap->lock, flags);
	gomem_meta_free(mheap->meta, GOMEM_META_GC, far_bits);
	if (give_back)
		gomem_block_free(block);
}

/**
 * gomem_mheap_census() - look whether kfree() was given an object of a span
 * @mheap: the page heap
 * @span: a span of a block that stays, in use or not
 *
 * If it was, it is counted, and the page has its references back.
 *
 * Context: any; takes mheap->lock.
 */
void gomem_mheap_census(struct gomem_mheap *mheap, struct gomem_span *span)
{
	unsigned long flags, stolen;

	spin_lock_irqsave(&mheap->lock, flags);
	if (span->state == GOMEM_SPAN_INUSE) {
		gomem_block_settle(span, &stolen);
		gomem_span_central(span)->stolen += stolen;
	}
	spin_unlock_irqrestore(&mheap->lock, flags);
}

/*
 * Look at the span that has been pinned, or looked at, first.  Returns its pages if it
 * is not pinned any more, and in @give_back what is to be freed.
 */
static unsigned int mheap_unpin_one(struct gomem_mheap *mheap,
				    struct gomem_block **give_back)
{
	struct gomem_span *span;
	unsigned long stolen;

	span = list_first_entry_or_null(&mheap->pinned, struct gomem_span, list);
	if (!span)
		return 0;
	if (gomem_block_settle(span, &stolen)) {
		list_move_tail(&span->list, &mheap->pinned);
		return 0;
	}
	gomem_span_central(span)->stolen += stolen;
	list_del_init(&span->list);
	mheap->nr_pinned--;
	mheap->moves++;
	mheap->pinned_pages -= gomem_span_npages(span);
	mheap->pinned_halves -= gomem_block_of(span)->half;
	if (gomem_block_of(span)->exact)
		mheap_tag_span(span, GOMEM_TAG_NONE, GOMEM_TAG_NONE);
	if (mheap_make_idle(mheap, span))
		*give_back = gomem_block_of(span);
	return gomem_span_npages(span);
}

/**
 * gomem_mheap_unpin() - look whether the pages of freed spans are let go
 * @mheap: the page heap
 *
 * Context: process, may sleep: there may be very many; takes mheap->lock, once a span.
 * Return: gomem pages that have become idle, or have been given back.
 */
unsigned long gomem_mheap_unpin(struct gomem_mheap *mheap)
{
	unsigned long flags, done = 0, nr = READ_ONCE(mheap->nr_pinned);
	struct gomem_block *give_back;

	for (; nr; nr--) {
		give_back = NULL;
		spin_lock_irqsave(&mheap->lock, flags);
		done += mheap_unpin_one(mheap, &give_back);
		spin_unlock_irqrestore(&mheap->lock, flags);
		if (give_back)
			gomem_block_free(give_back);
		cond_resched();
	}
	return done;
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
	INIT_LIST_HEAD(&mheap->idle_blocks);
	INIT_LIST_HEAD(&mheap->tails);
	INIT_LIST_HEAD(&mheap->pinned);
	mheap->empty = jiffies - HZ;
	mheap->alarm_inuse = ULONG_MAX;
	mheap->alarm_idle = ULONG_MAX;
	mheap->alarm_held = ULONG_MAX;
	for (row = 0; row < GOMEM_SHELF_ROWS; row++)
		for (column = 0; column < GOMEM_SHELF_COLUMNS; column++)
			INIT_LIST_HEAD(&mheap->shelf[row][column]);
}
