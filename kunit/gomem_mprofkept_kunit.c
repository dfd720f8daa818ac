// SPDX-License-Identifier: GPL-2.0
/*
 * What the heap profile keeps of what is there no more: names of code that has gone, and
 * what was held at another time.
 */
#include <linux/string.h>

#include "../debugfs/debugfs.h"
#include "gomem_mprof_test.h"

#define SIZE		64
#define MANY		300

/* Is that in the function of that name?  Whatever the compiler has added to it. */
static bool is_in(const struct gomem_departure *d, unsigned long address)
{
	const char *function = d->what;
	char name[32];

	snprintf(name, sizeof(name), "%pB", (void *)address);
	return !strncmp(name, function, strlen(function));
}

/* lockdep sees in which order readers and a module that goes take their locks. */
static void kept_lock_order(struct kunit *test)
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
static void kept_names(struct kunit *test)
{
	struct gomem_mprof *mprof = profile(test);
	void *p, *q;

	mprof->max_depth = 1;
	set_rate(test, 1);
	p = gomem_test_here(test, SIZE);
	q = gomem_test_there(test, SIZE);
	KUNIT_EXPECT_EQ(test, mprof->nr_buckets, 2U);
	depart(test, "gomem_test_here", false, false);
	KUNIT_EXPECT_EQ(test, mprof->nr_symbols, 1U);
	KUNIT_EXPECT_EQ(test, sites_named(test, "gomem_test_here+0x"), 1U);
	KUNIT_EXPECT_EQ(test, sites_named(test, "gomem_test_there+0x"), 1U);
	/* Other code at the same address has a bucket of its own. */
	gomem_free(gomem_test_here(test, SIZE));
	KUNIT_EXPECT_EQ(test, mprof->nr_buckets, 3U);
	/* It goes, too: the same name, and another one for what is gone. */
	depart(test, "gomem_test_here", true, false);
	KUNIT_EXPECT_EQ(test, sites_named(test, "gomem_test_here+0x"), 2U);
	KUNIT_EXPECT_EQ(test, mprof->nr_symbols, 2U);
	gomem_free(p);
	depart(test, "gomem_test_there", false, true);
	KUNIT_EXPECT_EQ(test, sites_named(test, "[gone]"), 1U);
	gomem_free(q);
}

/* Names that are those of a module that goes are told to be gone. */
static void kept_names_of_gone(struct kunit *test)
{
	struct gomem_departure d = {
		.inside = is_in,
		.what = "gomem_test_here",
		.module = "owner",
	};
	struct gomem_mprof *mprof = profile(test);
	struct gomem_symbol *symbol;
	unsigned int i, gone = 0;
	void *p;

	mprof->max_depth = 1;
	set_rate(test, 1);
	p = gomem_test_here(test, SIZE);
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

static void kept_peak(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_keep *peak = &profile(test)->kept[GOMEM_KEPT_PEAK];
	void **objs = gomem_test_array(test, MANY);
	unsigned int i;

	gomem_reclaim_stop(heap);
	set_rate(test, 1);
	for (i = 0; i < MANY; i++)
		objs[i] = gomem_test_here(test, 1024);
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

static void kept_failure(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_keep *oom = &profile(test)->kept[GOMEM_KEPT_OOM];
	void *p;

	gomem_reclaim_stop(heap);
	profile(test)->max_buckets = 1;
	set_rate(test, 1);
	p = gomem_test_here(test, 512);
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
	gomem_free(gomem_test_here(test, 16));
	KUNIT_EXPECT_EQ(test, oom->lost, 512ULL);
	KUNIT_EXPECT_EQ(test, kept(test, GOMEM_KEPT_OOM, 16), 0ULL);
	/* While a profile is taken, what it has not come to is of the one before. */
	oom->nr = 0;
	oom->live_weight[1] = 1ULL << 30;
	gomem_free(gomem_test_here(test, 32));
	KUNIT_EXPECT_EQ(test, oom->lost, 512ULL);
	KUNIT_ASSERT_EQ(test, gomem_reclaim_start(heap), 0);
}

static struct kunit_case gomem_mprofkept_cases[] = {
	KUNIT_CASE(kept_lock_order),
	KUNIT_CASE(kept_names),
	KUNIT_CASE(kept_names_of_gone),
	KUNIT_CASE(kept_peak),
	KUNIT_CASE(kept_failure),
	{}
};

static struct kunit_suite gomem_mprofkept_suite = {
	.name = "gomem_mprofkept",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_mprofkept_cases,
};

kunit_test_suite(gomem_mprofkept_suite);
