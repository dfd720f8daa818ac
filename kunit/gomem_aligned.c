// SPDX-License-Identifier: GPL-2.0
/*
 * Is memory aligned to the largest power of two that divides its size?
 *
 * Loading the module tries all sizes that are multiples of 8 up to 64 KiB and of
 * 512 above, a few objects of each at a time: with gomem_alloc() and
 * gomem_alloc_node() up to KMALLOC_MAX_SIZE, with gomem_alloc_bulk(), gomem_zalloc()
 * and gomem_realloc() up to 256 KiB.  It prints how many sizes there were, and how many
 * had an object that was not aligned, or none.
 */
#include <linux/log2.h>
#include <linux/sizes.h>
#include "gomem_versus.h"

#define OBJECTS	8

typedef unsigned int allocator(size_t size, unsigned int nr);

static void *objs[OBJECTS];
static unsigned int shown;

static unsigned int by_alloc(size_t size, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		objs[i] = gomem_alloc(size, GFP_KERNEL);
	return nr;
}

static unsigned int by_zalloc(size_t size, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		objs[i] = gomem_zalloc(size, GFP_KERNEL);
	return nr;
}

static unsigned int by_node(size_t size, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		objs[i] = gomem_alloc_node(size, GFP_KERNEL, numa_mem_id());
	return nr;
}

static unsigned int by_bulk(size_t size, unsigned int nr)
{
	return gomem_alloc_bulk(size, GFP_KERNEL, nr, objs);
}

static unsigned int by_realloc(size_t size, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		objs[i] = gomem_realloc(gomem_alloc(8, GFP_KERNEL), size, GFP_KERNEL);
	return nr;
}

static bool is_aligned(const char *how, size_t size, void *p)
{
	size_t align = size & -size;

	if (p && IS_ALIGNED((unsigned long)p, align))
		return true;
	if (shown++ < 10)
		pr_info("gomem_aligned: %s of %zu bytes: %zu bytes past a multiple of %zu\n",
			how, size, (size_t)p % align, align);
	return false;
}

/* Is any object of that size wrong? */
static bool is_wrong(const char *how, allocator *function, size_t size)
{
	unsigned int nr = size <= SZ_32K ? OBJECTS : 2;
	unsigned int got = function(size, nr), i;
	bool wrong = got != nr;

	for (i = 0; i < got; i++)
		wrong |= !is_aligned(how, size, objs[i]);
	gomem_free_bulk(got, objs);
	cond_resched();
	return wrong;
}

static void try(const char *how, allocator *function, size_t most)
{
	unsigned int nr = 0, wrong = 0;
	char row[40];
	size_t size;

	shown = 0;
	for (size = 8; size <= most; size += size < SZ_64K ? 8 : 512) {
		nr++;
		wrong += is_wrong(how, function, size);
	}
	snprintf(row, sizeof(row), "aligned-tried-%s", how);
	versus_say(row, GOMEM, nr);
	snprintf(row, sizeof(row), "aligned-wrong-%s", how);
	versus_say(row, GOMEM, wrong);
}

static int __init aligned_init(void)
{
	try("alloc", by_alloc, KMALLOC_MAX_SIZE);
	try("node", by_node, KMALLOC_MAX_SIZE);
	/* These are loops around that, and to write megabytes takes long. */
	try("bulk", by_bulk, SZ_256K);
	try("zalloc", by_zalloc, SZ_256K);
	try("realloc", by_realloc, SZ_256K);
	return 0;
}
module_init(aligned_init);

static void __exit aligned_exit(void)
{
}
module_exit(aligned_exit);

MODULE_DESCRIPTION("Alignment of all sizes");
MODULE_LICENSE("GPL");
