// SPDX-License-Identifier: GPL-2.0
/*
 * What is given back without being asked for.
 *
 * Once a second a heap is looked over in the background: magazines that no CPU
 * has needed since the last look go back to their spans, CPUs are told to expect
 * less, and blocks without any span beyond what the page heap wants to keep go
 * back to the kernel.  The timer behind it does not wake an idle CPU.
 */
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/workqueue.h>

#include "internal.h"

static struct workqueue_struct *scavenge_queue;

/**
 * gomem_scavenge_pass() - one look over a heap
 * @heap: the heap
 *
 * Context: process.
 */
void gomem_scavenge_pass(struct gomem_heap *heap)
{
	struct gomem_node *node;
	unsigned int class;
	int cpu, nid;

	for_each_possible_cpu(cpu)
		gomem_mcache_relax(per_cpu_ptr(heap->mcache, cpu));
	for_each_node_mask(nid, heap->nodes) {
		node = heap->node[nid];
		for (class = 1; class < GOMEM_NR_CLASSES; class++)
			gomem_mcentral_trim(&node->central[class]);
		gomem_mheap_trim(node->mheap, gomem_mheap_keep(node->mheap));
	}
}

static void scavenge_tick(struct work_struct *work)
{
	struct gomem_heap *heap;

	heap = container_of(to_delayed_work(work), struct gomem_heap, tick);
	gomem_scavenge_pass(heap);
	queue_delayed_work(scavenge_queue, &heap->tick, HZ);
}

/**
 * gomem_scavenge_start() - begin to look after a heap
 * @heap: the heap
 */
void gomem_scavenge_start(struct gomem_heap *heap)
{
	INIT_DEFERRABLE_WORK(&heap->tick, scavenge_tick);
	queue_delayed_work(scavenge_queue, &heap->tick, HZ);
}

/**
 * gomem_scavenge_stop() - leave a heap alone from now on
 * @heap: the heap
 *
 * Context: process, may sleep until a running pass is over.
 */
void gomem_scavenge_stop(struct gomem_heap *heap)
{
	cancel_delayed_work_sync(&heap->tick);
}

/**
 * gomem_scavenge_init() - before the first heap
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_scavenge_init(void)
{
	scavenge_queue = alloc_workqueue("gomem", WQ_UNBOUND | WQ_MEM_RECLAIM,
					 1);
	return scavenge_queue ? 0 : -ENOMEM;
}

/**
 * gomem_scavenge_exit() - after the last heap
 */
void gomem_scavenge_exit(void)
{
	destroy_workqueue(scavenge_queue);
}
