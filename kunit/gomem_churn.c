// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects come and go: is there always memory, what does it cost, and what
 * of high orders is left to others afterwards?
 *
 * Loading the module has some of 1 to 4 MiB replaced at random, of any size and
 * of powers of two, through kmalloc() and through gomem.  Where the time stamp
 * counter counts instructions, so is the cost in them.
 */
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/timex.h>
#include "gomem_versus.h"

#define SLOTS	64
#define ROUNDS	3000
#define GFP	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

struct churn {
	const char *name;
	size_t (*size)(struct rnd_state *rnd);
};

static size_t any_size(struct rnd_state *rnd)
{
	return SZ_1M + prandom_u32_state(rnd) % (3 * SZ_1M);
}

static size_t exact_size(struct rnd_state *rnd)
{
	return SZ_1M << prandom_u32_state(rnd) % 3;
}

static const struct churn churns[] = {
	{ "any", any_size },
	{ "exact", exact_size },
};

/* How many blocks of an order could be had. */
static unsigned int blocks(unsigned int order)
{
	struct page *page, *next;
	unsigned int n = 0;
	LIST_HEAD(list);

	while ((page = alloc_pages(GFP_NOWAIT | __GFP_NOWARN, order))) {
		list_add(&page->lru, &list);
		n++;
	}
	list_for_each_entry_safe(page, next, &list, lru)
		__free_pages(page, order);
	return n;
}

static void say(const struct churn *c, const char *what, enum versus who, s64 value)
{
	char row[40];

	snprintf(row, sizeof(row), "churn-%s-%s", c->name, what);
	versus_say(row, who, value);
}

static void replace(const struct churn *c, enum versus who)
{
	static void *object[SLOTS];
	unsigned int i, failed = 0;
	struct rnd_state rnd;
	cycles_t cost = 0;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < ROUNDS + SLOTS; i++) {
		unsigned int k = i < ROUNDS ? prandom_u32_state(&rnd) % SLOTS : i - ROUNDS;
		size_t size = c->size(&rnd);
		cycles_t start = get_cycles();

		versus_free(who, object[k]);
		object[k] = i < ROUNDS ? versus_alloc(who, size, GFP) : NULL;
		cost += get_cycles() - start;
		failed += i < ROUNDS && !object[k];
		cond_resched();
	}
	say(c, "cost", who, cost);
	say(c, "failed", who, failed);
}

static void try(const struct churn *c, enum versus who)
{
	unsigned int nine = blocks(9), ten = blocks(10);

	replace(c, who);
	versus_give_back();
	say(c, "order-9-before", who, nine);
	say(c, "order-10-before", who, ten);
	say(c, "order-9-after", who, blocks(9));
	say(c, "order-10-after", who, blocks(10));
}

static int __init churn_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(churns); i++) {
		try(&churns[i], KMALLOC);
		try(&churns[i], GOMEM);
	}
	return 0;
}
module_init(churn_init);

static void __exit churn_exit(void)
{
}
module_exit(churn_exit);

MODULE_DESCRIPTION("Large objects that come and go");
MODULE_LICENSE("GPL");
