/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages, and the size classes that are cut out of them; mm/sizeclass.c.
 */
#ifndef GOMEM_SIZECLASS_H
#define GOMEM_SIZECLASS_H

#include <linux/build_bug.h>
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "sizeclasses.h"

#define GOMEM_PAGE_SHIFT	13
#define GOMEM_PAGE_SIZE		BIT(GOMEM_PAGE_SHIFT)
#define GOMEM_ARENA_SHIFT	21
#define GOMEM_ARENA_SIZE	BIT(GOMEM_ARENA_SHIFT)
#define GOMEM_ARENA_PAGES	256U
static_assert(GOMEM_ARENA_PAGES * GOMEM_PAGE_SIZE == GOMEM_ARENA_SIZE);

/*
 * Tags tell half a page from the other: where no two kernel pages are together, half
 * a page is all that there is to be had.
 */
#define GOMEM_HALF_SHIFT	(GOMEM_PAGE_SHIFT - 1)
#define GOMEM_HALF_SIZE		BIT(GOMEM_HALF_SHIFT)
#define GOMEM_ARENA_HALVES	(2 * GOMEM_ARENA_PAGES)
#define GOMEM_HAS_HALVES	(PAGE_SIZE <= GOMEM_HALF_SIZE)

/* The page allocator's smallest order that holds whole gomem pages. */
#define GOMEM_MIN_ORDER		get_order(GOMEM_PAGE_SIZE)

/* Objects of this size and larger get as many pages as a power of two. */
#define GOMEM_LEAST_WHOLE	(512UL << 10)

/*
 * What an object of @size, at least GOMEM_LEAST_WHOLE, has of its power of two: whole
 * kernel pages if that leaves an eighth or more to others, and all of it if not.  Where
 * that is more than two arenas it has all of it as well, so that a tail lies in one
 * arena, which is also one of the object's.
 */
static inline size_t gomem_whole_size(size_t size)
{
	size_t whole = roundup_pow_of_two(size);
	size_t own = round_up(size, max(PAGE_SIZE, GOMEM_PAGE_SIZE));

	return whole > 2 * GOMEM_ARENA_SIZE || whole - own < whole / 8 ? whole : own;
}

/* Does an object of @size leave a tail? */
static inline bool gomem_leaves_tail(size_t size)
{
	return size >= GOMEM_LEAST_WHOLE &&
	       gomem_whole_size(size) < roundup_pow_of_two(size);
}

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

/* The smallest class that serves @size bytes, up to GOMEM_COARSE_BASE; 0 of 0. */
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

/* The smallest class that serves @size bytes, 1 <= @size <= GOMEM_MAX_CACHED. */
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
 * The alignment, in gomem pages, of the span of an object of @size bytes: the
 * largest power of two that divides @size.
 */
static inline unsigned int gomem_align_pages(size_t size)
{
	return max_t(size_t, 1, (size & -size) >> GOMEM_PAGE_SHIFT);
}

void gomem_sizeclass_init(void);
void gomem_sizeclass_adapt(u8 *fine, u8 *coarse, unsigned int align);
unsigned int gomem_span_pages(unsigned int class, unsigned long slots);

#endif /* GOMEM_SIZECLASS_H */
