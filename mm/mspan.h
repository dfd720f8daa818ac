/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A span, and which of its objects are given out; mm/mspan.c.
 */
#ifndef GOMEM_MSPAN_H
#define GOMEM_MSPAN_H

#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "meta.h"
#include "sizeclass.h"

/*
 * gomem_sample - an allocated object that is in the heap profile
 *
 * Lies beside its span: a sample a slot in gomem_sampled for small objects,
 * which is there as long as one of them is sampled; in the span itself for an object
 * that is not cached.
 */
struct gomem_sample {
	u64 born:36;			/* gomem_mprof_now(), see there */
	u64 bucket:12;			/* 0: not sampled */
	u64 weight:16;			/* what it stands for, see sampling.h */
};

struct gomem_sampled {
	unsigned int nr;		/* samples in it, at least one */
	struct gomem_sample object[];	/* nelems of them */
};

/*
 * gomem_span - a run of pages that holds objects of one class, or one object
 *
 * Lives in its block's array, at the index of its first page: so it knows its block,
 * and with its class, whose it is (block.h).  The pages of one that is in use are tagged
 * in their arena, and lead to it through their block.
 *
 * idle -> in use by mheap, under its lock.  In use -> dying by mcentral, under
 * its lock, when the last object has come back (if it is an uncached object, by
 * mm/large.c, under the lock of the mheap); from then on only the one who killed it
 * holds it.  Dying -> idle by mheap; or pinned, while somebody refers to one of its
 * pages, and then idle.
 */
enum gomem_span_state {
	GOMEM_SPAN_IDLE,
	GOMEM_SPAN_INUSE,
	GOMEM_SPAN_DYING,
	GOMEM_SPAN_PINNED,
};

#define GOMEM_SPAN_INLINE_BITS	128

struct gomem_span {
	/* mcentral.partial or .reserve, mheap.pinned, a list of dying ones, or empty. */
	struct list_head list;
	union {				/* a set bit is an object given out */
		unsigned long bits[BITS_TO_LONGS(GOMEM_SPAN_INLINE_BITS)];
		unsigned long *far_bits;
	};
	union {
		struct gomem_sampled *sampled;	/* small objects; or NULL */
		struct gomem_sample large;	/* under mheap->lock */
	};
	u16 more;			/* pages behind the first one, half or whole */
	u16 nalloc;			/* objects not in this span's bitmap's zeros */
	u8 class;			/* 0: one uncached object */
	u8 state;
	u8 index;			/* constant: in the array */
	u8 first;			/* index of the span that has the page of this index */
};

/* There is one for each page. */
static_assert(sizeof(struct gomem_span) == 48);
static_assert(KMALLOC_MAX_SIZE >> GOMEM_PAGE_SHIFT <= U16_MAX + 1);

/* Pages of @span; half a page counts as one. */
static inline unsigned int gomem_span_npages(const struct gomem_span *span)
{
	return READ_ONCE(span->more) + 1U;
}

/*
 * Is @span in use?  With the lock of its mcentral held it stays so; whose it is may
 * be read once that is known.
 */
static inline bool gomem_span_in_use(const struct gomem_span *span)
{
	/*
	 * It is published, with all that is in it, under another lock: pairs with
	 * the release in mheap_publish().
	 */
	return smp_load_acquire(&span->state) == GOMEM_SPAN_INUSE;
}

/* What is known of the small objects of @span that are sampled?  Nothing? */
static inline bool gomem_span_is_sampled(const struct gomem_span *span)
{
	return span->class && READ_ONCE(span->sampled);
}

static inline bool gomem_class_has_far_bits(unsigned int class)
{
	return gomem_class[class].nelems > GOMEM_SPAN_INLINE_BITS;
}

void gomem_mspan_init(struct gomem_span *span, unsigned long *far_bits);
unsigned int gomem_mspan_take(struct gomem_span *span, void **objs,
			      unsigned int nr);
bool gomem_mspan_put(struct gomem_span *span, unsigned int index);
unsigned int gomem_mspan_weight(const struct gomem_span *span);
bool gomem_mspan_test(const struct gomem_span *span, unsigned int index);
unsigned long *gomem_mspan_far_bits(const struct gomem_span *span);
void gomem_mspan_forget(struct gomem_span *span, struct gomem_meta *meta);

#endif /* GOMEM_MSPAN_H */
