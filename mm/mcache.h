/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A CPU's own stock of objects, seen from outside; mm/mcache.c, mm/mcachectl.c.
 * What its owner does with it is in mcache-inline.h.
 */
#ifndef GOMEM_MCACHE_H
#define GOMEM_MCACHE_H

#include <linux/cache.h>
#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/prandom.h>
#include <linux/seqlock.h>
#include <linux/types.h>

#include <asm/local.h>

#include "arena.h"
#include "heap.h"
#include "magazine.h"
#include "sizeclass.h"

/*
 * gomem_mcache - what a CPU owns of a heap
 *
 * Touched only by its CPU, with preemption off and @busy set meanwhile; an
 * interrupt that finds @busy set leaves everything alone and goes to mcentral.  That of
 * a CPU which is off is touched as mm/mcachectl.c says.  Others read the counters and
 * the magazines' lengths, and write hints, @target, @list and @drained; and under
 * gomem_gc.mutex @idle_us and @at_us.  @naccount, @departed and @arrived are changed
 * without @busy.
 *
 * A CPU gets one, on its own node, when it comes up for the first time, and keeps
 * it.  Those that never do, and those for which there was no memory, share
 * gomem_no_mcache, which is always busy and is never written.
 *
 * The fast path needs the half of a cache line that is a gomem_mcache_class, and
 * the top of the magazine.
 *
 * Allocations are counted down, to the next one that the heap profile samples:
 * the processor says for free when that is.  How many there have been is
 * @base - @left, both of which change when the count starts anew; @seq tells
 * readers.  The rate may change while it runs down, so @armed says by which one
 * it began.
 */
struct gomem_mcache_class {
	void **top;			/* the loaded magazine's: past its last object */
	void **limit;			/* @top when it is full */
	u64 left;			/* the object that brings it to 0 is sampled */
	u64 nfree;			/* objects taken back on this CPU */
};

struct gomem_mcache_pair {
	struct gomem_magazine *loaded;
	struct gomem_magazine *prev;
	u64 base;			/* objects handed out on this CPU, + left */
	u32 armed;			/* the rate by which left was chosen */
	int home;			/* the node that its objects lie on */
};

/* No rate: left is 1 because allocations are traced, or the rate has changed. */
#define GOMEM_ARMED_ANEW	U32_MAX

struct gomem_mcache {
	u8 busy;
	u8 every;			/* left is always 1: allocations are traced */
	u8 target[GOMEM_NR_CACHED];	/* objects to move at a time */
	u32 drained;			/* the gomem_heap.growths that it has answered */
	int cpu;			/* whose it is */
	seqcount_t seq;			/* base and left; interrupts off */
	local_t naccount;		/* requests with __GFP_ACCOUNT */
	local_t departed, arrived;	/* gomem_depart(), gomem_arrive() on this CPU */
	struct rnd_state random;
	u64 idle_us, at_us;		/* time spent idle, when that was read; gc.c */
	struct gomem_mcache_class class[GOMEM_NR_TAGS]
		__aligned(sizeof(struct gomem_mcache_class));
	struct gomem_mcache_pair pair[GOMEM_NR_CACHED];
	/* By class, the list at the depot of what it brings; of class 0, its own one. */
	u8 list[GOMEM_NR_CACHED];
} ____cacheline_aligned;

DECLARE_STATIC_KEY_FALSE(gomem_detour);
DECLARE_PER_CPU(struct gomem_mcache *, gomem_mcache);

/* Stands for "no mcache": always empty, always busy.  Never written. */
extern struct gomem_mcache gomem_no_mcache;

/* What the counters say of a class; summed up by mm/snapshot.c. */
struct gomem_class_stats {
	u64 nmalloc, nfree;
	u64 spans, bytes;
	u64 slots;			/* objects that the spans have room for */
	u64 stolen;			/* references that kfree() took */
};

int gomem_mcache_setup(void);
void gomem_mcache_teardown(void);
int gomem_mcache_create(struct gomem_heap *heap, int cpu);
int gomem_mcaches_create(struct gomem_heap *heap);
void gomem_mcaches_destroy(struct gomem_heap *heap);
bool gomem_mcache_is_bare(const struct gomem_mcache *mc);
bool gomem_mcache_detach(struct gomem_mcache *mc, struct gomem_magazine *mag[][2]);
unsigned int gomem_mcache_put_back(struct gomem_heap *heap, int cpu,
				   struct gomem_magazine *mag[][2]);
unsigned int gomem_mcache_drain(struct gomem_heap *heap,
				struct gomem_mcache *mc, unsigned int most);
void gomem_mcache_relax(struct gomem_mcache *mc);
bool gomem_mcache_rearm(struct gomem_heap *heap, struct gomem_mcache *mc);
u64 gomem_mcache_nmalloc(struct gomem_mcache *mc, unsigned int class);
void gomem_mcache_add_nmalloc(struct gomem_mcache *mc,
			      struct gomem_class_stats *stats);

void gomem_count_unaccounted(struct gomem_heap *heap, unsigned int nr);
void gomem_depart(struct gomem_heap *heap);
void gomem_arrive(struct gomem_heap *heap);

void *gomem_heap_alloc(struct gomem_heap *heap, size_t size, gfp_t gfp);
void *gomem_node_alloc(struct gomem_node *node, size_t size, gfp_t gfp,
		       bool *zeroed);
void *gomem_alloc_for(struct gomem_heap *heap, size_t size, gfp_t gfp,
		      unsigned long ip);
void gomem_free_for(const void *p, unsigned long ip);
u32 gomem_sample_due(struct gomem_heap *heap, const void *p);
bool gomem_sample_brief(const struct gomem_node *node, u64 growths, gfp_t gfp);
void *gomem_ready(void *p, size_t size, gfp_t gfp, bool zeroed,
		  unsigned long ip);

/* The mcache of @cpu, for who looks from outside; one of heap->cpus has its own. */
static inline struct gomem_mcache *gomem_mcache_of(struct gomem_heap *heap, int cpu)
{
	/* Who sees it sees that it is complete; pairs with gomem_mcache_create(). */
	return READ_ONCE(*per_cpu_ptr(heap->mcache, cpu));
}

/* @gfp without __GFP_ACCOUNT: @nr requests that asked in vain are counted. */
static inline gfp_t gomem_unaccounted(struct gomem_heap *heap, gfp_t gfp,
				      unsigned int nr)
{
	if (gfp & __GFP_ACCOUNT)
		gomem_count_unaccounted(heap, nr);
	return gfp & ~__GFP_ACCOUNT;
}

#endif /* GOMEM_MCACHE_H */
