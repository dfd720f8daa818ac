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
 * When no block fits, the heap grows, by about 1/256 of what is in use: at least
 * 64 KiB, so that blocks stay few, and at most 2 MiB, an arena.  That is asked
 * for without any pressure on the page allocator, and only for callers that may
 * sleep; what they do not get, and what others need, is one span at a time.
 *
 * Nothing goes back when it is freed, but for what can serve nobody else (the
 * blocks of one object that are called exact).  It stays where growth finds it
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

#include <trace/events/gomem.h>

#include "arena.h"
#include "mheap.h"

#define MIN_GROWTH	((64UL << 10) >> GOMEM_PAGE_SHIFT)

/* Above this order a span of many objects is not worth asking for. */
#define MAX_SPAN_ORDER		3
#define MAX_NOFAIL_ORDER	1

/*
 * Aligned requests may not fit the longest run of the first block; how many
 * blocks to try before taking one whose run is long enough for any alignment.
 * And how many to look at in a place where not all have a run that is wanted.
 */
#define MAX_TRIES	8

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
	if (list_empty(&mheap->shelf[block->row][block->column]))
		mheap->shelf_map[block->row] &= ~BIT(block->column);
}

static void mheap_shelf_insert(struct gomem_mheap *mheap, struct gomem_block *block)
{
	if (!block->longest)
		return;
	block->row = mheap_shelf_row(block->used);
	block->column = mheap_shelf_column(block->longest);
	list_add(&block->list, &mheap->shelf[block->row][block->column]);
	mheap->shelf_map[block->row] |= BIT(block->column);
}

static unsigned int mheap_longest_idle_run(const struct gomem_block *block)
{
	unsigned int longest = 0, start, end = 0;

	/* Blocks of one object are all or nothing. */
	if (block->used + block->holes == block->npages)
		return 0;
	if (!block->used && !block->holes)
		return block->npages;
	for (;;) {
		start = find_next_zero_bit(block->map, block->npages, end);
		if (start >= block->npages)
			return longest;
		end = find_next_bit(block->map, block->npages, start);
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

/*
 * What could go back at once is told to the kernel, which counts it as available
 * (MemAvailable).
 */
static void mheap_report_reclaimable(struct gomem_mheap *mheap, long npages)
{
	mod_node_page_state(NODE_DATA(mheap->nid), NR_KERNEL_MISC_RECLAIMABLE,
			    (npages << GOMEM_PAGE_SHIFT) >> PAGE_SHIFT);
}

/* @block has no span any more, or none yet. */
static void mheap_enter_idle(struct gomem_mheap *mheap, struct gomem_block *block)
{
	list_add_tail(&block->idle, &mheap->idle_blocks);
	mheap->idle_block_pages += gomem_block_pages(block);
	mheap_report_reclaimable(mheap, gomem_block_pages(block));
}

static void mheap_leave_idle(struct gomem_mheap *mheap, struct gomem_block *block)
{
	list_del_init(&block->idle);
	mheap->idle_block_pages -= gomem_block_pages(block);
	mheap_report_reclaimable(mheap, -(long)gomem_block_pages(block));
}

/* Make @npages pages of @block, from @first on, the span that @want describes. */
static struct gomem_span *mheap_publish(struct gomem_mheap *mheap,
					const struct gomem_want *want,
					struct gomem_block *block,
					unsigned int first, unsigned int npages)
{
	struct gomem_mcentral *central = want->central;
	struct gomem_span *span = &block->span[first];

	span->npages = npages;
	span->class = central->class;
	WRITE_ONCE(span->central, central);
	gomem_mspan_init(span, want->far_bits);
	/* Who sees the state sees what was set before: gomem_span_in_use(). */
	smp_store_release(&span->state, GOMEM_SPAN_INUSE);

	mheap->nr_spans++;
	mheap->inuse_pages += npages;
	if (mheap->inuse_pages > mheap->peak_pages)
		mheap->peak_pages = mheap->inuse_pages;
	if (mheap->inuse_pages >= mheap->alarm_inuse) {
		mheap->alarm_inuse = ULONG_MAX;
		gomem_heap_wake(central->heap);
	}
	central->nspans++;
	central->npages += npages;
	if (central->class) {
		central->slots += gomem_span_nelems(span);
	} else {
		central->large_nmalloc++;
		central->large_bytes += gomem_span_bytes(span);
		central->large_total += gomem_span_bytes(span);
	}
	gomem_arena_set(gomem_span_base(span), npages, central->tag,
			gomem_rest_tag(central->class, central->tag), span);
	return span;
}

/* Cut a span out of @block.  NULL if it has no run that is aligned as wanted. */
static struct gomem_span *mheap_carve(struct gomem_mheap *mheap,
				      const struct gomem_want *want,
				      struct gomem_block *block)
{
	unsigned long first = 0;

	/* A block is aligned to more than its length. */
	if (block->used || block->holes || want->npages > block->npages)
		first = bitmap_find_next_zero_area(block->map, block->npages, 0,
						   want->npages,
						   want->align - 1);
	if (first >= block->npages)
		return NULL;
	bitmap_set(block->map, first, want->npages);
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
	unsigned int looks = MAX_TRIES;
	struct gomem_block *block;

	list_for_each_entry(block, place, list) {
		if (block->longest >= npages)
			return block;
		if (!--looks)
			break;
	}
	return NULL;
}

static struct gomem_span *mheap_find_on_shelf(struct gomem_mheap *mheap,
					      const struct gomem_want *want,
					      unsigned int npages, unsigned int tries)
{
	unsigned int column = mheap_shelf_column(npages);
	struct gomem_block *block;
	struct gomem_span *span;
	int row;

	for (row = GOMEM_SHELF_ROWS - 1; row >= 0; row--) {
		unsigned long map = mheap->shelf_map[row] >> column << column;
		unsigned int c;

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
	span = mheap_find_on_shelf(mheap, want, want->npages, MAX_TRIES);
	if (!span && want->align > 1)
		span = mheap_find_on_shelf(mheap, want,
					   want->npages + want->align - 1, MAX_TRIES);
	spin_unlock_irqrestore(&mheap->lock, flags);
	return span;
}

/* New pages of the heap take the place of released ones first. */
static void mheap_account_new_pages(struct gomem_mheap *mheap, unsigned long npages)
{
	lockdep_assert_held(&mheap->lock);
	mheap->released_pages -= min(mheap->released_pages, npages);
	mheap->grown++;
	mheap->nr_blocks++;
}

/* The heap has grown.  Had it better not, or had it better give something back? */
static void mheap_call_worker(struct gomem_mheap *mheap, struct gomem_heap *heap)
{
	if (gomem_mheap_held(mheap) >= mheap->alarm_held) {
		mheap->alarm_held = ULONG_MAX;
		gomem_heap_wake(heap);
	} else if (gomem_mheap_held(mheap) >
		   gomem_mheap_goal(max(mheap->window_pages,
					mheap->peak_pages))) {
		gomem_heap_wake(heap);
	}
}

static void mheap_trace_growth(struct gomem_mheap *mheap,
			       const struct gomem_block *block)
{
	trace_gomem_grow(mheap->nid, (u64)block->npages << GOMEM_PAGE_SHIFT,
			 block->exact,
			 (u64)gomem_mheap_held(mheap) << GOMEM_PAGE_SHIFT);
}

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
		       MIN_GROWTH, GOMEM_ARENA_PAGES);
}

/*
 * A block of the size that the heap would like, or a smaller one: without
 * waiting, without waking anybody, without touching reserves.
 */
static struct gomem_block *mheap_grow_ahead(struct gomem_mheap *mheap,
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
		block = gomem_block_alloc(mheap->meta, npages, false, gfp, mheap->nid);
		if (block)
			return block;
	}
	return NULL;
}

/* The order that an object of @central's class would need alone. */
static unsigned int mheap_object_order(const struct gomem_want *want)
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
static struct gomem_block *mheap_grow_span(struct gomem_mheap *mheap,
					   const struct gomem_want *want, gfp_t gfp)
{
	unsigned int order = gomem_block_order(want->npages);

	if (order > mheap_object_order(want))
		gfp = (gfp & ~(__GFP_NOFAIL | __GFP_RECLAIM)) | __GFP_NOWARN |
		      __GFP_NORETRY | __GFP_NOMEMALLOC;
	if (order > MAX_SPAN_ORDER && !gomem_is_run_class(want->central->class))
		return NULL;
	if (order > MAX_NOFAIL_ORDER && (gfp & __GFP_NOFAIL))
		return NULL;
	return gomem_block_alloc(mheap->meta, want->npages, false, gfp, mheap->nid);
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

	block = mheap_grow_ahead(mheap, want, gfp);
	if (!block)
		block = mheap_grow_span(mheap, want, gfp);
	if (!block)
		return NULL;
	if (block->pfmemalloc) {
		*reserve = block;
		return NULL;
	}

	return gomem_mheap_adopt(mheap, want, block);
}

/* A new block to cut spans from, and the first one. */
static struct gomem_span *mheap_adopt_shared(struct gomem_mheap *mheap,
					     const struct gomem_want *want,
					     struct gomem_block *block)
{
	mheap->idle_pages += block->npages;
	mheap_enter_idle(mheap, block);
	gomem_arena_set(block->base, block->npages, GOMEM_TAG_IDLE,
			GOMEM_TAG_IDLE, NULL);
	return mheap_carve(mheap, want, block);
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
	block->mheap = mheap;
	block->filling = jiffies + mheap->filling_time;
	mheap_account_new_pages(mheap, block->npages);
	list_add_tail_rcu(&block->all, &mheap->blocks);
	if (block->exact || block->pfmemalloc) {
		block->exact = true;
		block->used = block->npages;
		span = mheap_publish(mheap, want, block, 0, block->npages);
	} else {
		span = mheap_adopt_shared(mheap, want, block);
	}
	mheap_call_worker(mheap, want->central->heap);
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
	mheap->released_pages += gomem_block_pages(block);
	mheap->given_back++;
	mheap->nr_blocks--;
	list_del_rcu(&block->all);
	gomem_block_untag(block);
}

/* Pages of a span in a shared block become idle. */
static void mheap_retire_pages(struct gomem_mheap *mheap, struct gomem_span *span)
{
	struct gomem_block *block = span->block;

	gomem_arena_set(gomem_span_base(span), span->npages, GOMEM_TAG_IDLE,
			GOMEM_TAG_IDLE, NULL);
	bitmap_clear(block->map, span - block->span, span->npages);
	block->used -= span->npages;
	block->filling = jiffies;
	mheap->idle_pages += span->npages;
	gomem_mheap_reshelve(mheap, block);
	if (!block->used)
		mheap_enter_idle(mheap, block);
	if (mheap->idle_pages > mheap->alarm_idle) {
		mheap->alarm_idle = ULONG_MAX;
		gomem_heap_wake(span->central->heap);
	}
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
	if (!block->exact) {
		mheap_retire_pages(mheap, span);
		return false;
	}
	gomem_mheap_detach(mheap, block);
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
	mheap->alarm_inuse = ULONG_MAX;
	mheap->alarm_idle = ULONG_MAX;
	mheap->alarm_held = ULONG_MAX;
	for (row = 0; row < GOMEM_SHELF_ROWS; row++)
		for (column = 0; column < GOMEM_SHELF_COLUMNS; column++)
			INIT_LIST_HEAD(&mheap->shelf[row][column]);
}
