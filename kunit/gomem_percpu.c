// SPDX-License-Identifier: GPL-2.0
/*
 * A module that takes much of the static per-CPU memory that all modules share.
 */
#include <linux/module.h>
#include <linux/percpu.h>

static DEFINE_PER_CPU(char [3400], area);

static int __init percpu_init(void)
{
	this_cpu_write(area[0], 1);
	return 0;
}
module_init(percpu_init);

static void __exit percpu_exit(void)
{
}
module_exit(percpu_exit);

MODULE_DESCRIPTION("Static per-CPU memory");
MODULE_LICENSE("GPL");
