// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that one CPU allocates and another one frees: handed over through a
 * ring, or left in slots that both CPUs replace at random (as in the benchmark
 * named larson).
 */
#include <linux/cache.h>
#include <linux/log2.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define RING_SIZE	256U
#define RING_STEP	32U
#define NR_SLOTS	1024U

struct ring {
	unsigned int head ____cacheline_aligned;	/* written by one side */
	unsigned int tail ____cacheline_aligned;	/* by the other */
	void *obj[RING_SIZE] ____cacheline_aligned;
};

struct hand {
	struct bench_job *job;
	enum bench_who who;
	u32 seed;
};

static struct ring *ring;
static void **slot;

/*
 * --- Producer and consumer. ---
 *
 * Each side says how far it is once in a while only, so that what is measured
 * are the allocators and not how a cache line goes to and fro.
 */

static __always_inline void produce_objects(const struct hand *hand, enum bench_who who)
{
	unsigned int i, head = ring->head, tail = READ_ONCE(ring->tail);

	for (i = 0; i < hand->job->nr; i++) {
		void *p = bench_alloc(hand->job, who, GFP_KERNEL);

		while (head - tail == RING_SIZE) {
			cpu_relax();
			/* The slot is free once the other side says so. */
			tail = smp_load_acquire(&ring->tail);
		}
		ring->obj[head++ % RING_SIZE] = p;
		if (head % RING_STEP == 0) {
			/* The slots are filled before that is said. */
			smp_store_release(&ring->head, head);
		}
	}
}

static __always_inline void consume_objects(const struct hand *hand, enum bench_who who)
{
	unsigned int i, tail = ring->tail, head = READ_ONCE(ring->head);

	for (i = 0; i < hand->job->nr; i++) {
		while (head == tail) {
			cpu_relax();
			/* What is in the slots comes after the word that it is. */
			head = smp_load_acquire(&ring->head);
		}
		bench_free(hand->job, who, ring->obj[tail++ % RING_SIZE]);
		if (tail % RING_STEP == 0) {
			/* The slots are read before they are given back. */
			smp_store_release(&ring->tail, tail);
		}
	}
}

/* --- Slots. --- */

static __always_inline void replace_objects(const struct hand *hand, enum bench_who who)
{
	struct rnd_state rnd;
	unsigned int i;
	void *p;

	prandom_seed_state(&rnd, hand->seed);
	for (i = 0; i < hand->job->nr; i++) {
		p = bench_alloc(hand->job, who, GFP_KERNEL);
		p = xchg(&slot[prandom_u32_state(&rnd) % NR_SLOTS], p);
		if (p)
			bench_free(hand->job, who, p);
	}
}

/* The same code for each allocator, chosen once for a round. */
#define HAND_WORK(verb) \
static void verb##_work(void *data) \
{ \
	const struct hand *hand = data; \
	switch (hand->who) { \
	case BENCH_GOMEM: \
		verb##_objects(hand, BENCH_GOMEM); \
		break; \
	case BENCH_KMALLOC: \
		verb##_objects(hand, BENCH_KMALLOC); \
		break; \
	default: \
		verb##_objects(hand, BENCH_CACHE); \
	} \
}

HAND_WORK(produce)
HAND_WORK(consume)
HAND_WORK(replace)

static u64 two_hands(struct bench_job *job, enum bench_who who,
		     void (*first)(void *data), void (*second)(void *data))
{
	struct hand hand[2] = { { job, who, 1 }, { job, who, 2 } };
	struct bench_member member[2] = {
		{ .work = first, .data = &hand[0] },
		{ .work = second, .data = &hand[1] },
	};

	if (!bench_two_cpus(&member[0].cpu, &member[1].cpu) ||
	    bench_team(member, 2)) {
		job->failed = true;
		return 0;
	}
	return max(member[0].end, member[1].end) -
	       min(member[0].start, member[1].start);
}

static __always_inline u64 pipe_round(struct bench_job *job, enum bench_who who)
{
	return two_hands(job, who, produce_work, consume_work);
}

BENCH_RUNS(pipe);

static __always_inline u64 larson_round(struct bench_job *job,
					enum bench_who who)
{
	u64 cycles = two_hands(job, who, replace_work, replace_work);
	unsigned int i;

	for (i = 0; i < NR_SLOTS; i++) {
		if (slot[i])
			bench_free(job, who, slot[i]);
		slot[i] = NULL;
	}
	return cycles;
}

BENCH_RUNS(larson);

static int all_sizes(const char *row, const bench_run *runs)
{
	struct bench_job job;
	unsigned int i;
	int a, b, ret = 0;

	if (!bench_two_cpus(&a, &b))
		return 0;
	ring = vzalloc(sizeof(*ring));
	slot = vzalloc(array_size(NR_SLOTS, sizeof(*slot)));
	if (!ring || !slot)
		ret = -ENOMEM;
	for (i = 0; i < bench_nr_sizes && !ret; i++) {
		ret = bench_open(&job, bench_sizes[i],
				 round_up(10 * bench_ops, RING_STEP));
		if (ret)
			break;
		ret = bench_compare(row, &job, runs);
		bench_close(&job);
	}
	vfree(ring);
	vfree(slot);
	return ret;
}

static int pipe_run(void)
{
	return all_sizes("pipe", pipe_runs);
}

static int larson_run(void)
{
	return all_sizes("larson", larson_runs);
}

const struct bench_row bench_pipe_row = { "pipe", pipe_run };
const struct bench_row bench_larson_row = { "larson", larson_run };
