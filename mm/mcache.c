// SPDX-License-Identifier: GPL-2.0
/*
 * mcache: the fast path.  A CPU's own stock of objects, two magazines a class.
 *
 * Allocating pops from the loaded magazine, freeing pushes on it: no lock, no
 * atomic operation, interrupts stay on, neither the object nor its span is
 * touched.  What protects an mcache is that only its CPU uses it: preemption is
 * off meanwhile, and a plain byte, busy, tells an interrupt that the code which
 * it interrupted is in the middle.  Such an interrupt goes to mcentral for this
 * one object, and is counted there.
 *
 * The previous magazine (Bonwick's) keeps a CPU that allocates and frees around
 * the edge of a magazine from exchanging one at every step.  When both are
 * empty, or both full, one is exchanged at mcentral, with the mcache let go:
 * no lock is ever taken inside.
 *
 * Allocations are counted, towards the next one that the heap profile samples.
 * That one leaves the straight path with its object in hand (see mprof.c), and so
 * does every one while allocations are traced; so that neither costs the others
 * more than the branch.
 *
 * How many objects a magazine carries grows with use: it starts at a few,
 * doubles at every exchange, up to the class's capacity, and is halved as time
 * goes by (see reclaim.c).  So a class that is rarely used does not hoard.
 */
#include <linux/export.h>
#include <linux/jump_label.h>
#include <linux/kmemleak.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <linux/gomem.h>

#include "arena.h"
#include "depot.h"
#include "large.h"
#include "mcache-inline.h"
#include "mcentral.h"
#include "mheap.h"
#include "object.h"
#include "sampling.h"

struct gomem_heap gomem_default_heap;

DEFINE_PER_CPU(struct gomem_mcache *, gomem_mcache) = &gomem_no_mcache;

struct gomem_magazine gomem_no_magazine __ro_after_init;

/*
 * On where there is more than one node, as frees look where their memory is, and
 * while frees are traced.
 */
DEFINE_STATIC_KEY_FALSE(gomem_detour);

/* --- The fast path. --- */

/* The order of the arguments is gomem_alloc()'s, so that they stay where they are. */
static noinline void *mcache_alloc_slow(size_t size, gfp_t gfp,
					struct gomem_heap *heap, unsigned long ip);
static noinline void *mcache_alloc_due(size_t size, gfp_t gfp, struct gomem_heap *heap,
				       unsigned long ip, void *p);

/*
 * Who called gomem is of interest off the straight path only, so it is there that
 * it is looked up, where it is not known already.
 */
static __always_inline unsigned long caller(unsigned long ip)
{
	return ip ? ip : _RET_IP_;
}

/*
 * @zero is constant: whether @gfp may have __GFP_ZERO.  @ip is where gomem was
 * called from; 0: where the function that this is inlined in was.
 */
static __always_inline void *alloc_class(struct gomem_heap *heap,
					 struct gomem_mcache * __percpu *mcache,
					 unsigned long class, size_t size,
					 gfp_t gfp, bool zero, unsigned long ip)
{
	unsigned long offset = mcache_offset(class);
	struct gomem_mcache_class *cc;
	struct gomem_mcache *mc;
	void *p;

	preempt_disable();
	mc = __this_cpu_read(*mcache);
	if (!mcache_enter(mc))
		goto busy;
	cc = mcache_class_at(mc, offset);
	p = mcache_pop(cc);
	if (unlikely(!p))
		goto empty;
	if (mcache_count(cc))
		return mcache_alloc_due(size, gfp, heap, caller(ip), p);
	mcache_leave(mc);
	preempt_enable();
	if (want_init_on_alloc(zero ? gfp : 0))
		memset(p, 0, gomem_class[mcache_tag_at(offset)].size);
	kmemleak_alloc(p, size, 1, gfp);
	return p;

empty:
	mcache_leave(mc);
busy:
	preempt_enable();
	return mcache_alloc_slow(size, gfp, heap, caller(ip));
}

static __always_inline void *alloc_common(struct gomem_heap *heap,
					  struct gomem_mcache * __percpu *mcache,
					  size_t size, gfp_t gfp, bool zero,
					  unsigned long ip)
{
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || IS_ENABLED(CONFIG_LOCKDEP))
		might_alloc(gfp);
	if (likely(size <= GOMEM_COARSE_BASE))
		return alloc_class(heap, mcache, gomem_fine_class(size), size,
				   gfp, zero, ip);
	if (size <= GOMEM_MAX_SMALL)
		return alloc_class(heap, mcache, gomem_coarse_class(size), size,
				   gfp, zero, ip);
	if (size <= GOMEM_MAX_CACHED)
		return alloc_class(heap, mcache, gomem_run_class(size), size,
				   gfp, zero, ip);
	return mcache_alloc_slow(size, gfp, heap, caller(ip));
}

static noinline void *mcache_alloc_special(size_t size, gfp_t gfp,
					   struct gomem_heap *heap, unsigned long ip)
{
	gfp = gomem_unaccounted(heap, gfp, 1);
	if (gfp & GOMEM_GFP_OTHER_ZONE)
		return mcache_alloc_slow(size, gfp, heap, ip);
	return alloc_common(heap, heap->mcache, size, gfp, true, ip);
}

void *gomem_alloc(size_t size, gfp_t gfp)
{
	if (unlikely(gfp & GOMEM_GFP_SPECIAL))
		return mcache_alloc_special(size, gfp, &gomem_default_heap, _RET_IP_);
	return alloc_common(&gomem_default_heap, &gomem_mcache, size, gfp,
			    false, 0);
}
EXPORT_SYMBOL_GPL(gomem_alloc);

/**
 * gomem_alloc_for() - allocate in the name of somebody else
 * @heap: the heap
 * @size: bytes
 * @gfp: as for gomem_alloc()
 * @ip: where the function that calls this was called from
 *
 * Return: as gomem_alloc().
 */
void *gomem_alloc_for(struct gomem_heap *heap, size_t size, gfp_t gfp,
		      unsigned long ip)
{
	return mcache_alloc_special(size, gfp, heap, ip);
}

static __always_inline void free_fast(const void *p, unsigned long ip)
{
	struct gomem_mcache *mc;
	unsigned long tag;

	preempt_disable();
	tag = gomem_tag_of(p);
	mc = __this_cpu_read(gomem_mcache);
	if (mcache_detour(mc, tag, p) || !mcache_enter(mc))
		goto busy;
	if (!mcache_push(mcache_class_at(mc, mcache_offset(tag)), p))
		goto full;
	mcache_leave(mc);
	preempt_enable();
	return;

full:
	mcache_leave(mc);
busy:
	preempt_enable();
	gomem_mcache_free_slow(p, caller(ip));
}

/* Whatever has to happen to an object before it is free. */
static noinline void mcache_free_special(const void *p, unsigned long ip)
{
	if (want_init_on_free())
		gomem_wipe(p);
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) && gomem_usable_size(p))
		kmemleak_free(p);
	free_fast(p, ip);
}

void gomem_free(const void *p)
{
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || want_init_on_free())
		mcache_free_special(p, _RET_IP_);
	else
		free_fast(p, 0);
}
EXPORT_SYMBOL_GPL(gomem_free);

/**
 * gomem_free_for() - gomem_free() in the name of somebody else
 * @p: as for gomem_free()
 * @ip: where the function that calls this was called from
 */
void gomem_free_for(const void *p, unsigned long ip)
{
	mcache_free_special(p, ip);
}

/* --- Refill. --- */

/**
 * gomem_sample_due() - is this allocation to be sampled?
 * @heap: the heap
 * @p: an object that has been counted by no mcache, or NULL
 *
 * Context: any but NMI.
 * Return: the rate by which it is, or 0.
 */
u32 gomem_sample_due(struct gomem_heap *heap, const void *p)
{
	u32 rate = gomem_heap_profile_rate(heap);

	if (!p || !rate ||
	    !gomem_sample_die(get_random_u32(), gomem_usable_size(p), rate))
		return 0;
	return rate;
}

/**
 * gomem_sample_brief() - has it taken long enough without a walk of the stack?
 * @node: where the memory was asked for
 * @growths: gomem_growths() of it, before
 * @gfp: the caller's flags
 *
 * Return: true if the caller may not sleep, and the heap has grown; or somebody else's
 * request had it grow.
 */
bool gomem_sample_brief(const struct gomem_node *node, u64 growths, gfp_t gfp)
{
	return !gfpflags_allow_blocking(gfp) && gomem_growths(node) != growths;
}

/* One object past the mcache, counted at mcentral. */
static noinline void *mcache_alloc_uncached(struct gomem_heap *heap, unsigned int class,
					    gfp_t gfp, u32 *due)
{
	void *p = NULL;

	gomem_mcentral_fetch(&gomem_local_node(heap)->central[class], &p, 1,
			     gfp, true, &p);
	*due = gomem_sample_due(heap, p);
	return p;
}

/*
 * The count of @class has run out.  Returns the rate by which the object is sampled, or 0.
 */
static noinline u32 mcache_ran_out(struct gomem_heap *heap, struct gomem_mcache *mc,
				   unsigned int class)
{
	return mcache_rearm(mc, class, gomem_heap_profile_rate(heap));
}

/* The same as mcache_pop() and mcache_count(), with all that follows. */
static __always_inline void *mcache_pop_slow(struct gomem_heap *heap,
					     struct gomem_mcache *mc,
					     unsigned int class, u32 *due)
{
	struct gomem_mcache_class *cc = &mc->class[class];
	void *p = mcache_pop(cc);

	if (p && mcache_count(cc))
		*due = mcache_ran_out(heap, mc, class);
	return p;
}

/*
 * Both magazines are empty: take one out, to be exchanged or filled.  Leaves
 * the other one loaded.
 */
static struct gomem_magazine *mcache_detach_empty(struct gomem_mcache *mc,
						  unsigned int class)
{
	struct gomem_magazine *mag = mcache_real(mc->pair[class].prev);

	mc->pair[class].prev = &gomem_no_magazine;
	return mag ? mag : mcache_unload(mc, class);
}

/*
 * Put @mag, with objects in it, where there is no other one.  Returns what has
 * no place any more: an empty magazine, or @mag itself, or NULL.
 */
static struct gomem_magazine *mcache_install_full(struct gomem_mcache *mc,
						  unsigned int class,
						  struct gomem_magazine *mag)
{
	struct gomem_mcache_pair *pair = &mc->pair[class];
	struct gomem_magazine *prev = pair->prev;

	if (!mcache_loaded(mc, class)) {
		mag = mcache_replace(mc, class, mag);
		if (mcache_real(prev))
			return mcache_real(mag);
		pair->prev = mag;
		return NULL;
	}
	if (prev->nr)
		return mag;
	pair->prev = mcache_replace(mc, class, mag);
	return mcache_real(prev);
}

/*
 * May objects of @central's node go into the mcache?  If it has others of the class,
 * no; if it has none, it may take up those of another node, but only if its own was
 * @asked for memory and had none.
 */
static bool mcache_settle(struct gomem_heap *heap, struct gomem_mcache *mc,
			  const struct gomem_mcentral *central,
			  const struct gomem_node *asked)
{
	struct gomem_mcache_pair *pair = &mc->pair[central->class];
	int nid = central->mheap->nid;

	if (pair->home == nid)
		return true;
	if (mcache_loaded(mc, central->class) || pair->prev->nr ||
	    gomem_local_node(heap) != asked)
		return false;
	pair->home = nid;
	return true;
}

/* Put a filled magazine to use, for which somebody departed, and take an object of it. */
static void *mcache_install_and_pop(struct gomem_mcentral *central,
				    struct gomem_magazine *mag,
				    const struct gomem_node *asked,
				    unsigned int target, u32 *due)
{
	struct gomem_heap *heap = central->heap;
	struct gomem_magazine *left = mag;
	struct gomem_mcache *mc;
	void *p = NULL;

	mag->cap = clamp_t(unsigned int, target, mag->nr, mag->room);
	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	if (mcache_enter(mc)) {
		if (mcache_settle(heap, mc, central, asked)) {
			left = mcache_install_full(mc, central->class, mag);
			p = mcache_pop_slow(heap, mc, central->class, due);
		}
		if (left != mag)
			mcache_arrive(mc);
		mcache_leave(mc);
	}
	preempt_enable();
	if (left)
		gomem_depot_spare(central, left);
	if (left == mag)
		gomem_arrive(heap);
	return p;
}

/*
 * The class of the node that @p lies on.  If it was freed twice it may be anything by
 * now; @asked is as good as any then.
 */
static struct gomem_mcentral *mcache_whose(const void *p,
					   struct gomem_mcentral *asked)
{
	struct gomem_mcentral *central = NULL;
	struct gomem_span *span;

	rcu_read_lock();
	span = gomem_span_at(p);
	if (span)
		central = gomem_span_central(span);
	rcu_read_unlock();
	return central && central->class == asked->class &&
	       central->heap == asked->heap ? central : asked;
}

/*
 * A magazine from the depot, or filled from spans; or else @single.  The objects are
 * of one node, which is the one that was asked, or another one if that is full.  The
 * caller departed, and they arrive here.
 */
static void *mcache_refill(struct gomem_node *asked, unsigned int class,
			   struct gomem_magazine *mag, unsigned int target,
			   gfp_t gfp, u32 *due)
{
	struct gomem_mcentral *central = &asked->central[class];
	struct gomem_heap *heap = central->heap;
	void *p = NULL;

	mag = gomem_depot_refill(central, gomem_depot_list(raw_smp_processor_id()), mag,
				 target, gfp, &p);
	if (!mag) {
		gomem_arrive(heap);
		*due = gomem_sample_due(heap, p);
		return p;
	}
	if (static_branch_unlikely(&gomem_detour))
		central = mcache_whose(mag->obj[0], central);
	trace_gomem_refill(central->mheap->nid, gomem_told_class(class), mag->nr);
	p = mcache_install_and_pop(central, mag, asked, target, due);
	return p ?: mcache_alloc_uncached(heap, class, gfp, due);
}

static void *mcache_alloc_cached(struct gomem_heap *heap, unsigned int class,
				 gfp_t gfp, u32 *due)
{
	struct gomem_magazine *mag;
	struct gomem_mcache *mc;
	unsigned int target;
	bool asked = false;
	void *p = NULL;

	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	if (!mcache_enter(mc)) {
		preempt_enable();
		return mcache_alloc_uncached(heap, class, gfp, due);
	}
	if (!mcache_loaded(mc, class) && mc->pair[class].prev->nr)
		mcache_swap(mc, class);
	p = mcache_pop_slow(heap, mc, class, due);
	if (!p) {
		mcache_depart(mc);
		mag = mcache_detach_empty(mc, class);
		WRITE_ONCE(mc->list[class], mc->list[0]);
		target = mcache_raise_target(mc, class);
		asked = mcache_is_asked(heap, mc, gfpflags_allow_blocking(gfp));
	}
	mcache_leave(mc);
	preempt_enable();
	if (p)
		return p;

	if (asked)
		gomem_mcache_drain(heap, NULL, MCACHE_MOST_ASKED);
	return mcache_refill(gomem_local_node(heap), class, mag, target, gfp, due);
}

/**
 * gomem_node_alloc() - an object of a certain node, or zone, that no CPU caches
 * @node: its memory
 * @size: bytes, 1 to KMALLOC_MAX_SIZE
 * @gfp: the caller's flags
 * @zeroed: true if it has been zeroed as it is to be; untouched else
 *
 * Context: as @gfp says.
 * Return: the object, or NULL.
 */
void *gomem_node_alloc(struct gomem_node *node, size_t size, gfp_t gfp,
		       bool *zeroed)
{
	gfp_t page_gfp = gomem_page_gfp(gfp);
	void *p = NULL;

	if (size > GOMEM_MAX_CACHED)
		return gomem_large_alloc(node, size, page_gfp | (gfp & __GFP_ZERO),
					 gomem_by_policy(gfp) &&
					 !node->central[0].uncached, zeroed);
	gomem_mcentral_fetch(&node->central[gomem_size_class(size)], &p, 1,
			     page_gfp, true, &p);
	return p;
}

/*
 * Sets @due to the rate by which the object is to be sampled, or to 0; and @zeroed if
 * it has been zeroed as it is to be.
 */
static void *mcache_alloc_once(struct gomem_heap *heap, size_t size, gfp_t gfp,
			       u32 *due, bool *zeroed)
{
	struct gomem_node *node = gomem_local_node(heap);
	gfp_t page_gfp = gomem_page_gfp(gfp);
	unsigned int class;
	void *p = NULL;

	if (size > GOMEM_MAX_CACHED || (gfp & GOMEM_GFP_OTHER_ZONE)) {
		if (gfp & GOMEM_GFP_OTHER_ZONE)
			node = heap->hooks->zone(heap, gfp);
		if (node)
			p = gomem_node_alloc(node, size, gfp, zeroed);
		*due = gomem_sample_due(heap, p);
		return p;
	}
	class = gomem_size_class(size);
	*due = 0;
	if (heap->uncached)
		return mcache_alloc_uncached(heap, class, page_gfp, due);
	return mcache_alloc_cached(heap, class, page_gfp, due);
}

static noinline void mcache_trace_alloc(const void *p, size_t size, gfp_t gfp, unsigned long ip)
{
	struct gomem_span *span = gomem_span_of(p);

	trace_gomem_alloc(ip, p, size, gomem_usable_size(p), gfp,
			  page_to_nid(virt_to_page(p)),
			  gomem_told_class(span ? span->class : 0));
}

/* See gomem_ready(). */
static __always_inline void *mcache_ready(void *p, size_t size, gfp_t gfp, bool zeroed,
					  unsigned long ip)
{
	if (!zeroed && want_init_on_alloc(gfp))
		memset(p, 0, gomem_usable_size(p));
	kmemleak_alloc(p, size, 1, gfp);
	if (trace_gomem_alloc_enabled())
		mcache_trace_alloc(p, size, gfp, ip);
	return p;
}

/* Everything that alloc_class() has no object for. */
static noinline void *mcache_alloc_slow(size_t size, gfp_t gfp,
					struct gomem_heap *heap, unsigned long ip)
{
	struct gomem_node *node = gomem_local_node(heap);
	u64 growths = gomem_growths(node);
	bool zeroed = false;
	u32 due = 0;
	void *p;

	if (!size)
		return ZERO_SIZE_PTR;
	if (size > KMALLOC_MAX_SIZE)
		return NULL;
	p = mcache_alloc_once(heap, size, gfp, &due, &zeroed);
	if (!p && heap->hooks->shrink(heap, gfp))
		p = mcache_alloc_once(heap, size, gfp, &due, &zeroed);
	if (!p) {
		gomem_count_oom(heap);
		return NULL;
	}
	if (due)
		heap->hooks->sample(heap, p, size, due, ip,
				    gomem_sample_brief(node, growths, gfp));
	return mcache_ready(p, size, gfp, zeroed, ip);
}

/*
 * The fast path has @p, and its count has run out.  This is where it goes on,
 * with the mcache still held.
 */
static noinline void *mcache_alloc_due(size_t size, gfp_t gfp, struct gomem_heap *heap,
				       unsigned long ip, void *p)
{
	struct gomem_mcache *mc = __this_cpu_read(*heap->mcache);
	u32 due;

	due = mcache_ran_out(heap, mc, gomem_size_class(size));
	mcache_leave(mc);
	preempt_enable();
	if (due)
		heap->hooks->sample(heap, p, size, due, ip, false);
	return mcache_ready(p, size, gfp, false, ip);
}

/**
 * gomem_ready() - what is done to every object before a caller sees it
 * @p: the object
 * @size: bytes that were asked for
 * @gfp: the caller's flags
 * @zeroed: it has been zeroed already, if it is to be
 * @ip: where gomem was called from
 *
 * Return: @p.
 */
void *gomem_ready(void *p, size_t size, gfp_t gfp, bool zeroed, unsigned long ip)
{
	return mcache_ready(p, size, gfp, zeroed, ip);
}

/* --- Any heap. --- */

/**
 * gomem_heap_alloc() - gomem_alloc() from a heap of one's own
 * @heap: the heap
 * @size: bytes
 * @gfp: as for gomem_alloc()
 *
 * Return: as gomem_alloc().  To be freed with gomem_free().
 */
void *gomem_heap_alloc(struct gomem_heap *heap, size_t size, gfp_t gfp)
{
	if (unlikely(gfp & GOMEM_GFP_SPECIAL))
		return mcache_alloc_special(size, gfp, heap, _RET_IP_);
	return alloc_common(heap, heap->mcache, size, gfp, false, 0);
}
