/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gomem_bench, inside: what the rows of the benchmark share.
 *
 * A row is a function that measures one way of using an allocator, for several
 * sizes.  It does so through bench_compare(), with the same code compiled once
 * for each allocator (BENCH_RUNS), so that no indirect call is measured.
 */
#ifndef GOMEM_BENCH_H
#define GOMEM_BENCH_H

#include <linux/gfp.h>
#include <linux/gomem.h>
#include <linux/slab.h>
#include <linux/timex.h>
#include <linux/types.h>

enum bench_who {
	BENCH_GOMEM,
	BENCH_KMALLOC,
	BENCH_CACHE,		/* a kmem_cache of the exact size */
	BENCH_NR_WHO,
};

/* What a round works on. */
struct bench_job {
	unsigned int size;		/* bytes of an object */
	unsigned int nr;		/* objects at a time */
	unsigned int order;		/* in which they are freed */
	unsigned int ops;		/* operations that the result is divided by */
	struct kmem_cache *cache;	/* for BENCH_CACHE */
	void **objs;
	bool failed;			/* set by a round that had no memory */
};

/* Returns the cycles that job->ops operations took. */
typedef u64 (*bench_run)(struct bench_job *job);

struct bench_row {
	const char *name;
	int (*run)(void);
};

extern const struct bench_row bench_hot_row, bench_classes_row, bench_batch_row,
	bench_bulk_row, bench_pipe_row, bench_larson_row, bench_smp_row,
	bench_neighbour_row, bench_irq_row, bench_memstats_row, bench_profile_row;

extern unsigned int bench_sizes[];
extern unsigned int bench_nr_sizes;
extern unsigned int bench_ops;
extern unsigned int bench_rounds;

/* get_cycles() is 0 on User Mode Linux, which has the instruction all the same. */
static __always_inline u64 bench_cycles(void)
{
#ifdef __x86_64__
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high) :: "memory");
	return low | (u64)high << 32;
#else
	return get_cycles();
#endif
}

static __always_inline void *bench_alloc(const struct bench_job *job,
					 enum bench_who who, gfp_t gfp)
{
	switch (who) {
	case BENCH_GOMEM:
		return gomem_alloc(job->size, gfp);
	case BENCH_KMALLOC:
		return kmalloc(job->size, gfp);
	default:
		return kmem_cache_alloc(job->cache, gfp);
	}
}

static __always_inline void bench_free(const struct bench_job *job,
				       enum bench_who who, void *p)
{
	switch (who) {
	case BENCH_GOMEM:
		gomem_free(p);
		break;
	case BENCH_KMALLOC:
		kfree(p);
		break;
	default:
		kmem_cache_free(job->cache, p);
	}
}

/* Compile name_round(job, who) once for each allocator. */
#define BENCH_RUNS(name) \
static u64 name##_gomem(struct bench_job *job) \
{ \
	return name##_round(job, BENCH_GOMEM); \
} \
static u64 name##_kmalloc(struct bench_job *job) \
{ \
	return name##_round(job, BENCH_KMALLOC); \
} \
static u64 name##_cache(struct bench_job *job) \
{ \
	return name##_round(job, BENCH_CACHE); \
} \
static const bench_run name##_runs[BENCH_NR_WHO] = { \
	name##_gomem, name##_kmalloc, name##_cache, \
}

/* main.c */
int bench_open(struct bench_job *job, unsigned int size, unsigned int nr);
void bench_close(struct bench_job *job);
int bench_compare(const char *row, struct bench_job *job,
		  const bench_run *runs);
int bench_report(const char *row, unsigned int size, const char *who,
		 u64 *hundredths, unsigned int nr, bool most);
void bench_set_best(u64 hundredths);
extern const char *const bench_names[BENCH_NR_WHO];

/* team.c */
struct bench_member {
	int cpu;
	void (*work)(void *data);
	void *data;
	u64 start, end;			/* when it worked, in cycles */
};

int bench_team(struct bench_member *member, unsigned int nr);
bool bench_two_cpus(int *first, int *second);

#endif /* GOMEM_BENCH_H */
