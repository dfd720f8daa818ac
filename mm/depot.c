// SPDX-License-Identifier: GPL-2.0
/*
 * The depot of an mcentral: magazines that wait (Bonwick's idea).
 *
 * Full ones have objects in them, empty ones have none.  A CPU that frees what
 * another one allocated hands over dozens of objects in one exchange.
 *
 * A refill asks the depot first, then the spans, and moves a magazine's worth
 * under one hold of the lock.  Where a node is full, the depots of others come before
 * their spans.
 *
 * A CPU that takes magazines of a class as well as bringing some will soon want again
 * what it brings, so that is on a list of its own.  Another CPU, whose user may be one
 * that only ever takes, gets what there was all the time more than was needed, which is
 * found out a hundred times a second at most, and whatever there is if it may not sleep:
 * a span may take its time.  What a CPU brings that takes none is for whoever comes.
 * Lists are judged one by one: what one CPU leaves behind is not taken for what another
 * one could do without.
 *
 * What waits here is not idle memory yet.  It returns to its spans when the heap
 * would have to grow, in reclaim cycles, when memory is short, and when it has
 * not been needed for a while: who calls for that is elsewhere, how it is done is
 * here.
 */
#include <linux/cache.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/nodemask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "depot.h"
#include "mcentral.h"
#include "meta.h"
#include "mheap.h"

/* The smallest magazine: 64 bytes. */
#define MIN_ROOM	6U

/*
 * How many magazines are emptied before others may run: each may be the end of as
 * many spans as it has objects.
 */
#define RESCHED_DRAIN	4U

/* How much the depot of a run class keeps. */
#define MOST_RUN_BYTES	(64UL << 20)

/* All lists of full magazines. */
#define ANY_LIST	GOMEM_DEPOT_LISTS

/* --- Under central->lock. --- */

/*
 * The list on which the next magazine is for who has @list: that one, or anybody's, or
 * one of others who have more than they need.  With @all, any.  NULL if there is none.
 */
static struct gomem_depot_list *depot_next(struct gomem_mcentral *central,
					   unsigned int list, bool all)
{
	struct gomem_depot_list *from = &central->full[list];
	unsigned int i;

	if (from->top)
		return from;
	from = &central->full[GOMEM_DEPOT_ANYBODY];
	if (from->top)
		return from;
	if (!central->nr_full)
		return NULL;
	for (i = 1; i < GOMEM_DEPOT_LISTS; i++) {
		from = &central->full[i];
		if (from->top && (all || from->spare))
			return from;
	}
	return NULL;
}

/*
 * Have others had the time to need what they have, since this was last asked?  If so,
 * the time begins anew, and with it what they have is thought to be more than they need.
 */
static bool depot_look(struct gomem_mcentral *central)
{
	unsigned int i;

	if (time_before(jiffies, central->looked + GOMEM_LOOK_INTERVAL))
		return false;
	central->looked = jiffies;
	for (i = 0; i < GOMEM_DEPOT_LISTS; i++)
		central->full[i].spare = central->full[i].nr;
	return true;
}

static __always_inline struct gomem_magazine *depot_pop(struct gomem_mcentral *central,
							struct gomem_depot_list *from)
{
	struct gomem_magazine *mag;

	if (!from || !from->top)
		return NULL;
	mag = from->top;
	from->top = mag->next;
	mag->next = NULL;
	from->nr--;
	from->min = min(from->min, from->nr);
	from->idle = min(from->idle, from->nr);
	from->spare = min(from->spare, from->nr);
	central->nr_full--;
	central->nr_cached -= mag->nr;
	return mag;
}

/* Whoever's it is. */
static struct gomem_magazine *depot_pop_full(struct gomem_mcentral *central)
{
	return depot_pop(central, depot_next(central, GOMEM_DEPOT_ANYBODY, true));
}

static void depot_push_full(struct gomem_mcentral *central, unsigned int list,
			    struct gomem_magazine *mag)
{
	mag->next = central->full[list].top;
	central->full[list].top = mag;
	central->full[list].nr++;
	central->nr_full++;
	central->nr_cached += mag->nr;
	/* Counted first, looked then; pairs with gomem_heap_empty_depots(). */
	smp_mb();
	if (!READ_ONCE(central->heap->depot_used))
		WRITE_ONCE(central->heap->depot_used, true);
}

static struct gomem_magazine *depot_pop_empty(struct gomem_mcentral *central)
{
	struct gomem_magazine *mag = central->empty;

	if (!mag)
		return NULL;
	central->empty = mag->next;
	mag->next = NULL;
	central->nr_empty--;
	central->empty_room -= mag->room;
	central->min_empty = min(central->min_empty, central->nr_empty);
	return mag;
}

static void depot_push_empty(struct gomem_mcentral *central,
			     struct gomem_magazine *mag)
{
	mag->next = central->empty;
	central->empty = mag;
	central->nr_empty++;
	central->empty_room += mag->room;
}

/*
 * Magazines are a convenience: nobody waits for one, no reserve is touched for
 * one, and whoever gets none moves single objects.  Nobody is even woken: it may
 * be for a free, under locks that waking takes.
 */
static struct gomem_magazine *depot_new_magazine(struct gomem_mcentral *central,
						 unsigned int want)
{
	struct gomem_magazine *mag;
	unsigned int room;
	size_t bytes;

	room = roundup_pow_of_two(max(want, MIN_ROOM) + GOMEM_MAGAZINE_WORDS) -
	       GOMEM_MAGAZINE_WORDS;
	room = min_t(unsigned int, room, gomem_class[central->class].mag_cap);
	/* The CPU that has it writes to it; no other one shall write beside it. */
	bytes = max_t(size_t, gomem_magazine_bytes(room), SMP_CACHE_BYTES);
	mag = gomem_meta_alloc(central->heap->meta, GOMEM_META_MCACHE, bytes,
			       __GFP_NOWARN | __GFP_NOMEMALLOC);
	if (mag)
		mag->room = room;
	return mag;
}

static void depot_free_magazine_rcu(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct gomem_magazine, rcu));
}

/*
 * Somebody may still be reading how many objects are in it.  For kfree_rcu() this is no
 * place: it may wake a worker, and the caller of gomem_free() may hold what that takes.
 */
static void depot_free_magazine(struct gomem_mcentral *central,
				struct gomem_magazine *mag)
{
	gomem_meta_uncount(central->heap->meta, GOMEM_META_MCACHE, mag);
	call_rcu(&mag->rcu, depot_free_magazine_rcu);
}

static noinline struct gomem_magazine *depot_larger(struct gomem_mcentral *central,
						    struct gomem_magazine *mag,
						    unsigned int want)
{
	struct gomem_magazine *larger = depot_new_magazine(central, want);

	if (!larger)
		return mag;
	if (mag)
		depot_free_magazine(central, mag);
	return larger;
}

/*
 * An empty magazine with room for @want objects, if possible, in place of @mag,
 * which may be NULL.
 */
static struct gomem_magazine *depot_fitting(struct gomem_mcentral *central,
					    struct gomem_magazine *mag,
					    unsigned int want)
{
	return mag && mag->room >= want ? mag : depot_larger(central, mag, want);
}

/*
 * How many objects a CPU may take from spans at a time: two, and its share of a 32nd
 * of what the class has, divided among the CPUs; beyond 16 KiB, or four objects, of a
 * 256th.  They come on top of what the heap holds until they are needed, which may be
 * never.  What has been freed before, and waits in the depot, is not limited.
 */
static unsigned int depot_fair_share(const struct gomem_mcentral *central)
{
	unsigned long slots = READ_ONCE(central->slots);
	unsigned long few = max(SZ_16K / gomem_class[central->class].size, 4U);
	const struct gomem_heap *heap = central->heap;
	unsigned long share;
	int nid;

	/* A node that is full has none of a class; then those of others are shared. */
	if (unlikely(!slots) && nr_online_nodes > 1)
		for_each_node_mask(nid, heap->nodes)
			slots += READ_ONCE(heap->node[nid]->central[central->class].slots);
	share = slots / num_online_cpus();
	return 2 + min(share / 32, max(share / 256, few));
}

/* Something has moved: is there anybody who looks? */
static void depot_stir(struct gomem_mcentral *central)
{
	/* Moved first, looked then; pairs with gomem_reclaim_look_at(). */
	smp_mb();
	gomem_heap_stir(central->heap);
}

/* Has this node no memory for the class, in the page allocator or in the page heap? */
static bool depot_has_no_more(const struct gomem_mcentral *central)
{
	unsigned int class = central->class;

	return nr_online_nodes > 1 &&
	       gomem_mheap_is_empty(central->mheap,
				    gomem_object_order(gomem_class[class].size)) &&
	       READ_ONCE(central->mheap->idle_pages) < gomem_class[class].npages;
}

/* One for who has @list.  Who has no other way gets any rather than none. */
static struct gomem_magazine *depot_pop_for(struct gomem_mcentral *central,
					    unsigned int list, gfp_t gfp)
{
	struct gomem_depot_list *from = depot_next(central, list, false);

	if (from || !central->nr_full)
		return depot_pop(central, from);
	if (!gfpflags_allow_blocking(gfp) || depot_has_no_more(central))
		return depot_pop_full(central);
	return depot_look(central) ? depot_pop_full(central) : NULL;
}

/* A full magazine of another node, where @home's has nothing.  NULL if there is none. */
static struct gomem_magazine *depot_pop_elsewhere(struct gomem_mcentral *home, gfp_t gfp)
{
	struct gomem_mcentral *central = home;
	struct gomem_magazine *mag = NULL;
	unsigned long flags;

	if (!gomem_mcentral_may_stray(home, gfp) || !depot_has_no_more(home) ||
	    !list_empty(&home->partial))
		return NULL;
	while (!mag && (central = gomem_mcentral_next(home, central))) {
		spin_lock_irqsave(&central->lock, flags);
		mag = depot_pop_full(central);
		spin_unlock_irqrestore(&central->lock, flags);
	}
	return mag;
}

/**
 * gomem_depot_refill() - a magazine with objects for an mcache
 * @central: the class
 * @list: from gomem_depot_list(), of the CPU that asks
 * @mag: an empty magazine to give in exchange or to have filled, or NULL
 * @want: how many objects are wanted, if they come from spans
 * @gfp: the caller's flags
 * @single: one object instead, or NULL, when NULL is returned
 *
 * Context: as @gfp says.
 * Return: a magazine with at least one object, or NULL, see @single.
 */
struct gomem_magazine *gomem_depot_refill(struct gomem_mcentral *central,
					  unsigned int list,
					  struct gomem_magazine *mag,
					  unsigned int want, gfp_t gfp,
					  void **single)
{
	struct gomem_magazine *full;
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	full = depot_pop_for(central, list, gfp);
	if (full) {
		if (mag)
			depot_push_empty(central, mag);
	} else if (!mag) {
		mag = depot_pop_empty(central);
	}
	spin_unlock_irqrestore(&central->lock, flags);
	depot_stir(central);
	if (!full) {
		full = depot_pop_elsewhere(central, gfp);
		if (full && mag)
			gomem_depot_spare(central, mag);
	}
	if (full)
		return full;

	want = min(want, depot_fair_share(central));
	mag = depot_fitting(central, mag, want);
	if (!mag) {
		gomem_mcentral_fetch(central, single, 1, gfp, true, single);
		return NULL;
	}
	mag->nr = gomem_mcentral_fetch(central, mag->obj,
				       min_t(unsigned int, want, mag->room),
				       gfp, false, single);
	if (mag->nr)
		return mag;
	gomem_depot_spare(central, mag);
	return NULL;
}

/* How many magazines of runs a depot keeps: they are much memory. */
static unsigned int depot_most_runs(const struct gomem_mcentral *central)
{
	const struct gomem_class *c = &gomem_class[central->class];

	return MOST_RUN_BYTES / (c->mag_cap * c->size);
}

/*
 * Return up to @nr objects, of up to @magazines magazines of @list, which may be
 * ANY_LIST, to their spans.
 */
static unsigned int depot_drain_list(struct gomem_mcentral *central, unsigned int list,
				     unsigned int magazines, unsigned int nr)
{
	unsigned int done = 0, n;
	struct gomem_magazine *mag;
	unsigned long flags;

	while (done < nr && magazines--) {
		spin_lock_irqsave(&central->lock, flags);
		if (list == ANY_LIST)
			mag = depot_pop_full(central);
		else
			mag = depot_pop(central, &central->full[list]);
		spin_unlock_irqrestore(&central->lock, flags);
		if (!mag)
			break;
		n = min(nr - done, mag->nr);
		mag->nr -= n;
		gomem_objects_put(central->heap, mag->obj + mag->nr, n, central);
		gomem_depot_spare(central, mag);
		done += n;
	}
	return done;
}

/*
 * One has come: one too many goes.  Who brings it may not have the time for more, and
 * whoever brought those before has done the same.
 */
static void depot_limit_runs(struct gomem_mcentral *central, unsigned int list)
{
	if (gomem_is_run_class(central->class) &&
	    READ_ONCE(central->nr_full) > depot_most_runs(central))
		depot_drain_list(central, list, 1, UINT_MAX);
}

/* How many of @nr objects may be brought at once. */
static unsigned int depot_may_give(const struct gomem_mcentral *central, unsigned int nr)
{
	unsigned int full = READ_ONCE(central->nr_full), most;

	nr = min(nr, GOMEM_DEPOT_MOST);
	if (!gomem_is_run_class(central->class))
		return nr;
	most = depot_most_runs(central);
	return full < most ? min(nr, (most - full) * gomem_class[central->class].mag_cap) : 0;
}

/**
 * gomem_depot_store() - an empty magazine, in exchange for a full one
 * @central: the class
 * @list: from gomem_depot_list() if the CPU takes some too, or GOMEM_DEPOT_ANYBODY
 * @full: the full one, or NULL
 * @want: how many objects it is to have room for, if possible
 *
 * Never fails to take @full.
 *
 * Return: an empty magazine, or NULL if there is no memory for one.
 */
struct gomem_magazine *gomem_depot_store(struct gomem_mcentral *central,
					 unsigned int list,
					 struct gomem_magazine *full,
					 unsigned int want)
{
	struct gomem_magazine *mag;
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	if (full)
		depot_push_full(central, list, full);
	mag = depot_pop_empty(central);
	spin_unlock_irqrestore(&central->lock, flags);
	depot_stir(central);
	if (full)
		depot_limit_runs(central, list);
	return depot_fitting(central, mag, want);
}

/**
 * gomem_depot_spare() - put a magazine in the depot, full or empty
 * @central: the class
 * @mag: the magazine
 */
void gomem_depot_spare(struct gomem_mcentral *central,
		       struct gomem_magazine *mag)
{
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	if (mag->nr)
		depot_push_full(central, GOMEM_DEPOT_ANYBODY, mag);
	else
		depot_push_empty(central, mag);
	spin_unlock_irqrestore(&central->lock, flags);
}

/**
 * gomem_depot_take() - many objects, from the depot and the spans that exist
 * @central: the class
 * @list: from gomem_depot_list(), of the CPU that asks
 * @objs: where they go
 * @nr: how many at most
 *
 * They are counted as allocated here.  Magazines are emptied whole.
 *
 * Context: any.
 * Return: how many, of a large number not all; 0 if the heap would have to grow.
 */
unsigned int gomem_depot_take(struct gomem_mcentral *central, unsigned int list,
			      void **objs, unsigned int nr)
{
	struct gomem_depot_list *from;
	struct gomem_magazine *mag;
	unsigned int taken = 0;
	unsigned long flags;

	nr = min(nr, GOMEM_DEPOT_MOST);
	spin_lock_irqsave(&central->lock, flags);
	while ((from = depot_next(central, list, false)) &&
	       from->top->nr <= nr - taken) {
		mag = depot_pop(central, from);
		memcpy(objs + taken, mag->obj, mag->nr * sizeof(*objs));
		taken += mag->nr;
		mag->nr = 0;
		depot_push_empty(central, mag);
	}
	if (!from)
		taken += gomem_mcentral_take(central, objs + taken, nr - taken);
	central->nmalloc += taken;
	spin_unlock_irqrestore(&central->lock, flags);
	return taken;
}

static void depot_fill_magazine(struct gomem_magazine *mag, void **objs)
{
	memcpy(mag->obj, objs, mag->room * sizeof(*objs));
	mag->nr = mag->room;
	mag->cap = mag->room;
}

/**
 * gomem_depot_give() - many objects, to the depot
 * @central: the class
 * @objs: objects of the class, by their tags
 * @nr: how many
 *
 * They are counted as freed here.  A rest that fills no magazine is left to the
 * caller, and so is everything for which there is no magazine, most of a very large
 * number, and runs of which there are many.
 *
 * Context: any.
 * Return: how many of them the depot has now.
 */
unsigned int gomem_depot_give(struct gomem_mcentral *central, void **objs,
			      unsigned int nr)
{
	unsigned int cap = gomem_class[central->class].mag_cap;
	struct gomem_magazine *mag;
	unsigned int given = 0;
	unsigned long flags;

	nr = depot_may_give(central, nr);
	while (nr - given >= cap) {
		spin_lock_irqsave(&central->lock, flags);
		while ((mag = depot_pop_empty(central))) {
			if (mag->room > nr - given) {
				depot_push_empty(central, mag);
				break;
			}
			depot_fill_magazine(mag, objs + given);
			depot_push_full(central, GOMEM_DEPOT_ANYBODY, mag);
			given += mag->room;
			central->nfree += mag->room;
		}
		spin_unlock_irqrestore(&central->lock, flags);
		if (mag || nr - given < cap)
			break;
		mag = depot_new_magazine(central, cap);
		if (!mag)
			break;
		gomem_depot_spare(central, mag);
	}
	depot_stir(central);
	return given;
}

/**
 * gomem_depot_drain() - return objects of the depot to their spans
 * @central: the class
 * @nr: how many full magazines to empty, at most
 *
 * Context: any.  A caller that may not sleep asks for few.
 * Return: how many were emptied.
 */
unsigned int gomem_depot_drain(struct gomem_mcentral *central, unsigned int nr)
{
	unsigned int done = 0;

	while (done < nr && depot_drain_list(central, ANY_LIST, 1, UINT_MAX))
		done++;
	return done;
}

/**
 * gomem_depot_drain_objects() - the same, with a limit to the work
 * @central: the class
 * @nr: how many objects to return, at most
 *
 * Context: any.  A caller that may not sleep asks for few.
 * Return: how many were returned; fewer than @nr if there were no more.
 */
unsigned int gomem_depot_drain_objects(struct gomem_mcentral *central, unsigned int nr)
{
	return depot_drain_list(central, ANY_LIST, UINT_MAX, nr);
}

/**
 * gomem_depot_drain_idle() - return what nobody has needed since the last call
 * @central: the class
 * @list: from gomem_depot_list(), of the CPU that asks
 * @others: also what other CPUs have not needed, if they have had the time
 * @nr: how many objects to return, at most
 *
 * What others go on taking and bringing stays, so that they do not notice.
 *
 * Context: any.  A caller that may not sleep asks for few.
 * Return: how many were returned.
 */
unsigned int gomem_depot_drain_idle(struct gomem_mcentral *central, unsigned int list,
				    bool others, unsigned int nr)
{
	unsigned int idle[GOMEM_DEPOT_LISTS] = {}, spare[GOMEM_DEPOT_LISTS], i, done = 0;
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	for (i = 0; i < GOMEM_DEPOT_LISTS; i++) {
		spare[i] = central->full[i].spare;
		if (i != list && i != GOMEM_DEPOT_ANYBODY)
			continue;
		idle[i] = central->full[i].idle;
		central->full[i].idle = central->full[i].nr;
	}
	if (!others || !depot_look(central))
		memset(spare, 0, sizeof(spare));
	spin_unlock_irqrestore(&central->lock, flags);
	for (i = 0; i < GOMEM_DEPOT_LISTS; i++)
		done += depot_drain_list(central, i, max(idle[i], spare[i]), nr - done);
	return done;
}

static void depot_drain_politely(struct gomem_mcentral *central, unsigned int list,
				 unsigned int nr)
{
	for (; nr && depot_drain_list(central, list, 1, UINT_MAX); nr--)
		if (nr % RESCHED_DRAIN == 0)
			cond_resched();
}

/*
 * Free up to @nr of the magazines that wait for use.  There may be ten thousand: they are
 * for a worker to free, by kfree_rcu(), not for callbacks that keep everybody else from
 * the CPU.
 */
static void depot_free_empty(struct gomem_mcentral *central, unsigned int nr)
{
	struct gomem_magazine *mag;
	unsigned long flags;

	while (nr--) {
		spin_lock_irqsave(&central->lock, flags);
		mag = depot_pop_empty(central);
		spin_unlock_irqrestore(&central->lock, flags);
		if (!mag)
			return;
		gomem_meta_uncount(central->heap->meta, GOMEM_META_MCACHE, mag);
		kfree_rcu(mag, rcu);
		cond_resched();
	}
}

/**
 * gomem_depot_shed() - free all magazines that wait, empty, for use
 * @central: the class
 *
 * Context: process, may sleep.
 */
void gomem_depot_shed(struct gomem_mcentral *central)
{
	depot_free_empty(central, UINT_MAX);
}

/**
 * gomem_depot_trim() - return what the depot has not needed for a while
 * @central: the class
 *
 * The fewest magazines that the depot has held since the last call, full and
 * empty ones, were of no use to anybody in that time.  To be called at regular
 * intervals.
 *
 * Context: process, may sleep.
 */
void gomem_depot_trim(struct gomem_mcentral *central)
{
	unsigned int i;

	for (i = 0; i < GOMEM_DEPOT_LISTS; i++)
		depot_drain_politely(central, i, READ_ONCE(central->full[i].min));
	depot_free_empty(central, READ_ONCE(central->min_empty));

	spin_lock_irq(&central->lock);
	for (i = 0; i < GOMEM_DEPOT_LISTS; i++)
		central->full[i].min = central->full[i].nr;
	central->min_empty = central->nr_empty;
	spin_unlock_irq(&central->lock);
}

/**
 * gomem_depot_destroy() - empty the depot and free its magazines
 * @central: the class; the mcaches have been drained
 *
 * Context: process; nobody else uses the heap any more.
 */
void gomem_depot_destroy(struct gomem_mcentral *central)
{
	depot_drain_politely(central, ANY_LIST, UINT_MAX);
	depot_free_empty(central, UINT_MAX);
}
