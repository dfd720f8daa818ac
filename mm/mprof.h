/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap profile: mm/mprof.c samples, mm/mprofbucket.c keeps the stacks,
 * mm/mprofname.c their names, mm/mprofread.c reads it, mm/mprofpeak.c keeps what it
 * was when most was held.
 */
#ifndef GOMEM_MPROF_H
#define GOMEM_MPROF_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/hashtable.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <linux/gomem.h>

#include "heap.h"
#include "mspan.h"
#include "sampling.h"

/* How old objects were when they were freed: a decade each, see bucket_lifetime_of(). */
#define GOMEM_NR_LIFETIMES	8

/*
 * gomem_bucket - a call stack that allocated objects of one size, under one watch or none
 *
 * Numbered from 1 on.  One of which nothing is live is dead: it goes on counting
 * when its stack allocates again, unless another stack has got its place.
 * All of it is under the profile's lock.
 */
struct gomem_bucket {
	u64 nmalloc, nfree;		/* samples; those of freed objects */
	u64 requested;			/* bytes that were asked for, all samples */
	u64 weight, live_weight;	/* what they stand for, see sampling.h */
	u32 lifetime[GOMEM_NR_LIFETIMES]; /* samples that were freed, by age */
	u32 named;			/* bits: frames that are symbols, not addresses */
	/* The key. */
	u32 size;			/* bytes of an object */
	u32 hash;
	u8 class;			/* 0: large, not cached */
	u8 depth;			/* frames of the stack */
	u16 chunk;			/* the first one of its frames */
	u16 next;			/* bucket of the same hash, or 0 */
	u16 older, newer;		/* its neighbours among the dead, or 0 */
	u16 owner;			/* the watch of who allocates, or 0; also of the key */
};

/*
 * gomem_symbol - the name of a place in code that is not there any more
 *
 * Made once for each name, and kept as long as the profile.
 */
struct gomem_symbol {
	struct hlist_node node;		/* gomem_mprof.symbols */
	bool gone;			/* the module is gone, not only this code */
	char name[];			/* symbol+0xoffset/0xsize [module] */
};

/* A profile of another time is kept for each of these; mm/mprofpeak.c. */
enum gomem_kept {
	GOMEM_KEPT_PEAK,		/* when most was held */
	GOMEM_KEPT_OOM,			/* when an allocation last failed */
	GOMEM_NR_KEPT,
};

/* gomem_keep - what was live when a profile was kept, and when that was */
struct gomem_keep {
	u64 *live_weight;		/* by bucket */
	unsigned int nr;		/* buckets that are in it; fewer while it is taken */
	u64 live;			/* bytes, of all the heap */
	s64 when;			/* ktime_get_real_seconds(); 0: none was kept */
	u64 lost;			/* bytes, estimated, of stacks that lost their place */
	u64 events;			/* failed allocations until then */
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
	bool by_pinned;			/* the order in which sites are printed */
	atomic_long_t dropped;
	struct mutex watch_mutex;	/* watches come and go */
	u32 unwatched_rate;		/* what it was before the first of them */
	struct mutex rate_mutex;	/* changes of the rate; what is kept */
	u32 rate_sets;			/* how many */
	/*
	 * Held for reading as long as stacks are looked at that have been copied, and for
	 * writing while addresses in them become names.
	 */
	struct rw_semaphore names;
	DECLARE_HASHTABLE(symbols, 7);	/* under @names */
	unsigned int nr_symbols;
	unsigned long trampoline[2];	/* where tracers have calls return to; a guess */
	u64 started;			/* ktime_get_ns(), constant once there is memory */
	spinlock_t lock;		/* everything below */
	struct list_head watches;	/* changed under the mutex, too */
	u64 forgotten;			/* stacks that have lost their place */
	u32 nr_buckets, nr_chunks;	/* of each, that were ever used */
	u16 free_bucket, free_chunk;
	u16 oldest_dead, newest_dead;
	u32 weight_rate;		/* of @weight */
	u16 weight[GOMEM_NR_CACHED];	/* of a sample of each class */
	struct gomem_bucket *bucket;	/* [0] stands for none */
	unsigned long *frame;		/* chunks of frames; [0] stands for none */
	u16 *next_chunk;		/* of the same stack, or free */
	u16 *hash;			/* the first bucket of each */
	struct gomem_keep kept[GOMEM_NR_KEPT];
};

#define GOMEM_MPROF_BUCKETS	2048	/* at most 4095, see struct gomem_sample */
#define GOMEM_MPROF_HASH	1024
#define GOMEM_MPROF_CHUNK	4	/* frames in one */
/* So many frames there are for a bucket, on average: 14. */
#define GOMEM_MPROF_CHUNKS(nr_buckets)	((nr_buckets) * 7 / 2)
#define GOMEM_MPROF_MAX_RATE	BIT(30)

/* mm/mprof.c */
int gomem_mprof_init(struct gomem_heap *heap);
void gomem_mprof_destroy(struct gomem_heap *heap);
int gomem_mprof_set_rate(struct gomem_heap *heap, u32 rate);
void gomem_mprof_malloc(struct gomem_heap *heap, const void *p, size_t size,
			u32 rate, unsigned long ip, bool brief);
void gomem_mprof_free(struct gomem_span *span, const void *p);
void gomem_mprof_gone(struct gomem_heap *heap, struct gomem_sample sample);

/* The time of a sample: in ticks of 4.2 ms, 36 bits of them, which is nine years. */
#define GOMEM_MPROF_TICK	22
#define GOMEM_MPROF_TICK_BITS	36

static inline u64 gomem_mprof_now(void)
{
	return ktime_get_ns() >> GOMEM_MPROF_TICK;
}

/* Ticks since then. */
static inline u64 gomem_mprof_age(u64 born)
{
	return (gomem_mprof_now() - born) & (BIT_ULL(GOMEM_MPROF_TICK_BITS) - 1);
}

/* mm/mprofbucket.c */
size_t gomem_buckets_bytes(unsigned int max_buckets);
void gomem_buckets_init(struct gomem_mprof *mprof, void *memory);
unsigned int gomem_bucket_get(struct gomem_mprof *mprof, const struct gomem_bucket *key,
			      const unsigned long *frame);
void gomem_bucket_count(struct gomem_mprof *mprof, unsigned int id, size_t size,
			u16 weight);
void gomem_bucket_uncount(struct gomem_mprof *mprof, unsigned int id, size_t size,
			  u16 weight);
void gomem_bucket_free(struct gomem_mprof *mprof, struct gomem_sample sample);
void gomem_bucket_stack(const struct gomem_mprof *mprof, unsigned int id,
			unsigned long *frame);
void gomem_bucket_set_stack(struct gomem_mprof *mprof, unsigned int id,
			    const unsigned long *frame, u32 named);

/* mm/mprofname.c */

/*
 * gomem_departure - code that goes
 *
 * @inside says whether an address lies in it.  @gone: it is all that there was of
 * @module.  @unknown: it went before, and nobody knows its name.
 */
struct gomem_departure {
	bool (*inside)(const struct gomem_departure *d, unsigned long address);
	const void *what;		/* for @inside */
	const char *module;
	bool gone, unknown;
};

/* Room for any name. */
#define GOMEM_NAME_SIZE	(KSYM_SYMBOL_LEN + 8)

void gomem_mprof_depart(struct gomem_heap *heap, const struct gomem_departure *d);
int gomem_frame_name(char *name, size_t size, unsigned long frame, bool named);
void gomem_symbols_destroy(struct gomem_heap *heap);

/* mm/mprofread.c */

/* A bucket, and what it stands for. */
struct gomem_site {
	struct gomem_bucket bucket;
	unsigned int id;
	const unsigned long *stack;	/* bucket.depth frames */
	u64 objects, bytes;		/* allocated ever, estimated */
	u64 live, live_bytes;		/* still allocated, estimated */
};

/* gomem_sites - the profile as it was, with stacks that keep their meaning */
struct gomem_sites {
	struct gomem_heap *heap;
	unsigned int nr;
	struct gomem_site *site;
	unsigned long *frames;
};

int gomem_sites_get(struct gomem_heap *heap, struct gomem_sites *sites);
void gomem_sites_put(struct gomem_sites *sites);

/* What is known of the live objects of a bucket, from a look at the spans. */
struct gomem_hold {
	u64 age;			/* of the oldest, in ticks, from 1 on; 0: none */
	u64 pinned;			/* their share of what is free in their spans; bytes */
};

void gomem_mprof_holds(struct gomem_heap *heap, struct gomem_hold *hold, unsigned int nr);

/* A place in the code, and what is live of what it has allocated, estimated. */
struct gomem_holder {
	unsigned long frame;
	bool named;
	u64 objects, bytes;
};

unsigned int gomem_mprof_holders(struct gomem_heap *heap, struct gomem_holder *holder,
				 unsigned int nr);
size_t gomem_heap_mem_profile(struct gomem_heap *heap,
			      struct gomem_mem_profile_record *records,
			      size_t nr, bool inuse_zero);
size_t gomem_mprof_watched(struct gomem_heap *heap, u16 owner,
			   struct gomem_mem_profile_record *records, size_t nr);

/* mm/mprofpeak.c */
void gomem_mprof_look(struct gomem_heap *heap, u64 live);
void gomem_mprof_mark_peak(struct gomem_heap *heap);
void gomem_kept_forget(struct gomem_mprof *mprof, unsigned int id);

#endif /* GOMEM_MPROF_H */
