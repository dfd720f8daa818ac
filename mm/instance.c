// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps are made and taken apart: mcaches for the CPUs that are online, page heaps for
 * the nodes that have memory, mcentrals for every class over each of these; and what
 * looks after all that: the worker, reclaim cycles, the heap profile.
 *
 * There is one default heap, which gomem_alloc() uses.  Others are complete
 * heaps of their own; tests make them, use them and throw them away.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "central.h"
#include "depot.h"
#include "gc.h"
#include "heapctl.h"
#include "instance.h"
#include "knobs.h"
#include "mcache.h"
#include "mheap.h"
#include "mprof.h"
#include "node.h"
#include "reclaim.h"
#include "release.h"
#include "snapshot.h"
#include "walk.h"

/* Places in the code that are told apart when memory is left, and those that are named. */
#define MOST_HOLDERS	256U
#define TOLD_HOLDERS	5U

static const struct gomem_hooks instance_hooks = {
	.wake = gomem_reclaim_call,
	.stir = gomem_reclaim_stir,
	.collect = gomem_heap_collect,
	.zone = gomem_zone_node,
	.shrink = gomem_heap_shrink,
	.sample = gomem_mprof_malloc,
	.unsample = gomem_mprof_free,
	.gone = gomem_mprof_gone,
};

/* All heaps that can be looked at. */
LIST_HEAD(gomem_heaps);
DECLARE_RWSEM(gomem_heaps_lock); /* that list; who shrinks a heap holds it, too */

/* Others find it from now on. */
static int instance_begin(struct gomem_heap *heap)
{
	int ret;

	down_write(&gomem_heaps_lock);
	/* Of memory that comes after this, we are told. */
	ret = min(gomem_nodes_catch_up(heap), 0);
	if (!ret)
		ret = gomem_reclaim_start(heap);
	if (!ret)
		list_add_tail(&heap->list, &gomem_heaps);
	up_write(&gomem_heaps_lock);
	return ret;
}

/**
 * gomem_heap_init() - a new heap
 * @heap: zeroed, but for what the caller has decided (is_default, uncached)
 * @name: what it is called
 * @meta: what its metadata is counted in
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int gomem_heap_init(struct gomem_heap *heap, const char *name,
		    struct gomem_meta *meta)
{
	int ret;

	heap->name = name;
	heap->meta = meta;
	heap->hooks = &instance_hooks;
	heap->asked = jiffies - HZ;
	heap->collected = jiffies - HZ;
	gomem_knobs_init(heap);
	ret = gomem_mprof_init(heap);
	if (ret)
		return ret;
	ret = gomem_gc_init(heap);
	if (ret)
		goto no_gc;
	ret = gomem_nodes_create(heap);
	if (ret)
		goto no_nodes;
	/* The CPUs that are there now; others get theirs when they come. */
	mutex_lock(&heap->gc->mutex);
	cpus_read_lock();
	gomem_gc_cpus_change(heap, num_online_cpus());
	ret = gomem_mcaches_create(heap);
	if (!ret)
		ret = instance_begin(heap);
	cpus_read_unlock();
	if (ret)
		gomem_mcaches_destroy(heap);
	mutex_unlock(&heap->gc->mutex);
	if (!ret)
		return 0;

	gomem_nodes_destroy(heap);
no_nodes:
	gomem_gc_exit(heap);
no_gc:
	gomem_mprof_destroy(heap);
	return ret;
}

/* Compare the references to all pages that are left; nobody uses the heap any more. */
static void instance_census(struct gomem_heap *heap)
{
	struct gomem_block *block;
	struct gomem_mheap *mheap;
	struct gomem_walk walk;
	unsigned int i;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);) {
		mheap = heap->node[nid]->mheap;
		gomem_mheap_unpin(mheap);
		gomem_walk_begin(&walk, mheap);
		while ((block = gomem_walk_next(&walk)))
			for (i = 0; i < (block->exact ? 1 : block->npages); i++)
				gomem_mheap_census(mheap, &block->span[i]);
	}
}

/* What others have done, or still do, with pages that are gomem's. */
static void instance_report_pages(struct gomem_heap *heap,
				  const struct gomem_snapshot *snap)
{
	unsigned int class;
	u64 stolen;

	if (snap->held_pages)
		pr_err("%s: %llu pages of freed memory are still held by others, who keep them\n",
		       heap->name, snap->held_pages);
	for (class = 0; class < GOMEM_NR_CACHED; class++) {
		stolen = snap->class[class].stolen;
		if (stolen && gomem_told_class(class))
			pr_err("%s: kfree() was given objects of %u bytes %llu times\n",
			       heap->name, gomem_class[class].size, stolen);
		else if (stolen)
			pr_err("%s: kfree() was given large objects %llu times\n",
			       heap->name, stolen);
	}
	if (snap->stolen)
		pr_err("%s: kfree() was given gomem's memory %llu times in all: what it was given is lost\n",
		       heap->name, snap->stolen);
}

/* Who has left most, as far as samples tell. */
static void instance_report_holders(struct gomem_heap *heap)
{
	struct gomem_mprof *mprof = heap->mprof;
	struct gomem_holder *holder;
	unsigned int i, nr;
	char *name;

	holder = kvmalloc_array(MOST_HOLDERS, sizeof(*holder), GFP_KERNEL);
	name = kmalloc(GOMEM_NAME_SIZE, GFP_KERNEL);
	if (holder && name) {
		down_read(&mprof->names);
		nr = gomem_mprof_holders(heap, holder, MOST_HOLDERS);
		for (i = 0; i < min(nr, TOLD_HOLDERS); i++) {
			gomem_frame_name(name, GOMEM_NAME_SIZE, holder[i].frame,
					 holder[i].named);
			pr_err("%s: %s got ~%llu of them, ~%llu bytes\n", heap->name, name,
			       holder[i].objects, holder[i].bytes);
		}
		up_read(&mprof->names);
	}
	kfree(name);
	kvfree(holder);
}

/* What is left is somebody's.  Returns how many objects that is. */
static unsigned long instance_report_leaks(struct gomem_heap *heap)
{
	struct gomem_snapshot *snap = kvzalloc(sizeof(*snap), GFP_KERNEL);
	unsigned long total = 0;
	unsigned int class;

	if (!snap)
		return 0;
	instance_census(heap);
	gomem_snapshot(heap, snap);
	for (class = 0; class < GOMEM_NR_CACHED; class++) {
		u64 live = snap->class[class].nmalloc - snap->class[class].nfree;

		total += live;
		if (live && class)
			pr_err("%s: %llu objects of %u bytes were never freed\n",
			       heap->name, live, gomem_class[class].size);
		else if (live)
			pr_err("%s: %llu large objects of %llu bytes were never freed\n",
			       heap->name, live, snap->large_bytes);
	}
	if (total)
		instance_report_holders(heap);
	instance_report_pages(heap, snap);
	kvfree(snap);
	return total;
}

static void instance_centrals_destroy(struct gomem_node *node)
{
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		gomem_depot_destroy(&node->central[class]);
}

/**
 * gomem_heap_destroy() - take a heap apart
 * @heap: the heap; nobody allocates from it or frees to it any more
 *
 * Objects that are still allocated are reported, and keep their pages.
 *
 * Context: process.
 * Return: how many objects were left.
 */
unsigned long gomem_heap_destroy(struct gomem_heap *heap)
{
	unsigned long leaked;
	int cpu, nid;

	gomem_reclaim_stop(heap);
	down_write(&gomem_heaps_lock);
	list_del(&heap->list);
	up_write(&gomem_heaps_lock);

	/* A trace event that is turned on or off now has counts begun anew. */
	mutex_lock(&heap->gc->mutex);
	for_each_cpu(cpu, heap->cpus)
		gomem_mcache_drain(heap, gomem_mcache_of(heap, cpu), UINT_MAX);
	mutex_unlock(&heap->gc->mutex);
	for (nid = -1; gomem_next_node(heap, &nid);)
		instance_centrals_destroy(heap->node[nid]);
	leaked = instance_report_leaks(heap);
	for (nid = -1; gomem_next_node(heap, &nid);)
		gomem_mheap_destroy(heap->node[nid]->mheap);
	gomem_mprof_destroy(heap);
	mutex_lock(&heap->gc->mutex);
	gomem_mcaches_destroy(heap);
	mutex_unlock(&heap->gc->mutex);
	mutex_lock(&gomem_rearm_mutex);
	gomem_nodes_destroy(heap);
	gomem_gc_exit(heap);
	mutex_unlock(&gomem_rearm_mutex);
	gomem_reclaim_free(heap);
	/* Descriptors of blocks go after a grace period, and are counted then. */
	rcu_barrier();
	return leaked;
}
