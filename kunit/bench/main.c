// SPDX-License-Identifier: GPL-2.0
/*
 * gomem_bench: gomem next to kmalloc() and to a kmem_cache of the exact size.
 *
 *	insmod gomem_bench.ko rows=hot,batch
 *	cat /sys/kernel/debug/gomem_bench
 *
 * All three are measured in one boot, in turns whose order alternates, in
 * several rounds, of which the best and the median are kept.  A line is
 *
 *	bench <row> <size> <allocator> <best> <median>
 *
 * in cycles of the time stamp counter for one operation: an allocation and its
 * free.  In a guest where that counter counts instructions (-icount) they are
 * instructions, and repeat exactly.
 *
 * Built in, it runs at boot, before there is an init, if the command line has
 * gomem_bench.rows=...; with gomem_bench.halt=1 it writes the lines to the
 * kernel's log and halts the machine.
 */
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/reboot.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define MAX_RESULTS	4096
#define MAX_ROUNDS	1001
#define MAX_SIZES	128

#ifdef MODULE
static char *rows = "all";
#else
static char *rows = "";
#endif
module_param(rows, charp, 0444);
MODULE_PARM_DESC(rows, "what to measure, as hot,batch (all)");

unsigned int bench_sizes[MAX_SIZES] = {
	8, 24, 64, 100, 256, 700, 1024, 2048, 3000, 4096, 8192, 20000, 60000,
};

unsigned int bench_nr_sizes = 13;
module_param_array_named(sizes, bench_sizes, uint, &bench_nr_sizes, 0444);
MODULE_PARM_DESC(sizes, "bytes of the objects");

unsigned int bench_ops = 1000;
module_param_named(ops, bench_ops, uint, 0444);
MODULE_PARM_DESC(ops, "operations of a round of the row hot, others in proportion (1000)");

unsigned int bench_rounds = 9;
module_param_named(rounds, bench_rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "rounds of which best and median are kept (9)");

static bool halt_after;
module_param_named(halt, halt_after, bool, 0444);
MODULE_PARM_DESC(halt, "log the results and halt the machine, when built in");

const char *const bench_names[BENCH_NR_WHO] = { "gomem", "kmalloc", "cache" };

static const struct bench_row *const all_rows[] = {
	&bench_hot_row, &bench_classes_row, &bench_batch_row, &bench_bulk_row,
	&bench_pipe_row, &bench_larson_row, &bench_smp_row,
	&bench_neighbour_row, &bench_irq_row, &bench_memstats_row, &bench_profile_row,
};

static struct result {
	char row[24];
	const char *who;
	unsigned int size;
	u64 best, median;		/* hundredths */
} *results;

static unsigned int nr_results;
static struct dentry *file;

/* --- Results. --- */

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/**
 * bench_report() - note a result
 * @row: what was measured
 * @size: bytes of an object
 * @who: the allocator, a string that stays
 * @hundredths: the rounds' results; they are sorted here
 * @nr: how many
 * @most: the best is the greatest
 *
 * Return: 0, or -ENOSPC.
 */
int bench_report(const char *row, unsigned int size, const char *who,
		 u64 *hundredths, unsigned int nr, bool most)
{
	struct result *r;

	if (nr_results == MAX_RESULTS)
		return -ENOSPC;
	r = &results[nr_results++];
	sort(hundredths, nr, sizeof(*hundredths), compare_u64, NULL);
	strscpy(r->row, row, sizeof(r->row));
	r->who = who;
	r->size = size;
	r->best = hundredths[most ? nr - 1 : 0];
	r->median = hundredths[nr / 2];
	return 0;
}

/**
 * bench_set_best() - the last result's best is another one than was thought
 * @hundredths: the best
 */
void bench_set_best(u64 hundredths)
{
	results[nr_results - 1].best = hundredths;
}

static const char *result_line(const struct result *r)
{
	static char line[100];		/* one reader at a time: see results_show() */

	snprintf(line, sizeof(line), "bench %s %u %s %llu.%02llu %llu.%02llu\n",
		 r->row, r->size, r->who, r->best / 100, r->best % 100,
		 r->median / 100, r->median % 100);
	return line;
}

static DEFINE_MUTEX(line_lock);

static int results_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	mutex_lock(&line_lock);
	for (i = 0; i < nr_results; i++)
		seq_puts(m, result_line(&results[i]));
	mutex_unlock(&line_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

/* --- Measuring. --- */

/*
 * A cache that is merged with another one would not be of the exact size.  Where
 * there is no flag against it, one with a window for usercopy is not merged.
 */
static struct kmem_cache *make_cache(unsigned int size)
{
#ifdef SLAB_NO_MERGE
	return kmem_cache_create("gomem_bench", size, 0, SLAB_NO_MERGE, NULL);
#else
	return kmem_cache_create_usercopy("gomem_bench", size, 0, 0, 0, size,
					  NULL);
#endif
}

/**
 * bench_open() - what is needed to work on objects of a size
 * @job: to be filled in
 * @size: bytes of an object
 * @nr: objects at a time
 *
 * Return: 0 or an error.
 */
int bench_open(struct bench_job *job, unsigned int size, unsigned int nr)
{
	*job = (struct bench_job) { .size = size, .nr = nr, .ops = nr };
	job->objs = vzalloc(array_size(nr, sizeof(*job->objs)));
	job->cache = make_cache(size);
	if (job->objs && job->cache)
		return 0;
	bench_close(job);
	return -ENOMEM;
}

/**
 * bench_close() - undo bench_open()
 * @job: its job
 */
void bench_close(struct bench_job *job)
{
	kmem_cache_destroy(job->cache);
	vfree(job->objs);
}

/**
 * bench_compare() - measure the allocators in turns, and note the results
 * @row: what is measured
 * @job: what each of them works on
 * @runs: a round, for each allocator
 *
 * A first round of each is not counted.
 *
 * Return: 0 or an error.
 */
int bench_compare(const char *row, struct bench_job *job,
		  const bench_run *runs)
{
	unsigned int rounds = clamp(bench_rounds, 1U, MAX_ROUNDS);
	unsigned int r, turn, who;
	u64 *took, cycles;
	int ret = 0;

	took = vzalloc(array_size(BENCH_NR_WHO * rounds, sizeof(*took)));
	if (!took)
		return -ENOMEM;
	for (r = 0; r <= rounds; r++) {
		for (turn = 0; turn < BENCH_NR_WHO; turn++) {
			who = r % 2 ? BENCH_NR_WHO - 1 - turn : turn;
			cycles = runs[who](job);
			took[who * rounds + (r ? r - 1 : 0)] =
				div_u64(100 * cycles, job->ops);
			cond_resched();
		}
	}
	for (who = 0; who < BENCH_NR_WHO && !ret; who++)
		ret = bench_report(row, job->size, bench_names[who],
				   took + who * rounds, rounds, false);
	vfree(took);
	return job->failed ? -ENOMEM : ret;
}

/* How fast the counter runs, in MHz, so that cycles can be turned into time. */
static int report_clock(void)
{
	u64 start_ns = ktime_get_ns(), start = bench_cycles(), cycles, ns;
	u64 hundredths;

	do {
		cycles = bench_cycles() - start;
		ns = ktime_get_ns() - start_ns;
		cond_resched();
	} while (ns < 50 * NSEC_PER_MSEC);
	hundredths = div64_u64(cycles * 100000, ns);
	return bench_report("clock", 0, "mhz", &hundredths, 1, false);
}

/* Is @name one of the comma-separated words of @list? */
static bool is_listed(const char *name, const char *list)
{
	size_t len = strlen(name);

	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == len && !strncmp(list, name, len))
			return true;
	return false;
}

static int run_rows(void)
{
	bool all = is_listed("all", rows);
	unsigned int i, nr = 0;
	u64 start;
	int ret;

	ret = report_clock();
	for (i = 0; i < ARRAY_SIZE(all_rows) && !ret; i++) {
		if (!all && !is_listed(all_rows[i]->name, rows))
			continue;
		start = ktime_get_ns();
		ret = all_rows[i]->run();
		pr_info("gomem_bench: %s: %d, %llu ms\n", all_rows[i]->name, ret,
			div_u64(ktime_get_ns() - start, NSEC_PER_MSEC));
		nr++;
	}
	if (!nr && !ret) {
		pr_err("gomem_bench: no row is named in '%s'\n", rows);
		ret = -EINVAL;
	}
	return ret;
}

static void log_and_halt(int ret)
{
	unsigned int i;

	for (i = 0; i < nr_results; i++)
		pr_info("gomem_bench: %s", result_line(&results[i]));
	pr_info("gomem_bench: done: %d\n", ret);
	kernel_halt();
}

static int __init bench_init(void)
{
	int ret;

	if (!*rows)
		return 0;
	results = vzalloc(array_size(MAX_RESULTS, sizeof(*results)));
	if (!results)
		return -ENOMEM;
	ret = run_rows();
	if (halt_after && IS_BUILTIN(CONFIG_GOMEM_BENCH))
		log_and_halt(ret);
	if (ret) {
		vfree(results);
		return ret;
	}
	file = debugfs_create_file("gomem_bench", 0444, NULL, NULL,
				   &results_fops);
	return 0;
}
late_initcall_sync(bench_init);

static void __exit bench_exit(void)
{
	debugfs_remove(file);
	vfree(results);
}
module_exit(bench_exit);

MODULE_DESCRIPTION("gomem next to kmalloc");
MODULE_LICENSE("GPL");
