// SPDX-License-Identifier: GPL-2.0
/*
 * The public functions around gomem_alloc() and gomem_free(), which are in
 * mcache.c.  What they mean is said in include/linux/gomem.h.
 */
#include <linux/export.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

void *gomem_zalloc(size_t size, gfp_t gfp)
{
	return gomem_alloc_for(&gomem_default_heap, size, gfp | __GFP_ZERO,
			       _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_zalloc);

static void *alloc_array(size_t n, size_t size, gfp_t gfp, unsigned long ip)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return gomem_alloc_for(&gomem_default_heap, bytes, gfp, ip);
}

void *gomem_alloc_array(size_t n, size_t size, gfp_t gfp)
{
	return alloc_array(n, size, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_alloc_array);

void *gomem_calloc(size_t n, size_t size, gfp_t gfp)
{
	return alloc_array(n, size, gfp | __GFP_ZERO, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_calloc);

/* Pages of a node that this CPU's cache does not hold. */
static void *alloc_remote(struct gomem_heap *heap, size_t size, gfp_t gfp,
			  int node, unsigned long ip)
{
	void *p;
	u32 due;

	if (!size)
		return ZERO_SIZE_PTR;
	if (size > KMALLOC_MAX_SIZE)
		return NULL;
	p = gomem_large_exact(heap, heap->node[node]->mheap, size,
			      gomem_page_gfp(gfp), node);
	if (!p) {
		gomem_count(heap, GOMEM_EV_OOM);
		return NULL;
	}
	due = gomem_mprof_due(heap, p);
	if (due)
		gomem_mprof_malloc(heap, p, size, due, ip);
	return gomem_ready(p, size, gfp, ip);
}

/* The local node's memory, or else none. */
static void *alloc_this_node(size_t size, gfp_t gfp, int node, unsigned long ip)
{
	void *p = gomem_alloc_for(&gomem_default_heap, size, gfp, ip);

	if (ZERO_OR_NULL_PTR(p) || page_to_nid(virt_to_page(p)) == node)
		return p;
	/* It was got from elsewhere, or this task has moved on. */
	gomem_free_for(p, ip);
	return alloc_remote(&gomem_default_heap, size, gfp, node, ip);
}

void *gomem_alloc_node(size_t size, gfp_t gfp, int node)
{
	struct gomem_heap *heap = &gomem_default_heap;

	if (node == NUMA_NO_NODE ||
	    (node == numa_mem_id() && !(gfp & __GFP_THISNODE)))
		return gomem_alloc_for(heap, size, gfp, _RET_IP_);
	if (node == numa_mem_id())
		return alloc_this_node(size, gfp, node, _RET_IP_);
	if (node < 0 || node >= nr_node_ids)
		return NULL;
	if (node_online(node))
		return alloc_remote(heap, size, gomem_unaccounted(heap, gfp, 1),
				    node, _RET_IP_);
	return gfp & __GFP_THISNODE ? NULL :
				      gomem_alloc_for(heap, size, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_alloc_node);

/* Bytes of the object that starts at @p in @span; 0 if none does. */
static size_t object_size(const struct gomem_span *span, const void *p)
{
	unsigned long offset = (unsigned long)p - gomem_span_base(span);
	unsigned int size = gomem_class[span->class].size;
	unsigned int index;

	if (!span->class)
		return offset ? 0 : gomem_span_bytes(span);
	index = gomem_object_index(span->class, offset);
	if (index >= gomem_span_nelems(span) || offset != index * size)
		return 0;
	return size;
}

size_t gomem_usable_size(const void *p)
{
	struct gomem_span *span;
	size_t size = 0;

	if (ZERO_OR_NULL_PTR(p))
		return 0;
	rcu_read_lock();
	span = gomem_span_of(p);
	if (span)
		size = object_size(span, p);
	rcu_read_unlock();
	return size;
}
EXPORT_SYMBOL_GPL(gomem_usable_size);

/**
 * gomem_wipe() - overwrite an object before it is freed
 * @p: any value; what is no object is left alone
 */
void gomem_wipe(const void *p)
{
	size_t size = gomem_usable_size(p);

	if (size)
		memzero_explicit((void *)p, size);
}

size_t gomem_size_roundup(size_t size)
{
	if (!size || size > KMALLOC_MAX_SIZE)
		return size;
	if (size <= GOMEM_MAX_SMALL)
		return gomem_class[gomem_size_class(size)].size;
	return round_up(size, GOMEM_PAGE_SIZE);
}
EXPORT_SYMBOL_GPL(gomem_size_roundup);

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
	if (old_size >= new_size) {
		if (want_init_on_alloc(gfp))
			memset((void *)p + new_size, 0, old_size - new_size);
		return (void *)p;
	}
	new = gomem_alloc_for(&gomem_default_heap, new_size, gfp, _RET_IP_);
	if (new) {
		memcpy(new, p, old_size);
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

static void *memdup(const void *src, size_t len, gfp_t gfp, unsigned long ip)
{
	void *p = gomem_alloc_for(&gomem_default_heap, len, gfp, ip);

	if (!ZERO_OR_NULL_PTR(p))
		memcpy(p, src, len);
	return p;
}

char *gomem_strdup(const char *s, gfp_t gfp)
{
	return s ? memdup(s, strlen(s) + 1, gfp, _RET_IP_) : NULL;
}
EXPORT_SYMBOL_GPL(gomem_strdup);

void *gomem_memdup(const void *src, size_t len, gfp_t gfp)
{
	return memdup(src, len, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gomem_memdup);

bool gomem_owns(const void *p)
{
	bool owns;

	rcu_read_lock();
	owns = gomem_tag_of(p) != GOMEM_TAG_NONE;
	rcu_read_unlock();
	return owns;
}
EXPORT_SYMBOL_GPL(gomem_owns);

void gomem_read_memstats(struct gomem_memstats *stats)
{
	gomem_heap_memstats(&gomem_default_heap, stats);
}
EXPORT_SYMBOL_GPL(gomem_read_memstats);

size_t gomem_mem_profile(struct gomem_mem_profile_record *records, size_t nr,
			 bool inuse_zero)
{
	return gomem_heap_mem_profile(&gomem_default_heap, records, nr,
				      inuse_zero);
}
EXPORT_SYMBOL_GPL(gomem_mem_profile);

int gomem_set_mem_profile_rate(unsigned int rate)
{
	return gomem_mprof_set_rate(&gomem_default_heap, rate);
}
EXPORT_SYMBOL_GPL(gomem_set_mem_profile_rate);

unsigned int gomem_mem_profile_rate(void)
{
	return READ_ONCE(gomem_default_heap.mprof.rate);
}
EXPORT_SYMBOL_GPL(gomem_mem_profile_rate);
