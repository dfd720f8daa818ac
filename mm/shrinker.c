// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel is short of memory: what gomem gives then.
 *
 * Blocks without spans, oldest first, whether or not the scavenger would keep
 * them; then idle runs of other blocks, as holes; then what waits in the depots;
 * then what waits on the CPUs.  What waits is worth nothing by itself: it returns to
 * its spans, and the blocks and runs that become idle by that are what is given.
 * Blocks that are filling up are made holes in when there is nothing else.
 *
 * No more is given, and no more returned to spans, than the kernel has asked for;
 * but a block is given whole, and the CPUs are emptied all at once.  Besides, the
 * worker is called for a cycle.  Whoever is here may hold locks of others, and
 * others may wait for it: nothing here waits for somebody who may be waiting for
 * memory, and between any two magazines or blocks others get their turn.
 *
 * Counted in kernel pages, a node at a time.
 */
#include <linux/cpumask.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/topology.h>

#include "depot.h"
#include "gc.h"
#include "instance.h"
#include "mheap.h"
#include "reclaim.h"
#include "release.h"
#include "shrinker.h"
#include "snapshot.h"

/* Sums of so many pages do not overflow. */
#define MOST_PAGES	(ULONG_MAX >> (GOMEM_PAGE_SHIFT + 2))

static struct shrinker *shrinker;

static unsigned long shrinker_to_kernel_pages(unsigned long npages)
{
	return (npages << GOMEM_PAGE_SHIFT) >> PAGE_SHIFT;
}

static unsigned long shrinker_to_gomem_pages(unsigned long pages)
{
	return DIV_ROUND_UP(pages << PAGE_SHIFT, GOMEM_PAGE_SIZE);
}

/* Bytes that wait in a node's depots. */
static u64 shrinker_depot_bytes(struct gomem_node *node)
{
	unsigned int class;
	u64 bytes = 0;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		bytes += (u64)READ_ONCE(node->central[class].nr_cached) *
			 gomem_class[class].size;
	return bytes;
}

/* Bytes that wait in the magazines of the CPUs whose node it is. */
static u64 shrinker_cpu_bytes(struct gomem_heap *heap, int nid)
{
	u64 bytes = 0;
	int cpu;

	for_each_online_cpu(cpu)
		if (heap->node[cpu_to_mem(cpu)] == heap->node[nid])
			bytes += gomem_cached_bytes_on(heap, cpu);
	return bytes;
}

/**
 * gomem_shrink_count() - how much could be given
 * @heap: the heap
 * @nid: a node that is its own
 *
 * Context: any but NMI.
 * Return: kernel pages: those that are idle, in whatever block, and as many as the
 * objects would fill that wait in magazines.
 */
unsigned long gomem_shrink_count(struct gomem_heap *heap, int nid)
{
	struct gomem_node *node = heap->node[nid];
	u64 waiting = shrinker_depot_bytes(node) + shrinker_cpu_bytes(heap, nid);

	return shrinker_to_kernel_pages(READ_ONCE(node->mheap->idle_pages)) +
	       (waiting >> PAGE_SHIFT);
}

/* One block, or holes of @nr kernel pages.  Returns what was given. */
static unsigned long shrinker_give_one(struct gomem_mheap *mheap, unsigned long nr,
				       bool filling)
{
	unsigned long npages = shrinker_to_gomem_pages(nr), n;

	n = gomem_mheap_release_block(mheap, 2 * npages);
	if (!n)
		n = gomem_mheap_release_block(mheap, ULONG_MAX);
	if (!n)
		n = gomem_mheap_punch(mheap, min_t(unsigned long, npages,
						   GOMEM_ARENA_PAGES), filling);
	return shrinker_to_kernel_pages(n);
}

/* Give back what is idle: @nr kernel pages, or a block more. */
static unsigned long shrinker_give(struct gomem_mheap *mheap, unsigned long nr,
				   bool filling)
{
	unsigned long done = 0, n;

	while (done < nr) {
		n = shrinker_give_one(mheap, nr - done, filling);
		if (!n)
			break;
		done += n;
		cond_resched();
	}
	return done;
}

/* What a scan has done, in kernel pages; bytes where they are those of objects. */
struct shrinking {
	unsigned long given;
	u64 drained;
};

/*
 * Empty depots until as much has returned to spans, or been given back, as was asked
 * for.
 */
static void shrinker_empty_depots(struct gomem_node *node, unsigned long nr,
				  struct shrinking *s)
{
	struct gomem_heap *heap = node->central[0].heap;
	u64 most = (u64)nr << PAGE_SHIFT;
	struct gomem_mcentral *central;
	unsigned int class, emptied;
	long objects;

	for (class = GOMEM_NR_CACHED - 1; class; class--) {
		central = &node->central[class];
		while (s->given < nr && s->drained < most) {
			objects = READ_ONCE(central->nr_cached);
			gomem_depart(heap);
			emptied = gomem_depot_drain(central, 1);
			gomem_arrive(heap);
			if (!emptied)
				break;
			objects -= READ_ONCE(central->nr_cached);
			s->drained += (u64)max(objects, 1L) * gomem_class[class].size;
			s->given += shrinker_give(node->mheap, nr - s->given, false);
			cond_resched();
		}
	}
}

/* The same with what waits on CPUs, which is all or nothing. */
static void shrinker_empty_cpus(struct gomem_heap *heap, int nid, unsigned long nr,
				struct shrinking *s)
{
	u64 bytes = shrinker_cpu_bytes(heap, nid);

	if (!bytes || s->given >= nr || s->drained >= (u64)nr << PAGE_SHIFT)
		return;
	if (!gomem_gc_drain_cpus(heap, true))
		return;
	s->drained += bytes;
	s->given += shrinker_give(heap->node[nid]->mheap, nr - s->given, false);
}

/**
 * gomem_shrink_scan() - give it
 * @heap: the heap
 * @nid: a node that is its own
 * @nr: kernel pages
 * @scanned: how many pages that took: what was given back, or what objects that
 *	have returned to their spans would fill, if that is more
 *
 * Context: process, may sleep, no gomem lock held.  Allocates nothing.
 * Return: kernel pages given back.
 */
unsigned long gomem_shrink_scan(struct gomem_heap *heap, int nid,
				unsigned long nr, unsigned long *scanned)
{
	struct gomem_node *node = heap->node[nid];
	struct shrinking s = {};

	nr = min(nr, MOST_PAGES);
	s.given = shrinker_give(node->mheap, nr, false);
	shrinker_empty_depots(node, nr, &s);
	shrinker_empty_cpus(heap, nid, nr, &s);
	if (!s.given && s.drained < (u64)nr << PAGE_SHIFT)
		s.given = shrinker_give(node->mheap, nr, true);
	*scanned = max_t(u64, s.given, DIV_ROUND_UP_ULL(s.drained, PAGE_SIZE));

	WRITE_ONCE(heap->reclaim->drain, true);
	gomem_reclaim_call(heap);
	return s.given;
}

/* Does number @id of @heap's have memory of node @nid?  Zones lie on nodes, too. */
static bool shrinker_is_of(struct gomem_heap *heap, int id, int nid)
{
	return heap->node[id]->mheap->nid == nid;
}

/**
 * gomem_shrink_count_all() - how much could be given, of all heaps
 * @nid: a node
 *
 * Context: any but NMI.
 * Return: kernel pages.
 */
unsigned long gomem_shrink_count_all(int nid)
{
	struct gomem_heap *heap;
	unsigned long count = 0;
	int id;

	/* Only where a heap is made or taken apart is this in vain. */
	if (!down_read_trylock(&gomem_heaps_lock))
		return 0;
	list_for_each_entry(heap, &gomem_heaps, list)
		for (id = -1; gomem_next_node(heap, &id);)
			if (shrinker_is_of(heap, id, nid))
				count += gomem_shrink_count(heap, id);
	up_read(&gomem_heaps_lock);
	return count;
}

/**
 * gomem_shrink_scan_all() - give it
 * @nid: a node
 * @nr: kernel pages
 * @scanned: how many pages that took, as for gomem_shrink_scan()
 *
 * Context: process, may sleep, no gomem lock held.  Allocates nothing.
 * Return: kernel pages given back.
 */
unsigned long gomem_shrink_scan_all(int nid, unsigned long nr, unsigned long *scanned)
{
	unsigned long done = 0, n;
	struct gomem_heap *heap;
	int id;

	*scanned = 0;
	if (!down_read_trylock(&gomem_heaps_lock))
		return 0;
	list_for_each_entry(heap, &gomem_heaps, list)
		for (id = -1; gomem_next_node(heap, &id);) {
			if (!shrinker_is_of(heap, id, nid) || *scanned >= nr)
				continue;
			done += gomem_shrink_scan(heap, id, nr - *scanned, &n);
			*scanned += n;
		}
	up_read(&gomem_heaps_lock);
	return done;
}

static unsigned long shrinker_count(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long count = gomem_shrink_count_all(sc->nid);

	return count ? count : SHRINK_EMPTY;
}

static unsigned long shrinker_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long scanned, done;

	done = gomem_shrink_scan_all(sc->nid, sc->nr_to_scan, &scanned);
	if (!scanned)
		return SHRINK_STOP;
	/* They are no slab's, and on no list of the kernel's: it has to be told. */
	gomem_compat_account_reclaimed(done);
	sc->nr_scanned = scanned;
	return done;
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
