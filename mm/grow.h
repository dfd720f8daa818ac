/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the page heap grows; mm/grow.c.
 */
#ifndef GOMEM_GROW_H
#define GOMEM_GROW_H

#include <linux/gfp.h>

struct gomem_block;
struct gomem_mheap;
struct gomem_want;

unsigned int gomem_mheap_growth(struct gomem_mheap *mheap);
void gomem_mheap_follow(struct gomem_want *want,
			const struct gomem_block *block);
struct gomem_span *gomem_mheap_grow(struct gomem_mheap *mheap,
				    const struct gomem_want *want, gfp_t gfp);
struct gomem_span *gomem_mheap_grow_tail(struct gomem_mheap *mheap,
					 const struct gomem_want *want, gfp_t gfp);

#endif /* GOMEM_GROW_H */
