// SPDX-License-Identifier: GPL-2.0
/*
 * mcentral: what all CPUs of a node share of one size class.
 *
 * Two stores.  The depot (mm/depot.c) has whole magazines.  The spans with room
 * have the rest, object by object in their bitmaps; they are the subject here.
 *
 * When there is no span with room, the page heap is asked for one.  Before it grows for
 * a caller that may sleep, about a thousand objects of all classes return to their
 * spans, from the depots and from this CPU's magazines, and now and then the other CPUs
 * are asked to return some (mm/heapctl.c): memory that waits for a second use is no
 * reason to take more.
 *
 * A span is taken from the front of the list and goes to the front when its
 * first object comes back, to the end when half of them have: nearly full
 * spans fill up, nearly empty ones empty out and return to the page heap.
 */
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/topology.h>
#include <trace/events/gomem.h>

#include "arena.h"
#include "badfree.h"
#include "grow.h"
#include "large.h"
#include "mcentral.h"
#include "mheap.h"
#include "release.h"

/* How many objects are put back under one hold of the lock. */
#define MAX_PUT		16U

/* Objects from the spans in @list; under the lock of their mcentral. */
static unsigned int mcentral_take_from(struct list_head *list, void **objs,
				       unsigned int nr)
{
	unsigned int taken = 0;

	while (taken < nr && !list_empty(list)) {
		struct gomem_span *span;

		span = list_first_entry(list, struct gomem_span, list);
		taken += gomem_mspan_take(span, objs + taken, nr - taken);
		if (span->nalloc == gomem_span_nelems(span))
			list_del_init(&span->list);
	}
	return taken;
}

/**
 * gomem_mcentral_take() - objects from the spans that there are
 * @central: the class, locked
 * @objs: where they go
 * @nr: how many at most
 *
 * Return: how many there were.
 */
unsigned int gomem_mcentral_take(struct gomem_mcentral *central, void **objs,
				 unsigned int nr)
{
	lockdep_assert_held(&central->lock);
	return mcentral_take_from(&central->partial, objs, nr);
}

/*
 * Put @p back into @span; under the lock of the span's mcentral.  A span that
 * has got its last object back goes to @dying.
 */
static enum gomem_bad mcentral_put_object(struct gomem_mcentral *central,
					  struct gomem_span *span, const void *p,
					  struct list_head *dying)
{
	unsigned int nelems = gomem_span_nelems(span);
	unsigned long offset = (unsigned long)p - gomem_span_base(span);
	unsigned int index = gomem_object_index(span->class, offset);
	struct list_head *list;

	lockdep_assert_held(&central->lock);
	list = gomem_block_of(span)->pfmemalloc ? &central->reserve : &central->partial;
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
		list_add(&span->list, list);
	} else if (span->nalloc == nelems / 2) {
		list_move_tail(&span->list, list);
	}
	return GOMEM_GOOD;
}

/*
 * The mcentral whose spans @p lies in now, or NULL; under RCU.  What comes out
 * of a magazine (of @counted) is of the magazine's class, or else it was freed
 * before and is somebody else's memory by now.
 */
static struct gomem_mcentral *mcentral_of(const void *p,
					  const struct gomem_mcentral *counted)
{
	struct gomem_span *span = gomem_span_at(p);
	struct gomem_mcentral *central = span ? gomem_span_central(span) : NULL;

	if (!central || !central->class)
		return NULL;
	if (counted && (central->class != counted->class ||
			central->heap != counted->heap))
		return NULL;
	return central;
}

/*
 * Put objects back for as long as they are of @central's spans, and not too many;
 * under RCU.  Returns how many were, and in @bad what is wrong with the next one.
 */
static unsigned int mcentral_put_run(struct gomem_mcentral *central, void **objs,
				     unsigned int nr, bool count,
				     struct list_head *dying,
				     enum gomem_bad *bad)
{
	struct gomem_span *span;
	unsigned long flags;
	unsigned int i;

	nr = min(nr, MAX_PUT);
	spin_lock_irqsave(&central->lock, flags);
	for (i = 0; i < nr; i++) {
		span = gomem_span_at(objs[i]);
		*bad = GOMEM_BAD_IDLE;
		if (!span || !gomem_span_in_use(span) ||
		    gomem_span_central(span) != central)
			break;
		*bad = mcentral_put_object(central, span, objs[i], dying);
		if (*bad)
			break;
	}
	central->nlookup += i;
	if (count)
		central->nfree += i;
	spin_unlock_irqrestore(&central->lock, flags);
	return i;
}

static void mcentral_free_spans(struct list_head *dying)
{
	struct gomem_span *span, *next;

	list_for_each_entry_safe(span, next, dying, list) {
		list_del_init(&span->list);
		gomem_mspan_forget(span, gomem_span_central(span)->heap->meta);
		trace_gomem_span_free((void *)gomem_span_base(span), gomem_span_npages(span),
				      gomem_span_central(span)->mheap->nid,
				      gomem_told_class(span->class));
		gomem_mheap_free_span(span);
	}
}

/* Allocated objects that are not: they make up for frees that were not. */
static void mcentral_count_phantom(struct gomem_mcentral *central)
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
	enum gomem_bad bad;

	rcu_read_lock();
	while (i < nr) {
		bad = GOMEM_BAD_IDLE;
		central = mcentral_of(objs[i], counted);
		if (central)
			i += mcentral_put_run(central, objs + i, nr - i, !counted,
					      &dying, &bad);
		/* The next one may just be one too many, or of another class or node. */
		if (i == nr || !bad || mcentral_of(objs[i], counted) != central)
			continue;
		if (counted)
			mcentral_count_phantom(counted);
		gomem_count(heap, GOMEM_EV_LOOKUP);
		gomem_bad_free(heap, objs[i++], bad);
	}
	rcu_read_unlock();
	mcentral_free_spans(&dying);
}

/*
 * Of the length that is best for the class, or else of the usual one: what is
 * left of a block that gave the best ones, or all that there is to be had.
 */
static struct gomem_span *mcentral_find(struct gomem_mheap *mheap,
					const struct gomem_want *want)
{
	unsigned int usual = gomem_class[want->central->class].npages;
	struct gomem_span *span = gomem_mheap_find(mheap, want);
	struct gomem_want second = *want;

	if (span || want->npages <= usual)
		return span;
	second.npages = usual;
	return gomem_mheap_find(mheap, &second);
}

/* From a tail, or else from the page allocator. */
static struct gomem_span *mcentral_grow_by(struct gomem_mheap *mheap,
					   const struct gomem_want *want, gfp_t gfp)
{
	struct gomem_span *span = gomem_mheap_grow_tail(mheap, want, gfp);

	return span ? span : gomem_mheap_grow(mheap, want, gfp);
}

/*
 * The same where the heap has to grow, and no tail has what is best; and if that cannot
 * be had, the shortest span with room for an object, which may be half a page.
 */
static struct gomem_span *mcentral_grow(struct gomem_mheap *mheap,
					const struct gomem_want *want, gfp_t gfp)
{
	const struct gomem_class *c = &gomem_class[want->central->class];
	struct gomem_want other = *want;
	struct gomem_span *span;

	span = gomem_mheap_grow(mheap, want, gfp);
	if (!span && want->npages > c->npages) {
		other.npages = c->npages;
		span = mcentral_grow_by(mheap, &other, gfp);
	}
	other.npages = DIV_ROUND_UP(c->size, GOMEM_PAGE_SIZE);
	other.half = GOMEM_HAS_HALVES && c->size <= GOMEM_HALF_SIZE;
	if (span || (other.npages == min(want->npages, c->npages) && !other.half))
		return span;
	return mcentral_grow_by(mheap, &other, gfp);
}

static void mcentral_trace_alloc(const struct gomem_span *span)
{
	trace_gomem_span_alloc((void *)gomem_span_base(span), gomem_span_npages(span),
			       gomem_span_central(span)->mheap->nid,
			       gomem_told_class(span->class));
}

/*
 * A span for @central, or NULL.  Before the heap grows, objects that wait return to their
 * spans, once: @drained says whether they have.  If there were any, ERR_PTR(-EAGAIN) has
 * the caller look again.  @light: the page allocator is not to make an effort.
 */
static struct gomem_span *mcentral_new_span(struct gomem_mcentral *central,
					    gfp_t gfp, bool light, bool *drained)
{
	const struct gomem_class *c = &gomem_class[central->class];
	struct gomem_want want = {
		.central = central,
		.npages = gomem_span_pages(central->class,
					   READ_ONCE(central->slots)),
		.align = gomem_align_pages(c->size),
		.ahead = gfpflags_allow_blocking(gfp),
		.by_policy = !central->uncached && gomem_by_policy(gfp),
	};
	gfp_t page_gfp = light ? gomem_light_gfp(gfp) | __GFP_THISNODE : gfp;
	struct gomem_mheap *mheap = central->mheap;
	struct gomem_meta *meta = central->heap->meta;
	struct gomem_span *span;

	lockdep_assert_not_held(&central->lock);
	if (gomem_class_has_far_bits(central->class)) {
		want.far_bits = gomem_meta_alloc(meta, GOMEM_META_GC,
						 BITS_TO_LONGS(c->nelems) *
						 sizeof(long),
						 gomem_meta_gfp(page_gfp));
		if (!want.far_bits)
			return NULL;
	}
	span = mcentral_find(mheap, &want);
	if (!span && light && gomem_mheap_is_empty(mheap, gomem_object_order(c->size)))
		goto out;
	if (!span && !*drained) {
		*drained = true;
		if (central->heap->hooks->collect(central->heap, gfp))
			span = ERR_PTR(-EAGAIN);
	}
	if (!span)
		span = gomem_mheap_grow_tail(mheap, &want, page_gfp);
	if (!span) {
		gomem_mheap_make_way(mheap, max(want.npages,
						gomem_mheap_growth(mheap)), gfp);
		span = mcentral_grow(mheap, &want, page_gfp);
		if (!span && light)
			gomem_mheap_set_empty(mheap, gomem_object_order(c->size));
	}
out:
	if (IS_ERR_OR_NULL(span))
		gomem_meta_free(meta, GOMEM_META_GC, want.far_bits);
	else
		mcentral_trace_alloc(span);
	return span;
}

/*
 * No span of the class is to be had, for want of pages or of what describes it: pages
 * for one object alone, unless that has just been tried.
 */
static void *mcentral_single_object(struct gomem_mcentral *central, gfp_t gfp)
{
	unsigned int size = gomem_class[central->class].size;
	void *p;

	if (gomem_is_run_class(central->class) && !(gfp & __GFP_NOFAIL))
		return NULL;
	p = gomem_large_exact(gomem_node_of(central), size, gfp,
			      gomem_by_policy(gfp));
	if (p)
		gomem_count(central->heap, GOMEM_EV_EXACT);
	return p;
}

/* May who asks with @gfp have what the page allocator keeps for emergencies? */
static bool mcentral_may_use_reserve(gfp_t gfp)
{
	if (gfp & __GFP_NOMEMALLOC)
		return false;
	return (gfp & __GFP_MEMALLOC) ||
	       ((in_task() || in_serving_softirq()) &&
		(current->flags & PF_MEMALLOC));
}

/*
 * An object from the emergency reserves, where spans of such memory have room and
 * the caller may have it; under central->lock.
 */
static bool mcentral_take_reserve(struct gomem_mcentral *central, void **obj,
				  gfp_t gfp)
{
	if (likely(list_empty(&central->reserve)) ||
	    !mcentral_may_use_reserve(gfp))
		return false;
	mcentral_take_from(&central->reserve, obj, 1);
	central->nmalloc++;
	return true;
}

/* A new span takes its place; the caller may have one object if from reserves. */
static bool mcentral_add_span(struct gomem_mcentral *central,
			      struct gomem_span *span, void **obj)
{
	if (likely(!gomem_block_of(span)->pfmemalloc)) {
		list_add(&span->list, &central->partial);
		return false;
	}
	list_add(&span->list, &central->reserve);
	mcentral_take_from(&central->reserve, obj, 1);
	central->nmalloc++;
	return true;
}

/**
 * gomem_mcentral_may_stray() - may it be memory of another node, and are there others?
 * @central: the class, on the node that is asked first
 * @gfp: the caller's flags
 *
 * Return: true if so.
 */
bool gomem_mcentral_may_stray(const struct gomem_mcentral *central, gfp_t gfp)
{
	return nr_online_nodes > 1 && !central->uncached &&
	       !(gfp & __GFP_THISNODE) && !gomem_by_policy(gfp);
}

/* Is @a nearer to @from than @b?  Of two that are as near, one is called so. */
static bool mcentral_nearer(int from, int a, int b)
{
	int far_a = node_distance(from, a), far_b = node_distance(from, b);

	return far_a < far_b || (far_a == far_b && a < b);
}

/**
 * gomem_mcentral_next() - the class on the next node, by distance
 * @home: where they are counted from
 * @last: the one before, @home at first
 *
 * Return: the nearest one that is farther than @last; NULL if there is none.
 */
struct gomem_mcentral *gomem_mcentral_next(struct gomem_mcentral *home,
					   const struct gomem_mcentral *last)
{
	int from = home->mheap->nid, best = NUMA_NO_NODE, nid;
	struct gomem_heap *heap = home->heap;

	for_each_node_mask(nid, heap->nodes) {
		if (nid == from || (last != home &&
				    !mcentral_nearer(from, last->mheap->nid, nid)))
			continue;
		if (best == NUMA_NO_NODE || mcentral_nearer(from, nid, best))
			best = nid;
	}
	return best == NUMA_NO_NODE ? NULL :
				      &heap->node[best]->central[home->class];
}

/*
 * Have more than what the next span has?  Where spans have few objects, a CPU else comes
 * back to the shared locks for every few of them.
 */
static bool mcentral_has_more(const struct gomem_mcentral *central, gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) &&
	       !gomem_class_has_far_bits(central->class) &&
	       !gomem_mheap_is_small(central->mheap);
}

/*
 * Up to @nr objects from runs that are there; no mcentral has counted them.  Other CPUs
 * may be waiting for the lock, so it is taken once for all of them.
 */
static unsigned int mcentral_take_more(struct gomem_mcentral *central, void **objs,
				       unsigned int nr)
{
	const struct gomem_class *c = &gomem_class[central->class];
	struct gomem_want want = {
		.central = central,
		.npages = c->npages,
		.align = gomem_align_pages(c->size),
	};
	unsigned int found = 0, taken;
	struct gomem_span *span;
	unsigned long flags;
	LIST_HEAD(fresh);

	while (found < nr) {
		span = gomem_mheap_find(central->mheap, &want);
		if (!span)
			break;
		mcentral_trace_alloc(span);
		list_add(&span->list, &fresh);
		found += gomem_span_nelems(span);
	}
	if (!found)
		return 0;
	spin_lock_irqsave(&central->lock, flags);
	list_splice(&fresh, &central->partial);
	taken = gomem_mcentral_take(central, objs, min(nr, found));
	spin_unlock_irqrestore(&central->lock, flags);
	return taken;
}

/**
 * gomem_mcentral_fetch() - objects from spans, with growth of the heap
 * @home: the class, on the node that is asked first
 * @objs: where they go; all are of one node, the one that their pages are of
 * @nr: how many at most
 * @gfp: the caller's flags; with __GFP_THISNODE, of that node or none
 * @count: count them as allocated here, because no mcache does
 * @single: an object that is not to be cached, counted here, when 0 is returned: it
 *	has pages of its own or is from the emergency reserves; NULL when there is
 *	no memory
 *
 * Where the node is full, what others have is used before the page allocator is
 * made to search.
 *
 * Context: as @gfp says, no gomem lock held.
 * Return: how many, at least one unless @single was used.
 */
unsigned int gomem_mcentral_fetch(struct gomem_mcentral *home, void **objs,
				  unsigned int nr, gfp_t gfp, bool count,
				  void **single)
{
	bool light = gomem_mcentral_may_stray(home, gfp), drained = false, more = false, alone;
	struct gomem_mcentral *central = home;
	struct gomem_span *span = NULL;
	unsigned long flags;
	unsigned int taken;

	for (;;) {
		spin_lock_irqsave(&central->lock, flags);
		alone = span && mcentral_add_span(central, span, single);
		taken = alone ? 0 : gomem_mcentral_take(central, objs, nr);
		if (!alone && !taken)
			alone = mcentral_take_reserve(central, single, gfp);
		if (count)
			central->nmalloc += taken;
		spin_unlock_irqrestore(&central->lock, flags);
		if (taken && more && !count)
			taken += mcentral_take_more(central, objs + taken, nr - taken);
		if (taken || alone)
			return taken;
		span = mcentral_new_span(central, gfp, light, &drained);
		if (IS_ERR(span)) {
			span = NULL;
		} else if (span) {
			more = mcentral_has_more(gomem_span_central(span), gfp);
			central = gomem_span_central(span);
		} else if (light) {
			central = gomem_mcentral_next(home, central);
			light = central;
			central = central ?: home;
		} else {
			*single = mcentral_single_object(home, gfp);
			return 0;
		}
	}
}

/**
 * gomem_mcentral_init() - no spans, no magazines
 * @central: the class
 * @heap: its heap
 * @mheap: where its spans come from
 * @class: its number
 * @uncached: no CPU is to cache its objects
 */
void gomem_mcentral_init(struct gomem_mcentral *central,
			 struct gomem_heap *heap, struct gomem_mheap *mheap,
			 unsigned int class, bool uncached)
{
	spin_lock_init(&central->lock);
	INIT_LIST_HEAD(&central->partial);
	INIT_LIST_HEAD(&central->reserve);
	central->heap = heap;
	central->mheap = mheap;
	central->class = class;
	central->uncached = uncached;
	if (!class)
		central->tag = GOMEM_TAG_LARGE;
	else
		central->tag = heap->is_default && !uncached ? class : GOMEM_TAG_OTHER;
}
