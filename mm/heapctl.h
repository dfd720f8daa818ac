/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is done to all depots and page heaps of a heap; mm/heapctl.c.
 */
#ifndef GOMEM_HEAPCTL_H
#define GOMEM_HEAPCTL_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "heap.h"

unsigned int gomem_heap_empty_depots(struct gomem_heap *heap, unsigned int nr);
void gomem_heap_trim(struct gomem_heap *heap);
void gomem_heap_shed(struct gomem_heap *heap);
bool gomem_heap_shrink(struct gomem_heap *heap, gfp_t gfp);
bool gomem_heap_collect(struct gomem_heap *heap, gfp_t gfp);

#endif /* GOMEM_HEAPCTL_H */
