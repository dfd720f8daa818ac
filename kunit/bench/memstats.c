// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the statistics: what a read costs, and what it costs those who
 * allocate meanwhile on another CPU.
 *
 * Rows: memstats-read, cycles of one read, "size" being the number of possible
 * CPUs; memstats-pair and memstats-batch, the throughput of an allocating CPU
 * while another one reads 10 000 times a second, over what it is while that one
 * only spins; memstats-storm, the same of pairs with no pause between reads.
 */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define READS		20
#define BATCH		1000
#define PAUSE_NS	100000

struct scene {
	struct bench_job job;
	bool batch;			/* or pairs */
	u64 pause;			/* between reads, nanoseconds */
	bool read;			/* or spin */
	bool over;
	struct gomem_memstats stats;
};

static void allocate(void *data)
{
	struct scene *scene = data;
	struct bench_job *job = &scene->job;
	unsigned int batch = scene->batch ? BATCH : 1;
	unsigned int i, k;

	for (i = 0; i < 200 * bench_ops; i += batch) {
		for (k = 0; k < batch; k++)
			job->objs[k] = gomem_alloc(job->size, GFP_KERNEL);
		for (k = 0; k < batch; k++)
			gomem_free(job->objs[k]);
	}
	WRITE_ONCE(scene->over, true);
}

/* Spinning looks at the clock as often, whether something is read or not. */
static void watch(void *data)
{
	struct scene *scene = data;
	u64 next = 0;

	while (!READ_ONCE(scene->over)) {
		u64 now = ktime_get_ns();

		cpu_relax();
		if (now < next)
			continue;
		next = now + scene->pause;
		if (scene->read)
			gomem_read_memstats(&scene->stats);
	}
}

/* Cycles that the allocating CPU took. */
static u64 play(struct scene *scene, bool read)
{
	struct bench_member member[2] = {
		{ .work = allocate, .data = scene },
		{ .work = watch, .data = scene },
	};

	scene->read = read;
	scene->over = false;
	if (!bench_two_cpus(&member[0].cpu, &member[1].cpu) ||
	    bench_team(member, 2)) {
		scene->job.failed = true;
		return 1;
	}
	return member[0].end - member[0].start;
}

static int effect(struct scene *scene, const char *row, bool batch, u64 pause)
{
	unsigned int rounds = 3 * bench_rounds, r;
	u64 *ratio, with, without;
	int ret;

	ratio = vzalloc(array_size(rounds, sizeof(*ratio)));
	if (!ratio)
		return -ENOMEM;
	scene->batch = batch;
	scene->pause = pause;
	for (r = 0; r < rounds; r++) {
		with = r % 2 ? play(scene, true) : 0;
		without = play(scene, false);
		if (!with)
			with = play(scene, true);
		ratio[r] = div64_u64(100 * without, with);
	}
	ret = bench_report(row, scene->job.size, "gomem", ratio, rounds, true);
	vfree(ratio);
	return scene->job.failed ? -ENOMEM : ret;
}

static int read_cost(struct scene *scene)
{
	u64 *took, start;
	unsigned int r, i;
	int ret;

	took = vzalloc(array_size(bench_rounds, sizeof(*took)));
	if (!took)
		return -ENOMEM;
	for (r = 0; r < bench_rounds; r++) {
		start = bench_cycles();
		for (i = 0; i < READS; i++)
			gomem_read_memstats(&scene->stats);
		took[r] = div_u64(100 * (bench_cycles() - start), READS);
		cond_resched();
	}
	ret = bench_report("memstats-read", num_possible_cpus(), "gomem", took,
			   bench_rounds, false);
	vfree(took);
	return ret;
}

static int memstats_run(void)
{
	struct scene *scene = vzalloc(sizeof(*scene));
	int a, b, ret;

	if (!scene)
		return -ENOMEM;
	ret = bench_open(&scene->job, 64, BATCH);
	if (ret)
		goto out;
	ret = read_cost(scene);
	if (!ret && bench_two_cpus(&a, &b)) {
		ret = effect(scene, "memstats-pair", false, PAUSE_NS);
		if (!ret)
			ret = effect(scene, "memstats-batch", true, PAUSE_NS);
		if (!ret)
			ret = effect(scene, "memstats-storm", false, 0);
	}
	bench_close(&scene->job);
out:
	vfree(scene);
	return ret;
}

const struct bench_row bench_memstats_row = { "memstats", memstats_run };
