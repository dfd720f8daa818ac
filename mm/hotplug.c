// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs and memory that come and go.
 *
 * A CPU that is about to come up for the first time gets an mcache in every heap.
 * One that is dead has left objects in its mcaches.  Another one returns them,
 * when it is certain that the CPU will not touch them: after it is dead, and
 * before it can come up again.
 *
 * Memory that is about to come may lie where the arena index has no room for it.  One
 * that has is made before anybody can get a page of it; and once more when gomem begins
 * to be told of such memory, for what came just before.  If it is the first memory of its
 * node, that gets a page heap in every heap, a moment later.
 *
 * Memory that is about to go cannot go while gomem has pages of it, and gomem cannot
 * move objects; but it gives back all blocks without spans, and asks for a cycle to make
 * more of them.  When it is off, those are waited for who may be looking at its pages'
 * descriptors.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/memory.h>
#include <linux/nodemask.h>
#include <linux/notifier.h>
#include <linux/workqueue.h>

#include "arena.h"
#include "gc.h"
#include "heapctl.h"
#include "hotplug.h"
#include "instance.h"
#include "mcache.h"
#include "mheap.h"
#include "node.h"
#include "reclaim.h"
#include "release.h"

static enum cpuhp_state cpu_state;

/* There has been more than one node with memory; objects are told apart since. */
static bool several_nodes;

/* A CPU that gets no mcache comes up all the same, and goes past it. */
static int hotplug_cpu_comes(unsigned int cpu)
{
	struct gomem_heap *heap;

	down_read(&gomem_heaps_lock);
	list_for_each_entry(heap, &gomem_heaps, list) {
		gomem_mcache_create(heap, cpu);
		gomem_gc_cpus_change(heap, num_online_cpus() + 1);
	}
	up_read(&gomem_heaps_lock);
	return 0;
}

static int hotplug_cpu_is_dead(unsigned int cpu)
{
	struct gomem_heap *heap;

	down_read(&gomem_heaps_lock);
	list_for_each_entry(heap, &gomem_heaps, list) {
		gomem_gc_cpus_change(heap, num_online_cpus());
		if (cpumask_test_cpu(cpu, heap->cpus))
			gomem_mcache_drain(heap, gomem_mcache_of(heap, cpu),
					   UINT_MAX);
	}
	up_read(&gomem_heaps_lock);
	return 0;
}

static void hotplug_memory_goes(void)
{
	struct gomem_heap *heap;
	int nid;

	down_read(&gomem_heaps_lock);
	list_for_each_entry(heap, &gomem_heaps, list) {
		gomem_heap_empty_depots(heap, UINT_MAX);
		for (nid = -1; gomem_next_node(heap, &nid);)
			gomem_mheap_trim_all(heap->node[nid]->mheap);
		WRITE_ONCE(heap->reclaim->drain, true);
		gomem_reclaim_call(heap);
	}
	up_read(&gomem_heaps_lock);
}

static void hotplug_count_nodes(void)
{
	if (num_node_state(N_MEMORY) > 1 && !xchg(&several_nodes, true))
		static_branch_inc(&gomem_detour);
}

static void hotplug_memory_came(struct work_struct *work);

/* Not at once: the locks of hotplug are held, under which no code can be patched. */
static DECLARE_DELAYED_WORK(memory_work, hotplug_memory_came);

/* Memory has come, maybe the first one of its node. */
static void hotplug_memory_came(struct work_struct *work)
{
	struct gomem_heap *heap;
	bool again = false;
	int added;

	/* Before the node has a page heap of its own. */
	hotplug_count_nodes();
	down_read(&gomem_heaps_lock);
	list_for_each_entry(heap, &gomem_heaps, list) {
		added = gomem_nodes_catch_up(heap);
		again = again || added < 0;
		if (added <= 0)
			continue;
		/* If nobody else is at it, CPUs of that node begin anew, with its memory. */
		gomem_gc_drain_cpus(heap, true);
		gomem_reclaim_call(heap);
	}
	up_read(&gomem_heaps_lock);
	if (again)
		schedule_delayed_work(&memory_work, HZ);
}

static int hotplug_memory_changes(struct notifier_block *self, unsigned long action,
				  void *arg)
{
	const struct memory_notify *change = arg;
	int ret;

	switch (action) {
	case MEM_GOING_ONLINE:
		ret = gomem_index_extend(change->start_pfn, change->start_pfn +
					 change->nr_pages);
		if (ret)
			return notifier_from_errno(ret);
		break;
	case MEM_ONLINE:
		schedule_delayed_work(&memory_work, 0);
		break;
	case MEM_GOING_OFFLINE:
		hotplug_memory_goes();
		break;
	case MEM_OFFLINE:
		/*
		 * Who is looking up an address that was in it, by mistake, looks at its
		 * pages' descriptors, which go next: see gomem_arena_block().
		 */
		synchronize_rcu();
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block memory_notifier = {
	.notifier_call = hotplug_memory_changes,
};

/**
 * gomem_hotplug_init() - have us told
 *
 * Before the first heap: a heap sees to the CPUs that are there when it is made.
 *
 * Return: 0 or an error.
 */
int gomem_hotplug_init(void)
{
	int ret;

	ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "mm/gomem:cpu",
					hotplug_cpu_comes, hotplug_cpu_is_dead);
	if (ret < 0)
		return ret;
	cpu_state = ret;
	ret = register_memory_notifier(&memory_notifier);
	if (ret)
		goto no_notifier;
	ret = gomem_index_catch_up();
	if (ret)
		goto not_covered;
	hotplug_count_nodes();
	return 0;

not_covered:
	unregister_memory_notifier(&memory_notifier);
	cancel_delayed_work_sync(&memory_work);
no_notifier:
	cpuhp_remove_state_nocalls(cpu_state);
	return ret;
}

/**
 * gomem_hotplug_exit() - not any more; after the last heap
 */
void gomem_hotplug_exit(void)
{
	unregister_memory_notifier(&memory_notifier);
	cancel_delayed_work_sync(&memory_work);
	cpuhp_remove_state_nocalls(cpu_state);
}
