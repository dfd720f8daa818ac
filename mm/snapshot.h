/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A picture of a heap's counters that adds up; mm/snapshot.c.
 */
#ifndef GOMEM_SNAPSHOT_H
#define GOMEM_SNAPSHOT_H

#include <linux/types.h>

#include "mcache.h"

/* What gomem_snapshot() reads; bytes unless said otherwise. */
struct gomem_snapshot {
	struct gomem_class_stats class[GOMEM_NR_CACHED]; /* 0: uncached objects */
	u64 large_bytes, large_total;	/* of those: live, ever */
	u64 inuse, idle, released;	/* idle: without the released ones */
	u64 tails;			/* of the idle ones: behind large objects */
	u64 nr_spans;
	u64 moves;			/* of spans and pages, ever */
	u64 held_pages;			/* kernel pages of freed spans, see pinned_pages */
	u64 stolen;			/* references that kfree() took, in all */
	u64 naccount;			/* requests with __GFP_ACCOUNT */
	u64 lookups;			/* address to span, outside the fast path */
};

void gomem_snapshot(struct gomem_heap *heap, struct gomem_snapshot *snap);
u64 gomem_cached_bytes(struct gomem_heap *heap);
u64 gomem_cached_bytes_on(struct gomem_heap *heap, int cpu);
void gomem_cached_objects(struct gomem_heap *heap, u64 *cached);

#endif /* GOMEM_SNAPSHOT_H */
