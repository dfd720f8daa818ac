/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reclaim cycles: what they do, mm/gc.c, and when they begin, mm/pacer.c.
 */
#ifndef GOMEM_GC_H
#define GOMEM_GC_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <linux/gomem.h>

#include "heap.h"
#include "sizeclass.h"
#include "snapshot.h"

struct gomem_magazine;

/* Too much for a stack. */
struct gomem_gc_scratch {
	struct gomem_snapshot snap;
	u64 cached[GOMEM_NR_CACHED];
	struct gomem_magazine *mag[GOMEM_NR_CACHED][2];
};

/*
 * gomem_gc - reclaim cycles and what is told about them
 *
 * @mutex makes it one at a time; @lock is for the rest, from anywhere.
 */
struct gomem_gc {
	struct mutex mutex;		/* held for a cycle, @scratch, idle_us of the mcaches */
	struct gomem_gc_scratch *scratch; /* whoever holds @mutex */
	u64 not_before;			/* no background cycle until then, ns */
	u64 left;			/* bytes that waited after the last cycle, too */
	bool wake;			/* the next one leaves no CPU out */
	u64 checked;			/* when it was last looked at, ns */
	bool waiting;			/* did anything wait at the last look? */

	spinlock_t lock;		/* everything below */
	u64 born;			/* ktime_get_ns() */
	u64 online_ns;			/* that CPUs have been online, one by one */
	u64 online_at;			/* until when that is so, ktime_get_ns() */
	unsigned int nr_online;		/* CPUs since then */
	u64 live;			/* HeapAlloc after the last cycle */
	u64 cpu_ns;			/* spent in cycles */
	u64 last, last_ns;		/* end of the last, ktime_get_real_ns(), _ns() */
	u64 pause_total_ns;
	u32 nr, nr_forced;
	u64 pause_ns[GOMEM_NR_PAUSES];
	u64 pause_end[GOMEM_NR_PAUSES];
};

/*
 * gomem_gc_sums - what there is in a heap, and where; in bytes
 *
 * What a cycle might make idle is known only roughly: no more than what spans have
 * beside live objects, and no more than a span for each object that waits.
 */
struct gomem_gc_sums {
	u64 live, total;		/* HeapAlloc, TotalAlloc */
	u64 cached;			/* in magazines */
	u64 added;			/* of that: since the last cycle */
	u64 gain, cpu_gain;		/* of a cycle; of that: by what waits on CPUs */
};

extern struct mutex gomem_rearm_mutex;

int gomem_gc_init(struct gomem_heap *heap);
void gomem_gc_exit(struct gomem_heap *heap);
void gomem_gc_cpus_change(struct gomem_heap *heap, unsigned int nr);
u64 gomem_gc_goal(const struct gomem_heap *heap);
u64 gomem_gc_next(struct gomem_heap *heap, const struct gomem_snapshot *snap, u64 live);
void gomem_gc_cycle(struct gomem_heap *heap, bool forced);
unsigned int gomem_gc_drain_cpus(struct gomem_heap *heap, bool wake);
void gomem_gc_look_at_cpus(struct gomem_heap *heap);
void gomem_gc_sum(struct gomem_heap *heap, struct gomem_gc_sums *sums);
u64 gomem_gc_waits(struct gomem_heap *heap);
u64 gomem_gc_due(struct gomem_heap *heap, bool wanted);
u64 gomem_gc_live_locked(struct gomem_heap *heap);
void gomem_gc_stats(struct gomem_heap *heap, const struct gomem_snapshot *snap,
		    struct gomem_memstats *stats);
void gomem_heap_drain(struct gomem_heap *heap);
void gomem_heap_rearm(struct gomem_heap *heap);

#endif /* GOMEM_GC_H */
