// SPDX-License-Identifier: GPL-2.0
/*
 * For how long are interrupts off?
 *
 * A timer's hard interrupt measures how late it comes: by as much as interrupts were
 * still off when it was due, and by what its own entry takes.  It is due every few
 * microseconds, at intervals that vary, so of a long time without interrupts it sees
 * all but the first few; a short one it finds by coming often.
 *
 * In /sys/kernel/debug/gomem_irqsoff, "on" starts it anew (1) and stops it (0), "worst"
 * is the longest delay in nanoseconds and what was interrupted then: who had just put
 * interrupts on again, and its callers.  "own" is the same where that was gomem itself,
 * and not what it calls, as the page allocator.
 *
 * It uses nothing of gomem's, so that it can watch how that is loaded and unloaded.
 */
#include <linux/debugfs.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/seq_file.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

static unsigned int least_ns = 4000;
module_param(least_ns, uint, 0444);
MODULE_PARM_DESC(least_ns, "from one interrupt to the next, at least (default 4000)");

static unsigned int jitter_ns = 4096;
module_param(jitter_ns, uint, 0444);
MODULE_PARM_DESC(jitter_ns, "and by so much more at most (default 4096)");

static struct hrtimer timer;
static struct dentry *directory;

static struct irqsoff_worst {
	u64 ns;
	char where[1024];
} worst, own;

static struct rnd_state rnd;

static ktime_t irqsoff_interval(void)
{
	return ns_to_ktime(least_ns + prandom_u32_state(&rnd) % max(jitter_ns, 1U));
}

#define ENTRY	"asm_sysvec_apic_timer_interrupt "

/* As text, at once: it may be of a module that is about to go. */
static void irqsoff_stack(char *text, size_t size)
{
	unsigned long frame[24];
	unsigned int i, nr, len = 0;
	char *interrupted;

	text[0] = '\0';
	nr = stack_trace_save(frame, ARRAY_SIZE(frame), 0);
	for (i = 0; i < nr; i++)
		len += scnprintf(text + len, size - len, "%ps ", (void *)frame[i]);
	interrupted = strstr(text, ENTRY);
	if (interrupted)
		memmove(text, interrupted + strlen(ENTRY),
			strlen(interrupted + strlen(ENTRY)) + 1);
}

/* Was it gomem that put interrupts on, if need be through one of these? */
static bool irqsoff_is_own(const char *stack)
{
	while (strstarts(stack, "_raw_") || strstarts(stack, "smp_call_function") ||
	       strstarts(stack, "generic_exec_single"))
		stack += strcspn(stack, " ") + 1;
	stack += strcspn(stack, " ");
	return strstarts(stack, " [gomem] ");
}

static void irqsoff_note(u64 late)
{
	static char stack[sizeof(worst.where)];

	irqsoff_stack(stack, sizeof(stack));
	if (late > worst.ns) {
		worst.ns = late;
		strscpy(worst.where, stack, sizeof(worst.where));
	}
	if (irqsoff_is_own(stack)) {
		own.ns = late;
		strscpy(own.where, stack, sizeof(own.where));
	}
}

static enum hrtimer_restart irqsoff_fire(struct hrtimer *t)
{
	s64 late = ktime_to_ns(ktime_sub(ktime_get(), hrtimer_get_expires(t)));

	/* The worst of its own is never above the worst of all. */
	if (late > (s64)own.ns)
		irqsoff_note(late);
	/* From now on, not from when it was due: the next one is to be in time. */
	hrtimer_set_expires(t, ktime_add(ktime_get(), irqsoff_interval()));
	return HRTIMER_RESTART;
}

static int irqsoff_on_set(void *data, u64 value)
{
	hrtimer_cancel(&timer);
	if (!value)
		return 0;
	memset(&worst, 0, sizeof(worst));
	memset(&own, 0, sizeof(own));
	hrtimer_start(&timer, irqsoff_interval(), HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(on_fops, NULL, irqsoff_on_set, "%llu\n");

/* For when it is stopped. */
static int worst_show(struct seq_file *m, void *unused)
{
	const struct irqsoff_worst *of = m->private;

	seq_printf(m, "%llu %s\n", of->ns, of->where);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(worst);

static int __init irqsoff_init(void)
{
	prandom_seed_state(&rnd, 1);
	gomem_compat_hrtimer_setup(&timer, irqsoff_fire, CLOCK_MONOTONIC,
				   HRTIMER_MODE_REL_PINNED_HARD);
	directory = debugfs_create_dir("gomem_irqsoff", NULL);
	debugfs_create_file_unsafe("on", 0200, directory, NULL, &on_fops);
	debugfs_create_file("worst", 0400, directory, &worst, &worst_fops);
	debugfs_create_file("own", 0400, directory, &own, &worst_fops);
	return 0;
}
module_init(irqsoff_init);

static void __exit irqsoff_exit(void)
{
	debugfs_remove(directory);
	hrtimer_cancel(&timer);
}
module_exit(irqsoff_exit);

MODULE_DESCRIPTION("The longest time with interrupts off");
MODULE_LICENSE("GPL");
