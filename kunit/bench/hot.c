// SPDX-License-Identifier: GPL-2.0
/*
 * The hot pair: allocate, free, again and again, so that everything is in the
 * first-level cache and nothing but the fast path runs.
 */
#include "bench.h"

static __always_inline u64 hot_round(struct bench_job *job, enum bench_who who)
{
	u64 start = bench_cycles();
	unsigned int i;

	for (i = 0; i < job->nr; i++)
		bench_free(job, who, bench_alloc(job, who, GFP_KERNEL));
	return bench_cycles() - start;
}

BENCH_RUNS(hot);

static int hot_size(const char *row, unsigned int size)
{
	struct bench_job job;
	int ret;

	ret = bench_open(&job, size, bench_ops);
	if (ret)
		return ret;
	ret = bench_compare(row, &job, hot_runs);
	bench_close(&job);
	return ret;
}

static int hot_run(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < bench_nr_sizes && !ret; i++)
		ret = hot_size("hot", bench_sizes[i]);
	return ret;
}

const struct bench_row bench_hot_row = { "hot", hot_run };

/* The same for every size class: the sizes that are rounded up to themselves. */
static int classes_run(void)
{
	size_t size = gomem_size_roundup(1);
	int ret = 0;

	for (; size <= 32768 && !ret; size = gomem_size_roundup(size + 1))
		ret = hot_size("class", size);
	return ret;
}

const struct bench_row bench_classes_row = { "classes", classes_run };
