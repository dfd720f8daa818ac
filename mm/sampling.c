// SPDX-License-Identifier: GPL-2.0
/*
 * Which allocations the heap profile looks at, and how many each stands for.
 *
 * Think of marks on the bytes that are allocated, RATE bytes apart on average
 * and each set at random without regard to the others.  An object with a mark
 * on it is sampled.  So the gap between two marks is exponential with mean RATE,
 * an object of SIZE bytes is sampled with the probability
 *
 *	p = 1 - exp(-SIZE / RATE),
 *
 * and a sample stands for 1 / p objects of its size.
 *
 * An exponential gap has no memory: how far the next mark is does not depend on
 * how far the last one was.  So it is all the same whether one countdown runs
 * through everything a CPU allocates (Go's way), or one countdown for each size
 * class of each CPU, in objects (the mcache's), or whether a die is cast for
 * each object (what goes past the mcache).
 *
 * All of it in integers, fixed-point where it has to be.
 */
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "sampling.h"

#define LOG_BITS	20	/* of a logarithm's fraction */
#define LN2_BITS	32
#define LN2		2977044472ULL	/* ln 2 */

#define WEIGHT_BITS	24	/* of the fraction of what it stands for */

/* log2(@x) with LOG_BITS bits of fraction, for 1 <= @x <= 2^32. */
static u32 sampling_log2_of(u64 x)
{
	u32 result = ilog2(x);
	u64 m = (x << 31) >> result;	/* 1 <= m < 2, with 31 bits of fraction */
	unsigned int i;

	/* Squaring doubles the logarithm: out comes one bit at a time. */
	for (i = 0; i < LOG_BITS; i++) {
		m = (m * m) >> 31;
		result = 2 * result + (m >> 32);
		m >>= m >> 32;
	}
	return result;
}

/**
 * gomem_sample_gap() - how far it is to the next mark
 * @random: uniform
 * @rate: mean gap, bytes
 *
 * Return: bytes, exponentially distributed; rounded down.
 */
u64 gomem_sample_gap(u32 random, u32 rate)
{
	u32 log = (32U << LOG_BITS) - sampling_log2_of(random + 1ULL);

	return mul_u64_u32_shr((log * LN2) >> LOG_BITS, rate, LN2_BITS);
}

/**
 * gomem_sample_left() - count down to the next sample among objects of a size
 * @random: uniform
 * @size: bytes of each
 * @rate: the profile's rate
 *
 * Return: which one is to be sampled, 1 being the next; one that never comes if
 * the profile is off.
 */
u64 gomem_sample_left(u32 random, u32 size, u32 rate)
{
	if (rate <= 1)
		return rate ? 1 : S64_MAX;
	return div_u64(gomem_sample_gap(random, rate), size) + 1;
}

/**
 * gomem_sample_probability() - how likely is it that an object is sampled?
 * @size: bytes
 * @rate: the profile's rate
 *
 * Return: from 0 to GOMEM_P_ONE, which is always.
 */
u64 gomem_sample_probability(u64 size, u32 rate)
{
	unsigned int halved = 0, n;
	u64 x, p, term;

	if (rate <= 1 || size / rate >= 23)	/* where it is 1 to GOMEM_P_BITS */
		return GOMEM_P_ONE;
	for (x = div_u64(size << GOMEM_P_BITS, rate); x > GOMEM_P_ONE; x /= 2)
		halved++;
	/* 1 - exp(-x) = x - x^2/2! + x^3/3! - ... */
	for (p = 0, term = x, n = 2; term; n++) {
		p += n % 2 ? -term : term;
		term = div_u64(mul_u64_u64_shr(term, x, GOMEM_P_BITS), n);
	}
	/* 1 - exp(-2x) = p (2 - p) */
	while (halved--)
		p = 2 * p - mul_u64_u64_shr(p, p, GOMEM_P_BITS);
	return p;
}

/**
 * gomem_sample_die() - is this object to be sampled?
 * @random: uniform
 * @size: bytes
 * @rate: the profile's rate
 *
 * Return: true with the probability that an object of @size bytes has.
 */
bool gomem_sample_die(u32 random, size_t size, u32 rate)
{
	if (rate <= 1)
		return rate;
	/* p < size / rate, so that this is most often the answer. */
	if (((u64)random * rate) >> 32 >= size)
		return false;
	return ((u64)random << (GOMEM_P_BITS - 32)) < gomem_sample_probability(size, rate);
}

/**
 * gomem_sample_weight() - how many objects a sample stands for
 * @size: bytes of each
 * @rate: the rate at which it was sampled, not 0
 *
 * Return: for gomem_weight(); exact to one part in 4096, and exactly one where every
 * object is sampled.
 */
u16 gomem_sample_weight(size_t size, u32 rate)
{
	u64 p = max(gomem_sample_probability(size, rate), 1ULL);
	u64 weight = div64_u64(GOMEM_P_ONE << WEIGHT_BITS, p);
	unsigned int exponent = ilog2(weight) - WEIGHT_BITS;
	unsigned int shift = WEIGHT_BITS + exponent - GOMEM_WEIGHT_BITS;
	u64 mantissa = (weight + BIT_ULL(shift - 1)) >> shift;

	/* It has become the next power of two. */
	if (mantissa == 2 * GOMEM_WEIGHT_ONE) {
		mantissa /= 2;
		exponent++;
	}
	return exponent << GOMEM_WEIGHT_BITS | (mantissa - GOMEM_WEIGHT_ONE);
}
