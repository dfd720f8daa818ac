/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much idle memory to keep; mm/scavenge.c.
 */
#ifndef GOMEM_SCAVENGE_H
#define GOMEM_SCAVENGE_H

#include <linux/types.h>

struct gomem_mheap;

void gomem_scavenge_fold(struct gomem_mheap *mheap, u64 now_ms,
			 unsigned int delay_ms);
unsigned long gomem_scavenge_excess(struct gomem_mheap *mheap);
bool gomem_scavenge_rest(struct gomem_mheap *mheap);
unsigned long gomem_scavenge(struct gomem_mheap *mheap, unsigned long npages,
			     bool exceed, unsigned long budget);

#endif /* GOMEM_SCAVENGE_H */
