/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects that have a span each; mm/large.c.
 */
#ifndef GOMEM_LARGE_H
#define GOMEM_LARGE_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "central.h"
#include "mheap.h"

struct gomem_block;

/* Where large objects that @mheap accounts for are counted. */
static inline struct gomem_mcentral *
gomem_large_central(struct gomem_heap *heap, struct gomem_mheap *mheap)
{
	return &heap->node[mheap->nid]->central[0];
}

void *gomem_large_alloc(struct gomem_heap *heap, size_t size, gfp_t gfp);
void *gomem_large_exact(struct gomem_heap *heap, struct gomem_mheap *mheap,
			size_t size, gfp_t gfp, int nid);
void *gomem_large_adopt(struct gomem_heap *heap, struct gomem_mheap *mheap,
			struct gomem_block *block, unsigned int npages);
void gomem_large_free(struct gomem_heap *heap, const void *p);
gfp_t gomem_page_gfp(gfp_t gfp);

#endif /* GOMEM_LARGE_H */
