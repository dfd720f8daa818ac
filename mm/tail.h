/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What large objects leave of their pages; mm/tail.c.
 */
#ifndef GOMEM_TAIL_H
#define GOMEM_TAIL_H

#include <linux/types.h>

struct gomem_block;
struct gomem_mheap;
struct gomem_want;

void gomem_tail_add(struct gomem_mheap *mheap, struct gomem_block *block);
void gomem_tail_remove(struct gomem_mheap *mheap, struct gomem_block *block);
unsigned int gomem_tail_find(struct gomem_mheap *mheap,
			     const struct gomem_want *want, unsigned int most);
bool gomem_tail_cut(struct gomem_mheap *mheap, const struct gomem_want *want,
		    unsigned int most, struct gomem_block *block);

#endif /* GOMEM_TAIL_H */
