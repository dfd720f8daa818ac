// SPDX-License-Identifier: GPL-2.0
/*
 * What does the worst atomic allocation cost, while much waits in caches?
 *
 * Loading the module has many small objects freed, so that they wait, and then
 * allocates with interrupts off, next to kmalloc().  It prints the worst of many
 * calls, and of frees of large objects; in instructions, where the time stamp
 * counter counts them.
 */
#include <linux/irqflags.h>
#include <linux/sizes.h>
#include <linux/timex.h>
#include <linux/vmalloc.h>
#include "gomem_versus.h"

#define WAITING	200000
#define CALLS	400

static const unsigned int sizes[] = { 64, 256, 1536, 4096, 8192, 20000, 32768 };
static const unsigned int large[] = { 70000, SZ_1M, 3 * SZ_1M, SZ_4M };
static const unsigned int waiting[] = { 32, 512 };

static void **object;
static void *result[CALLS];

/* Objects of that size, on as many pages as possible, that wait in caches. */
static void fill(size_t size, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		object[i] = gomem_alloc(size, GFP_KERNEL);
		if (i % 1024 == 0)
			cond_resched();
	}
	for (i = 0; i < nr; i++) {
		gomem_free(object[i]);
		if (i % 1024 == 0)
			cond_resched();
	}
}

static void prepare(size_t size)
{
	versus_give_back();
	fill(size, WAITING * 32 / size);
}

static u64 timed_alloc(enum versus who, size_t size, void **p)
{
	unsigned long flags;
	cycles_t start;
	u64 cost;

	local_irq_save(flags);
	start = get_cycles();
	*p = versus_alloc(who, size, GFP_ATOMIC);
	cost = get_cycles() - start;
	local_irq_restore(flags);
	return cost;
}

static u64 timed_free(enum versus who, void *p)
{
	unsigned long flags;
	cycles_t start;
	u64 cost;

	local_irq_save(flags);
	start = get_cycles();
	versus_free(who, p);
	cost = get_cycles() - start;
	local_irq_restore(flags);
	return cost;
}

static void say(const char *what, size_t size, enum versus who, u64 value)
{
	char row[40];

	snprintf(row, sizeof(row), "%s-%zu", what, size);
	versus_say(row, who, value);
}

static void try(enum versus who, size_t size)
{
	u64 alloc = 0, free = 0;
	unsigned int i, k, failed = 0;

	for (k = 0; k < ARRAY_SIZE(waiting); k++) {
		prepare(waiting[k]);
		for (i = 0; i < CALLS; i++) {
			alloc = max(alloc, timed_alloc(who, size, &result[i]));
			failed += !result[i];
		}
		for (i = 0; i < CALLS; i++)
			free = max(free, timed_free(who, result[i]));
	}
	say("atomic-alloc", size, who, alloc);
	say("atomic-free", size, who, free);
	say("atomic-failed", size, who, failed);
}

static void try_large(enum versus who, size_t size)
{
	unsigned int i, failed = 0;
	u64 alloc = 0, free = 0;

	for (i = 0; i < 8; i++) {
		prepare(waiting[0]);
		alloc = max(alloc, timed_alloc(who, size, &result[0]));
		failed += !result[0];
		free = max(free, timed_free(who, result[0]));
	}
	say("large-alloc", size, who, alloc);
	say("large-free", size, who, free);
	say("large-failed", size, who, failed);
}

static int __init latency_init(void)
{
	unsigned int i;

	object = vmalloc(array_size(WAITING, sizeof(*object)));
	if (!object)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		try(KMALLOC, sizes[i]);
		try(GOMEM, sizes[i]);
	}
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		try_large(KMALLOC, large[i]);
		try_large(GOMEM, large[i]);
	}
	vfree(object);
	return 0;
}
module_init(latency_init);

static void __exit latency_exit(void)
{
}
module_exit(latency_exit);

MODULE_DESCRIPTION("Worst cost of atomic allocations");
MODULE_LICENSE("GPL");
