/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap profile: mm/mprof.c makes it, mm/mprofread.c reads it.
 */
#ifndef GOMEM_MPROF_H
#define GOMEM_MPROF_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <linux/gomem.h>

#include "heap.h"

struct gomem_span;

/*
 * gomem_bucket - a call stack that allocated objects of one size
 *
 * Made with its first sample, never unmade, numbered from 1 on.  The key
 * is constant, the counts are under the profile's lock.
 */
struct gomem_bucket {
	u64 nmalloc, nfree;		/* samples; those of freed objects */
	u64 requested;			/* bytes that were asked for, all samples */
	u64 first, last;		/* ktime_get_ns() of samples */
	/* The key. */
	u32 size;			/* bytes of an object */
	u32 rate;			/* at which it was sampled */
	u8 class;			/* 0: large, not cached */
	u8 depth;			/* frames of the stack */
	u16 next;			/* bucket of the same hash, or 0 */
	u32 hash;
	u32 stack;			/* the first one of its frames */
};

/*
 * gomem_mprof - the heap profile of a heap
 *
 * The memory is got when the rate is first set, and stays.  A sample that finds
 * no room is dropped, and counted.
 */
struct gomem_mprof {
	u32 last_rate;			/* the last one that was not 0 */
	u16 max_buckets;		/* constant once there is memory */
	u8 max_depth;			/* frames that are kept of a stack */
	atomic_long_t dropped;
	struct mutex rate_mutex;	/* changes of the rate */
	spinlock_t lock;		/* everything below */
	u64 started;			/* ktime_get_ns() */
	u32 nr_buckets, nr_frames;	/* of each, used */
	struct gomem_bucket *bucket;	/* [0] stands for none */
	unsigned long *frame;		/* return addresses, those of a stack in a row */
	u16 *hash;			/* the first bucket of each */
};

#define GOMEM_MPROF_BUCKETS	2048
#define GOMEM_MPROF_FRAMES	16	/* a bucket, on average */
#define GOMEM_MPROF_HASH	1024
#define GOMEM_MPROF_MAX_RATE	BIT(30)

int gomem_mprof_init(struct gomem_heap *heap);
void gomem_mprof_destroy(struct gomem_heap *heap);
int gomem_mprof_set_rate(struct gomem_heap *heap, u32 rate);
void gomem_mprof_malloc(struct gomem_heap *heap, const void *p, size_t size,
			u32 rate, unsigned long ip, bool brief);
void gomem_mprof_free(struct gomem_span *span, const void *p);
void gomem_mprof_gone(struct gomem_heap *heap, unsigned int bucket);

/* A bucket, and what it stands for. */
struct gomem_site {
	struct gomem_bucket bucket;
	unsigned int id;
	u64 objects, bytes;		/* allocated ever, estimated */
	u64 live, live_bytes;		/* still allocated, estimated */
};

struct gomem_site *gomem_mprof_sites(struct gomem_heap *heap, unsigned int *nr);
void gomem_mprof_ages(struct gomem_heap *heap, u32 *oldest, unsigned int nr);

/* A place in the code, and what is live of what it has allocated, estimated. */
struct gomem_holder {
	unsigned long ip;
	u64 bytes;
};

const struct gomem_holder *gomem_mprof_holder(struct gomem_heap *heap,
					      struct gomem_holder *holder,
					      unsigned int nr);
size_t gomem_heap_mem_profile(struct gomem_heap *heap,
			      struct gomem_mem_profile_record *records,
			      size_t nr, bool inuse_zero);

static inline const unsigned long *
gomem_mprof_stack(const struct gomem_mprof *mprof, const struct gomem_bucket *b)
{
	return mprof->frame + b->stack;
}

#endif /* GOMEM_MPROF_H */
