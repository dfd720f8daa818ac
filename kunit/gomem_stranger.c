// SPDX-License-Identifier: GPL-2.0
/*
 * A module that allocates nothing, and lies where another one was.
 *
 * It has about as much code as gomem_owner.c, before and after its start, so that the
 * kernel puts it in the same place.
 */
#include <linux/kernel.h>
#include <linux/module.h>

static __always_inline int some_code(int x)
{
	asm volatile(".fill 4000, 1, 0x90");
	return x + 1;
}

static noinline int stranger_code(int x)
{
	return some_code(x);
}

static __init noinline int stranger_start(int x)
{
	return some_code(x);
}

static int __init stranger_init(void)
{
	return stranger_start(stranger_code(0)) == 2 ? 0 : -EINVAL;
}
module_init(stranger_init);

static void __exit stranger_exit(void)
{
}
module_exit(stranger_exit);

MODULE_DESCRIPTION("A module that allocates nothing");
MODULE_LICENSE("GPL");
