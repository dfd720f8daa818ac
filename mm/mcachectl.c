// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to an mcache beside allocating and freeing: it is made, emptied,
 * told to expect less, told that the profile's rate has changed, and read.
 *
 * Only its own CPU touches an mcache, so whoever means another one has that CPU
 * interrupted, and what is done in the interrupt is short and takes no lock.  It may
 * find the mcache busy; then it does nothing and says so.
 *
 * An mcache whose CPU is off is touched by whoever can be sure that the CPU stays
 * off: by the callbacks of CPU hotplug, and under cpus_read_lock() and gc.mutex.  One
 * of a heap that nobody uses any more may be touched by anybody.
 *
 * Reading is different: the counters may be read from anywhere, at any time.
 */
#include <linux/cpu.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "depot.h"
#include "mcache-inline.h"
#include "mcentral.h"
#include "meta.h"

#define FIRST_TARGET	2

struct gomem_mcache gomem_no_mcache __ro_after_init = { .busy = 1 };

/* Their size is no power of two, and each is of its CPU's node. */
static struct kmem_cache *mcachectl_cache;

/* No magazines, no counts. */
static void mcachectl_init(struct gomem_mcache *mc, int cpu, u32 rate)
{
	unsigned int i;

	memset(mc->target, FIRST_TARGET, sizeof(mc->target));
	mc->cpu = cpu;
	mc->list[0] = gomem_depot_list(cpu);
	seqcount_init(&mc->seq);
	prandom_seed_state(&mc->random, get_random_u64());
	for (i = 0; i < GOMEM_NR_TAGS; i++) {
		mc->class[i].top = gomem_no_magazine.obj;
		mc->class[i].limit = gomem_no_magazine.obj;
	}
	for (i = 0; i < GOMEM_NR_CACHED; i++) {
		mc->pair[i].loaded = &gomem_no_magazine;
		mc->pair[i].prev = &gomem_no_magazine;
		mcache_rearm(mc, i, rate);
	}
}

/**
 * gomem_mcache_setup() - before the first heap
 *
 * Return: 0 or -ENOMEM.
 */
int __init gomem_mcache_setup(void)
{
	mcachectl_init(&gomem_no_mcache, -1, 0);
	mcachectl_cache = KMEM_CACHE(gomem_mcache, SLAB_HWCACHE_ALIGN);
	return mcachectl_cache ? 0 : -ENOMEM;
}

/**
 * gomem_mcache_teardown() - after the last heap
 */
void gomem_mcache_teardown(void)
{
	kmem_cache_destroy(mcachectl_cache);
}

/**
 * gomem_mcache_create() - an mcache for a CPU, if it has none yet
 * @heap: the heap
 * @cpu: a CPU that cannot run, or whose heap is not used yet
 *
 * Context: process, cpus_read_lock() or cpus_write_lock() held.
 * Return: 0 or -ENOMEM, and then the CPU goes on without.
 */
int gomem_mcache_create(struct gomem_heap *heap, int cpu)
{
	struct gomem_mcache **mine = per_cpu_ptr(heap->mcache, cpu), *mc;
	unsigned int class;

	if (*mine != &gomem_no_mcache)
		return 0;
	if (gomem_should_fail(heap->meta))
		return -ENOMEM;
	mc = kmem_cache_alloc_node(mcachectl_cache, GFP_KERNEL | __GFP_ZERO,
				   cpu_to_mem(cpu));
	if (!mc)
		return -ENOMEM;
	atomic_long_add(sizeof(*mc), &heap->meta->bytes[GOMEM_META_MCACHE]);
	mc->every = heap->traced;
	mcachectl_init(mc, cpu, gomem_heap_profile_rate(heap));
	for (class = 0; class < GOMEM_NR_CACHED; class++)
		mc->pair[class].home = heap->node[cpu_to_mem(cpu)]->mheap->nid;
	/* Pairs with READ_ONCE() in gomem_mcache_of(). */
	smp_store_release(mine, mc);
	cpumask_set_cpu(cpu, heap->cpus);
	return 0;
}

/**
 * gomem_mcaches_create() - the CPUs that are there get mcaches, the others none
 * @heap: the heap
 *
 * Context: process, cpus_read_lock() held.
 * Return: 0 or -ENOMEM, to be followed by gomem_mcaches_destroy().
 */
int gomem_mcaches_create(struct gomem_heap *heap)
{
	int cpu, ret;

	if (!zalloc_cpumask_var(&heap->cpus, GFP_KERNEL))
		return -ENOMEM;
	if (heap->is_default)
		heap->mcache = &gomem_mcache;
	else
		heap->mcache = alloc_percpu(struct gomem_mcache *);
	if (!heap->mcache)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		WRITE_ONCE(*per_cpu_ptr(heap->mcache, cpu), &gomem_no_mcache);
	for_each_online_cpu(cpu) {
		ret = gomem_mcache_create(heap, cpu);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * gomem_mcaches_destroy() - nobody uses them any more
 * @heap: the heap; they have been drained
 *
 * Context: process.
 */
void gomem_mcaches_destroy(struct gomem_heap *heap)
{
	struct gomem_mcache *mc;
	int cpu;

	if (heap->mcache) {
		for_each_cpu(cpu, heap->cpus) {
			mc = gomem_mcache_of(heap, cpu);
			*per_cpu_ptr(heap->mcache, cpu) = &gomem_no_mcache;
			atomic_long_sub(sizeof(*mc),
					&heap->meta->bytes[GOMEM_META_MCACHE]);
			kmem_cache_free(mcachectl_cache, mc);
		}
		if (!heap->is_default)
			free_percpu(heap->mcache);
	}
	heap->mcache = NULL;
	free_cpumask_var(heap->cpus);
}

/**
 * gomem_count_unaccounted() - somebody asked in vain to be charged
 * @heap: the heap
 * @nr: how many times
 *
 * Context: any but NMI.
 */
void gomem_count_unaccounted(struct gomem_heap *heap, unsigned int nr)
{
	struct gomem_mcache *mc;

	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	if (mc != &gomem_no_mcache)
		local_add(nr, &mc->naccount);
	else
		atomic_long_add(nr, &heap->event[GOMEM_EV_ACCOUNT]);
	preempt_enable();
}

/**
 * gomem_depart() - objects are about to be on their way
 * @heap: the heap
 *
 * They are given out, as far as their spans know, and are neither live nor in a
 * magazine that could be counted, until gomem_arrive().  That may take long, as
 * whoever has them may have to wait for the CPU; mm/check.c has to know.
 *
 * Context: any but NMI.
 */
void gomem_depart(struct gomem_heap *heap)
{
	struct gomem_mcache *mc;

	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	if (mc != &gomem_no_mcache)
		local_inc(&mc->departed);
	else
		atomic_long_inc(&heap->event[GOMEM_EV_DEPARTED]);
	preempt_enable();
	/* Who sees that they are gone sees this; pairs with check_recount_once(). */
	smp_wmb();
}

/**
 * gomem_arrive() - they are where they can be counted
 * @heap: the heap
 *
 * The CPU may be another one.
 *
 * Context: any but NMI.
 */
void gomem_arrive(struct gomem_heap *heap)
{
	struct gomem_mcache *mc;

	/* Who sees this sees them; pairs with check_recount_once(). */
	smp_wmb();
	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	if (mc != &gomem_no_mcache)
		local_inc(&mc->arrived);
	else
		atomic_long_inc(&heap->event[GOMEM_EV_ARRIVED]);
	preempt_enable();
}

/**
 * gomem_mcache_is_bare() - is there no magazine in it, full or empty?
 * @mc: one CPU's, any
 *
 * Context: any.
 * Return: true if there is none; its CPU may be about to get one.
 */
bool gomem_mcache_is_bare(const struct gomem_mcache *mc)
{
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		if (READ_ONCE(mc->pair[class].loaded) != &gomem_no_magazine ||
		    READ_ONCE(mc->pair[class].prev) != &gomem_no_magazine)
			return false;
	return true;
}

static void mcachectl_detach_both(struct gomem_mcache *mc, unsigned int class,
				  struct gomem_magazine *mag[2])
{
	mag[0] = mcache_unload(mc, class);
	mag[1] = mcache_real(mc->pair[class].prev);
	mc->pair[class].prev = &gomem_no_magazine;
}

/* Return the objects to their spans, and the magazines to the depot. */
static unsigned int mcachectl_put_both(struct gomem_mcentral *central,
				       struct gomem_magazine *mag[2])
{
	unsigned int i, nr = 0;

	for (i = 0; i < 2; i++) {
		if (!mag[i])
			continue;
		gomem_objects_put(central->heap, mag[i]->obj, mag[i]->nr, central);
		nr += mag[i]->nr;
		mag[i]->nr = 0;
		gomem_depot_spare(central, mag[i]);
	}
	return nr;
}

/**
 * gomem_mcache_detach() - take all magazines out of an mcache
 * @mc: this CPU's, or one that nobody can be using
 * @mag: where they go, by class; NULL where there is none
 *
 * Context: interrupts off, or as above.
 * Return: false if it is in use.
 */
bool gomem_mcache_detach(struct gomem_mcache *mc, struct gomem_magazine *mag[][2])
{
	unsigned int class;

	if (!mcache_enter(mc))
		return false;
	for (class = 1; class < GOMEM_NR_CACHED; class++)
		mcachectl_detach_both(mc, class, mag[class]);
	mcache_leave(mc);
	return true;
}

/**
 * gomem_mcache_put_back() - return the objects of detached magazines to their spans
 * @heap: the heap
 * @cpu: whose magazines they were
 * @mag: the magazines, from gomem_mcache_detach()
 *
 * Context: process, may sleep.
 * Return: how many objects.
 */
unsigned int gomem_mcache_put_back(struct gomem_heap *heap, int cpu,
				   struct gomem_magazine *mag[][2])
{
	struct gomem_node *node = heap->node[cpu_to_mem(cpu)];
	unsigned int class, nr = 0;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		nr += mcachectl_put_both(&node->central[class], mag[class]);
		cond_resched();
	}
	return nr;
}

/**
 * gomem_mcache_drain() - return what an mcache holds to the spans
 * @heap: the heap
 * @mc: the mcache of a CPU that cannot run, or NULL for this CPU's
 * @most: how many objects, but for the rest of a pair of magazines; large ones first
 *
 * Context: any.  In process context the CPU may change underway, which does no
 * harm.
 * Return: how many objects.
 */
unsigned int gomem_mcache_drain(struct gomem_heap *heap,
				struct gomem_mcache *mc, unsigned int most)
{
	struct gomem_mcentral *central;
	struct gomem_mcache *mine;
	unsigned int class, nr = 0;

	gomem_depart(heap);
	for (class = GOMEM_NR_CACHED - 1; class && nr < most; class--) {
		struct gomem_magazine *mag[2] = { NULL, NULL };

		preempt_disable();
		mine = mc ? mc : __this_cpu_read(*heap->mcache);
		if (!mcache_enter(mine)) {
			preempt_enable();
			continue;
		}
		mcachectl_detach_both(mine, class, mag);
		central = &heap->node[cpu_to_mem(mine->cpu)]->central[class];
		mcache_leave(mine);
		preempt_enable();
		nr += mcachectl_put_both(central, mag);
	}
	gomem_arrive(heap);
	return nr;
}

/**
 * gomem_mcache_relax() - expect less of what has not been used
 * @mc: one CPU's, any
 *
 * A hint only; races with its owner are harmless.
 */
void gomem_mcache_relax(struct gomem_mcache *mc)
{
	unsigned int class, target;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		WRITE_ONCE(mc->list[class], GOMEM_DEPOT_ANYBODY);
		target = READ_ONCE(mc->target[class]);
		if (target > FIRST_TARGET)
			WRITE_ONCE(mc->target[class],
				   max_t(unsigned int, FIRST_TARGET, target / 2));
	}
}

/**
 * gomem_mcache_rearm() - the profile's rate has changed, or whether to trace
 * @heap: the heap
 * @mc: this CPU's mcache, or one that nobody can be using
 *
 * The next allocation of each class will find its count run out, and start it anew:
 * that is cheaper here than to do it.
 *
 * Context: interrupts off, or as for gomem_mcache_detach().
 * Return: false if it is in use.
 */
bool gomem_mcache_rearm(struct gomem_heap *heap, struct gomem_mcache *mc)
{
	unsigned int class;

	if (!mcache_enter(mc))
		return false;
	mc->every = heap->traced;
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		mc->pair[class].armed = GOMEM_ARMED_ANEW;
		mcache_set_left(mc, class, 1);
	}
	mcache_leave(mc);
	return true;
}

/**
 * gomem_mcache_nmalloc() - how many objects has a CPU handed out?
 * @mc: its mcache
 * @class: of which class
 *
 * Context: any but NMI.
 * Return: how many, ever.
 */
u64 gomem_mcache_nmalloc(struct gomem_mcache *mc, unsigned int class)
{
	unsigned int seq;
	u64 nmalloc;

	do {
		seq = raw_read_seqcount_begin(&mc->seq);
		nmalloc = READ_ONCE(mc->pair[class].base) -
			  READ_ONCE(mc->class[class].left);
	} while (read_seqcount_retry(&mc->seq, seq));
	return nmalloc;
}

/**
 * gomem_mcache_add_nmalloc() - the same of all classes, to be added up
 * @mc: a CPU's mcache
 * @stats: where to add it, by class
 *
 * One look at the sequence for some of them, because each is a barrier or two.
 *
 * Context: any but NMI.
 */
void gomem_mcache_add_nmalloc(struct gomem_mcache *mc,
			      struct gomem_class_stats *stats)
{
	unsigned int first, i, n, seq;
	u64 nmalloc[16];
	bool moved;

	for (first = 1; first < GOMEM_NR_CACHED; first += n) {
		n = min_t(unsigned int, ARRAY_SIZE(nmalloc), GOMEM_NR_CACHED - first);
		seq = raw_read_seqcount_begin(&mc->seq);
		for (i = 0; i < n; i++)
			nmalloc[i] = READ_ONCE(mc->pair[first + i].base) -
				     READ_ONCE(mc->class[first + i].left);
		moved = read_seqcount_retry(&mc->seq, seq);
		for (i = 0; i < n; i++)
			stats[first + i].nmalloc += moved ?
				gomem_mcache_nmalloc(mc, first + i) : nmalloc[i];
	}
}
