/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The worker that gives memory back; mm/reclaim.c.
 */
#ifndef GOMEM_RECLAIM_H
#define GOMEM_RECLAIM_H

#include <linux/irq_work.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "scavenge.h"

struct gomem_heap;

/*
 * gomem_reclaim - the worker of a heap, and how it is called
 *
 * @flag is what allocation paths raise; @kick and @stir, from interrupt context, are
 * how the worker comes to see it, at once or soon.
 */
struct gomem_reclaim {
	struct gomem_heap *heap;
	struct irq_work kick, stir;
	struct delayed_work look;	/* not while the heap is at rest */
	bool running;			/* between start and stop */
	bool flag;
	bool drain;			/* somebody wants a cycle */
	unsigned int budget;		/* pages to return in a look, see there */
	struct gomem_ebb ebb;
	u64 trimmed_ms;			/* when the depots were */
	u64 live, total, cached;	/* at the last look, see gomem_gc_sums */
};

int gomem_reclaim_init(void);
void gomem_reclaim_exit(void);
int gomem_reclaim_start(struct gomem_heap *heap);
void gomem_reclaim_stop(struct gomem_heap *heap);
void gomem_reclaim_free(struct gomem_heap *heap);
void gomem_reclaim_call(struct gomem_heap *heap);
void gomem_reclaim_stir(struct gomem_heap *heap);
unsigned long gomem_reclaim_look(struct gomem_heap *heap);
unsigned long gomem_reclaim_look_at(struct gomem_heap *heap, u64 now_ms);
void gomem_heap_free_os_memory(struct gomem_heap *heap);

#endif /* GOMEM_RECLAIM_H */
