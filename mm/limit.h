/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory limit; mm/limit.c.
 */
#ifndef GOMEM_LIMIT_H
#define GOMEM_LIMIT_H

#include <linux/types.h>

struct gomem_heap;
struct gomem_snapshot;

u64 gomem_limit_used(const struct gomem_heap *heap);
u64 gomem_limit_goal(struct gomem_heap *heap, const struct gomem_snapshot *snap,
		     u64 live);
u64 gomem_limit_excess(const struct gomem_heap *heap);
void gomem_limit_alarm(struct gomem_heap *heap);

#endif /* GOMEM_LIMIT_H */
