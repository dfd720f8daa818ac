/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Go's runtime.MemStats; mm/mstats.c.
 */
#ifndef GOMEM_MSTATS_H
#define GOMEM_MSTATS_H

#include <linux/gomem.h>

#include "snapshot.h"

void gomem_memstats_from(struct gomem_heap *heap,
			 const struct gomem_snapshot *snap,
			 struct gomem_memstats *stats);
void gomem_heap_memstats(struct gomem_heap *heap, struct gomem_memstats *stats);

#endif /* GOMEM_MSTATS_H */
