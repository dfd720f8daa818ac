/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mcache, from within: what may be done to one with its CPU's preemption off and
 * its busy byte set.
 *
 * The loaded magazine of a class is known by its top and its limit alone, which
 * lie in the mcache; everything else about it is looked at when it is exchanged.
 */
#ifndef GOMEM_MCACHE_INLINE_H
#define GOMEM_MCACHE_INLINE_H

#include <linux/compiler.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/prandom.h>
#include <linux/topology.h>
#include <trace/events/gomem.h>

#include "central.h"
#include "mcache.h"
#include "mheap.h"
#include "sampling.h"

/* Flags that take an allocation off the straight path. */
#define GOMEM_GFP_SPECIAL	(__GFP_DMA | __GFP_DMA32 | __GFP_ACCOUNT | \
				 __GFP_ZERO)
#define GOMEM_GFP_OTHER_ZONE	((IS_ENABLED(CONFIG_ZONE_DMA) ? __GFP_DMA : 0) | \
				 (IS_ENABLED(CONFIG_ZONE_DMA32) ? __GFP_DMA32 : 0))

/* Not for the benchmark that asks what counting costs; the numbers are wrong then. */
#define MCACHE_COUNTS	(!__is_defined(GOMEM_UNCOUNTED))

static __always_inline bool mcache_enter(struct gomem_mcache *mc)
{
	if (unlikely(mc->busy))
		return false;
	mc->busy = 1;
	barrier();
	return true;
}

static __always_inline void mcache_leave(struct gomem_mcache *mc)
{
	barrier();
	mc->busy = 0;
}

/* gomem_depart() of who has entered @mc. */
static __always_inline void mcache_depart(struct gomem_mcache *mc)
{
	local_inc(&mc->departed);
	/* As in gomem_depart(); pairs with check_recount_once(). */
	smp_wmb();
}

/* gomem_arrive(), the same. */
static __always_inline void mcache_arrive(struct gomem_mcache *mc)
{
	/* As in gomem_arrive(); pairs with check_recount_once(). */
	smp_wmb();
	local_inc(&mc->arrived);
}

/*
 * Where in the mcache a tag's gomem_mcache_class is.  The compiler is kept from
 * seeing through it, or it would add before it shifts, and hold the tag beside.
 */
static __always_inline unsigned long mcache_offset(unsigned long tag)
{
	unsigned long offset = tag * sizeof(struct gomem_mcache_class);

	OPTIMIZER_HIDE_VAR(offset);
	return offset;
}

/* The tag again. */
static __always_inline unsigned long mcache_tag_at(unsigned long offset)
{
	return offset / sizeof(struct gomem_mcache_class);
}

/* The address once, not anew for each of its fields. */
static __always_inline struct gomem_mcache_class *
mcache_class_at(struct gomem_mcache *mc, unsigned long offset)
{
	struct gomem_mcache_class *cc = (void *)mc->class + offset;

	OPTIMIZER_HIDE_VAR(cc);
	return cc;
}

/* NULL if there is none. */
static __always_inline void *mcache_pop(struct gomem_mcache_class *cc)
{
	void **top = cc->top;
	void *p = top[-1];

	if (unlikely(!p))
		return NULL;
	cc->top = top - 1;
	return p;
}

/*
 * Count what mcache_pop() returned.  True if it is to be sampled, and the count
 * to start anew with mcache_rearm().
 */
static __always_inline bool mcache_count(struct gomem_mcache_class *cc)
{
	return MCACHE_COUNTS && unlikely(!--cc->left);
}

/* Count down from @left; the objects handed out stay what they are. */
static inline void mcache_set_left(struct gomem_mcache *mc, unsigned int class,
				   u64 left)
{
	struct gomem_mcache_class *cc = &mc->class[class];
	unsigned long flags;

	local_irq_save(flags);
	raw_write_seqcount_begin(&mc->seq);
	mc->pair[class].base += left - cc->left;
	cc->left = left;
	raw_write_seqcount_end(&mc->seq);
	local_irq_restore(flags);
}

/*
 * Count down to the next sample.  Returns @rate if the one for which the count ran
 * out is sampled, else 0: where the count was for something else, traces or another
 * rate, a die is cast.
 */
static inline u32 mcache_rearm(struct gomem_mcache *mc, unsigned int class,
			       u32 rate)
{
	u32 random = prandom_u32_state(&mc->random);
	u32 armed = mc->pair[class].armed;
	u32 size = gomem_class[class].size;

	mc->pair[class].armed = mc->every ? GOMEM_ARMED_ANEW : rate;
	mcache_set_left(mc, class, mc->every ? 1 :
			gomem_sample_left(random, size, rate));
	if (armed == rate)
		return rate;
	random = prandom_u32_state(&mc->random);
	return gomem_sample_die(random, size, rate) ? rate : 0;
}

/* No object is where this says so. */
static __always_inline bool mcache_unaligned(const void *p)
{
	return (unsigned long)p & 7;
}

/* False if there is no room, or @p is what this CPU freed last, or no object. */
static __always_inline bool mcache_push(struct gomem_mcache_class *cc,
					const void *p)
{
	void **top = cc->top;

	if (unlikely(top[-1] == p) || unlikely(top >= cc->limit) ||
	    unlikely(mcache_unaligned(p)))
		return false;
	*top = (void *)p;
	cc->top = top + 1;
	if (MCACHE_COUNTS)
		cc->nfree++;
	return true;
}

/* A magazine that stands for none is no magazine. */
static inline struct gomem_magazine *mcache_real(struct gomem_magazine *mag)
{
	return mag == &gomem_no_magazine ? NULL : mag;
}

/* Objects in the loaded magazine. */
static inline unsigned int mcache_loaded(const struct gomem_mcache *mc,
					 unsigned int class)
{
	return mc->class[class].top - mc->pair[class].loaded->obj;
}

/*
 * To the fast path, magazines of runs have no room: when one is freed, somebody may
 * still refer to one of its pages, and so it has to be looked at.
 */
static inline void mcache_load(struct gomem_mcache *mc, unsigned int class,
			       struct gomem_magazine *mag)
{
	mc->pair[class].loaded = mag;
	mc->class[class].top = mag->obj + mag->nr;
	mc->class[class].limit = mag->obj +
				 (gomem_is_run_class(class) ? 0 : mag->cap);
}

/* Is there room in the loaded magazine? */
static inline bool mcache_has_room(const struct gomem_mcache *mc,
				   unsigned int class)
{
	const struct gomem_magazine *mag = mc->pair[class].loaded;

	return mc->class[class].top < mag->obj + mag->cap;
}

/* Load @mag.  Returns what was loaded; it may be what stands for no magazine. */
static inline struct gomem_magazine *mcache_replace(struct gomem_mcache *mc,
						    unsigned int class,
						    struct gomem_magazine *mag)
{
	struct gomem_magazine *old = mc->pair[class].loaded;

	if (old != &gomem_no_magazine)
		old->nr = mcache_loaded(mc, class);
	mcache_load(mc, class, mag);
	return old;
}

/* Take the loaded magazine out; NULL if there was none. */
static inline struct gomem_magazine *mcache_unload(struct gomem_mcache *mc,
						   unsigned int class)
{
	return mcache_real(mcache_replace(mc, class, &gomem_no_magazine));
}

/* The previous magazine becomes the loaded one, and the other way round. */
static inline void mcache_swap(struct gomem_mcache *mc, unsigned int class)
{
	mc->pair[class].prev = mcache_replace(mc, class, mc->pair[class].prev);
}

/* The class, on the node whose objects an mcache has of it. */
static inline struct gomem_mcentral *mcache_central(struct gomem_heap *heap,
						    const struct gomem_mcache *mc,
						    unsigned int class)
{
	return &heap->node[mc->pair[class].home]->central[class];
}

/* Does an object of @class lie on a node of which this mcache has none of it? */
static __always_inline bool mcache_remote(const struct gomem_mcache *mc,
					  unsigned long class, const void *p)
{
	return static_branch_unlikely(&gomem_detour) &&
	       page_to_nid(virt_to_page(p)) != mc->pair[class].home;
}

/* Is this free not to go the straight way?  Tags that are no class never do. */
static __always_inline bool mcache_detour(const struct gomem_mcache *mc,
					  unsigned long tag, const void *p)
{
	return static_branch_unlikely(&gomem_detour) &&
	       (trace_gomem_free_enabled() ||
		(tag - 1 < GOMEM_NR_CACHED - 1 && mcache_remote(mc, tag, p)));
}

/* The next exchange moves twice as many, up to what a magazine holds. */
static inline unsigned int mcache_raise_target(struct gomem_mcache *mc, unsigned int class)
{
	unsigned int target = READ_ONCE(mc->target[class]);

	WRITE_ONCE(mc->target[class],
		   min_t(unsigned int, 2 * target, gomem_class[class].mag_cap));
	return target;
}

/* How many objects a CPU returns when it is asked to: the largest ones. */
#define MCACHE_MOST_ASKED	256

/*
 * Has the heap grown since this CPU was last asked to return some of what it holds?
 * What waits here is no reason to grow again; but that is work for who has the time.
 */
static inline bool mcache_is_asked(struct gomem_heap *heap, struct gomem_mcache *mc,
				   bool may_sleep)
{
	u32 growths = READ_ONCE(heap->growths);

	if (likely(READ_ONCE(mc->drained) == growths) || !may_sleep)
		return false;
	WRITE_ONCE(mc->drained, growths);
	return true;
}

void gomem_mcache_free_slow(const void *p, unsigned long ip);

#endif /* GOMEM_MCACHE_INLINE_H */
