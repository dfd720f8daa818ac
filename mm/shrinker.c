// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel is short of memory: what gomem gives then.
 *
 * Blocks without spans, oldest first, whether or not the scavenger would keep
 * them; then what waits in the depots, whose spans may empty more blocks.  What
 * the CPUs hold is only asked for: the worker is called for a cycle, and nobody
 * waits for it, because whoever is here has to get memory first.  Nothing here
 * takes a lock that is held while gomem asks the kernel for memory.
 *
 * Counted in kernel pages, a node at a time.
 */
#include <linux/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "depot.h"
#include "instance.h"
#include "mheap.h"
#include "reclaim.h"
#include "release.h"
#include "shrinker.h"

static struct shrinker *shrinker;

static unsigned long shrinker_to_kernel_pages(unsigned long npages)
{
	return (npages << GOMEM_PAGE_SHIFT) >> PAGE_SHIFT;
}

/* Bytes that wait in a node's depots. */
static unsigned long shrinker_depot_bytes(struct gomem_node *node)
{
	unsigned long bytes = 0;
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		bytes += READ_ONCE(node->central[class].nr_cached) *
			 gomem_class[class].size;
	return bytes;
}

/**
 * gomem_shrink_count() - how much could be given
 * @heap: the heap
 * @nid: a node that is its own
 *
 * Context: any.
 * Return: kernel pages.
 */
unsigned long gomem_shrink_count(struct gomem_heap *heap, int nid)
{
	struct gomem_node *node = heap->node[nid];

	return shrinker_to_kernel_pages(READ_ONCE(node->mheap->idle_block_pages)) +
	       (shrinker_depot_bytes(node) >> PAGE_SHIFT);
}

/* Give back blocks without spans, @nr kernel pages or a little more. */
static unsigned long shrinker_give_blocks(struct gomem_mheap *mheap, unsigned long nr)
{
	unsigned long done = 0, n;

	while (done < nr) {
		n = gomem_mheap_release_block(mheap, ULONG_MAX);
		if (!n)
			break;
		done += shrinker_to_kernel_pages(n);
	}
	return done;
}

/**
 * gomem_shrink_scan() - give it
 * @heap: the heap
 * @nid: a node that is its own
 * @nr: kernel pages
 *
 * Context: any that may not sleep and holds no gomem lock.
 * Return: kernel pages given back.
 */
unsigned long gomem_shrink_scan(struct gomem_heap *heap, int nid,
				unsigned long nr)
{
	struct gomem_node *node = heap->node[nid];
	unsigned long done = shrinker_give_blocks(node->mheap, nr);
	unsigned int class;

	for (class = GOMEM_NR_CACHED - 1; class && done < nr; class--)
		if (gomem_depot_drain(&node->central[class], UINT_MAX))
			done += shrinker_give_blocks(node->mheap, nr - done);
	WRITE_ONCE(heap->reclaim->drain, true);
	gomem_reclaim_call(heap);
	return done;
}

static unsigned long shrinker_count(struct shrinker *s,
				    struct shrink_control *sc)
{
	struct gomem_heap *heap;
	unsigned long count = 0;

	if (!down_read_trylock(&gomem_heaps_lock))
		return 0;
	list_for_each_entry(heap, &gomem_heaps, list)
		if (node_isset(sc->nid, heap->nodes))
			count += gomem_shrink_count(heap, sc->nid);
	up_read(&gomem_heaps_lock);
	return count ? count : SHRINK_EMPTY;
}

static unsigned long shrinker_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct gomem_heap *heap;
	unsigned long done = 0;

	if (!down_read_trylock(&gomem_heaps_lock))
		return SHRINK_STOP;
	list_for_each_entry(heap, &gomem_heaps, list)
		if (node_isset(sc->nid, heap->nodes) && done < sc->nr_to_scan)
			done += gomem_shrink_scan(heap, sc->nid,
						  sc->nr_to_scan - done);
	up_read(&gomem_heaps_lock);
	return done ? done : SHRINK_STOP;
}

/**
 * gomem_shrinker_init() - register with the kernel
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_shrinker_init(void)
{
	shrinker = gomem_compat_shrinker_alloc(SHRINKER_NUMA_AWARE, "gomem");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = shrinker_count;
	shrinker->scan_objects = shrinker_scan;
	/* What is idle costs nothing to give: all of it rather than a part. */
	shrinker->seeks = 0;
	return gomem_compat_shrinker_register(shrinker, "gomem");
}

/**
 * gomem_shrinker_exit() - the kernel does not ask any more
 */
void gomem_shrinker_exit(void)
{
	gomem_compat_shrinker_free(shrinker);
}
