/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory limit; mm/limit.c.
 */
#ifndef GOMEM_LIMIT_H
#define GOMEM_LIMIT_H

#include <linux/types.h>

struct gomem_heap;

u64 gomem_limit_used(const struct gomem_heap *heap);
u64 gomem_limit_excess(const struct gomem_heap *heap);
void gomem_limit_alarm(struct gomem_heap *heap);

#endif /* GOMEM_LIMIT_H */
