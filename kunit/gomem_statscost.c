// SPDX-License-Identifier: GPL-2.0
/*
 * What do the statistics and a cycle cost, and the caches take?
 *
 * By how many CPUs there might be, not by how many there are, they should not
 * grow: a script compares machines.
 */
#include <linux/cpumask.h>
#include <linux/timex.h>
#include "gomem_versus.h"

#define READS	50

static struct gomem_memstats stats;

static int __init statscost_init(void)
{
	cycles_t start;
	unsigned int i;

	gomem_gc();
	gomem_read_memstats(&stats);
	start = get_cycles();
	for (i = 0; i < READS; i++)
		gomem_read_memstats(&stats);
	versus_say("memstats-cost", GOMEM, (get_cycles() - start) / READS);
	start = get_cycles();
	gomem_gc();
	versus_say("gc-cost", GOMEM, get_cycles() - start);
	versus_say("mcache-sys", GOMEM, stats.mcache_sys);
	versus_say("possible-cpus", GOMEM, num_possible_cpus());
	return 0;
}
module_init(statscost_init);

static void __exit statscost_exit(void)
{
}
module_exit(statscost_exit);

MODULE_DESCRIPTION("Cost of the statistics");
MODULE_LICENSE("GPL");
