// SPDX-License-Identifier: GPL-2.0
/*
 * The memory limit: how much gomem should take of the kernel, all in all.
 *
 * It is soft, as Go's is.  No allocation fails or waits because of it.  What it
 * does is to make the worker eager: from 95 % of it on, idle memory goes back
 * whether or not it was needed lately, and when that is not enough, a reclaim
 * cycle returns what waits in caches.  More is not there to be given, so a limit
 * below what is live only costs time, and that is bounded: cycles never take
 * more than half of one CPU (mm/pacer.c), and there is none while nothing waits in
 * caches.
 *
 * What is limited is Sys - HeapReleased: everything that is gomem's at the
 * moment, its own structures included.
 */
#include <linux/export.h>
#include <linux/limits.h>

#include <linux/gomem.h>

#include "arena.h"
#include "heap.h"
#include "knobs.h"
#include "limit.h"
#include "mheap.h"
#include "snapshot.h"
#include "stock.h"

/**
 * gomem_limit_used() - what the limit is about
 * @heap: the heap
 *
 * Return: Sys - HeapReleased, in bytes.
 */
u64 gomem_limit_used(const struct gomem_heap *heap)
{
	u64 bytes = 0;
	int nid, kind;

	for (nid = -1; gomem_next_node(heap, &nid);)
		bytes += (u64)gomem_mheap_held(heap->node[nid]->mheap) <<
			 GOMEM_PAGE_SHIFT;
	for (kind = 0; kind < GOMEM_NR_META; kind++)
		bytes += atomic_long_read(&heap->meta->bytes[kind]);
	if (heap->is_default)
		bytes += gomem_index_bytes() + gomem_arena_bytes() + gomem_stock_bytes();
	return bytes;
}

/* Where eagerness begins. */
static u64 limit_near_limit(const struct gomem_heap *heap)
{
	u64 limit = gomem_knob(heap, GOMEM_KNOB_MEMORY_LIMIT);

	return limit - limit / 20;
}

/**
 * gomem_limit_excess() - how much should be returned
 * @heap: the heap
 *
 * Return: bytes.
 */
u64 gomem_limit_excess(const struct gomem_heap *heap)
{
	u64 limit = limit_near_limit(heap), used = gomem_limit_used(heap);

	return used > limit ? used - limit : 0;
}

/**
 * gomem_limit_goal() - when will the limit have a cycle begin?
 * @heap: the heap
 * @snap: its snapshot
 * @live: HeapAlloc in that
 *
 * What is idle goes before.  So it is when the limit is near without that, and all
 * but what is live or cached stays as it is.
 *
 * Context: any but NMI.
 * Return: bytes of HeapAlloc and what is cached, about right while they move; 0 if the
 * rest alone is too much; U64_MAX if there is no limit.
 */
u64 gomem_limit_goal(struct gomem_heap *heap, const struct gomem_snapshot *snap,
		     u64 live)
{
	u64 limit = limit_near_limit(heap), objects, idle, rest;

	if (gomem_knob(heap, GOMEM_KNOB_MEMORY_LIMIT) == S64_MAX)
		return U64_MAX;
	objects = live + gomem_cached_bytes(heap);
	idle = snap->idle - min(snap->idle, snap->tails + snap->held_pages * PAGE_SIZE);
	rest = gomem_limit_used(heap);
	rest -= min(rest, min(objects, snap->inuse) + idle);
	return limit - min(limit, rest);
}

/**
 * gomem_limit_alarm() - have the worker called when the limit is near
 * @heap: the heap
 */
void gomem_limit_alarm(struct gomem_heap *heap)
{
	u64 limit = limit_near_limit(heap), used = gomem_limit_used(heap), room;
	struct gomem_mheap *mheap;
	unsigned long flags;
	int nid;

	room = limit > used ? (limit - used) >> GOMEM_PAGE_SHIFT : 0;
	room = room / bitmap_weight(heap->own, nr_node_ids + GOMEM_NR_ZONES) + 1;
	for (nid = -1; gomem_next_node(heap, &nid);) {
		mheap = heap->node[nid]->mheap;
		spin_lock_irqsave(&mheap->lock, flags);
		mheap->alarm_held = gomem_mheap_held(mheap) + room;
		spin_unlock_irqrestore(&mheap->lock, flags);
	}
}

s64 gomem_set_memory_limit(s64 limit)
{
	s64 old = gomem_knob(&gomem_default_heap, GOMEM_KNOB_MEMORY_LIMIT);

	if (limit >= 0)
		gomem_knob_set(&gomem_default_heap, GOMEM_KNOB_MEMORY_LIMIT,
			       limit);
	return old;
}
EXPORT_SYMBOL_GPL(gomem_set_memory_limit);
