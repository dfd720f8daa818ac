// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of mcentral: spans that fill and empty, and the depot of magazines.
 *
 * The tests are in the place of an mcache.  They either fetch objects that
 * mcentral counts, as the path past the mcaches does, and put them back the
 * same way; or they fetch for a magazine, and then nobody counts, because an
 * mcache counts when it hands an object out.  Where a test lets a caller have
 * an object of a magazine, it counts in the mcache itself.
 */
#include <linux/percpu.h>
#include <linux/slab.h>

#include <linux/sched/mm.h>
#include <linux/sizes.h>

#include "gomem_test.h"

#define CLASS_48	4	/* 170 objects, 32 bytes of tail, far bits */
#define CLASS_1024	31	/* 8 objects */
#define CLASS_8192	50	/* 1 object */
#define CLASS_MAX	(GOMEM_NR_CLASSES - 1)

static struct gomem_mcentral *central_of(struct kunit *test, unsigned int class)
{
	return &gomem_test_node(test)->central[class];
}

static void fail_request(struct kunit *test, int nth)
{
	atomic_set(&gomem_test_heap(test)->meta->fail_nth, nth);
}

static long event(struct kunit *test, enum gomem_event ev)
{
	return gomem_test_events(gomem_test_heap(test), ev);
}

/* @nr objects, from as many spans as it takes. */
static void fetch(struct kunit *test, unsigned int class, void **objs,
		  unsigned int nr, bool count)
{
	void *single = NULL;
	unsigned int n;

	for (; nr; nr -= n, objs += n) {
		n = gomem_mcentral_fetch(central_of(test, class), objs, nr,
					 GFP_KERNEL, count, &single);
		KUNIT_ASSERT_GT(test, n, 0U);
		KUNIT_ASSERT_LE(test, n, nr);
	}
	KUNIT_EXPECT_NULL(test, single);
}

static void put(struct kunit *test, void **objs, unsigned int nr)
{
	gomem_objects_put(gomem_test_heap(test), objs, nr, NULL);
}

/* What a magazine of @class had, which an mcache has counted. */
static void put_counted(struct kunit *test, unsigned int class, void **objs,
			unsigned int nr)
{
	gomem_objects_put(gomem_test_heap(test), objs, nr,
			  central_of(test, class));
}

/* What a CPU counts when callers get and return objects of its magazines. */
static void count_in_mcache(struct kunit *test, unsigned int class,
			    unsigned int nmalloc, unsigned int nfree)
{
	struct gomem_mcache *mc;

	preempt_disable();
	mc = gomem_test_mcache(test);
	mc->class[class].left -= nmalloc;
	mc->class[class].nfree += nfree;
	preempt_enable();
}

/* A magazine with @nr objects in it. */
static struct gomem_magazine *new_full(struct kunit *test, unsigned int class,
				       unsigned int nr)
{
	struct gomem_magazine *mag;

	mag = gomem_depot_store(central_of(test, class), GOMEM_DEPOT_ANYBODY, NULL,
				nr);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	KUNIT_EXPECT_EQ(test, mag->nr, 0U);
	fetch(test, class, mag->obj, nr, false);
	mag->nr = nr;
	return mag;
}

/* @n full magazines of one object each go to the depot. */
static void fill_depot(struct kunit *test, unsigned int class, unsigned int n)
{
	while (n--)
		gomem_depot_spare(central_of(test, class),
				  new_full(test, class, 1));
}

static struct gomem_magazine *refill(struct kunit *test, unsigned int class,
				     struct gomem_magazine *mag,
				     unsigned int want, void **single)
{
	return gomem_depot_refill(central_of(test, class), GOMEM_DEPOT_ANYBODY, mag,
				  want, GFP_KERNEL, single);
}

/* --- Spans. --- */

static void mcentral_fetch(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	void *objs[16], *single = NULL;
	unsigned int i;

	fetch(test, CLASS_1024, objs, 3, true);
	KUNIT_EXPECT_EQ(test, central->nspans, 1UL);
	/* What one span has left comes at once, and no second one is made. */
	KUNIT_EXPECT_EQ(test, 5U,
			gomem_mcentral_fetch(central, objs + 3, 13, GFP_KERNEL,
					     true, &single));
	KUNIT_EXPECT_EQ(test, central->nspans, 1UL);
	KUNIT_EXPECT_TRUE(test, list_empty(&central->partial));
	fetch(test, CLASS_1024, objs + 8, 8, true);
	KUNIT_EXPECT_EQ(test, central->nspans, 2UL);
	KUNIT_EXPECT_EQ(test, central->nmalloc, 16ULL);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_PTR_EQ(test, objs[i],
				    objs[i & 8] + 1024 * (i & 7));
	put(test, objs, 16);
	KUNIT_EXPECT_EQ(test, central->nfree, 16ULL);
	KUNIT_EXPECT_EQ(test, central->nlookup, 16ULL);
	KUNIT_EXPECT_EQ(test, event(test, GOMEM_EV_LOOKUP), 0L);
}

/* For a magazine nothing is counted here, neither there nor back. */
static void mcentral_uncounted(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	void *objs[8];

	fetch(test, CLASS_1024, objs, 8, false);
	put_counted(test, CLASS_1024, objs, 8);
	KUNIT_EXPECT_EQ(test, central->nmalloc, 0ULL);
	KUNIT_EXPECT_EQ(test, central->nfree, 0ULL);
	KUNIT_EXPECT_EQ(test, central->nspans, 0UL);
}

/* One object more than fits in a span, of every class. */
static void mcentral_every_class(struct kunit *test)
{
	void **objs = gomem_test_array(test, 1025);
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		struct gomem_mcentral *central = central_of(test, class);
		unsigned int nr = gomem_class[class].nelems + 1;

		fetch(test, class, objs, nr, true);
		KUNIT_EXPECT_GE(test, central->nspans, 2UL);
		KUNIT_EXPECT_GE(test, central->slots, (unsigned long)nr);
		KUNIT_EXPECT_EQ(test, central->nmalloc, (u64)nr);
		put(test, objs, nr);
		KUNIT_EXPECT_EQ(test, central->nspans, 0UL);
		KUNIT_EXPECT_EQ(test, central->nfree, (u64)nr);
		KUNIT_EXPECT_TRUE(test, list_empty(&central->partial));
	}
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->nr_spans, 0UL);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->inuse_pages, 0UL);
}

/*
 * A span that was full is the next to be filled again; one that is half empty
 * waits until there is no other.
 */
static void mcentral_fullest_first(struct kunit *test)
{
	void *a[8], *b[8], *c[8], *objs[6];
	unsigned int i;

	fetch(test, CLASS_1024, a, 8, true);
	fetch(test, CLASS_1024, b, 8, true);
	fetch(test, CLASS_1024, c, 8, true);
	put(test, a, 1);
	put(test, b, 4);
	put(test, c, 1);

	fetch(test, CLASS_1024, objs, 6, true);
	KUNIT_EXPECT_PTR_EQ(test, objs[0], c[0]);
	KUNIT_EXPECT_PTR_EQ(test, objs[1], a[0]);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_PTR_EQ(test, objs[2 + i], b[i]);
	KUNIT_EXPECT_EQ(test, central_of(test, CLASS_1024)->nspans, 3UL);
	put(test, a, 8);
	put(test, b, 8);
	put(test, c, 8);
}

/*
 * 27264 bytes: a full-length span is three of them in ten pages.  The first ones
 * have four pages, for one; then seven, for two.
 */
static void mcentral_short_spans(struct kunit *test)
{
	static const unsigned int pages[] = { 4, 4, 7, 7, 10, 10, 10 };
	unsigned int class = gomem_size_class(27264), i;
	struct gomem_mcentral *central = central_of(test, class);
	void *objs[ARRAY_SIZE(pages)];

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		fetch(test, class, objs + i, 1, true);
		KUNIT_EXPECT_EQ(test, gomem_span_npages(gomem_span_of(objs[i])), pages[i]);
	}
	KUNIT_EXPECT_EQ(test, central->nspans, 4UL);
	KUNIT_EXPECT_EQ(test, central->npages, 25UL);
	KUNIT_EXPECT_EQ(test, central->slots, 7UL);
	KUNIT_EXPECT_TRUE(test, list_empty(&central->partial));
	put(test, objs, ARRAY_SIZE(pages));
	KUNIT_EXPECT_EQ(test, central->npages, 0UL);
	KUNIT_EXPECT_EQ(test, central->slots, 0UL);
}

/*
 * 1536 bytes: five in a page leave 512, sixteen in three pages nothing.  That is
 * worth it when what the tails come to is half such a span.  What is left of a
 * block becomes usual spans, and so does what can be had without waiting.
 */
static void mcentral_tight_spans(struct kunit *test)
{
	unsigned int class = gomem_size_class(1536), usual = 26 * 5;
	unsigned int block = 2 * 16 + 2 * 5, nr = usual + 2 * 16 + 2 * block;
	struct gomem_mcentral *central = central_of(test, class);
	void **objs = gomem_test_array(test, nr + 1), *single = NULL;

	fetch(test, class, objs, usual, true);
	KUNIT_EXPECT_EQ(test, central->nspans, 26UL);
	KUNIT_EXPECT_EQ(test, central->npages, 26UL);
	/* Six pages of the last block, and two blocks of eight. */
	fetch(test, class, objs + usual, nr - usual, true);
	KUNIT_EXPECT_EQ(test, central->nspans, 26UL + 2 + 2 * 4);
	KUNIT_EXPECT_EQ(test, central->npages, 26UL + 6 + 2 * 8);
	KUNIT_EXPECT_EQ(test, central->slots, (unsigned long)nr);
	KUNIT_EXPECT_EQ(test, gomem_span_npages(gomem_span_of(objs[usual])), 3U);
	KUNIT_EXPECT_EQ(test, gomem_span_npages(gomem_span_of(objs[nr - 1])), 1U);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->idle_pages, 0UL);

	KUNIT_EXPECT_EQ(test, 1U,
			gomem_mcentral_fetch(central, &objs[nr], 1, GFP_ATOMIC,
					     true, &single));
	KUNIT_EXPECT_NULL(test, single);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, nr + 1));
	put(test, objs, nr + 1);
	KUNIT_EXPECT_EQ(test, central->npages, 0UL);
}

/* A class whose best length is of a high order: not for who cannot wait. */
static void mcentral_tight_atomic(struct kunit *test)
{
	unsigned int class = gomem_size_class(640), nr = 1200, most = 1400;
	struct gomem_mcentral *central = central_of(test, class);
	void **objs = gomem_test_array(test, most), *single = NULL;

	fetch(test, class, objs, nr, true);
	KUNIT_EXPECT_EQ(test, gomem_span_pages(class, central->slots), 5U);
	/* All that there is room for, until the heap has to grow. */
	do {
		KUNIT_ASSERT_LT(test, nr, most);
		KUNIT_ASSERT_EQ(test, 1U,
				gomem_mcentral_fetch(central, objs + nr, 1,
						     GFP_ATOMIC, true, &single));
	} while (gomem_block_of(gomem_span_of(objs[nr++]))->npages != 1);
	KUNIT_EXPECT_EQ(test, gomem_span_of(objs[nr - 1])->class, class);
	put(test, objs, nr);
}

/* With its last object a span goes back to the page heap. */
static void mcentral_last_object(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	void *objs[8];

	fetch(test, CLASS_1024, objs, 8, true);
	KUNIT_EXPECT_TRUE(test, list_empty(&central->partial));
	put(test, objs, 7);
	KUNIT_EXPECT_EQ(test, central->nspans, 1UL);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->inuse_pages, 1UL);
	KUNIT_EXPECT_FALSE(test, list_empty(&central->partial));
	put(test, objs + 7, 1);
	KUNIT_EXPECT_EQ(test, central->nspans, 0UL);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->inuse_pages, 0UL);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->idle_pages, 8UL);
	KUNIT_EXPECT_TRUE(test, list_empty(&central->partial));
	KUNIT_EXPECT_NULL(test, gomem_span_of(objs[7]));
}

/* Objects of all classes, in turns, in one call. */
static void mcentral_put_mixed(struct kunit *test)
{
	void **objs = gomem_test_array(test, 3 * CLASS_MAX);
	unsigned int class, i;

	for (i = 0; i < 3; i++)
		for (class = 1; class <= CLASS_MAX; class++)
			fetch(test, class, &objs[i * CLASS_MAX + class - 1], 1,
			      true);
	put(test, objs, 3 * CLASS_MAX);
	for (class = 1; class <= CLASS_MAX; class++)
		KUNIT_EXPECT_EQ(test, central_of(test, class)->nfree, 3ULL);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->nr_spans, 0UL);
}

/* --- The depot. --- */

static void mcentral_exchange(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	struct gomem_magazine *first, *second, *empty, *mag;
	void *single = NULL;

	first = new_full(test, CLASS_1024, 2);
	second = new_full(test, CLASS_1024, 3);
	empty = gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, first, 1);
	KUNIT_ASSERT_NOT_NULL(test, empty);
	KUNIT_EXPECT_EQ(test, central->nr_full, 1U);
	gomem_depot_spare(central, empty);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 1U);
	mag = gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, second, 1);
	KUNIT_EXPECT_PTR_EQ(test, mag, empty);
	KUNIT_EXPECT_EQ(test, central->nr_full, 2U);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 0U);

	/* The one that came last is the warmest; the empty one stays. */
	mag = refill(test, CLASS_1024, empty, 8, &single);
	KUNIT_EXPECT_PTR_EQ(test, mag, second);
	KUNIT_EXPECT_EQ(test, mag->nr, 3U);
	KUNIT_EXPECT_EQ(test, central->nr_full, 1U);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 1U);
	KUNIT_EXPECT_PTR_EQ(test, refill(test, CLASS_1024, NULL, 8, &single),
			    first);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 1U);
	gomem_depot_spare(central, first);
	gomem_depot_spare(central, second);
	KUNIT_EXPECT_NULL(test, single);
}

#define HERE	gomem_depot_list(0)
#define THERE	gomem_depot_list(1)

/* A CPU brings a full magazine, and may want it back. */
static void bring(struct kunit *test, struct gomem_mcentral *central, unsigned int list,
		  struct gomem_magazine *full)
{
	struct gomem_magazine *mag = gomem_depot_store(central, list, full, 1);

	KUNIT_ASSERT_NOT_NULL(test, mag);
	gomem_depot_spare(central, mag);
}

/* One of one object, HERE. */
static struct gomem_magazine *keep(struct kunit *test, struct gomem_mcentral *central)
{
	struct gomem_magazine *full = new_full(test, central->class, 1);

	bring(test, central, HERE, full);
	return full;
}

/* Have the others had the time to need it? */
static void let_time_pass(struct gomem_mcentral *central, bool enough)
{
	central->looked = enough ? jiffies - HZ : jiffies + 60 * HZ;
}

/* What a CPU THERE gets if it may sleep, or not. */
static struct gomem_magazine *take_there(struct kunit *test,
					 struct gomem_mcentral *central, gfp_t gfp)
{
	struct gomem_magazine *mag;
	void *single = NULL;

	mag = gomem_depot_refill(central, THERE, NULL, 1, gfp, &single);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	KUNIT_EXPECT_NULL(test, single);
	return mag;
}

/* Who only takes leaves alone what another CPU takes back. */
static void mcentral_keeps(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_8192);
	struct gomem_magazine *a, *b, *c, *mag;
	void *single = NULL;

	let_time_pass(central, false);
	a = keep(test, central);
	b = keep(test, central);
	c = new_full(test, CLASS_8192, 1);
	mag = take_there(test, central, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, central->nr_full, 2U);
	gomem_depot_spare(central, c);
	KUNIT_EXPECT_PTR_EQ(test, take_there(test, central, GFP_KERNEL), c);
	/* The CPU itself, and who cannot wait for a span. */
	KUNIT_EXPECT_PTR_EQ(test, gomem_depot_refill(central, HERE, NULL, 1, GFP_KERNEL,
						     &single), b);
	KUNIT_EXPECT_PTR_EQ(test, take_there(test, central, GFP_ATOMIC), a);
	KUNIT_EXPECT_EQ(test, central->nr_full, 0U);
	gomem_depot_spare(central, a);
	gomem_depot_spare(central, b);
	gomem_depot_spare(central, c);
	gomem_depot_spare(central, mag);
}

/* What nobody has needed since others looked at it is for them, and returns. */
static void mcentral_keeps_no_more(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_8192);
	struct gomem_magazine *mag[4];
	void *single = NULL;
	unsigned int i;

	let_time_pass(central, false);
	for (i = 0; i < 5; i++)
		keep(test, central);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain_idle(central, THERE, true, 9), 0U);
	/* From now on.  Without others: what is THERE, none. */
	let_time_pass(central, true);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain_idle(central, THERE, true, 9), 0U);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain_idle(central, THERE, false, 9), 0U);
	let_time_pass(central, true);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain_idle(central, THERE, true, 1), 1U);
	KUNIT_EXPECT_EQ(test, central->nr_full, 4U);
	mag[0] = take_there(test, central, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, central->nr_full, 3U);
	bring(test, central, HERE, mag[0]);

	/* All of it is needed once. */
	for (i = 0; i < 4; i++)
		mag[i] = gomem_depot_refill(central, HERE, NULL, 1, GFP_KERNEL, &single);
	for (i = 0; i < 4; i++)
		bring(test, central, HERE, mag[i]);
	KUNIT_EXPECT_EQ(test, central->full[HERE].spare, 0U);
	let_time_pass(central, false);
	mag[0] = take_there(test, central, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, central->nr_full, 4U);
	gomem_depot_spare(central, mag[0]);
}

/* What one CPU has left behind does not have others lose what they need. */
static void mcentral_lists_apart(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_8192);
	struct gomem_magazine *mag;
	void *single = NULL;
	unsigned int i;

	for (i = 0; i < 3; i++)
		keep(test, central);
	bring(test, central, THERE, new_full(test, CLASS_8192, 1));
	gomem_depot_trim(central);
	gomem_depot_drain_idle(central, THERE, false, 0);
	for (i = 0; i < 3; i++) {
		mag = gomem_depot_refill(central, THERE, NULL, 1, GFP_KERNEL, &single);
		bring(test, central, THERE, mag);
		KUNIT_EXPECT_EQ(test, gomem_depot_drain_idle(central, THERE, false, 9), 0U);
		gomem_depot_trim(central);
		KUNIT_EXPECT_EQ(test, central->full[THERE].nr, 1U);
		KUNIT_EXPECT_EQ(test, central->full[HERE].nr, 0U);
	}
}

/* With nothing in the depot a magazine is filled from spans, as far as wanted. */
static void mcentral_refill_from_spans(struct kunit *test)
{
	unsigned int class = gomem_size_class(8);
	struct gomem_mcentral *central = central_of(test, class);
	void **objs = gomem_test_array(test, 1010), *single = NULL;
	struct gomem_magazine *a, *b;

	fetch(test, class, objs, 1010, true);
	a = refill(test, class, NULL, 5, &single);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_EQ(test, a->nr, 5U);
	KUNIT_EXPECT_PTR_EQ(test, a->obj[4], a->obj[0] + 32);
	b = gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, NULL, 14);
	KUNIT_EXPECT_PTR_EQ(test, refill(test, class, b, 14, &single), b);
	KUNIT_EXPECT_EQ(test, b->nr, 9U);
	KUNIT_EXPECT_PTR_EQ(test, b->obj[0], a->obj[0] + 40);
	KUNIT_EXPECT_EQ(test, central->nmalloc, 1010ULL);
	gomem_depot_spare(central, a);
	gomem_depot_spare(central, b);
	KUNIT_EXPECT_EQ(test, central->nr_full, 2U);
	KUNIT_EXPECT_NULL(test, single);
	put(test, objs, 1010);
}

/* What is given in whole magazines is taken, and no magazine got in vain. */
static void mcentral_give(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	unsigned int cap = gomem_class[CLASS_1024].mag_cap, nr = 2 * cap + 10;
	void **objs = gomem_test_array(test, nr);

	fetch(test, CLASS_1024, objs, nr, true);
	KUNIT_EXPECT_EQ(test, gomem_depot_give(central, objs, nr), 2 * cap);
	KUNIT_EXPECT_EQ(test, central->nr_full, 2U);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 0U);
	put(test, objs + 2 * cap, 10);
}

/* A magazine that is too small for what is wanted is exchanged for a larger. */
static void mcentral_magazines_grow(struct kunit *test)
{
	static const unsigned int want[] = { 1, 6, 7, 14, 15, 126, 127, 254 };
	static const unsigned int room[] = { 6, 6, 14, 14, 30, 126, 254, 254 };
	struct gomem_mcentral *central = central_of(test, CLASS_1024 - 10);
	struct gomem_magazine *mag;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, gomem_class[central->class].mag_cap, 254);
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		mag = gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, NULL, want[i]);
		KUNIT_ASSERT_NOT_NULL(test, mag);
		KUNIT_EXPECT_EQ(test, mag->room, room[i]);
		gomem_depot_spare(central, mag);
		KUNIT_EXPECT_EQ(test, central->nr_empty, 1U);
		KUNIT_EXPECT_EQ(test, central->empty_room,
				(unsigned long)room[i]);
	}
}

/* No memory for a magazine: what is full is taken all the same. */
static void mcentral_no_magazine(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	struct gomem_magazine *full = new_full(test, CLASS_1024, 8);
	void *single = NULL;

	fail_request(test, 1);
	KUNIT_EXPECT_NULL(test, gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, full, 1));
	KUNIT_EXPECT_EQ(test, central->nr_full, 1U);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain(central, 2), 1U);

	/* And for who wants objects there is one, counted here. */
	full = gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, NULL, 1);
	fail_request(test, 1);
	KUNIT_EXPECT_NULL(test, refill(test, CLASS_1024, NULL, 8, &single));
	KUNIT_ASSERT_NOT_NULL(test, single);
	KUNIT_EXPECT_EQ(test, central->nmalloc, 1ULL);
	put(test, &single, 1);
	gomem_depot_spare(central, full);
}

static void mcentral_drain(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_8192);

	fill_depot(test, CLASS_8192, 3);
	KUNIT_EXPECT_EQ(test, central->nr_full, 3U);
	KUNIT_EXPECT_EQ(test, central->nspans, 3UL);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain(central, 0), 0U);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain(central, 2), 2U);
	KUNIT_EXPECT_EQ(test, central->nr_full, 1U);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 2U);
	KUNIT_EXPECT_EQ(test, central->nspans, 1UL);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain(central, 2), 1U);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 3U);
	KUNIT_EXPECT_EQ(test, central->nspans, 0UL);
	KUNIT_EXPECT_EQ(test, central->nfree, 0ULL);
}

/* A trim returns as many as were never needed since the one before. */
static void mcentral_trim(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_8192);
	struct gomem_magazine *a, *b;
	void *single = NULL;

	fill_depot(test, CLASS_8192, 4);
	gomem_depot_trim(central);	/* it had none when it began */
	KUNIT_EXPECT_EQ(test, central->nr_full, 4U);

	a = refill(test, CLASS_8192, NULL, 1, &single);
	b = refill(test, CLASS_8192, NULL, 1, &single);
	gomem_depot_spare(central, a);
	gomem_depot_spare(central, b);
	gomem_depot_trim(central);	/* two were always there */
	KUNIT_EXPECT_EQ(test, central->nr_full, 2U);
	fill_depot(test, CLASS_8192, 1);
	gomem_depot_trim(central);	/* and these two again */
	KUNIT_EXPECT_EQ(test, central->nr_full, 1U);
	gomem_depot_trim(central);
	KUNIT_EXPECT_EQ(test, central->nr_full, 0U);
	gomem_depot_trim(central);
	KUNIT_EXPECT_EQ(test, central->nspans, 0UL);
}

/* Magazines that nobody has needed for a while are no use empty either. */
static void mcentral_frees_magazines(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	struct gomem_meta *meta = gomem_test_heap(test)->meta;
	struct gomem_magazine *mag;
	long before, bytes;

	before = atomic_long_read(&meta->bytes[GOMEM_META_MCACHE]);
	fill_depot(test, CLASS_1024, 8);
	bytes = atomic_long_read(&meta->bytes[GOMEM_META_MCACHE]) - before;
	KUNIT_EXPECT_EQ(test, bytes, 8L * 64);
	KUNIT_EXPECT_EQ(test, central->nr_cached, 8UL);

	gomem_depot_drain(central, UINT_MAX);
	KUNIT_EXPECT_EQ(test, central->nr_cached, 0UL);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 8U);
	gomem_depot_trim(central);	/* there was none when it began */
	KUNIT_EXPECT_EQ(test, central->nr_empty, 8U);
	mag = gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, NULL, 1);
	gomem_depot_spare(central, mag);
	gomem_depot_trim(central);	/* seven were always there */
	KUNIT_EXPECT_EQ(test, central->nr_empty, 1U);
	gomem_depot_trim(central);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 0U);
	KUNIT_EXPECT_EQ(test, before,
			atomic_long_read(&meta->bytes[GOMEM_META_MCACHE]));
}

/* --- Growth. --- */

/* Objects that wait in a depot are given up before the heap takes more. */
static void mcentral_depot_before_growth(struct kunit *test)
{
	struct gomem_mcentral *waiting = central_of(test, CLASS_1024);
	void *objs[8];

	fetch(test, CLASS_8192, objs, 7, true);
	gomem_depot_spare(waiting, new_full(test, CLASS_1024, 8));
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->idle_pages, 0UL);
	gomem_test_heap(test)->asked = jiffies - HZ;
	fetch(test, CLASS_8192, objs + 7, 1, true);
	KUNIT_EXPECT_EQ(test, waiting->nr_full, 0U);
	KUNIT_EXPECT_EQ(test, waiting->nspans, 0UL);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->grown, 1ULL);
	put(test, objs, 8);
}

/* Who must not sleep empties none. */
static void mcentral_atomic_growth(struct kunit *test)
{
	struct gomem_mcentral *waiting = central_of(test, CLASS_8192);
	struct gomem_magazine *mag[17];
	void *objs[7], *obj, *single = NULL;
	unsigned int i;

	for (i = 0; i < 17; i++)
		mag[i] = new_full(test, CLASS_8192, 1);
	fetch(test, CLASS_8192, objs, 7, true);
	for (i = 0; i < 17; i++)
		gomem_depot_spare(waiting, mag[i]);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->idle_pages, 0UL);
	KUNIT_EXPECT_EQ(test, 1U,
			gomem_mcentral_fetch(central_of(test, CLASS_48), &obj,
					     1, GFP_ATOMIC, true, &single));
	KUNIT_EXPECT_EQ(test, waiting->nr_full, 17U);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->grown, 4ULL);
	put(test, &obj, 1);
	put(test, objs, 7);
}

/* As if it had not been done for long. */
static bool collect(struct gomem_heap *heap)
{
	heap->collected = jiffies - HZ;
	return gomem_heap_collect(heap, GFP_KERNEL);
}

/* Others' depots are emptied now and then; of the rest, what nobody needs meanwhile. */
static void mcentral_growth_leaves_what_is_used(struct kunit *test)
{
	struct gomem_mcentral *waiting = central_of(test, CLASS_1024);
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_magazine *mag;
	void *single = NULL;
	unsigned int i;

	/* It has just been done. */
	heap->asked = jiffies + 60 * HZ;
	for (i = 0; i < 3; i++)
		gomem_depot_spare(waiting, new_full(test, CLASS_1024, 8));
	KUNIT_EXPECT_FALSE(test, collect(heap));
	KUNIT_EXPECT_EQ(test, waiting->nr_full, 3U);
	/* Two are taken, and come back. */
	mag = refill(test, CLASS_1024, NULL, 8, &single);
	gomem_depot_spare(waiting, refill(test, CLASS_1024, NULL, 8, &single));
	gomem_depot_spare(waiting, mag);
	KUNIT_EXPECT_TRUE(test, collect(heap));
	KUNIT_EXPECT_EQ(test, waiting->nr_full, 2U);
	KUNIT_EXPECT_TRUE(test, collect(heap));
	KUNIT_EXPECT_EQ(test, waiting->nr_full, 0U);

	gomem_depot_spare(waiting, new_full(test, CLASS_1024, 8));
	heap->asked = jiffies - 60 * HZ;
	KUNIT_EXPECT_TRUE(test, gomem_heap_collect(heap, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, waiting->nr_full, 0U);
}

/* A large heap that grows again at once has seen nothing of what is needed. */
static void mcentral_growth_is_patient(struct kunit *test)
{
	struct gomem_mcentral *waiting = central_of(test, CLASS_1024);
	struct gomem_heap *heap = gomem_test_heap(test);
	void *large[12];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(large); i++)
		large[i] = gomem_test_large(test, SZ_4M);
	heap->asked = jiffies + 60 * HZ;
	gomem_depot_spare(waiting, new_full(test, CLASS_1024, 8));
	KUNIT_EXPECT_FALSE(test, collect(heap));
	heap->collected = jiffies + 60 * HZ;
	KUNIT_EXPECT_FALSE(test, gomem_heap_collect(heap, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, waiting->nr_full, 1U);
	KUNIT_EXPECT_TRUE(test, collect(heap));
	KUNIT_EXPECT_EQ(test, waiting->nr_full, 0U);
	for (i = 0; i < ARRAY_SIZE(large); i++)
		gomem_large_free(heap, large[i]);
}

/* Where the heap grows by more than a span, a magazine is filled from several. */
static void mcentral_takes_more(struct kunit *test)
{
	unsigned int class = gomem_size_class(4096), i, nr;
	struct gomem_mcentral *central = central_of(test, class);
	struct gomem_heap *heap = gomem_test_heap(test);
	void *objs[7], *single = NULL, *large[12];

	nr = gomem_mcentral_fetch(central, objs, 7, GFP_KERNEL, false, &single);
	KUNIT_EXPECT_EQ(test, nr, gomem_class[class].nelems);
	gomem_objects_put(heap, objs, nr, central);
	for (i = 0; i < ARRAY_SIZE(large); i++)
		large[i] = gomem_test_large(test, SZ_4M);
	gomem_mheap_trim_all(central->mheap);
	nr = gomem_mcentral_fetch(central, objs, 7, GFP_ATOMIC, false, &single);
	KUNIT_EXPECT_EQ(test, nr, gomem_class[class].nelems);
	gomem_objects_put(heap, objs, nr, central);
	gomem_mheap_trim_all(central->mheap);
	nr = gomem_mcentral_fetch(central, objs, 7, GFP_KERNEL, false, &single);
	KUNIT_EXPECT_EQ(test, nr, 7U);
	KUNIT_EXPECT_TRUE(test, gomem_test_distinct(objs, nr));
	gomem_objects_put(heap, objs, nr, central);
	for (i = 0; i < ARRAY_SIZE(large); i++)
		gomem_large_free(heap, large[i]);
}

/* A limit to the work is one to objects: a magazine may keep some. */
static void mcentral_drain_objects(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);

	gomem_depot_spare(central, new_full(test, CLASS_1024, 8));
	gomem_depot_spare(central, new_full(test, CLASS_1024, 8));
	KUNIT_EXPECT_EQ(test, gomem_depot_drain_objects(central, 3), 3U);
	KUNIT_EXPECT_EQ(test, central->nr_full, 2U);
	KUNIT_EXPECT_EQ(test, central->nr_cached, 13UL);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain_objects(central, 6), 6U);
	KUNIT_EXPECT_EQ(test, central->nr_full, 1U);
	KUNIT_EXPECT_EQ(test, central->nr_cached, 7UL);
	KUNIT_EXPECT_EQ(test, gomem_depot_drain_objects(central, 100), 7U);
	KUNIT_EXPECT_EQ(test, central->nspans, 0UL);
}

/*
 * No span is to be had, because its bits or its pages are not: then the object
 * gets pages of its own, and the magazine that was to be filled is kept.
 */
static void single_object(struct kunit *test, unsigned int class)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mcentral *central = central_of(test, class);
	struct gomem_magazine *mag = gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, NULL, 1);
	void *single = NULL;

	fail_request(test, 1);
	KUNIT_EXPECT_NULL(test, gomem_depot_refill(central, GOMEM_DEPOT_ANYBODY, mag, 8,
						   GFP_ATOMIC, &single));
	KUNIT_ASSERT_NOT_NULL(test, single);
	KUNIT_EXPECT_EQ(test, mag->nr, 0U);
	KUNIT_EXPECT_EQ(test, central->nr_empty, 1U);
	KUNIT_EXPECT_EQ(test, central->nmalloc, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_span_of(single)->class, 0);
	KUNIT_EXPECT_EQ(test, gomem_usable_size(single),
			max_t(size_t, GOMEM_PAGE_SIZE, gomem_class[class].size));
	gomem_large_free(heap, single);
	gomem_mheap_trim(gomem_test_mheap(test), 0);
}

static void mcentral_single_object(struct kunit *test)
{
	single_object(test, CLASS_48);
	single_object(test, CLASS_MAX);
	KUNIT_EXPECT_EQ(test, event(test, GOMEM_EV_EXACT), 2L);
	KUNIT_EXPECT_EQ(test, central_of(test, 0)->large_nmalloc, 2ULL);
	KUNIT_EXPECT_EQ(test, gomem_test_mheap(test)->nr_spans, 0UL);
}

/* Where no two kernel pages are together, the span is one of them. */
static void mcentral_half_page(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	struct gomem_magazine *mag = gomem_depot_store(central, GOMEM_DEPOT_ANYBODY, NULL, 8);

	if (!GOMEM_HAS_HALVES)
		kunit_skip(test, "kernel pages are larger");
	/* The block that would be got before. */
	fail_request(test, 1);
	mag = gomem_depot_refill(central, GOMEM_DEPOT_ANYBODY, mag, 2, GFP_ATOMIC, NULL);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	KUNIT_EXPECT_EQ(test, mag->nr, 2U);
	KUNIT_EXPECT_TRUE(test, gomem_block_of(gomem_span_of(mag->obj[0]))->half);
	KUNIT_EXPECT_EQ(test, central->slots, (unsigned long)PAGE_SIZE / 1024);
	KUNIT_EXPECT_EQ(test, gomem_central_bytes(central), (u64)PAGE_SIZE);
	put_counted(test, CLASS_1024, mag->obj, mag->nr);
	KUNIT_EXPECT_EQ(test, gomem_central_bytes(central), 0ULL);
	mag->nr = 0;
	gomem_depot_spare(central, mag);
}

/* What comes from the emergency reserves is shared, but by those who may. */
static void mcentral_reserve(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_1024);
	void *objs[3], *p = NULL, *single = NULL;
	struct gomem_span *span;
	unsigned int flags;

	/* Who may not sleep gets a block for each span. */
	KUNIT_ASSERT_EQ(test, 1U, gomem_mcentral_fetch(central, objs, 1, GFP_ATOMIC,
						       true, &single));
	span = gomem_span_of(objs[0]);
	/* As if its block had come from there. */
	gomem_block_of(span)->pfmemalloc = true;
	list_move(&span->list, &central->reserve);
	KUNIT_ASSERT_EQ(test, 1U, gomem_mcentral_fetch(central, objs + 1, 1,
						       GFP_ATOMIC, true, &single));
	KUNIT_EXPECT_PTR_NE(test, gomem_span_of(objs[1]), span);

	list_del_init(&gomem_span_of(objs[1])->list);
	flags = memalloc_noreclaim_save();
	KUNIT_EXPECT_EQ(test, gomem_mcentral_fetch(central, &p, 1, GFP_ATOMIC,
						   false, &single), 0U);
	memalloc_noreclaim_restore(flags);
	list_add(&gomem_span_of(objs[1])->list, &central->partial);
	KUNIT_ASSERT_NOT_NULL(test, single);
	KUNIT_EXPECT_PTR_EQ(test, gomem_span_of(single), span);
	objs[2] = single;
	put(test, objs, 3);
	KUNIT_EXPECT_TRUE(test, list_empty(&central->reserve));
}

/* --- Wrong puts. --- */

/* Refused at once when the caller's free has not been counted yet. */
static void bad_put(struct kunit *test, unsigned int class, void *p)
{
	u64 nfree = central_of(test, class)->nfree;
	long bad = event(test, GOMEM_EV_BAD_FREE);

	put(test, &p, 1);
	KUNIT_EXPECT_EQ(test, event(test, GOMEM_EV_BAD_FREE), bad + 1);
	KUNIT_EXPECT_EQ(test, central_of(test, class)->nfree, nfree);
	KUNIT_EXPECT_EQ(test, central_of(test, class)->nmalloc, 2ULL);
}

static void mcentral_bad_put(struct kunit *test)
{
	struct gomem_span *span;
	void *objs[2];

	fetch(test, CLASS_48, objs, 2, true);
	span = gomem_span_of(objs[0]);
	bad_put(test, CLASS_48, objs[0] + 1);
	bad_put(test, CLASS_48, objs[0] + 47);
	bad_put(test, CLASS_48, objs[0] + 170 * 48);	/* the tail */
	bad_put(test, CLASS_48, objs[0] + 2 * 48);	/* never given out */
	KUNIT_EXPECT_EQ(test, span->nalloc, 2);
	put(test, objs, 1);
	bad_put(test, CLASS_48, objs[0]);
	KUNIT_EXPECT_EQ(test, span->nalloc, 1);
	put(test, objs + 1, 1);
	bad_put(test, CLASS_48, objs[1]);		/* of an idle page */
}

/*
 * Wrong frees that a magazine took, and the mcache counted, are found out when
 * the magazine is emptied.  Each is made up for by an allocation.
 */
static void mcentral_bad_put_counted(struct kunit *test)
{
	struct gomem_mcentral *central = central_of(test, CLASS_48);
	void *objs[3], *freed[5];

	fetch(test, CLASS_48, objs, 3, false);
	count_in_mcache(test, CLASS_48, 3, 0);
	freed[0] = objs[0];
	freed[1] = objs[1] + 8;
	freed[2] = objs[0];
	freed[3] = objs[0] + 170 * 48;
	freed[4] = objs[1];
	count_in_mcache(test, CLASS_48, 0, 5);
	put_counted(test, CLASS_48, freed, 5);

	KUNIT_EXPECT_EQ(test, event(test, GOMEM_EV_BAD_FREE), 3L);
	KUNIT_EXPECT_EQ(test, central->nmalloc, 3ULL);
	KUNIT_EXPECT_EQ(test, central->nfree, 0ULL);
	KUNIT_EXPECT_EQ(test, gomem_span_of(objs[2])->nalloc, 1);
	KUNIT_EXPECT_EQ(test, gomem_check(gomem_test_heap(test), NULL), 0U);
	put(test, objs + 2, 1);
}

/* The same when the double free comes after the span has died of the first. */
static void mcentral_bad_put_dead_span(struct kunit *test)
{
	void *objs[2], *freed[3];

	fetch(test, CLASS_8192, objs, 2, false);
	count_in_mcache(test, CLASS_8192, 2, 3);
	freed[0] = objs[0];
	freed[1] = objs[1];
	freed[2] = objs[0];
	put_counted(test, CLASS_8192, freed, 3);
	KUNIT_EXPECT_EQ(test, event(test, GOMEM_EV_BAD_FREE), 1L);
	KUNIT_EXPECT_EQ(test, central_of(test, CLASS_8192)->nmalloc, 1ULL);
}

/*
 * And when the page has become a span of another class since: the object that
 * lies there now is somebody else's and must not be freed for them.
 */
static void mcentral_bad_put_reborn(struct kunit *test)
{
	void *old, *new[8];

	fetch(test, CLASS_8192, &old, 1, true);
	put(test, &old, 1);
	fetch(test, CLASS_1024, new, 8, true);
	KUNIT_ASSERT_PTR_EQ(test, new[0], old);

	count_in_mcache(test, CLASS_8192, 0, 1);
	put_counted(test, CLASS_8192, &old, 1);
	KUNIT_EXPECT_EQ(test, event(test, GOMEM_EV_BAD_FREE), 1L);
	KUNIT_EXPECT_EQ(test, gomem_span_of(new[0])->nalloc, 8);
	KUNIT_EXPECT_EQ(test, central_of(test, CLASS_8192)->nmalloc, 2ULL);
	put(test, new, 8);
}

static struct kunit_case gomem_mcentral_cases[] = {
	KUNIT_CASE(mcentral_fetch),
	KUNIT_CASE(mcentral_uncounted),
	KUNIT_CASE(mcentral_every_class),
	KUNIT_CASE(mcentral_fullest_first),
	KUNIT_CASE(mcentral_frees_magazines),
	KUNIT_CASE(mcentral_give),
	KUNIT_CASE(mcentral_magazines_grow),
	KUNIT_CASE(mcentral_short_spans),
	KUNIT_CASE(mcentral_tight_spans),
	KUNIT_CASE(mcentral_tight_atomic),
	KUNIT_CASE(mcentral_last_object),
	KUNIT_CASE(mcentral_put_mixed),
	KUNIT_CASE(mcentral_exchange),
	KUNIT_CASE(mcentral_keeps),
	KUNIT_CASE(mcentral_keeps_no_more),
	KUNIT_CASE(mcentral_lists_apart),
	KUNIT_CASE(mcentral_refill_from_spans),
	KUNIT_CASE(mcentral_no_magazine),
	KUNIT_CASE(mcentral_drain),
	KUNIT_CASE(mcentral_trim),
	KUNIT_CASE(mcentral_depot_before_growth),
	KUNIT_CASE(mcentral_atomic_growth),
	KUNIT_CASE(mcentral_growth_leaves_what_is_used),
	KUNIT_CASE(mcentral_growth_is_patient),
	KUNIT_CASE(mcentral_takes_more),
	KUNIT_CASE(mcentral_drain_objects),
	KUNIT_CASE(mcentral_single_object),
	KUNIT_CASE(mcentral_half_page),
	KUNIT_CASE(mcentral_reserve),
	KUNIT_CASE(mcentral_bad_put),
	KUNIT_CASE(mcentral_bad_put_counted),
	KUNIT_CASE(mcentral_bad_put_dead_span),
	KUNIT_CASE(mcentral_bad_put_reborn),
	{}
};

static struct kunit_suite gomem_mcentral_suite = {
	.name = "gomem_mcentral",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_mcentral_cases,
};

kunit_test_suites(&gomem_mcentral_suite);
