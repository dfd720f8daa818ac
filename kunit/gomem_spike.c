// SPDX-License-Identifier: GPL-2.0
/*
 * A heap of as many bytes as one likes.
 *
 *	insmod gomem_spike.ko size=0
 *	echo 524288 >/sys/kernel/debug/gomem_spike/live_kb
 *
 * allocates until 512 MiB are live, or frees until no more are: objects from
 * here and there, in no order, each checked to be as it was left.  With size=0
 * they are of many sizes, up to 64 KiB; else of that one.  free_kb says what the
 * kernel has free, pages on per-CPU lists included.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/gomem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/vmalloc.h>

#include "gomem_versus.h"

static unsigned int size;
module_param(size, uint, 0444);
MODULE_PARM_DESC(size, "bytes of each object, 0: many sizes (default)");

static unsigned int slots = 1 << 20;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "objects at most (default 1048576)");

struct object {
	struct object *self;
	u32 size;
};

static struct object **object;
static unsigned int nr;
static u64 live;
static struct rnd_state rnd;
static DEFINE_MUTEX(lock); /* all of these */
static struct dentry *directory;

static u32 next_size(void)
{
	u32 r = prandom_u32_state(&rnd);

	if (size)
		return max_t(u32, size, sizeof(struct object));
	/* Up to 64, 128, ... 65536 bytes, each as likely. */
	return sizeof(struct object) + prandom_u32_state(&rnd) % (64 << r % 11);
}

static int add_object(void)
{
	struct object *o;
	u32 bytes = next_size();

	if (nr == slots)
		return -ENOSPC;
	o = gomem_alloc(bytes, GFP_KERNEL | __GFP_NOWARN);
	if (!o)
		return -ENOMEM;
	/* Memory that is not used is no spike. */
	memset(o, 0x5a, bytes);
	o->self = o;
	o->size = bytes;
	object[nr++] = o;
	live += bytes;
	return 0;
}

static void remove_object(void)
{
	unsigned int i = prandom_u32_state(&rnd) % nr;
	struct object *o = object[i];

	if (o->self != o)
		pr_err("gomem_spike: BUG: an object was damaged\n");
	live -= o->size;
	object[i] = object[--nr];
	gomem_free(o);
}

static int live_set(void *data, u64 kilobytes)
{
	unsigned int i;
	int ret = 0;

	mutex_lock(&lock);
	for (i = 1; !ret && live < kilobytes << 10; i++) {
		ret = add_object();
		if (i % 256 == 0)
			cond_resched();
	}
	for (i = 1; nr && live > kilobytes << 10; i++) {
		remove_object();
		if (i % 256 == 0)
			cond_resched();
	}
	mutex_unlock(&lock);
	return ret;
}

static int live_get(void *data, u64 *kilobytes)
{
	*kilobytes = live >> 10;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(live_fops, live_get, live_set, "%llu\n");

static int free_get(void *data, u64 *kilobytes)
{
	*kilobytes = versus_free_kb();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(free_fops, free_get, NULL, "%llu\n");

static int __init spike_init(void)
{
	object = vzalloc(array_size(slots, sizeof(*object)));
	if (!object)
		return -ENOMEM;
	prandom_seed_state(&rnd, 1);
	directory = debugfs_create_dir("gomem_spike", NULL);
	debugfs_create_file_unsafe("live_kb", 0600, directory, NULL, &live_fops);
	debugfs_create_file_unsafe("free_kb", 0400, directory, NULL, &free_fops);
	return 0;
}
module_init(spike_init);

static void __exit spike_exit(void)
{
	debugfs_remove(directory);
	live_set(NULL, 0);
	vfree(object);
}
module_exit(spike_exit);

MODULE_DESCRIPTION("A heap of a given size");
MODULE_LICENSE("GPL");
