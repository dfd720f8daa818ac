/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all CPUs of a node share of a size class: its spans; mm/mcentral.c.
 */
#ifndef GOMEM_MCENTRAL_H
#define GOMEM_MCENTRAL_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "central.h"

void gomem_mcentral_init(struct gomem_mcentral *central,
			 struct gomem_heap *heap, struct gomem_mheap *mheap,
			 unsigned int class, bool uncached);
unsigned int gomem_mcentral_take(struct gomem_mcentral *central, void **objs,
				 unsigned int nr);
bool gomem_mcentral_may_stray(const struct gomem_mcentral *central, gfp_t gfp);
struct gomem_mcentral *gomem_mcentral_next(struct gomem_mcentral *home,
					   const struct gomem_mcentral *last);
unsigned int gomem_mcentral_fetch(struct gomem_mcentral *central, void **objs,
				  unsigned int nr, gfp_t gfp, bool count,
				  void **single);
void gomem_objects_put(struct gomem_heap *heap, void **objs, unsigned int nr,
		       struct gomem_mcentral *counted);

#endif /* GOMEM_MCENTRAL_H */
