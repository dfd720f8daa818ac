/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much idle memory to keep; mm/scavenge.c.
 */
#ifndef GOMEM_SCAVENGE_H
#define GOMEM_SCAVENGE_H

#include <linux/types.h>

struct gomem_mheap;

/* How many parts the ebb's window has. */
#define GOMEM_EBB_PARTS		2

/*
 * gomem_ebb - has most of a heap become idle, and only just?
 *
 * In bytes, of all nodes.  What has been in use in a part of the window is bounded by
 * what was live when it began and what was allocated since, and by HeapInuse.
 */
struct gomem_ebb {
	u64 began;			/* the part that is not over: when, in ms */
	u64 live, total;		/* HeapAlloc and TotalAlloc then */
	u64 peak;			/* greatest HeapInuse since */
	u64 use[GOMEM_EBB_PARTS];	/* of the parts that are over, newest first */
	u64 allocated;			/* in the newest of them */
	/* Was it right to return so much so early? */
	u64 returned_at;		/* ms; 0: there is nothing to regret */
	u64 held;			/* before that */
	u64 not_before;			/* ms */
	unsigned int mistakes;		/* in a row */
};

unsigned long gomem_scavenge_fold(struct gomem_mheap *mheap, u64 now_ms,
				  unsigned int delay_ms);
unsigned long gomem_scavenge_excess(struct gomem_mheap *mheap);
bool gomem_scavenge_rest(struct gomem_mheap *mheap);
u64 gomem_ebb_look(struct gomem_ebb *ebb, u64 now_ms, unsigned int delay_ms,
		   u64 live, u64 total, u64 peak);
u64 gomem_ebb_excess(struct gomem_ebb *ebb, u64 now_ms, unsigned int delay_ms,
		     u64 use, u64 held);
void gomem_ebb_returned(struct gomem_ebb *ebb, u64 now_ms, u64 held);
u64 gomem_ebb_allocated(const struct gomem_ebb *ebb, u64 total);
unsigned long gomem_scavenge(struct gomem_mheap *mheap, unsigned long npages,
			     bool exceed, unsigned long budget);

#endif /* GOMEM_SCAVENGE_H */
