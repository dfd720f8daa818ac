/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which allocations the heap profile looks at: arithmetic only; mm/sampling.c.
 */
#ifndef GOMEM_SAMPLING_H
#define GOMEM_SAMPLING_H

#include <linux/bits.h>
#include <linux/math64.h>
#include <linux/types.h>

u64 gomem_sample_gap(u32 random, u32 rate);
u64 gomem_sample_left(u32 random, u32 size, u32 rate);
bool gomem_sample_die(u32 random, size_t size, u32 rate);

#define GOMEM_P_BITS	34	/* of a probability */
#define GOMEM_P_ONE	BIT_ULL(GOMEM_P_BITS)

u64 gomem_sample_probability(u64 size, u32 rate);

/*
 * How many objects a sample stands for, in 16 bits: five of an exponent and eleven
 * of what comes after the leading one.  Sums of weights are in objects, with
 * GOMEM_WEIGHT_BITS bits after the point; what has been added can be taken away
 * again to the last bit.
 */
#define GOMEM_WEIGHT_BITS	11
#define GOMEM_WEIGHT_ONE	BIT_ULL(GOMEM_WEIGHT_BITS)

u16 gomem_sample_weight(size_t size, u32 rate);

static inline u64 gomem_weight(u16 weight)
{
	u64 mantissa = GOMEM_WEIGHT_ONE + (weight & (GOMEM_WEIGHT_ONE - 1));

	return mantissa << (weight >> GOMEM_WEIGHT_BITS);
}

/* A sum of weights, as objects: rounded to the nearest. */
static inline u64 gomem_weight_objects(u64 sum)
{
	return (sum + GOMEM_WEIGHT_ONE / 2) >> GOMEM_WEIGHT_BITS;
}

/* The same, as bytes of objects of @size. */
static inline u64 gomem_weight_bytes(u64 sum, size_t size)
{
	return mul_u64_u64_shr(sum, size, GOMEM_WEIGHT_BITS);
}

#endif /* GOMEM_SAMPLING_H */
