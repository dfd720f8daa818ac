/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From an address to what lies there; mm/arena.c.
 */
#ifndef GOMEM_ARENA_H
#define GOMEM_ARENA_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "meta.h"
#include "sizeclass.h"

struct gomem_block;

/*
 * What memory is used for, one byte for each half page in its arena.  Classes of the
 * default heap are their own tags, so that gomem_free() indexes its mcache with
 * the byte it read; the other tags index entries whose magazine is always both
 * empty and full, which sends the caller to the slow path without a comparison.
 */
enum gomem_tag {
	GOMEM_TAG_NONE = 0,		/* not gomem's */
	/* 1 .. GOMEM_NR_CACHED - 1: objects of that class, default heap */
	GOMEM_TAG_LARGE = GOMEM_NR_CACHED, /* first half page of an uncached object */
	GOMEM_TAG_INTERIOR,		/* the others of a large object, cached or not */
	GOMEM_TAG_OTHER,		/* a class of another heap */
	GOMEM_TAG_SAMPLED,		/* a span with samples, default heap */
	GOMEM_TAG_IDLE,			/* gomem's, in no span */
	GOMEM_NR_TAGS,
};

struct gomem_arena {
	u8 tag[GOMEM_ARENA_HALVES];
	unsigned int nr_blocks;		/* under gomem_index_lock */
	atomic_t left;			/* how often pages have become others'; it may wrap */
	struct page *page;		/* constant: the kernel's descriptors of its pages */
	struct rcu_head rcu;
};

struct gomem_index_map;

struct gomem_index {
	unsigned long base;		/* address of the first arena */
	unsigned long nr;		/* arenas */
	struct gomem_index_map *map;	/* NULL if it is in one piece */
	size_t bytes;			/* that it takes, page tables and all */
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
		    unsigned long bytes, gfp_t gfp);
void gomem_arena_put(unsigned long base, unsigned long bytes);
void gomem_arena_set_one(unsigned long base, unsigned long bytes, u8 first, u8 rest);
void gomem_arena_retag(unsigned long base, unsigned long bytes, u8 first,
		       u8 rest);

/* The same where all of it has one tag. */
static inline void gomem_arena_set(unsigned long base, unsigned long bytes, u8 tag)
{
	gomem_arena_set_one(base, bytes, tag, tag);
}

/* The tag of the page that @p points into; any value of @p may be asked. */
static __always_inline unsigned long
gomem_tag_in(const struct gomem_index *index, const void *p)
{
	unsigned long offset = (unsigned long)p - index->base;
	unsigned long i = offset >> GOMEM_ARENA_SHIFT;

	if (unlikely(i >= index->nr))
		return GOMEM_TAG_NONE;
	return READ_ONCE(index->arena[i])->tag[(offset >> GOMEM_HALF_SHIFT) &
					       (GOMEM_ARENA_HALVES - 1)];
}

static __always_inline unsigned long gomem_tag_of(const void *p)
{
	return gomem_tag_in(READ_ONCE(gomem_index), p);
}

/* The arena of @address, and which of its half pages that is; under RCU. */
static inline struct gomem_arena *gomem_arena_of(unsigned long address, unsigned int *half)
{
	const struct gomem_index *index = READ_ONCE(gomem_index);
	unsigned long offset = address - index->base;
	unsigned long i = offset >> GOMEM_ARENA_SHIFT;

	*half = (offset >> GOMEM_HALF_SHIFT) & (GOMEM_ARENA_HALVES - 1);
	return i < index->nr ? READ_ONCE(index->arena[i]) : &gomem_no_arena;
}

/* The block that @address lies in, or NULL if the page is not gomem's; under RCU. */
static inline struct gomem_block *gomem_arena_block(unsigned long address)
{
	unsigned int half, left;
	struct gomem_arena *arena = gomem_arena_of(address, &half);
	unsigned long block;
	struct page *page;

	do {
		/* Pairs with the full order in arena_set_part(). */
		left = atomic_read_acquire(&arena->left);
		/* Pairs with the write barrier there. */
		if (smp_load_acquire(&arena->tag[half]) == GOMEM_TAG_NONE)
			return NULL;
		page = compound_head(arena->page + half / (PAGE_SIZE >> GOMEM_HALF_SHIFT));
		block = READ_ONCE(page_private(page));
		/*
		 * If that was written by somebody else, the page has left before:
		 * pairs with the full order in arena_set_part().
		 */
		smp_rmb();
	} while (unlikely(atomic_read(&arena->left) != left));
	return (struct gomem_block *)block;
}

/* Is a span of @class a single object, which has a tag of its own in its middle? */
static inline bool gomem_is_one(unsigned int class)
{
	return !class || gomem_is_run_class(class);
}

#endif /* GOMEM_ARENA_H */
