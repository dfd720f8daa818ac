// SPDX-License-Identifier: GPL-2.0
/*
 * Batches: many objects are allocated, then all of them freed, in the order of
 * their allocation, in reverse, or in no order.  And the bulk interface, beside
 * kmalloc() one by one and kmem_cache_alloc_bulk().
 */
#include <linux/prandom.h>

#include "bench.h"

#define MAX_BYTES	(64U << 20)
#define BULK_REPEAT	20

enum { IN_ORDER, REVERSED, SHUFFLED, NR_ORDERS };

static const char *const order_names[NR_ORDERS] = {
	"fifo", "lifo", "shuffled",
};

static const unsigned int batch_nr[] = { 100, 1000, 10000 };
static const unsigned int bulk_nr[] = { 16, 64, 250 };

/* Not part of what is measured. */
static void reorder(struct bench_job *job)
{
	struct rnd_state rnd;
	unsigned int i, j;

	prandom_seed_state(&rnd, 42);
	for (i = job->nr; i > 1; i--) {
		j = prandom_u32_state(&rnd) % i;
		if (job->order == SHUFFLED)
			swap(job->objs[i - 1], job->objs[j]);
		else if (job->order == REVERSED && i > job->nr / 2)
			swap(job->objs[i - 1], job->objs[job->nr - i]);
	}
}

static __always_inline u64 batch_round(struct bench_job *job,
				       enum bench_who who)
{
	u64 start, cycles;
	unsigned int i;

	start = bench_cycles();
	for (i = 0; i < job->nr; i++)
		job->objs[i] = bench_alloc(job, who, GFP_KERNEL);
	cycles = bench_cycles() - start;
	for (i = 0; i < job->nr; i++)
		if (!job->objs[i])
			job->failed = true;
	reorder(job);
	start = bench_cycles();
	for (i = 0; i < job->nr; i++)
		bench_free(job, who, job->objs[i]);
	return cycles + bench_cycles() - start;
}

BENCH_RUNS(batch);

static int batch_size(unsigned int size, unsigned int nr)
{
	struct bench_job job;
	char row[24];
	int ret;

	ret = bench_open(&job, size, min(nr, MAX_BYTES / size));
	if (ret)
		return ret;
	for (job.order = 0; job.order < NR_ORDERS && !ret; job.order++) {
		snprintf(row, sizeof(row), "batch-%u-%s", nr,
			 order_names[job.order]);
		ret = bench_compare(row, &job, batch_runs);
	}
	bench_close(&job);
	return ret;
}

static int batch_run(void)
{
	unsigned int i, k;
	int ret = 0;

	for (k = 0; k < ARRAY_SIZE(batch_nr); k++)
		for (i = 0; i < bench_nr_sizes && !ret; i++)
			ret = batch_size(bench_sizes[i], batch_nr[k]);
	return ret;
}

const struct bench_row bench_batch_row = { "batch", batch_run };

/* --- Bulk. --- */

static __always_inline void bulk_once(struct bench_job *job, enum bench_who who)
{
	unsigned int i, got = job->nr;
	bool all;

	switch (who) {
	case BENCH_GOMEM:
		got = gomem_alloc_bulk(job->size, GFP_KERNEL, got, job->objs);
		gomem_free_bulk(got, job->objs);
		break;
	case BENCH_KMALLOC:
		for (i = 0; i < got; i++)
			job->objs[i] = kmalloc(job->size, GFP_KERNEL);
		for (i = 0; i < got; i++)
			kfree(job->objs[i]);
		break;
	default:
		/* It says how many there are, or, since 7.1, whether. */
		all = kmem_cache_alloc_bulk(job->cache, GFP_KERNEL, got,
					    job->objs);
		if (!all)
			got = 0;
		else
			kmem_cache_free_bulk(job->cache, got, job->objs);
	}
	if (got != job->nr)
		job->failed = true;
}

static __always_inline u64 bulk_round(struct bench_job *job, enum bench_who who)
{
	u64 start = bench_cycles();
	unsigned int i;

	for (i = 0; i < BULK_REPEAT; i++)
		bulk_once(job, who);
	return bench_cycles() - start;
}

BENCH_RUNS(bulk);

static int bulk_size(unsigned int size, unsigned int nr)
{
	struct bench_job job;
	char row[24];
	int ret;

	ret = bench_open(&job, size, nr);
	if (ret)
		return ret;
	job.ops = nr * BULK_REPEAT;
	snprintf(row, sizeof(row), "bulk-%u", nr);
	ret = bench_compare(row, &job, bulk_runs);
	bench_close(&job);
	return ret;
}

static int bulk_run(void)
{
	unsigned int i, k;
	int ret = 0;

	for (k = 0; k < ARRAY_SIZE(bulk_nr); k++)
		for (i = 0; i < bench_nr_sizes && !ret; i++)
			ret = bulk_size(bench_sizes[i], bulk_nr[k]);
	return ret;
}

const struct bench_row bench_bulk_row = { "bulk", bulk_run };
