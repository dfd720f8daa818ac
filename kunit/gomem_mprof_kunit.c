// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile: is every sampled allocation counted once, and its free once, however
 * it is allocated and freed?
 */
#include <linux/irqflags.h>

#include "../mm/mcache-inline.h"
#include "gomem_mprof_test.h"

#define SIZE		64
#define MANY		300

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

static void mprof_off_by_default(struct kunit *test)
{
	gomem_free(gomem_test_here(test, SIZE));
	KUNIT_EXPECT_EQ(test, bytes_taken(test), 0L);
	gomem_test_expect_samples(test, SIZE, 0, 0);
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
			objs[i] = gomem_test_here(test, size);
		gomem_test_expect_samples(test, size, MANY, 0);
		for (i = 0; i < MANY; i += 2)
			gomem_free(objs[i]);
		gomem_test_expect_samples(test, size, MANY, MANY / 2);
		for (i = 1; i < MANY; i += 2)
			gomem_free(objs[i]);
		gomem_test_expect_samples(test, size, MANY, MANY);
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
	gomem_test_expect_samples(test, SIZE, MANY, 0);
	gomem_free_bulk(got, objs);
	gomem_test_expect_samples(test, SIZE, MANY, MANY);
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
	gomem_test_expect_samples(test, SIZE, 1, 1);
	gomem_test_expect_samples(test, 70000, 1, 1);
}

/* What has been counted is not forgotten when counting begins anew. */
static void mprof_rate_keeps_numbers(struct kunit *test)
{
	static const u32 rates[] = { 1, 0, 4096, 1 << 30, 1, 524288, 0 };
	struct gomem_mcache *mc = gomem_test_mcache(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		set_rate(test, rates[i]);
		gomem_free(gomem_test_here(test, SIZE));
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
	p[0] = gomem_test_here(test, SIZE);
	gomem_test_expect_samples(test, SIZE, 1, 0);
	/* As it is before this CPU has been told. */
	WRITE_ONCE(gomem_test_heap(test)->profile_rate, GOMEM_MPROF_MAX_RATE);
	p[1] = gomem_test_here(test, SIZE);
	gomem_test_expect_samples(test, SIZE, 1, 0);
	set_rate(test, 1);
	p[2] = gomem_test_here(test, SIZE);
	gomem_test_expect_samples(test, SIZE, 2, 0);
	gomem_free_bulk(ARRAY_SIZE(p), p);
	gomem_test_expect_samples(test, SIZE, 2, 2);
}

/* Only those that were sampled count when they are freed. */
static void mprof_neighbours(struct kunit *test)
{
	void *before = gomem_test_here(test, SIZE), *sampled, *after;
	struct gomem_span *span;

	set_rate(test, 1);
	sampled = gomem_test_here(test, SIZE);
	set_rate(test, 0);
	after = gomem_test_here(test, SIZE);
	span = gomem_span_of(sampled);
	KUNIT_ASSERT_PTR_EQ(test, gomem_span_of(before), span);
	KUNIT_ASSERT_PTR_EQ(test, gomem_span_of(after), span);
	KUNIT_EXPECT_TRUE(test, gomem_span_is_sampled(span));
	gomem_free(before);
	gomem_free(after);
	gomem_test_expect_samples(test, SIZE, 1, 0);
	gomem_free(sampled);
	gomem_test_expect_samples(test, SIZE, 1, 1);
	KUNIT_EXPECT_FALSE(test, gomem_span_is_sampled(span));
	/* Whoever gets it next is not taken for a sample. */
	gomem_free(gomem_test_here(test, SIZE));
	gomem_test_expect_samples(test, SIZE, 1, 1);
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
	p = gomem_test_here(test, SIZE);
	gomem_test_here(test, SIZE);
	gomem_free(p + 8);
	gomem_test_expect_samples(test, SIZE, 2, 0);
	gomem_free(p);
	gomem_test_expect_samples(test, SIZE, 2, 1);
	gomem_free(p);
	gomem_test_expect_samples(test, SIZE, 2, 1);
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

static void mprof_no_memory_for_marks(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void *kept = gomem_test_here(test, SIZE), *p;

	set_rate(test, 1);
	atomic_set(&heap->meta->fail_nth, 1);
	p = gomem_test_here(test, SIZE);
	KUNIT_EXPECT_EQ(test, atomic_read(&heap->meta->fail_nth), 0);
	KUNIT_EXPECT_EQ(test, dropped(test), 1L);
	gomem_free(p);
	gomem_free(kept);
	gomem_test_expect_samples(test, SIZE, 0, 0);
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
		p[i] = i < 2 ? atomic_here(test) : gomem_test_here(test, SIZE);
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

static struct kunit_case gomem_mprof_cases[] = {
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
	KUNIT_CASE(mprof_no_memory_for_marks),
	KUNIT_CASE(mprof_brief),
	{}
};

static struct kunit_suite gomem_mprof_suite = {
	.name = "gomem_mprof",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_mprof_cases,
};

kunit_test_suite(gomem_mprof_suite);
