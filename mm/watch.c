// SPDX-License-Identifier: GPL-2.0
/*
 * Watches: what a task gets from gomem from a moment on, and nobody frees.
 *
 * While there is a watch, every allocation is sampled, and a bucket of the heap profile
 * belongs to a call stack, a size and a watch: that of the task which allocates, or none.
 * So the live objects of a watch's buckets are exactly what is asked for, whatever other
 * tasks and interrupts do meanwhile, and be it in the same functions.
 *
 * A watch is known to its buckets by a number.  What was leaked under one that has ended
 * keeps that number, so a new watch takes one that no live object has.  The numbers of
 * tests that leave nothing behind are used again, and so are their buckets.
 */
#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include <linux/gomem.h>

#include "mprof.h"
#include "watch.h"

/* As many at once as there can be call stacks with live objects. */
#define NR_OWNERS	(GOMEM_MPROF_BUCKETS + 1)

/* The watch of who runs now, or NULL; an interrupt is nobody. */
static struct gomem_watch *watch_of_current(struct gomem_mprof *mprof)
{
	struct gomem_watch *watch;

	lockdep_assert_held(&mprof->lock);
	list_for_each_entry(watch, &mprof->watches, list)
		if (watch->task == current)
			return watch;
	return NULL;
}

/**
 * gomem_watch_owner() - for whose watch is what is being allocated?
 * @mprof: the heap's profile
 *
 * Context: any but NMI, mprof->lock not held.
 * Return: the number of a watch, or 0.
 */
u16 gomem_watch_owner(struct gomem_mprof *mprof)
{
	struct gomem_watch *watch;
	unsigned long flags;
	u16 owner;

	if (list_empty(&mprof->watches) || !in_task())
		return 0;
	spin_lock_irqsave(&mprof->lock, flags);
	watch = watch_of_current(mprof);
	owner = watch ? watch->owner : 0;
	spin_unlock_irqrestore(&mprof->lock, flags);
	return owner;
}

/**
 * gomem_watch_missed() - a sample has been dropped
 * @mprof: the heap's profile
 *
 * Context: any but NMI, mprof->lock not held.
 */
void gomem_watch_missed(struct gomem_mprof *mprof)
{
	struct gomem_watch *watch;
	unsigned long flags;

	if (list_empty(&mprof->watches) || !in_task())
		return;
	spin_lock_irqsave(&mprof->lock, flags);
	watch = watch_of_current(mprof);
	if (watch)
		watch->missed++;
	spin_unlock_irqrestore(&mprof->lock, flags);
}

/* A number that no watch and no live object has, or 0. */
static u16 watch_new_owner(struct gomem_mprof *mprof)
{
	DECLARE_BITMAP(taken, NR_OWNERS) = { 1 };
	const struct gomem_watch *watch;
	unsigned int i;

	lockdep_assert_held(&mprof->lock);
	list_for_each_entry(watch, &mprof->watches, list)
		__set_bit(watch->owner, taken);
	for (i = 1; i <= mprof->nr_buckets; i++)
		if (mprof->bucket[i].nmalloc != mprof->bucket[i].nfree)
			__set_bit(mprof->bucket[i].owner, taken);
	i = find_first_zero_bit(taken, NR_OWNERS);
	return i < NR_OWNERS ? i : 0;
}

static int watch_add(struct gomem_mprof *mprof, struct gomem_watch *watch)
{
	unsigned long flags;

	watch->missed = 0;
	watch->rate_sets = READ_ONCE(mprof->rate_sets);
	/* Its address is to be nobody else's until the watch ends. */
	watch->task = get_task_struct(current);
	spin_lock_irqsave(&mprof->lock, flags);
	watch->owner = watch_new_owner(mprof);
	if (watch->owner)
		list_add(&watch->list, &mprof->watches);
	spin_unlock_irqrestore(&mprof->lock, flags);
	if (watch->owner)
		return 0;
	put_task_struct(watch->task);
	return -EBUSY;
}

/* Has every allocation been sampled since the rate had been set so often? */
static bool watch_rate_kept(struct gomem_heap *heap, u32 rate_sets)
{
	return gomem_heap_profile_rate(heap) == 1 &&
	       READ_ONCE(heap->mprof->rate_sets) == rate_sets;
}

/* The rate from before there were watches, unless somebody has set another one since. */
static void watch_restore_rate(struct gomem_heap *heap, u32 rate_sets)
{
	struct gomem_mprof *mprof = heap->mprof;

	if (list_empty(&mprof->watches) && watch_rate_kept(heap, rate_sets))
		gomem_mprof_set_rate(heap, mprof->unwatched_rate);
}

/**
 * gomem_heap_watch_begin() - gomem_watch_begin() of any heap
 * @heap: the heap
 * @watch: the watch
 *
 * Return: as gomem_watch_begin().
 */
int gomem_heap_watch_begin(struct gomem_heap *heap, struct gomem_watch *watch)
{
	struct gomem_mprof *mprof = heap->mprof;
	bool first;
	int ret = 0;
	u32 rate;

	mutex_lock(&mprof->watch_mutex);
	rate = gomem_heap_profile_rate(heap);
	first = list_empty(&mprof->watches);
	if (first)
		mprof->unwatched_rate = rate;
	if (first || rate != 1)
		ret = gomem_mprof_set_rate(heap, 1);
	if (!ret) {
		ret = watch_add(mprof, watch);
		if (ret)
			watch_restore_rate(heap, mprof->rate_sets);
	}
	mutex_unlock(&mprof->watch_mutex);
	return ret;
}

int gomem_watch_begin(struct gomem_watch *watch)
{
	return gomem_heap_watch_begin(&gomem_default_heap, watch);
}
EXPORT_SYMBOL_GPL(gomem_watch_begin);

/**
 * gomem_heap_watch_read() - gomem_watch_read() of any heap
 * @heap: the heap
 * @watch: a watch that has begun there
 * @records: where the records go
 * @nr: for how many there is room
 *
 * Return: as gomem_watch_read().
 */
ssize_t gomem_heap_watch_read(struct gomem_heap *heap, const struct gomem_watch *watch,
			      struct gomem_mem_profile_record *records, size_t nr)
{
	if (READ_ONCE(watch->missed) || !watch_rate_kept(heap, watch->rate_sets))
		return -ENODATA;
	return gomem_mprof_watched(heap, watch->owner, records, nr);
}

ssize_t gomem_watch_read(const struct gomem_watch *watch,
			 struct gomem_mem_profile_record *records, size_t nr)
{
	return gomem_heap_watch_read(&gomem_default_heap, watch, records, nr);
}
EXPORT_SYMBOL_GPL(gomem_watch_read);

/**
 * gomem_heap_watch_end() - gomem_watch_end() of any heap
 * @heap: the heap
 * @watch: a watch that has begun there
 */
void gomem_heap_watch_end(struct gomem_heap *heap, struct gomem_watch *watch)
{
	struct gomem_mprof *mprof = heap->mprof;
	unsigned long flags;

	mutex_lock(&mprof->watch_mutex);
	spin_lock_irqsave(&mprof->lock, flags);
	list_del(&watch->list);
	spin_unlock_irqrestore(&mprof->lock, flags);
	watch_restore_rate(heap, watch->rate_sets);
	mutex_unlock(&mprof->watch_mutex);
	put_task_struct(watch->task);
}

void gomem_watch_end(struct gomem_watch *watch)
{
	gomem_heap_watch_end(&gomem_default_heap, watch);
}
EXPORT_SYMBOL_GPL(gomem_watch_end);
