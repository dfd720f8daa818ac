// SPDX-License-Identifier: GPL-2.0
/*
 * From which node is memory, for CPUs and for nodes that have none, and for who
 * is bound to one?
 *
 * Loading the module allocates on each CPU, or, with here=1, as the task that
 * loads it, which may have a memory policy; and with node numbers, without and
 * with __GFP_THISNODE.  It prints how many objects are from which node, next to
 * kmalloc().
 */
#include <linux/cpu.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "gomem_versus.h"

static bool here;
module_param(here, bool, 0444);
MODULE_PARM_DESC(here, "as the task that loads the module");

static char *name = "cpu";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "what the figures are called");

#define OBJECTS	3000
#define BYTES	3000
#define NODES	3

static void **object;

static int node_of(const void *p)
{
	return p ? page_to_nid(virt_to_page(p)) : NUMA_NO_NODE;
}

static void count(enum versus who)
{
	unsigned int on[NODES] = {}, i;
	char row[40];

	for (i = 0; i < OBJECTS; i++) {
		object[i] = versus_alloc(who, BYTES, GFP_KERNEL);
		if (object[i] && node_of(object[i]) < NODES)
			on[node_of(object[i])]++;
		cond_resched();
	}
	for (i = 0; i < OBJECTS; i++)
		versus_free(who, object[i]);
	for (i = 0; i < NODES; i++) {
		snprintf(row, sizeof(row), "%s-%d-on-node-%u", name,
			 raw_smp_processor_id(), i);
		versus_say(row, who, on[i]);
	}
}

/* The node that an object is from which names @node. */
static void name_node(const char *how, enum versus who, int node, gfp_t gfp)
{
	void *p = versus_alloc_node(who, 100, GFP_KERNEL | __GFP_NOWARN | gfp, node);
	char row[40];

	snprintf(row, sizeof(row), "%s-%d-of-%s-%d", name, raw_smp_processor_id(),
		 how, node);
	versus_say(row, who, node_of(p));
	versus_free(who, p);
}

static long try(void *unused)
{
	int who, node;

	for (who = GOMEM; who <= KMALLOC; who++) {
		versus_give_back();
		count(who);
		for (node = 0; node < NODES && !here; node++) {
			name_node("node", who, node, 0);
			name_node("this", who, node, __GFP_THISNODE);
		}
	}
	return 0;
}

static int __init nearest_init(void)
{
	int cpu;

	object = vmalloc(array_size(OBJECTS, sizeof(*object)));
	if (!object)
		return -ENOMEM;
	if (here)
		try(NULL);
	else
		for_each_online_cpu(cpu)
			work_on_cpu(cpu, try, NULL);
	vfree(object);
	return 0;
}
module_init(nearest_init);

static void __exit nearest_exit(void)
{
}
module_exit(nearest_exit);

MODULE_DESCRIPTION("Nodes that memory is from");
MODULE_LICENSE("GPL");
