// SPDX-License-Identifier: GPL-2.0
/*
 * Do reclaim cycles delay allocations in interrupts, and by how much?
 *
 * A timer interrupt allocates and frees with GFP_ATOMIC, and measures how long
 * after it was due its object was there: that has in it how long interrupts
 * were off, and what the allocation cost where the cache was away.  Loading the
 * module does so while full caches are drained by cycle after cycle, and as
 * often with something else in place of the cycles.  It prints the longest delay of
 * both, of the run in which that was least; and how many interrupts came within cycles
 * in the run in which they were fewest.
 */
#include <linux/gomem.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/processor.h>
#include <linux/slab.h>

static unsigned int cycles = 20;
module_param(cycles, uint, 0444);
MODULE_PARM_DESC(cycles, "reclaim cycles (default 20)");

#define RUNS		3
#define PERIOD_NS	(50 * NSEC_PER_USEC)
#define OBJECTS		256

static struct hrtimer timer;
static u64 longest, interrupts, fewest = U64_MAX, failed;
static bool measuring;
static void *objs[OBJECTS];

static enum hrtimer_restart on_timer(struct hrtimer *t)
{
	void *p = gomem_alloc(1024, GFP_ATOMIC | __GFP_NOWARN);
	s64 late = ktime_to_ns(ktime_sub(ktime_get(), hrtimer_get_expires(t)));

	if (READ_ONCE(measuring)) {
		longest = max_t(u64, longest, max(late, 0LL));
		interrupts++;
	}
	failed += !p;
	gomem_free(p);
	hrtimer_forward_now(t, ns_to_ktime(PERIOD_NS));
	return HRTIMER_RESTART;
}

/* Magazines of all sizes, full: they carry more each time they are exchanged. */
static void fill_caches(void)
{
	unsigned int bytes, i;

	for (bytes = 16; bytes <= 8192; bytes += bytes / 4)
		for (i = 0; i < 4; i++)
			if (gomem_alloc_bulk(bytes, GFP_KERNEL, OBJECTS, objs))
				gomem_free_bulk(OBJECTS, objs);
}

static void spend(u64 ns)
{
	u64 start = ktime_get_ns();

	while (ktime_get_ns() - start < ns)
		cpu_relax();
}

static u64 run(bool with_cycles)
{
	unsigned int i;

	longest = 0;
	interrupts = 0;
	hrtimer_start(&timer, ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_HARD);
	for (i = 0; i < cycles; i++) {
		fill_caches();
		WRITE_ONCE(measuring, true);
		if (with_cycles)
			gomem_gc();
		else
			spend(200 * NSEC_PER_USEC);
		WRITE_ONCE(measuring, false);
	}
	hrtimer_cancel(&timer);
	if (with_cycles)
		fewest = min(fewest, interrupts);
	return longest;
}

/*
 * What the rest of the kernel does with interrupts off now and then adds to a run; what
 * gomem does is in each.
 */
static u64 least_of_runs(bool with_cycles)
{
	u64 least = U64_MAX;
	unsigned int i;

	for (i = 0; i < RUNS; i++)
		least = min(least, run(with_cycles));
	return least;
}

static int __init pause_init(void)
{
	u64 without, with;

	gomem_compat_hrtimer_setup(&timer, on_timer, CLOCK_MONOTONIC,
				   HRTIMER_MODE_REL_HARD);
	run(false);	/* to have run once */
	without = least_of_runs(false);
	with = least_of_runs(true);
	pr_info("gomem_pause: without %llu with %llu interrupts %llu failed %llu\n",
		without, with, fewest, failed);
	return 0;
}
module_init(pause_init);

static void __exit pause_exit(void)
{
}
module_exit(pause_exit);

MODULE_DESCRIPTION("Delay of atomic allocations by reclaim cycles");
MODULE_LICENSE("GPL");
