// SPDX-License-Identifier: GPL-2.0
/*
 * Every path through the allocator, one at a time, through gomem or through kmalloc().
 *
 * Writing "PATH gomem" or "PATH kmalloc" to /sys/kernel/debug/gomem_paths goes that path
 * before it returns.  What a path leaves allocated stays so until the path "free", or
 * until the module is unloaded.  Paths that are gomem's alone ignore the second word.
 */
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "gomem_versus.h"

#define MOST		200000U
#define SMALL		150000U	/* some 30 MiB */
#define MIXED		6000U	/* some 75 MiB */
#define BATCH		1000U
#define REPEAT		20U

static const unsigned int small_sizes[] = { 32, 64, 200, 512 };
static const unsigned int mixed_sizes[] = { 64, 1024, 4096, 8192, 20000, SZ_32K, 40000 };
static const unsigned int large_sizes[] = { 70000, SZ_256K, SZ_1M, 3 * SZ_1M, SZ_4M };

static struct {
	void *p;
	enum versus who;
} *object;

static unsigned int nr_objects;
static struct gomem_memstats *stats;
static struct dentry *file;

/* --- Objects that stay. --- */

static int keep(enum versus who, size_t size, gfp_t gfp)
{
	void *p = versus_alloc(who, size, gfp | __GFP_NOWARN);

	if (nr_objects == MOST) {
		versus_free(who, p);
		return -ENOSPC;
	}
	if (p) {
		object[nr_objects].p = p;
		object[nr_objects++].who = who;
	}
	if (nr_objects % 64 == 0)
		cond_resched();
	return 0;
}

static int keep_all(enum versus who, const unsigned int *sizes, unsigned int nr_sizes,
		    unsigned int nr, gfp_t gfp)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = keep(who, sizes[i % nr_sizes], gfp);
	return ret;
}

static int path_grow(enum versus who)
{
	return keep_all(who, mixed_sizes, ARRAY_SIZE(mixed_sizes), MIXED, GFP_KERNEL);
}

static int path_grow_atomic(enum versus who)
{
	return keep_all(who, mixed_sizes, ARRAY_SIZE(mixed_sizes), MIXED, GFP_ATOMIC);
}

static int path_grow_small(enum versus who)
{
	return keep_all(who, small_sizes, ARRAY_SIZE(small_sizes), SMALL, GFP_KERNEL);
}

static void let_go(unsigned int i)
{
	versus_free(object[i].who, object[i].p);
	object[i].p = NULL;
	if (i % 64 == 0)
		cond_resched();
}

/* Not in the order in which they came, so that spans are freed bit by bit. */
static int path_free(enum versus who)
{
	unsigned int first, i;

	for (first = 0; first < 8; first++)
		for (i = first; i < nr_objects; i += 8)
			let_go(i);
	nr_objects = 0;
	return 0;
}

/* All but a few here and there, which keep their blocks from going back. */
static int path_thin(enum versus who)
{
	unsigned int i;

	for (i = 0; i < nr_objects; i++)
		if (i % 4096 >= 4)
			let_go(i);
	return 0;
}

/* --- What comes and goes. --- */

static int path_batch(enum versus who)
{
	unsigned int i, k;
	int ret = 0;

	for (i = 0; i < REPEAT * ARRAY_SIZE(mixed_sizes) && !ret; i++) {
		for (k = 0; k < BATCH && !ret; k++)
			ret = keep(who, mixed_sizes[i / REPEAT], GFP_KERNEL);
		path_free(who);
	}
	return ret;
}

static int path_large(enum versus who)
{
	unsigned int i, k;
	int ret = 0;

	for (i = 0; i < 4 * REPEAT && !ret; i++) {
		for (k = 0; k < 16 && !ret; k++)
			ret = keep(who, large_sizes[(i + k) % ARRAY_SIZE(large_sizes)],
				   GFP_KERNEL);
		path_free(who);
	}
	return ret;
}

static int path_bulk(enum versus who)
{
	void **objs = vmalloc_array(BATCH, sizeof(*objs));
	unsigned int i;
	int ret = 0;

	if (!objs)
		return -ENOMEM;
	for (i = 0; i < REPEAT * ARRAY_SIZE(mixed_sizes) && !ret; i++) {
		if (gomem_alloc_bulk(mixed_sizes[i / REPEAT], GFP_KERNEL, BATCH, objs))
			gomem_free_bulk(BATCH, objs);
		else
			ret = -ENOMEM;
		cond_resched();
	}
	vfree(objs);
	return ret;
}

/* With a limit that it cannot keep, and cycles as often as can be. */
static int path_limit(enum versus who)
{
	s64 limit = gomem_set_memory_limit(SZ_16M);
	int ret, percent = gomem_set_gc_percent(1);

	ret = path_grow(GOMEM);
	path_free(GOMEM);
	gomem_set_gc_percent(percent);
	gomem_set_memory_limit(limit);
	return ret;
}

/* --- The rest. --- */

/* Nothing: what the rest of the kernel does meanwhile. */
static int path_idle(enum versus who)
{
	u64 end = ktime_get_ns() + 200 * NSEC_PER_MSEC;

	while (ktime_get_ns() < end)
		cond_resched();
	return 0;
}

static int path_gc(enum versus who)
{
	gomem_gc();
	return 0;
}

static int path_give_back(enum versus who)
{
	gomem_free_os_memory();
	return 0;
}

static int path_read(enum versus who)
{
	unsigned int i;

	for (i = 0; i < 50 * REPEAT; i++)
		gomem_read_memstats(stats);
	return 0;
}

/* Every allocation is sampled, and then none is. */
static int path_profile(enum versus who)
{
	unsigned int rate = gomem_mem_profile_rate();
	int ret, ret2;

	ret = gomem_set_mem_profile_rate(1);
	if (!ret)
		ret = path_batch(GOMEM);
	ret2 = gomem_set_mem_profile_rate(rate);
	return ret ?: ret2;
}

static const struct {
	const char *name;
	int (*go)(enum versus who);
} paths[] = {
	{ "idle", path_idle },
	{ "grow", path_grow },
	{ "grow-atomic", path_grow_atomic },
	{ "grow-small", path_grow_small },
	{ "free", path_free },
	{ "thin", path_thin },
	{ "batch", path_batch },
	{ "large", path_large },
	{ "bulk", path_bulk },
	{ "limit", path_limit },
	{ "gc", path_gc },
	{ "give-back", path_give_back },
	{ "read", path_read },
	{ "profile", path_profile },
};

static int paths_go(const char *name, enum versus who)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if (!strcmp(paths[i].name, name))
			return paths[i].go(who);
	return -EINVAL;
}

static ssize_t paths_write(struct file *unused, const char __user *text, size_t count,
			   loff_t *pos)
{
	char buffer[40] = "", name[20], who[10];
	int ret;

	if (count >= sizeof(buffer))
		return -EINVAL;
	if (copy_from_user(buffer, text, count))
		return -EFAULT;
	if (sscanf(buffer, "%19s %9s", name, who) != 2)
		return -EINVAL;
	ret = paths_go(name, strcmp(who, "kmalloc") ? GOMEM : KMALLOC);
	return ret ?: count;
}

static const struct file_operations paths_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = paths_write,
};

static int __init paths_init(void)
{
	object = vzalloc(array_size(MOST, sizeof(*object)));
	stats = vzalloc(sizeof(*stats));
	if (!object || !stats) {
		vfree(object);
		vfree(stats);
		return -ENOMEM;
	}
	file = debugfs_create_file("gomem_paths", 0200, NULL, NULL, &paths_fops);
	return 0;
}
module_init(paths_init);

static void __exit paths_exit(void)
{
	debugfs_remove(file);
	path_free(GOMEM);
	vfree(object);
	vfree(stats);
}
module_exit(paths_exit);

MODULE_DESCRIPTION("Paths through the allocator");
MODULE_LICENSE("GPL");
