// SPDX-License-Identifier: GPL-2.0
/*
 * The numbers: do they add up, always, and are they right?
 *
 * The equations are those of Go's runtime.MemStats, written down here once more
 * and not taken from mm/check.c, which is itself under test: it has to say that
 * the books balance when they do, and that they do not when they do not.
 */
#include <linux/irqflags.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../debugfs/debugfs.h"
#include "gomem_test.h"

/* A snapshot and what is made of it. */
struct reading {
	struct gomem_snapshot snap;
	struct gomem_memstats stats;
};

static struct reading *new_reading(struct kunit *test)
{
	struct reading *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, r);
	return r;
}

static void read_heap(struct gomem_heap *heap, struct reading *r)
{
	gomem_snapshot(heap, &r->snap);
	gomem_memstats_from(heap, &r->snap, &r->stats);
}

static struct gomem_memstats *stats_of(struct kunit *test)
{
	struct reading *r = new_reading(test);

	gomem_heap_memstats(gomem_test_heap(test), &r->stats);
	return &r->stats;
}

static void expect_sums(struct kunit *test, const struct gomem_memstats *s)
{
	KUNIT_EXPECT_EQ(test, s->sys, s->heap_sys + s->stack_sys +
			s->mspan_sys + s->mcache_sys + s->buck_hash_sys +
			s->gc_sys + s->other_sys);
	KUNIT_EXPECT_EQ(test, s->heap_sys, s->heap_idle + s->heap_inuse);
	KUNIT_EXPECT_LE(test, s->heap_released, s->heap_idle);
	KUNIT_EXPECT_LE(test, s->frees, s->mallocs);
	KUNIT_EXPECT_EQ(test, s->heap_objects, s->mallocs - s->frees);
	KUNIT_EXPECT_EQ(test, s->alloc, s->heap_alloc);
	KUNIT_EXPECT_LE(test, s->heap_alloc, s->heap_inuse);
	KUNIT_EXPECT_LE(test, s->heap_alloc, s->total_alloc);
	KUNIT_EXPECT_LE(test, s->stack_inuse, s->stack_sys);
	KUNIT_EXPECT_LE(test, s->mspan_inuse, s->mspan_sys);
	KUNIT_EXPECT_LE(test, s->mcache_inuse, s->mcache_sys);
	KUNIT_EXPECT_EQ(test, s->last_gc, s->pause_end[(s->num_gc + 255) % 256]);
	KUNIT_EXPECT_LE(test, s->num_forced_gc, s->num_gc);
	KUNIT_EXPECT_TRUE(test, s->enable_gc);
	KUNIT_EXPECT_FALSE(test, s->debug_gc);
	KUNIT_EXPECT_EQ(test, s->by_size[0].size, 0U);
	KUNIT_EXPECT_EQ(test, s->by_size[0].mallocs, 0ULL);
}

static void expect_classes(struct kunit *test, const struct reading *r)
{
	u64 live = r->snap.large_bytes, total = r->snap.large_total;
	u64 mallocs = r->snap.class[0].nmalloc, frees = r->snap.class[0].nfree;
	unsigned int class;

	KUNIT_EXPECT_LE(test, frees, mallocs);
	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		const struct gomem_class_stats *c = &r->snap.class[class];

		KUNIT_EXPECT_LE(test, c->nfree, c->nmalloc);
		KUNIT_EXPECT_LE(test, c->nmalloc - c->nfree, c->slots);
		mallocs += c->nmalloc;
		frees += c->nfree;
		live += (c->nmalloc - c->nfree) * gomem_class[class].size;
		total += c->nmalloc * gomem_class[class].size;
		if (class >= GOMEM_BY_SIZE)
			continue;
		KUNIT_EXPECT_EQ(test, r->stats.by_size[class].size,
				gomem_class[class].size);
		KUNIT_EXPECT_EQ(test, r->stats.by_size[class].mallocs, c->nmalloc);
		KUNIT_EXPECT_EQ(test, r->stats.by_size[class].frees, c->nfree);
	}
	KUNIT_EXPECT_EQ(test, r->stats.mallocs, mallocs);
	KUNIT_EXPECT_EQ(test, r->stats.frees, frees);
	KUNIT_EXPECT_EQ(test, r->stats.heap_alloc, live);
	KUNIT_EXPECT_EQ(test, r->stats.total_alloc, total);
}

/* What only grows has not shrunk. */
static void expect_progress(struct kunit *test, const struct reading *old,
			    const struct reading *new)
{
	unsigned int class;

	for (class = 0; class < GOMEM_NR_CACHED; class++) {
		KUNIT_EXPECT_LE(test, old->snap.class[class].nmalloc,
				new->snap.class[class].nmalloc);
		KUNIT_EXPECT_LE(test, old->snap.class[class].nfree,
				new->snap.class[class].nfree);
	}
	KUNIT_EXPECT_LE(test, old->stats.mallocs, new->stats.mallocs);
	KUNIT_EXPECT_LE(test, old->stats.frees, new->stats.frees);
	KUNIT_EXPECT_LE(test, old->stats.total_alloc, new->stats.total_alloc);
	KUNIT_EXPECT_LE(test, old->stats.lookups, new->stats.lookups);
	KUNIT_EXPECT_LE(test, old->stats.heap_sys, new->stats.heap_sys);
	KUNIT_EXPECT_LE(test, old->stats.num_gc, new->stats.num_gc);
}

/* Snapshots while two threads and a timer interrupt allocate and free. */
static void memstats_hold_under_load(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct reading *old = new_reading(test), *new = new_reading(test);
	void *held = gomem_heap_alloc(heap, GOMEM_LOAD_PAIR, GFP_KERNEL);
	const struct gomem_class_stats *c;
	unsigned int snapshots = 0;
	struct gomem_load *load;

	load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, load);
	gomem_load_start(load, heap, 2);
	while (test->status == KUNIT_SUCCESS &&
	       (atomic_long_read(&load->interrupts) < GOMEM_LOAD_INTERRUPTS ||
		atomic_long_read(&load->allocated) < 10000)) {
		read_heap(heap, new);
		/* What is live all the time is always seen to be. */
		c = &new->snap.class[gomem_size_class(GOMEM_LOAD_PAIR)];
		KUNIT_EXPECT_GT(test, c->nmalloc, c->nfree);
		expect_sums(test, &new->stats);
		expect_classes(test, new);
		expect_progress(test, old, new);
		swap(old, new);
		if (++snapshots % 16 == 0)
			schedule();
	}
	gomem_load_stop(load);
	gomem_free(held);

	read_heap(heap, new);
	expect_progress(test, old, new);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&load->corrupt), 0L);
	KUNIT_EXPECT_EQ(test, new->stats.mallocs,
			1ULL + atomic_long_read(&load->allocated));
	KUNIT_EXPECT_EQ(test, new->stats.frees,
			1ULL + atomic_long_read(&load->freed));
	KUNIT_EXPECT_EQ(test, new->stats.heap_alloc, 0ULL);
}

/*
 * Counters as a snapshot finds them that read the spans long ago, or that a
 * double free went past: they are bounded by what there is room for.
 */
static void memstats_are_bounded(struct kunit *test)
{
	unsigned int class = gomem_size_class(64);
	struct gomem_mcache_class *cc = &gomem_test_mcache(test)->class[class];
	void *p = gomem_heap_alloc(gomem_test_heap(test), 64, GFP_KERNEL);
	struct reading *r = new_reading(test);

	cc->left -= 1000;
	read_heap(gomem_test_heap(test), r);
	cc->left += 1000;
	expect_sums(test, &r->stats);
	expect_classes(test, r);
	KUNIT_EXPECT_EQ(test, r->stats.heap_alloc, 8192ULL);

	cc->nfree += 1000;
	read_heap(gomem_test_heap(test), r);
	cc->nfree -= 1000;
	expect_sums(test, &r->stats);
	expect_classes(test, r);
	KUNIT_EXPECT_EQ(test, r->stats.heap_alloc, 0ULL);
	gomem_free(p);
}

static void memstats_of_nothing(struct kunit *test)
{
	const struct gomem_memstats *s = stats_of(test);

	expect_sums(test, s);
	KUNIT_EXPECT_EQ(test, s->mallocs, 0ULL);
	KUNIT_EXPECT_EQ(test, s->total_alloc, 0ULL);
	KUNIT_EXPECT_EQ(test, s->lookups, 0ULL);
	KUNIT_EXPECT_EQ(test, s->heap_sys, 0ULL);
	KUNIT_EXPECT_EQ(test, s->mspan_sys, 0ULL);
	KUNIT_EXPECT_EQ(test, s->mcache_sys, (u64)num_online_cpus() *
			sizeof(struct gomem_mcache));
	KUNIT_EXPECT_EQ(test, s->mcache_inuse, s->mcache_sys);
	KUNIT_EXPECT_EQ(test, s->gc_sys, 0ULL);
	KUNIT_EXPECT_GT(test, s->other_sys, 0ULL);
}

/* 100 of 64 bytes and 3 of 100000, which is 13 pages; then 40 and 1 less. */
static void memstats_are_exact(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	void **objs = gomem_test_array(test, 103);
	unsigned int i, class = gomem_size_class(64);
	const struct gomem_memstats *s;

	for (i = 0; i < 103; i++)
		objs[i] = gomem_heap_alloc(heap, i < 100 ? 64 : 100000,
					   GFP_KERNEL);
	gomem_free_bulk(40, objs);
	gomem_free(objs[102]);

	s = stats_of(test);
	expect_sums(test, s);
	KUNIT_EXPECT_EQ(test, s->mallocs, 103ULL);
	KUNIT_EXPECT_EQ(test, s->frees, 41ULL);
	KUNIT_EXPECT_EQ(test, s->heap_objects, 62ULL);
	KUNIT_EXPECT_EQ(test, s->heap_alloc, 60ULL * 64 + 2 * 106496);
	KUNIT_EXPECT_EQ(test, s->total_alloc, 100ULL * 64 + 3 * 106496);
	KUNIT_EXPECT_EQ(test, s->heap_inuse, 8192ULL + 2 * 106496);
	KUNIT_EXPECT_EQ(test, s->by_size[class].size, 64U);
	KUNIT_EXPECT_EQ(test, s->by_size[class].mallocs, 100ULL);
	KUNIT_EXPECT_EQ(test, s->by_size[class].frees, 40ULL);
	KUNIT_EXPECT_EQ(test, s->by_size[class + 1].mallocs, 0ULL);
	KUNIT_EXPECT_EQ(test, s->mspan_inuse, 3ULL * sizeof(struct gomem_span));
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);

	gomem_free_bulk(62, objs + 40);
	gomem_heap_drain(heap);
	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, s->mallocs, 103ULL);
	KUNIT_EXPECT_EQ(test, s->frees, 103ULL);
	KUNIT_EXPECT_EQ(test, s->heap_alloc, 0ULL);
	KUNIT_EXPECT_EQ(test, s->total_alloc, 100ULL * 64 + 3 * 106496);
	KUNIT_EXPECT_EQ(test, s->heap_inuse, 0ULL);
	KUNIT_EXPECT_EQ(test, s->mspan_inuse, 0ULL);
}

/* Every object in every class, one by one, is one object of its size more. */
static void memstats_count_every_class(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct reading *r = new_reading(test);
	void **objs = gomem_test_array(test, GOMEM_NR_CACHED);
	u64 bytes = 0, inuse = 0;
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		objs[class] = gomem_heap_alloc(heap, gomem_class[class].size,
					       GFP_KERNEL);
		bytes += gomem_class[class].size;
		inuse += gomem_span_bytes(gomem_span_of(objs[class]));
		read_heap(heap, r);
		KUNIT_EXPECT_EQ(test, r->snap.class[class].nmalloc, 1ULL);
		KUNIT_EXPECT_EQ(test, r->snap.class[class].spans, 1ULL);
		KUNIT_EXPECT_EQ(test, r->stats.mallocs, (u64)class);
		KUNIT_EXPECT_EQ(test, r->stats.heap_alloc, bytes);
		KUNIT_EXPECT_EQ(test, r->stats.heap_inuse, inuse);
	}
	expect_sums(test, &r->stats);
	expect_classes(test, r);
	gomem_free_bulk(GOMEM_NR_CACHED, objs);
}

/* Memory that was given back and is got again does not count twice. */
static void memstats_released(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_mheap *mheap = gomem_test_node(test)->mheap;
	const struct gomem_memstats *s;
	void *p = gomem_heap_alloc(heap, 1 << 18, GFP_KERNEL), *q;

	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, s->heap_sys, 1ULL << 18);
	KUNIT_EXPECT_EQ(test, s->heap_released, 0ULL);
	gomem_free(p);
	gomem_mheap_trim(mheap, 0);
	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, s->heap_sys, 1ULL << 18);
	KUNIT_EXPECT_EQ(test, s->heap_idle, 1ULL << 18);
	KUNIT_EXPECT_EQ(test, s->heap_released, 1ULL << 18);

	p = gomem_heap_alloc(heap, 3 << 16, GFP_KERNEL);
	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, s->heap_sys, 1ULL << 18);
	KUNIT_EXPECT_EQ(test, s->heap_inuse, 3ULL << 16);
	KUNIT_EXPECT_EQ(test, s->heap_released, 1ULL << 16);
	q = gomem_heap_alloc(heap, 1 << 18, GFP_KERNEL);
	s = stats_of(test);
	KUNIT_EXPECT_EQ(test, s->heap_sys, 7ULL << 16);
	KUNIT_EXPECT_EQ(test, s->heap_released, 0ULL);
	gomem_free(p);
	gomem_free(q);
}

/* The allocator's own memory is what meta.c counted. */
static void memstats_own_memory(struct kunit *test)
{
	struct gomem_test *t = test->priv;
	void **objs = gomem_test_array(test, 300);
	const struct gomem_memstats *s;
	unsigned int got;
	u64 in_use;

	got = gomem_heap_alloc_bulk(&t->heap, 32, GFP_KERNEL, 300, objs);
	KUNIT_ASSERT_EQ(test, got, 300U);
	s = stats_of(test);
	in_use = s->mcache_inuse;
	KUNIT_EXPECT_EQ(test, (long)s->mspan_sys,
			atomic_long_read(&t->meta.bytes[GOMEM_META_MSPAN]));
	KUNIT_EXPECT_EQ(test, (long)s->mcache_sys,
			atomic_long_read(&t->meta.bytes[GOMEM_META_MCACHE]));
	KUNIT_EXPECT_EQ(test, (long)s->gc_sys,
			atomic_long_read(&t->meta.bytes[GOMEM_META_GC]));
	KUNIT_EXPECT_EQ(test, (long)s->other_sys,
			atomic_long_read(&t->meta.bytes[GOMEM_META_OTHER]));
	KUNIT_EXPECT_GT(test, s->gc_sys, 0ULL);

	/* Magazines that are drained wait: there, and not in use. */
	gomem_free_bulk(300, objs);
	gomem_heap_drain(&t->heap);
	s = stats_of(test);
	KUNIT_EXPECT_LT(test, s->mcache_inuse, in_use);
	KUNIT_EXPECT_GE(test, s->mcache_inuse, (u64)num_online_cpus() *
			sizeof(struct gomem_mcache));
	KUNIT_EXPECT_GT(test, s->mcache_sys, s->mcache_inuse);
}

/* Change an integer that should make a difference, and change it back. */
static void expect_noticed(struct kunit *test, void *number)
{
	u8 *byte = number;

	*byte ^= 1;
	KUNIT_EXPECT_GT(test, gomem_check(gomem_test_heap(test), NULL), 0U);
	*byte ^= 1;
}

/* The slow recount notices a number that is wrong, whichever it is. */
static void memstats_check_notices(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	unsigned int class = gomem_size_class(64);
	struct gomem_mcache_class *cc = &gomem_test_mcache(test)->class[class];
	struct gomem_node *node = gomem_test_node(test);
	void *small = gomem_heap_alloc(heap, 64, GFP_KERNEL);
	void *large = gomem_heap_alloc(heap, 100000, GFP_KERNEL);

	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	expect_noticed(test, &cc->left);
	expect_noticed(test, &cc->nfree);
	cc->top--;
	KUNIT_EXPECT_GT(test, gomem_check(heap, NULL), 0U);
	cc->top++;
	expect_noticed(test, &node->central[class].nmalloc);
	expect_noticed(test, &node->central[class].nspans);
	expect_noticed(test, &node->central[0].large_nmalloc);
	expect_noticed(test, &node->central[0].large_bytes);
	expect_noticed(test, &node->mheap->idle_pages);
	expect_noticed(test, &gomem_span_of(small)->bits[1]);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	gomem_free(small);
	gomem_free(large);
}

/*
 * Objects that somebody carries, and has been carrying for long, are no objects that
 * were lost.  Others are.
 */
static void memstats_check_knows_carriers(struct kunit *test)
{
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_magazine *(*mag)[2] = heap->gc->scratch->mag;
	unsigned long flags;
	void *p[8];

	KUNIT_ASSERT_EQ(test, gomem_heap_alloc_bulk(heap, 64, GFP_KERNEL, 8, p), 8U);
	gomem_free(gomem_heap_alloc(heap, 256, GFP_KERNEL));
	gomem_free_bulk(8, p);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	local_irq_save(flags);
	gomem_mcache_detach(gomem_test_mcache(test), mag);
	local_irq_restore(flags);
	KUNIT_EXPECT_GT(test, gomem_check(heap, NULL), 0U);
	gomem_depart(heap);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
	gomem_mcache_put_back(heap, raw_smp_processor_id(), mag);
	gomem_arrive(heap);
	KUNIT_EXPECT_EQ(test, gomem_check(heap, NULL), 0U);
}

static void memstats_of_default_heap(struct kunit *test)
{
	struct reading *r = new_reading(test);
	const struct gomem_meta *meta = gomem_default_heap.meta;
	void *p = gomem_alloc(64, GFP_KERNEL);
	size_t stock;
	u64 mallocs;

	do {
		stock = gomem_stock_bytes();
		gomem_read_memstats(&r->stats);
	} while (stock != gomem_stock_bytes());
	expect_sums(test, &r->stats);
	mallocs = r->stats.mallocs;
	KUNIT_EXPECT_EQ(test, r->stats.gc_sys,
			atomic_long_read(&meta->bytes[GOMEM_META_GC]) +
			gomem_index_bytes() + gomem_arena_bytes() + stock);
	gomem_free(gomem_alloc(100000, GFP_KERNEL));
	gomem_read_memstats(&r->stats);
	KUNIT_EXPECT_EQ(test, r->stats.mallocs, mallocs + 1);
	gomem_free(p);
}

/* Go's names, in Go's order, with the width that they have in C. */
static const struct {
	const char *name;
	u8 kind;
	size_t bytes;
} go_fields[] = {
	{ "Alloc", GOMEM_F_U64, 8 },
	{ "TotalAlloc", GOMEM_F_U64, 8 },
	{ "Sys", GOMEM_F_U64, 8 },
	{ "Lookups", GOMEM_F_U64, 8 },
	{ "Mallocs", GOMEM_F_U64, 8 },
	{ "Frees", GOMEM_F_U64, 8 },
	{ "HeapAlloc", GOMEM_F_U64, 8 },
	{ "HeapSys", GOMEM_F_U64, 8 },
	{ "HeapIdle", GOMEM_F_U64, 8 },
	{ "HeapInuse", GOMEM_F_U64, 8 },
	{ "HeapReleased", GOMEM_F_U64, 8 },
	{ "HeapObjects", GOMEM_F_U64, 8 },
	{ "StackInuse", GOMEM_F_U64, 8 },
	{ "StackSys", GOMEM_F_U64, 8 },
	{ "MSpanInuse", GOMEM_F_U64, 8 },
	{ "MSpanSys", GOMEM_F_U64, 8 },
	{ "MCacheInuse", GOMEM_F_U64, 8 },
	{ "MCacheSys", GOMEM_F_U64, 8 },
	{ "BuckHashSys", GOMEM_F_U64, 8 },
	{ "GCSys", GOMEM_F_U64, 8 },
	{ "OtherSys", GOMEM_F_U64, 8 },
	{ "NextGC", GOMEM_F_U64, 8 },
	{ "LastGC", GOMEM_F_U64, 8 },
	{ "PauseTotalNs", GOMEM_F_U64, 8 },
	{ "PauseNs", GOMEM_F_RING, 256 * 8 },
	{ "PauseEnd", GOMEM_F_RING, 256 * 8 },
	{ "NumGC", GOMEM_F_U32, 4 },
	{ "NumForcedGC", GOMEM_F_U32, 4 },
	{ "GCCPUFraction", GOMEM_F_PPB, 8 },
	{ "EnableGC", GOMEM_F_BOOL, 1 },
	{ "DebugGC", GOMEM_F_BOOL, 1 },
};

/* One after the other without a gap, they cover all that is before BySize. */
static void memstats_fields(struct kunit *test)
{
	size_t offset = 0;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, gomem_nr_fields, 31U);
	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(go_fields), (size_t)31);
	for (i = 0; i < gomem_nr_fields; i++) {
		KUNIT_EXPECT_STREQ(test, gomem_fields[i].name, go_fields[i].name);
		KUNIT_EXPECT_EQ(test, gomem_fields[i].kind, go_fields[i].kind);
		KUNIT_EXPECT_EQ(test, (size_t)gomem_fields[i].offset, offset);
		offset += go_fields[i].bytes;
	}
	KUNIT_EXPECT_EQ(test, ALIGN(offset, 8),
			offsetof(struct gomem_memstats, by_size));
	KUNIT_EXPECT_EQ(test, GOMEM_BY_SIZE, 61);
}

/* What gomem_ring_show() makes of the first @nr pauses. */
static const char *shown(struct kunit *test, const u64 *ring, u32 nr)
{
	struct seq_file m = { .size = SZ_4K };

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	gomem_ring_show(&m, ring, nr, " ");
	return m.buf;
}

/* A pause that took no time is a pause; what has not been is none. */
static void memstats_rings(struct kunit *test)
{
	u64 *ring = kunit_kcalloc(test, GOMEM_NR_PAUSES, sizeof(*ring), GFP_KERNEL);
	const char *all;
	unsigned int i, spaces = 0;

	KUNIT_ASSERT_NOT_NULL(test, ring);
	ring[1] = 5;
	KUNIT_EXPECT_STREQ(test, shown(test, ring, 0), "0");
	KUNIT_EXPECT_STREQ(test, shown(test, ring, 1), "0");
	KUNIT_EXPECT_STREQ(test, shown(test, ring, 3), "0 5 0");
	all = shown(test, ring, 387);
	for (i = 0; all[i]; i++)
		spaces += all[i] == ' ';
	KUNIT_EXPECT_EQ(test, spaces, GOMEM_NR_PAUSES - 1U);
}

static struct kunit_case gomem_memstats_cases[] = {
	KUNIT_CASE(memstats_of_nothing),
	KUNIT_CASE(memstats_are_exact),
	KUNIT_CASE(memstats_count_every_class),
	KUNIT_CASE(memstats_released),
	KUNIT_CASE(memstats_own_memory),
	KUNIT_CASE(memstats_check_notices),
	KUNIT_CASE(memstats_check_knows_carriers),
	KUNIT_CASE(memstats_of_default_heap),
	KUNIT_CASE(memstats_fields),
	KUNIT_CASE(memstats_rings),
	KUNIT_CASE(memstats_are_bounded),
	KUNIT_CASE(memstats_hold_under_load),
	{}
};

static struct kunit_suite gomem_memstats_suite = {
	.name = "gomem_memstats",
	.init = gomem_test_init_pinned,
	.exit = gomem_test_exit,
	.test_cases = gomem_memstats_cases,
};

kunit_test_suite(gomem_memstats_suite);
