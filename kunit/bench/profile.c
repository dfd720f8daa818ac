// SPDX-License-Identifier: GPL-2.0
/*
 * What does the heap profile cost?  A hot pair of 64 bytes with the profile off,
 * next to an object that was sampled, at the default rate, and at rate 1, which
 * samples every allocation; and one sample, which is what the last of these costs
 * more than the first.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/sched.h>

#include "bench.h"

#define SIZE		64
#define DEFAULT_RATE	(512U << 10)

/* Enough for 512 samples at the default rate, lest chance plays a part. */
#define PAIRS		(512 * (DEFAULT_RATE / SIZE))
#define FEW_PAIRS	1024
#define AT_ONCE		256
#define MOST_TRIES	100

/*
 * With interrupts on, as no stack is walked while they are off; a round in which the
 * timer's came does not count.
 */
static u64 pairs(unsigned int nr)
{
	unsigned int i, tries = 0;
	unsigned long ticks;
	u64 took;

	do {
		preempt_disable();
		ticks = jiffies;
		took = bench_cycles();
		for (i = 0; i < nr; i++)
			gomem_free(gomem_alloc(SIZE, GFP_ATOMIC));
		took = bench_cycles() - took;
		ticks = jiffies - ticks;
		preempt_enable();
	} while (ticks && ++tries < MOST_TRIES);
	return took;
}

static u64 many_pairs(unsigned int nr)
{
	u64 took = 0;
	unsigned int i;

	for (i = 0; i < nr; i += AT_ONCE) {
		took += pairs(AT_ONCE);
		cond_resched();
	}
	return took;
}

/* Hundredths of a cycle for a pair; the median of a few rounds. */
static u64 measure(const char *who, unsigned int rate, unsigned int nr, int *ret)
{
	u64 took[3];
	unsigned int r;

	*ret = gomem_set_mem_profile_rate(rate);
	if (*ret)
		return 0;
	many_pairs(nr / 8);
	for (r = 0; r < ARRAY_SIZE(took); r++)
		took[r] = div_u64(100 * many_pairs(nr), nr);
	*ret = bench_report("profile-pair", SIZE, who, took, ARRAY_SIZE(took),
			    false);
	return took[ARRAY_SIZE(took) / 2];
}

/* The profile is off, and the object has a neighbour that was sampled. */
static int measure_neighbour(void)
{
	void *neighbour;
	int ret;

	ret = gomem_set_mem_profile_rate(1);
	if (ret)
		return ret;
	neighbour = gomem_alloc(SIZE, GFP_KERNEL);
	if (!neighbour)
		return -ENOMEM;
	measure("neighbour", 0, FEW_PAIRS, &ret);
	gomem_free(neighbour);
	return ret;
}

static int profile_run(void)
{
	unsigned int rate = gomem_mem_profile_rate();
	u64 off, every, sample;
	int ret;

	off = measure("off", 0, FEW_PAIRS, &ret);
	if (!ret)
		ret = measure_neighbour();
	if (!ret)
		measure("default", DEFAULT_RATE, PAIRS, &ret);
	if (!ret) {
		every = measure("every", 1, FEW_PAIRS, &ret);
		sample = every - min(every, off);
		if (!ret)
			ret = bench_report("profile-sample", SIZE, "gomem",
					   &sample, 1, false);
	}
	gomem_set_mem_profile_rate(rate);
	return ret;
}

const struct bench_row bench_profile_row = { "profile", profile_run };
