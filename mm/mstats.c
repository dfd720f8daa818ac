// SPDX-License-Identifier: GPL-2.0
/*
 * The numbers: a picture of a heap that adds up, taken without stopping it.
 *
 * CPUs count what they hand out and take back in their mcaches, mcentrals count
 * what goes past those, and mheaps count spans and pages under their lock.  To
 * sum them up while they all go on counting, order is enough:
 *
 *  1. spans and pages of every node, each under its mheap's lock;
 *  2. all frees, F;
 *  3. all mallocs, M.
 *
 * A free is counted after its malloc and read before it, so F <= M.  And as an
 * object that is live when step 1 is done has a slot in the spans counted there,
 * no more than F + slots objects had been allocated by then.  Reported are
 *
 *	Frees = F,  Mallocs = min(M, F + slots).
 *
 * Neither is ever more than what really happened by the end of step 3, nor less
 * than what had happened before step 1; so both only grow from one snapshot to
 * the next, the live objects never exceed the slots, and HeapAlloc never exceeds
 * HeapInuse.
 *
 * An undetected double free counts a free too many until it is found out (see
 * gomem_objects_put()); F is bounded by M for that while.
 */
#include <linux/percpu.h>
#include <linux/string.h>

#include "internal.h"

/* Step 1, for one node. */
static void read_node(struct gomem_node *node, struct gomem_snapshot *snap)
{
	struct gomem_mheap *mheap = node->mheap;
	const struct gomem_mcentral *large = &node->central[0];
	unsigned long flags;
	unsigned int class;

	spin_lock_irqsave(&mheap->lock, flags);
	for (class = 0; class < GOMEM_NR_CACHED; class++) {
		snap->class[class].spans += node->central[class].nspans;
		snap->class[class].pages += node->central[class].npages;
		snap->class[class].slots += node->central[class].slots;
	}
	snap->class[0].nmalloc += large->large_nmalloc;
	snap->class[0].nfree += large->large_nfree;
	snap->large_bytes += large->large_bytes;
	snap->large_total += large->large_total;
	snap->idle += (u64)mheap->idle_pages << GOMEM_PAGE_SHIFT;
	snap->released += (u64)mheap->released_pages << GOMEM_PAGE_SHIFT;
	spin_unlock_irqrestore(&mheap->lock, flags);
}

/* Step 2. */
static void read_frees(struct gomem_heap *heap, struct gomem_snapshot *snap)
{
	struct gomem_mcentral *central;
	unsigned int class;
	int cpu, nid;

	for_each_possible_cpu(cpu) {
		struct gomem_mcache *mc = per_cpu_ptr(heap->mcache, cpu);

		for (class = 1; class < GOMEM_NR_CACHED; class++)
			snap->class[class].nfree +=
				READ_ONCE(mc->class[class].nfree);
	}
	for_each_node_mask(nid, heap->nodes) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			snap->class[class].nfree += READ_ONCE(central[class].nfree);
	}
}

/* Step 3. */
static void read_mallocs(struct gomem_heap *heap, struct gomem_snapshot *snap)
{
	struct gomem_mcentral *central;
	unsigned int class;
	int cpu, nid;

	for_each_possible_cpu(cpu) {
		struct gomem_mcache *mc = per_cpu_ptr(heap->mcache, cpu);

		gomem_mcache_add_nmalloc(mc, snap->class);
		snap->naccount += READ_ONCE(mc->naccount);
	}
	for_each_node_mask(nid, heap->nodes) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			snap->class[class].nmalloc += READ_ONCE(central[class].nmalloc);
	}
}

/**
 * gomem_snapshot() - read all counters of a heap, consistently
 * @heap: the heap
 * @snap: where they go
 *
 * Context: any but NMI.
 */
void gomem_snapshot(struct gomem_heap *heap, struct gomem_snapshot *snap)
{
	unsigned int class;
	int nid;

	memset(snap, 0, sizeof(*snap));
	for_each_node_mask(nid, heap->nodes)
		read_node(heap->node[nid], snap);
	smp_rmb();	/* spans before frees */
	read_frees(heap, snap);
	smp_rmb();	/* frees before mallocs */
	read_mallocs(heap, snap);

	snap->inuse = snap->large_bytes;
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		struct gomem_class_stats *s = &snap->class[class];

		s->nmalloc = min(s->nmalloc, s->nfree + s->slots);
		s->nfree = min(s->nfree, s->nmalloc);
		snap->inuse += s->pages << GOMEM_PAGE_SHIFT;
		snap->nr_spans += s->spans;
	}
	snap->nr_spans += snap->class[0].spans;
}

/* A pair of magazines that is being exchanged may be seen half old, half new. */
static u64 cached_on(struct gomem_heap *heap, int cpu, unsigned int class)
{
	struct gomem_mcache *mc = per_cpu_ptr(heap->mcache, cpu);
	struct gomem_magazine *loaded = READ_ONCE(mc->pair[class].loaded);
	struct gomem_magazine *prev = READ_ONCE(mc->pair[class].prev);
	long nr = READ_ONCE(mc->class[class].top) - loaded->obj;

	return clamp_t(long, nr, 0, gomem_class[class].mag_cap) +
	       READ_ONCE(prev->nr);
}

/**
 * gomem_cached_objects() - objects that wait in magazines
 * @heap: the heap
 * @cached: how many, by class; about right while they move
 *
 * Context: any but NMI.
 */
void gomem_cached_objects(struct gomem_heap *heap, u64 *cached)
{
	struct gomem_mcentral *central;
	unsigned int class;
	int cpu, nid;

	memset(cached, 0, GOMEM_NR_CACHED * sizeof(*cached));
	rcu_read_lock();	/* magazines that are being freed */
	for_each_possible_cpu(cpu)
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			cached[class] += cached_on(heap, cpu, class);
	rcu_read_unlock();
	for_each_node_mask(nid, heap->nodes) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			cached[class] += READ_ONCE(central[class].nr_cached);
	}
}

/* Bytes of magazines that wait, empty, for use. */
static u64 spare_bytes(struct gomem_heap *heap)
{
	struct gomem_mcentral *central;
	unsigned int class;
	u64 bytes = 0;
	int nid;

	for_each_node_mask(nid, heap->nodes) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			bytes += READ_ONCE(central[class].nr_empty) *
				 gomem_magazine_bytes(0) +
				 READ_ONCE(central[class].empty_room) *
				 sizeof(void *);
	}
	return bytes;
}

static void fill_objects(struct gomem_memstats *stats,
			 const struct gomem_snapshot *snap)
{
	unsigned int class;

	stats->mallocs = snap->class[0].nmalloc;
	stats->frees = snap->class[0].nfree;
	stats->heap_alloc = snap->large_bytes;
	stats->total_alloc = snap->large_total;
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		const struct gomem_class_stats *s = &snap->class[class];
		u64 size = gomem_class[class].size;

		stats->mallocs += s->nmalloc;
		stats->frees += s->nfree;
		stats->heap_alloc += size * (s->nmalloc - s->nfree);
		stats->total_alloc += size * s->nmalloc;
		if (class < GOMEM_BY_SIZE) {
			stats->by_size[class].size = size;
			stats->by_size[class].mallocs = s->nmalloc;
			stats->by_size[class].frees = s->nfree;
		}
	}
	stats->alloc = stats->heap_alloc;
	stats->heap_objects = stats->mallocs - stats->frees;
}

static void fill_sys(struct gomem_memstats *stats, struct gomem_heap *heap,
		     const struct gomem_snapshot *snap)
{
	struct gomem_meta *meta = heap->meta;
	u64 spare = spare_bytes(heap);

	stats->mspan_sys = atomic_long_read(&meta->bytes[GOMEM_META_MSPAN]);
	stats->mcache_sys = atomic_long_read(&meta->bytes[GOMEM_META_MCACHE]);
	stats->buck_hash_sys =
		atomic_long_read(&meta->bytes[GOMEM_META_BUCKHASH]);
	stats->gc_sys = atomic_long_read(&meta->bytes[GOMEM_META_GC]);
	stats->other_sys = atomic_long_read(&meta->bytes[GOMEM_META_OTHER]);
	if (heap->is_default)
		stats->gc_sys += gomem_index_bytes() + gomem_arena_bytes();
	/* The parts were read at other times than the wholes. */
	stats->mspan_inuse = min(stats->mspan_sys,
				 snap->nr_spans * sizeof(struct gomem_span));
	stats->mcache_inuse = stats->mcache_sys - min(stats->mcache_sys, spare);
	stats->sys = stats->heap_sys + stats->stack_sys + stats->mspan_sys +
		     stats->mcache_sys + stats->buck_hash_sys + stats->gc_sys +
		     stats->other_sys;
}

/**
 * gomem_memstats_from() - MemStats from a snapshot
 * @heap: the heap
 * @snap: its snapshot
 * @stats: where they go
 */
void gomem_memstats_from(struct gomem_heap *heap,
			 const struct gomem_snapshot *snap,
			 struct gomem_memstats *stats)
{
	/* All but the rings, in which @snap may lie. */
	memset(stats, 0, offsetof(struct gomem_memstats, pause_ns));
	memset_startat(stats, 0, num_gc);
	fill_objects(stats, snap);
	stats->heap_inuse = snap->inuse;
	stats->heap_released = snap->released;
	stats->heap_idle = snap->idle + snap->released;
	stats->heap_sys = stats->heap_inuse + stats->heap_idle;
	stats->lookups = atomic_long_read(&heap->event[GOMEM_EV_LOOKUP]);
	stats->enable_gc = true;
	fill_sys(stats, heap, snap);
	gomem_gc_stats(heap, stats);
}

/**
 * gomem_heap_memstats() - gomem_read_memstats() of any heap
 * @heap: the heap
 * @stats: where they go
 *
 * Context: any but NMI.
 */
void gomem_heap_memstats(struct gomem_heap *heap, struct gomem_memstats *stats)
{
	/* The rings are filled last; until then there is room in them. */
	struct gomem_snapshot *snap = (void *)stats->pause_ns;

	static_assert(sizeof(*snap) <= sizeof(stats->pause_ns) +
				       sizeof(stats->pause_end));
	gomem_snapshot(heap, snap);
	gomem_memstats_from(heap, snap, stats);
}

#define FIELD_U64(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_U64 }
#define FIELD_U32(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_U32 }
#define FIELD_RING(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_RING }
#define FIELD_PPB(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_PPB }
#define FIELD_BOOL(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_BOOL }

/* Go's names, in Go's order; BySize follows in every format. */
const struct gomem_field gomem_fields[] = {
	FIELD_U64("Alloc", alloc),
	FIELD_U64("TotalAlloc", total_alloc),
	FIELD_U64("Sys", sys),
	FIELD_U64("Lookups", lookups),
	FIELD_U64("Mallocs", mallocs),
	FIELD_U64("Frees", frees),
	FIELD_U64("HeapAlloc", heap_alloc),
	FIELD_U64("HeapSys", heap_sys),
	FIELD_U64("HeapIdle", heap_idle),
	FIELD_U64("HeapInuse", heap_inuse),
	FIELD_U64("HeapReleased", heap_released),
	FIELD_U64("HeapObjects", heap_objects),
	FIELD_U64("StackInuse", stack_inuse),
	FIELD_U64("StackSys", stack_sys),
	FIELD_U64("MSpanInuse", mspan_inuse),
	FIELD_U64("MSpanSys", mspan_sys),
	FIELD_U64("MCacheInuse", mcache_inuse),
	FIELD_U64("MCacheSys", mcache_sys),
	FIELD_U64("BuckHashSys", buck_hash_sys),
	FIELD_U64("GCSys", gc_sys),
	FIELD_U64("OtherSys", other_sys),
	FIELD_U64("NextGC", next_gc),
	FIELD_U64("LastGC", last_gc),
	FIELD_U64("PauseTotalNs", pause_total_ns),
	FIELD_RING("PauseNs", pause_ns),
	FIELD_RING("PauseEnd", pause_end),
	FIELD_U32("NumGC", num_gc),
	FIELD_U32("NumForcedGC", num_forced_gc),
	FIELD_PPB("GCCPUFraction", gc_cpu_ppb),
	FIELD_BOOL("EnableGC", enable_gc),
	FIELD_BOOL("DebugGC", debug_gc),
};

const unsigned int gomem_nr_fields = ARRAY_SIZE(gomem_fields);
