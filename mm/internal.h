/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gomem, inside: every structure of the allocator and what keeps it true.
 *
 * An object travels between four layers, each of which talks only to the next:
 *
 *	mcache    a CPU's magazines (arrays of object pointers), no lock
 *	mcentral  of a class on a node: a depot of magazines, spans with room
 *	mheap     of a node: blocks of pages, runs of pages in them
 *	kernel    the page allocator
 *
 * and every address finds its way back through the arena index.
 *
 * Lock order, outermost first:
 *
 *	1. gomem_mcentral.lock	partial spans, depot, object bitmaps and samples,
 *				nmalloc and nfree of the uncached path
 *	2. gomem_mheap.lock	blocks, page runs, tags, sums of spans and pages
 *	3. gomem_index_lock	changes of the arena index
 *	   gomem_gc.lock	what is told about reclaim cycles
 *	   gomem_mprof.lock	buckets of the heap profile
 *
 * Outside of all these, and only where one may sleep: gomem_mprof.rate_mutex, one
 * new rate at a time; inside it gomem_gc.mutex, one cycle at a time, and nobody else
 * at the mcaches of CPUs that are off; inside that the kernel's cpus_read_lock().
 * gomem_heaps_lock, the list of heaps, is taken inside cpus_write_lock(), and
 * gomem_index_mutex, a longer index, inside the lock of memory hotplug.
 *
 * The numbered ones are taken with interrupts off, and nothing sleeps under them.  The
 * kernel's allocators are called with none of them held, no lock is taken while
 * a CPU's mcache is held (gomem_mcache.busy), and two of one rank are never held
 * together.  lockdep watches the order; what must not be held is asserted where
 * the kernel is asked for memory, and what must be, where it is relied on.
 */
#ifndef GOMEM_INTERNAL_H
#define GOMEM_INTERNAL_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/build_bug.h>
#include <linux/gfp.h>
#include <linux/irq_work.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/stddef.h>
#include <linux/workqueue.h>

#include <linux/gomem.h>

#include "sizeclasses.h"

struct dentry;

#define GOMEM_PAGE_SHIFT	13
#define GOMEM_PAGE_SIZE		BIT(GOMEM_PAGE_SHIFT)
#define GOMEM_ARENA_SHIFT	21
#define GOMEM_ARENA_SIZE	BIT(GOMEM_ARENA_SHIFT)
#define GOMEM_ARENA_PAGES	256U
static_assert(GOMEM_ARENA_PAGES * GOMEM_PAGE_SIZE == GOMEM_ARENA_SIZE);

/* The page allocator's smallest order that holds whole gomem pages. */
#define GOMEM_MIN_ORDER		get_order(GOMEM_PAGE_SIZE)

/*
 * What a gomem page is used for, one byte a page in its arena.  Classes of the
 * default heap are their own tags, so that gomem_free() indexes its mcache with
 * the byte it read; the other tags index entries whose magazine is always both
 * empty and full, which sends the caller to the slow path without a comparison.
 */
enum gomem_tag {
	GOMEM_TAG_NONE = 0,		/* not gomem's */
	/* 1 .. GOMEM_NR_CACHED - 1: objects of that class, default heap */
	GOMEM_TAG_LARGE = GOMEM_NR_CACHED, /* first page of an uncached object */
	GOMEM_TAG_INTERIOR,		/* other pages of a large object */
	GOMEM_TAG_OTHER,		/* a class of another heap */
	GOMEM_TAG_SAMPLED,		/* a span with samples, default heap */
	GOMEM_TAG_IDLE,			/* gomem's, in no span */
	GOMEM_NR_TAGS,
};

/*
 * One row of the size class table.  Row 0 stands for large objects; but those of
 * up to GOMEM_MAX_CACHED have rows as well, GOMEM_NR_CLASSES and above: a run
 * class for each length, whose spans have one object.
 */
struct gomem_class {
	u32 size;			/* bytes of an object */
	u32 magic;			/* ceil(2^32 / size): division by it */
	u16 nelems;			/* objects of a full-length span */
	u8 npages;			/* gomem pages of a full-length span */
	u8 mag_cap;			/* objects of a magazine, at most */
	u8 tight_pages;			/* length of a span with the least tail */
};

extern const struct gomem_class gomem_class[GOMEM_NR_CACHED];
extern u8 gomem_fine[GOMEM_NR_FINE];
extern u8 gomem_coarse[GOMEM_NR_COARSE];

static inline unsigned int gomem_class_bytes(unsigned int class)
{
	return gomem_class[class].npages << GOMEM_PAGE_SHIFT;
}

/* The smallest class that holds @size bytes, up to GOMEM_COARSE_BASE; 0 of 0. */
static __always_inline unsigned long gomem_fine_class(size_t size)
{
	return gomem_fine[(size + (1UL << GOMEM_FINE_SHIFT) - 1) >>
			  GOMEM_FINE_SHIFT];
}

/* The same for more than GOMEM_COARSE_BASE, up to GOMEM_MAX_SMALL. */
static __always_inline unsigned long gomem_coarse_class(size_t size)
{
	return gomem_coarse[(size - GOMEM_COARSE_BASE +
			     (1UL << GOMEM_COARSE_SHIFT) - 1) >>
			    GOMEM_COARSE_SHIFT];
}

/* The same for more than GOMEM_MAX_SMALL, up to GOMEM_MAX_CACHED. */
static __always_inline unsigned long gomem_run_class(size_t size)
{
	return GOMEM_NR_CLASSES +
	       ((size - GOMEM_MAX_SMALL - 1) >> GOMEM_PAGE_SHIFT);
}

/* The smallest class that holds @size bytes, 1 <= @size <= GOMEM_MAX_CACHED. */
static __always_inline unsigned int gomem_size_class(size_t size)
{
	if (size <= GOMEM_COARSE_BASE)
		return gomem_fine_class(size);
	return size <= GOMEM_MAX_SMALL ? gomem_coarse_class(size) :
					 gomem_run_class(size);
}

static inline bool gomem_is_run_class(unsigned int class)
{
	return class >= GOMEM_NR_CLASSES;
}

/* What people are told: runs are large objects. */
static inline unsigned int gomem_told_class(unsigned int class)
{
	return gomem_is_run_class(class) ? 0 : class;
}

/* Which object of its span an offset falls into; exact for every offset. */
static inline unsigned int gomem_object_index(unsigned int class,
					      unsigned long offset)
{
	return ((u64)offset * gomem_class[class].magic) >> 32;
}

/*
 * gomem_meta - the allocator's own memory, by the MemStats field it counts in
 *
 * Shared by an mheap set and the heaps over it.  @fail_nth is for tests: when
 * positive it counts down, and the request that brings it to zero fails, be it
 * for metadata or for pages.
 */
enum gomem_meta_kind {
	GOMEM_META_MSPAN,
	GOMEM_META_MCACHE,
	GOMEM_META_GC,
	GOMEM_META_BUCKHASH,
	GOMEM_META_OTHER,
	GOMEM_NR_META,
};

struct gomem_meta {
	atomic_long_t bytes[GOMEM_NR_META];
	atomic_t fail_nth;
	atomic_long_t failed;		/* requests that failed for tests */
};

/*
 * gomem_magazine - a stack of object pointers
 *
 * Owned by one mcache or by one depot.  The word before obj[0] is NULL whenever
 * an mcache has it, so that the fast path reads the object on top without
 * knowing how many there are, and NULL says that there is none.  @nr is out of
 * date while the magazine is the loaded one, whose top is in the mcache.  @cap is
 * what the owner wants it to hold, @room what it can hold.  Magazines come in
 * powers of two of bytes, so that a class that is rarely used has small ones.
 */
struct gomem_magazine {
	u32 nr;
	u16 cap;
	u16 room;
	struct gomem_magazine *next;	/* depot only, otherwise NULL */
	union {
		DECLARE_FLEX_ARRAY(void *, obj);
		struct rcu_head rcu;	/* when it is freed, empty */
	};
};

#define GOMEM_MAGAZINE_WORDS	(offsetof(struct gomem_magazine, obj) / \
				 sizeof(void *))

static inline size_t gomem_magazine_bytes(unsigned int room)
{
	return (GOMEM_MAGAZINE_WORDS + room) * sizeof(void *);
}

/* Stands for "no magazine": nothing to take, no room.  Never written. */
extern struct gomem_magazine gomem_no_magazine;

/*
 * gomem_mcache - what a CPU owns of a heap
 *
 * Touched only by its CPU, with preemption off and @busy set meanwhile; an
 * interrupt that finds @busy set leaves everything alone and goes to mcentral.
 * Others read the counters, and write @target as a hint.
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
};

/* No rate: left is 1 because allocations are traced. */
#define GOMEM_ARMED_TO_TRACE	U32_MAX

struct gomem_mcache {
	u8 busy;
	u8 every;			/* left is always 1: allocations are traced */
	u8 target[GOMEM_NR_CACHED];	/* objects to move at a time */
	u32 drained;			/* gomem_heap.growths at its last drain */
	u64 naccount;			/* requests with __GFP_ACCOUNT */
	seqcount_t seq;			/* base and left; interrupts off */
	struct rnd_state random;
	struct gomem_mcache_class class[GOMEM_NR_TAGS];
	struct gomem_mcache_pair pair[GOMEM_NR_CACHED];
} ____cacheline_aligned;

/*
 * gomem_sample - an allocated object that is in the heap profile
 *
 * Lies beside its span: a sample a slot in gomem_sampled for small objects,
 * which is there as long as one of them is sampled; in the span itself for a
 * one that is not cached.
 */
struct gomem_sample {
	u32 born;			/* ktime_get_seconds() */
	u16 bucket;			/* 0: not sampled */
} __packed __aligned(2);

struct gomem_sampled {
	unsigned int nr;		/* samples in it, at least one */
	struct gomem_sample object[];	/* nelems of them */
};

/*
 * gomem_span - a run of pages that holds objects of one class, or one object
 *
 * Lives in its block's array, at the index of its first page.  A span in use is
 * published in its arena; @central is valid from then on.
 *
 * idle -> in use by mheap, under its lock.  In use -> dying by mcentral, under
 * its lock, when the last object has come back; from then on only the one who
 * killed it holds it.  Dying -> idle by mheap.
 */
enum gomem_span_state {
	GOMEM_SPAN_IDLE,
	GOMEM_SPAN_INUSE,
	GOMEM_SPAN_DYING,
};

#define GOMEM_SPAN_INLINE_BITS	128

struct gomem_span {
	struct list_head list;		/* mcentral.partial, or empty */
	struct gomem_block *block;
	struct gomem_mcentral *central;
	u32 npages;
	u16 nalloc;			/* objects not in this span's bitmap's zeros */
	u8 class;			/* 0: one uncached object */
	u8 state;
	union {				/* a set bit is an object given out */
		unsigned long bits[BITS_TO_LONGS(GOMEM_SPAN_INLINE_BITS)];
		unsigned long *far_bits;
	};
	union {
		struct gomem_sampled *sampled;	/* small objects; or NULL */
		struct gomem_sample large;	/* under mheap->lock */
	};
};

/*
 * gomem_block - pages got from the page allocator in one piece
 *
 * Aligned to its size rounded up to a power of two.  A shared block is cut into
 * spans and never crosses an arena; an exact one is a single large object, which
 * goes back when that is freed.  Everything but the constants is under its
 * mheap's lock.
 *
 * A shared block may have holes: kernel pages that went back before the block
 * did.  They are never got again.  To the page heap they look like pages in use
 * (their bits in @map are set as well), but they are in no span, are tagged
 * GOMEM_TAG_NONE, and may by now be part of another block.
 */
struct gomem_block {
	struct list_head all;		/* mheap.blocks */
	struct list_head list;		/* mheap.shelf[][], or a local list */
	struct list_head idle;		/* mheap.idle_blocks, or empty */
	struct gomem_mheap *mheap;
	struct gomem_meta *meta;	/* what this descriptor is counted in */
	unsigned long base;		/* constant */
	u32 npages;			/* constant */
	u32 used;			/* pages in spans */
	u16 longest;			/* longest idle run, pages */
	bool exact;			/* constant once it is in the heap */
	bool pfmemalloc;		/* constant: from the emergency reserves */
	u8 row, column;			/* place on the shelf */
	u16 holes;			/* pages that are gone */
	u64 born;			/* ktime_get_mono_fast_ns() at birth */
	unsigned long filling;		/* no holes until then, in jiffies */
	struct rcu_head rcu;
	struct gomem_span *span;	/* constant: npages of them, exact: 1 */
	/* Shared blocks only. */
	DECLARE_BITMAP(map, GOMEM_ARENA_PAGES);	/* pages in spans, and holes */
	DECLARE_BITMAP(hole, GOMEM_ARENA_PAGES); /* holes */
};

/* Pages of @block that are gomem's. */
static inline unsigned int gomem_block_pages(const struct gomem_block *block)
{
	return block->npages - READ_ONCE(block->holes);
}

/*
 * The shelf sorts blocks by pages in use (row, powers of two) and by longest
 * idle run (column, exact up to the longest span, powers of two above).
 */
#define GOMEM_SHELF_ROWS	9
#define GOMEM_SHELF_COLUMNS	15

/* The last scavenge_delay_ms in eighths, and the part that is not over yet. */
#define GOMEM_PEAKS		9

struct gomem_mheap {
	spinlock_t lock;		/* everything below, but what never changes */
	int nid;
	struct gomem_meta *meta;
	struct list_head blocks;
	unsigned long nr_blocks;
	u16 shelf_map[GOMEM_SHELF_ROWS];	/* columns that are not empty */
	struct list_head shelf[GOMEM_SHELF_ROWS][GOMEM_SHELF_COLUMNS];

	/* In gomem pages.  HeapSys = inuse + idle + released. */
	unsigned long inuse_pages;	/* in spans, of all heaps */
	unsigned long idle_pages;	/* in blocks, in no span */
	unsigned long released_pages;	/* given back, not got again since */
	unsigned long idle_block_pages;	/* in blocks with no span at all */
	unsigned long nr_spans;
	u64 grown, given_back;		/* blocks got, blocks given back; ever */
	struct list_head idle_blocks;	/* with no span at all, oldest first */

	/* How much to hold; mm/scavenge.c. */
	unsigned long peak_pages;	/* greatest inuse_pages since the last look */
	unsigned long window_pages;	/* and that of the looks that count */
	unsigned long peak[GOMEM_PEAKS];
	u64 peak_slot;			/* number of the newest of them */
	unsigned long filling_time;	/* see gomem_block.filling; jiffies */

	/* Beyond these the worker wants to be called; mm/reclaim.c. */
	unsigned long alarm_inuse;
	unsigned long alarm_idle;
	unsigned long alarm_held;
};

/*
 * gomem_mcentral - one class of one heap on one node
 *
 * Number 0 counts the objects that are not cached, and has neither spans nor a
 * depot.
 */
struct gomem_mcentral {
	spinlock_t lock;		/* spans' bitmaps, depot, uncached counters */
	u8 class;
	u8 tag;				/* what its spans' pages are tagged */
	struct gomem_magazine *full;	/* depot: magazines with objects */
	struct gomem_magazine *empty;	/* depot: magazines without */
	u32 nr_full, nr_empty;
	u32 min_full, min_empty;	/* fewest since the last trim */
	unsigned long nr_cached;	/* objects in the full ones */
	unsigned long empty_room;	/* for objects, in the empty ones */
	struct list_head partial;	/* spans with room, fullest first */
	u64 nmalloc, nfree;		/* past the mcaches */
	struct gomem_heap *heap;
	struct gomem_mheap *mheap;

	/* Under mheap->lock; of spans in use. */
	unsigned long nspans;
	unsigned long npages;
	unsigned long slots;		/* objects that they have room for */
	u64 large_nmalloc, large_nfree;
	u64 large_bytes, large_total;	/* live, ever */
} ____cacheline_aligned_in_smp;

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
	u32 rate;			/* bytes between samples; 0: off, 1: all */
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

/* What can be counted without belonging to a class. */
enum gomem_event {
	GOMEM_EV_BAD_FREE,		/* frees refused */
	GOMEM_EV_OOM,			/* requests that returned NULL for want of memory */
	GOMEM_EV_LOOKUP,		/* address to span, outside the fast path */
	GOMEM_EV_EXACT,			/* objects that got pages of their own */
	GOMEM_NR_EVENTS,
};

struct gomem_node {
	struct gomem_mheap *mheap;
	struct gomem_mcentral central[GOMEM_NR_CACHED];
};

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

struct gomem_drain;
struct gomem_gc_scratch;

/*
 * gomem_gc - reclaim cycles and what is told about them
 *
 * @mutex makes it one at a time; @lock is for the rest, from anywhere.
 */
struct gomem_gc {
	struct mutex mutex;		/* held for a cycle, @scratch, idle CPUs' mcaches */
	struct gomem_drain __percpu *drain;
	struct gomem_gc_scratch *scratch; /* whoever holds @mutex */
	u64 not_before;			/* no background cycle until then, ns */
	u64 left;			/* bytes that waited after the last cycle, too */
	u64 checked;			/* when it was last looked at, ns */

	spinlock_t lock;		/* everything below */
	u64 born;			/* ktime_get_ns() */
	u64 live;			/* HeapAlloc after the last cycle */
	u64 cpu_ns;			/* spent in cycles */
	u64 last, last_ns;		/* end of the last, ktime_get_real_ns(), _ns() */
	u64 pause_total_ns;
	u32 nr, nr_forced;
	u64 pause_ns[GOMEM_NR_PAUSES];
	u64 pause_end[GOMEM_NR_PAUSES];
};

/*
 * gomem_reclaim - the worker of a heap, and how it is called
 *
 * @flag is what allocation paths raise; @kick, from interrupt context, is how
 * the worker comes to see it.
 */
struct gomem_reclaim {
	struct irq_work kick;
	struct delayed_work tick;	/* once a second, wakes no CPU for it */
	struct delayed_work look;	/* when there is something to do */
	bool running;			/* between start and stop */
	bool flag;
	bool drain;			/* somebody wants a cycle */
	unsigned int budget;		/* pages to return in a look, see there */
};

struct gomem_heap {
	const char *name;
	struct gomem_mcache __percpu *mcache;
	struct gomem_meta *meta;
	nodemask_t nodes;		/* those with a gomem_node of their own */
	struct gomem_node **node;	/* by node id, nr_node_ids, none NULL */
	bool is_default;
	bool uncached;			/* debug: no magazines, every free checked */
	atomic_long_t event[GOMEM_NR_EVENTS];
	bool depot_used;		/* a depot may hold objects */
	u32 growths;			/* asks every mcache to drain itself */
	s64 knob[GOMEM_NR_KNOBS];
	unsigned long knobs_set;	/* those set before the heap was made */
	struct gomem_reclaim reclaim;
	struct gomem_gc gc;
	struct gomem_mprof mprof;
	bool traced;			/* every allocation leaves the fast path */
	struct list_head list;		/* gomem_heaps */
};

/* The default heap and its caches (mm/heap.c, mm/mcache.c). */
extern struct gomem_heap gomem_default_heap;
DECLARE_STATIC_KEY_FALSE(gomem_detour);
DECLARE_PER_CPU(struct gomem_mcache, gomem_mcache);

static inline void gomem_count(struct gomem_heap *heap, enum gomem_event ev)
{
	atomic_long_inc(&heap->event[ev]);
}

/* mm/sizeclass.c */
void gomem_sizeclass_init(void);
unsigned int gomem_span_pages(unsigned int class, unsigned long slots);

/* mm/meta.c */
bool gomem_should_fail(struct gomem_meta *meta);
void *gomem_meta_alloc(struct gomem_meta *meta, enum gomem_meta_kind kind,
		       size_t size, gfp_t gfp);
void gomem_meta_uncount(struct gomem_meta *meta, enum gomem_meta_kind kind,
			const void *p);
void gomem_meta_free(struct gomem_meta *meta, enum gomem_meta_kind kind,
		     void *p);
gfp_t gomem_meta_gfp(gfp_t gfp);

/* mm/arena.c */
struct gomem_arena {
	u8 tag[GOMEM_ARENA_PAGES];
	struct gomem_span **span;	/* GOMEM_ARENA_PAGES of them */
	unsigned int nr_blocks;		/* under gomem_index_lock */
	struct rcu_head rcu;
};

struct gomem_index {
	unsigned long base;		/* address of the first arena */
	unsigned long nr;		/* arenas */
	struct gomem_arena *arena[];
};

extern struct gomem_index *gomem_index;
extern struct gomem_arena gomem_no_arena;

int gomem_index_init(void);
int gomem_index_extend(unsigned long start_pfn, unsigned long end_pfn);
int gomem_index_catch_up(void);
void gomem_index_exit(void);
size_t gomem_index_bytes(void);
size_t gomem_arena_bytes(void);
int gomem_arena_get(struct gomem_meta *meta, unsigned long base,
		    unsigned long npages, gfp_t gfp);
void gomem_arena_put(unsigned long base, unsigned long npages);
void gomem_arena_set(unsigned long base, unsigned long npages, u8 first,
		     u8 rest, struct gomem_span *span);
void gomem_arena_retag(unsigned long base, unsigned long npages, u8 first,
		       u8 rest);
struct gomem_span *gomem_span_of(const void *p);

/* The tag of the page that @p points into; any value of @p may be asked. */
static __always_inline unsigned long
gomem_tag_in(const struct gomem_index *index, const void *p)
{
	unsigned long offset = (unsigned long)p - index->base;
	unsigned long i = offset >> GOMEM_ARENA_SHIFT;

	if (unlikely(i >= index->nr))
		return GOMEM_TAG_NONE;
	return READ_ONCE(index->arena[i])->tag[(offset >> GOMEM_PAGE_SHIFT) &
					       (GOMEM_ARENA_PAGES - 1)];
}

static __always_inline unsigned long gomem_tag_of(const void *p)
{
	return gomem_tag_in(READ_ONCE(gomem_index), p);
}

/* mm/block.c */
struct gomem_block *gomem_block_alloc(struct gomem_mheap *mheap,
				      unsigned int npages, bool exact,
				      gfp_t gfp, int nid);
unsigned int gomem_block_order(unsigned int npages);
void gomem_block_free_pages(unsigned long base, unsigned int npages);
void gomem_block_untag(struct gomem_block *block);
void gomem_block_free(struct gomem_block *block);
void gomem_block_abandon(struct gomem_block *block);

static inline unsigned long gomem_span_base(const struct gomem_span *span)
{
	return span->block->base +
	       ((span - span->block->span) << GOMEM_PAGE_SHIFT);
}

static inline unsigned long gomem_span_bytes(const struct gomem_span *span)
{
	return (unsigned long)span->npages << GOMEM_PAGE_SHIFT;
}

/* The tag of all pages but the first, in a span of which that one has @tag. */
static inline u8 gomem_rest_tag(unsigned int class, u8 tag)
{
	return !class || gomem_is_run_class(class) ? GOMEM_TAG_INTERIOR : tag;
}

/* Objects of a class that a span has room for; it may be a short one. */
static inline unsigned int gomem_span_nelems(const struct gomem_span *span)
{
	return gomem_object_index(span->class, gomem_span_bytes(span));
}

/* mm/mheap.c */

/* A span that somebody wants: whose, how long, how aligned (in gomem pages). */
struct gomem_want {
	struct gomem_mcentral *central;
	unsigned int npages;
	unsigned int align;
	unsigned long *far_bits;	/* for classes of many objects */
};

void gomem_mheap_init(struct gomem_mheap *mheap, int nid,
		      struct gomem_meta *meta);
void gomem_mheap_destroy(struct gomem_mheap *mheap);
struct gomem_span *gomem_mheap_find(struct gomem_mheap *mheap,
				    const struct gomem_want *want);
struct gomem_span *gomem_mheap_grow(struct gomem_mheap *mheap,
				    const struct gomem_want *want, gfp_t gfp,
				    struct gomem_block **reserve);
struct gomem_span *gomem_mheap_adopt(struct gomem_mheap *mheap,
				     const struct gomem_want *want,
				     struct gomem_block *block);
void gomem_mheap_free_span(struct gomem_span *span);
bool gomem_mheap_retire(struct gomem_mheap *mheap, struct gomem_span *span);
void gomem_mheap_reshelve(struct gomem_mheap *mheap, struct gomem_block *block);
void gomem_mheap_detach(struct gomem_mheap *mheap, struct gomem_block *block);
unsigned int gomem_mheap_growth(struct gomem_mheap *mheap);

static inline unsigned long gomem_mheap_held(const struct gomem_mheap *mheap)
{
	return READ_ONCE(mheap->inuse_pages) + READ_ONCE(mheap->idle_pages);
}

/* The order in gomem pages to which an object of @size bytes is aligned. */
static inline unsigned int gomem_align_pages(size_t size)
{
	return is_power_of_2(size) && size > GOMEM_PAGE_SIZE ?
	       size >> GOMEM_PAGE_SHIFT : 1;
}

/* mm/release.c */
unsigned long gomem_mheap_release_block(struct gomem_mheap *mheap,
					unsigned long most);
unsigned long gomem_mheap_trim(struct gomem_mheap *mheap, unsigned long keep);
unsigned long gomem_mheap_trim_all(struct gomem_mheap *mheap);
unsigned long gomem_mheap_punch(struct gomem_mheap *mheap,
				unsigned long npages, bool filling);
unsigned long gomem_mheap_punch_all(struct gomem_mheap *mheap);

/*
 * Is @span in use?  With the lock of its mcentral held it stays so; whose it is may
 * be read once that is known.
 */
static inline bool gomem_span_in_use(const struct gomem_span *span)
{
	/* It is published, with all that is in it, under another lock. */
	return smp_load_acquire(&span->state) == GOMEM_SPAN_INUSE;
}

/* mm/mspan.c */
void gomem_mspan_init(struct gomem_span *span, unsigned long *far_bits);
unsigned int gomem_mspan_take(struct gomem_span *span, void **objs,
			      unsigned int nr);
bool gomem_mspan_put(struct gomem_span *span, unsigned int index);
bool gomem_mspan_test(const struct gomem_span *span, unsigned int index);
unsigned long *gomem_mspan_far_bits(const struct gomem_span *span);

static inline bool gomem_class_has_far_bits(unsigned int class)
{
	return gomem_class[class].nelems > GOMEM_SPAN_INLINE_BITS;
}

/* mm/mcentral.c */
void gomem_mcentral_init(struct gomem_mcentral *central,
			 struct gomem_heap *heap, struct gomem_mheap *mheap,
			 unsigned int class);
unsigned int gomem_mcentral_take(struct gomem_mcentral *central, void **objs,
				 unsigned int nr);
unsigned int gomem_mcentral_fetch(struct gomem_mcentral *central, void **objs,
				  unsigned int nr, gfp_t gfp, bool count,
				  void **single);
void gomem_objects_put(struct gomem_heap *heap, void **objs, unsigned int nr,
		       struct gomem_mcentral *counted);

/* mm/depot.c */
/* How many objects of a bulk request are moved under one hold of the lock. */
#define GOMEM_DEPOT_MOST	512U

struct gomem_magazine *gomem_depot_refill(struct gomem_mcentral *central,
					  struct gomem_magazine *mag,
					  unsigned int want, gfp_t gfp,
					  void **single);
struct gomem_magazine *gomem_depot_store(struct gomem_mcentral *central,
					 struct gomem_magazine *full,
					 unsigned int want);
void gomem_depot_spare(struct gomem_mcentral *central,
		       struct gomem_magazine *mag);
unsigned int gomem_depot_take(struct gomem_mcentral *central, void **objs,
			      unsigned int nr);
unsigned int gomem_depot_give(struct gomem_mcentral *central, void **objs,
			      unsigned int nr);
unsigned int gomem_depot_drain(struct gomem_mcentral *central, unsigned int nr);
void gomem_depot_trim(struct gomem_mcentral *central);
void gomem_depot_shed(struct gomem_mcentral *central);
void gomem_depot_destroy(struct gomem_mcentral *central);

/* mm/mcachectl.c */

/* What the counters say of a class; summed up by mm/mstats.c. */
struct gomem_class_stats {
	u64 nmalloc, nfree;
	u64 spans, pages;
	u64 slots;			/* objects that the spans have room for */
};

void gomem_mcache_init(struct gomem_mcache *mc);
bool gomem_mcache_is_bare(const struct gomem_mcache *mc);
unsigned int gomem_mcache_drain(struct gomem_heap *heap,
				struct gomem_mcache *mc);
void gomem_mcache_relax(struct gomem_mcache *mc);
void gomem_mcache_rearm(struct gomem_heap *heap, struct gomem_mcache *mc);
u64 gomem_mcache_nmalloc(struct gomem_mcache *mc, unsigned int class);
void gomem_mcache_add_nmalloc(struct gomem_mcache *mc,
			      struct gomem_class_stats *stats);

/* mm/mcache.c */
void *gomem_heap_alloc(struct gomem_heap *heap, size_t size, gfp_t gfp);
void *gomem_alloc_for(struct gomem_heap *heap, size_t size, gfp_t gfp,
		      unsigned long ip);
void gomem_free_for(const void *p, unsigned long ip);
void *gomem_ready(void *p, size_t size, gfp_t gfp, unsigned long ip);

/* @gfp without __GFP_ACCOUNT: @nr requests that asked in vain are counted. */
static inline gfp_t gomem_unaccounted(struct gomem_heap *heap, gfp_t gfp,
				      unsigned int nr)
{
	if (gfp & __GFP_ACCOUNT)
		this_cpu_add(heap->mcache->naccount, nr);
	return gfp & ~__GFP_ACCOUNT;
}

/* mm/bulk.c */
unsigned int gomem_heap_alloc_bulk(struct gomem_heap *heap, size_t size,
				   gfp_t gfp, unsigned int nr, void **objs);

/* mm/large.c */
void *gomem_large_alloc(struct gomem_heap *heap, size_t size, gfp_t gfp);
void *gomem_large_exact(struct gomem_heap *heap, struct gomem_mheap *mheap,
			size_t size, gfp_t gfp, int nid);
void *gomem_large_adopt(struct gomem_heap *heap, struct gomem_mheap *mheap,
			struct gomem_block *block, unsigned int npages);
void gomem_large_free(struct gomem_heap *heap, const void *p);
gfp_t gomem_page_gfp(gfp_t gfp);

/* mm/api.c */
void gomem_wipe(const void *p);

/* mm/heap.c */
extern struct list_head gomem_heaps;
extern struct mutex gomem_heaps_lock;

int gomem_heap_init(struct gomem_heap *heap, const char *name,
		    struct gomem_meta *meta,
		    struct gomem_mcache __percpu *mcache);
unsigned long gomem_heap_destroy(struct gomem_heap *heap);
void gomem_heap_drain(struct gomem_heap *heap);
void gomem_heap_rearm(struct gomem_heap *heap);
unsigned int gomem_heap_empty_depots(struct gomem_heap *heap, unsigned int nr);
bool gomem_heap_shrink(struct gomem_heap *heap, gfp_t gfp);

static inline struct gomem_node *gomem_local_node(struct gomem_heap *heap)
{
	return heap->node[numa_mem_id()];
}

/* Where large objects that @mheap accounts for are counted. */
static inline struct gomem_mcentral *
gomem_large_central(struct gomem_heap *heap, struct gomem_mheap *mheap)
{
	return &heap->node[mheap->nid]->central[0];
}

/* mm/badfree.c */
enum gomem_bad {
	GOMEM_BAD_FOREIGN,
	GOMEM_BAD_IDLE,
	GOMEM_BAD_INTERIOR,
	GOMEM_BAD_LARGE_INTERIOR,
	GOMEM_BAD_TAIL,
	GOMEM_BAD_DOUBLE,
	GOMEM_NR_BAD,
};

void gomem_bad_free(struct gomem_heap *heap, const void *p, enum gomem_bad why);

/* mm/knobs.c */
void gomem_knobs_init(struct gomem_heap *heap);
const char *gomem_knob_name(enum gomem_knob knob);
int gomem_knob_set(struct gomem_heap *heap, enum gomem_knob knob, s64 value);
int gomem_knob_parse(struct gomem_heap *heap, enum gomem_knob knob,
		     const char *text);

static inline s64 gomem_knob(const struct gomem_heap *heap,
			     enum gomem_knob knob)
{
	return READ_ONCE(heap->knob[knob]);
}

/* mm/reclaim.c */
extern struct workqueue_struct *gomem_drain_queue;

int gomem_reclaim_init(void);
void gomem_reclaim_exit(void);
void gomem_reclaim_start(struct gomem_heap *heap);
void gomem_reclaim_stop(struct gomem_heap *heap);
void gomem_reclaim_call(struct gomem_heap *heap);
unsigned long gomem_reclaim_look(struct gomem_heap *heap);
void gomem_heap_free_os_memory(struct gomem_heap *heap);

/* mm/scavenge.c */
unsigned long gomem_scavenge_goal(unsigned long peak);
bool gomem_scavenge_over(const struct gomem_mheap *mheap);
void gomem_scavenge_fold(struct gomem_mheap *mheap, u64 now_ms,
			 unsigned int delay_ms);
unsigned long gomem_scavenge_excess(struct gomem_mheap *mheap);
bool gomem_scavenge_rest(struct gomem_mheap *mheap);
unsigned long gomem_scavenge(struct gomem_mheap *mheap, unsigned long npages,
			     bool exceed, unsigned long budget);

/* mm/gc.c */
int gomem_gc_init(struct gomem_heap *heap);
void gomem_gc_exit(struct gomem_heap *heap);
u64 gomem_gc_goal(const struct gomem_heap *heap);
void gomem_gc_cycle(struct gomem_heap *heap, bool forced);
void gomem_gc_look_at_cpus(struct gomem_heap *heap);
u64 gomem_gc_due(struct gomem_heap *heap, bool wanted);
u64 gomem_gc_cached_bytes(struct gomem_heap *heap);
void gomem_gc_stats(struct gomem_heap *heap, struct gomem_memstats *stats);

/* mm/limit.c */
u64 gomem_limit_used(const struct gomem_heap *heap);
u64 gomem_limit_excess(const struct gomem_heap *heap);
void gomem_limit_alarm(struct gomem_heap *heap);

/* mm/shrinker.c */
int gomem_shrinker_init(void);
void gomem_shrinker_exit(void);
unsigned long gomem_shrink_count(struct gomem_heap *heap, int nid);
unsigned long gomem_shrink_scan(struct gomem_heap *heap, int nid,
				unsigned long nr);

/* mm/hotplug.c */
int gomem_hotplug_init(void);
void gomem_hotplug_exit(void);

/* mm/mstats.c */
/* What gomem_snapshot() reads; bytes unless said otherwise. */
struct gomem_snapshot {
	struct gomem_class_stats class[GOMEM_NR_CACHED]; /* 0: uncached objects */
	u64 large_bytes, large_total;	/* of those: live, ever */
	u64 inuse, idle, released;	/* idle: without the released ones */
	u64 nr_spans;
	u32 drained;			/* gomem_heap.growths at its last drain */
	u64 naccount;			/* requests with __GFP_ACCOUNT */
};

/* One field of MemStats, for whoever prints them. */
enum gomem_field_kind {
	GOMEM_F_U64,
	GOMEM_F_U32,
	GOMEM_F_RING,			/* GOMEM_NR_PAUSES times u64 */
	GOMEM_F_PPB,			/* u64, parts per 10^9: a fraction */
	GOMEM_F_BOOL,
};

struct gomem_field {
	const char *name;
	u16 offset;
	u8 kind;
};

extern const struct gomem_field gomem_fields[];
extern const unsigned int gomem_nr_fields;

void gomem_snapshot(struct gomem_heap *heap, struct gomem_snapshot *snap);
void gomem_memstats_from(struct gomem_heap *heap,
			 const struct gomem_snapshot *snap,
			 struct gomem_memstats *stats);
void gomem_heap_memstats(struct gomem_heap *heap, struct gomem_memstats *stats);
void gomem_cached_objects(struct gomem_heap *heap, u64 *cached);

/* mm/sampling.c */
u64 gomem_sample_gap(u32 random, u32 rate);
u64 gomem_sample_left(u32 random, u32 size, u32 rate);
bool gomem_sample_die(u32 random, size_t size, u32 rate);
u64 gomem_sample_scale(u64 value, size_t size, u32 rate);

/* mm/mprof.c */
#define GOMEM_MPROF_BUCKETS	2048
#define GOMEM_MPROF_FRAMES	16	/* a bucket, on average */
#define GOMEM_MPROF_HASH	1024
#define GOMEM_MPROF_MAX_RATE	BIT(30)

void gomem_mprof_init(struct gomem_mprof *mprof);
void gomem_mprof_destroy(struct gomem_heap *heap);
int gomem_mprof_set_rate(struct gomem_heap *heap, u32 rate);
void gomem_mprof_malloc(struct gomem_heap *heap, const void *p, size_t size,
			u32 rate, unsigned long ip);
void gomem_mprof_malloc_many(struct gomem_heap *heap, void **objs,
			     unsigned int nr, size_t size, unsigned long ip);
u32 gomem_mprof_due(struct gomem_heap *heap, const void *p);
void gomem_mprof_free(struct gomem_span *span, const void *p);
void gomem_mprof_count_free(struct gomem_mprof *mprof, unsigned int bucket);
void gomem_mprof_forget(struct gomem_span *span, struct gomem_meta *meta);

/* The profile's rate now. */
static inline u32 gomem_mprof_rate(const struct gomem_mprof *mprof)
{
	/* Who sees a rate sees the memory that was got for it. */
	return smp_load_acquire(&mprof->rate);
}

/* What is known of the small objects of @span that are sampled?  Nothing? */
static inline bool gomem_span_is_sampled(const struct gomem_span *span)
{
	return span->class && READ_ONCE(span->sampled);
}

/* mm/mprofread.c */

/* A bucket, and what it stands for. */
struct gomem_site {
	struct gomem_bucket bucket;
	unsigned int id;
	u64 objects, bytes;		/* allocated ever, estimated */
	u64 live, live_bytes;		/* still allocated, estimated */
};

struct gomem_site *gomem_mprof_sites(struct gomem_heap *heap, unsigned int *nr);
void gomem_mprof_ages(struct gomem_heap *heap, u32 *oldest, unsigned int nr);
size_t gomem_heap_mem_profile(struct gomem_heap *heap,
			      struct gomem_mem_profile_record *records,
			      size_t nr, bool inuse_zero);

static inline const unsigned long *
gomem_mprof_stack(const struct gomem_mprof *mprof, const struct gomem_bucket *b)
{
	return mprof->frame + b->stack;
}

/* mm/check.c */
unsigned int gomem_check(struct gomem_heap *heap, struct seq_file *m);

/* debugfs/ */
int gomem_debugfs_init(void);
void gomem_debugfs_exit(void);
void gomem_knobs_create(struct dentry *directory);
int gomem_memstats_show(struct seq_file *m, void *v);
int gomem_memstats_json_show(struct seq_file *m, void *v);
int gomem_classes_show(struct seq_file *m, void *v);
int gomem_blocks_show(struct seq_file *m, void *v);
int gomem_heap_txt_show(struct seq_file *m, void *v);
int gomem_sites_show(struct seq_file *m, void *v);
int gomem_memstats_trailer(struct seq_file *m);
extern const struct file_operations gomem_heap_fops;
extern const struct file_operations *const gomem_mem_profile_rate_fops;

/* Bytes that become more. */
struct gomem_blob {
	u8 *data;
	size_t len, size;
	bool failed;			/* there was no memory */
};

int gomem_profile_encode(struct gomem_heap *heap, struct gomem_blob *blob);
void gomem_symbol(char *name, unsigned long address);

#endif /* GOMEM_INTERNAL_H */
