// SPDX-License-Identifier: GPL-2.0
/*
 * Many objects at once.
 *
 * A request for many is served from the same stock as one for a single object,
 * a magazine at a time.  What both magazines of the CPU have, or have room for, is
 * copied in one go each.  Beyond that, objects are copied from or to whole magazines of
 * the depot, and taken from spans that have room, up to GOMEM_DEPOT_MOST under one hold
 * of the lock, without passing through the mcache.  Such objects are counted at
 * mcentral.  What only a slow path can do (a first magazine, growth of the heap,
 * a wrong free) is left to the functions for single objects.
 */
#include <linux/export.h>
#include <linux/kmemleak.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <linux/gomem.h>

#include "bulk.h"
#include "depot.h"
#include "mcache-inline.h"
#include "sampling.h"

/*
 * Move what the loaded magazine has, short of an object that is to be sampled;
 * its CPU's mcache is ours.
 */
static unsigned int bulk_pop_many(struct gomem_mcache *mc, unsigned int class,
				  void **objs, unsigned int nr)
{
	struct gomem_mcache_class *cc = &mc->class[class];
	unsigned int n = min(nr, mcache_loaded(mc, class)), i;
	void **top = cc->top;

	n = min_t(u64, n, cc->left - 1);
	/* What was freed last comes first. */
	for (i = 0; i < n; i++)
		objs[i] = *--top;
	cc->top = top;
	cc->left -= n;
	return n;
}

/* The same for both magazines. */
static unsigned int bulk_alloc_run(struct gomem_heap *heap, unsigned int class,
				   void **objs, unsigned int nr)
{
	struct gomem_mcache *mc;
	unsigned int n = 0;

	preempt_disable();
	mc = __this_cpu_read(*heap->mcache);
	if (mcache_enter(mc)) {
		n = bulk_pop_many(mc, class, objs, nr);
		if (n < nr && mc->pair[class].prev->nr) {
			mcache_swap(mc, class);
			n += bulk_pop_many(mc, class, objs + n, nr - n);
		}
		mcache_leave(mc);
	}
	preempt_enable();
	return n;
}

/* Sample some of many objects of a class, which no mcache has counted. */
static void bulk_sample_some(struct gomem_heap *heap, void **objs,
			     unsigned int nr, size_t size, unsigned long ip)
{
	u32 bytes = gomem_class[gomem_size_class(size)].size;
	u32 rate = gomem_heap_profile_rate(heap);
	u64 i = 0;

	while (rate && i < nr) {
		i += gomem_sample_left(get_random_u32(), bytes, rate);
		if (i <= nr)
			heap->hooks->sample(heap, objs[i - 1], size, rate, ip, false);
	}
}

/* As many as there are without growing the heap or asking for memory. */
static unsigned int bulk_alloc_stock(struct gomem_heap *heap, unsigned int class,
				     void **objs, unsigned int nr, size_t size,
				     unsigned long ip)
{
	unsigned int n = bulk_alloc_run(heap, class, objs, nr), taken;

	/* A rest that is less than a magazine is worth one of its own. */
	if (nr - n <= gomem_class[class].mag_cap)
		return n;
	taken = gomem_depot_take(&gomem_local_node(heap)->central[class],
				 gomem_depot_list(raw_smp_processor_id()),
				 objs + n, nr - n);
	bulk_sample_some(heap, objs + n, taken, size, ip);
	return n + taken;
}

static void bulk_ready_objects(void **objs, unsigned int nr, unsigned int class,
			       size_t size, gfp_t gfp)
{
	unsigned int i;

	if (!want_init_on_alloc(gfp) && !IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		return;
	for (i = 0; i < nr; i++) {
		if (want_init_on_alloc(gfp))
			memset(objs[i], 0, gomem_class[class].size);
		kmemleak_alloc(objs[i], size, 1, gfp);
	}
}

static unsigned int bulk_alloc_bulk(struct gomem_heap *heap, size_t size, gfp_t gfp,
				    unsigned int nr, void **objs, unsigned long ip)
{
	bool small = size && size <= GOMEM_MAX_CACHED && !heap->uncached &&
		     !(gfp & GOMEM_GFP_OTHER_ZONE) && !READ_ONCE(heap->traced);
	unsigned int class = small ? gomem_size_class(size) : 0;
	unsigned int got = 0, n;

	might_alloc(gfp);
	gfp = gomem_unaccounted(heap, gfp, nr);
	while (got < nr) {
		if (small) {
			n = bulk_alloc_stock(heap, class, objs + got, nr - got, size,
					     ip);
			bulk_ready_objects(objs + got, n, class, size, gfp);
			got += n;
			if (got == nr)
				break;
		}
		objs[got] = gomem_alloc_for(heap, size, gfp, ip);
		if (!objs[got])
			break;
		got++;
	}
	return got;
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
	return bulk_alloc_bulk(heap, size, gfp, nr, objs, _RET_IP_);
}

int gomem_alloc_bulk(size_t size, gfp_t gfp, size_t nr, void **objs)
{
	unsigned int got;

	if (nr > INT_MAX)
		return 0;
	got = bulk_alloc_bulk(&gomem_default_heap, size, gfp, nr, objs, _RET_IP_);
	if (got == nr)
		return nr;
	gomem_free_bulk(got, objs);
	return 0;
}
EXPORT_SYMBOL_GPL(gomem_alloc_bulk);

/* The same as many mcache_push(); this CPU's mcache is ours. */
static unsigned int bulk_push_many(struct gomem_mcache *mc, unsigned long tag,
				   void **objs, unsigned int nr)
{
	const struct gomem_index *index = READ_ONCE(gomem_index);
	struct gomem_mcache_class *cc = &mc->class[tag];
	unsigned int n, room = cc->limit > cc->top ? cc->limit - cc->top : 0;
	void **top = cc->top;

	for (n = 0; n < min(nr, room); n++) {
		if (top[n - 1L] == objs[n] || mcache_unaligned(objs[n]) ||
		    gomem_tag_in(index, objs[n]) != tag ||
		    mcache_detour(mc, tag, objs[n]))
			break;
		top[n] = objs[n];
	}
	cc->top = top + n;
	cc->nfree += n;
	return n;
}

/* Is the loaded magazine of @tag full, the other one not, and @p no repeat? */
static bool bulk_swap_helps(struct gomem_mcache *mc, unsigned long tag, const void *p)
{
	struct gomem_mcache_class *cc = &mc->class[tag];
	struct gomem_magazine *prev;

	if (!tag || tag >= GOMEM_NR_CLASSES || cc->top < cc->limit)
		return false;
	prev = mc->pair[tag].prev;
	return prev->nr < prev->cap && cc->top[-1] != p;
}

/*
 * Push the first of @objs, for as long as they are of one class and there is
 * room.  Wrong ones among them stop it, as for a single one.
 */
static unsigned int bulk_free_run(void **objs, unsigned int nr)
{
	struct gomem_mcache *mc;
	unsigned int n = 0;
	unsigned long tag;

	preempt_disable();
	mc = __this_cpu_read(gomem_mcache);
	if (mcache_enter(mc)) {
		tag = gomem_tag_of(objs[0]);
		n = bulk_push_many(mc, tag, objs, nr);
		if (n < nr && bulk_swap_helps(mc, tag, objs[n])) {
			mcache_swap(mc, tag);
			n += bulk_push_many(mc, tag, objs + n, nr - n);
		}
		mcache_leave(mc);
	}
	preempt_enable();
	return n;
}

/* The node whose depots are for @p. */
static int bulk_nid(const void *p)
{
	if (static_branch_unlikely(&gomem_detour))
		return page_to_nid(virt_to_page(p));
	return numa_mem_id();
}

/* Is that @nid? */
static __always_inline bool bulk_is_on(const void *p, int nid)
{
	return !static_branch_unlikely(&gomem_detour) ||
	       page_to_nid(virt_to_page(p)) == nid;
}

/*
 * Hand the first of @objs over to the depot, in whole magazines, for as long as
 * they are of one class and nothing looks wrong about them.  The last one before
 * something that does is kept back, so that a repeat of it will be noticed; and
 * so is one where there are more of them than the depot takes at a time.
 */
static unsigned int bulk_free_stock(void **objs, unsigned int nr)
{
	struct gomem_heap *heap = &gomem_default_heap;
	unsigned int n = 1;
	unsigned long tag;
	int nid;

	nr = min(nr, GOMEM_DEPOT_MOST + 1);
	rcu_read_lock();
	tag = gomem_tag_of(objs[0]);
	if (!tag || tag >= GOMEM_NR_CLASSES || nr < gomem_class[tag].mag_cap ||
	    mcache_unaligned(objs[0]) || trace_gomem_free_enabled()) {
		rcu_read_unlock();
		return 0;
	}
	nid = bulk_nid(objs[0]);
	while (n < nr && objs[n] != objs[n - 1] && !mcache_unaligned(objs[n]) &&
	       gomem_tag_of(objs[n]) == tag && bulk_is_on(objs[n], nid))
		n++;
	rcu_read_unlock();
	if (n < nr)
		n--;
	return gomem_depot_give(&heap->node[nid]->central[tag], objs, n);
}

void gomem_free_bulk(size_t nr, void **objs)
{
	bool plain = !want_init_on_free() && !gomem_default_heap.uncached &&
		     !IS_ENABLED(CONFIG_DEBUG_KMEMLEAK);
	size_t i = 0, run;

	while (i < nr) {
		run = min_t(size_t, nr - i, UINT_MAX);
		run = plain ? bulk_free_run(objs + i, run) : 0;
		i += run;
		/* What stopped it may be a repeat of what was freed last. */
		if (run && i < nr && objs[i] != objs[i - 1]) {
			run = min_t(size_t, nr - i, UINT_MAX);
			i += bulk_free_stock(objs + i, run);
		}
		if (i < nr)
			gomem_free_for(objs[i++], _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gomem_free_bulk);
