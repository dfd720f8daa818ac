/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Giving memory back when the kernel is short of it; mm/shrinker.c.
 */
#ifndef GOMEM_SHRINKER_H
#define GOMEM_SHRINKER_H

#include <linux/types.h>

struct gomem_heap;

int gomem_shrinker_init(void);
void gomem_shrinker_exit(void);
unsigned long gomem_shrink_count(struct gomem_heap *heap, int nid);
unsigned long gomem_shrink_scan(struct gomem_heap *heap, int nid,
				unsigned long nr, unsigned long *scanned);
unsigned long gomem_shrink_count_all(int nid);
unsigned long gomem_shrink_scan_all(int nid, unsigned long nr,
				    unsigned long *scanned);

#endif /* GOMEM_SHRINKER_H */
