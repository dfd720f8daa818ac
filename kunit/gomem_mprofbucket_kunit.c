// SPDX-License-Identifier: GPL-2.0
/*
 * The buckets of the heap profile: one for each stack and size, what they count, and who
 * makes room for whom when there are no more.
 */
#include <linux/string.h>

#include "gomem_mprof_test.h"

#define SIZE		64
#define MANY		300

/* One for each stack and size, at whatever rates it was sampled. */
static void bucket_of_stack_and_size(struct kunit *test)
{
	u32 *nr = &profile(test)->nr_buckets;

	/* Whatever the compiler does to the callers of these two. */
	profile(test)->max_depth = 1;
	set_rate(test, 1);
	gomem_free(gomem_test_here(test, SIZE));
	gomem_free(gomem_test_here(test, SIZE));
	KUNIT_EXPECT_EQ(test, *nr, 1U);
	gomem_free(gomem_test_there(test, SIZE));
	KUNIT_EXPECT_EQ(test, *nr, 2U);
	gomem_free(gomem_test_there(test, 2 * SIZE));
	KUNIT_EXPECT_EQ(test, *nr, 3U);
	set_rate(test, 2);
	gomem_free(gomem_test_here(test, 70000));
	gomem_free(gomem_test_here(test, 70000));
	KUNIT_EXPECT_EQ(test, *nr, 4U);
	set_rate(test, 3);
	gomem_free(gomem_test_here(test, 70000));
	KUNIT_EXPECT_EQ(test, *nr, 4U);
}

/* What has no room is dropped, and nothing else happens to it. */
static void bucket_memory_is_bounded(struct kunit *test)
{
	unsigned int i;
	void *p[8];
	long before;

	profile(test)->max_buckets = 4;
	profile(test)->max_depth = 1;
	set_rate(test, 1);
	before = bytes_taken(test);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = gomem_test_here(test, 16 * (i + 1));
	/* Of the first one's bucket, which goes on. */
	gomem_free(gomem_test_here(test, 16));
	KUNIT_EXPECT_EQ(test, profile(test)->nr_buckets, 4U);
	KUNIT_EXPECT_EQ(test, dropped(test), 4L);
	gomem_test_expect_samples(test, 16, 2, 1);
	gomem_test_expect_samples(test, 128, 0, 0);
	gomem_free_bulk(ARRAY_SIZE(p), p);
	KUNIT_EXPECT_EQ(test, bytes_taken(test), before);
	KUNIT_EXPECT_EQ(test, profile(test)->forgotten, 0ULL);
}

/* What holds nothing makes room, the longest dead first; what holds something stays. */
static void bucket_dead_make_room(struct kunit *test)
{
	unsigned int i;
	void *held;

	profile(test)->max_buckets = 4;
	profile(test)->max_depth = 1;
	set_rate(test, 1);
	held = gomem_test_here(test, 16);
	for (i = 1; i < 100; i++)
		gomem_free(gomem_test_here(test, gomem_class[2 + i % 50].size));
	KUNIT_EXPECT_EQ(test, profile(test)->nr_buckets, 4U);
	KUNIT_EXPECT_EQ(test, dropped(test), 0L);
	/* 49 classes twice, and three places for them. */
	KUNIT_EXPECT_EQ(test, profile(test)->forgotten, 98ULL - 3);
	gomem_test_expect_samples(test, 16, 2, 1);
	gomem_test_expect_samples(test, gomem_class[51].size, 1, 1);
	gomem_test_expect_samples(test, gomem_class[48].size, 0, 0);
	gomem_free(held);
}

/* The same with stacks of all depths: their frames are in pieces. */
static void bucket_frames_make_room(struct kunit *test)
{
	static unsigned long frame[GOMEM_MEM_PROFILE_DEPTH], copy[GOMEM_MEM_PROFILE_DEPTH];
	struct gomem_mprof *mprof = profile(test);
	struct gomem_bucket key = { .class = 1, .size = 8 };
	unsigned int i, k, id, bad = 0;

	mprof->max_buckets = 16;
	set_rate(test, 1);
	spin_lock_irq(&mprof->lock);
	for (i = 0; i < 5000; i++) {
		key.depth = i * 7 % GOMEM_MEM_PROFILE_DEPTH + 1;
		key.hash = i;
		for (k = 0; k < key.depth; k++)
			frame[k] = i * 64UL + k;
		id = gomem_bucket_get(mprof, &key, frame);
		if (!id || gomem_bucket_get(mprof, &key, frame) != id) {
			bad++;
			continue;
		}
		gomem_bucket_stack(mprof, id, copy);
		bad += !!memcmp(copy, frame, key.depth * sizeof(*frame));
	}
	spin_unlock_irq(&mprof->lock);
	KUNIT_EXPECT_EQ(test, bad, 0U);
	KUNIT_EXPECT_LE(test, mprof->nr_chunks, (u32)GOMEM_MPROF_CHUNKS(16));
}

/* Estimates come to nothing when all is free, at whatever rates it was sampled. */
static void bucket_rates_add_up(struct kunit *test)
{
	static const u32 rates[] = { 1, 100, 4096, 3, 524288, 77, 1 << 20, 1 };
	void **objs = gomem_test_array(test, MANY);
	struct gomem_sites sites;
	u64 live = 0, bytes = 0;
	unsigned int i, k;

	profile(test)->max_depth = 1;
	for (i = 0; i < MANY; i++) {
		if (i % 30 == 0)
			set_rate(test, rates[i / 30 % ARRAY_SIZE(rates)]);
		objs[i] = gomem_test_here(test, 1024);
	}
	set_rate(test, 0);
	KUNIT_EXPECT_EQ(test, profile(test)->nr_buckets, 1U);
	for (k = 0; k < 2; k++) {
		get_sites(test, &sites);
		KUNIT_ASSERT_EQ(test, sites.nr, 1U);
		live = sites.site[0].live;
		bytes = sites.site[0].live_bytes;
		gomem_sites_put(&sites);
		if (k)
			break;
		KUNIT_EXPECT_GE(test, live, 60ULL);
		KUNIT_EXPECT_GE(test, bytes, 60 * 1024ULL);
		gomem_free_bulk(MANY, objs);
	}
	KUNIT_EXPECT_EQ(test, live, 0ULL);
	KUNIT_EXPECT_EQ(test, bytes, 0ULL);
}

/* Each free is counted by the age of its object. */
static void bucket_lifetimes(struct kunit *test)
{
	static const struct {
		u64 ms;
		unsigned int decade;
	} known[] = {
		{ 0, 0 }, { 9, 0 }, { 20, 1 }, { 95, 1 }, { 900, 2 }, { 5000, 3 },
		{ 99 * 1000, 4 }, { 999 * 1000, 5 }, { 9000 * 1000, 6 },
		{ 11000 * 1000, 7 }, { 1ULL << 36, 7 },
	};
	struct gomem_mprof *mprof = profile(test);
	u32 want[GOMEM_NR_LIFETIMES] = {};
	struct gomem_sample sample = {};
	unsigned int i;
	void *p;

	mprof->max_depth = 1;
	set_rate(test, 1);
	p = gomem_test_here(test, SIZE);
	spin_lock_irq(&mprof->lock);
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		sample.bucket = 1;
		sample.born = gomem_mprof_now() -
			      ((known[i].ms * NSEC_PER_MSEC) >> GOMEM_MPROF_TICK);
		gomem_bucket_count(mprof, 1, SIZE, 0);
		gomem_bucket_free(mprof, sample);
		want[known[i].decade]++;
	}
	spin_unlock_irq(&mprof->lock);
	for (i = 0; i < GOMEM_NR_LIFETIMES; i++)
		KUNIT_EXPECT_EQ(test, mprof->bucket[1].lifetime[i], want[i]);
	gomem_free(p);
}

static struct kunit_case gomem_mprofbucket_cases[] = {
	KUNIT_CASE(bucket_of_stack_and_size),
	KUNIT_CASE(bucket_memory_is_bounded),
	KUNIT_CASE(bucket_dead_make_room),
	KUNIT_CASE(bucket_frames_make_room),
	KUNIT_CASE(bucket_rates_add_up),
	KUNIT_CASE(bucket_lifetimes),
	{}
};

static struct kunit_suite gomem_mprofbucket_suite = {
	.name = "gomem_mprofbucket",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_mprofbucket_cases,
};

kunit_test_suite(gomem_mprofbucket_suite);
