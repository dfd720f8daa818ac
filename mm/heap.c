// SPDX-License-Identifier: GPL-2.0
/*
 * A heap: mcaches for every CPU, mcentrals for every class and node, over the
 * page heaps of the nodes.
 *
 * There is one default heap, which gomem_alloc() uses.  Others are complete
 * heaps of their own; tests make them, use them and throw them away.
 */
#include <linux/cpu.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "internal.h"

struct gomem_heap gomem_default_heap;

/* All heaps that can be looked at. */
LIST_HEAD(gomem_heaps);
DEFINE_MUTEX(gomem_heaps_lock); /* that list */

static struct gomem_node *node_create(struct gomem_heap *heap, int nid)
{
	struct gomem_mheap *mheap;
	struct gomem_node *node;
	unsigned int class;

	node = kvzalloc(sizeof(*node), GFP_KERNEL);
	mheap = kvzalloc(sizeof(*mheap), GFP_KERNEL);
	if (!node || !mheap) {
		kvfree(node);
		kvfree(mheap);
		return NULL;
	}
	gomem_mheap_init(mheap, nid, heap->meta);
	node->mheap = mheap;
	for (class = 0; class < GOMEM_NR_CACHED; class++)
		gomem_mcentral_init(&node->central[class], heap, mheap, class);
	atomic_long_add(sizeof(*node) + sizeof(*mheap),
			&heap->meta->bytes[GOMEM_META_OTHER]);
	return node;
}

static void node_destroy(struct gomem_heap *heap, struct gomem_node *node)
{
	atomic_long_sub(sizeof(*node) + sizeof(*node->mheap),
			&heap->meta->bytes[GOMEM_META_OTHER]);
	kvfree(node->mheap);
	kvfree(node);
}

static void nodes_destroy(struct gomem_heap *heap)
{
	int nid;

	for_each_node_mask(nid, heap->nodes)
		node_destroy(heap, heap->node[nid]);
	kfree(heap->node);
	heap->node = NULL;
}

static int nodes_create(struct gomem_heap *heap)
{
	int first = first_node(node_states[N_MEMORY]);
	int nid;

	heap->node = kcalloc(nr_node_ids, sizeof(*heap->node), GFP_KERNEL);
	if (!heap->node)
		return -ENOMEM;
	for_each_node_state(nid, N_MEMORY) {
		heap->node[nid] = node_create(heap, nid);
		if (!heap->node[nid]) {
			nodes_destroy(heap);
			return -ENOMEM;
		}
		node_set(nid, heap->nodes);
	}
	for (nid = 0; nid < nr_node_ids; nid++)
		if (!heap->node[nid])
			heap->node[nid] = heap->node[first];
	return 0;
}

/**
 * gomem_heap_init() - a new heap
 * @heap: zeroed, but for what the caller has decided (is_default, uncached)
 * @name: what it is called
 * @meta: what its metadata is counted in
 * @mcache: a per-CPU area for its caches
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int gomem_heap_init(struct gomem_heap *heap, const char *name,
		    struct gomem_meta *meta,
		    struct gomem_mcache __percpu *mcache)
{
	int cpu, ret;

	heap->name = name;
	heap->meta = meta;
	heap->mcache = mcache;
	gomem_mprof_init(&heap->mprof);
	for_each_possible_cpu(cpu)
		gomem_mcache_init(per_cpu_ptr(mcache, cpu));
	gomem_knobs_init(heap);
	ret = gomem_gc_init(heap);
	if (ret)
		return ret;
	ret = nodes_create(heap);
	if (ret) {
		gomem_gc_exit(heap);
		return ret;
	}
	atomic_long_add(num_possible_cpus() * sizeof(struct gomem_mcache),
			&meta->bytes[GOMEM_META_MCACHE]);
	mutex_lock(&gomem_heaps_lock);
	list_add_tail(&heap->list, &gomem_heaps);
	mutex_unlock(&gomem_heaps_lock);
	gomem_reclaim_start(heap);
	return 0;
}

/* What is left is somebody's.  Returns how many objects that is. */
static unsigned long report_leaks(struct gomem_heap *heap)
{
	struct gomem_snapshot *snap = kvzalloc(sizeof(*snap), GFP_KERNEL);
	unsigned long total = 0;
	unsigned int class;

	if (!snap)
		return 0;
	gomem_snapshot(heap, snap);
	for (class = 0; class < GOMEM_NR_CACHED; class++) {
		u64 live = snap->class[class].nmalloc - snap->class[class].nfree;

		total += live;
		if (live && class)
			pr_err("gomem: %s: %llu objects of %u bytes were never freed\n",
			       heap->name, live, gomem_class[class].size);
		else if (live)
			pr_err("gomem: %s: %llu large objects of %llu bytes were never freed\n",
			       heap->name, live, snap->large_bytes);
	}
	kvfree(snap);
	return total;
}

static void centrals_destroy(struct gomem_node *node)
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
	mutex_lock(&gomem_heaps_lock);
	list_del(&heap->list);
	mutex_unlock(&gomem_heaps_lock);

	/* A trace event that is turned on or off now has counts begun anew. */
	mutex_lock(&heap->gc.mutex);
	for_each_possible_cpu(cpu)
		gomem_mcache_drain(heap, per_cpu_ptr(heap->mcache, cpu));
	mutex_unlock(&heap->gc.mutex);
	for_each_node_mask(nid, heap->nodes)
		centrals_destroy(heap->node[nid]);
	leaked = report_leaks(heap);
	for_each_node_mask(nid, heap->nodes)
		gomem_mheap_destroy(heap->node[nid]->mheap);
	gomem_mprof_destroy(heap);
	nodes_destroy(heap);
	gomem_gc_exit(heap);
	atomic_long_sub(num_possible_cpus() * sizeof(struct gomem_mcache),
			&heap->meta->bytes[GOMEM_META_MCACHE]);
	/* Descriptors of blocks go after a grace period, and are counted then. */
	rcu_barrier();
	return leaked;
}

static long rearm_this_cpu(void *data)
{
	gomem_mcache_rearm(data, NULL);
	return 0;
}

/**
 * gomem_heap_rearm() - the profile's rate has changed, or whether to trace
 * @heap: the heap; one that is not there yet, or not any more, is left alone
 *
 * Who else touches the mcaches of CPUs that are off holds gc.mutex, too.
 *
 * Context: process, may sleep: every CPU begins its counts anew.
 */
void gomem_heap_rearm(struct gomem_heap *heap)
{
	int cpu;

	if (!heap->node)
		return;
	mutex_lock(&heap->gc.mutex);
	cpus_read_lock();
	for_each_possible_cpu(cpu) {
		if (cpu_online(cpu))
			work_on_cpu(cpu, rearm_this_cpu, heap);
		else
			gomem_mcache_rearm(heap, per_cpu_ptr(heap->mcache, cpu));
	}
	cpus_read_unlock();
	mutex_unlock(&heap->gc.mutex);
}

/* Above this number the caller may sleep, and so others get their turn. */
#define ATOMIC_DEPOTS	16U

static unsigned int empty_depot(struct gomem_mcentral *central, unsigned int nr)
{
	unsigned int done = 0, chunk, n;

	while (done < nr && READ_ONCE(central->nr_full)) {
		chunk = min(nr - done, ATOMIC_DEPOTS);
		n = gomem_depot_drain(central, chunk);
		done += n;
		if (n < chunk)
			break;
		if (nr > ATOMIC_DEPOTS)
			cond_resched();
	}
	return done;
}

static unsigned int empty_depots_of(struct gomem_node *node, unsigned int nr)
{
	unsigned int done = 0;
	unsigned int class;

	for (class = GOMEM_NR_CACHED - 1; class && done < nr; class--)
		done += empty_depot(&node->central[class], nr - done);
	return done;
}

/**
 * gomem_heap_empty_depots() - return what waits in the depots to the spans
 * @heap: the heap
 * @nr: how many magazines, at most
 *
 * Context: any, no gomem lock held; a caller that may not sleep asks for few.
 * Return: how many magazines were emptied.
 */
unsigned int gomem_heap_empty_depots(struct gomem_heap *heap, unsigned int nr)
{
	unsigned int done = 0;
	int nid;

	if (!READ_ONCE(heap->depot_used))
		return 0;
	WRITE_ONCE(heap->depot_used, false);
	for_each_node_mask(nid, heap->nodes)
		done += empty_depots_of(heap->node[nid], nr - done);
	if (done == nr)
		WRITE_ONCE(heap->depot_used, true);
	return done;
}

/**
 * gomem_heap_shrink() - the page allocator has nothing: find something here
 * @heap: the heap
 * @gfp: of the request that failed
 *
 * Context: as @gfp says.
 * Return: true if it is worth to try again.
 */
bool gomem_heap_shrink(struct gomem_heap *heap, gfp_t gfp)
{
	bool may_sleep = gfpflags_allow_blocking(gfp);
	unsigned long given_back = 0, keep;
	struct gomem_mheap *mheap;
	unsigned int emptied;
	int nid;

	if (gfp & (__GFP_DMA | __GFP_DMA32))
		return false;
	emptied = gomem_heap_empty_depots(heap, may_sleep ? UINT_MAX : 16);
	for_each_node_mask(nid, heap->nodes) {
		mheap = heap->node[nid]->mheap;
		/* Who must not sleep gives one block back, the others all. */
		keep = READ_ONCE(mheap->idle_block_pages);
		if (may_sleep)
			given_back += gomem_mheap_trim_all(mheap);
		else if (keep)
			given_back += gomem_mheap_trim(mheap, keep - 1);
	}
	return emptied || given_back;
}
