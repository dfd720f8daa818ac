// SPDX-License-Identifier: GPL-2.0
/*
 * Which allocations the heap profile samples, and what a sample stands for: as Go has it.
 *
 * Chance is taken out where it can be: random numbers are a grid over all there
 * are.  Where real ones are used, what is asked holds in all but one of a million
 * runs.
 */
#include "gomem_mprof_test.h"

#define GRID		65536U

static u32 grid(u32 i)
{
	return i * (U32_MAX / GRID) + U32_MAX / GRID / 2;
}

/* An exponential distribution: its mean is the rate, its variance the square. */
static void sampling_gap_is_exponential(struct kunit *test)
{
	const u32 rate = 1 << 20;
	u64 sum = 0, squares = 0;
	u32 i;

	for (i = 0; i < GRID; i++) {
		u64 gap = gomem_sample_gap(grid(i), rate) >> 4;

		sum += gap;
		squares += gap * gap;
	}
	sum /= GRID;
	squares /= GRID;
	KUNIT_EXPECT_LE(test, abs((s64)sum - (rate >> 4)), (s64)rate >> 14);
	KUNIT_EXPECT_LE(test, abs((s64)squares - (2LL << 32)), (2LL << 32) / 100);
	KUNIT_EXPECT_EQ(test, gomem_sample_gap(U32_MAX, rate), 0ULL);
	/* 32 ln 2, the longest. */
	KUNIT_EXPECT_EQ(test, gomem_sample_gap(0, rate), 23258159ULL);
	KUNIT_EXPECT_EQ(test, gomem_sample_gap(0, 1 << 30), 23816355776ULL);
}

/* Counting down and casting a die come to the same. */
static void sampling_die_is_fair(struct kunit *test)
{
	static const struct {
		u32 size, rate, of_grid;	/* GRID * (1 - exp(-size / rate)) */
	} known[] = {
		{ 16, 4096, 255 }, { 512, 4096, 7701 }, { 4096, 4096, 41427 },
		{ 12288, 4096, 62273 }, { 65536, 4096, 65536 },
		{ 8192, 524288, 1016 }, { 8, 1, 65536 }, { 8, 0, 0 },
	};
	unsigned int k;
	u32 i;

	for (k = 0; k < ARRAY_SIZE(known); k++) {
		u32 size = known[k].size, rate = known[k].rate;
		u32 dice = 0, first = 0;

		for (i = 0; i < GRID; i++) {
			dice += gomem_sample_die(grid(i), size, rate);
			first += gomem_sample_left(grid(i), size, rate) == 1;
		}
		KUNIT_EXPECT_LE(test, abs((int)(dice - known[k].of_grid)), 1);
		KUNIT_EXPECT_LE(test, abs((int)(first - known[k].of_grid)), 1);
	}
}

/* What sampled objects stand for, as Go computes it. */
static u64 scale(u64 value, size_t size, u32 rate)
{
	return mul_u64_u64_div_u64(value, GOMEM_P_ONE, gomem_sample_probability(size, rate));
}

/* Go's own figures. */
static void sampling_scales_as_go(struct kunit *test)
{
	const u32 rate = 512 << 10;

	KUNIT_EXPECT_EQ(test, scale(4, 1024, rate), 2050ULL);
	KUNIT_EXPECT_EQ(test, scale(4096, 1024, rate), 2099200ULL);
	KUNIT_EXPECT_EQ(test, scale(3, 1024, rate), 1537ULL);
	KUNIT_EXPECT_EQ(test, scale(3072, 1024, rate), 1574400ULL);
	KUNIT_EXPECT_EQ(test, scale(1, rate, rate), 1ULL);
	KUNIT_EXPECT_EQ(test, scale(rate, rate, rate), 829411ULL);
	KUNIT_EXPECT_EQ(test, scale(7, 8, 1), 7ULL);
	KUNIT_EXPECT_EQ(test, scale(7, 1 << 22, 4096), 7ULL);
}

/* What a sample stands for, as it is kept: to one part in 4096. */
static void sampling_weights(struct kunit *test)
{
	static const u32 rates[] = { 1, 2, 100, 4096, 524288, 1 << 20, 1 << 30 };
	unsigned int class, i;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		for (class = 1; class < GOMEM_NR_CACHED; class++) {
			u32 size = gomem_class[class].size;
			u64 exact = scale(1 << 20, size, rates[i]);
			u64 weight = gomem_weight(gomem_sample_weight(size, rates[i]));
			s64 error = (s64)(weight << (20 - GOMEM_WEIGHT_BITS)) - exact;

			KUNIT_EXPECT_LE(test, abs(error), (s64)(exact >> 12) + 1);
		}
	}
	KUNIT_EXPECT_EQ(test, gomem_sample_weight(8, 1), 0U);
	KUNIT_EXPECT_EQ(test, gomem_weight(0), GOMEM_WEIGHT_ONE);
	KUNIT_EXPECT_EQ(test, gomem_weight(gomem_sample_weight(1 << 22, 4096)),
			GOMEM_WEIGHT_ONE);
}

#define ESTIMATED	(IS_ENABLED(CONFIG_KASAN) ? 50000 : 1000000)

/* The variance is nr (1 - p) / p; @per_mille of it is that of one object. */
static void expect_estimate(struct kunit *test, u32 size, u64 variance_per_mille)
{
	struct gomem_sites sites;
	u64 objects = 0, bytes = 0;
	unsigned int i;
	s64 error, allowed;

	for (i = 0; i < ESTIMATED; i++)
		gomem_free(gomem_test_here(test, size));
	get_sites(test, &sites);
	for (i = 0; i < sites.nr; i++) {
		if (sites.site[i].bucket.size != size)
			continue;
		objects += sites.site[i].objects;
		bytes += sites.site[i].bytes;
		KUNIT_EXPECT_EQ(test, sites.site[i].live, 0ULL);
	}
	gomem_sites_put(&sites);
	error = abs((s64)objects - ESTIMATED);
	allowed = 5 * int_sqrt64(ESTIMATED * variance_per_mille / 1000) + 1;
	kunit_info(test, "%u bytes: %llu of %u, %lld allowed\n", size, objects,
		   ESTIMATED, allowed);
	KUNIT_EXPECT_LE(test, error, allowed);
	error = abs((s64)bytes - (s64)ESTIMATED * size);
	KUNIT_EXPECT_LE(test, error, allowed * size);
}

static void sampling_estimates(struct kunit *test)
{
	profile(test)->max_depth = 1;
	set_rate(test, 4096);
	expect_estimate(test, 16, 255500);
	expect_estimate(test, 512, 7511);
	expect_estimate(test, 4096, 582);
	expect_estimate(test, 65536, 0);
	KUNIT_EXPECT_EQ(test, dropped(test), 0L);
}

static struct kunit_case gomem_sampling_cases[] = {
	KUNIT_CASE(sampling_gap_is_exponential),
	KUNIT_CASE(sampling_die_is_fair),
	KUNIT_CASE(sampling_scales_as_go),
	KUNIT_CASE(sampling_weights),
	KUNIT_CASE(sampling_estimates),
	{}
};

static struct kunit_suite gomem_sampling_suite = {
	.name = "gomem_sampling",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_sampling_cases,
};

kunit_test_suite(gomem_sampling_suite);
