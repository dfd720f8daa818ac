// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to an mcache beside allocating and freeing: it is made, emptied,
 * told to expect less, told that the profile's rate has changed, and read.
 *
 * Only its own CPU touches an mcache, so whoever means another one has work done
 * there, or waits until that CPU cannot run.  Reading is different: the counters
 * may be read from anywhere, at any time.
 */
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/string.h>

#include "depot.h"
#include "mcache-inline.h"
#include "mcentral.h"

#define FIRST_TARGET	2

/**
 * gomem_mcache_init() - no magazines, no counts
 * @mc: one CPU's
 */
void gomem_mcache_init(struct gomem_mcache *mc)
{
	unsigned int i;

	memset(mc, 0, sizeof(*mc));
	memset(mc->target, FIRST_TARGET, sizeof(mc->target));
	seqcount_init(&mc->seq);
	prandom_seed_state(&mc->random, get_random_u64());
	for (i = 0; i < GOMEM_NR_TAGS; i++) {
		mc->class[i].top = gomem_no_magazine.obj;
		mc->class[i].limit = gomem_no_magazine.obj;
	}
	for (i = 0; i < GOMEM_NR_CACHED; i++) {
		mc->pair[i].loaded = &gomem_no_magazine;
		mc->pair[i].prev = &gomem_no_magazine;
		mcache_rearm(mc, i, 0);
	}
}

/* Take both magazines of a class out of @mc, or of this CPU's mcache. */
static void mcache_detach_both(struct gomem_heap *heap, struct gomem_mcache *mc,
			       unsigned int class, struct gomem_magazine *mag[2])
{
	preempt_disable();
	if (!mc)
		mc = this_cpu_ptr(heap->mcache);
	if (mcache_enter(mc)) {
		mag[0] = mcache_unload(mc, class);
		mag[1] = mcache_real(mc->pair[class].prev);
		mc->pair[class].prev = &gomem_no_magazine;
		mcache_leave(mc);
	}
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

/**
 * gomem_mcache_drain() - return everything an mcache holds to the spans
 * @heap: the heap
 * @mc: the mcache of a CPU that cannot run, or NULL for this CPU's
 *
 * Context: any.  In process context the CPU may change underway, which does no
 * harm; whoever means a certain CPU is bound to it.
 * Return: how many objects.
 */
unsigned int gomem_mcache_drain(struct gomem_heap *heap,
				struct gomem_mcache *mc)
{
	struct gomem_node *node = gomem_local_node(heap);
	unsigned int class, i, nr = 0;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		struct gomem_mcentral *central = &node->central[class];
		struct gomem_magazine *mag[2] = { NULL, NULL };

		mcache_detach_both(heap, mc, class, mag);
		for (i = 0; i < ARRAY_SIZE(mag); i++) {
			if (!mag[i])
				continue;
			gomem_objects_put(heap, mag[i]->obj, mag[i]->nr, central);
			nr += mag[i]->nr;
			mag[i]->nr = 0;
			gomem_depot_spare(central, mag[i]);
		}
	}
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
		target = READ_ONCE(mc->target[class]);
		if (target > FIRST_TARGET)
			WRITE_ONCE(mc->target[class],
				   max_t(unsigned int, FIRST_TARGET, target / 2));
	}
}

/**
 * gomem_mcache_rearm() - the profile's rate has changed, or whether to trace
 * @heap: the heap
 * @mc: the mcache of a CPU that cannot run, or NULL for this CPU's
 *
 * Context: process, bound to the CPU that is meant.
 */
void gomem_mcache_rearm(struct gomem_heap *heap, struct gomem_mcache *mc)
{
	u32 rate = gomem_heap_profile_rate(heap);
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		preempt_disable();
		if (!mc)
			mc = this_cpu_ptr(heap->mcache);
		if (mcache_enter(mc)) {
			mc->every = heap->traced;
			mcache_rearm(mc, class, rate);
			mcache_leave(mc);
		}
		preempt_enable();
	}
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
 * One look at the sequence for all of them, because each is a barrier or two.
 *
 * Context: any but NMI.
 */
void gomem_mcache_add_nmalloc(struct gomem_mcache *mc,
			      struct gomem_class_stats *stats)
{
	u64 nmalloc[GOMEM_NR_CACHED];
	unsigned int class, seq;
	bool moved;

	seq = raw_read_seqcount_begin(&mc->seq);
	for (class = 1; class < GOMEM_NR_CACHED; class++)
		nmalloc[class] = READ_ONCE(mc->pair[class].base) -
				 READ_ONCE(mc->class[class].left);
	moved = read_seqcount_retry(&mc->seq, seq);
	for (class = 1; class < GOMEM_NR_CACHED; class++)
		stats[class].nmalloc += moved ? gomem_mcache_nmalloc(mc, class) :
						nmalloc[class];
}
