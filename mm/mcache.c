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
 * How many objects a magazine carries grows with use: it starts at a few,
 * doubles at every exchange, up to the class's capacity, and is halved as time
 * goes by (see scavenge.c).  So a class that is rarely used does not hoard.
 */
#include <linux/export.h>
#include <linux/jump_label.h>
#include <linux/kmemleak.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "internal.h"

#define FIRST_TARGET	2

DEFINE_PER_CPU(struct gomem_mcache, gomem_mcache);

struct gomem_magazine gomem_no_magazine __ro_after_init;

/* On where there is more than one node: frees look where their memory is. */
DEFINE_STATIC_KEY_FALSE(gomem_numa);

/* Flags that take an allocation off the straight path. */
#define GFP_SPECIAL	(__GFP_DMA | __GFP_DMA32 | __GFP_ACCOUNT | __GFP_ZERO)
#define GFP_OTHER_ZONE	(__GFP_DMA | __GFP_DMA32)

/* --- What is done inside: preemption off, this CPU's mcache, not busy. --- */

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

static __always_inline void *mcache_pop(struct gomem_mcache_class *cc)
{
	struct gomem_magazine *mag = cc->loaded;
	u32 nr = mag->nr;

	if (unlikely(!nr))
		return NULL;
	mag->nr = --nr;
	cc->nmalloc++;
	return mag->obj[nr];
}

/* False if there is no room, or @p is what this CPU freed last. */
static __always_inline bool mcache_push(struct gomem_mcache_class *cc,
					const void *p)
{
	struct gomem_magazine *mag = cc->loaded;
	unsigned long nr = mag->nr;

	/* At nr == 0 this reads the magazine's header, which is no address. */
	if (unlikely(*(mag->obj + nr - 1) == p))
		return false;
	if (unlikely(nr >= mag->cap))
		return false;
	mag->obj[nr] = (void *)p;
	mag->nr = nr + 1;
	cc->nfree++;
	return true;
}

/* --- The fast path. --- */

static __always_inline void *alloc_fast(struct gomem_mcache __percpu *mcache,
					unsigned int class)
{
	struct gomem_mcache *mc;
	void *p = NULL;

	preempt_disable();
	mc = this_cpu_ptr(mcache);
	if (mcache_enter(mc)) {
		p = mcache_pop(&mc->class[class]);
		mcache_leave(mc);
	}
	preempt_enable();
	return p;
}

static noinline void *alloc_slow(struct gomem_heap *heap, size_t size,
				 gfp_t gfp);

static __always_inline void *alloc_common(struct gomem_heap *heap,
					  struct gomem_mcache __percpu *mcache,
					  size_t size, gfp_t gfp)
{
	unsigned int class;
	void *p;

	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || IS_ENABLED(CONFIG_LOCKDEP))
		might_alloc(gfp);
	if (unlikely(size > GOMEM_MAX_SMALL))
		return alloc_slow(heap, size, gfp);
	class = gomem_size_class(size);
	p = alloc_fast(mcache, class);
	if (unlikely(!p))
		return alloc_slow(heap, size, gfp);
	if (want_init_on_alloc(gfp))
		memset(p, 0, gomem_class[class].size);
	kmemleak_alloc(p, size, 1, gfp);
	return p;
}

static noinline void *alloc_special(struct gomem_heap *heap, size_t size,
				    gfp_t gfp)
{
	if (gfp & __GFP_ACCOUNT) {
		this_cpu_inc(heap->mcache->naccount);
		gfp &= ~__GFP_ACCOUNT;
	}
	if (gfp & GFP_OTHER_ZONE)
		return alloc_slow(heap, size, gfp);
	return alloc_common(heap, heap->mcache, size, gfp);
}

void *gomem_alloc(size_t size, gfp_t gfp)
{
	if (unlikely(gfp & GFP_SPECIAL))
		return alloc_special(&gomem_default_heap, size, gfp);
	/* Without __GFP_ZERO, want_init_on_alloc() is a static branch alone. */
	return alloc_common(&gomem_default_heap, &gomem_mcache, size,
			    gfp & ~__GFP_ZERO);
}
EXPORT_SYMBOL_GPL(gomem_alloc);

static noinline void free_slow(const void *p);

static __always_inline bool is_remote(const void *p, u8 tag)
{
	return static_branch_unlikely(&gomem_numa) &&
	       tag != GOMEM_TAG_NONE &&
	       page_to_nid(virt_to_page(p)) != numa_mem_id();
}

void gomem_free(const void *p)
{
	struct gomem_mcache *mc;
	bool done = false;
	u8 tag;

	if (want_init_on_free())
		gomem_wipe(p);
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) && gomem_usable_size(p))
		kmemleak_free(p);

	preempt_disable();
	tag = gomem_tag_of(p);
	mc = this_cpu_ptr(&gomem_mcache);
	if (!is_remote(p, tag) && mcache_enter(mc)) {
		done = mcache_push(&mc->class[tag], p);
		mcache_leave(mc);
	}
	preempt_enable();
	if (unlikely(!done))
		free_slow(p);
}
EXPORT_SYMBOL_GPL(gomem_free);

/* --- Refill. --- */

/* The next exchange moves twice as many, up to what a magazine holds. */
static unsigned int raise_target(struct gomem_mcache *mc, unsigned int class)
{
	unsigned int target = READ_ONCE(mc->target[class]);

	WRITE_ONCE(mc->target[class],
		   min_t(unsigned int, 2 * target, gomem_class[class].mag_cap));
	return target;
}

/* One object past the mcache, counted at mcentral. */
static void *alloc_uncached(struct gomem_heap *heap, unsigned int class,
			    gfp_t gfp)
{
	void *p = NULL;

	gomem_mcentral_fetch(&gomem_local_node(heap)->central[class], &p, 1,
			     gfp, true, &p);
	return p;
}

/*
 * The heap has grown since this CPU last drained its mcache: what waits here is
 * no reason to grow again.  Where interrupts are off, it has to wait.
 */
static void drain_if_asked(struct gomem_heap *heap)
{
	struct gomem_mcache *mc = raw_cpu_ptr(heap->mcache);
	u32 growths = READ_ONCE(heap->growths);

	if (likely(READ_ONCE(mc->drained) == growths) || in_interrupt() ||
	    irqs_disabled())
		return;
	WRITE_ONCE(mc->drained, growths);
	gomem_mcache_relax(mc);
	gomem_mcache_drain(heap, NULL);
}

/* A magazine that stands for none is no magazine. */
static struct gomem_magazine *real(struct gomem_magazine *mag)
{
	return mag == &gomem_no_magazine ? NULL : mag;
}

/*
 * Both magazines are empty: take one out, to be exchanged or filled.  Leaves
 * the other one loaded.
 */
static struct gomem_magazine *detach_empty(struct gomem_mcache_class *cc)
{
	struct gomem_magazine *mag = cc->prev;

	cc->prev = &gomem_no_magazine;
	if (real(mag))
		return mag;
	mag = cc->loaded;
	cc->loaded = &gomem_no_magazine;
	return real(mag);
}

/*
 * Put @mag, with objects in it, where there is no other one.  Returns what has
 * no place any more: an empty magazine, or @mag itself, or NULL.
 */
static struct gomem_magazine *install_full(struct gomem_mcache_class *cc,
					   struct gomem_magazine *mag)
{
	struct gomem_magazine *old;

	if (!cc->loaded->nr) {
		old = real(cc->loaded);
		cc->loaded = mag;
		if (old && !real(cc->prev)) {
			cc->prev = old;
			old = NULL;
		}
		return old;
	}
	if (!cc->prev->nr) {
		old = real(cc->prev);
		cc->prev = cc->loaded;
		cc->loaded = mag;
		return old;
	}
	return mag;
}

/* Put a filled magazine to use, and take an object for the caller. */
static void *install_and_pop(struct gomem_heap *heap, unsigned int class,
			     struct gomem_magazine *mag, unsigned int target)
{
	struct gomem_mcentral *central = &gomem_local_node(heap)->central[class];
	struct gomem_mcache *mc;
	void *p = NULL;

	mag->cap = max(target, mag->nr);
	preempt_disable();
	mc = this_cpu_ptr(heap->mcache);
	if (mcache_enter(mc)) {
		mag = install_full(&mc->class[class], mag);
		p = mcache_pop(&mc->class[class]);
		mcache_leave(mc);
	}
	preempt_enable();
	if (mag)
		gomem_mcentral_spare(central, mag);
	return p;
}

static void *alloc_cached(struct gomem_heap *heap, unsigned int class,
			  gfp_t gfp)
{
	struct gomem_mcache_class *cc;
	struct gomem_magazine *mag;
	struct gomem_mcache *mc;
	unsigned int target;
	void *p = NULL;

	preempt_disable();
	mc = this_cpu_ptr(heap->mcache);
	if (!mcache_enter(mc)) {
		preempt_enable();
		return alloc_uncached(heap, class, gfp);
	}
	cc = &mc->class[class];
	if (!cc->loaded->nr)
		swap(cc->loaded, cc->prev);
	p = mcache_pop(cc);
	if (!p) {
		mag = detach_empty(cc);
		target = raise_target(mc, class);
	}
	mcache_leave(mc);
	preempt_enable();
	if (p)
		return p;

	drain_if_asked(heap);
	mag = gomem_mcentral_refill(&gomem_local_node(heap)->central[class],
				    mag, target, gfp, &p);
	if (!mag)
		return p;
	p = install_and_pop(heap, class, mag, target);
	return p ? p : alloc_uncached(heap, class, gfp);
}

static void *alloc_once(struct gomem_heap *heap, size_t size, gfp_t gfp)
{
	gfp_t page_gfp = gomem_page_gfp(gfp);
	unsigned int class;

	if (size > GOMEM_MAX_SMALL || (gfp & GFP_OTHER_ZONE))
		return gomem_large_alloc(heap, size, page_gfp);
	class = gomem_size_class(size);
	if (heap->uncached)
		return alloc_uncached(heap, class, page_gfp);
	return alloc_cached(heap, class, page_gfp);
}

/* Everything that alloc_fast() has no object for. */
static noinline void *alloc_slow(struct gomem_heap *heap, size_t size,
				 gfp_t gfp)
{
	void *p;

	if (!size)
		return ZERO_SIZE_PTR;
	if (size > KMALLOC_MAX_SIZE)
		return NULL;
	p = alloc_once(heap, size, gfp);
	if (!p && gomem_heap_shrink(heap, gfp))
		p = alloc_once(heap, size, gfp);
	if (!p) {
		gomem_count(heap, GOMEM_EV_OOM);
		return NULL;
	}
	return gomem_ready(p, size, gfp);
}

/**
 * gomem_ready() - what is done to every object before a caller sees it
 * @p: the object
 * @size: bytes that were asked for
 * @gfp: the caller's flags
 *
 * Return: @p.
 */
void *gomem_ready(void *p, size_t size, gfp_t gfp)
{
	if (want_init_on_alloc(gfp))
		memset(p, 0, gomem_usable_size(p));
	kmemleak_alloc(p, size, 1, gfp);
	return p;
}

/* --- Free, off the straight path. --- */

static void free_uncached(struct gomem_heap *heap, const void *p)
{
	void *obj = (void *)p;

	gomem_objects_put(heap, &obj, 1, NULL);
}

/*
 * Both magazines are full, or missing: take the previous one out, for the
 * depot.  NULL if there is none.
 */
static struct gomem_magazine *detach_full(struct gomem_mcache_class *cc)
{
	struct gomem_magazine *mag = real(cc->prev);

	cc->prev = &gomem_no_magazine;
	return mag;
}

/* Load @mag, which is empty; what was loaded becomes the previous one. */
static struct gomem_magazine *install_empty(struct gomem_mcache_class *cc,
					    struct gomem_magazine *mag)
{
	if (real(cc->prev))
		return mag;
	cc->prev = cc->loaded;
	cc->loaded = mag;
	return NULL;
}

static bool install_and_push(struct gomem_heap *heap, unsigned int class,
			     struct gomem_magazine *mag, unsigned int target,
			     const void *p)
{
	struct gomem_mcentral *central = &gomem_local_node(heap)->central[class];
	struct gomem_mcache *mc;
	bool done = false;

	mag->cap = target;
	preempt_disable();
	mc = this_cpu_ptr(heap->mcache);
	if (mcache_enter(mc)) {
		mag = install_empty(&mc->class[class], mag);
		done = mcache_push(&mc->class[class], p);
		mcache_leave(mc);
	}
	preempt_enable();
	if (mag)
		gomem_mcentral_spare(central, mag);
	return done;
}

static void free_cached(struct gomem_heap *heap, unsigned int class,
			const void *p)
{
	struct gomem_mcentral *central = &gomem_local_node(heap)->central[class];
	struct gomem_magazine *full = NULL, *mag;
	bool done = false, repeated = false;
	struct gomem_mcache_class *cc;
	struct gomem_mcache *mc;
	unsigned int target = 0;

	preempt_disable();
	mc = this_cpu_ptr(heap->mcache);
	if (!mcache_enter(mc)) {
		preempt_enable();
		free_uncached(heap, p);
		return;
	}
	cc = &mc->class[class];
	repeated = *(cc->loaded->obj + cc->loaded->nr - 1L) == p;
	if (!repeated) {
		if (cc->loaded->nr >= cc->loaded->cap &&
		    cc->prev->nr < cc->prev->cap)
			swap(cc->loaded, cc->prev);
		done = mcache_push(cc, p);
		if (!done) {
			full = detach_full(cc);
			target = raise_target(mc, class);
		}
	}
	mcache_leave(mc);
	preempt_enable();
	if (repeated)
		gomem_bad_free(heap, p, GOMEM_BAD_DOUBLE);
	if (done || repeated)
		return;

	drain_if_asked(heap);
	mag = gomem_mcentral_store(central, full);
	if (!mag || !install_and_push(heap, class, mag, target, p))
		free_uncached(heap, p);
}

static void free_small(struct gomem_heap *heap, unsigned int class,
		       const void *p)
{
	if (heap->uncached || is_remote(p, class))
		free_uncached(heap, p);
	else
		free_cached(heap, class, p);
}

/* A small object of a heap whose tag does not tell which. */
static void free_other(const void *p)
{
	struct gomem_mcentral *central = NULL;
	struct gomem_span *span;

	rcu_read_lock();
	span = gomem_span_of(p);
	if (span)
		central = READ_ONCE(span->central);
	rcu_read_unlock();
	if (central)
		free_small(central->heap, central->class, p);
	else
		gomem_bad_free(&gomem_default_heap, p, GOMEM_BAD_IDLE);
}

static noinline void free_slow(const void *p)
{
	u8 tag;

	if (ZERO_OR_NULL_PTR(p))
		return;
	rcu_read_lock();
	tag = gomem_tag_of(p);
	rcu_read_unlock();
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
	case GOMEM_TAG_OTHER:
		free_other(p);
		break;
	default:
		free_small(&gomem_default_heap, tag, p);
	}
}

/*
 * Push the first of @objs, for as long as they are of one class and there is
 * room.  Wrong ones among them stop it, as for a single one.
 */
static unsigned int free_run(void **objs, unsigned int nr)
{
	struct gomem_mcache_class *cc;
	struct gomem_mcache *mc;
	unsigned int n = 0;
	u8 tag;

	preempt_disable();
	mc = this_cpu_ptr(&gomem_mcache);
	if (mcache_enter(mc)) {
		tag = gomem_tag_of(objs[0]);
		cc = &mc->class[tag];
		while (n < nr && gomem_tag_of(objs[n]) == tag &&
		       !is_remote(objs[n], tag) && mcache_push(cc, objs[n]))
			n++;
		mcache_leave(mc);
	}
	preempt_enable();
	return n;
}

void gomem_free_bulk(size_t nr, void **objs)
{
	bool plain = !want_init_on_free() &&
		     !IS_ENABLED(CONFIG_DEBUG_KMEMLEAK);
	size_t i = 0;

	while (i < nr) {
		if (plain)
			i += free_run(objs + i, min_t(size_t, nr - i, UINT_MAX));
		if (i < nr)
			gomem_free(objs[i++]);
	}
}
EXPORT_SYMBOL_GPL(gomem_free_bulk);

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
	if (unlikely(gfp & GFP_SPECIAL))
		return alloc_special(heap, size, gfp);
	return alloc_common(heap, heap->mcache, size, gfp);
}

/* Move what the loaded magazine has, in one go. */
static unsigned int alloc_run(struct gomem_heap *heap, unsigned int class,
			      void **objs, unsigned int nr)
{
	struct gomem_mcache_class *cc;
	struct gomem_magazine *mag;
	struct gomem_mcache *mc;
	unsigned int n = 0;

	preempt_disable();
	mc = this_cpu_ptr(heap->mcache);
	if (mcache_enter(mc)) {
		cc = &mc->class[class];
		mag = cc->loaded;
		n = min(nr, mag->nr);
		/* No magazine is an empty one that must not be written. */
		if (n) {
			mag->nr -= n;
			memcpy(objs, mag->obj + mag->nr, n * sizeof(*objs));
			cc->nmalloc += n;
		}
		mcache_leave(mc);
	}
	preempt_enable();
	return n;
}

/**
 * gomem_heap_alloc_bulk() - many objects of one size
 * @heap: the heap
 * @size: bytes of each
 * @gfp: as for gomem_alloc()
 * @nr: how many
 * @objs: where they go
 *
 * Return: how many there are: @nr, or fewer when memory ran out.
 */
unsigned int gomem_heap_alloc_bulk(struct gomem_heap *heap, size_t size,
				   gfp_t gfp, unsigned int nr, void **objs)
{
	bool small = size && size <= GOMEM_MAX_SMALL && !(gfp & GFP_OTHER_ZONE);
	unsigned int class = small ? gomem_size_class(size) : 0;
	unsigned int got = 0, i, n;

	might_alloc(gfp);
	if (gfp & __GFP_ACCOUNT) {
		this_cpu_add(heap->mcache->naccount, nr);
		gfp &= ~__GFP_ACCOUNT;
	}
	while (got < nr) {
		n = small ? alloc_run(heap, class, objs + got, nr - got) : 0;
		for (i = got; i < got + n; i++) {
			if (want_init_on_alloc(gfp))
				memset(objs[i], 0, gomem_class[class].size);
			kmemleak_alloc(objs[i], size, 1, gfp);
		}
		got += n;
		if (got == nr)
			break;
		objs[got] = gomem_heap_alloc(heap, size, gfp);
		if (!objs[got])
			break;
		got++;
	}
	return got;
}

/**
 * gomem_mcache_init() - no magazines, no counts
 * @mc: one CPU's
 */
void gomem_mcache_init(struct gomem_mcache *mc)
{
	unsigned int i;

	memset(mc, 0, sizeof(*mc));
	memset(mc->target, FIRST_TARGET, sizeof(mc->target));
	for (i = 0; i < GOMEM_NR_TAGS; i++) {
		mc->class[i].loaded = &gomem_no_magazine;
		mc->class[i].prev = &gomem_no_magazine;
	}
}

/* Take both magazines of a class out of @mc, or of this CPU's mcache. */
static void detach_both(struct gomem_heap *heap, struct gomem_mcache *mc,
			unsigned int class, struct gomem_magazine *mag[2])
{
	struct gomem_mcache_class *cc;

	preempt_disable();
	if (!mc)
		mc = this_cpu_ptr(heap->mcache);
	if (mcache_enter(mc)) {
		cc = &mc->class[class];
		mag[0] = real(cc->loaded);
		mag[1] = real(cc->prev);
		cc->loaded = &gomem_no_magazine;
		cc->prev = &gomem_no_magazine;
		mcache_leave(mc);
	}
	preempt_enable();
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

	for (class = 1; class < GOMEM_NR_CLASSES; class++) {
		struct gomem_mcentral *central = &node->central[class];
		struct gomem_magazine *mag[2] = { NULL, NULL };

		detach_both(heap, mc, class, mag);
		for (i = 0; i < ARRAY_SIZE(mag); i++) {
			if (!mag[i])
				continue;
			gomem_objects_put(heap, mag[i]->obj, mag[i]->nr, central);
			nr += mag[i]->nr;
			mag[i]->nr = 0;
			gomem_mcentral_spare(central, mag[i]);
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

	for (class = 1; class < GOMEM_NR_CLASSES; class++) {
		target = READ_ONCE(mc->target[class]);
		if (target > FIRST_TARGET)
			WRITE_ONCE(mc->target[class],
				   max_t(unsigned int, FIRST_TARGET, target / 2));
	}
}
