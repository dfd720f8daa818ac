// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of gomem's memory that is given to kfree()?
 *
 * Loading the module does so with a few objects, each on a page of its own, has
 * others use what memory there is, and looks at the objects and at those beside
 * them.  They stay allocated: whoever called kfree() thinks that they are gone.
 */
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "gomem_versus.h"

#define NEIGHBOURS	8
#define STRANGERS	30000

static const unsigned int sizes[] = { 64, 2048, 100000 };

static char *stolen[ARRAY_SIZE(sizes)];
static char *neighbour[ARRAY_SIZE(sizes)][NEIGHBOURS];
static struct page **strangers;

static int allocate(unsigned int i)
{
	unsigned int k;

	stolen[i] = gomem_alloc(sizes[i], GFP_KERNEL);
	if (!stolen[i])
		return -ENOMEM;
	memset(stolen[i], 'A', sizes[i]);
	for (k = 0; k < NEIGHBOURS; k++) {
		neighbour[i][k] = gomem_alloc(sizes[i], GFP_KERNEL);
		if (!neighbour[i][k])
			return -ENOMEM;
		memset(neighbour[i][k], 'B', sizes[i]);
	}
	return 0;
}

static void use_memory(void)
{
	unsigned int i;

	versus_give_back();
	for (i = 0; i < STRANGERS; i++) {
		strangers[i] = alloc_page(GFP_KERNEL);
		if (strangers[i])
			memset(page_address(strangers[i]), 'C', PAGE_SIZE);
		cond_resched();
	}
}

static unsigned int damaged(void)
{
	unsigned int i, k, n = 0;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		n += !!memchr_inv(stolen[i], 'A', sizes[i]);
		for (k = 0; k < NEIGHBOURS; k++)
			n += !!memchr_inv(neighbour[i][k], 'B', sizes[i]);
	}
	return n;
}

static int __init thief_init(void)
{
	unsigned int i;

	strangers = vzalloc(array_size(STRANGERS, sizeof(*strangers)));
	if (!strangers)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (allocate(i))
			return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		kfree(stolen[i]);
	use_memory();
	versus_say("stolen-damaged", GOMEM, damaged());
	for (i = 0; i < STRANGERS; i++)
		if (strangers[i])
			__free_page(strangers[i]);
	vfree(strangers);
	return 0;
}
module_init(thief_init);

static void __exit thief_exit(void)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (k = 0; k < NEIGHBOURS; k++)
			gomem_free(neighbour[i][k]);
}
module_exit(thief_exit);

MODULE_DESCRIPTION("Memory of gomem that is given to kfree()");
MODULE_LICENSE("GPL");
