// SPDX-License-Identifier: GPL-2.0
/*
 * What does a pair of an allocation and a free cost, next to kmalloc()?
 *
 * Loading the module measures and prints: of some sizes, and of one that the compiler
 * knows.  In a guest whose time stamp counter counts instructions (-icount) the figures
 * repeat exactly; elsewhere they are cycles, the best of several rounds.
 */
#include <linux/gomem.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/timex.h>

#define PAIRS	1000
#define ROUNDS	9

static const unsigned int sizes[] = {
	8, 24, 64, 100, 256, 700, 1024, 2048, 3000, 4096, 8192, 20000,
};

static u64 round_gomem(unsigned int size)
{
	cycles_t start = get_cycles();
	unsigned int i;

	for (i = 0; i < PAIRS; i++)
		gomem_free(gomem_alloc(size, GFP_KERNEL));
	return get_cycles() - start;
}

static u64 round_kmalloc(unsigned int size)
{
	cycles_t start = get_cycles();
	unsigned int i;

	for (i = 0; i < PAIRS; i++)
		kfree(kmalloc(size, GFP_KERNEL));
	return get_cycles() - start;
}

/* kmalloc() of a size that the compiler knows: it finds the cache, too. */
#define CONSTANT	64

static u64 constant_gomem(unsigned int size)
{
	cycles_t start = get_cycles();
	unsigned int i;

	for (i = 0; i < PAIRS; i++)
		gomem_free(gomem_alloc(CONSTANT, GFP_KERNEL));
	return get_cycles() - start;
}

static u64 constant_kmalloc(unsigned int size)
{
	cycles_t start = get_cycles();
	unsigned int i;

	for (i = 0; i < PAIRS; i++)
		kfree(kmalloc(CONSTANT, GFP_KERNEL));
	return get_cycles() - start;
}

static u64 best(u64 (*round)(unsigned int size), unsigned int size)
{
	u64 least = U64_MAX;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		least = min(least, round(size));
	return least;
}

static void tell(const char *what, unsigned int size, u64 ours, u64 theirs)
{
	u64 ratio = theirs * 100 / max(ours, 1ULL);

	pr_info("gomem_hotpair: %s %u gomem %llu kmalloc %llu ratio %llu.%02llu\n",
		what, size, ours / PAIRS, theirs / PAIRS, ratio / 100, ratio % 100);
}

static int __init hotpair_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		tell("size", sizes[i], best(round_gomem, sizes[i]),
		     best(round_kmalloc, sizes[i]));
	tell("constant", CONSTANT, best(constant_gomem, CONSTANT),
	     best(constant_kmalloc, CONSTANT));
	return 0;
}
module_init(hotpair_init);

static void __exit hotpair_exit(void)
{
}
module_exit(hotpair_exit);

MODULE_DESCRIPTION("Cost of a hot pair, gomem against kmalloc");
MODULE_LICENSE("GPL");
