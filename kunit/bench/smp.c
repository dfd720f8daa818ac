// SPDX-License-Identifier: GPL-2.0
/*
 * Two CPUs on the same class at once: twice as much work ought to take no more
 * time.  Each round has one CPU alone, then the other, then both; the result is
 * the throughput of two over that of one, 2.00 at best, of hot pairs and of
 * batches.
 */
#include <linux/vmalloc.h>

#include "bench.h"

#define BATCH		100
#define MAX_SIZE	8192	/* larger ones take kmalloc() too long */

struct load {
	struct bench_job *job;
	void *objs[BATCH];
};

static __always_inline void pairs_load(struct load *load, enum bench_who who)
{
	struct bench_job *job = load->job;
	unsigned int i;

	for (i = 0; i < job->nr; i++)
		bench_free(job, who, bench_alloc(job, who, GFP_KERNEL));
}

static __always_inline void batches_load(struct load *load, enum bench_who who)
{
	struct bench_job *job = load->job;
	unsigned int i, k;

	for (i = 0; i < job->nr; i += BATCH) {
		for (k = 0; k < BATCH; k++)
			load->objs[k] = bench_alloc(job, who, GFP_KERNEL);
		for (k = 0; k < BATCH; k++)
			bench_free(job, who, load->objs[k]);
	}
}

#define LOAD_WORK(verb) \
static void verb##_gomem(void *data) \
{ \
	verb##_load(data, BENCH_GOMEM); \
} \
static void verb##_kmalloc(void *data) \
{ \
	verb##_load(data, BENCH_KMALLOC); \
} \
static void verb##_cache(void *data) \
{ \
	verb##_load(data, BENCH_CACHE); \
} \
static void (*const verb##_work[BENCH_NR_WHO])(void *data) = { \
	verb##_gomem, verb##_kmalloc, verb##_cache, \
}

LOAD_WORK(pairs);
LOAD_WORK(batches);

static u64 cycles_of(const struct bench_member *member)
{
	return member->end - member->start;
}

/*
 * One round: what a CPU took alone, and what each took of the two together, in
 * cycles.
 */
static int one_and_two(struct bench_member *member, u64 *one, u64 *two)
{
	if (bench_team(member, 1))
		return -ENOMEM;
	*one = cycles_of(&member[0]);
	if (bench_team(member + 1, 1))
		return -ENOMEM;
	*one += cycles_of(&member[1]);
	if (bench_team(member, 2))
		return -ENOMEM;
	*two = cycles_of(&member[0]) + cycles_of(&member[1]);
	return 0;
}

/* The figures of one allocator: throughput of two over one, by round. */
struct smp_result {
	u64 least_one, least_two;	/* cycles, of all rounds */
	u64 ratio[];			/* hundredths */
};

/* Noise only ever adds cycles: the best is that of the least of each. */
static int smp_report(const char *row, unsigned int size, const char *who,
		      struct smp_result *result, unsigned int rounds)
{
	u64 best = div64_u64(200 * result->least_one,
			     max(result->least_two, 1ULL));
	int ret;

	ret = bench_report(row, size, who, result->ratio, rounds, true);
	if (!ret)
		bench_set_best(best);
	return ret;
}

static int smp_row(const char *row, struct bench_job *job,
		   void (*const *work)(void *data), struct load *load)
{
	struct bench_member member[2] = {
		{ .data = &load[0] }, { .data = &load[1] },
	};
	unsigned int rounds = 3 * bench_rounds, r, who;
	struct smp_result *result[BENCH_NR_WHO] = {};
	int ret = -ENOMEM;
	u64 one, two;

	bench_two_cpus(&member[0].cpu, &member[1].cpu);
	for (who = 0; who < BENCH_NR_WHO; who++) {
		result[who] = vzalloc(struct_size(result[who], ratio, rounds));
		if (!result[who])
			goto out;
		result[who]->least_one = U64_MAX;
		result[who]->least_two = U64_MAX;
	}
	for (r = 0; r < rounds * BENCH_NR_WHO; r++) {
		struct smp_result *to = result[r % BENCH_NR_WHO];

		member[0].work = work[r % BENCH_NR_WHO];
		member[1].work = work[r % BENCH_NR_WHO];
		ret = one_and_two(member, &one, &two);
		if (ret)
			goto out;
		to->least_one = min(to->least_one, one);
		to->least_two = min(to->least_two, two);
		to->ratio[r / BENCH_NR_WHO] = div64_u64(200 * one, max(two, 1ULL));
	}
	for (who = 0; who < BENCH_NR_WHO && !ret; who++)
		ret = smp_report(row, job->size, bench_names[who], result[who],
				 rounds);
out:
	for (who = 0; who < BENCH_NR_WHO; who++)
		vfree(result[who]);
	return ret;
}

static int smp_size(unsigned int size, struct load *load)
{
	struct bench_job job;
	int ret;

	ret = bench_open(&job, size, 5 * bench_ops);
	if (ret)
		return ret;
	load[0].job = &job;
	load[1].job = &job;
	ret = smp_row("smp-pair", &job, pairs_work, load);
	if (!ret)
		ret = smp_row("smp-batch", &job, batches_work, load);
	bench_close(&job);
	return ret;
}

static int smp_run(void)
{
	struct load *load;
	unsigned int i;
	int a, b, ret = 0;

	if (!bench_two_cpus(&a, &b))
		return 0;
	load = vzalloc(2 * sizeof(*load));
	if (!load)
		return -ENOMEM;
	for (i = 0; i < bench_nr_sizes && !ret; i++)
		if (bench_sizes[i] <= MAX_SIZE)
			ret = smp_size(bench_sizes[i], load);
	vfree(load);
	return ret;
}

const struct bench_row bench_smp_row = { "smp", smp_run };
