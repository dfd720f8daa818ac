// SPDX-License-Identifier: GPL-2.0
/*
 * Stress: threads and a timer interrupt that allocate, pass objects to each
 * other, check what is in them, and free what others allocated.
 *
 * Written from include/linux/gomem.h alone.  Loading the module starts it,
 * unloading it stops it, frees everything and says how it went:
 *
 *	insmod gomem_stress.ko threads=4 hz=5000; sleep 10; rmmod gomem_stress
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/gomem.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/string.h>

static unsigned int threads = 4;
module_param(threads, uint, 0444);
MODULE_PARM_DESC(threads, "threads that allocate and free (default 4)");

static unsigned int hz = 5000;
module_param(hz, uint, 0444);
MODULE_PARM_DESC(hz, "timer interrupts a second that do so too, 0 for none (default 5000)");

static unsigned int slots = 4096;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "objects that are passed around, at most (default 4096)");

static unsigned int max_size = 70000;
module_param(max_size, uint, 0444);
MODULE_PARM_DESC(max_size, "bytes of the largest objects (default 70000)");

static unsigned int pause_us;
module_param(pause_us, uint, 0444);
MODULE_PARM_DESC(pause_us, "how long each thread rests after 256 steps (default 0)");

static unsigned int by_node;
module_param(by_node, uint, 0444);
MODULE_PARM_DESC(by_node, "each so many-th step of a thread names a node, and __GFP_ACCOUNT, 0 for none (default 0)");

/* Every object begins with this; the rest is filled with one byte. */
struct object {
	u32 size;
	u8 fill;
	u8 data[];
};

static void **slot;
static struct task_struct **thread;
/* On PREEMPT_RT nobody allocates in hard interrupts. */
#define TIMER_MODE	(IS_ENABLED(CONFIG_PREEMPT_RT) ? \
			 HRTIMER_MODE_REL_SOFT : HRTIMER_MODE_REL_HARD)

static struct hrtimer timer;
static struct rnd_state timer_rnd;
static atomic_long_t nr_alloc, nr_free, nr_failed, nr_corrupt, nr_irq, nr_by_node;

static u32 random_size(struct rnd_state *rnd, u32 limit)
{
	u32 r = prandom_u32_state(rnd);
	/* Small ones mostly: each doubling of the size is half as likely. */
	u32 bound = 64 << min_t(u32, ffs(r) - 1, 16);

	return sizeof(struct object) +
	       prandom_u32_state(rnd) % min(bound, limit);
}

static struct object *get(u32 size, gfp_t gfp, int node)
{
	if (node == NUMA_NO_NODE)
		return gomem_alloc(size, gfp);
	atomic_long_inc(&nr_by_node);
	return gomem_alloc_node(size, gfp | __GFP_ACCOUNT, node);
}

static struct object *make(struct rnd_state *rnd, u32 limit, gfp_t gfp, int node)
{
	u32 size = random_size(rnd, limit);
	struct object *o = get(size, gfp, node);

	if (!o) {
		atomic_long_inc(&nr_failed);
		return NULL;
	}
	atomic_long_inc(&nr_alloc);
	o->size = size;
	o->fill = prandom_u32_state(rnd);
	memset(o->data, o->fill, size - sizeof(*o));
	return o;
}

static void destroy(struct object *o)
{
	size_t len;

	if (!o)
		return;
	len = o->size - sizeof(*o);
	if (gomem_usable_size(o) < o->size ||
	    memchr_inv(o->data, o->fill, len))
		atomic_long_inc(&nr_corrupt);
	atomic_long_inc(&nr_free);
	gomem_free(o);
}

/* Put an object, or nothing, where another one was; free that one. */
static void step(struct rnd_state *rnd, u32 limit, gfp_t gfp, int node)
{
	u32 i = prandom_u32_state(rnd) % slots;
	struct object *o = NULL;

	if (prandom_u32_state(rnd) & 1)
		o = make(rnd, limit, gfp, node);
	destroy(xchg(&slot[i], o));
}

#define BULK	16

/* Many at once; nobody else may be given the same. */
static void step_bulk(struct rnd_state *rnd)
{
	u32 size = random_size(rnd, 4096);
	void *objs[BULK];
	unsigned int i;

	if (gomem_alloc_bulk(size, GFP_KERNEL, BULK, objs) != BULK) {
		atomic_long_inc(&nr_failed);
		return;
	}
	for (i = 0; i < BULK; i++)
		memset(objs[i], i, size);
	for (i = 0; i < BULK; i++)
		if (memchr_inv(objs[i], i, size))
			atomic_long_inc(&nr_corrupt);
	gomem_free_bulk(BULK, objs);
	atomic_long_add(BULK, &nr_alloc);
	atomic_long_add(BULK, &nr_free);
}

static int stress_thread(void *data)
{
	struct rnd_state rnd;
	unsigned long i;

	prandom_seed_state(&rnd, (unsigned long)data);
	for (i = 0; !kthread_should_stop(); i++) {
		step(&rnd, max_size, i % 16 ? GFP_KERNEL : GFP_KERNEL | __GFP_ZERO,
		     NUMA_NO_NODE);
		if (by_node && i % by_node == 0)
			step(&rnd, max_size, GFP_KERNEL,
			     prandom_u32_state(&rnd) % nr_node_ids);
		if (i % 64 == 0)
			step_bulk(&rnd);
		if (i % 256 == 0 && pause_us)
			usleep_range(pause_us, 2 * pause_us);
		else if (i % 256 == 0)
			cond_resched();
	}
	return 0;
}

static enum hrtimer_restart stress_timer(struct hrtimer *t)
{
	/* Little at a time: this is hard interrupt context. */
	step(&timer_rnd, 2048, GFP_ATOMIC | __GFP_NOWARN, NUMA_NO_NODE);
	atomic_long_inc(&nr_irq);
	hrtimer_forward_now(t, ns_to_ktime(NSEC_PER_SEC / hz));
	return HRTIMER_RESTART;
}

static void start_timer(void)
{
	prandom_seed_state(&timer_rnd, 1000);
	gomem_compat_hrtimer_setup(&timer, stress_timer, CLOCK_MONOTONIC,
				   TIMER_MODE);
	hrtimer_start(&timer, ns_to_ktime(NSEC_PER_SEC / hz), TIMER_MODE);
}

static void stop_threads(void)
{
	unsigned int i;

	for (i = 0; i < threads; i++)
		if (!IS_ERR_OR_NULL(thread[i]))
			kthread_stop(thread[i]);
}

static int __init stress_init(void)
{
	unsigned int i;

	if (!slots || !threads || !max_size)
		return -EINVAL;
	slot = kvcalloc(slots, sizeof(*slot), GFP_KERNEL);
	thread = kcalloc(threads, sizeof(*thread), GFP_KERNEL);
	if (!slot || !thread)
		goto no_memory;
	for (i = 0; i < threads; i++) {
		thread[i] = kthread_run(stress_thread, (void *)(i + 1UL),
					"gomem_stress/%u", i);
		if (IS_ERR(thread[i])) {
			stop_threads();
			goto no_memory;
		}
	}
	if (hz)
		start_timer();
	return 0;

no_memory:
	kvfree(slot);
	kfree(thread);
	return -ENOMEM;
}
module_init(stress_init);

static void __exit stress_exit(void)
{
	unsigned int i;

	if (hz)
		hrtimer_cancel(&timer);
	stop_threads();
	for (i = 0; i < slots; i++)
		destroy(slot[i]);
	pr_info("gomem_stress: %ld allocated, %ld freed, %ld failed, %ld corrupt, %ld interrupts, %ld by node\n",
		atomic_long_read(&nr_alloc), atomic_long_read(&nr_free),
		atomic_long_read(&nr_failed), atomic_long_read(&nr_corrupt),
		atomic_long_read(&nr_irq), atomic_long_read(&nr_by_node));
	kvfree(slot);
	kfree(thread);
}
module_exit(stress_exit);

MODULE_DESCRIPTION("Stress test of gomem");
MODULE_LICENSE("GPL");
