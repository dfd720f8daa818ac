// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile as it was: when most was held, and when an allocation last failed.
 *
 * Who looks at a machine that has run out of memory comes late: what held it has been
 * freed, or killed.  So whenever the heap has become larger by a tenth than it was when
 * the profile was last kept, it is kept anew, and so it is when an allocation has failed,
 * once a second at most.  It is the worker that does so, and what it keeps is only what
 * each bucket holds.  A bucket that loses its place is not in there any more; what it
 * held then is added up, and told.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>

#include "mheap.h"
#include "mprof.h"

/* So much more is another peak. */
#define LEAST_RISE	((u64)SZ_64K)

/* Buckets that are copied at a time. */
#define BATCH		64

/* Keep the profile of now, when so much is live. */
static void kept_take(struct gomem_heap *heap, enum gomem_kept which, u64 live)
{
	struct gomem_mprof *mprof = heap->mprof;
	struct gomem_keep *keep = &mprof->kept[which];
	unsigned int id = 0, end;
	unsigned long flags;

	lockdep_assert_held(&mprof->rate_mutex);
	do {
		end = min(id + BATCH, (unsigned int)mprof->max_buckets);
		spin_lock_irqsave(&mprof->lock, flags);
		if (!id)
			keep->lost = 0;
		while (id < end) {
			id++;
			keep->live_weight[id] = mprof->bucket[id].live_weight;
		}
		keep->nr = id;
		spin_unlock_irqrestore(&mprof->lock, flags);
	} while (id < mprof->max_buckets);
	keep->live = live;
	keep->when = ktime_get_real_seconds();
}

/* What has to be live for the next peak. */
static u64 kept_next_peak(const struct gomem_keep *peak)
{
	return peak->live + max(div_u64(peak->live, 10), LEAST_RISE);
}

/* Have the worker called when that may be reached. */
static void kept_set_alarm(struct gomem_heap *heap, u64 live)
{
	u64 next = kept_next_peak(&heap->mprof->kept[GOMEM_KEPT_PEAK]);
	unsigned long pages, flags;
	struct gomem_mheap *mheap;
	int nid;

	pages = max(next > live ? next - live : 0, max(next / 40, LEAST_RISE)) >>
		GOMEM_PAGE_SHIFT;
	for (nid = -1; gomem_next_node(heap, &nid);) {
		mheap = heap->node[nid]->mheap;
		spin_lock_irqsave(&mheap->lock, flags);
		mheap->alarm_inuse = min(mheap->alarm_inuse, mheap->inuse_pages + pages);
		spin_unlock_irqrestore(&mheap->lock, flags);
	}
}

/**
 * gomem_mprof_look() - is it time to keep the profile?
 * @heap: the heap
 * @live: bytes that are live
 *
 * Called by the worker, last of all.
 *
 * Context: process, may sleep.
 */
void gomem_mprof_look(struct gomem_heap *heap, u64 live)
{
	struct gomem_mprof *mprof = heap->mprof;
	struct gomem_keep *oom = &mprof->kept[GOMEM_KEPT_OOM];
	u64 failed = atomic_long_read(&heap->event[GOMEM_EV_OOM]);

	if (!gomem_heap_profile_rate(heap)) {
		/* What fails while nobody counts is not to be told as of later. */
		WRITE_ONCE(oom->events, failed);
		return;
	}
	mutex_lock(&mprof->rate_mutex);
	if (live >= kept_next_peak(&mprof->kept[GOMEM_KEPT_PEAK]))
		kept_take(heap, GOMEM_KEPT_PEAK, live);
	/* The first one of those of a second: after that, much may have been freed. */
	if (failed != oom->events && ktime_get_real_seconds() != oom->when)
		kept_take(heap, GOMEM_KEPT_OOM, live);
	oom->events = failed;
	kept_set_alarm(heap, live);
	mutex_unlock(&mprof->rate_mutex);
}

/**
 * gomem_mprof_mark_peak() - what has been most is of no interest; begin anew
 * @heap: the heap
 *
 * Context: process, may sleep.
 */
void gomem_mprof_mark_peak(struct gomem_heap *heap)
{
	struct gomem_mprof *mprof = heap->mprof;

	mutex_lock(&mprof->rate_mutex);
	mprof->kept[GOMEM_KEPT_PEAK].live = 0;
	mprof->kept[GOMEM_KEPT_PEAK].when = 0;
	mutex_unlock(&mprof->rate_mutex);
	gomem_heap_wake(heap);
}

/**
 * gomem_kept_forget() - a bucket loses its place
 * @mprof: the profile
 * @id: the bucket
 *
 * Context: under the profile's lock.
 */
void gomem_kept_forget(struct gomem_mprof *mprof, unsigned int id)
{
	struct gomem_keep *keep;
	unsigned int which;

	lockdep_assert_held(&mprof->lock);
	for (which = 0; which < GOMEM_NR_KEPT; which++) {
		keep = &mprof->kept[which];
		if (id > keep->nr)
			continue;
		keep->lost += gomem_weight_bytes(keep->live_weight[id],
						 mprof->bucket[id].size);
		keep->live_weight[id] = 0;
	}
}
