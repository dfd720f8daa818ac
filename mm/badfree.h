/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be wrong with a free; mm/badfree.c.
 */
#ifndef GOMEM_BADFREE_H
#define GOMEM_BADFREE_H

struct gomem_heap;

enum gomem_bad {
	GOMEM_GOOD,
	GOMEM_BAD_FOREIGN,
	GOMEM_BAD_IDLE,
	GOMEM_BAD_INTERIOR,
	GOMEM_BAD_LARGE_INTERIOR,
	GOMEM_BAD_TAIL,
	GOMEM_BAD_DOUBLE,
	GOMEM_NR_BAD,
};

void gomem_bad_free(struct gomem_heap *heap, const void *p, enum gomem_bad why);

#endif /* GOMEM_BADFREE_H */
