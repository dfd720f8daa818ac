// SPDX-License-Identifier: GPL-2.0
/*
 * A walk over the blocks of a page heap.
 *
 * There may be very many, so whoever looks at all of them has to let others run
 * meanwhile, and can hold neither a lock nor RCU.  Instead a walk pins the block
 * that it stands on.  A pinned block may be detached, and its pages may go back,
 * like any other's; but it stays in the list, marked as gone, and keeps its
 * descriptor, until the last walk has left it.
 *
 * A walk comes by every block that was there when it began and that is there still,
 * and perhaps by newer ones; not by more of them than there were in the beginning.
 */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "block.h"
#include "mheap.h"
#include "walk.h"

/* The block behind the one that @walk stands on, pinned; under mheap->lock. */
static struct gomem_block *walk_pin_next(struct gomem_walk *walk)
{
	struct list_head *blocks = &walk->mheap->blocks;
	struct list_head *pos = walk->block ? &walk->block->all : blocks;
	struct gomem_block *block;

	lockdep_assert_held(&walk->mheap->lock);
	if (!walk->left)
		return NULL;
	do {
		pos = pos->next;
		if (pos == blocks)
			return NULL;
		block = list_entry(pos, struct gomem_block, all);
	} while (block->gone);
	walk->left--;
	block->pins++;
	gomem_block_get(block);
	return block;
}

static void walk_unpin(struct gomem_block *block)
{
	if (!--block->pins && block->gone)
		list_del(&block->all);
}

/* Leave the block where @walk stands, for the next one or for none. */
static struct gomem_block *walk_move(struct gomem_walk *walk, bool on)
{
	struct gomem_block *old = walk->block, *next = NULL;
	struct gomem_mheap *mheap = walk->mheap;
	unsigned long flags;

	spin_lock_irqsave(&mheap->lock, flags);
	if (on)
		next = walk_pin_next(walk);
	if (old)
		walk_unpin(old);
	spin_unlock_irqrestore(&mheap->lock, flags);
	if (old)
		gomem_block_put(old);
	walk->block = next;
	return next;
}

/**
 * gomem_walk_begin() - before the first block
 * @walk: the walk
 * @mheap: the page heap, which stays for as long as the walk takes
 */
void gomem_walk_begin(struct gomem_walk *walk, struct gomem_mheap *mheap)
{
	walk->mheap = mheap;
	walk->block = NULL;
	walk->left = READ_ONCE(mheap->nr_blocks);
}

/**
 * gomem_walk_next() - go to the next block
 * @walk: the walk
 *
 * Its descriptor, and those of its spans, stay as long as the walk stands there.
 *
 * Context: process, may sleep.
 * Return: the block, or NULL: then the walk is over.
 */
struct gomem_block *gomem_walk_next(struct gomem_walk *walk)
{
	cond_resched();
	return walk_move(walk, true);
}

/**
 * gomem_walk_end() - go no further
 * @walk: the walk; one that is over may be ended, too
 */
void gomem_walk_end(struct gomem_walk *walk)
{
	walk_move(walk, false);
}
