// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the stock: does an atomic caller get what was made ahead, and is there
 * something again for the next one?
 */
#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "gomem_test.h"

#define READY	3U
#define WAIT_MS	5000

/* Of one test; tests run one after the other. */
static atomic_t made, unmade, fail;

static void *make(gfp_t gfp)
{
	if (atomic_read(&fail))
		return NULL;
	atomic_inc(&made);
	return kzalloc(64, gfp);
}

static void unmake(const void *item)
{
	atomic_inc(&unmade);
	kfree(item);
}

static struct gomem_stock *new_stock(struct kunit *test)
{
	struct gomem_stock *stock = kunit_kzalloc(test, sizeof(*stock), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, stock);
	atomic_set(&made, 0);
	atomic_set(&unmade, 0);
	atomic_set(&fail, 0);
	gomem_stock_init(stock, make, unmake, ksize, READY);
	return stock;
}

/* The interrupt comes when it comes. */
static void wait_for(struct kunit *test, struct gomem_stock *stock, unsigned int nr)
{
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS && READ_ONCE(stock->nr) < nr; ms += 20)
		msleep(20);
	irq_work_sync(&stock->work);
	KUNIT_EXPECT_EQ(test, stock->nr, nr);
}

static void stock_is_filled(struct kunit *test)
{
	size_t before = gomem_stock_bytes();
	struct gomem_stock *stock = new_stock(test);

	KUNIT_EXPECT_EQ(test, stock->nr, READY);
	KUNIT_EXPECT_EQ(test, atomic_read(&made), (int)READY);
	KUNIT_EXPECT_EQ(test, gomem_stock_bytes() - before, READY * 64UL);
	gomem_stock_exit(stock);
	KUNIT_EXPECT_EQ(test, atomic_read(&unmade), (int)READY);
	KUNIT_EXPECT_EQ(test, gomem_stock_bytes(), before);
}

/*
 * On PREEMPT_RT whoever may take a lock, and so whoever may ask a stock, can be preempted
 * and makes what it needs.
 */
static void need_atomic(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "on PREEMPT_RT nobody needs a stock");
}

/* Nothing is made in the call, and everything is there again after it. */
static void stock_serves_atomic(struct kunit *test)
{
	struct gomem_stock *stock;
	void *item[READY + 1];
	unsigned long flags;
	unsigned int i;

	need_atomic(test);
	stock = new_stock(test);
	local_irq_save(flags);
	for (i = 0; i < READY; i++)
		item[i] = gomem_stock_take(stock, GFP_ATOMIC);
	KUNIT_EXPECT_EQ(test, atomic_read(&made), (int)READY);
	item[READY] = gomem_stock_take(stock, GFP_ATOMIC);
	KUNIT_EXPECT_EQ(test, atomic_read(&made), (int)READY + 1);
	local_irq_restore(flags);

	wait_for(test, stock, READY);
	KUNIT_EXPECT_EQ(test, atomic_read(&made), 2 * (int)READY + 1);
	for (i = 0; i <= READY; i++) {
		KUNIT_EXPECT_NOT_NULL(test, item[i]);
		kfree(item[i]);
	}
	gomem_stock_exit(stock);
	KUNIT_EXPECT_EQ(test, atomic_read(&unmade), (int)READY);
}

/* Who may sleep leaves it to the others, and so does who is known to have the time. */
static void stock_is_for_atomic(struct kunit *test)
{
	struct gomem_stock *stock = new_stock(test);
	void *item = gomem_stock_take(stock, GFP_KERNEL);
	int expect = READY + 1;

	KUNIT_EXPECT_EQ(test, atomic_read(&made), expect);
	kfree(item);
	if (preemptible()) {
		kfree(gomem_stock_take(stock, GFP_ATOMIC));
		KUNIT_EXPECT_EQ(test, atomic_read(&made), ++expect);
	}
	KUNIT_EXPECT_EQ(test, stock->nr, READY);
	gomem_stock_exit(stock);
}

static void *take_atomic(struct gomem_stock *stock)
{
	void *item;

	preempt_disable();
	item = gomem_stock_take(stock, GFP_ATOMIC);
	preempt_enable();
	return item;
}

/* When there is no memory the stock is used up; when there is some, it is filled. */
static void stock_without_memory(struct kunit *test)
{
	struct gomem_stock *stock;
	unsigned int i;
	void *item;

	need_atomic(test);
	stock = new_stock(test);
	atomic_set(&fail, 1);
	for (i = 0; i < READY; i++)
		kfree(take_atomic(stock));
	KUNIT_EXPECT_EQ(test, atomic_read(&made), (int)READY);
	KUNIT_EXPECT_NULL(test, take_atomic(stock));
	irq_work_sync(&stock->work);
	KUNIT_EXPECT_EQ(test, stock->nr, 0U);

	atomic_set(&fail, 0);
	item = take_atomic(stock);
	KUNIT_EXPECT_NOT_NULL(test, item);
	kfree(item);
	wait_for(test, stock, READY);
	gomem_stock_exit(stock);
}

static struct kunit_case gomem_stock_cases[] = {
	KUNIT_CASE(stock_is_filled),
	KUNIT_CASE(stock_serves_atomic),
	KUNIT_CASE(stock_is_for_atomic),
	KUNIT_CASE(stock_without_memory),
	{}
};

static struct kunit_suite gomem_stock_suite = {
	.name = "gomem_stock",
	.test_cases = gomem_stock_cases,
};

kunit_test_suites(&gomem_stock_suite);
