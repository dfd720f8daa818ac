// SPDX-License-Identifier: GPL-2.0
/*
 * Wrong use: say what it was, count it, and carry on.
 *
 * A pointer that is not what gomem_free() takes is reported with what it is,
 * where it lies and who passed it, never with a WARN(): a machine that panics on
 * warnings must not go down for a free that did no harm.  It is then ignored.
 */
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "badfree.h"
#include "heap.h"

static const char * const bad_text[GOMEM_NR_BAD] = {
	[GOMEM_BAD_FOREIGN] = "free of memory that is not gomem's",
	[GOMEM_BAD_IDLE] = "free of memory that has been freed already",
	[GOMEM_BAD_INTERIOR] = "free of an address inside an object",
	[GOMEM_BAD_LARGE_INTERIOR] = "free of an address inside a large object",
	[GOMEM_BAD_TAIL] = "free of an address behind the last object of a span",
	[GOMEM_BAD_DOUBLE] = "double free",
};

static const char *address_kind(const void *p)
{
	unsigned long address = (unsigned long)p;

	if (address < PAGE_SIZE)
		return "a small number";
	if (address < TASK_SIZE_MAX)
		return "a user space address";
	if (object_is_on_stack(p))
		return "on this task's stack";
	if (is_vmalloc_addr(p))
		return "in vmalloc space";
	if (!virt_addr_valid(p))
		return "outside the direct map";
	if (PageSlab(virt_to_head_page(p)))
		return "slab memory; was it kmalloc()ed?";
	return "in the direct map";
}

/**
 * gomem_bad_free() - report a free that cannot be
 * @heap: where it is counted
 * @p: what was freed
 * @why: what is wrong with it
 *
 * Context: any.
 */
void gomem_bad_free(struct gomem_heap *heap, const void *p, enum gomem_bad why)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	gomem_count(heap, GOMEM_EV_BAD_FREE);
	if (!__ratelimit(&limit))
		return;
	pr_err("%s: %p (%s), ignored\n", bad_text[why], p,
	       address_kind(p));
	dump_stack();
}
