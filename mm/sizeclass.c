// SPDX-License-Identifier: GPL-2.0
/*
 * Size classes: from the size that is asked for to the one that is served.
 *
 * The 66 classes are Go's, and so is the rule that makes them; it stands in
 * scripts/mksizeclasses.c, which writes the tables below at build time.  Two
 * look-up tables serve every size up to 32 KiB with one load: a fine one in
 * steps of 8 bytes up to 1 KiB, a coarse one in steps of 32 bytes above.
 *
 * A class serves a request that it has room for if its own size is a multiple of
 * every power of two that the requested size is a multiple of: so the object is
 * aligned to that.
 *
 * Behind them stand the run classes: whole pages, 40 to 64 KiB, an object a span.
 * To all that counts they are large objects, but CPUs cache them like small ones.
 */
#include <linux/cache.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "sizeclass.h"

#define CLASS_ROW(class, bytes, pages, objects, reciprocal, magazine, tight) \
	[class] = { \
		.size = (bytes), \
		.magic = (reciprocal), \
		.nelems = (objects), \
		.npages = (pages), \
		.mag_cap = (magazine), \
		.tight_pages = (tight), \
	},

const struct gomem_class gomem_class[GOMEM_NR_CACHED] = {
	GOMEM_FOR_EACH_CLASS(CLASS_ROW)
};

u8 gomem_fine[GOMEM_NR_FINE] __ro_after_init = GOMEM_FINE_TABLE;
u8 gomem_coarse[GOMEM_NR_COARSE] __ro_after_init = GOMEM_COARSE_TABLE;

/* Bytes that no object has, in a span of @class that is @npages long. */
static unsigned long sizeclass_span_tail(unsigned int class, unsigned int npages)
{
	return ((unsigned long)npages << GOMEM_PAGE_SHIFT) %
	       gomem_class[class].size;
}

/**
 * gomem_span_pages() - how long the next span of a class should be
 * @class: its number
 * @slots: objects that its spans have room for
 *
 * A class of which there are few objects should not have a long span with more
 * free slots in it than there are objects; so its spans begin short, with room
 * for about as many objects as there are already.  For a class that has so many
 * spans that their tails make half a span of a better length, that length is the
 * right one: half of a span is free, on average.
 *
 * Return: gomem pages.
 */
unsigned int gomem_span_pages(unsigned int class, unsigned long slots)
{
	const struct gomem_class *c = &gomem_class[class];
	unsigned long bytes = max(slots, 1UL) * c->size, tails, tight_tails;
	unsigned long tight_bytes = c->tight_pages << GOMEM_PAGE_SHIFT;

	if (slots < c->nelems)
		return min_t(unsigned long, c->npages,
			     DIV_ROUND_UP(bytes, GOMEM_PAGE_SIZE));
	tails = bytes / gomem_class_bytes(class) * sizeclass_span_tail(class, c->npages);
	tight_tails = bytes / tight_bytes * sizeclass_span_tail(class, c->tight_pages);
	return 2 * tails < 2 * tight_tails + tight_bytes ? c->npages : c->tight_pages;
}

/*
 * Pass over classes whose objects would not all be aligned to @align, or to what
 * the largest size of a step needs.
 */
static void sizeclass_skip_unaligned(u8 *table, unsigned int nr, unsigned int size,
				     unsigned int step, unsigned int align)
{
	unsigned int i, want;

	for (i = 0; i < nr; i++, size += step) {
		want = max(align, size & -size);
		while (table[i] && !IS_ALIGNED(gomem_class[table[i]].size, want))
			table[i]++;
	}
}

/**
 * gomem_sizeclass_adapt() - have more alignment than sizes ask for
 * @fine: the fine look-up table, or a copy of it
 * @coarse: the coarse one
 * @align: bytes, a power of two, at most GOMEM_MAX_SMALL
 *
 * Sizes are then served by the next class that is a multiple of @align, too.
 */
void gomem_sizeclass_adapt(u8 *fine, u8 *coarse, unsigned int align)
{
	sizeclass_skip_unaligned(fine, GOMEM_NR_FINE, 0, 1 << GOMEM_FINE_SHIFT, align);
	sizeclass_skip_unaligned(coarse, GOMEM_NR_COARSE, GOMEM_COARSE_BASE,
				 1 << GOMEM_COARSE_SHIFT, align);
}

/**
 * gomem_sizeclass_init() - adapt the look-up tables to this architecture
 *
 * Some want more than eight bytes of alignment for DMA; elsewhere the tables stay
 * as they are.  kmalloc() promises less on some architectures, and has the DMA code
 * bounce what shares a cache line; that code knows kmalloc()'s sizes, not these.
 *
 * Context: once, before the first allocation.
 */
void gomem_sizeclass_init(void)
{
	unsigned int align = max_t(unsigned int, ARCH_KMALLOC_MINALIGN,
				   dma_get_cache_alignment());

	if (align > 8)
		gomem_sizeclass_adapt(gomem_fine, gomem_coarse, align);
}
