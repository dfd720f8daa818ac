// SPDX-License-Identifier: GPL-2.0
/*
 * Objects: what an address is the beginning of, if anything, and how much of it
 * may be used.
 *
 * Nothing here changes anything, and any value may be asked about.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <linux/gomem.h>

#include "arena.h"
#include "block.h"
#include "mspan.h"
#include "object.h"
#include "sizeclass.h"

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
	span = gomem_span_at(p);
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
	if (size >= GOMEM_LEAST_WHOLE)
		return gomem_whole_size(size);
	return round_up(size, GOMEM_PAGE_SIZE);
}
EXPORT_SYMBOL_GPL(gomem_size_roundup);

bool gomem_owns(const void *p)
{
	bool owns;

	rcu_read_lock();
	owns = gomem_tag_of(p) != GOMEM_TAG_NONE;
	rcu_read_unlock();
	return owns;
}
EXPORT_SYMBOL_GPL(gomem_owns);
