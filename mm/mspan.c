// SPDX-License-Identifier: GPL-2.0
/*
 * The objects of a span: one bit each, set while the object is given out.
 *
 * The bitmap lies beside the span, never in its objects, so that a stray write
 * cannot make the allocator hand out memory twice, and a free that clears no
 * bit is known to be wrong.  "Given out" includes the objects that wait in
 * magazines: only what has come back to its span is free here.
 *
 * Spans of up to 128 objects have their bits in the descriptor, the others
 * (the classes below 64 bytes) in memory of their own.
 *
 * Everything here is under the lock of the span's mcentral, or done before the
 * span is known to anybody.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>

#include "block.h"
#include "mspan.h"

static unsigned long *mspan_bits(const struct gomem_span *span)
{
	if (gomem_class_has_far_bits(span->class))
		return span->far_bits;
	return (unsigned long *)span->bits;
}

/**
 * gomem_mspan_init() - no object is given out yet
 * @span: its class is set
 * @far_bits: zeroed memory for the bits, if the class needs it
 */
void gomem_mspan_init(struct gomem_span *span, unsigned long *far_bits)
{
	span->nalloc = 0;
	span->sampled = NULL;
	bitmap_zero(span->bits, GOMEM_SPAN_INLINE_BITS);
	if (gomem_class_has_far_bits(span->class))
		span->far_bits = far_bits;
}

/* The memory that gomem_mspan_init() was given, or NULL. */
unsigned long *gomem_mspan_far_bits(const struct gomem_span *span)
{
	return gomem_class_has_far_bits(span->class) ? span->far_bits : NULL;
}

/**
 * gomem_mspan_take() - give out objects
 * @span: the span
 * @objs: where their addresses go
 * @nr: how many at most
 *
 * The lowest free ones are taken, a word of bits at a time.
 *
 * Return: how many there were.
 */
unsigned int gomem_mspan_take(struct gomem_span *span, void **objs,
			      unsigned int nr)
{
	unsigned int nelems = gomem_span_nelems(span);
	unsigned int size = gomem_class[span->class].size;
	unsigned long base = gomem_span_base(span);
	unsigned long *word = mspan_bits(span);
	unsigned int first, taken = 0;

	nr = min(nr, nelems - span->nalloc);
	for (first = 0; taken < nr; first += BITS_PER_LONG, word++) {
		unsigned long idle = ~*word;

		for (; idle && taken < nr; idle &= idle - 1)
			objs[taken++] = (void *)(base + size *
						 (first + __ffs(idle)));
		*word = ~idle;
	}
	span->nalloc += taken;
	return taken;
}

/**
 * gomem_mspan_put() - an object has come back
 * @span: the span
 * @index: which object
 *
 * Return: false if it had not been given out; nothing is changed then.
 */
bool gomem_mspan_put(struct gomem_span *span, unsigned int index)
{
	if (!__test_and_clear_bit(index, mspan_bits(span)))
		return false;
	span->nalloc--;
	return true;
}

/**
 * gomem_mspan_test() - is this object given out?
 * @span: the span
 * @index: which object
 *
 * Return: true if it is with a caller or in a magazine.
 */
bool gomem_mspan_test(const struct gomem_span *span, unsigned int index)
{
	return test_bit(index, mspan_bits(span));
}

/**
 * gomem_mspan_weight() - how many objects are given out?
 * @span: the span
 *
 * Believes no counter.
 *
 * Return: objects that are with callers or in magazines.
 */
unsigned int gomem_mspan_weight(const struct gomem_span *span)
{
	return bitmap_weight(mspan_bits(span), gomem_span_nelems(span));
}

/**
 * gomem_mspan_forget() - a span goes; whatever is still sampled is gone too
 * @span: dying, or about to be forgotten with leaked objects in it
 * @meta: where its marks are counted
 *
 * Only a wrong free makes a span die with marks.
 */
void gomem_mspan_forget(struct gomem_span *span, struct gomem_meta *meta)
{
	struct gomem_sampled *marks = span->sampled;

	if (!span->class || !marks)
		return;
	span->sampled = NULL;
	gomem_meta_free(meta, GOMEM_META_BUCKHASH, marks);
}
