// SPDX-License-Identifier: GPL-2.0
/*
 * The public functions around gomem_alloc() and gomem_free(), which are in
 * mcache.c.  What they mean is said in include/linux/gomem.h.
 */
#include <linux/export.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/topology.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <linux/gomem.h>

#include "badfree.h"
#include "central.h"
#include "mheap.h"
#include "mcache.h"
#include "object.h"

void *gomem_zalloc(size_t size, gfp_t gfp)
{
	return gomem_alloc_for(&gomem_default_heap, size, gfp | __GFP_ZERO,
			       _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_zalloc);

static void *api_alloc_array(size_t n, size_t size, gfp_t gfp, unsigned long ip)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return gomem_alloc_for(&gomem_default_heap, bytes, gfp, ip);
}

void *gomem_alloc_array(size_t n, size_t size, gfp_t gfp)
{
	return api_alloc_array(n, size, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_alloc_array);

void *gomem_calloc(size_t n, size_t size, gfp_t gfp)
{
	return api_alloc_array(n, size, gfp | __GFP_ZERO, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_calloc);

/* An object of @node, and of no other one; without effort if @light says so. */
static void *api_alloc_remote(struct gomem_heap *heap, size_t size, gfp_t gfp,
			      int node, bool light, unsigned long ip)
{
	gfp_t node_gfp = gfp | __GFP_THISNODE;
	u64 growths = gomem_growths(heap->node[node]);
	bool zeroed = false;
	void *p;
	u32 due;

	if (light)
		node_gfp = gomem_light_gfp(node_gfp);
	p = gomem_node_alloc(heap->node[node], size, node_gfp, &zeroed);
	if (!p)
		return NULL;
	due = gomem_sample_due(heap, p);
	if (due)
		heap->hooks->sample(heap, p, size, due, ip,
				    gomem_sample_brief(heap->node[node], growths, gfp));
	return gomem_ready(p, size, gfp, zeroed, ip);
}

/* The node's memory, or else none. */
static void *api_alloc_this_node(struct gomem_heap *heap, size_t size, gfp_t gfp,
				 int node, unsigned long ip)
{
	void *p = api_alloc_remote(heap, size, gfp, node, false, ip);

	if (!p)
		gomem_count_oom(heap);
	return p;
}

void *gomem_alloc_node(size_t size, gfp_t gfp, int node)
{
	struct gomem_heap *heap = &gomem_default_heap;
	void *p;

	if (node != NUMA_NO_NODE && (node < 0 || node >= nr_node_ids))
		return NULL;
	/* A zone is where it is. */
	if (node == NUMA_NO_NODE || (gfp & (__GFP_DMA | __GFP_DMA32)))
		return gomem_alloc_for(heap, size, gfp, _RET_IP_);
	/* A node without memory means the nearest one, as for kmalloc_node(). */
	node = heap->node[node]->mheap->nid;
	if (node == numa_mem_id() && !(gfp & __GFP_THISNODE))
		return gomem_alloc_for(heap, size, gfp, _RET_IP_);
	if (!size)
		return ZERO_SIZE_PTR;
	if (size > KMALLOC_MAX_SIZE)
		return NULL;
	gfp = gomem_unaccounted(heap, gfp, 1);
	if (gfp & __GFP_THISNODE)
		return api_alloc_this_node(heap, size, gfp, node, _RET_IP_);
	p = api_alloc_remote(heap, size, gfp, node, true, _RET_IP_);
	return p ? p : gomem_alloc_for(heap, size, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_alloc_node);

/* Is @p aligned as an object of @size bytes is? */
static bool api_is_aligned(const void *p, size_t size)
{
	return IS_ALIGNED((unsigned long)p, size & -size);
}

void *gomem_realloc(const void *p, size_t new_size, gfp_t gfp)
{
	size_t old_size;
	void *new;

	if (!new_size) {
		gomem_free_for(p, _RET_IP_);
		return ZERO_SIZE_PTR;
	}
	if (ZERO_OR_NULL_PTR(p))
		return gomem_alloc_for(&gomem_default_heap, new_size, gfp,
				       _RET_IP_);
	old_size = gomem_usable_size(p);
	if (!old_size) {
		gomem_bad_free(&gomem_default_heap, p, GOMEM_BAD_FOREIGN);
		return NULL;
	}
	if (old_size >= new_size && api_is_aligned(p, new_size)) {
		if (want_init_on_alloc(gfp))
			memset((void *)p + new_size, 0, old_size - new_size);
		return (void *)p;
	}
	new = gomem_alloc_for(&gomem_default_heap, new_size, gfp, _RET_IP_);
	if (new) {
		memcpy(new, p, min(old_size, new_size));
		gomem_free_for(p, _RET_IP_);
	}
	return new;
}
EXPORT_SYMBOL_GPL(gomem_realloc);

void gomem_free_sensitive(const void *p)
{
	gomem_wipe(p);
	gomem_free_for(p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_free_sensitive);

static void *api_memdup(const void *src, size_t len, gfp_t gfp, unsigned long ip)
{
	void *p = gomem_alloc_for(&gomem_default_heap, len, gfp, ip);

	if (!ZERO_OR_NULL_PTR(p))
		memcpy(p, src, len);
	return p;
}

char *gomem_strdup(const char *s, gfp_t gfp)
{
	return s ? api_memdup(s, strlen(s) + 1, gfp, _RET_IP_) : NULL;
}
EXPORT_SYMBOL_GPL(gomem_strdup);

void *gomem_memdup(const void *src, size_t len, gfp_t gfp)
{
	return api_memdup(src, len, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_memdup);
