/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory from the page allocator and back; mm/block.c.
 */
#ifndef GOMEM_BLOCK_H
#define GOMEM_BLOCK_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/container_of.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "central.h"
#include "meta.h"
#include "mspan.h"
#include "sizeclass.h"

/*
 * Every kernel page of gomem's (of a compound block, the first one) has this reference
 * count instead of 1, so that no reference which somebody takes and drops, and no
 * kfree() by mistake, is the last one; and the network copies what lies there instead
 * of referring to it, as it does for kmalloc()'s small objects (sendpage_ok()).  What
 * the count differs by are references of others.
 */
#define GOMEM_PAGE_COUNT	(-(1 << 20))

/*
 * gomem_block - pages got from the page allocator in one piece
 *
 * A shared block is cut into spans and never crosses an arena; an exact one is a
 * single span, which goes back when that is freed.  A block is aligned to its size
 * rounded up to a power of two, unless it was cut off from a tail (mm/tail.c).
 * Everything but the constants is under its mheap's lock.
 *
 * Its spans follow it in memory, and behind those, if it is a shared one, two maps.  A
 * small heap has mostly blocks of 64 KiB, and the descriptor of one, with all of that, is
 * half a KiB.  From birth to return, its pages (of a compound one, the first) refer to it;
 * see arena.c.
 *
 * The pages of a block are split, each with a reference count of its own.  Those
 * of a compound block, always exact, are not: it is as long as a power of two, goes
 * back as it came, and only its first page has a count.  A tailed block, exact as
 * well, is as long as a power of two and split; its span is only the first part, and
 * what is behind that may be cut off, from its end.
 *
 * A shared block may have holes: kernel pages that went back before the block
 * did.  They are never got again.  To the page heap they look like pages in use
 * (their bits in the other map are set as well), but they are in no span, are tagged
 * GOMEM_TAG_NONE, and may by now be part of another block.
 */
struct gomem_block {
	struct list_head all;		/* mheap.blocks */
	union {
		struct list_head list;	/* mheap.shelf[][], mheap.tails, or empty */
		struct rcu_head rcu;	/* when it is on none any more */
	};
	struct list_head idle;		/* mheap.idle_blocks, or empty */
	struct gomem_node *node;	/* constant once it is in the heap */
	struct gomem_meta *meta;	/* what this descriptor is counted in */
	unsigned long base;		/* constant */
	u64 born;			/* ktime_get_mono_fast_ns() at birth */
	unsigned long filling;		/* no holes until then, in jiffies */
	u32 npages;			/* constant, but of a tailed one */
	u32 used;			/* pages in spans, pinned ones too */
	u32 pins;			/* walks that stand on it, see walk.c */
	atomic_t refs;			/* its heap and walks: who keeps the descriptor */
	u16 longest;			/* longest idle run, pages */
	u16 holes;			/* pages that are gone */
	u8 row, column;			/* place on the shelf */
	bool gone;			/* in mheap.blocks only for walks */
	/* Constant once it is in the heap. */
	bool exact:1;
	bool compound:1;
	bool half:1;			/* half a page, always exact */
	bool tailed:1;			/* longer than its span, always exact */
	bool pfmemalloc:1;		/* from the emergency reserves */
	bool many:1;			/* has maps, and a span for each page */
	struct gomem_span span[];
};

/*
 * With eight spans and their maps, as a heap has most as long as it is small.  (sparse
 * gives a bit of a bool more room than compilers do.)
 */
#ifndef __CHECKER__
static_assert(struct_size_t(struct gomem_block, span, 8) + 2 * sizeof(long) <= 512);
#endif

/* Which pages of a shared block are in spans, or holes. */
static inline unsigned long *gomem_block_map(struct gomem_block *block)
{
	return (unsigned long *)&block->span[block->npages];
}

/* Which of them are holes. */
static inline unsigned long *gomem_block_hole(struct gomem_block *block)
{
	return gomem_block_map(block) + BITS_TO_LONGS(block->npages);
}

static inline struct gomem_block *gomem_block_of(const struct gomem_span *span)
{
	return container_of(span - span->index, struct gomem_block, span[0]);
}

/* Whose @span is; of one that is not in use, whose it was. */
static inline struct gomem_mcentral *gomem_span_central(const struct gomem_span *span)
{
	return &gomem_block_of(span)->node->central[READ_ONCE(span->class)];
}

/* How a block is to be got. */
enum gomem_block_kind {
	GOMEM_BLOCK_SHARED,
	GOMEM_BLOCK_COMPOUND,
	GOMEM_BLOCK_TAILED,
	GOMEM_BLOCK_HALF,
};

/* Pages of @block that are gomem's; half a page counts as one. */
static inline unsigned int gomem_block_pages(const struct gomem_block *block)
{
	return READ_ONCE(block->npages) - READ_ONCE(block->holes);
}

/* Those behind its span that nobody has cut off. */
static inline unsigned int gomem_block_tail(const struct gomem_block *block)
{
	return block->tailed ? block->npages - block->used : 0;
}

/* The same in bytes. */
static inline unsigned long gomem_block_bytes(const struct gomem_block *block)
{
	return ((unsigned long)gomem_block_pages(block) << GOMEM_PAGE_SHIFT) >>
	       block->half;
}

static inline unsigned long gomem_span_bytes(const struct gomem_span *span)
{
	return ((unsigned long)gomem_span_npages(span) << GOMEM_PAGE_SHIFT) >>
	       gomem_block_of(span)->half;
}

/* Objects of a class that a span has room for; it may be a short one. */
static inline unsigned int gomem_span_nelems(const struct gomem_span *span)
{
	unsigned int most = max_t(unsigned int, GOMEM_SPAN_INLINE_BITS,
				  gomem_class[span->class].nelems);

	/* Where kernel pages are large, one may be longer than there are bits. */
	return min(gomem_object_index(span->class, gomem_span_bytes(span)), most);
}

void gomem_block_init(void);
void gomem_block_exit(void);
struct gomem_block *gomem_block_alloc(struct gomem_meta *meta,
				      unsigned int npages,
				      enum gomem_block_kind kind, gfp_t gfp,
				      int nid);
struct gomem_block *gomem_block_describe(struct gomem_meta *meta,
					 unsigned int npages, gfp_t gfp);
void gomem_block_cut(struct gomem_block *from, struct gomem_block *block);
unsigned int gomem_block_order(unsigned int npages);
unsigned int gomem_object_order(unsigned int size);
void gomem_block_free_pages(struct gomem_meta *meta, unsigned long base,
			    unsigned int npages);
void gomem_block_untag(struct gomem_block *block);
void gomem_block_free(struct gomem_block *block);
void gomem_block_abandon(struct gomem_block *block);
void gomem_block_put(struct gomem_block *block);
bool gomem_block_settle(struct gomem_span *span, unsigned long *stolen);
bool gomem_object_is_held(const void *p, unsigned long bytes);
struct gomem_span *gomem_span_at(const void *p);
struct gomem_span *gomem_span_of(const void *p);

/* Keep the descriptor of @block; under the lock of its mheap. */
static inline void gomem_block_get(struct gomem_block *block)
{
	atomic_inc(&block->refs);
}

static inline unsigned long gomem_span_base(const struct gomem_span *span)
{
	return gomem_block_of(span)->base +
	       ((unsigned long)span->index << GOMEM_PAGE_SHIFT);
}

#endif /* GOMEM_BLOCK_H */
