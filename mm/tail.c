// SPDX-License-Identifier: GPL-2.0
/*
 * Tails: what large objects leave of their pages.
 *
 * An object of GOMEM_LEAST_WHOLE or more gets as many pages as a power of two, so that
 * they can go back in one piece.  Three MiB leave a fourth one, then.  To give that
 * back at once would be no help: as soon as others have some of it, the object's own
 * pages are no piece of a high order any more when they go back.
 *
 * So a tail stays with its object, and the heap grows into it before it asks the page
 * allocator.  Each time a piece is cut off from its end, which is a shared block like
 * any other from then on: it may outlive the object, or go back before it does.  What
 * has not been cut off goes back with the object; if that is all, in one piece.
 *
 * Until then nothing of a tail is ever given back, so it is not counted with what is
 * idle: neither the scavenger nor the shrinker could do anything about it.  It is part
 * of HeapIdle, and to the kernel it is memory that cannot be had.
 *
 * The oldest tail is used up first: its object has lived for longest, and may stay,
 * while of others that come and go nothing is broken off.
 */
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>

#include "block.h"
#include "mheap.h"
#include "tail.h"

/**
 * gomem_tail_add() - the heap may grow into the tail of a block
 * @mheap: the page heap, locked
 * @block: an exact block, whose span has its length; it may have no tail
 */
void gomem_tail_add(struct gomem_mheap *mheap, struct gomem_block *block)
{
	lockdep_assert_held(&mheap->lock);
	if (!block->tailed)
		return;
	list_add_tail(&block->list, &mheap->tails);
	mheap->tail_pages += gomem_block_tail(block);
}

/**
 * gomem_tail_remove() - what is left of the tail of a block goes back with it
 * @mheap: the page heap, locked
 * @block: any block
 */
void gomem_tail_remove(struct gomem_mheap *mheap, struct gomem_block *block)
{
	lockdep_assert_held(&mheap->lock);
	if (!block->tailed)
		return;
	list_del_init(&block->list);
	mheap->tail_pages -= gomem_block_tail(block);
}

/*
 * How long a piece has to be that has room for @npages of @align; 0 if the tail is too
 * short.  What would be left is cut off with it if it is not worth a block.
 */
static unsigned int tail_piece(const struct gomem_block *block, unsigned int npages,
			       unsigned int align)
{
	unsigned int start;

	if (npages > gomem_block_tail(block))
		return 0;
	start = round_down(block->npages - npages, align);
	if (start < block->used)
		return 0;
	if (start - block->used < GOMEM_MIN_GROWTH)
		start = block->used;
	return block->npages - start;
}

/* What to look for if there is no tail of @npages: half, and at last only @want. */
static unsigned int tail_less(unsigned int npages, unsigned int want)
{
	npages /= 2;
	return npages < max(want, GOMEM_MIN_GROWTH) ? want : npages;
}

/*
 * The tail for @want, and how long the piece is to be: @most pages for others as well,
 * or fewer if there is no tail of so many, but those that @want needs.
 */
static struct gomem_block *tail_choose(struct gomem_mheap *mheap,
				       const struct gomem_want *want,
				       unsigned int most, unsigned int *piece)
{
	unsigned int align = max_t(unsigned int, want->align,
				   PAGE_SIZE / GOMEM_PAGE_SIZE);
	unsigned int npages = max(want->npages, most), tries;
	struct gomem_block *block;

	lockdep_assert_held(&mheap->lock);
	for (;; npages = tail_less(npages, want->npages)) {
		tries = GOMEM_MAX_TRIES;
		list_for_each_entry(block, &mheap->tails, list) {
			*piece = tail_piece(block, npages, align);
			if (*piece)
				return block;
			if (!--tries)
				break;
		}
		if (npages == want->npages)
			return NULL;
	}
}

/**
 * gomem_tail_find() - is there a tail to grow into?
 * @mheap: the page heap
 * @want: what is wanted
 * @most: how many gomem pages the heap would like to grow by
 *
 * Context: any; takes mheap->lock.
 * Return: how long a block is to be described for gomem_tail_cut(); 0 if there is none.
 */
unsigned int gomem_tail_find(struct gomem_mheap *mheap,
			     const struct gomem_want *want, unsigned int most)
{
	unsigned int piece = 0;
	unsigned long flags;

	if (READ_ONCE(mheap->tail_pages) < want->npages)
		return 0;
	spin_lock_irqsave(&mheap->lock, flags);
	tail_choose(mheap, want, most, &piece);
	spin_unlock_irqrestore(&mheap->lock, flags);
	return piece;
}

/**
 * gomem_tail_cut() - cut a piece off from a tail
 * @mheap: the page heap, locked
 * @want: as for gomem_tail_find()
 * @most: as for gomem_tail_find()
 * @block: as long as that has said, without pages; has them from now on
 *
 * Return: false if things have changed meanwhile.
 */
bool gomem_tail_cut(struct gomem_mheap *mheap, const struct gomem_want *want,
		    unsigned int most, struct gomem_block *block)
{
	struct gomem_block *from;
	unsigned int piece;

	from = tail_choose(mheap, want, most, &piece);
	if (!from || piece != block->npages)
		return false;
	gomem_block_cut(from, block);
	mheap->tail_pages -= piece;
	if (!gomem_block_tail(from))
		list_del_init(&from->list);
	return true;
}
