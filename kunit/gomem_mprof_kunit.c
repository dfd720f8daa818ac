// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile: are the right allocations sampled, is every one of them
 * counted once and its free once, and what is told of them right?
 *
 * Chance is taken out where it can be: random numbers are a grid over all there
 * are.  Where real ones are used, what is asked holds in all but one of a million
 * runs.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "../debugfs/debugfs.h"
#include "../mm/mcache-inline.h"
#include "gomem_test.h"

#define SIZE		64
#define MANY		300
#define GRID		65536U

static struct gomem_mprof *profile(struct kunit *test)
{
	return gomem_test_heap(test)->mprof;
}

static void set_rate(struct kunit *test, u32 rate)
{
	KUNIT_ASSERT_EQ(test, gomem_mprof_set_rate(gomem_test_heap(test), rate), 0);
}

/* Two places to allocate from. */
static noinline void *here(struct kunit *test, size_t size)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static noinline void *there(struct kunit *test, size_t size)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static void get_sites(struct kunit *test, struct gomem_sites *sites)
{
	KUNIT_ASSERT_EQ(test, gomem_sites_get(gomem_test_heap(test), sites), 0);
}

static noinline void *elsewhere(struct kunit *test, size_t size)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

/* Samples of objects of @size bytes, as served: ever, and of those freed. */
static void expect_samples(struct kunit *test, size_t size, u64 nmalloc,
			   u64 nfree)
{
	u64 mallocs = 0, frees = 0;
	struct gomem_sites sites;
	unsigned int i;

	get_sites(test, &sites);
	for (i = 0; i < sites.nr; i++) {
		if (sites.site[i].bucket.size != gomem_size_roundup(size))
			continue;
		mallocs += sites.site[i].bucket.nmalloc;
		frees += sites.site[i].bucket.nfree;
	}
	gomem_sites_put(&sites);
	KUNIT_EXPECT_EQ(test, mallocs, nmalloc);
	KUNIT_EXPECT_EQ(test, frees, nfree);
}

static long dropped(struct kunit *test)
{
	return atomic_long_read(&profile(test)->dropped);
}

static long bytes_taken(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;

	return atomic_long_read(&meta->bytes[GOMEM_META_BUCKHASH]);
}

/* --- Which ones. --- */

static u32 grid(u32 i)
{
	return i * (U32_MAX / GRID) + U32_MAX / GRID / 2;
}

/* An exponential distribution: its mean is the rate, its variance the square. */
static void mprof_gap_is_exponential(struct kunit *test)
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
static void mprof_die_is_fair(struct kunit *test)
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
static void mprof_scales_as_go(struct kunit *test)
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

static void mprof_refuses_rates(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);

	KUNIT_EXPECT_EQ(test, gomem_mprof_set_rate(heap, (1 << 30) + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, gomem_mprof_set_rate(heap, U32_MAX), -EINVAL);
	KUNIT_EXPECT_EQ(test, bytes_taken(test), 0L);
	atomic_set(&heap->meta->fail_nth, 1);
	KUNIT_EXPECT_EQ(test, gomem_mprof_set_rate(heap, 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, gomem_test_heap(test)->profile_rate, 0U);
	KUNIT_EXPECT_EQ(test, gomem_mprof_set_rate(heap, 1 << 30), 0);
	KUNIT_EXPECT_EQ(test, gomem_test_heap(test)->profile_rate, 1U << 30);
	KUNIT_EXPECT_GT(test, bytes_taken(test), 0L);
}

/* --- Every one, once. --- */

static void mprof_off_by_default(struct kunit *test)
{
	gomem_free(here(test, SIZE));
	KUNIT_EXPECT_EQ(test, bytes_taken(test), 0L);
	expect_samples(test, SIZE, 0, 0);
}

static const size_t some_sizes[] = { 8, 16, 100, 512, 4096, 9000, 32768, 70000 };

/* At rate 1, whatever the size, and however it is allocated. */
static void count_exactly(struct kunit *test)
{
	void **objs = gomem_test_array(test, MANY);
	unsigned int i, s;
	size_t size;

	for (s = 0; s < ARRAY_SIZE(some_sizes); s++) {
		size = some_sizes[s];
		for (i = 0; i < MANY; i++)
			objs[i] = here(test, size);
		expect_samples(test, size, MANY, 0);
		for (i = 0; i < MANY; i += 2)
			gomem_free(objs[i]);
		expect_samples(test, size, MANY, MANY / 2);
		for (i = 1; i < MANY; i += 2)
			gomem_free(objs[i]);
		expect_samples(test, size, MANY, MANY);
	}
	KUNIT_EXPECT_EQ(test, dropped(test), 0L);
}

static void mprof_counts_exactly(struct kunit *test)
{
	long before;

	set_rate(test, 1);
	before = bytes_taken(test);
	count_exactly(test);
	/* No marks are left. */
	KUNIT_EXPECT_EQ(test, bytes_taken(test), before);
}

static void mprof_counts_uncached(struct kunit *test)
{
	gomem_test_heap(test)->uncached = true;
	set_rate(test, 1);
	count_exactly(test);
}

static void mprof_counts_bulk(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = gomem_test_array(test, MANY);
	unsigned int got;

	/* Something for the depot. */
	got = gomem_heap_alloc_bulk(heap, SIZE, GFP_KERNEL, MANY, objs);
	gomem_free_bulk(got, objs);
	set_rate(test, 1);
	got = gomem_heap_alloc_bulk(heap, SIZE, GFP_KERNEL, MANY, objs);
	KUNIT_ASSERT_EQ(test, got, MANY);
	expect_samples(test, SIZE, MANY, 0);
	gomem_free_bulk(got, objs);
	expect_samples(test, SIZE, MANY, MANY);
}

/* What goes past the mcache because an interrupt found it busy. */
static void mprof_counts_interrupts(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mcache *mc;
	void *p, *large;

	set_rate(test, 1);
	mc = gomem_test_hold_mcache(heap);
	p = gomem_heap_alloc(heap, SIZE, GFP_ATOMIC);
	large = gomem_heap_alloc(heap, 70000, GFP_ATOMIC);
	gomem_free(p);
	gomem_free(large);
	gomem_test_let_mcache(mc);
	expect_samples(test, SIZE, 1, 1);
	expect_samples(test, 70000, 1, 1);
}

/* What has been counted is not forgotten when counting begins anew. */
static void mprof_rate_keeps_numbers(struct kunit *test)
{
	static const u32 rates[] = { 1, 0, 4096, 1 << 30, 1, 524288, 0 };
	struct gomem_mcache *mc = gomem_test_mcache(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		set_rate(test, rates[i]);
		gomem_free(here(test, SIZE));
		KUNIT_EXPECT_EQ(test, i + 1ULL,
				gomem_mcache_nmalloc(mc, gomem_size_class(SIZE)));
	}
	KUNIT_EXPECT_EQ(test, profile(test)->last_rate, 524288U);
}

/*
 * A count that began by one rate and ran out by another is no sample for that:
 * there is none of 64 bytes in 2^30, but for one time in 2^24.
 */
static void mprof_rate_of_its_own_time(struct kunit *test)
{
	void *p[3];

	set_rate(test, 1);
	p[0] = here(test, SIZE);
	expect_samples(test, SIZE, 1, 0);
	/* As it is before this CPU has been told. */
	WRITE_ONCE(gomem_test_heap(test)->profile_rate, GOMEM_MPROF_MAX_RATE);
	p[1] = here(test, SIZE);
	expect_samples(test, SIZE, 1, 0);
	set_rate(test, 1);
	p[2] = here(test, SIZE);
	expect_samples(test, SIZE, 2, 0);
	gomem_free_bulk(ARRAY_SIZE(p), p);
	expect_samples(test, SIZE, 2, 2);
}

/* Only those that were sampled count when they are freed. */
static void mprof_neighbours(struct kunit *test)
{
	void *before = here(test, SIZE), *sampled, *after;
	struct gomem_span *span;

	set_rate(test, 1);
	sampled = here(test, SIZE);
	set_rate(test, 0);
	after = here(test, SIZE);
	span = gomem_span_of(sampled);
	KUNIT_ASSERT_PTR_EQ(test, gomem_span_of(before), span);
	KUNIT_ASSERT_PTR_EQ(test, gomem_span_of(after), span);
	KUNIT_EXPECT_TRUE(test, gomem_span_is_sampled(span));
	gomem_free(before);
	gomem_free(after);
	expect_samples(test, SIZE, 1, 0);
	gomem_free(sampled);
	expect_samples(test, SIZE, 1, 1);
	KUNIT_EXPECT_FALSE(test, gomem_span_is_sampled(span));
	/* Whoever gets it next is not taken for a sample. */
	gomem_free(here(test, SIZE));
	expect_samples(test, SIZE, 1, 1);
}

/* In the default heap the tag says where to look for marks. */
static void mprof_tags(struct kunit *test)
{
	unsigned int rate = gomem_mem_profile_rate();
	unsigned int class = gomem_size_class(SIZE);
	void *sampled, *other;

	KUNIT_ASSERT_EQ(test, gomem_set_mem_profile_rate(1), 0);
	sampled = gomem_alloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, gomem_set_mem_profile_rate(0), 0);
	other = gomem_alloc(SIZE, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, gomem_tag_of(sampled), (ulong)GOMEM_TAG_SAMPLED);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(sampled), (size_t)SIZE);
	KUNIT_EXPECT_TRUE(test, gomem_owns(sampled));
	gomem_free(other);
	KUNIT_EXPECT_EQ(test, gomem_tag_of(sampled), (ulong)GOMEM_TAG_SAMPLED);
	gomem_free(sampled);
	KUNIT_EXPECT_EQ(test, gomem_tag_of(sampled), (ulong)class);
	KUNIT_EXPECT_EQ(test, gomem_set_mem_profile_rate(rate), 0);
	KUNIT_EXPECT_EQ(test, gomem_check(&gomem_default_heap, NULL), 0U);
}

/* A wrong free takes no mark off, and a sampled object can be freed only once. */
static void mprof_wrong_frees(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	char *p;

	heap->uncached = true;
	set_rate(test, 1);
	p = here(test, SIZE);
	here(test, SIZE);
	gomem_free(p + 8);
	expect_samples(test, SIZE, 2, 0);
	gomem_free(p);
	expect_samples(test, SIZE, 2, 1);
	gomem_free(p);
	expect_samples(test, SIZE, 2, 1);
	KUNIT_EXPECT_EQ(test, gomem_test_events(heap, GOMEM_EV_BAD_FREE), 2L);
	/* The other one is leaked, with its mark. */
	((struct gomem_test *)test->priv)->expect_leaks = true;
}

static void mprof_realloc(struct kunit *test)
{
	unsigned int rate = gomem_mem_profile_rate();
	struct gomem_span *span;
	void *p, *q;

	KUNIT_ASSERT_EQ(test, gomem_set_mem_profile_rate(1), 0);
	p = gomem_alloc(100, GFP_KERNEL);
	span = gomem_span_of(p);
	q = gomem_realloc(p, 80, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, p, q);
	KUNIT_EXPECT_TRUE(test, gomem_span_is_sampled(span));
	q = gomem_realloc(p, 1000, GFP_KERNEL);
	KUNIT_EXPECT_PTR_NE(test, p, q);
	KUNIT_EXPECT_FALSE(test, gomem_span_is_sampled(span));
	KUNIT_EXPECT_TRUE(test, gomem_span_is_sampled(gomem_span_of(q)));
	gomem_free(q);
	KUNIT_EXPECT_EQ(test, gomem_set_mem_profile_rate(rate), 0);
}

/* Threads and a timer interrupt; in the end all has been freed once. */
static void mprof_holds_under_load(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_load *load;
	struct gomem_sites sites;
	u64 mallocs = 0, frees = 0;
	unsigned int i;

	load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load);
	gomem_load_start(load, heap, 2);
	for (i = 0; test->status == KUNIT_SUCCESS &&
	     (atomic_long_read(&load->interrupts) < GOMEM_LOAD_INTERRUPTS / 4 ||
	      atomic_long_read(&load->allocated) < 5000); i++) {
		set_rate(test, i % 2 ? 1 : 4096);
		get_sites(test, &sites);
		while (sites.nr--)
			KUNIT_EXPECT_LE(test, sites.site[sites.nr].bucket.nfree,
					sites.site[sites.nr].bucket.nmalloc);
		gomem_sites_put(&sites);
		schedule();
	}
	gomem_load_stop(load);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&load->corrupt), 0L);

	get_sites(test, &sites);
	while (sites.nr--) {
		mallocs += sites.site[sites.nr].bucket.nmalloc;
		frees += sites.site[sites.nr].bucket.nfree;
		KUNIT_EXPECT_EQ(test, sites.site[sites.nr].bucket.live_weight, 0ULL);
	}
	gomem_sites_put(&sites);
	KUNIT_EXPECT_GT(test, mallocs, 0ULL);
	KUNIT_EXPECT_EQ(test, mallocs, frees);
}

/* --- Estimates. --- */

#define ESTIMATED	(IS_ENABLED(CONFIG_KASAN) ? 50000 : 1000000)

/* The variance is nr (1 - p) / p; @per_mille of it is that of one object. */
static void expect_estimate(struct kunit *test, u32 size, u64 variance_per_mille)
{
	struct gomem_sites sites;
	u64 objects = 0, bytes = 0;
	unsigned int i;
	s64 error, allowed;

	for (i = 0; i < ESTIMATED; i++)
		gomem_free(here(test, size));
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

static void mprof_estimates(struct kunit *test)
{
	profile(test)->max_depth = 1;
	set_rate(test, 4096);
	expect_estimate(test, 16, 255500);
	expect_estimate(test, 512, 7511);
	expect_estimate(test, 4096, 582);
	expect_estimate(test, 65536, 0);
	KUNIT_EXPECT_EQ(test, dropped(test), 0L);
}

/* --- Buckets. --- */

/* One for each stack and size, at whatever rates it was sampled. */
static void mprof_buckets(struct kunit *test)
{
	u32 *nr = &profile(test)->nr_buckets;

	/* Whatever the compiler does to the callers of these two. */
	profile(test)->max_depth = 1;
	set_rate(test, 1);
	gomem_free(here(test, SIZE));
	gomem_free(here(test, SIZE));
	KUNIT_EXPECT_EQ(test, *nr, 1U);
	gomem_free(there(test, SIZE));
	KUNIT_EXPECT_EQ(test, *nr, 2U);
	gomem_free(there(test, 2 * SIZE));
	KUNIT_EXPECT_EQ(test, *nr, 3U);
	set_rate(test, 2);
	gomem_free(here(test, 70000));
	gomem_free(here(test, 70000));
	KUNIT_EXPECT_EQ(test, *nr, 4U);
	set_rate(test, 3);
	gomem_free(here(test, 70000));
	KUNIT_EXPECT_EQ(test, *nr, 4U);
}

static noinline void *atomic_here(struct kunit *test)
{
	void *p = gomem_heap_alloc(gomem_test_heap(test), SIZE, GFP_ATOMIC);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

/*
 * Who may not sleep is not kept for long: where the heap has grown, or while interrupts
 * are off, no stack is walked.
 */
static void mprof_brief(struct kunit *test)
{
	unsigned int i, brief = 0, deep = 0;
	bool off = !IS_ENABLED(CONFIG_PREEMPT_RT);
	struct gomem_sites sites;
	unsigned long flags;
	void *p[4];

	set_rate(test, 1);
	for (i = 0; i < ARRAY_SIZE(p) - 1; i++)
		p[i] = i < 2 ? atomic_here(test) : here(test, SIZE);
	/* Where PREEMPT_RT lets nobody allocate like that, it is another deep one. */
	if (off)
		local_irq_save(flags);
	p[i] = gomem_heap_alloc(gomem_test_heap(test), SIZE, GFP_ATOMIC);
	if (off)
		local_irq_restore(flags);
	KUNIT_ASSERT_NOT_NULL(test, p[i]);
	get_sites(test, &sites);
	for (i = 0; i < sites.nr; i++)
		*(sites.site[i].bucket.depth == 1 ? &brief : &deep) +=
			sites.site[i].bucket.nmalloc;
	gomem_sites_put(&sites);
	gomem_free_bulk(ARRAY_SIZE(p), p);
	KUNIT_EXPECT_EQ(test, brief + deep, 4U);
	if (!deep)
		kunit_skip(test, "no stack can be walked here");
	KUNIT_EXPECT_EQ(test, brief, 1U + off);
}

/* What has no room is dropped, and nothing else happens to it. */
static void mprof_memory_is_bounded(struct kunit *test)
{
	unsigned int i;
	void *p[8];
	long before;

	profile(test)->max_buckets = 4;
	profile(test)->max_depth = 1;
	set_rate(test, 1);
	before = bytes_taken(test);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = here(test, 16 * (i + 1));
	/* Of the first one's bucket, which goes on. */
	gomem_free(here(test, 16));
	KUNIT_EXPECT_EQ(test, profile(test)->nr_buckets, 4U);
	KUNIT_EXPECT_EQ(test, dropped(test), 4L);
	expect_samples(test, 16, 2, 1);
	expect_samples(test, 128, 0, 0);
	gomem_free_bulk(ARRAY_SIZE(p), p);
	KUNIT_EXPECT_EQ(test, bytes_taken(test), before);
	KUNIT_EXPECT_EQ(test, profile(test)->forgotten, 0ULL);
}

/* What holds nothing makes room, the longest dead first; what holds something stays. */
static void mprof_dead_make_room(struct kunit *test)
{
	unsigned int i;
	void *held;

	profile(test)->max_buckets = 4;
	profile(test)->max_depth = 1;
	set_rate(test, 1);
	held = here(test, 16);
	for (i = 1; i < 100; i++)
		gomem_free(here(test, gomem_class[2 + i % 50].size));
	KUNIT_EXPECT_EQ(test, profile(test)->nr_buckets, 4U);
	KUNIT_EXPECT_EQ(test, dropped(test), 0L);
	/* 49 classes twice, and three places for them. */
	KUNIT_EXPECT_EQ(test, profile(test)->forgotten, 98ULL - 3);
	expect_samples(test, 16, 2, 1);
	expect_samples(test, gomem_class[51].size, 1, 1);
	expect_samples(test, gomem_class[48].size, 0, 0);
	gomem_free(held);
}

/* The same with stacks of all depths: their frames are in pieces. */
static void mprof_frames_make_room(struct kunit *test)
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
static void mprof_rates_add_up(struct kunit *test)
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
		objs[i] = here(test, 1024);
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

/* What a sample stands for, as it is kept: to one part in 4096. */
static void mprof_weights(struct kunit *test)
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

/* A bucket whose only sample has been dropped, among others, has no place in a reading. */
static void mprof_reading_after_drop(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *first = here(test, SIZE), *p, *q[4];
	unsigned int i, frames = 0;
	struct gomem_reading r;

	set_rate(test, 1);
	atomic_set(&heap->meta->fail_nth, 1);
	p = here(test, SIZE);
	KUNIT_EXPECT_EQ(test, dropped(test), 1L);
	for (i = 0; i < ARRAY_SIZE(q); i++)
		q[i] = there(test, 1024 << i);
	KUNIT_ASSERT_EQ(test, gomem_reading_get(heap, &r), 0);
	for (i = 0; i < r.sites.nr; i++) {
		KUNIT_EXPECT_PTR_EQ(test, (void *)r.sites.site[i].stack,
				    (void *)(r.sites.frames + frames));
		frames += r.sites.site[i].bucket.depth;
	}
	gomem_reading_put(&r);
	gomem_free_bulk(ARRAY_SIZE(q), q);
	gomem_free(p);
	gomem_free(first);
}

/* Of more places than there is room for, the largest one is told. */
static void mprof_largest_holder(struct kunit *test)
{
	struct gomem_holder holder[2];
	void *p[3];

	profile(test)->max_depth = 1;
	set_rate(test, 1);
	p[0] = here(test, 16);
	p[1] = there(test, 32);
	p[2] = elsewhere(test, 1 << 20);
	KUNIT_EXPECT_EQ(test, gomem_mprof_holders(gomem_test_heap(test), holder, 2), 2U);
	KUNIT_EXPECT_GE(test, holder[0].bytes, 1ULL << 20);
	gomem_free_bulk(ARRAY_SIZE(p), p);
}

/* Is that in the function of that name?  Whatever the compiler has added to it. */
static bool is_in(const struct gomem_departure *d, unsigned long address)
{
	const char *function = d->what;
	char name[32];

	snprintf(name, sizeof(name), "%pB", (void *)address);
	return !strncmp(name, function, strlen(function));
}

/* lockdep sees in which order readers and a module that goes take their locks. */
static void mprof_lock_order(struct kunit *test)
{
	struct gomem_departure nothing = { .inside = is_in, .what = "nobody" };
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_sites sites;

	set_rate(test, 1);
	down_read(&gomem_heaps_lock);
	gomem_mprof_depart(heap, &nothing);
	up_read(&gomem_heaps_lock);
	mutex_lock(&heap->mprof->rate_mutex);
	get_sites(test, &sites);
	gomem_sites_put(&sites);
	mutex_unlock(&heap->mprof->rate_mutex);
}

/* --- Names. --- */

static void depart(struct kunit *test, const char *function, bool gone, bool unknown)
{
	struct gomem_departure d = {
		.inside = is_in,
		.what = function,
		.module = "owner",
		.gone = gone,
		.unknown = unknown,
	};

	gomem_mprof_depart(gomem_test_heap(test), &d);
}

/* How many sites have a first frame that is called that? */
static unsigned int sites_named(struct kunit *test, const char *want)
{
	char *name = kunit_kzalloc(test, GOMEM_NAME_SIZE, GFP_KERNEL);
	struct gomem_sites sites;
	unsigned int i, n = 0;

	KUNIT_ASSERT_NOT_NULL(test, name);
	get_sites(test, &sites);
	for (i = 0; i < sites.nr; i++) {
		gomem_frame_name(name, GOMEM_NAME_SIZE, sites.site[i].stack[0],
				 sites.site[i].bucket.named & 1);
		n += !strncmp(name, want, strlen(want));
	}
	gomem_sites_put(&sites);
	return n;
}

/* What is at the address afterwards has no part in it. */
static void mprof_names_are_kept(struct kunit *test)
{
	struct gomem_mprof *mprof = profile(test);
	void *p, *q;

	mprof->max_depth = 1;
	set_rate(test, 1);
	p = here(test, SIZE);
	q = there(test, SIZE);
	KUNIT_EXPECT_EQ(test, mprof->nr_buckets, 2U);
	depart(test, "here", false, false);
	KUNIT_EXPECT_EQ(test, mprof->nr_symbols, 1U);
	KUNIT_EXPECT_EQ(test, sites_named(test, "here+0x"), 1U);
	KUNIT_EXPECT_EQ(test, sites_named(test, "there+0x"), 1U);
	/* Other code at the same address has a bucket of its own. */
	gomem_free(here(test, SIZE));
	KUNIT_EXPECT_EQ(test, mprof->nr_buckets, 3U);
	/* It goes, too: the same name, and another one for what is gone. */
	depart(test, "here", true, false);
	KUNIT_EXPECT_EQ(test, sites_named(test, "here+0x"), 2U);
	KUNIT_EXPECT_EQ(test, mprof->nr_symbols, 2U);
	gomem_free(p);
	depart(test, "there", false, true);
	KUNIT_EXPECT_EQ(test, sites_named(test, "[gone]"), 1U);
	gomem_free(q);
}

/* Names that are those of a module that goes are told to be gone. */
static void mprof_names_of_gone(struct kunit *test)
{
	struct gomem_departure d = {
		.inside = is_in,
		.what = "here",
		.module = "owner",
	};
	struct gomem_mprof *mprof = profile(test);
	struct gomem_symbol *symbol;
	unsigned int i, gone = 0;
	void *p;

	mprof->max_depth = 1;
	set_rate(test, 1);
	p = here(test, SIZE);
	gomem_mprof_depart(gomem_test_heap(test), &d);
	/* As it is called where it is in a module. */
	hash_for_each(mprof->symbols, i, symbol, node)
		strscpy(symbol->name, "h [owner]", sizeof("h [owner]"));
	d.what = "nowhere";
	d.gone = true;
	d.module = "own";
	gomem_mprof_depart(gomem_test_heap(test), &d);
	KUNIT_EXPECT_EQ(test, sites_named(test, "h [owner] (gone)"), 0U);
	d.module = "owner";
	gomem_mprof_depart(gomem_test_heap(test), &d);
	KUNIT_EXPECT_EQ(test, sites_named(test, "h [owner] (gone)"), 1U);
	hash_for_each(mprof->symbols, i, symbol, node)
		gone += symbol->gone;
	KUNIT_EXPECT_EQ(test, gone, 1U);
	/* Once is enough. */
	gomem_mprof_depart(gomem_test_heap(test), &d);
	KUNIT_EXPECT_EQ(test, sites_named(test, "h [owner] (gone) (gone)"), 0U);
	gomem_free(p);
}

/* --- What is kept. --- */

static u64 kept(struct kunit *test, enum gomem_kept which, size_t size)
{
	struct gomem_keep *keep = &profile(test)->kept[which];
	struct gomem_sites sites;
	unsigned int i;
	u64 sum = 0;

	get_sites(test, &sites);
	for (i = 0; i < sites.nr && keep->live_weight; i++)
		if (sites.site[i].bucket.size == gomem_size_roundup(size))
			sum += gomem_weight_objects(keep->live_weight[sites.site[i].id]);
	gomem_sites_put(&sites);
	return sum;
}

static void mprof_keeps_peak(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_keep *peak = &profile(test)->kept[GOMEM_KEPT_PEAK];
	void **objs = gomem_test_array(test, MANY);
	unsigned int i;

	gomem_reclaim_stop(heap);
	set_rate(test, 1);
	for (i = 0; i < MANY; i++)
		objs[i] = here(test, 1024);
	gomem_mprof_look(heap, MANY * 1024);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_PEAK, 1024), (u64)MANY);
	KUNIT_EXPECT_EQ(test, peak->live, MANY * 1024ULL);
	gomem_free_bulk(MANY, objs);
	gomem_mprof_look(heap, 0);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_PEAK, 1024), (u64)MANY);
	/* More, but not by a tenth; then by a tenth. */
	gomem_mprof_look(heap, MANY * 1024 + SZ_16K);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_PEAK, 1024), (u64)MANY);
	gomem_mprof_look(heap, MANY * 1024 + SZ_64K);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_PEAK, 1024), 0ULL);
	gomem_mprof_mark_peak(heap);
	KUNIT_EXPECT_EQ(test, peak->when, 0LL);
	KUNIT_ASSERT_EQ(test, gomem_reclaim_start(heap), 0);
}

static void mprof_keeps_failure(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_keep *oom = &profile(test)->kept[GOMEM_KEPT_OOM];
	void *p;

	gomem_reclaim_stop(heap);
	profile(test)->max_buckets = 1;
	set_rate(test, 1);
	p = here(test, 512);
	gomem_mprof_look(heap, 512);
	KUNIT_EXPECT_EQ(test, oom->when, 0LL);
	gomem_count_oom(heap);
	gomem_mprof_look(heap, 512);
	KUNIT_EXPECT_GT(test, oom->when, 0LL);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_OOM, 512), 1ULL);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_PEAK, 512), 0ULL);
	/* Of several in a second, the first one counts: then its memory is still there. */
	gomem_count_oom(heap);
	oom->when = ktime_get_real_seconds();
	gomem_mprof_look(heap, 512);
	gomem_free(p);
	oom->when--;
	gomem_mprof_look(heap, 0);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_OOM, 512), 1ULL);
	/* It is kept, or told that it is not, when its place is another's. */
	gomem_free(here(test, 16));
	KUNIT_EXPECT_EQ(test, oom->lost, 512ULL);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_OOM, 16), 0ULL);
	/* While a profile is taken, what it has not come to is of the one before. */
	oom->nr = 0;
	oom->live_weight[1] = 1ULL << 30;
	gomem_free(here(test, 32));
	KUNIT_EXPECT_EQ(test, oom->lost, 512ULL);
	KUNIT_ASSERT_EQ(test, gomem_reclaim_start(heap), 0);
}

/* --- Marks, records. --- */

static void mprof_no_memory_for_marks(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *kept = here(test, SIZE), *p;

	set_rate(test, 1);
	atomic_set(&heap->meta->fail_nth, 1);
	p = here(test, SIZE);
	KUNIT_EXPECT_EQ(test, atomic_read(&heap->meta->fail_nth), 0);
	KUNIT_EXPECT_EQ(test, dropped(test), 1L);
	gomem_free(p);
	gomem_free(kept);
	expect_samples(test, SIZE, 0, 0);
}

static void mprof_holds(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	u64 now = gomem_mprof_now();
	struct gomem_hold hold[3];
	struct gomem_span *span;
	void *small, *large;

	profile(test)->max_depth = 1;
	set_rate(test, 1);
	small = here(test, SIZE);
	large = here(test, 70000);
	gomem_mprof_holds(heap, hold, 2);
	KUNIT_EXPECT_GE(test, hold[1].age, 1ULL);
	KUNIT_EXPECT_LE(test, hold[1].age, 1 + gomem_mprof_age(now));
	KUNIT_EXPECT_LE(test, hold[2].age, 1 + gomem_mprof_age(now));
	/* What is beside it waits in a magazine, or in the span. */
	span = gomem_span_of(small);
	KUNIT_EXPECT_EQ(test, hold[1].pinned,
			(gomem_span_bytes(span) - (u64)span->nalloc * SIZE) / span->nalloc);
	KUNIT_EXPECT_EQ(test, hold[2].pinned, 0ULL);
	gomem_span_of(large)->large.born = now - 1000;
	gomem_mprof_holds(heap, hold, 2);
	KUNIT_EXPECT_GE(test, hold[2].age, 1001ULL);
	gomem_free(small);
	gomem_free(large);
	gomem_mprof_holds(heap, hold, 2);
	KUNIT_EXPECT_EQ(test, hold[1].age, 0ULL);
	KUNIT_EXPECT_EQ(test, hold[2].age, 0ULL);
}

/* Each free is counted by the age of its object. */
static void mprof_lifetimes(struct kunit *test)
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
	p = here(test, SIZE);
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

static void mprof_records(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mem_profile_record *r;
	void *p;

	r = kunit_kcalloc(test, 2, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	profile(test)->max_depth = 1;
	set_rate(test, 1);
	p = here(test, 100);
	gomem_free(there(test, 100));
	KUNIT_EXPECT_EQ(test, gomem_heap_mem_profile(heap, NULL, 0, true), 2UL);
	KUNIT_EXPECT_EQ(test, gomem_heap_mem_profile(heap, r, 2, false), 1UL);
	KUNIT_EXPECT_EQ(test, r[0].alloc_objects, 1ULL);
	KUNIT_EXPECT_EQ(test, r[0].alloc_bytes, 112ULL);
	KUNIT_EXPECT_EQ(test, r[0].free_objects, 0ULL);
	KUNIT_EXPECT_NE(test, r[0].stack[0], 0UL);
	KUNIT_EXPECT_EQ(test, r[0].stack[1], 0UL);
	KUNIT_EXPECT_EQ(test, r[1].alloc_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_heap_mem_profile(heap, r, 2, true), 2UL);
	KUNIT_EXPECT_EQ(test, r[1].free_bytes, 112ULL);
	gomem_free(p);
}

/* --- profile.proto. --- */

struct proto {
	const u8 *at, *end;
	bool bad;
};

static u64 get_varint(struct proto *in)
{
	unsigned int shift;
	u64 value = 0;

	for (shift = 0; shift < 64; shift += 7) {
		if (in->at == in->end)
			break;
		value |= (u64)(*in->at & 0x7f) << shift;
		if (!(*in->at++ & 0x80))
			return value;
	}
	in->bad = true;
	return 0;
}

/* The next field: its number, and its value or what is in it. */
static unsigned int get_field(struct proto *in, u64 *value, struct proto *inner)
{
	u64 key = get_varint(in);

	*inner = (struct proto) {};
	*value = get_varint(in);
	if ((key & 7) == 2 && *value <= in->end - in->at) {
		inner->at = in->at;
		inner->end = in->at + *value;
		in->at = inner->end;
	} else if (key & 7) {
		in->bad = true;
	}
	return key >> 3;
}

/* The four values of a sample. */
static void read_sample(struct proto *in, u64 *values)
{
	struct proto inner;
	unsigned int i;
	u64 value;

	while (in->at < in->end && !in->bad) {
		if (get_field(in, &value, &inner) != 2)
			continue;
		for (i = 0; i < 4; i++)
			values[i] = get_varint(&inner);
	}
}

static void mprof_encodes(struct kunit *test)
{
	struct gomem_blob blob = {};
	struct proto in, inner;
	unsigned int count[16] = {};
	unsigned int field;
	u64 value, values[4] = {};
	void *p;

	profile(test)->max_depth = 1;
	set_rate(test, 1);
	p = here(test, 100);
	gomem_free(here(test, 100));
	KUNIT_ASSERT_EQ(test, 0,
			gomem_profile_encode(gomem_test_heap(test), &blob));
	in = (struct proto) { .at = blob.data, .end = blob.data + blob.len };
	while (in.at < in.end && !in.bad) {
		field = get_field(&in, &value, &inner);
		KUNIT_ASSERT_LT(test, field, 16U);
		count[field]++;
		if (field == 2)
			read_sample(&inner, values);
		if (field == 12)
			KUNIT_EXPECT_EQ(test, value, 1ULL);
		/* The first string is the empty one. */
		if (field == 6 && count[6] == 1)
			KUNIT_EXPECT_PTR_EQ(test, inner.at, inner.end);
	}
	KUNIT_EXPECT_FALSE(test, in.bad);
	KUNIT_EXPECT_EQ(test, count[1], 4U);	/* sample types */
	KUNIT_EXPECT_EQ(test, count[2], 1U);	/* samples */
	KUNIT_EXPECT_EQ(test, count[3], 1U);	/* mappings */
	KUNIT_EXPECT_EQ(test, count[4], 1U);	/* locations */
	KUNIT_EXPECT_EQ(test, count[5], 1U);	/* functions */
	KUNIT_EXPECT_EQ(test, values[0], 2ULL);
	KUNIT_EXPECT_EQ(test, values[1], 224ULL);
	KUNIT_EXPECT_EQ(test, values[2], 1ULL);
	KUNIT_EXPECT_EQ(test, values[3], 112ULL);
	kvfree(blob.data);
	gomem_free(p);
}

/* Also one that is larger than a buffer is at first, and an empty one. */
static void mprof_encodes_any_number(struct kunit *test)
{
	struct gomem_blob blob = {};
	unsigned int size;

	KUNIT_EXPECT_EQ(test, 0,
			gomem_profile_encode(gomem_test_heap(test), &blob));
	KUNIT_EXPECT_GT(test, blob.len, 0UL);
	kvfree(blob.data);
	blob = (struct gomem_blob) {};
	set_rate(test, 1);
	for (size = 8; size <= GOMEM_LEAST_WHOLE; size += size < 4096 ? 8 : 4096) {
		gomem_free(here(test, size));
		gomem_free(there(test, size));
	}
	KUNIT_EXPECT_EQ(test, 0,
			gomem_profile_encode(gomem_test_heap(test), &blob));
	KUNIT_EXPECT_GT(test, blob.len, 4096UL);
	kvfree(blob.data);
}

static struct kunit_case gomem_mprof_cases[] = {
	KUNIT_CASE(mprof_gap_is_exponential),
	KUNIT_CASE(mprof_die_is_fair),
	KUNIT_CASE(mprof_scales_as_go),
	KUNIT_CASE(mprof_refuses_rates),
	KUNIT_CASE(mprof_off_by_default),
	KUNIT_CASE(mprof_counts_exactly),
	KUNIT_CASE(mprof_counts_uncached),
	KUNIT_CASE(mprof_counts_bulk),
	KUNIT_CASE(mprof_counts_interrupts),
	KUNIT_CASE(mprof_rate_keeps_numbers),
	KUNIT_CASE(mprof_rate_of_its_own_time),
	KUNIT_CASE(mprof_neighbours),
	KUNIT_CASE(mprof_tags),
	KUNIT_CASE(mprof_wrong_frees),
	KUNIT_CASE(mprof_realloc),
	KUNIT_CASE(mprof_holds_under_load),
	KUNIT_CASE(mprof_estimates),
	KUNIT_CASE(mprof_buckets),
	KUNIT_CASE(mprof_brief),
	KUNIT_CASE(mprof_memory_is_bounded),
	KUNIT_CASE(mprof_dead_make_room),
	KUNIT_CASE(mprof_frames_make_room),
	KUNIT_CASE(mprof_rates_add_up),
	KUNIT_CASE(mprof_weights),
	KUNIT_CASE(mprof_reading_after_drop),
	KUNIT_CASE(mprof_largest_holder),
	KUNIT_CASE(mprof_lock_order),
	KUNIT_CASE(mprof_names_are_kept),
	KUNIT_CASE(mprof_names_of_gone),
	KUNIT_CASE(mprof_keeps_peak),
	KUNIT_CASE(mprof_keeps_failure),
	KUNIT_CASE(mprof_no_memory_for_marks),
	KUNIT_CASE(mprof_holds),
	KUNIT_CASE(mprof_lifetimes),
	KUNIT_CASE(mprof_records),
	KUNIT_CASE(mprof_encodes),
	KUNIT_CASE(mprof_encodes_any_number),
	{}
};

static struct kunit_suite gomem_mprof_suite = {
	.name = "gomem_mprof",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_mprof_cases,
};

kunit_test_suite(gomem_mprof_suite);
