// SPDX-License-Identifier: GPL-2.0
/*
 * Code that allocates, and may be gone when somebody asks who it was.
 *
 * owner_early() goes when the module has started, owner_late() when the module goes; what
 * they hold can be left behind.  There can be thousands of stacks that allocate and free
 * before something leaks, and rates of the profile that change as often.
 */
#include <linux/gomem.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

static unsigned int early;
module_param(early, uint, 0400);
MODULE_PARM_DESC(early, "objects of 1024 bytes that code of the start gets (0)");

static unsigned int late;
module_param(late, uint, 0400);
MODULE_PARM_DESC(late, "objects of 4096 bytes that other code gets (0)");

static bool leave;
module_param(leave, bool, 0400);
MODULE_PARM_DESC(leave, "leave them behind (no)");

static unsigned int depth;
module_param(depth, uint, 0400);
MODULE_PARM_DESC(depth, "2^depth stacks get an object of 200 bytes and free it, before (0: none)");

static unsigned int rates;
module_param(rates, uint, 0400);
MODULE_PARM_DESC(rates, "so often an object of 256 bytes is got, each at another rate (0)");

static bool fail;
module_param(fail, bool, 0400);
MODULE_PARM_DESC(fail, "go on until an allocation fails, free all of that, and do not start (no)");

/* All that is to be freed in the end. */
static LLIST_HEAD(items);

static void keep(void *p)
{
	if (p)
		llist_add(p, &items);
}

static void free_all(void)
{
	struct llist_node *item, *next;

	llist_for_each_safe(item, next, llist_del_all(&items))
		gomem_free(item);
}

static __init noinline void owner_early(void)
{
	unsigned int i;

	for (i = 0; i < early; i++)
		keep(gomem_alloc(1024, GFP_KERNEL));
}

static noinline void owner_late(void)
{
	unsigned int i;

	for (i = 0; i < late; i++)
		keep(gomem_alloc(4096, GFP_KERNEL));
}

static noinline void owner_rates(void)
{
	unsigned int i, rate = gomem_mem_profile_rate();

	for (i = 0; i < rates; i++) {
		gomem_set_mem_profile_rate(i + 1);
		keep(gomem_alloc(256, GFP_KERNEL));
	}
	gomem_set_mem_profile_rate(rate);
}

static noinline int owner_leaf(void)
{
	void *p = gomem_alloc(200, GFP_KERNEL);

	gomem_free(p);
	/* Not a tail call, or it would not be in the stack. */
	barrier();
	return !!p;
}

/* Calls itself from one of two places, by the bits of @path. */
static noinline int owner_path(unsigned int left, unsigned int path)
{
	int sum;

	if (!left)
		return owner_leaf();
	/* Not one call for the two of them either. */
	if (path & 1) {
		sum = owner_path(left - 1, path >> 1) + 1;
		asm volatile("nop");
	} else {
		sum = owner_path(left - 1, path >> 1) + 2;
		barrier();
	}
	return sum;
}

static noinline void owner_fails(void)
{
	void *p;

	while ((p = gomem_alloc(KMALLOC_MAX_SIZE, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)))
		keep(p);
	/* Long enough for the worker to see it. */
	schedule_timeout_uninterruptible(HZ);
	free_all();
}

static int __init owner_init(void)
{
	unsigned int i;

	for (i = 0; depth && i < 1U << depth; i++)
		owner_path(depth, i);
	owner_rates();
	owner_early();
	owner_late();
	if (!fail)
		return 0;
	owner_fails();
	return -ENOMEM;
}
module_init(owner_init);

static void __exit owner_exit(void)
{
	if (!leave)
		free_all();
}
module_exit(owner_exit);

MODULE_DESCRIPTION("Code that allocates and goes");
MODULE_LICENSE("GPL");
