// SPDX-License-Identifier: GPL-2.0
/*
 * gomem - Go's memory allocator as a kernel module
 *
 * This file brings it up and takes it down.  Where to read on:
 *
 *	mm/heap.h	the layers and the lock order; each layer has a header of its
 *			own
 *	mm/mcache.c	the fast path: gomem_alloc(), gomem_free(); and mcachefree.c
 *	mm/mcentral.c	what CPUs share of a size class
 *	mm/depot.c	magazines on their way from one CPU to another
 *	mm/mspan.c	the objects of a span
 *	mm/mheap.c	the page heap; and grow.c
 *	mm/block.c	memory from the page allocator
 *	mm/arena.c	from an address to its tag and its block; and from there to its
 *			span, in block.c
 *	mm/index.c	the array from addresses to arenas
 *	mm/reclaim.c	the worker that gives memory back; from there on:
 *			scavenge.c, release.c, gc.c, pacer.c, limit.c
 *	mm/shrinker.c	giving it back when the kernel is short of it
 *	mm/oom.c	the same when there is nothing left, and a word about it
 *	mm/mprof.c	the heap profile; and sampling.c, mprofbucket.c, mprofname.c,
 *			modules.c, mprofread.c, mprofpeak.c, watch.c
 *	mm/snapshot.c	the counters, read so that they add up
 *	mm/mstats.c	MemStats, made from them
 */
#include <linux/init.h>
#include <linux/jump_label.h>
#include <linux/module.h>
#include <linux/string.h>

#include <linux/gomem.h>

#include "../debugfs/debugfs.h"
#include "arena.h"
#include "block.h"
#include "hotplug.h"
#include "instance.h"
#include "knobs.h"
#include "mcache.h"
#include "meta.h"
#include "modules.h"
#include "mprof.h"
#include "oom.h"
#include "reclaim.h"
#include "shrinker.h"
#include "sizeclass.h"

static char *debug = "";
module_param(debug, charp, 0400);
MODULE_PARM_DESC(debug, "F: check every free at once, without caches");

static unsigned int mem_profile_rate = 512 << 10;

/* The same numbers as in the file of that name. */
static int rate_set_param(const char *text, const struct kernel_param *kp)
{
	return gomem_knob_u32(text, kp->arg);
}

static const struct kernel_param_ops rate_ops = {
	.set = rate_set_param,
	.get = param_get_uint,
};

module_param_cb(mem_profile_rate, &rate_ops, &mem_profile_rate, 0400);
MODULE_PARM_DESC(mem_profile_rate, "bytes between samples of the heap profile at first; 0: none, 1: every allocation");

static struct gomem_meta default_meta;

static int __init gomem_init(void)
{
	int ret;

	gomem_sizeclass_init();
	gomem_block_init();
	ret = gomem_index_init();
	if (ret)
		goto no_index;
	ret = gomem_reclaim_init();
	if (ret)
		goto no_reclaim;
	ret = gomem_mcache_setup();
	if (ret)
		goto no_mcache;
	ret = gomem_hotplug_init();
	if (ret)
		goto no_hotplug;
	gomem_default_heap.is_default = true;
	gomem_default_heap.uncached = strchr(debug, 'F');
	ret = gomem_heap_init(&gomem_default_heap, "default", &default_meta);
	if (ret)
		goto no_heap;
	ret = gomem_mprof_set_rate(&gomem_default_heap, mem_profile_rate);
	if (ret)
		goto no_rate;
	ret = gomem_modules_init();
	if (ret)
		goto no_rate;
	ret = gomem_shrinker_init();
	if (ret)
		goto no_shrinker;
	ret = gomem_oom_init();
	if (ret)
		goto no_oom;
	ret = gomem_debugfs_init();
	if (ret)
		goto no_debugfs;
	return 0;

no_debugfs:
	gomem_oom_exit();
no_oom:
	gomem_shrinker_exit();
no_shrinker:
	gomem_modules_exit();
no_rate:
	gomem_heap_destroy(&gomem_default_heap);
no_heap:
	gomem_hotplug_exit();
no_hotplug:
	gomem_mcache_teardown();
no_mcache:
	gomem_reclaim_exit();
no_reclaim:
	gomem_index_exit();
no_index:
	gomem_block_exit();
	return ret;
}

static void __exit gomem_exit(void)
{
	gomem_debugfs_exit();
	gomem_oom_exit();
	gomem_shrinker_exit();
	gomem_modules_exit();
	gomem_heap_destroy(&gomem_default_heap);
	gomem_hotplug_exit();
	gomem_mcache_teardown();
	gomem_reclaim_exit();
	gomem_index_exit();
	gomem_block_exit();
}

/* Built in, it is there before the drivers are. */
subsys_initcall(gomem_init);
module_exit(gomem_exit);

MODULE_DESCRIPTION("Go's memory allocator, with runtime.MemStats");
MODULE_AUTHOR("The gomem authors");
MODULE_VERSION(GOMEM_VERSION);
MODULE_LICENSE("GPL");
