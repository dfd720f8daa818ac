// SPDX-License-Identifier: GPL-2.0
/*
 * Go's runtime.MemStats, from a snapshot of the counters (mm/snapshot.c) and from
 * what the metadata and the reclaim cycles have counted beside.
 */
#include <linux/export.h>
#include <linux/string.h>

#include "arena.h"
#include "central.h"
#include "gc.h"
#include "magazine.h"
#include "meta.h"
#include "mspan.h"
#include "mstats.h"
#include "stock.h"

/* Bytes of magazines that wait, empty, for use. */
static u64 mstats_spare_bytes(struct gomem_heap *heap)
{
	struct gomem_mcentral *central;
	unsigned int class;
	u64 bytes = 0;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);) {
		central = heap->node[nid]->central;
		for (class = 1; class < GOMEM_NR_CACHED; class++)
			bytes += READ_ONCE(central[class].nr_empty) *
				 gomem_magazine_bytes(0) +
				 READ_ONCE(central[class].empty_room) *
				 sizeof(void *);
	}
	return bytes;
}

static void mstats_fill_objects(struct gomem_memstats *stats,
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

static void mstats_fill_sys(struct gomem_memstats *stats, struct gomem_heap *heap,
			    const struct gomem_snapshot *snap)
{
	struct gomem_meta *meta = heap->meta;
	u64 spare = mstats_spare_bytes(heap);

	stats->mspan_sys = atomic_long_read(&meta->bytes[GOMEM_META_MSPAN]);
	stats->mcache_sys = atomic_long_read(&meta->bytes[GOMEM_META_MCACHE]);
	stats->buck_hash_sys =
		atomic_long_read(&meta->bytes[GOMEM_META_BUCKHASH]);
	stats->gc_sys = atomic_long_read(&meta->bytes[GOMEM_META_GC]);
	stats->other_sys = atomic_long_read(&meta->bytes[GOMEM_META_OTHER]);
	if (heap->is_default)
		stats->gc_sys += gomem_index_bytes() + gomem_arena_bytes() +
				 gomem_stock_bytes();
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
	mstats_fill_objects(stats, snap);
	stats->heap_inuse = snap->inuse;
	stats->heap_released = snap->released;
	stats->heap_idle = snap->idle + snap->released;
	stats->heap_sys = stats->heap_inuse + stats->heap_idle;
	stats->lookups = snap->lookups;
	stats->enable_gc = true;
	mstats_fill_sys(stats, heap, snap);
	gomem_gc_stats(heap, snap, stats);
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

void gomem_read_memstats(struct gomem_memstats *stats)
{
	gomem_heap_memstats(&gomem_default_heap, stats);
}
EXPORT_SYMBOL_GPL(gomem_read_memstats);
