// SPDX-License-Identifier: GPL-2.0
/*
 * Who has the heap grow leaves in peace who uses it on another CPU?
 *
 * One CPU allocates objects of mixed sizes without freeing any, as fast as it can, and
 * then frees them and gives all memory back.  Another one, the neighbour, allocates and
 * frees a few hundred objects of one size again and again: more than its caches hold,
 * so that it refills and flushes.  What it gets done in a slice of time that is as long
 * as all that takes, over what it gets done while the first CPU only spins: 1.00 at
 * best.
 *
 * Slices beside and alone alternate, so that whatever else the machine does slows down
 * both kinds.  What the two CPUs have in common without having an allocator in common,
 * which is the page allocator and memory itself, shows where it is the other allocator's
 * heap that grows.
 *
 * Rows: neighbour, beside the same allocator; neighbour-grow, the same without the time
 * when memory goes back; neighbour-apart, beside the other allocator.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define BATCH		600		/* two magazines hold no more than 510 */
#define GROWN		12288		/* objects, 255 MiB in all */
#define ALONE_NS	(40 * NSEC_PER_MSEC)

static const unsigned int neighbour_sizes[] = { 64, 256, 1024, 4096 };
static const unsigned int growth_sizes[] = { SZ_1K, SZ_4K, SZ_16K, SZ_64K };

/* gomem and kmalloc(): a kmem_cache cannot grow by objects of several sizes. */
#define NR_WHO		2
#define NOBODY		BENCH_NR_WHO

/* What the first CPU is at. */
enum street_phase { GROWING, GIVING_BACK, OVER };

struct street {
	struct bench_job job;		/* the neighbour's */
	enum bench_who who;		/* whom it allocates from */
	enum bench_who grower;		/* whose heap grows, or NOBODY */
	void *grown[GROWN];
	enum street_phase phase;
	u64 rate[OVER];			/* objects a second, up to the end of a phase */
};

/* --- The neighbour. --- */

static __always_inline void neighbour_batch(struct bench_job *job, enum bench_who who)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		job->objs[i] = bench_alloc(job, who, GFP_KERNEL);
	for (i = 0; i < BATCH; i++) {
		if (!job->objs[i])
			job->failed = true;
		bench_free(job, who, job->objs[i]);
	}
}

static void neighbour_work(void *data)
{
	u64 start = ktime_get_ns(), nr = 0, rate;
	struct street *street = data;
	enum street_phase phase;

	for (;;) {
		phase = READ_ONCE(street->phase);
		if (phase == OVER)
			break;
		if (street->who == BENCH_GOMEM)
			neighbour_batch(&street->job, BENCH_GOMEM);
		else
			neighbour_batch(&street->job, BENCH_KMALLOC);
		nr += BATCH;
		rate = div64_u64(nr * NSEC_PER_SEC, max(ktime_get_ns() - start, 1ULL));
		street->rate[phase] = rate;
		cond_resched();
	}
}

/* --- Who grows. --- */

static void spin(void)
{
	u64 end = ktime_get_ns() + ALONE_NS;

	while (ktime_get_ns() < end) {
		cpu_relax();
		cond_resched();
	}
}

static void grow(struct street *street)
{
	struct bench_job job = {};
	unsigned int i;

	for (i = 0; i < GROWN; i++) {
		job.size = growth_sizes[i % ARRAY_SIZE(growth_sizes)];
		street->grown[i] = bench_alloc(&job, street->grower, GFP_KERNEL);
		if (!street->grown[i])
			street->job.failed = true;
		cond_resched();
	}
	WRITE_ONCE(street->phase, GIVING_BACK);
	for (i = 0; i < GROWN; i++) {
		bench_free(&job, street->grower, street->grown[i]);
		cond_resched();
	}
	if (street->grower == BENCH_GOMEM)
		gomem_free_os_memory();
}

static void grower_work(void *data)
{
	struct street *street = data;

	if (street->grower == NOBODY)
		spin();
	else
		grow(street);
	WRITE_ONCE(street->phase, OVER);
}

/* --- Slices, rounds, rows. --- */

/* One slice.  Leaves in street->rate how much the neighbour got done. */
static void slice(struct street *street, enum bench_who who, enum bench_who grower)
{
	struct bench_member member[2] = {
		{ .work = neighbour_work, .data = street },
		{ .work = grower_work, .data = street },
	};

	street->who = who;
	street->grower = grower;
	street->phase = GROWING;
	memset(street->rate, 0, sizeof(street->rate));
	if (!bench_two_cpus(&member[0].cpu, &member[1].cpu) ||
	    bench_team(member, 2))
		street->job.failed = true;
}

/* Throughput beside over throughput alone, by round. */
struct neighbour_result {
	u64 *same, *grow, *apart;	/* hundredths */
};

/* Of the whole slice: memory may go back while the neighbour does not look. */
static u64 whole_rate(const struct street *street)
{
	return street->rate[GIVING_BACK] ?: street->rate[GROWING];
}

static u64 alone_rate(struct street *street, enum bench_who who)
{
	slice(street, who, NOBODY);
	return max(street->rate[GROWING], 1ULL);
}

static void neighbour_round(struct street *street, struct neighbour_result *to,
			    unsigned int r, enum bench_who who)
{
	enum bench_who other = who == BENCH_GOMEM ? BENCH_KMALLOC : BENCH_GOMEM;
	u64 alone;

	alone = alone_rate(street, who);
	slice(street, who, who);
	to->same[r] = div64_u64(100 * whole_rate(street), alone);
	to->grow[r] = div64_u64(100 * street->rate[GROWING], alone);
	alone = alone_rate(street, who);
	slice(street, who, other);
	to->apart[r] = div64_u64(100 * whole_rate(street), alone);
}

static int neighbour_report(const struct street *street, struct neighbour_result *from,
			    enum bench_who who, unsigned int rounds)
{
	const char *name = bench_names[who];
	unsigned int size = street->job.size;
	int ret;

	ret = bench_report("neighbour", size, name, from->same, rounds, true);
	if (!ret)
		ret = bench_report("neighbour-grow", size, name, from->grow, rounds, true);
	if (!ret)
		ret = bench_report("neighbour-apart", size, name, from->apart, rounds, true);
	return ret;
}

static int neighbour_size(struct street *street, u64 *figures, unsigned int rounds)
{
	struct neighbour_result result[NR_WHO];
	unsigned int r, who;
	int ret = 0;

	for (who = 0; who < NR_WHO; who++) {
		result[who].same = figures;
		result[who].grow = figures + rounds;
		result[who].apart = figures + 2 * rounds;
		figures += 3 * rounds;
	}
	for (r = 0; r < rounds; r++)
		for (who = 0; who < NR_WHO; who++)
			neighbour_round(street, &result[who], r, who);
	for (who = 0; who < NR_WHO && !ret; who++)
		ret = neighbour_report(street, &result[who], who, rounds);
	return street->job.failed ? -ENOMEM : ret;
}

static int neighbour_run(void)
{
	unsigned int i, rounds = max(bench_rounds / 2, 1U);
	struct street *street;
	int a, b, ret = 0;
	u64 *figures;

	if (!bench_two_cpus(&a, &b))
		return 0;
	street = vzalloc(sizeof(*street));
	figures = vzalloc(array3_size(NR_WHO * 3, rounds, sizeof(*figures)));
	if (!street || !figures)
		ret = -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(neighbour_sizes) && !ret; i++) {
		ret = bench_open(&street->job, neighbour_sizes[i], BATCH);
		if (ret)
			break;
		ret = neighbour_size(street, figures, rounds);
		bench_close(&street->job);
	}
	vfree(figures);
	vfree(street);
	return ret;
}

const struct bench_row bench_neighbour_row = { "neighbour", neighbour_run };
