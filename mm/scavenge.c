// SPDX-License-Identifier: GPL-2.0
/*
 * The scavenger: how much idle memory to keep.
 *
 * A heap that has just shrunk will often grow again, and memory that it gets
 * anew costs much more than memory that it has.  So what is kept is measured by
 * what was needed lately: the greatest HeapInuse of the last scavenge_delay_ms,
 * and 5 % over that, so that growth need not always ask the kernel.  All above
 * is excess, and the worker (mm/reclaim.c) returns it: blocks without spans
 * first, then idle runs inside others (mm/release.c).
 *
 * The page heap notes its greatest number of pages in use.  Every look puts that
 * away under the eighth of the delay that the clock is in, and begins anew; nine
 * of them, the one that is not over and the eight before, are what counts.  A
 * peak that nobody looked at for long counts from when it was found, so memory
 * is kept too long rather than too short.
 *
 * With nothing to return, now or when the peaks have passed, the page heap is
 * left to itself: a mark is set (alarm_idle) from which on it calls.
 *
 * All of this is a node's: each page heap keeps what it needs itself.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/sched.h>

#include "mheap.h"
#include "release.h"
#include "scavenge.h"

/**
 * gomem_scavenge_fold() - note the peak since the last look
 * @mheap: the page heap
 * @now_ms: the time, from any start; never goes back
 * @delay_ms: how long peaks count
 */
void gomem_scavenge_fold(struct gomem_mheap *mheap, u64 now_ms,
			 unsigned int delay_ms)
{
	u64 slot = div_u64(now_ms, max(1U, delay_ms / (GOMEM_PEAKS - 1)));
	unsigned int i, passed;
	unsigned long flags;
	unsigned long *peak;

	spin_lock_irqsave(&mheap->lock, flags);
	passed = min_t(u64, slot - mheap->peak_slot, GOMEM_PEAKS);
	for (i = 0; i < passed; i++)
		mheap->peak[(slot - i) % GOMEM_PEAKS] = 0;
	mheap->peak_slot = slot;
	peak = &mheap->peak[slot % GOMEM_PEAKS];
	*peak = max(*peak, mheap->peak_pages);
	mheap->peak_pages = mheap->inuse_pages;
	mheap->window_pages = 0;
	for (i = 0; i < GOMEM_PEAKS; i++)
		mheap->window_pages = max(mheap->window_pages, mheap->peak[i]);
	mheap->filling_time = msecs_to_jiffies(delay_ms);
	spin_unlock_irqrestore(&mheap->lock, flags);
}

/**
 * gomem_scavenge_excess() - how much to return
 * @mheap: the page heap
 *
 * Return: gomem pages.
 */
unsigned long gomem_scavenge_excess(struct gomem_mheap *mheap)
{
	unsigned long held, goal, flags;

	spin_lock_irqsave(&mheap->lock, flags);
	held = gomem_mheap_held(mheap);
	goal = gomem_mheap_goal(max(mheap->window_pages, mheap->peak_pages));
	spin_unlock_irqrestore(&mheap->lock, flags);
	return held > goal ? held - goal : 0;
}

/**
 * gomem_scavenge() - return idle memory of a page heap
 * @mheap: the page heap
 * @npages: how many gomem pages, of which there may be fewer
 * @exceed: rather a block too many than to make holes; else a block may be
 *	twice as large as what is still to be returned
 * @budget: gomem pages after which to stop anyway
 *
 * Context: process, may sleep, no gomem lock held.
 * Return: gomem pages returned.
 */
unsigned long gomem_scavenge(struct gomem_mheap *mheap, unsigned long npages,
			     bool exceed, unsigned long budget)
{
	unsigned long done = 0, left, n;

	while (done < npages && done < budget) {
		left = npages - done;
		n = gomem_mheap_release_block(mheap,
					      exceed ? ULONG_MAX : 2 * left);
		if (!n)
			n = gomem_mheap_punch(mheap, min3(left, budget - done,
							  (unsigned long)GOMEM_ARENA_PAGES),
					      false);
		if (!n)
			break;
		done += n;
		cond_resched();
	}
	return done;
}

/**
 * gomem_scavenge_rest() - may the page heap be left to itself?
 * @mheap: the page heap
 *
 * Return: true if it will call when there is something to do; false if there
 * will be when its peaks have passed.
 */
bool gomem_scavenge_rest(struct gomem_mheap *mheap)
{
	unsigned long spare, flags;
	bool rest;

	spin_lock_irqsave(&mheap->lock, flags);
	spare = gomem_mheap_goal(mheap->inuse_pages) - mheap->inuse_pages;
	/* What is left when no peak is: nothing can be done about it now. */
	rest = mheap->idle_pages <= spare ||
	       mheap->window_pages <= mheap->inuse_pages;
	mheap->alarm_idle = rest ? max(spare, mheap->idle_pages) : ULONG_MAX;
	spin_unlock_irqrestore(&mheap->lock, flags);
	return rest;
}
