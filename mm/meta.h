/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The allocator's own memory: descriptors, bitmaps, magazines; mm/meta.c.
 */
#ifndef GOMEM_META_H
#define GOMEM_META_H

#include <linux/atomic.h>
#include <linux/types.h>

struct gomem_stock;

/*
 * gomem_meta - the allocator's own memory, by the MemStats field it counts in
 *
 * A heap has one, which its page heaps share.  @fail_nth is for tests: when positive it
 * counts down, and the request that brings it to zero fails, be it for metadata or for
 * pages.
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
	atomic_long_t stolen;		/* references of free pages, by kfree() */
};

bool gomem_should_fail(struct gomem_meta *meta);
void *gomem_meta_alloc(struct gomem_meta *meta, enum gomem_meta_kind kind,
		       size_t size, gfp_t gfp);
void *gomem_meta_take(struct gomem_meta *meta, enum gomem_meta_kind kind,
		      struct gomem_stock *stock, gfp_t gfp);
void gomem_meta_uncount(struct gomem_meta *meta, enum gomem_meta_kind kind,
			const void *p);
void gomem_meta_recount(struct gomem_meta *meta, enum gomem_meta_kind from,
			enum gomem_meta_kind to, size_t bytes);
void gomem_meta_free(struct gomem_meta *meta, enum gomem_meta_kind kind,
		     void *p);
gfp_t gomem_meta_gfp(gfp_t gfp);

#endif /* GOMEM_META_H */
