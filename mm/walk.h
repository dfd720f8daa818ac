/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A walk over the blocks of a page heap, on which one may sleep; mm/walk.c.
 */
#ifndef GOMEM_WALK_H
#define GOMEM_WALK_H

struct gomem_block;
struct gomem_mheap;

struct gomem_walk {
	struct gomem_mheap *mheap;
	struct gomem_block *block;	/* where it stands, or NULL */
	unsigned long left;		/* blocks that it may still come to */
};

void gomem_walk_begin(struct gomem_walk *walk, struct gomem_mheap *mheap);
struct gomem_block *gomem_walk_next(struct gomem_walk *walk);
void gomem_walk_end(struct gomem_walk *walk);

#endif /* GOMEM_WALK_H */
