// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel is out of memory, and about to kill somebody.
 *
 * Before it does, gomem gives back what it can: blocks and runs that are idle, then
 * those that become idle when the depots and the CPUs are emptied.  Blocks that are
 * filling up keep their idle runs unless nothing else could be given.  If that was
 * WORTH_PAGES or more, the kill is put off.  If it was less, or the kill has been put
 * off MOST_IN_A_ROW times, each within a second of the time before, somebody is killed,
 * and one line says what gomem holds, and who holds most of it, beside what the kernel
 * says about others.
 *
 * All of this is called by whoever could not get memory, under the kernel's own
 * oom_lock, one at a time: it allocates nothing, and waits for nothing but the
 * interrupts that empty the CPUs.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>

#include "central.h"
#include "heapctl.h"
#include "instance.h"
#include "mprof.h"
#include "oom.h"
#include "shrinker.h"
#include "sizeclass.h"
#include "snapshot.h"

/* How many places in the code are told apart. */
#define HOLDERS		256

/*
 * So much puts off a kill, and so many times in a row: each within a second of the time
 * before.
 */
#define WORTH_PAGES	(SZ_1M >> PAGE_SHIFT)
#define MOST_IN_A_ROW	3

#define LINE_SIZE	(160 + GOMEM_NAME_SIZE)

static struct {
	struct mutex mutex;		/* all of these */
	struct gomem_snapshot snap;
	struct gomem_holder holder[HOLDERS];
	char symbol[GOMEM_NAME_SIZE];
	char line[LINE_SIZE];
} oom = {
	.mutex = __MUTEX_INITIALIZER(oom.mutex),
};

/* The kernel asks again and again while somebody that it has killed ends. */
static DEFINE_RATELIMIT_STATE(oom_limit, HZ, 1);

/* What most is held in: the class, 0 for large objects, and bytes that are live. */
static unsigned int oom_largest_class(const struct gomem_snapshot *snap, u64 *bytes)
{
	u64 large = snap->large_bytes, live;
	unsigned int class, most = 0;

	*bytes = 0;
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		live = (snap->class[class].nmalloc - snap->class[class].nfree) *
		       gomem_class[class].size;
		if (gomem_is_run_class(class)) {
			large += live;
		} else if (live > *bytes) {
			*bytes = live;
			most = class;
		}
	}
	if (large < *bytes)
		return most;
	*bytes = large;
	return 0;
}

/* Who holds most of what is live, as the profile has it; with oom.mutex held. */
static int oom_describe_holder(struct gomem_heap *heap, char *line, size_t size)
{
	struct gomem_mprof *mprof = heap->mprof;
	int n = 0;

	/* A module comes or goes: nobody waits for that here. */
	if (!down_read_trylock(&mprof->names))
		return 0;
	if (gomem_mprof_holders(heap, oom.holder, HOLDERS)) {
		gomem_frame_name(oom.symbol, sizeof(oom.symbol), oom.holder[0].frame,
				 oom.holder[0].named);
		n = scnprintf(line, size, "; %s holds ~%llu MB", oom.symbol,
			      oom.holder[0].bytes >> 20);
	}
	up_read(&mprof->names);
	return n;
}

/* The line; with oom.mutex held. */
static int oom_describe(struct gomem_heap *heap, char *line, size_t size)
{
	unsigned int class;
	u64 bytes;
	int n;

	gomem_snapshot(heap, &oom.snap);
	n = scnprintf(line, size, "holds %llu MB, %llu MB in use",
		      (oom.snap.inuse + oom.snap.idle) >> 20, oom.snap.inuse >> 20);
	class = oom_largest_class(&oom.snap, &bytes);
	if (!bytes)
		return n;
	if (class)
		n += scnprintf(line + n, size - n, "; most in %u-byte objects: %llu MB",
			       gomem_class[class].size, bytes >> 20);
	else
		n += scnprintf(line + n, size - n, "; most in large objects: %llu MB",
			       bytes >> 20);
	return n + oom_describe_holder(heap, line + n, size - n);
}

/**
 * gomem_oom_line() - what a heap holds, and who holds most of it
 * @heap: the heap
 * @line: where that goes
 * @size: how much room there is
 *
 * Context: process.
 * Return: how long it is, 0 if somebody else is just asking.
 */
int gomem_oom_line(struct gomem_heap *heap, char *line, size_t size)
{
	int n = 0;

	if (mutex_trylock(&oom.mutex)) {
		n = oom_describe(heap, line, size);
		mutex_unlock(&oom.mutex);
	}
	return n;
}

/**
 * gomem_oom_give() - give back what is idle, or becomes so when nothing waits
 * @heap: the heap
 *
 * Context: process, may sleep, no gomem lock held.  Allocates nothing.
 * Return: kernel pages given back.
 */
unsigned long gomem_oom_give(struct gomem_heap *heap)
{
	unsigned long given = 0, scanned;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);)
		given += gomem_shrink_scan(heap, nid, ULONG_MAX, &scanned);
	gomem_heap_shed(heap);
	return given;
}

static void oom_say(void)
{
	if (!mutex_trylock(&oom.mutex))
		return;
	if (__ratelimit(&oom_limit)) {
		oom_describe(&gomem_default_heap, oom.line, sizeof(oom.line));
		pr_warn("%s\n", oom.line);
	}
	mutex_unlock(&oom.mutex);
}

/*
 * Is that enough to put off the kill?  A page now and then, which whoever has taken
 * everything takes as well, is no reason to let everybody wait.
 */
static bool oom_is_worth(unsigned long given)
{
	static unsigned long last;	/* one OOM at a time: oom_lock */
	static unsigned int in_a_row;

	if (given < WORTH_PAGES)
		return false;
	in_a_row = time_before(jiffies, last + HZ) ? in_a_row + 1 : 0;
	last = jiffies;
	return in_a_row < MOST_IN_A_ROW;
}

static int oom_notify(struct notifier_block *self, unsigned long unused, void *freed)
{
	struct gomem_heap *heap;
	unsigned long given = 0;

	if (!down_read_trylock(&gomem_heaps_lock))
		return NOTIFY_OK;
	list_for_each_entry(heap, &gomem_heaps, list)
		given += gomem_oom_give(heap);
	up_read(&gomem_heaps_lock);
	if (oom_is_worth(given))
		*(unsigned long *)freed += given;
	else
		oom_say();
	return NOTIFY_OK;
}

static struct notifier_block oom_notifier = {
	.notifier_call = oom_notify,
};

/**
 * gomem_oom_init() - have us told
 *
 * Return: 0 or an error.
 */
int gomem_oom_init(void)
{
	/* How often it was silent is of no interest. */
	ratelimit_set_flags(&oom_limit, RATELIMIT_MSG_ON_RELEASE);
	return register_oom_notifier(&oom_notifier);
}

/**
 * gomem_oom_exit() - not any more
 */
void gomem_oom_exit(void)
{
	unregister_oom_notifier(&oom_notifier);
}
