// SPDX-License-Identifier: GPL-2.0
/*
 * Is a page left alone that somebody refers to after its object was freed?
 *
 * Loading the module takes a reference to a page of some large objects, frees
 * them, and looks whether later objects, or others who need pages, get the page.
 * rmmod lets go of the pages, or, with leave=1, forgets to.
 */
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "gomem_versus.h"

static bool leave;
module_param(leave, bool, 0444);
MODULE_PARM_DESC(leave, "never let go");

#define LATER		48
#define STRANGERS	30000

static const unsigned int sizes[] = { 60000, 100000, 1 << 20 };

static struct page *held[ARRAY_SIZE(sizes) * 2];
static void *later[LATER];
static struct page **strangers;

/* A page that is neither the first nor the last one of its object. */
static struct page *hold(enum versus who, size_t size)
{
	char *p = versus_alloc(who, size, GFP_KERNEL);
	struct page *page;

	if (!p)
		return NULL;
	memset(p, 'A', size);
	page = virt_to_page(p + 3 * PAGE_SIZE);
	get_page(page);
	versus_free(who, p);
	return page;
}

static bool within(struct page *page, const char *p, size_t size)
{
	const char *at = page_address(page);

	return p && at >= p && at < p + size;
}

/* Later objects of that size: how many have the page in them? */
static unsigned int reused(enum versus who, size_t size, struct page *page)
{
	unsigned int i, n = 0;

	for (i = 0; i < LATER; i++) {
		later[i] = versus_alloc(who, size, GFP_KERNEL);
		n += within(page, later[i], size);
	}
	for (i = 0; i < LATER; i++)
		versus_free(who, later[i]);
	return n;
}

static unsigned int given_back(struct page *page)
{
	unsigned int i, n = 0;

	versus_give_back();
	for (i = 0; i < STRANGERS; i++) {
		strangers[i] = alloc_page(GFP_KERNEL);
		n += strangers[i] == page;
		cond_resched();
	}
	for (i = 0; i < STRANGERS; i++)
		if (strangers[i])
			__free_page(strangers[i]);
	return n;
}

static void say(const char *what, size_t size, enum versus who, unsigned int n)
{
	char row[40];

	snprintf(row, sizeof(row), "%s-%zu", what, size);
	versus_say(row, who, n);
}

static void try(unsigned int i)
{
	size_t size = sizes[i / 2];
	enum versus who = i % 2;

	held[i] = hold(who, size);
	if (!held[i])
		return;
	say("held-reused", size, who, reused(who, size, held[i]));
	say("held-given-back", size, who, given_back(held[i]));
	say("held-damaged", size, who, !!memchr_inv(page_address(held[i]), 'A', PAGE_SIZE));
}

static int __init holder_init(void)
{
	unsigned int i;

	strangers = vzalloc(array_size(STRANGERS, sizeof(*strangers)));
	if (!strangers)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(held); i++)
		try(i);
	vfree(strangers);
	return 0;
}
module_init(holder_init);

static void __exit holder_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(held); i++)
		if (held[i] && !leave)
			put_page(held[i]);
}
module_exit(holder_exit);

MODULE_DESCRIPTION("References to pages of freed objects");
MODULE_LICENSE("GPL");
