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
 * of them, the one that is not over and the eight before, are what counts.  While
 * anything moves there is a look every half second, so a peak counts for the delay
 * and no more than an eighth of it and a look longer.
 *
 * With nothing to return, now or when the peaks have passed, the page heap is
 * left to itself: a mark is set (alarm_idle) from which on it calls.
 *
 * All of this is a node's: each page heap keeps what it needs itself.
 *
 * There is a second rule, for a heap of which most has become idle: that is not an
 * ebb between two waves of the same height, most often, but the end.  When no more
 * than a quarter of what is held has been in use for a fifth of the delay, what is
 * above twice that use goes back already then.  If that turns out to have been
 * wrong twice in a row, because the heap has grown to half of its size again before
 * the delay was over, the rule does not apply for two delays, and longer every time:
 * so a heap that goes up and down soon keeps its memory.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/sched.h>

#include "mheap.h"
#include "release.h"
#include "scavenge.h"

/* The ebb's rule: what it keeps at least, and how long it is off when it was wrong. */
#define EBB_LEAST	(512ULL << 10)
#define EBB_REGRET	2		/* times the delay, from the second time on */
#define EBB_DOUBLINGS	3

/**
 * gomem_scavenge_fold() - note the peak since the last look
 * @mheap: the page heap
 * @now_ms: the time, from any start; never goes back
 * @delay_ms: how long peaks count
 *
 * Return: that peak, gomem pages.
 */
unsigned long gomem_scavenge_fold(struct gomem_mheap *mheap, u64 now_ms,
				  unsigned int delay_ms)
{
	u64 slot = div_u64(now_ms, max(1U, delay_ms / (GOMEM_PEAKS - 1)));
	unsigned long flags, last;
	unsigned int i, passed;
	unsigned long *peak;

	spin_lock_irqsave(&mheap->lock, flags);
	passed = min_t(u64, slot - mheap->peak_slot, GOMEM_PEAKS);
	for (i = 0; i < passed; i++)
		mheap->peak[(slot - i) % GOMEM_PEAKS] = 0;
	mheap->peak_slot = slot;
	peak = &mheap->peak[slot % GOMEM_PEAKS];
	last = mheap->peak_pages;
	*peak = max(*peak, last);
	mheap->peak_pages = mheap->inuse_pages;
	mheap->window_pages = 0;
	for (i = 0; i < GOMEM_PEAKS; i++)
		mheap->window_pages = max(mheap->window_pages, mheap->peak[i]);
	mheap->filling_time = msecs_to_jiffies(delay_ms);
	spin_unlock_irqrestore(&mheap->lock, flags);
	return last;
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
	held = gomem_mheap_kept(mheap);
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

/* A little less than what is between two looks: those need not be on time. */
static u64 ebb_part(unsigned int delay_ms)
{
	return delay_ms / (5 * GOMEM_EBB_PARTS) / 10 * 9;
}

/**
 * gomem_ebb_look() - note what has been in use
 * @ebb: what was noted before
 * @now_ms: the time, from any start; never goes back
 * @delay_ms: how long peaks count for the other rule
 * @live: HeapAlloc
 * @total: TotalAlloc
 * @peak: the greatest HeapInuse since the last look
 *
 * Return: bytes that have been in use in the last fifth of the delay, at most.
 */
u64 gomem_ebb_look(struct gomem_ebb *ebb, u64 now_ms, unsigned int delay_ms,
		   u64 live, u64 total, u64 peak)
{
	u64 use, most;
	unsigned int i;

	ebb->peak = max(ebb->peak, peak);
	use = min(ebb->live + gomem_ebb_allocated(ebb, total), ebb->peak);
	use = max(use, live);
	if (now_ms - ebb->began >= ebb_part(delay_ms)) {
		for (i = GOMEM_EBB_PARTS - 1; i; i--)
			ebb->use[i] = ebb->use[i - 1];
		ebb->use[0] = use;
		ebb->allocated = gomem_ebb_allocated(ebb, total);
		ebb->began = now_ms;
		ebb->live = live;
		ebb->total = total;
		ebb->peak = 0;
		use = live;
	}
	for (i = 0, most = use; i < GOMEM_EBB_PARTS; i++)
		most = max(most, ebb->use[i]);
	return most;
}

/**
 * gomem_ebb_allocated() - what has been allocated since the part that is not over began
 * @ebb: what was noted
 * @total: TotalAlloc now
 *
 * Return: bytes.
 */
u64 gomem_ebb_allocated(const struct gomem_ebb *ebb, u64 total)
{
	return total - min(total, ebb->total);
}

/* Has what was returned early been wanted again before its time? */
static void ebb_regret(struct gomem_ebb *ebb, u64 now_ms, unsigned int delay_ms, u64 use)
{
	if (!ebb->returned_at)
		return;
	if (now_ms - ebb->returned_at > delay_ms) {
		ebb->mistakes = 0;
		ebb->returned_at = 0;
	} else if (use >= ebb->held / 2) {
		if (ebb->mistakes)
			ebb->not_before = now_ms + (EBB_REGRET * (u64)delay_ms <<
						    (ebb->mistakes - 1));
		ebb->mistakes = min(ebb->mistakes + 1, EBB_DOUBLINGS + 1U);
		ebb->returned_at = 0;
	}
}

/**
 * gomem_ebb_excess() - how much to return without waiting for longer
 * @ebb: what was noted
 * @now_ms: the time
 * @delay_ms: how long peaks count for the other rule
 * @use: what gomem_ebb_look() returned
 * @held: bytes that the heap holds
 *
 * Return: bytes.
 */
u64 gomem_ebb_excess(struct gomem_ebb *ebb, u64 now_ms, unsigned int delay_ms,
		     u64 use, u64 held)
{
	u64 keep = 2 * use + EBB_LEAST;

	ebb_regret(ebb, now_ms, delay_ms, use);
	if (now_ms < ebb->not_before || held / 4 < use || held <= keep)
		return 0;
	return held - keep;
}

/**
 * gomem_ebb_returned() - so much was returned because of gomem_ebb_excess()
 * @ebb: what was noted
 * @now_ms: the time
 * @held: bytes that the heap held before
 */
void gomem_ebb_returned(struct gomem_ebb *ebb, u64 now_ms, u64 held)
{
	ebb->held = ebb->returned_at ? max(ebb->held, held) : held;
	ebb->returned_at = max(now_ms, 1ULL);
}
