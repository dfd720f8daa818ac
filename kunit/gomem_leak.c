// SPDX-License-Identifier: GPL-2.0
/*
 * Five functions that allocate, one of which never frees.
 *
 * Whoever looks at the heap while this module is loaded is to find that it is
 * leak_buffers() that holds the memory, in objects of 4096 bytes, and how much
 * each of the others holds.  Everything is freed when the module goes.
 */
#include <linux/gomem.h>
#include <linux/module.h>
#include <linux/sched.h>

static unsigned int leaks = 2000;
module_param(leaks, uint, 0400);
MODULE_PARM_DESC(leaks, "buffers of 4096 bytes that are not freed (2000)");

static unsigned int rounds = 1;
module_param(rounds, uint, 0400);
MODULE_PARM_DESC(rounds, "how often the others do what they do (1)");

/* All that is to be freed in the end. */
static struct item {
	struct item *next;
} *items;

static void keep(void *p)
{
	struct item *item = p;

	if (!item)
		return;
	item->next = items;
	items = item;
}

static noinline void leak_buffers(void)
{
	unsigned int i;

	for (i = 0; i < leaks; i++)
		keep(gomem_alloc(4096, GFP_KERNEL));
}

static noinline void keep_names(void)
{
	char name[24] = "a name of twenty bytes";
	unsigned int i;

	for (i = 0; i < 1000; i++)
		keep(gomem_strdup(name, GFP_KERNEL));
}

static noinline void keep_tables(void)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		keep(gomem_calloc(100, 16, GFP_KERNEL));
}

static noinline void keep_rings(void)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		keep(gomem_zalloc(65536, GFP_KERNEL));
}

/* Allocates more than all the others together, and keeps nothing. */
static noinline void use_scratch(void)
{
	unsigned int i;

	for (i = 0; i < 20000; i++)
		gomem_free(gomem_alloc(4096, GFP_KERNEL));
}

static int __init leak_init(void)
{
	unsigned int i;

	leak_buffers();
	keep_names();
	keep_tables();
	keep_rings();
	for (i = 0; i < rounds; i++) {
		use_scratch();
		cond_resched();
	}
	return 0;
}
module_init(leak_init);

static void __exit leak_exit(void)
{
	struct item *item;

	while ((item = items)) {
		items = item->next;
		gomem_free(item);
	}
}
module_exit(leak_exit);

MODULE_DESCRIPTION("Five functions that allocate, one of which leaks");
MODULE_LICENSE("GPL");
