// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes and zones: which memory a heap has page heaps for.
 *
 * Each node that has memory has a page heap, and mcentrals over it; a node that has
 * none uses those of the nearest one that does, as the page allocator would.  When its
 * first memory comes, it gets its own.
 *
 * What GFP_DMA and GFP_DMA32 ask for is like a node of its own, so that it is cut
 * into spans as any other memory, and never mixed with it: no CPU caches its objects.
 * Few machines ever need it, so these are made when it is first asked for.
 */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "mcentral.h"
#include "meta.h"
#include "mheap.h"
#include "node.h"

/* Of several pages, and therefore not always to be had at once. */
static void *node_zalloc(size_t size, gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		return kvzalloc(size, GFP_KERNEL);
	return kzalloc(size, gfp | __GFP_NOWARN);
}

static struct gomem_node *node_create(struct gomem_heap *heap, int nid,
				      bool uncached, gfp_t gfp)
{
	struct gomem_mheap *mheap;
	struct gomem_node *node;
	unsigned int class;

	node = node_zalloc(sizeof(*node), gfp);
	mheap = node_zalloc(sizeof(*mheap), gfp);
	if (!node || !mheap) {
		kvfree(node);
		kvfree(mheap);
		return NULL;
	}
	gomem_mheap_init(mheap, nid, heap->meta);
	node->mheap = mheap;
	for (class = 0; class < GOMEM_NR_CACHED; class++)
		gomem_mcentral_init(&node->central[class], heap, mheap, class,
				    uncached);
	atomic_long_add(sizeof(*node) + sizeof(*mheap),
			&heap->meta->bytes[GOMEM_META_OTHER]);
	return node;
}

static void node_destroy(struct gomem_heap *heap, struct gomem_node *node)
{
	atomic_long_sub(sizeof(*node) + sizeof(*node->mheap),
			&heap->meta->bytes[GOMEM_META_OTHER]);
	kvfree(node->mheap);
	kvfree(node);
}

/**
 * gomem_nodes_destroy() - no memory any more
 * @heap: the heap
 */
void gomem_nodes_destroy(struct gomem_heap *heap)
{
	int id;

	for (id = -1; gomem_next_node(heap, &id);)
		node_destroy(heap, heap->node[id]);
	bitmap_zero(heap->own, MAX_NUMNODES + GOMEM_NR_ZONES);
	kfree(heap->node);
	heap->node = NULL;
}

/* The nearest one of @nodes, which is @from if that is one. */
static int node_nearest(int from, const nodemask_t *nodes)
{
	int nid, best = NUMA_NO_NODE;

	for_each_node_mask(nid, *nodes)
		if (best == NUMA_NO_NODE ||
		    node_distance(from, nid) < node_distance(from, best))
			best = nid;
	return best;
}

static int node_add(struct gomem_heap *heap, int nid)
{
	struct gomem_node *node = node_create(heap, nid, false, GFP_KERNEL);

	if (!node)
		return -ENOMEM;
	/* Who finds it finds it made: pairs with the dependency on its address. */
	smp_store_release(&heap->node[nid], node);
	/* Pairs with gomem_next_node(). */
	smp_mb__before_atomic();
	node_set(nid, heap->nodes);
	set_bit(nid, heap->own);
	return 0;
}

/**
 * gomem_nodes_catch_up() - page heaps for nodes that have got their first memory
 * @heap: the heap
 *
 * What others have from the nearest node until now stays there, and so do pages of the new
 * one that came to another's page heap before this.
 *
 * Context: process, one at a time.
 * Return: how many; or -ENOMEM, then some nodes go on using the nearest one.
 */
int gomem_nodes_catch_up(struct gomem_heap *heap)
{
	int id, nearest, added = 0, ret = 0;

	for_each_node_state(id, N_MEMORY) {
		if (test_bit(id, heap->own))
			continue;
		ret = node_add(heap, id);
		if (ret)
			break;
		added++;
	}
	for (id = 0; added && id < nr_node_ids; id++) {
		nearest = node_nearest(id, &heap->nodes);
		WRITE_ONCE(heap->node[id], heap->node[nearest]);
	}
	return ret ? ret : added;
}

/**
 * gomem_nodes_create() - page heaps for the nodes that have memory
 * @heap: the heap
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int gomem_nodes_create(struct gomem_heap *heap)
{
	unsigned int zone;

	heap->node = kcalloc(nr_node_ids + GOMEM_NR_ZONES, sizeof(*heap->node),
			     GFP_KERNEL);
	if (!heap->node)
		return -ENOMEM;
	if (gomem_nodes_catch_up(heap) < 0) {
		gomem_nodes_destroy(heap);
		return -ENOMEM;
	}
	for (zone = 0; zone < GOMEM_NR_ZONES; zone++)
		heap->node[nr_node_ids + zone] = heap->node[first_online_node];
	return 0;
}

/* A node that has memory of the zone that @gfp asks for. */
static int node_with_zone(gfp_t gfp)
{
	enum zone_type zone = gfp_zone(gfp);
	int nid;

	for_each_node_state(nid, N_MEMORY)
		if (populated_zone(&NODE_DATA(nid)->node_zones[zone]))
			return nid;
	return node_nearest(first_online_node, &node_states[N_MEMORY]);
}

/**
 * gomem_zone_node() - the memory of a zone
 * @heap: the heap
 * @gfp: which zone, GFP_DMA or GFP_DMA32; if it has not been asked for before, also how
 *	long to try
 *
 * Context: as @gfp says.
 * Return: its page heap and mcentrals, or NULL.
 */
struct gomem_node *gomem_zone_node(struct gomem_heap *heap, gfp_t gfp)
{
	int id = nr_node_ids + (gfp & __GFP_DMA ? 0 : 1);
	struct gomem_node *node, *other = READ_ONCE(heap->node[id]);

	/* The zone's own one, whether or not its bit is set yet. */
	if (other->central[0].uncached)
		return other;
	node = node_create(heap, node_with_zone(gfp), true, gomem_meta_gfp(gfp));
	if (!node)
		return NULL;
	if (cmpxchg(&heap->node[id], other, node) != other) {
		/* Somebody else was faster. */
		node_destroy(heap, node);
		return READ_ONCE(heap->node[id]);
	}
	/* Pairs with gomem_next_node(). */
	smp_mb__before_atomic();
	set_bit(id, heap->own);
	return node;
}
