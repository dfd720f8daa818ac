/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gomem, inside: a heap, as all of its layers know it, and what keeps it true.
 *
 * An object travels between four layers, each of which talks only to the next:
 *
 *	mcache    a CPU's magazines (arrays of object pointers), no lock
 *	mcentral  of a class on a node: a depot of magazines, spans with room
 *	mheap     of a node: blocks of pages, runs of pages in them
 *	kernel    the page allocator
 *
 * and every address finds its way back: to its tag through the arena index, to its block
 * through its page's descriptor (mm/arena.c).  A layer's header includes those of the
 * layers below it and no other; scripts/layers has the list, prints the graph and checks
 * it.  Where a layer has to tell those above something, it goes through struct
 * gomem_hooks.
 *
 * Spinlocks, in the order in which they may be nested, outermost first:
 *
 *	1. gomem_mcentral.lock	partial spans, depot, object bitmaps and samples,
 *				nmalloc and nfree of the uncached path
 *	2. gomem_mheap.lock	blocks, page runs, tags, sums of spans and pages
 *	3. gomem_index_lock	changes of the arena index
 *	   gomem_gc.lock	what is told about reclaim cycles
 *	   gomem_mprof.lock	buckets of the heap profile
 *
 * They are taken with interrupts off, and nothing sleeps under them.  The kernel's
 * allocators are called with none of them held, no lock is taken while a CPU's mcache is
 * held (gomem_mcache.busy), and two of one rank are never held together.
 *
 * Locks that sleep are taken outside of those; each of these inside the one above it:
 *
 *	gomem_mprof.watch_mutex	one watch begins or ends at a time
 *	gomem_mprof.rate_mutex	one new rate of the heap profile at a time; what is kept
 *	gomem_rearm_mutex	counts begun anew; heaps stay meanwhile
 *	gomem_gc.mutex		one cycle or drain at a time
 *	cpus_read_lock()	the kernel's: CPUs stay on, or off
 *	gomem_heaps_lock	the list of heaps; they stay meanwhile
 *	gomem_mprof.names	addresses in stacks become names
 *
 * gomem_heaps_lock is also taken by the callbacks of CPU hotplug, inside
 * cpus_write_lock(), and of memory hotplug, inside the lock of that; inside the latter,
 * too, gomem_index_mutex, for a new index.  Reclaim, and whoever finds that memory has
 * run out, may hold any lock of others: they only try gomem_heaps_lock, inside it
 * gomem_gc.mutex, and oom.mutex (mm/oom.c), and do without what they cannot have.
 *
 * lockdep watches the order.  Many functions that rely on a lock of their caller's assert
 * that it is held.  That one is not held is asserted in one place, mcentral_new_span(),
 * behind which most memory is asked for; elsewhere a kernel that debugs sleeping in
 * atomic context complains, if the request may sleep.
 */
#ifndef GOMEM_HEAP_H
#define GOMEM_HEAP_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/types.h>

/* One prefix for all that gomem logs, whatever has been included before. */
#undef pr_fmt
#define pr_fmt(fmt) "gomem: " fmt

struct gomem_gc;
struct gomem_heap;
struct gomem_mcache;
struct gomem_meta;
struct gomem_mprof;
struct gomem_sample;
struct gomem_node;
struct gomem_reclaim;
struct gomem_span;

/* What can be counted without belonging to a class. */
enum gomem_event {
	GOMEM_EV_BAD_FREE,		/* frees refused */
	GOMEM_EV_OOM,			/* requests that returned NULL for want of memory */
	GOMEM_EV_LOOKUP,		/* address to span, for want of an mcentral to count it */
	GOMEM_EV_EXACT,			/* objects that got pages of their own */
	GOMEM_EV_ACCOUNT,		/* requests with __GFP_ACCOUNT, where there is no mcache */
	GOMEM_EV_DEPARTED,		/* gomem_depart(), where there is no mcache */
	GOMEM_EV_ARRIVED,		/* gomem_arrive(), the same */
	GOMEM_NR_EVENTS,
};

/* Zones that have page heaps of their own: GFP_DMA's and GFP_DMA32's. */
#define GOMEM_NR_ZONES		2

#define GOMEM_MAX_GC_PERCENT	1000000

/* What can be adjusted, by module parameters and in debugfs; mm/knobs.c. */
enum gomem_knob {
	GOMEM_KNOB_GC_PERCENT,
	GOMEM_KNOB_MEMORY_LIMIT,
	GOMEM_KNOB_SCAVENGE_DELAY_MS,
	GOMEM_KNOB_GCTRACE,
	GOMEM_KNOB_SCAVTRACE,
	GOMEM_NR_KNOBS,
};

/*
 * gomem_hooks - what the layers want from those above them
 *
 * Filled in when the heap is made, and constant from then on.  None of them is
 * called by the fast path.
 */
struct gomem_hooks {
	/* The worker is wanted; any gomem lock may be held. */
	void (*wake)(struct gomem_heap *heap);
	/* Something moves where nothing did; any gomem lock may be held. */
	void (*stir)(struct gomem_heap *heap);
	/* The heap has to grow: return what waits to its spans.  Was there any? */
	bool (*collect)(struct gomem_heap *heap, gfp_t gfp);
	/* The memory that @gfp asks for, of a zone; NULL if there is none. */
	struct gomem_node *(*zone)(struct gomem_heap *heap, gfp_t gfp);
	/* The page allocator has nothing: find something.  Is it worth another try? */
	bool (*shrink)(struct gomem_heap *heap, gfp_t gfp);
	/*
	 * Sample an object that nobody knows yet but the caller; with the caller alone
	 * if @brief, and not the stack.
	 */
	void (*sample)(struct gomem_heap *heap, const void *p, size_t size,
		       u32 rate, unsigned long ip, bool brief);
	/* A small object of a span with samples is about to be freed; under RCU. */
	void (*unsample)(struct gomem_span *span, const void *p);
	/* A large object with this sample has been freed. */
	void (*gone)(struct gomem_heap *heap, struct gomem_sample sample);
};

/*
 * gomem_heap - what every slow path reads first, then what some write
 *
 * No line of the former is written often, and the counters have lines of their own.
 */
struct gomem_heap {
	const char *name;
	struct gomem_mcache * __percpu *mcache;	/* none NULL, see gomem_no_mcache */
	cpumask_var_t cpus;		/* those with an mcache of their own; none is taken out */
	struct gomem_meta *meta;
	const struct gomem_hooks *hooks;
	struct gomem_node **node;	/* by number, none NULL: see central.h */
	bool is_default;
	bool uncached;			/* debug: no magazines, every free checked */
	bool traced;			/* every allocation leaves the fast path */
	bool at_rest;			/* nobody looks after it until it is stirred */
	u32 profile_rate;		/* bytes between samples; 0: off, 1: all */
	u32 growths;			/* a new one asks each CPU for some objects */
	/* Of those above, who made them. */
	struct gomem_reclaim *reclaim;
	struct gomem_gc *gc;
	struct gomem_mprof *mprof;
	s64 knob[GOMEM_NR_KNOBS];
	unsigned long knobs_set;	/* those set before the heap was made */
	nodemask_t nodes;		/* those with a gomem_node of their own */
	DECLARE_BITMAP(own, MAX_NUMNODES + GOMEM_NR_ZONES); /* each once */
	struct list_head list;		/* gomem_heaps */

	/* Written at growth, and by depots. */
	unsigned long asked ____cacheline_aligned_in_smp; /* jiffies, see heapctl.c */
	unsigned long collected;	/* the same */
	bool depot_used;		/* a depot may hold objects */

	atomic_long_t event[GOMEM_NR_EVENTS] ____cacheline_aligned_in_smp;
};

/* The heap that gomem_alloc() uses; mm/mcache.c. */
extern struct gomem_heap gomem_default_heap;

static inline void gomem_count(struct gomem_heap *heap, enum gomem_event ev)
{
	atomic_long_inc(&heap->event[ev]);
}

static inline void gomem_heap_wake(struct gomem_heap *heap)
{
	if (heap->hooks)
		heap->hooks->wake(heap);
}

/* A request has failed for want of memory; the worker keeps who held it. */
static inline void gomem_count_oom(struct gomem_heap *heap)
{
	gomem_count(heap, GOMEM_EV_OOM);
	gomem_heap_wake(heap);
}

/* Objects begin to move between CPUs, depots and spans, or go on to. */
static inline void gomem_heap_stir(struct gomem_heap *heap)
{
	if (READ_ONCE(heap->at_rest) && heap->hooks)
		heap->hooks->stir(heap);
}

/* The heap profile's rate now. */
static inline u32 gomem_heap_profile_rate(const struct gomem_heap *heap)
{
	/*
	 * Who sees a rate sees the memory that was got for it; pairs with the
	 * release in gomem_mprof_set_rate().
	 */
	return smp_load_acquire(&heap->profile_rate);
}

static inline s64 gomem_knob(const struct gomem_heap *heap,
			     enum gomem_knob knob)
{
	return READ_ONCE(heap->knob[knob]);
}

#endif /* GOMEM_HEAP_H */
