// SPDX-License-Identifier: GPL-2.0
/*
 * <kunit/gomem.h>, as somebody else's test uses it: nothing of gomem's is included but
 * what scripts/graft has put in the kernel's include directories.
 *
 * A test that leaks has to fail, so it is one of its own, within a test that expects it.
 */
#include <kunit/gomem.h>
#include <linux/gomem.h>

/* A test within a test: it begins, ... */
static struct kunit *inner_begin(struct kunit *test)
{
	struct kunit *inner = kunit_kzalloc(test, sizeof(*inner), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, inner);
	kunit_init_test(inner, "one that leaks on purpose", NULL);
	KUNIT_ASSERT_EQ(test, gomem_kunit_expect_no_leaks(inner), 0);
	return inner;
}

/* ... and is over, with everything cleaned up that it has registered. */
static enum kunit_status inner_end(struct kunit *inner)
{
	kunit_cleanup(inner);
	return inner->status;
}

static void leaks_finds_none(struct kunit *test)
{
	struct kunit *inner = inner_begin(test);

	gomem_free(gomem_alloc(100, GFP_KERNEL));
	gomem_free(gomem_strdup("text", GFP_KERNEL));
	gomem_free(gomem_calloc(1000, 100, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, inner_end(inner) == KUNIT_SUCCESS);
}

static void leaks_finds_one(struct kunit *test)
{
	struct kunit *inner = inner_begin(test);
	char *leaked;

	gomem_free(gomem_alloc(100, GFP_KERNEL));
	leaked = gomem_strdup("this is what leaks", GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, inner_end(inner) == KUNIT_FAILURE);
	gomem_free(leaked);
}

/* More places than there are lines for. */
static void leaks_finds_many(struct kunit *test)
{
	struct kunit *inner = inner_begin(test);
	void *leaked[20];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leaked); i++)
		leaked[i] = gomem_alloc(8 << i, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, inner_end(inner) == KUNIT_FAILURE);
	gomem_free_bulk(ARRAY_SIZE(leaked), leaked);
}

static int take(struct kunit_resource *res, void *context)
{
	res->data = context;
	return 0;
}

static void give(struct kunit_resource *res)
{
	gomem_free(res->data);
}

/* What a test leaves to KUnit to free is no leak. */
static void leaks_waits_for_resources(struct kunit *test)
{
	struct kunit *inner = inner_begin(test);
	void *p = gomem_alloc(100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, kunit_alloc_resource(inner, take, give, GFP_KERNEL, p));
	KUNIT_EXPECT_TRUE(test, inner_end(inner) == KUNIT_SUCCESS);
}

struct late {
	struct rcu_head rcu;
};

static void late_free(struct rcu_head *rcu)
{
	gomem_free(container_of(rcu, struct late, rcu));
}

static void leaks_waits_for_rcu(struct kunit *test)
{
	struct kunit *inner = inner_begin(test);
	struct late *late = gomem_alloc(sizeof(*late), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, late);
	call_rcu(&late->rcu, late_free);
	KUNIT_EXPECT_TRUE(test, inner_end(inner) == KUNIT_SUCCESS);
}

/* A change of the rate blinds it, and then it must not say that all is well. */
static void leaks_admits_what_it_cannot_tell(struct kunit *test)
{
	unsigned int rate = gomem_mem_profile_rate();
	struct kunit *inner = inner_begin(test);

	KUNIT_ASSERT_EQ(test, gomem_mem_profile_rate(), 1U);
	gomem_set_mem_profile_rate(4096);
	KUNIT_EXPECT_TRUE(test, inner_end(inner) == KUNIT_FAILURE);
	gomem_set_mem_profile_rate(rate);
}

static void leaks_puts_the_rate_back(struct kunit *test)
{
	unsigned int rate = gomem_mem_profile_rate();

	gomem_set_mem_profile_rate(4096);
	inner_end(inner_begin(test));
	KUNIT_EXPECT_EQ(test, gomem_mem_profile_rate(), 4096U);
	gomem_set_mem_profile_rate(rate);
}

static struct kunit_case gomem_leaks_cases[] = {
	KUNIT_CASE(leaks_finds_none),
	KUNIT_CASE(leaks_finds_one),
	KUNIT_CASE(leaks_finds_many),
	KUNIT_CASE(leaks_waits_for_resources),
	KUNIT_CASE(leaks_waits_for_rcu),
	KUNIT_CASE(leaks_admits_what_it_cannot_tell),
	KUNIT_CASE(leaks_puts_the_rate_back),
	{}
};

static struct kunit_suite gomem_leaks_suite = {
	.name = "gomem_leaks",
	.test_cases = gomem_leaks_cases,
};

kunit_test_suite(gomem_leaks_suite);

/* As the documentation has it: a suite whose tests all have to free what they get. */
static void leak_free_test(struct kunit *test)
{
	void *p = gomem_alloc(100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gomem_free(p);
}

static struct kunit_case gomem_leak_free_cases[] = {
	KUNIT_CASE(leak_free_test),
	{}
};

static struct kunit_suite gomem_leak_free_suite = {
	.name = "gomem_leak_free",
	.init = gomem_kunit_expect_no_leaks,
	.test_cases = gomem_leak_free_cases,
};

kunit_test_suite(gomem_leak_free_suite);
