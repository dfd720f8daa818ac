// SPDX-License-Identifier: GPL-2.0
/*
 * From a timer's hard interrupt, while the task that it interrupts does the
 * same.  Rows: irq, a pair in the interrupt; irq-task, a pair in the task, the
 * time spent in the interrupts' own pairs left out.
 *
 * An interrupt may find the allocator in the middle of the task's call.  How
 * often depends on when it comes; so the time between two varies.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/smp.h>

#include "bench.h"

#define IRQ_PAIRS	8U
#define IRQ_NS		50000U
#define IRQ_JITTER	1021U

static struct {
	struct hrtimer timer;
	struct bench_job *job;
	enum bench_who who;
	u64 cycles;			/* spent in interrupts */
	unsigned int left;		/* interrupts to come */
} irq;

static __always_inline u64 irq_pairs(enum bench_who who)
{
	u64 start = bench_cycles();
	unsigned int i;

	for (i = 0; i < IRQ_PAIRS; i++)
		bench_free(irq.job, who,
			   bench_alloc(irq.job, who, GFP_ATOMIC));
	return bench_cycles() - start;
}

static enum hrtimer_restart irq_fn(struct hrtimer *timer)
{
	if (!irq.left)
		return HRTIMER_NORESTART;
	switch (irq.who) {
	case BENCH_GOMEM:
		irq.cycles += irq_pairs(BENCH_GOMEM);
		break;
	case BENCH_KMALLOC:
		irq.cycles += irq_pairs(BENCH_KMALLOC);
		break;
	default:
		irq.cycles += irq_pairs(BENCH_CACHE);
	}
	WRITE_ONCE(irq.left, irq.left - 1);
	hrtimer_forward_now(timer,
			    ns_to_ktime(IRQ_NS + irq.left * 37 % IRQ_JITTER));
	return HRTIMER_RESTART;
}

/* Returns the task's pairs; irq.cycles and @total are what was spent. */
static __always_inline u64 task_pairs(struct bench_job *job, enum bench_who who,
				      u64 *total)
{
	u64 start = bench_cycles(), nr = 0;
	unsigned int i;

	while (READ_ONCE(irq.left)) {
		for (i = 0; i < 64; i++)
			bench_free(job, who, bench_alloc(job, who, GFP_KERNEL));
		nr += i;
	}
	*total = bench_cycles() - start;
	return nr;
}

static __always_inline u64 irq_both(struct bench_job *job, enum bench_who who,
				    bool in_task)
{
	unsigned int ticks = max(bench_ops / 10, 1U);
	u64 total, nr;

	irq.job = job;
	irq.who = who;
	irq.cycles = 0;
	irq.left = ticks;
	/* The task that starts it is the one that is interrupted. */
	migrate_disable();
	hrtimer_start(&irq.timer, ns_to_ktime(IRQ_NS),
		      HRTIMER_MODE_REL_PINNED_HARD);
	nr = task_pairs(job, who, &total);
	hrtimer_cancel(&irq.timer);
	migrate_enable();
	job->ops = in_task ? max(nr, 1ULL) : ticks * IRQ_PAIRS;
	return in_task ? total - irq.cycles : irq.cycles;
}

static __always_inline u64 irq_inside_round(struct bench_job *job, enum bench_who who)
{
	return irq_both(job, who, false);
}

BENCH_RUNS(irq_inside);

static __always_inline u64 irq_task_round(struct bench_job *job, enum bench_who who)
{
	return irq_both(job, who, true);
}

BENCH_RUNS(irq_task);

static int irq_size(unsigned int size)
{
	struct bench_job job;
	int ret;

	ret = bench_open(&job, size, 1);
	if (ret)
		return ret;
	ret = bench_compare("irq", &job, irq_inside_runs);
	if (!ret)
		ret = bench_compare("irq-task", &job, irq_task_runs);
	bench_close(&job);
	return ret;
}

static int irq_run(void)
{
	unsigned int i;
	int ret = 0;

	gomem_compat_hrtimer_setup(&irq.timer, irq_fn, CLOCK_MONOTONIC,
				   HRTIMER_MODE_REL_PINNED_HARD);
	for (i = 0; i < bench_nr_sizes && !ret; i++)
		ret = irq_size(bench_sizes[i]);
	return ret;
}

const struct bench_row bench_irq_row = { "irq", irq_run };
