// SPDX-License-Identifier: GPL-2.0
/*
 * The ways out of the page heap: whole blocks, and pages from within them.
 *
 * A block without any span goes back whole, the one that has been without for
 * longest first.  That is the good way: nothing is left of it.
 *
 * When it is not enough, idle runs inside blocks go back, kernel page by kernel
 * page, and leave holes.  Such pages are the page allocator's again and nobody
 * can ask for them by address, so the block never gets them back: it is so much
 * smaller from then on, and a heap that needs memory again gets a new block for
 * it, perhaps the very pages.  What is left of the block serves on, and becomes an
 * idle block like any other when its last span is freed.  A block that has shrunk to
 * nothing but spans costs its descriptor, until then.
 *
 * Because it cannot be undone, it is done to the blocks that will miss it least:
 * with the fewest pages in use, and never to one that is filling up, from which
 * a span was taken since the last one was freed, within the time that the
 * scavenger looks back over.  Of a block, the highest pages go: those that
 * growth, which takes the first fit, would take last.
 *
 * Everything here is done in small portions under the lock of the page heap, and
 * the page allocator is called with the lock let go.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/sched.h>

#include "arena.h"
#include "mheap.h"
#include "release.h"

/* The block that has been idle for longest, if it is not too large. */
static struct gomem_block *release_oldest_idle(struct gomem_mheap *mheap,
					       unsigned long most)
{
	unsigned int tries = GOMEM_MAX_TRIES;
	struct gomem_block *block;

	lockdep_assert_held(&mheap->lock);
	list_for_each_entry(block, &mheap->idle_blocks, idle) {
		if (gomem_block_pages(block) <= most)
			return block;
		if (!--tries)
			break;
	}
	return NULL;
}

/**
 * gomem_mheap_release_block() - give back a block without any span
 * @mheap: the page heap
 * @most: gomem pages; a larger one is not given back
 *
 * Context: any; takes mheap->lock.
 * Return: gomem pages given back, 0 if there is no such block.
 */
unsigned long gomem_mheap_release_block(struct gomem_mheap *mheap,
					unsigned long most)
{
	struct gomem_block *block;
	unsigned long flags;
	unsigned int npages;

	spin_lock_irqsave(&mheap->lock, flags);
	block = release_oldest_idle(mheap, most);
	if (block)
		gomem_mheap_detach(mheap, block);
	spin_unlock_irqrestore(&mheap->lock, flags);
	if (!block)
		return 0;
	npages = gomem_block_pages(block);
	gomem_block_free(block);
	return npages;
}

/**
 * gomem_mheap_trim() - give back all blocks without any span but some
 * @mheap: the page heap
 * @keep: gomem pages of such blocks to keep, at most
 *
 * Context: any; takes mheap->lock, once a block.
 * Return: gomem pages given back.
 */
unsigned long gomem_mheap_trim(struct gomem_mheap *mheap, unsigned long keep)
{
	unsigned long idle = READ_ONCE(mheap->idle_block_pages);
	unsigned long done = 0, n;

	while (idle > keep && done < idle - keep) {
		n = gomem_mheap_release_block(mheap, ULONG_MAX);
		if (!n)
			break;
		done += n;
	}
	return done;
}

/**
 * gomem_mheap_trim_all() - give back all blocks without any span
 * @mheap: the page heap
 *
 * Context: process, may sleep: there may be very many.
 * Return: gomem pages given back.
 */
unsigned long gomem_mheap_trim_all(struct gomem_mheap *mheap)
{
	unsigned long idle = READ_ONCE(mheap->idle_block_pages);
	unsigned long done = 0, n;

	while (done < idle) {
		n = gomem_mheap_release_block(mheap, ULONG_MAX);
		if (!n)
			break;
		done += n;
		cond_resched();
	}
	return done;
}

/**
 * gomem_mheap_make_way() - give back idle blocks for the sake of new ones
 * @mheap: the page heap, which is about to grow because no block had a run
 * @npages: gomem pages that will be got
 * @gfp: of the request; who may not sleep has no time for this
 *
 * What did not fit will often not fit the next one either; so that blocks of lengths
 * that were once needed do not pile up, as much goes as comes.
 *
 * Context: any; takes mheap->lock, once a block.
 */
void gomem_mheap_make_way(struct gomem_mheap *mheap, unsigned long npages,
			  gfp_t gfp)
{
	unsigned long done = 0, n;

	while (gfpflags_allow_blocking(gfp) && done < npages) {
		n = gomem_mheap_release_block(mheap, ULONG_MAX);
		if (!n)
			return;
		done += n;
	}
}

/* gomem pages that one kernel page holds, if it is the larger of the two. */
#define HOLE_UNIT	max(1U, (unsigned int)(PAGE_SIZE / GOMEM_PAGE_SIZE))

/*
 * Up to @npages idle pages of @block become holes, those that growth would take
 * last.  @gone has them in the end; returns how many they are.
 */
static unsigned long release_make_holes(struct gomem_mheap *mheap,
					struct gomem_block *block, unsigned long npages,
					unsigned long *gone)
{
	unsigned int first, start, end;
	unsigned long n = 0;

	lockdep_assert_held(&mheap->lock);
	bitmap_zero(gone, GOMEM_ARENA_PAGES);
	for (first = block->npages; first && n < npages;) {
		first -= HOLE_UNIT;
		end = first + HOLE_UNIT;
		if (find_next_bit(gomem_block_map(block), end, first) < end)
			continue;
		bitmap_set(gone, first, HOLE_UNIT);
		n += HOLE_UNIT;
	}
	for_each_set_bitrange(start, end, gone, block->npages) {
		bitmap_set(gomem_block_map(block), start, end - start);
		bitmap_set(gomem_block_hole(block), start, end - start);
		gomem_arena_set(block->base +
				((unsigned long)start << GOMEM_PAGE_SHIFT),
				(unsigned long)(end - start) << GOMEM_PAGE_SHIFT,
				GOMEM_TAG_NONE);
	}
	WRITE_ONCE(block->holes, block->holes + n);
	mheap->idle_pages -= n;
	mheap->released_bytes += (u64)n << GOMEM_PAGE_SHIFT;
	mheap->moves++;
	gomem_mheap_reshelve(mheap, block);
	gomem_mheap_tell(mheap);
	return n;
}

/*
 * A block with spans whose idle pages can go: one of those with the fewest in
 * use, and of these the one with the longest run, that has not changed for
 * longest.
 */
static struct gomem_block *release_drained_block(struct gomem_mheap *mheap,
						 bool filling)
{
	unsigned int row, tries;
	struct gomem_block *block;
	int column;

	lockdep_assert_held(&mheap->lock);
	for (row = 1; row < GOMEM_SHELF_ROWS; row++) {
		for (column = fls(mheap->shelf_map[row]) - 1; column >= 0;
		     column--) {
			tries = GOMEM_MAX_TRIES;
			list_for_each_entry_reverse(block,
						    &mheap->shelf[row][column],
						    list) {
				if (!tries--)
					break;
				if (block->longest < 2 * HOLE_UNIT - 1)
					continue;
				if (filling || time_after_eq(jiffies, block->filling))
					return block;
			}
		}
	}
	return NULL;
}

/**
 * gomem_mheap_punch() - give back idle pages of blocks that have spans
 * @mheap: the page heap
 * @npages: how many gomem pages, at most
 * @filling: also of blocks from which spans were taken lately
 *
 * Context: any; takes mheap->lock, once a block.
 * Return: gomem pages given back.
 */
unsigned long gomem_mheap_punch(struct gomem_mheap *mheap,
				unsigned long npages, bool filling)
{
	DECLARE_BITMAP(gone, GOMEM_ARENA_PAGES);
	unsigned long released = 0, base = 0, n;
	unsigned int start, end, length = 0;
	struct gomem_block *block;
	unsigned long flags;

	do {
		n = 0;
		spin_lock_irqsave(&mheap->lock, flags);
		block = release_drained_block(mheap, filling);
		if (block) {
			n = release_make_holes(mheap, block, npages - released, gone);
			base = block->base;
			length = block->npages;
		}
		spin_unlock_irqrestore(&mheap->lock, flags);
		/* The block itself may be gone from here on. */
		if (!n)
			break;
		for_each_set_bitrange(start, end, gone, length)
			gomem_block_free_pages(mheap->meta,
					       base + ((unsigned long)start <<
						       GOMEM_PAGE_SHIFT),
					       end - start);
		released += n;
	} while (released < npages);
	return released;
}

/**
 * gomem_mheap_punch_all() - give back all idle pages of blocks that have spans
 * @mheap: the page heap
 *
 * Context: process, may sleep: there may be very many.
 * Return: gomem pages given back.
 */
unsigned long gomem_mheap_punch_all(struct gomem_mheap *mheap)
{
	unsigned long idle = READ_ONCE(mheap->idle_pages), done = 0, n;

	while (done < idle) {
		n = gomem_mheap_punch(mheap, GOMEM_ARENA_PAGES, true);
		if (!n)
			break;
		done += n;
		cond_resched();
	}
	return done;
}

/**
 * gomem_mheap_destroy() - give back what can be given back
 * @mheap: the page heap
 *
 * Blocks that still hold objects lose their descriptors, and their idle pages, but
 * keep those of spans: whoever holds the objects may go on using them.
 *
 * Context: process; nobody else uses @mheap any more.
 */
void gomem_mheap_destroy(struct gomem_mheap *mheap)
{
	struct gomem_block *block, *next;
	unsigned long flags;

	gomem_mheap_trim_all(mheap);
	gomem_mheap_punch_all(mheap);
	list_for_each_entry_safe(block, next, &mheap->blocks, all) {
		list_del(&block->all);
		gomem_block_abandon(block);
		cond_resched();
	}
	/* What others referred to is theirs; what was leaked stays in use. */
	spin_lock_irqsave(&mheap->lock, flags);
	mheap->tail_pages = 0;
	mheap->pinned_pages = 0;
	mheap->pinned_halves = 0;
	gomem_mheap_tell(mheap);
	spin_unlock_irqrestore(&mheap->lock, flags);
}
