// SPDX-License-Identifier: GPL-2.0
/*
 * Replay a recorded kmalloc trace, through gomem or through kmalloc.
 *
 *	insmod gomem_replay.ko trace=/path/of.trace allocator=gomem
 *
 * replays up to the moment at which the most bytes are live, on the CPUs that
 * the trace names, in the order of the trace, with its sizes and flags, and
 * stays there, so that one can look.  rmmod replays the rest and frees what the
 * trace never freed.  What was taken is measured in pages that the kernel has
 * no longer free, those on per-CPU lists counted as free.
 *
 * A trace is text: "+ id cpu bytes_req gfp_flags call_site" allocates object id,
 * "- id cpu" frees it, lines in time order; "#" starts a comment.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/gomem.h>
#include <linux/kernel_read_file.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "gomem_versus.h"

static char *trace;
module_param(trace, charp, 0444);
MODULE_PARM_DESC(trace, "path of the trace");

static char *allocator = "gomem";
module_param(allocator, charp, 0444);
MODULE_PARM_DESC(allocator, "gomem (default) or kmalloc");

static unsigned int later = 2;
module_param(later, uint, 0444);
MODULE_PARM_DESC(later, "seconds from the last free to a look at what is held still (2)");

#define MAX_TRACE	(256UL << 20)
#define FREES		U32_MAX
#define SPINS		20000

struct op {
	u32 id;
	u32 size;	/* FREES: a free */
	gfp_t gfp;
	u16 cpu;
};

struct object {
	u8 *p;
	u32 size;
};

static struct op *ops;
static struct object *objects;
static unsigned int nr_ops, nr_objects, peak;
static u64 peak_bytes, peak_objects;
static unsigned long free_before;
static unsigned int nr_failed, nr_corrupt;
static bool use_kmalloc;

/* The baton: the thread whose CPU the next operation names goes on. */
static unsigned int position, until;
static DECLARE_WAIT_QUEUE_HEAD(turn);

/* --- Reading the trace. --- */

static const struct {
	const char *name;
	gfp_t gfp;
} gfp_names[] = {
	{ "GFP_KERNEL", GFP_KERNEL },
	{ "GFP_KERNEL_ACCOUNT", GFP_KERNEL_ACCOUNT },
	{ "GFP_ATOMIC", GFP_ATOMIC },
	{ "GFP_NOWAIT", GFP_NOWAIT },
	{ "GFP_NOIO", GFP_NOIO },
	{ "GFP_NOFS", GFP_NOFS },
	{ "GFP_USER", GFP_USER },
	{ "GFP_DMA", GFP_DMA },
	{ "GFP_DMA32", GFP_DMA32 },
	{ "__GFP_ZERO", __GFP_ZERO },
	{ "__GFP_NOWARN", __GFP_NOWARN },
	{ "__GFP_NORETRY", __GFP_NORETRY },
	{ "__GFP_NOMEMALLOC", __GFP_NOMEMALLOC },
	{ "__GFP_RETRY_MAYFAIL", __GFP_RETRY_MAYFAIL },
	{ "__GFP_NOFAIL", __GFP_NOFAIL },
	{ "__GFP_RECLAIMABLE", __GFP_RECLAIMABLE },
	{ "__GFP_ACCOUNT", __GFP_ACCOUNT },
	{ "__GFP_HIGH", __GFP_HIGH },
	{ "__GFP_IO", __GFP_IO },
	{ "__GFP_FS", __GFP_FS },
	{ "__GFP_MEMALLOC", __GFP_MEMALLOC },
	{ "__GFP_THISNODE", __GFP_THISNODE },
	{ "__GFP_HARDWALL", __GFP_HARDWALL },
	{ "__GFP_DIRECT_RECLAIM", __GFP_DIRECT_RECLAIM },
	{ "__GFP_KSWAPD_RECLAIM", __GFP_KSWAPD_RECLAIM },
	{ "__GFP_COMP", __GFP_COMP },
};

static int parse_gfp(char *text, gfp_t *gfp)
{
	char *name;
	unsigned int i;

	*gfp = 0;
	while ((name = strsep(&text, "|"))) {
		for (i = 0; i < ARRAY_SIZE(gfp_names); i++)
			if (!strcmp(name, gfp_names[i].name))
				break;
		if (i == ARRAY_SIZE(gfp_names)) {
			pr_err("gomem_replay: unknown flag %s\n", name);
			return -EINVAL;
		}
		*gfp |= gfp_names[i].gfp;
	}
	return 0;
}

/* Returns 1 for an operation, 0 for a line without one. */
static int parse_line(char *line, struct op *op)
{
	char *word[6] = {};
	unsigned int i, cpu;

	if (!*line || *line == '#')
		return 0;
	for (i = 0; i < ARRAY_SIZE(word) && line; i++)
		word[i] = strsep(&line, " ");
	if (i < 3 || kstrtouint(word[1], 10, &op->id) ||
	    kstrtouint(word[2], 10, &cpu))
		return -EINVAL;
	/* A CPU that is not here is played by one that is. */
	for (cpu %= nr_cpu_ids; !cpu_online(cpu); cpu = (cpu + 1) % nr_cpu_ids)
		;
	op->cpu = cpu;
	op->size = FREES;
	if (word[0][0] == '-')
		return 1;
	if (word[0][0] != '+' || i < 5 || kstrtouint(word[3], 10, &op->size) ||
	    op->size == FREES || parse_gfp(word[4], &op->gfp))
		return -EINVAL;
	return 1;
}

static int parse_trace(char *text)
{
	unsigned int line_nr = 0;
	char *line;
	int ret;

	while ((line = strsep(&text, "\n"))) {
		line_nr++;
		ret = parse_line(line, &ops[nr_ops]);
		if (ret < 0) {
			pr_err("gomem_replay: line %u cannot be read\n", line_nr);
			return ret;
		}
		if (ret)
			nr_objects = max(nr_objects, ops[nr_ops].id + 1);
		nr_ops += ret;
		if (line_nr % 4096 == 0)
			cond_resched();
	}
	return nr_ops ? 0 : -ENODATA;
}

/* Where the most bytes are live. */
static void find_peak(void)
{
	u64 bytes = 0, count = 0;
	unsigned int i;

	for (i = 0; i < nr_ops; i++) {
		struct object *o = &objects[ops[i].id];

		if (ops[i].size != FREES) {
			o->size = ops[i].size;
			bytes += o->size;
			count++;
			if (bytes > peak_bytes) {
				peak_bytes = bytes;
				peak_objects = count;
				peak = i + 1;
			}
		} else if (o->size) {
			bytes -= o->size;
			count--;
			o->size = 0;
		}
	}
	for (i = 0; i < nr_objects; i++)
		objects[i].size = 0;
}

static int read_trace(void)
{
	size_t size = 0, lines = 1, i;
	void *text = NULL;
	ssize_t ret;

	ret = kernel_read_file_from_path(trace, 0, &text, MAX_TRACE, &size,
					 READING_POLICY);
	if (ret < 0) {
		pr_err("gomem_replay: cannot read %s: %zd\n", trace, ret);
		return ret;
	}
	/* The last byte, a line's end, gives way to the end of the text. */
	((char *)text)[size - 1] = 0;
	for (i = 0; i < size; i++)
		lines += ((char *)text)[i] == '\n';
	ops = vzalloc(array_size(lines, sizeof(*ops)));
	ret = ops ? parse_trace(text) : -ENOMEM;
	vfree(text);
	if (ret)
		return ret;
	objects = vzalloc(array_size(nr_objects, sizeof(*objects)));
	if (!objects)
		return -ENOMEM;
	find_peak();
	return 0;
}

/* --- Replaying it. --- */

static void replay_alloc(const struct op *op)
{
	struct object *o = &objects[op->id];

	o->size = op->size;
	o->p = use_kmalloc ? kmalloc(op->size, op->gfp) :
			     gomem_alloc(op->size, op->gfp);
	if (!o->p) {
		nr_failed++;
	} else if (o->size) {
		o->p[0] = op->id;
		o->p[o->size - 1] = op->id;
	}
}

static void replay_free(u32 id)
{
	struct object *o = &objects[id];

	if (!ZERO_OR_NULL_PTR(o->p) &&
	    (o->p[0] != (u8)id || o->p[o->size - 1] != (u8)id))
		nr_corrupt++;
	if (use_kmalloc)
		kfree(o->p);
	else
		gomem_free(o->p);
	o->p = NULL;
}

static bool my_turn(unsigned int cpu)
{
	/* Who sees its turn sees the objects of the turns before. */
	unsigned int i = smp_load_acquire(&position);

	return i >= until || ops[i].cpu == cpu;
}

/* Turns are short: look for a while before going to sleep. */
static void wait_for_turn(unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < SPINS; i++) {
		if (my_turn(cpu))
			return;
		cpu_relax();
	}
	wait_event(turn, my_turn(cpu));
}

static int replay_thread(void *data)
{
	struct completion *done = data;
	unsigned int cpu = raw_smp_processor_id();
	unsigned int i;

	for (;;) {
		wait_for_turn(cpu);
		i = position;
		if (i >= until)
			break;
		for (; i < until && ops[i].cpu == cpu; i++) {
			if (ops[i].size == FREES)
				replay_free(ops[i].id);
			else
				replay_alloc(&ops[i]);
			if (i % 1024 == 0)
				cond_resched();
		}
		/* See my_turn(). */
		smp_store_release(&position, i);
		if (wq_has_sleeper(&turn))
			wake_up_all(&turn);
	}
	complete(done);
	return 0;
}

/* Replay up to operation @end.  CPUs stay as they are meanwhile. */
static int replay_until(unsigned int end)
{
	DECLARE_COMPLETION_ONSTACK(done);
	unsigned int started = 0;
	struct task_struct *t;
	int cpu, ret = 0;

	cpus_read_lock();
	WRITE_ONCE(until, end);
	for_each_online_cpu(cpu) {
		t = kthread_create(replay_thread, &done, "gomem_replay/%d", cpu);
		if (IS_ERR(t)) {
			ret = PTR_ERR(t);
			break;
		}
		kthread_bind(t, cpu);
		wake_up_process(t);
		started++;
	}
	cpus_read_unlock();
	if (ret) {
		WRITE_ONCE(until, 0);
		wake_up_all(&turn);
	}
	while (started--)
		wait_for_completion(&done);
	return ret;
}

/* --- Measuring. --- */

static long taken_kilobytes(void)
{
	return free_before - versus_free_kb();
}

static int __init replay_init(void)
{
	u64 start;
	int ret;

	use_kmalloc = !strcmp(allocator, "kmalloc");
	if (!trace || (!use_kmalloc && strcmp(allocator, "gomem"))) {
		pr_err("gomem_replay: trace=PATH and allocator=gomem or kmalloc are needed\n");
		return -EINVAL;
	}
	ret = read_trace();
	if (ret)
		goto out;
	free_before = versus_free_kb();
	start = ktime_get_ns();
	ret = replay_until(peak);
	if (ret)
		goto out;
	pr_info("gomem_replay: %s: peak: %llu objects, %llu KB requested, %ld KB taken, %llu ms\n",
		allocator, peak_objects, peak_bytes >> 10, taken_kilobytes(),
		(ktime_get_ns() - start) / NSEC_PER_MSEC);
	return 0;
out:
	vfree(ops);
	vfree(objects);
	return ret;
}
module_init(replay_init);

static void __exit replay_exit(void)
{
	unsigned int i;

	if (replay_until(nr_ops))
		pr_err("gomem_replay: could not finish\n");
	for (i = 0; i < nr_objects; i++)
		if (objects[i].p)
			replay_free(i);
	pr_info("gomem_replay: %s: all freed: %ld KB held, %u failed, %u corrupt\n",
		allocator, taken_kilobytes(), nr_failed, nr_corrupt);
	msleep(later * MSEC_PER_SEC);
	pr_info("gomem_replay: %s: %u seconds later: %ld KB held\n", allocator, later,
		taken_kilobytes());
	if (!use_kmalloc) {
		gomem_free_os_memory();
		/* Descriptors go after a grace period. */
		rcu_barrier();
		pr_info("gomem_replay: %s: on demand: %ld KB held\n", allocator,
			taken_kilobytes());
	}
	vfree(ops);
	vfree(objects);
}
module_exit(replay_exit);

MODULE_DESCRIPTION("Replay of a kmalloc trace");
MODULE_LICENSE("GPL");
