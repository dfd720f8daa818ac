// SPDX-License-Identifier: GPL-2.0
/*
 * For how long does gomem keep the CPU from a task that is to run?
 *
 * Loading the module leaves many objects live, or free and waiting in caches, or free
 * while their pages are referred to, and starts a real-time thread that wants to run
 * every millisecond.  How late it came at worst is in
 * /sys/kernel/debug/gomem_gap/worst_ns; writing there begins anew.
 */
#include <linux/debugfs.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include "gomem_versus.h"

static unsigned int objects = 2000000;
module_param(objects, uint, 0444);
MODULE_PARM_DESC(objects, "how many (default 2000000)");

static unsigned int size = 32;
module_param(size, uint, 0444);
MODULE_PARM_DESC(size, "bytes of each (default 32)");

static bool live;
module_param(live, bool, 0444);
MODULE_PARM_DESC(live, "they stay allocated");

static bool held;
module_param(held, bool, 0444);
MODULE_PARM_DESC(held, "a page of each is referred to when it is freed, and stays so");

struct object {
	struct object *next;
};

static struct object *head;
static struct page **pages;
static unsigned int nr_pages;
static u64 worst_ns;
static struct task_struct *thread;
static struct dentry *directory;

static int watch(void *unused)
{
	while (!kthread_should_stop()) {
		ktime_t due = ktime_add_ms(ktime_get(), 1);
		ktime_t expires = due;

		set_current_state(TASK_INTERRUPTIBLE);
		schedule_hrtimeout(&expires, HRTIMER_MODE_ABS);
		worst_ns = max_t(s64, worst_ns, ktime_to_ns(ktime_sub(ktime_get(), due)));
	}
	return 0;
}

static void make(void)
{
	struct object *o;
	unsigned int i;

	for (i = 0; i < objects; i++) {
		o = gomem_alloc(max_t(size_t, size, sizeof(*o)), GFP_KERNEL);
		if (!o)
			break;
		o->next = head;
		head = o;
		if (i % 1024 == 0)
			cond_resched();
	}
	versus_say("gap-objects", GOMEM, i);
}

static void drop(void)
{
	unsigned int i;

	for (i = 0; head; i++) {
		struct object *o = head;

		head = o->next;
		if (pages && nr_pages < objects) {
			pages[nr_pages] = virt_to_page(o);
			get_page(pages[nr_pages++]);
		}
		gomem_free(o);
		if (i % 1024 == 0)
			cond_resched();
	}
}

static void let_go(void)
{
	unsigned int i;

	for (i = 0; i < nr_pages; i++) {
		put_page(pages[i]);
		if (i % 1024 == 0)
			cond_resched();
	}
	vfree(pages);
}

static int worst_get(void *data, u64 *value)
{
	*value = READ_ONCE(worst_ns);
	return 0;
}

static int worst_set(void *data, u64 value)
{
	WRITE_ONCE(worst_ns, 0);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(worst_fops, worst_get, worst_set, "%llu\n");

static int __init gap_init(void)
{
	if (held) {
		pages = vmalloc_array(objects, sizeof(*pages));
		if (!pages)
			return -ENOMEM;
	}
	thread = kthread_create(watch, NULL, "gomem_gap");
	if (IS_ERR(thread)) {
		vfree(pages);
		return PTR_ERR(thread);
	}
	make();
	if (!live)
		drop();
	sched_set_fifo_low(thread);
	kthread_bind(thread, 0);
	wake_up_process(thread);
	directory = debugfs_create_dir("gomem_gap", NULL);
	debugfs_create_file_unsafe("worst_ns", 0600, directory, NULL, &worst_fops);
	return 0;
}
module_init(gap_init);

static void __exit gap_exit(void)
{
	debugfs_remove(directory);
	kthread_stop(thread);
	drop();
	let_go();
}
module_exit(gap_exit);

MODULE_DESCRIPTION("Time without a reschedule");
MODULE_LICENSE("GPL");
