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

void *gomem_large_alloc(struct gomem_node *node, size_t size, gfp_t gfp,
			bool by_policy, bool *zeroed);
void *gomem_large_exact(struct gomem_node *node, size_t size, gfp_t gfp,
			bool by_policy);
void gomem_large_free(struct gomem_heap *heap, const void *p);
gfp_t gomem_page_gfp(gfp_t gfp);

#endif /* GOMEM_LARGE_H */
