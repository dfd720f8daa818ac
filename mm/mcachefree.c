// SPDX-License-Identifier: GPL-2.0
/*
 * Free, off the straight path of mm/mcache.c.
 *
 * Mostly the loaded magazine is full.  Then the previous one takes its place, or a full
 * one goes to the depot in exchange for an empty one.  Others take this way always: an
 * object of another heap, or of a span with samples, whose tag does not tell what it is,
 * is looked up, loses its mark if it has one, and then goes on like any other; of one of
 * 40 to 64 KiB, the pages are looked at.  If somebody refers to one of these, if the
 * object is of another node or a zone or from the emergency reserves, or if the mcache is
 * busy, it does not go into a magazine but to its span.  Larger objects are left to
 * mm/large.c, and what is no object at all is reported.
 */
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <linux/gomem.h>

#include "arena.h"
#include "badfree.h"
#include "block.h"
#include "depot.h"
#include "large.h"
#include "mcache-inline.h"
#include "mcentral.h"
#include "mheap.h"
#include "mspan.h"

static noinline void mcache_free_uncached(struct gomem_heap *heap, const void *p)
{
	void *obj = (void *)p;

	gomem_objects_put(heap, &obj, 1, NULL);
}

/*
 * Both magazines are full, or missing: take the previous one out, for the
 * depot.  NULL if there is none.
 */
static struct gomem_magazine *mcache_detach_full(struct gomem_mcache *mc,
						 unsigned int class)
{
	struct gomem_magazine *mag = mcache_real(mc->pair[class].prev);

	mc->pair[class].prev = &gomem_no_magazine;
	return mag;
}

/* Load @mag, which is empty; what was loaded becomes the previous one. */
static struct gomem_magazine *mcache_install_empty(struct gomem_mcache *mc,
						   unsigned int class,
						   struct gomem_magazine *mag)
{
	struct gomem_mcache_pair *pair = &mc->pair[class];

	if (mcache_real(pair->prev))
		return mag;
	pair->prev = mcache_replace(mc, class, mag);
	return NULL;
}

/* What became of an object that was to go into the mcache. */
enum mcache_pushed {
	MCACHE_PUSHED,
	MCACHE_REPEATED,
	MCACHE_UNALIGNED,
	MCACHE_REMOTE,
	MCACHE_FULL,
};

/*
 * With no objects of a class, a CPU is at home on its own node again, whatever it has
 * taken up, or whichever was nearest when its own had no memory yet.
 */
static void mcache_go_home(struct gomem_heap *heap, struct gomem_mcache *mc,
			   unsigned int class)
{
	struct gomem_mcache_pair *pair = &mc->pair[class];

	if (static_branch_unlikely(&gomem_detour) && !mcache_loaded(mc, class) &&
	    !pair->prev->nr)
		pair->home = gomem_local_node(heap)->mheap->nid;
}

/*
 * On which list of @central's depot a magazine of this CPU belongs.  If that is one of
 * another node, it will not come back for it.
 */
static unsigned int mcache_list(struct gomem_heap *heap, const struct gomem_mcache *mc,
				unsigned int class, const struct gomem_mcentral *central)
{
	if (static_branch_unlikely(&gomem_detour) &&
	    central != &gomem_local_node(heap)->central[class])
		return GOMEM_DEPOT_ANYBODY;
	return READ_ONCE(mc->list[class]);
}

/* There is room. */
static void mcache_push_on(struct gomem_mcache_class *cc, const void *p)
{
	*cc->top++ = (void *)p;
	if (MCACHE_COUNTS)
		cc->nfree++;
}

/*
 * The same as mcache_push(), with the other magazine if that helps; the mcache is
 * ours.
 */
static enum mcache_pushed mcache_push_slow(struct gomem_heap *heap,
					   struct gomem_mcache *mc,
					   unsigned int class, const void *p)
{
	struct gomem_mcache_class *cc = &mc->class[class];
	struct gomem_magazine *prev = mc->pair[class].prev;

	if (cc->top[-1] == p)
		return MCACHE_REPEATED;
	if (mcache_unaligned(p))
		return MCACHE_UNALIGNED;
	mcache_go_home(heap, mc, class);
	if (mcache_remote(mc, class, p))
		return MCACHE_REMOTE;
	if (!mcache_has_room(mc, class)) {
		if (prev->nr >= prev->cap)
			return MCACHE_FULL;
		mcache_swap(mc, class);
	}
	mcache_push_on(cc, p);
	return MCACHE_PUSHED;
}

/*
 * @p would have gone into a magazine if there had been room: nothing is wrong with it.
 * What was in the way is in the depot: it arrives here.
 */
static bool mcache_install_and_push(struct gomem_mcentral *central,
				    struct gomem_magazine *mag, unsigned int target,
				    const void *p)
{
	struct gomem_heap *heap = central->heap;
	bool done = false, entered;
	struct gomem_mcache *mc;

	mag->cap = min_t(unsigned int, target, mag->room);
	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	entered = mcache_enter(mc);
	if (entered) {
		mcache_arrive(mc);
		/* It may be another one by now, with objects of another node. */
		if (mcache_central(heap, mc, central->class) == central) {
			mag = mcache_install_empty(mc, central->class, mag);
			done = true;
			if (!mag)
				mcache_push_on(&mc->class[central->class], p);
			else
				done = mcache_push_slow(heap, mc, central->class, p) ==
				       MCACHE_PUSHED;
		}
		mcache_leave(mc);
	}
	preempt_enable();
	if (!entered)
		gomem_arrive(heap);
	if (mag)
		gomem_depot_spare(central, mag);
	return done;
}

/* An object that does not go into a magazine, for another reason than that it is full. */
static noinline void mcache_free_refused(struct gomem_heap *heap, const void *p,
					 enum mcache_pushed pushed)
{
	if (pushed == MCACHE_REPEATED)
		gomem_bad_free(heap, p, GOMEM_BAD_DOUBLE);
	else if (pushed == MCACHE_UNALIGNED)
		gomem_bad_free(heap, p, GOMEM_BAD_INTERIOR);
	else
		mcache_free_uncached(heap, p);
}

static void mcache_free_cached(struct gomem_heap *heap, unsigned int class,
			       const void *p)
{
	enum mcache_pushed pushed = MCACHE_REMOTE;
	struct gomem_mcentral *central = NULL;
	struct gomem_magazine *full, *mag;
	bool asked = false, may_sleep;
	unsigned int target, list;
	struct gomem_mcache *mc;

	/* Where preemption is not counted, nobody knows, and this is always false. */
	may_sleep = preemptible();
	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	if (mcache_enter(mc)) {
		pushed = mcache_push_slow(heap, mc, class, p);
		if (pushed == MCACHE_FULL) {
			central = mcache_central(heap, mc, class);
			mcache_depart(mc);
			full = mcache_detach_full(mc, class);
			list = mcache_list(heap, mc, class, central);
			target = mcache_raise_target(mc, class);
			asked = mcache_is_asked(heap, mc, may_sleep);
		}
		mcache_leave(mc);
	}
	preempt_enable();
	if (pushed == MCACHE_PUSHED)
		return;
	if (pushed != MCACHE_FULL) {
		mcache_free_refused(heap, p, pushed);
		return;
	}

	if (asked)
		gomem_mcache_drain(heap, NULL, MCACHE_MOST_ASKED);
	mag = gomem_depot_store(central, list, full, target);
	if (!mag)
		gomem_arrive(heap);
	if (!mag || !mcache_install_and_push(central, mag, target, p))
		mcache_free_uncached(heap, p);
}

/*
 * Does somebody refer to a page of this object?  Then it is not used again before they
 * let go, which its span sees to.  So it is for kmalloc()'s objects of this size.
 */
static bool mcache_is_held(unsigned int class, const void *p)
{
	return gomem_is_run_class(class) && gomem_object_is_held(p, gomem_class[class].size);
}

static void mcache_free_small(struct gomem_heap *heap, unsigned int class,
			      const void *p)
{
	if (heap->uncached || mcache_is_held(class, p))
		mcache_free_uncached(heap, p);
	else
		mcache_free_cached(heap, class, p);
}

/* A small object whose tag does not tell of which class it is, or of which heap. */
static void mcache_free_other(const void *p)
{
	struct gomem_mcentral *central = NULL;
	struct gomem_span *span;
	bool uncached = false;

	rcu_read_lock();
	span = gomem_span_at(p);
	if (span) {
		central = gomem_span_central(span);
		uncached = gomem_block_of(span)->pfmemalloc || central->uncached;
		if (gomem_span_is_sampled(span))
			central->heap->hooks->unsample(span, p);
	}
	rcu_read_unlock();
	if (central && uncached)
		mcache_free_uncached(central->heap, p);
	else if (central)
		mcache_free_small(central->heap, central->class, p);
	else
		gomem_bad_free(&gomem_default_heap, p, GOMEM_BAD_IDLE);
}

/**
 * gomem_mcache_free_slow() - what gomem_free() could not do on the straight path
 * @p: as for gomem_free()
 * @ip: who called that
 *
 * Context: as for gomem_free().
 */
void gomem_mcache_free_slow(const void *p, unsigned long ip)
{
	u8 tag;

	trace_gomem_free(ip, p);
	if (ZERO_OR_NULL_PTR(p))
		return;
	rcu_read_lock();
	tag = gomem_tag_of(p);
	rcu_read_unlock();
	if (likely(tag && tag < GOMEM_NR_CACHED)) {
		mcache_free_small(&gomem_default_heap, tag, p);
		return;
	}
	switch (tag) {
	case GOMEM_TAG_NONE:
		gomem_bad_free(&gomem_default_heap, p, GOMEM_BAD_FOREIGN);
		break;
	case GOMEM_TAG_IDLE:
		gomem_bad_free(&gomem_default_heap, p, GOMEM_BAD_IDLE);
		break;
	case GOMEM_TAG_INTERIOR:
		gomem_bad_free(&gomem_default_heap, p, GOMEM_BAD_LARGE_INTERIOR);
		break;
	case GOMEM_TAG_LARGE:
		gomem_large_free(&gomem_default_heap, p);
		break;
	default:	/* GOMEM_TAG_OTHER, GOMEM_TAG_SAMPLED */
		mcache_free_other(p);
	}
}
