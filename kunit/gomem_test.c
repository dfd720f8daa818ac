// SPDX-License-Identifier: GPL-2.0
/*
 * A heap of each test's own, and a load to put on it; see gomem_test.h.
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "gomem_test.h"

int gomem_test_init(struct kunit *test)
{
	struct gomem_test *t = kzalloc(sizeof(*t), GFP_KERNEL);
	int ret;

	if (!t)
		return -ENOMEM;
	ret = gomem_heap_init(&t->heap, test->name, &t->meta);
	if (ret) {
		kfree(t);
		return ret;
	}
	/* Nothing goes on behind a test's back; a test may call for a pass. */
	gomem_reclaim_stop(&t->heap);
	/* Nor is it left to chance whether an object is sampled. */
	if (gomem_mem_profile_rate())
		gomem_set_mem_profile_rate(0);
	test->priv = t;
	return 0;
}

/* Objects that have departed and not arrived; nobody is at it. */
static long on_their_way(struct gomem_heap *heap)
{
	long nr = gomem_test_events(heap, GOMEM_EV_DEPARTED) -
		  gomem_test_events(heap, GOMEM_EV_ARRIVED);
	struct gomem_mcache *mc;
	int cpu;

	for_each_cpu(cpu, heap->cpus) {
		mc = gomem_mcache_of(heap, cpu);
		nr += local_read(&mc->departed) - local_read(&mc->arrived);
	}
	return nr;
}

/* The books balance, every object has come back, every byte is returned. */
void gomem_test_exit(struct kunit *test)
{
	struct gomem_test *t = test->priv;
	unsigned long leaked;
	unsigned int kind;

	if (!t)
		return;
	KUNIT_EXPECT_EQ(test, gomem_check(&t->heap, NULL), 0U);
	KUNIT_EXPECT_EQ(test, on_their_way(&t->heap), 0L);
	leaked = gomem_heap_destroy(&t->heap);
	if (!t->expect_leaks)
		KUNIT_EXPECT_EQ(test, leaked, 0UL);
	for (kind = 0; kind < GOMEM_NR_META; kind++)
		KUNIT_EXPECT_EQ(test, atomic_long_read(&t->meta.bytes[kind]), 0L);
	kfree(t);
}

struct gomem_span *gomem_test_span(struct kunit *test, unsigned int class)
{
	const struct gomem_class *c = &gomem_class[class];
	struct gomem_node *node = gomem_test_node(test);
	struct gomem_want want = {
		.central = &node->central[class],
		.npages = c->npages,
		.align = gomem_align_pages(c->size),
	};
	struct gomem_span *span;

	if (gomem_class_has_far_bits(class)) {
		want.far_bits = gomem_meta_alloc(gomem_test_heap(test)->meta,
						 GOMEM_META_GC,
						 BITS_TO_LONGS(c->nelems) *
						 sizeof(long), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, want.far_bits);
	}
	span = gomem_mheap_find(node->mheap, &want);
	if (!span)
		span = gomem_mheap_grow(node->mheap, &want, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, span);
	return span;
}

int gomem_test_init_pinned(struct kunit *test)
{
	int ret;

	ret = set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	return ret ? ret : gomem_test_init(test);
}

/* How many objects of @heap are allocated; exact when nobody else uses it. */
unsigned long gomem_test_live(struct gomem_heap *heap)
{
	struct gomem_snapshot *snap;
	unsigned long live = 0;
	unsigned int class;

	snap = kmalloc(sizeof(*snap), GFP_KERNEL | __GFP_NOFAIL);
	gomem_snapshot(heap, snap);
	for (class = 0; class < GOMEM_NR_CACHED; class++)
		live += snap->class[class].nmalloc - snap->class[class].nfree;
	kfree(snap);
	return live;
}

/* Is no address twice among them, and none NULL? */
bool gomem_test_distinct(void **objs, unsigned int nr)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		if (!objs[i])
			return false;
		for (j = 0; j < i; j++)
			if (objs[i] == objs[j])
				return false;
	}
	return true;
}

/* An online CPU that is not @cpu, or @cpu itself if it is the only one. */
int gomem_test_other_cpu(int cpu)
{
	int other = cpumask_next(cpu, cpu_online_mask);

	return other < nr_cpu_ids ? other : cpumask_first(cpu_online_mask);
}

#define LOAD_PERIOD	(200 * NSEC_PER_USEC)

/* Every object of a load begins with this; the rest is one byte, repeated. */
struct load_object {
	u32 size;
	u8 fill;
	u8 data[];
};

static struct load_object *load_make(struct gomem_load *load,
				     struct rnd_state *rnd, u32 max_size,
				     gfp_t gfp)
{
	u32 size = sizeof(struct load_object) + prandom_u32_state(rnd) % max_size;
	struct load_object *o = gomem_heap_alloc(load->heap, size, gfp);

	if (!o)
		return NULL;
	atomic_long_inc(&load->allocated);
	o->size = size;
	o->fill = prandom_u32_state(rnd);
	memset(o->data, o->fill, size - sizeof(*o));
	return o;
}

static void load_destroy(struct gomem_load *load, struct load_object *o)
{
	if (!o)
		return;
	if (gomem_usable_size(o) < o->size ||
	    memchr_inv(o->data, o->fill, o->size - sizeof(*o)))
		atomic_long_inc(&load->corrupt);
	atomic_long_inc(&load->freed);
	gomem_free(o);
}

/* Put an object, or nothing, where another one was; free that one. */
void gomem_load_step(struct gomem_load *load, struct rnd_state *rnd,
		     u32 max_size, gfp_t gfp)
{
	u32 i = prandom_u32_state(rnd) % GOMEM_LOAD_SLOTS;
	struct load_object *o = NULL;

	if (prandom_u32_state(rnd) & 1)
		o = load_make(load, rnd, max_size, gfp);
	load_destroy(load, xchg(&load->slot[i], o));
}

static int load_thread(void *data)
{
	struct gomem_load *load = data;
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, raw_smp_processor_id() + 1);
	for (i = 0; !kthread_should_stop(); i++) {
		gomem_load_step(load, &rnd, i % 16 ? 500 : 50000, GFP_KERNEL);
		cond_resched();
	}
	return 0;
}

static enum hrtimer_restart load_timer(struct hrtimer *timer)
{
	struct gomem_load *load = container_of(timer, struct gomem_load, timer);
	void *p;

	/* Little at a time: this is hard interrupt context, but for PREEMPT_RT. */
	p = gomem_heap_alloc(load->heap, GOMEM_LOAD_PAIR,
			     GFP_ATOMIC | __GFP_NOWARN);
	if (p) {
		atomic_long_inc(&load->allocated);
		atomic_long_inc(&load->freed);
		gomem_free(p);
	}
	gomem_load_step(load, &load->timer_rnd, 500, GFP_ATOMIC | __GFP_NOWARN);
	atomic_long_inc(&load->interrupts);
	hrtimer_forward_now(timer, ns_to_ktime(LOAD_PERIOD));
	return HRTIMER_RESTART;
}

/* @load is zeroed; GOMEM_LOAD_THREADS threads at most, and the timer. */
void gomem_load_start(struct gomem_load *load, struct gomem_heap *heap,
		      unsigned int threads)
{
	int cpu = raw_smp_processor_id();
	struct task_struct *thread;
	unsigned int i;

	load->heap = heap;
	for (i = 0; i < threads; i++) {
		cpu = gomem_test_other_cpu(cpu);
		thread = kthread_create(load_thread, load, "gomem_load/%u", i);
		if (IS_ERR(thread))
			continue;
		kthread_bind(thread, cpu);
		wake_up_process(thread);
		load->thread[i] = thread;
	}
	prandom_seed_state(&load->timer_rnd, 1000);
	gomem_compat_hrtimer_setup(&load->timer, load_timer, CLOCK_MONOTONIC,
				   GOMEM_LOAD_TIMER);
	hrtimer_start(&load->timer, ns_to_ktime(LOAD_PERIOD), GOMEM_LOAD_TIMER);
}

/* Ends with nothing allocated. */
void gomem_load_stop(struct gomem_load *load)
{
	unsigned int i;

	hrtimer_cancel(&load->timer);
	for (i = 0; i < GOMEM_LOAD_THREADS; i++)
		if (load->thread[i])
			kthread_stop(load->thread[i]);
	for (i = 0; i < GOMEM_LOAD_SLOTS; i++)
		load_destroy(load, xchg(&load->slot[i], NULL));
}
