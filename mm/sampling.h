/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which allocations the heap profile looks at: arithmetic only; mm/sampling.c.
 */
#ifndef GOMEM_SAMPLING_H
#define GOMEM_SAMPLING_H

#include <linux/types.h>

u64 gomem_sample_gap(u32 random, u32 rate);
u64 gomem_sample_left(u32 random, u32 size, u32 rate);
bool gomem_sample_die(u32 random, size_t size, u32 rate);
u64 gomem_sample_scale(u64 value, size_t size, u32 rate);

#endif /* GOMEM_SAMPLING_H */
