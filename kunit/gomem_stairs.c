// SPDX-License-Identifier: GPL-2.0
/*
 * How much is held for large objects, next to what is live?
 *
 * Loading the module allocates and frees a few objects of each of many sizes, one
 * size after the other; then it has some of random sizes, which it replaces again
 * and again.
 */
#include <linux/prandom.h>
#include <linux/sizes.h>
#include "gomem_versus.h"

#define STEP	16
#define MANY	64
#define ROUNDS	2000

static void *object[MANY];
static unsigned int failed;

static void climb(enum versus who)
{
	long before, most = 0;
	size_t size;
	int i;

	versus_give_back();
	before = versus_free_kb();
	for (size = 72 * SZ_1K; size <= SZ_1M; size += 24 * SZ_1K) {
		for (i = 0; i < STEP; i++) {
			object[i] = versus_alloc(who, size, GFP_KERNEL);
			failed += !object[i];
		}
		most = max(most, before - versus_free_kb());
		for (i = 0; i < STEP; i++) {
			versus_free(who, object[i]);
			object[i] = NULL;
		}
		most = max(most, before - versus_free_kb());
	}
	versus_say("stairs-peak-kb", who, most);
}

static void scatter(enum versus who)
{
	struct rnd_state rnd;
	long before, most = 0;
	int i;

	prandom_seed_state(&rnd, 1);
	versus_give_back();
	before = versus_free_kb();
	for (i = 0; i < ROUNDS; i++) {
		unsigned int k = prandom_u32_state(&rnd) % MANY;
		size_t size = 72 * SZ_1K + prandom_u32_state(&rnd) % (952 * SZ_1K);

		versus_free(who, object[k]);
		object[k] = versus_alloc(who, size, GFP_KERNEL);
		failed += !object[k];
		most = max(most, before - versus_free_kb());
	}
	versus_say("random-peak-kb", who, most);
	for (i = 0; i < MANY; i++) {
		versus_free(who, object[i]);
		object[i] = NULL;
	}
}

static int __init stairs_init(void)
{
	climb(KMALLOC);
	climb(GOMEM);
	scatter(KMALLOC);
	scatter(GOMEM);
	return failed ? -ENOMEM : 0;
}
module_init(stairs_init);

static void __exit stairs_exit(void)
{
}
module_exit(stairs_exit);

MODULE_DESCRIPTION("Memory held for large objects");
MODULE_LICENSE("GPL");
