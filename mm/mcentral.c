// SPDX-License-Identifier: GPL-2.0
/*
 * mcentral: what all CPUs of a node share of one size class.
 *
 * Two stores.  The depot has whole magazines (Bonwick's: full ones with objects
 * in them, empty ones without), so that a CPU that frees what another one
 * allocated hands over dozens of objects in one exchange.  The spans with room
 * have the rest, object by object in their bitmaps.
 *
 * A refill asks the depot first, then the spans, and moves a magazine's worth
 * under one hold of the lock.  When there is no span with room, the page heap
 * is asked for one; before it grows, the depots of all classes and this CPU's
 * magazines are emptied into their spans, and the other CPUs are asked to do the
 * same: memory that waits for a second use is no reason to take more.
 *
 * A span is taken from the front of the list and goes to the front when its
 * first object comes back, to the end when half of them have: nearly full
 * spans fill up, nearly empty ones empty out and return to the page heap.
 */
#include <linux/cache.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <trace/events/gomem.h>

#include "internal.h"

/*
 * How many magazines are emptied before the heap grows, by callers that may not
 * sleep, and by those that may.
 */
#define ATOMIC_DRAIN	16
#define GROWTH_DRAIN	256

/* The smallest magazine: 64 bytes. */
#define MIN_ROOM	6U

/* How many objects of a bulk request are moved under one hold of the lock. */
#define MAX_HOLD	512U

/* How many magazines are emptied before others may run. */
#define RESCHED_DRAIN	16U

/* --- The depot; under central->lock. --- */

static struct gomem_magazine *pop_full(struct gomem_mcentral *central)
{
	struct gomem_magazine *mag = central->full;

	if (!mag)
		return NULL;
	central->full = mag->next;
	mag->next = NULL;
	central->nr_full--;
	central->nr_cached -= mag->nr;
	central->min_full = min(central->min_full, central->nr_full);
	return mag;
}

static void push_full(struct gomem_mcentral *central, struct gomem_magazine *mag)
{
	mag->next = central->full;
	central->full = mag;
	central->nr_full++;
	central->nr_cached += mag->nr;
	if (!READ_ONCE(central->heap->depot_used))
		WRITE_ONCE(central->heap->depot_used, true);
}

static struct gomem_magazine *pop_empty(struct gomem_mcentral *central)
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

static void push_empty(struct gomem_mcentral *central,
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
static struct gomem_magazine *new_magazine(struct gomem_mcentral *central,
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

static void free_magazine_rcu(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct gomem_magazine, rcu));
}

/* Somebody may still be reading how many objects are in it. */
static void free_magazine(struct gomem_mcentral *central,
			  struct gomem_magazine *mag)
{
	gomem_meta_uncount(central->heap->meta, GOMEM_META_MCACHE, mag);
	call_rcu(&mag->rcu, free_magazine_rcu);
}

/*
 * An empty magazine with room for @want objects, if possible, in place of @mag,
 * which may be NULL.
 */
static struct gomem_magazine *fitting(struct gomem_mcentral *central,
				      struct gomem_magazine *mag,
				      unsigned int want)
{
	struct gomem_magazine *larger;

	if (mag && mag->room >= want)
		return mag;
	larger = new_magazine(central, want);
	if (!larger)
		return mag;
	if (mag)
		free_magazine(central, mag);
	return larger;
}

/* --- Spans. --- */

/* Move up to @nr objects from spans to @objs; under central->lock. */
static unsigned int take_objects(struct gomem_mcentral *central, void **objs,
				 unsigned int nr)
{
	unsigned int taken = 0;

	lockdep_assert_held(&central->lock);
	while (taken < nr && !list_empty(&central->partial)) {
		struct gomem_span *span;

		span = list_first_entry(&central->partial, struct gomem_span,
					list);
		taken += gomem_mspan_take(span, objs + taken, nr - taken);
		if (span->nalloc == gomem_span_nelems(span))
			list_del_init(&span->list);
	}
	return taken;
}

/*
 * Put @p back into @span; under the lock of the span's mcentral.  A span that
 * has got its last object back goes to @dying.
 */
static int put_object(struct gomem_mcentral *central, struct gomem_span *span,
		      const void *p, struct list_head *dying)
{
	unsigned int nelems = gomem_span_nelems(span);
	unsigned long offset = (unsigned long)p - gomem_span_base(span);
	unsigned int index = gomem_object_index(span->class, offset);

	lockdep_assert_held(&central->lock);
	if (index >= nelems)
		return GOMEM_BAD_TAIL;
	if (offset != index * gomem_class[span->class].size)
		return GOMEM_BAD_INTERIOR;
	if (!gomem_mspan_put(span, index))
		return GOMEM_BAD_DOUBLE;

	if (!span->nalloc) {
		WRITE_ONCE(span->state, GOMEM_SPAN_DYING);
		list_move(&span->list, dying);
	} else if (span->nalloc == nelems - 1) {
		list_add(&span->list, &central->partial);
	} else if (span->nalloc == nelems / 2) {
		list_move_tail(&span->list, &central->partial);
	}
	return -1;
}

/*
 * The mcentral whose spans @p lies in now, or NULL; under RCU.  What comes out
 * of a magazine (of @counted) is of the magazine's class, or else it was freed
 * before and is somebody else's memory by now.
 */
static struct gomem_mcentral *central_of(const void *p,
					 const struct gomem_mcentral *counted)
{
	struct gomem_span *span = gomem_span_of(p);
	struct gomem_mcentral *central = span ? READ_ONCE(span->central) : NULL;

	if (!central || !central->class)
		return NULL;
	if (counted && (central->class != counted->class ||
			central->heap != counted->heap))
		return NULL;
	return central;
}

/*
 * Put objects back for as long as they are of @central's spans; under RCU.
 * Returns how many were, and in @bad why the next one was not.
 */
static unsigned int put_run(struct gomem_mcentral *central, void **objs,
			    unsigned int nr, bool count,
			    struct list_head *dying, int *bad)
{
	struct gomem_span *span;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&central->lock, flags);
	for (i = 0; i < nr; i++) {
		span = gomem_span_of(objs[i]);
		*bad = GOMEM_BAD_IDLE;
		if (!span || READ_ONCE(span->central) != central ||
		    READ_ONCE(span->state) != GOMEM_SPAN_INUSE)
			break;
		*bad = put_object(central, span, objs[i], dying);
		if (*bad >= 0)
			break;
	}
	if (count)
		central->nfree += i;
	spin_unlock_irqrestore(&central->lock, flags);
	return i;
}

static void free_spans(struct list_head *dying)
{
	struct gomem_span *span, *next;

	list_for_each_entry_safe(span, next, dying, list) {
		list_del_init(&span->list);
		gomem_mprof_forget(span, span->central->heap->meta);
		trace_gomem_span_free((void *)gomem_span_base(span), span->npages,
				      span->central->mheap->nid, span->class);
		gomem_mheap_free_span(span);
	}
}

/* Allocated objects that are not: they make up for frees that were not. */
static void count_phantom(struct gomem_mcentral *central)
{
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	central->nmalloc++;
	spin_unlock_irqrestore(&central->lock, flags);
}

/**
 * gomem_objects_put() - return objects to their spans
 * @heap: the heap they were freed to
 * @objs: the objects, of any class and node; best grouped by both
 * @nr: how many
 * @counted: NULL if they are yet to be counted as freed; or, when they have
 *	been, on their way into a magazine, the mcentral of that magazine
 *
 * Here is where a double free or an interior pointer that a magazine took is
 * found out.  It was counted as a free then, so it is made up for by counting
 * an allocation: the books never go backwards, and they balance.
 *
 * Context: any; takes locks of mcentrals and mheaps, one at a time.
 */
void gomem_objects_put(struct gomem_heap *heap, void **objs, unsigned int nr,
		       struct gomem_mcentral *counted)
{
	struct gomem_mcentral *central;
	unsigned int i = 0;
	LIST_HEAD(dying);
	int bad;

	atomic_long_add(nr, &heap->event[GOMEM_EV_LOOKUP]);
	rcu_read_lock();
	while (i < nr) {
		bad = GOMEM_BAD_IDLE;
		central = central_of(objs[i], counted);
		if (central)
			i += put_run(central, objs + i, nr - i, !counted,
				     &dying, &bad);
		/* The next one may just be of another class or node. */
		if (i == nr || central_of(objs[i], counted) != central)
			continue;
		if (counted)
			count_phantom(counted);
		gomem_bad_free(heap, objs[i++], bad);
	}
	rcu_read_unlock();
	free_spans(&dying);
}

/*
 * The heap has to grow: first return to the spans what waits in the depots and
 * on this CPU, and ask the other CPUs to do so.
 */
static bool collect_waiting(struct gomem_heap *heap, gfp_t gfp)
{
	unsigned int nr;

	if (!gfpflags_allow_blocking(gfp))
		return gomem_heap_empty_depots(heap, ATOMIC_DRAIN);
	nr = gomem_heap_empty_depots(heap, GROWTH_DRAIN);
	WRITE_ONCE(heap->growths, heap->growths + 1);
	raw_cpu_write(heap->mcache->drained, heap->growths);
	return nr + gomem_mcache_drain(heap, NULL);
}

/*
 * How many pages the next span is to have.  Where several objects share several
 * pages, most of a full-length span would be idle as long as the class has few
 * objects; so its spans begin short, with room for about as many objects as
 * there are already.
 */
static unsigned int next_span_pages(const struct gomem_mcentral *central)
{
	const struct gomem_class *c = &gomem_class[central->class];
	unsigned long nr = clamp_t(unsigned long, READ_ONCE(central->slots), 1,
				   c->nelems);

	return min_t(unsigned long, c->npages,
		     DIV_ROUND_UP(nr * c->size, GOMEM_PAGE_SIZE));
}

/*
 * A span for @central.  When the heap has to grow, @drained says whether the
 * depots have been emptied already; if not, that is done instead and the caller
 * looks again.
 */
static struct gomem_span *new_span(struct gomem_mcentral *central, gfp_t gfp,
				   bool *drained, struct gomem_block **reserve)
{
	const struct gomem_class *c = &gomem_class[central->class];
	struct gomem_want want = {
		.central = central,
		.npages = next_span_pages(central),
		.align = gomem_align_pages(c->size),
	};
	struct gomem_meta *meta = central->heap->meta;
	struct gomem_span *span;

	lockdep_assert_not_held(&central->lock);
	if (gomem_class_has_far_bits(central->class)) {
		want.far_bits = gomem_meta_alloc(meta, GOMEM_META_GC,
						 BITS_TO_LONGS(c->nelems) *
						 sizeof(long),
						 gomem_meta_gfp(gfp));
		if (!want.far_bits)
			return NULL;
	}
	span = gomem_mheap_find(central->mheap, &want);
	if (!span && !*drained) {
		*drained = true;
		if (collect_waiting(central->heap, gfp))
			span = ERR_PTR(-EAGAIN);
	}
	if (!span)
		span = gomem_mheap_grow(central->mheap, &want, gfp, reserve);
	if (IS_ERR_OR_NULL(span))
		gomem_meta_free(meta, GOMEM_META_GC, want.far_bits);
	else
		trace_gomem_span_alloc((void *)gomem_span_base(span),
				       span->npages, central->mheap->nid,
				       central->class);
	return span;
}

/*
 * No span of the class is to be had: pages for one object alone.  @reserve is a
 * block from the emergency reserves, or NULL.
 */
static void *single_object(struct gomem_mcentral *central, gfp_t gfp,
			   struct gomem_block *reserve)
{
	unsigned int size = gomem_class[central->class].size;
	struct gomem_heap *heap = central->heap;

	gomem_count(heap, GOMEM_EV_EXACT);
	if (reserve)
		return gomem_large_adopt(heap, central->mheap, reserve,
					 reserve->npages);
	return gomem_large_exact(heap, central->mheap, size, gfp,
				 central->mheap->nid);
}

/**
 * gomem_mcentral_fetch() - objects from spans, with growth of the heap
 * @central: the class
 * @objs: where they go
 * @nr: how many at most
 * @gfp: the caller's flags
 * @count: count them as allocated here, because no mcache does
 * @single: an object that is no object of this class's spans but has pages of
 *	its own, when 0 is returned; NULL when there is no memory
 *
 * Context: as @gfp says.  In process context it may sleep.
 * Return: how many, at least one unless @single was used.
 */
unsigned int gomem_mcentral_fetch(struct gomem_mcentral *central, void **objs,
				  unsigned int nr, gfp_t gfp, bool count,
				  void **single)
{
	struct gomem_block *reserve = NULL;
	bool drained = false;
	struct gomem_span *span = NULL;
	unsigned long flags;
	unsigned int taken;

	for (;;) {
		spin_lock_irqsave(&central->lock, flags);
		if (span)
			list_add(&span->list, &central->partial);
		taken = take_objects(central, objs, nr);
		if (count)
			central->nmalloc += taken;
		spin_unlock_irqrestore(&central->lock, flags);
		if (taken)
			return taken;
		span = new_span(central, gfp, &drained, &reserve);
		if (!span) {
			*single = single_object(central, gfp, reserve);
			return 0;
		}
		if (IS_ERR(span))
			span = NULL;
	}
}

/*
 * How many objects a CPU may take from spans at a time: all CPUs together an
 * eighth of what the class has.  What has been freed before, and waits in the
 * depot, is not limited.
 */
static unsigned int fair_share(const struct gomem_mcentral *central)
{
	return 2 + READ_ONCE(central->slots) / (8 * num_online_cpus());
}

/**
 * gomem_mcentral_refill() - a magazine with objects for an mcache
 * @central: the class
 * @mag: an empty magazine to give in exchange or to have filled, or NULL
 * @want: how many objects are wanted, if they come from spans
 * @gfp: the caller's flags
 * @single: one object instead, or NULL, when NULL is returned
 *
 * Context: as @gfp says.
 * Return: a magazine with at least one object, or NULL, see @single.
 */
struct gomem_magazine *gomem_mcentral_refill(struct gomem_mcentral *central,
					     struct gomem_magazine *mag,
					     unsigned int want, gfp_t gfp,
					     void **single)
{
	struct gomem_magazine *full;
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	full = pop_full(central);
	if (full) {
		if (mag)
			push_empty(central, mag);
	} else if (!mag) {
		mag = pop_empty(central);
	}
	spin_unlock_irqrestore(&central->lock, flags);
	if (full)
		return full;

	want = min(want, fair_share(central));
	mag = fitting(central, mag, want);
	if (!mag) {
		gomem_mcentral_fetch(central, single, 1, gfp, true, single);
		return NULL;
	}
	mag->nr = gomem_mcentral_fetch(central, mag->obj,
				       min_t(unsigned int, want, mag->room),
				       gfp, false, single);
	if (mag->nr)
		return mag;
	gomem_mcentral_spare(central, mag);
	return NULL;
}

/**
 * gomem_mcentral_store() - an empty magazine, in exchange for a full one
 * @central: the class
 * @full: the full one, or NULL
 * @want: how many objects it is to have room for, if possible
 *
 * Never fails to take @full.
 *
 * Return: an empty magazine, or NULL if there is no memory for one.
 */
struct gomem_magazine *gomem_mcentral_store(struct gomem_mcentral *central,
					    struct gomem_magazine *full,
					    unsigned int want)
{
	struct gomem_magazine *mag;
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	if (full)
		push_full(central, full);
	mag = pop_empty(central);
	spin_unlock_irqrestore(&central->lock, flags);
	return fitting(central, mag, want);
}

/**
 * gomem_mcentral_spare() - put a magazine in the depot, full or empty
 * @central: the class
 * @mag: the magazine
 */
void gomem_mcentral_spare(struct gomem_mcentral *central,
			  struct gomem_magazine *mag)
{
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	if (mag->nr)
		push_full(central, mag);
	else
		push_empty(central, mag);
	spin_unlock_irqrestore(&central->lock, flags);
}

/**
 * gomem_mcentral_take() - many objects, from the depot and the spans that exist
 * @central: the class
 * @objs: where they go
 * @nr: how many at most
 *
 * They are counted as allocated here.  Magazines are emptied whole.
 *
 * Context: any.
 * Return: how many, of a large number not all; 0 if the heap would have to grow.
 */
unsigned int gomem_mcentral_take(struct gomem_mcentral *central, void **objs,
				 unsigned int nr)
{
	struct gomem_magazine *mag;
	unsigned int taken = 0;
	unsigned long flags;

	nr = min(nr, MAX_HOLD);
	spin_lock_irqsave(&central->lock, flags);
	while (central->full && central->full->nr <= nr - taken) {
		mag = pop_full(central);
		memcpy(objs + taken, mag->obj, mag->nr * sizeof(*objs));
		taken += mag->nr;
		mag->nr = 0;
		push_empty(central, mag);
	}
	if (!central->full)
		taken += take_objects(central, objs + taken, nr - taken);
	central->nmalloc += taken;
	spin_unlock_irqrestore(&central->lock, flags);
	return taken;
}

static void fill_magazine(struct gomem_magazine *mag, void **objs)
{
	memcpy(mag->obj, objs, mag->room * sizeof(*objs));
	mag->nr = mag->room;
	mag->cap = mag->room;
}

/**
 * gomem_mcentral_give() - many objects, to the depot
 * @central: the class
 * @objs: objects of the class, by their tags
 * @nr: how many
 *
 * They are counted as freed here.  A rest that fills no magazine is left to the
 * caller, and so is everything for which there is no magazine, and most of a
 * very large number.
 *
 * Context: any.
 * Return: how many of them the depot has now.
 */
unsigned int gomem_mcentral_give(struct gomem_mcentral *central, void **objs,
				 unsigned int nr)
{
	unsigned int cap = gomem_class[central->class].mag_cap;
	struct gomem_magazine *mag;
	unsigned int given = 0;
	unsigned long flags;

	nr = min(nr, MAX_HOLD);
	while (nr - given >= cap) {
		spin_lock_irqsave(&central->lock, flags);
		while ((mag = pop_empty(central))) {
			if (mag->room > nr - given) {
				push_empty(central, mag);
				break;
			}
			fill_magazine(mag, objs + given);
			push_full(central, mag);
			given += mag->room;
			central->nfree += mag->room;
		}
		spin_unlock_irqrestore(&central->lock, flags);
		if (mag)
			break;
		mag = new_magazine(central, cap);
		if (!mag)
			break;
		gomem_mcentral_spare(central, mag);
	}
	return given;
}

/**
 * gomem_mcentral_drain() - return objects of the depot to their spans
 * @central: the class
 * @nr: how many full magazines to empty, at most
 *
 * Context: any.  A caller that may not sleep asks for few.
 * Return: how many were emptied.
 */
unsigned int gomem_mcentral_drain(struct gomem_mcentral *central,
				  unsigned int nr)
{
	struct gomem_magazine *mag;
	unsigned long flags;
	unsigned int done;

	for (done = 0; done < nr; done++) {
		spin_lock_irqsave(&central->lock, flags);
		mag = pop_full(central);
		spin_unlock_irqrestore(&central->lock, flags);
		if (!mag)
			break;
		gomem_objects_put(central->heap, mag->obj, mag->nr, central);
		mag->nr = 0;
		gomem_mcentral_spare(central, mag);
	}
	return done;
}

static void drain_politely(struct gomem_mcentral *central, unsigned int nr)
{
	unsigned int chunk;

	for (; nr; nr -= chunk) {
		chunk = min(nr, RESCHED_DRAIN);
		if (gomem_mcentral_drain(central, chunk) < chunk)
			return;
		cond_resched();
	}
}

/* Free up to @nr of the magazines that wait for use. */
static void free_empty(struct gomem_mcentral *central, unsigned int nr)
{
	struct gomem_magazine *mag;
	unsigned long flags;

	while (nr--) {
		spin_lock_irqsave(&central->lock, flags);
		mag = pop_empty(central);
		spin_unlock_irqrestore(&central->lock, flags);
		if (!mag)
			return;
		free_magazine(central, mag);
		cond_resched();
	}
}

/**
 * gomem_mcentral_shed() - free all magazines that wait, empty, for use
 * @central: the class
 *
 * Context: process, may sleep.
 */
void gomem_mcentral_shed(struct gomem_mcentral *central)
{
	free_empty(central, UINT_MAX);
}

/**
 * gomem_mcentral_trim() - return what the depot has not needed for a while
 * @central: the class
 *
 * The fewest magazines that the depot has held since the last call, full and
 * empty ones, were of no use to anybody in that time.  To be called at regular
 * intervals.
 *
 * Context: process, may sleep.
 */
void gomem_mcentral_trim(struct gomem_mcentral *central)
{
	unsigned int full, empty;
	unsigned long flags;

	spin_lock_irqsave(&central->lock, flags);
	full = central->min_full;
	empty = central->min_empty;
	spin_unlock_irqrestore(&central->lock, flags);
	drain_politely(central, full);
	free_empty(central, empty);

	spin_lock_irqsave(&central->lock, flags);
	central->min_full = central->nr_full;
	central->min_empty = central->nr_empty;
	spin_unlock_irqrestore(&central->lock, flags);
}

/**
 * gomem_mcentral_init() - no spans, no magazines
 * @central: the class
 * @heap: its heap
 * @mheap: where its spans come from
 * @class: its number
 */
void gomem_mcentral_init(struct gomem_mcentral *central,
			 struct gomem_heap *heap, struct gomem_mheap *mheap,
			 unsigned int class)
{
	spin_lock_init(&central->lock);
	INIT_LIST_HEAD(&central->partial);
	central->heap = heap;
	central->mheap = mheap;
	central->class = class;
	if (!class)
		central->tag = GOMEM_TAG_LARGE;
	else
		central->tag = heap->is_default ? class : GOMEM_TAG_OTHER;
}

/**
 * gomem_mcentral_destroy() - empty the depot and free its magazines
 * @central: the class; the mcaches have been drained
 *
 * Context: process; nobody else uses the heap any more.
 */
void gomem_mcentral_destroy(struct gomem_mcentral *central)
{
	drain_politely(central, UINT_MAX);
	free_empty(central, UINT_MAX);
}
