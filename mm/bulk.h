/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many objects at once; mm/bulk.c.
 */
#ifndef GOMEM_BULK_H
#define GOMEM_BULK_H

#include <linux/gfp.h>
#include <linux/types.h>

struct gomem_heap;

unsigned int gomem_heap_alloc_bulk(struct gomem_heap *heap, size_t size,
				   gfp_t gfp, unsigned int nr, void **objs);

#endif /* GOMEM_BULK_H */
