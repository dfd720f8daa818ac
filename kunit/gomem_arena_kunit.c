// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the arenas: what does the index say of an address?
 *
 * Two sorts.  Some ask for every page of spans and large objects that a page
 * heap has made.  The others call what keeps arenas alive themselves, over a
 * window of memory that they got from the page allocator: as the whole window
 * is theirs, no other heap's block can have an arena there, and each byte of
 * metadata is accounted for.
 */
#include <linux/kthread.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "gomem_test.h"

#define ARENA_ORDER	(GOMEM_ARENA_SHIFT - PAGE_SHIFT)

static u8 tag_at(unsigned long address)
{
	u8 tag;

	rcu_read_lock();
	tag = gomem_tag_of((void *)address);
	rcu_read_unlock();
	return tag;
}

static struct gomem_span *span_at(unsigned long address)
{
	struct gomem_span *span;

	rcu_read_lock();
	span = gomem_span_of((void *)address);
	rcu_read_unlock();
	return span;
}

static bool page_is(unsigned long first, u8 tag, struct gomem_span *span)
{
	unsigned long last = first + GOMEM_PAGE_SIZE - 1;

	return tag_at(first) == tag && span_at(first) == span &&
	       tag_at(last) == tag && span_at(last) == span;
}

/* The first and the last byte of each of @npages pages say @tag and @span. */
static void expect_pages(struct kunit *test, unsigned long base,
			 unsigned long npages, u8 tag, struct gomem_span *span)
{
	unsigned long i;

	for (i = 0; i < npages; i++, base += GOMEM_PAGE_SIZE)
		if (!page_is(base, tag, span))
			break;
	KUNIT_EXPECT_EQ_MSG(test, i, npages,
			    "wanted tag %u, span %p; has tag %u, span %p",
			    tag, span, tag_at(base), span_at(base));
}

/* The same of a span of @class, whose first page has @tag. */
static void expect_span(struct kunit *test, struct gomem_span *span,
			unsigned int class, u8 tag)
{
	u8 rest = class < GOMEM_NR_CLASSES ? tag : GOMEM_TAG_INTERIOR;
	unsigned long base = gomem_span_base(span);

	KUNIT_EXPECT_EQ(test, tag_at(base), tag);
	KUNIT_EXPECT_EQ(test, tag_at(base + GOMEM_HALF_SIZE - 1), tag);
	KUNIT_EXPECT_EQ(test, tag_at(base + GOMEM_HALF_SIZE), rest);
	KUNIT_EXPECT_PTR_EQ(test, span_at(base), span);
	expect_pages(test, base + GOMEM_PAGE_SIZE, gomem_span_npages(span) - 1, rest,
		     rest == tag ? span : NULL);
}

static unsigned long window_of(unsigned long address)
{
	return (address - gomem_index->base) >> GOMEM_ARENA_SHIFT;
}

static bool has_arena(unsigned long address)
{
	return gomem_index->arena[window_of(address)] != &gomem_no_arena;
}

static long gc_bytes(struct kunit *test)
{
	/* Arenas that are gone are counted until a grace period has passed. */
	rcu_barrier();
	return gomem_arena_bytes();
}

/* What one arena is counted as. */
static long arena_bytes(void)
{
	return round_up(sizeof(struct gomem_arena), SMP_CACHE_BYTES);
}

/* @nr whole windows of memory that no block is in. */
static unsigned long get_windows(struct kunit *test, unsigned int nr)
{
	unsigned long base = __get_free_pages(GFP_KERNEL,
					      ARENA_ORDER + order_base_2(nr));
	unsigned int i;

	KUNIT_ASSERT_NE(test, base, 0UL);
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_FALSE(test, has_arena(base + i * GOMEM_ARENA_SIZE));
	return base;
}

static void put_windows(unsigned long base, unsigned int nr)
{
	free_pages(base, ARENA_ORDER + order_base_2(nr));
}

/* --- Look-up. --- */

static void arena_small_span(struct kunit *test)
{
	struct gomem_span *span = gomem_test_span(test, 17);
	unsigned long base = gomem_span_base(span);

	expect_pages(test, base, 1, GOMEM_TAG_OTHER, span);
	/* The rest of its block is idle. */
	KUNIT_ASSERT_EQ(test, gomem_block_of(span)->npages, 8U);
	expect_pages(test, base + GOMEM_PAGE_SIZE, 7, GOMEM_TAG_IDLE, NULL);
	gomem_mheap_free_span(span);
	expect_pages(test, base, 8, GOMEM_TAG_IDLE, NULL);
}

/* A span of several pages is found from each of them; so is the one behind. */
static void arena_long_spans(struct kunit *test)
{
	struct gomem_span *a = gomem_test_span(test, 48);	/* 5 pages */
	struct gomem_span *b = gomem_test_span(test, 44);	/* 3 pages */

	KUNIT_ASSERT_PTR_EQ(test, gomem_block_of(a), gomem_block_of(b));
	expect_pages(test, gomem_span_base(a), 5, GOMEM_TAG_OTHER, a);
	expect_pages(test, gomem_span_base(b), 3, GOMEM_TAG_OTHER, b);
	gomem_mheap_free_span(a);
	expect_pages(test, gomem_span_base(b), 3, GOMEM_TAG_OTHER, b);
	gomem_mheap_free_span(b);
}

static void arena_every_class(struct kunit *test)
{
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		struct gomem_span *span = gomem_test_span(test, class);
		unsigned int npages = gomem_class[class].npages;

		KUNIT_EXPECT_EQ(test, gomem_span_npages(span), npages);
		expect_span(test, span, class, GOMEM_TAG_OTHER);
		gomem_mheap_free_span(span);
	}
}

/* In the default heap a page's tag is its class. */
static void arena_default_heap(struct kunit *test)
{
	struct gomem_span *span;
	unsigned int class;
	void *p;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		p = gomem_alloc(gomem_class[class].size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		span = span_at((unsigned long)p);
		KUNIT_ASSERT_NOT_NULL(test, span);
		KUNIT_EXPECT_EQ(test, span->class, class);
		expect_span(test, span, class, class);
		gomem_free(p);
	}
}

static void arena_large(struct kunit *test)
{
	unsigned long base, npages = (4UL << 20) >> GOMEM_PAGE_SHIFT;
	unsigned long own = (3UL << 20) >> GOMEM_PAGE_SHIFT;
	struct gomem_heap *heap = gomem_test_heap(test);
	struct gomem_span *span;

	base = (unsigned long)gomem_test_large(test, 3UL << 20);
	KUNIT_ASSERT_NE(test, base, 0UL);
	KUNIT_EXPECT_EQ(test, window_of(base + (4UL << 20) - 1),
			window_of(base) + 1);
	span = span_at(base);
	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_EXPECT_EQ(test, gomem_span_npages(span), own);
	expect_span(test, span, GOMEM_NR_CLASSES, GOMEM_TAG_LARGE);
	expect_pages(test, base + (3UL << 20), npages - own, GOMEM_TAG_INTERIOR, NULL);
	expect_pages(test, base + (4UL << 20), 1, GOMEM_TAG_NONE, NULL);
	gomem_large_free(heap, (void *)base);
	expect_pages(test, base, npages, GOMEM_TAG_NONE, NULL);
}

/* --- Addresses that are not gomem's. --- */

static void arena_foreign(struct kunit *test)
{
	static int in_the_image;
	int on_the_stack;
	void *slab = kunit_kmalloc(test, 100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, slab);
	expect_pages(test, (unsigned long)&in_the_image, 1, GOMEM_TAG_NONE, NULL);
	expect_pages(test, (unsigned long)&on_the_stack, 1, GOMEM_TAG_NONE, NULL);
	KUNIT_EXPECT_EQ(test, tag_at((unsigned long)slab), GOMEM_TAG_NONE);
	KUNIT_EXPECT_NULL(test, span_at((unsigned long)slab));
}

static void arena_no_address(struct kunit *test)
{
	static const unsigned long value[] = {
		0, 1, 16, 1UL << 20, 1UL << 46, 1UL << 47, 1UL << 63,
		0x5a5a5a5a5a5a5a5aUL, 0xdead000000000100UL, LONG_MAX,
		ULONG_MAX - GOMEM_PAGE_SIZE, ULONG_MAX,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(value); i++) {
		KUNIT_EXPECT_EQ_MSG(test, tag_at(value[i]), GOMEM_TAG_NONE,
				    "%lx", value[i]);
		KUNIT_EXPECT_NULL_MSG(test, span_at(value[i]), "%lx", value[i]);
	}
}

/* --- The index. --- */

static void arena_index_bounds(struct kunit *test)
{
	unsigned long end_pfn = 0;
	unsigned long end;
	int nid;

	for_each_online_node(nid)
		end_pfn = max(end_pfn, node_end_pfn(nid));
	end = (unsigned long)__va(PFN_PHYS(end_pfn - 1)) + PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, window_of(end - 1), gomem_index->nr - 1);

	expect_pages(test, gomem_index->base - GOMEM_PAGE_SIZE, 1, GOMEM_TAG_NONE, NULL);
	end = gomem_index->base + (gomem_index->nr << GOMEM_ARENA_SHIFT);
	expect_pages(test, end - GOMEM_PAGE_SIZE, 2, GOMEM_TAG_NONE, NULL);
}

/* A block that the index does not cover is refused, in whole. */
static void arena_out_of_range(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;
	unsigned long end = gomem_index->base + (gomem_index->nr << GOMEM_ARENA_SHIFT);
	long before = gc_bytes(test);

	KUNIT_EXPECT_EQ(test, -ERANGE, gomem_arena_get(meta, end, 1 * GOMEM_PAGE_SIZE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -ERANGE,
			gomem_arena_get(meta, end - GOMEM_PAGE_SIZE, 2 * GOMEM_PAGE_SIZE,
					GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -ERANGE,
			gomem_arena_get(meta, gomem_index->base - GOMEM_PAGE_SIZE, GOMEM_PAGE_SIZE,
					GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before);
}

/* Every page that is used is in the list of what memory there is. */
static void arena_finds_memory(struct kunit *test)
{
	struct gomem_memory memory = {};
	unsigned int i, found = 0;
	unsigned long pfn, last;
	void *p;

	KUNIT_ASSERT_EQ(test, gomem_memory_find(&memory), 0);
	p = kunit_kmalloc(test, 100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	pfn = page_to_pfn(virt_to_page(p));
	last = memory.range[0].start;
	for (i = 0; i < memory.nr; i++) {
		KUNIT_EXPECT_GE(test, memory.range[i].start, last);
		KUNIT_EXPECT_GT(test, memory.range[i].end, memory.range[i].start);
		last = memory.range[i].end;
		found += memory.range[i].start <= pfn && pfn < last;
	}
	KUNIT_EXPECT_EQ(test, found, 1U);
	kfree(memory.range);
}

static void arena_memory_list(struct kunit *test)
{
	struct gomem_memory memory = {};
	unsigned int i;

	for (i = 0; i < 100; i++) {
		KUNIT_ASSERT_EQ(test, gomem_memory_add(&memory, 10 * i, 10 * i + 5), 0);
		KUNIT_ASSERT_EQ(test, gomem_memory_add(&memory, 10 * i + 5, 10 * i + 9), 0);
	}
	KUNIT_EXPECT_EQ(test, memory.nr, 100U);
	for (i = 0; i < 100; i++)
		if (memory.range[i].start != 10 * i || memory.range[i].end != 10 * i + 9)
			break;
	KUNIT_EXPECT_EQ(test, i, 100U);
	kfree(memory.range);
}

/* --- Of memory that lies far apart. --- */

#define GIB		((u64)SZ_1G)

/* User Mode Linux does a system call for each page that it maps. */
#define FAR		((IS_ENABLED(CONFIG_UML) ? 1 : 64) * 1024 * GIB)

#define MEMORY(from, to)	{ PHYS_PFN(from), PHYS_PFN(to) }

static struct gomem_index *make_index(struct kunit *test, struct gomem_pfns *range,
				      unsigned int nr, const struct gomem_index *old)
{
	const struct gomem_memory memory = { .range = range, .nr = nr };
	struct gomem_index *index = gomem_index_make(&memory, old);

	KUNIT_ASSERT_NOT_NULL(test, index);
	return index;
}

static unsigned long arena_at(const struct gomem_index *index, u64 physical)
{
	return ((unsigned long)__va(physical) - index->base) >> GOMEM_ARENA_SHIFT;
}

/* What gomem_free() would find there. */
static unsigned long tag_in(const struct gomem_index *index, u64 physical)
{
	return gomem_tag_in(index, __va(physical));
}

static bool covers(const struct gomem_index *index, u64 from, u64 to)
{
	return gomem_index_covers(index, arena_at(index, from),
				  arena_at(index, to - 1));
}

/* How many arenas are there that are none's? */
static unsigned long count_arenas(const struct gomem_index *index,
				  unsigned long *looked_at)
{
	unsigned long i = 0, nr = 0;

	*looked_at = 0;
	while ((i = gomem_index_next(index, i)) < index->nr) {
		nr += index->arena[i++] != &gomem_no_arena;
		++*looked_at;
	}
	return nr;
}

/* As much as the memory, not as much as where it lies. */
static void index_takes_what_memory_does(struct kunit *test)
{
	struct gomem_pfns close[] = { MEMORY(0, 4 * GIB), MEMORY(4 * GIB, 5 * GIB) };
	struct gomem_pfns apart[] = { MEMORY(0, 4 * GIB), MEMORY(FAR - GIB, FAR) };
	struct gomem_index *near = make_index(test, close, 2, NULL);
	struct gomem_index *far = make_index(test, apart, 2, NULL);

	KUNIT_EXPECT_NULL(test, near->map);
	KUNIT_EXPECT_EQ(test, near->nr, 5UL * 512);
	KUNIT_EXPECT_GE(test, near->bytes, near->nr * sizeof(void *));
	KUNIT_EXPECT_LE(test, near->bytes, 2 * near->nr * sizeof(void *));
	KUNIT_EXPECT_EQ(test, far->nr, (unsigned long)(FAR >> GOMEM_ARENA_SHIFT));
	KUNIT_EXPECT_LE(test, far->bytes, near->bytes + (1 << 20));
	gomem_index_free(near);
	gomem_index_free(far);
}

/* Look-ups in, between and beyond memory; memory does not end with a part. */
static void index_of_sparse_memory(struct kunit *test)
{
	struct gomem_pfns range[] = {
		MEMORY(4096, 4 * GIB),
		MEMORY(FAR / 2 + 7 * GIB - (96 << 20), FAR / 2 + 8 * GIB + (64 << 20)),
		MEMORY(FAR - GIB / 2, FAR),
	};
	struct gomem_arena *arena = kunit_kzalloc(test, sizeof(*arena), GFP_KERNEL);
	struct gomem_index *index = make_index(test, range, ARRAY_SIZE(range), NULL);
	unsigned long part = PAGE_SIZE / sizeof(void *), own, looked_at;
	u64 from, to, bytes = (u64)part << GOMEM_ARENA_SHIFT;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, arena);
	memset(arena->tag, 7, sizeof(arena->tag));
	KUNIT_EXPECT_EQ(test, count_arenas(index, &own), 0UL);
	for (i = 0; i < ARRAY_SIZE(range); i++) {
		from = PFN_PHYS(range[i].start);
		to = PFN_PHYS(range[i].end);
		KUNIT_EXPECT_TRUE(test, covers(index, from, to));
		index->arena[arena_at(index, from)] = arena;
		index->arena[arena_at(index, to - 1)] = arena;
	}
	/* They are seen where they are, and nowhere else. */
	KUNIT_EXPECT_EQ(test, count_arenas(index, &looked_at), 6UL);
	KUNIT_EXPECT_EQ(test, looked_at, own);
	KUNIT_EXPECT_LE(test, own, part * (DIV_ROUND_UP(4 * GIB, bytes) + 3 + 1));
	for (i = 0; i < ARRAY_SIZE(range); i++) {
		from = round_down(PFN_PHYS(range[i].start), GOMEM_ARENA_SIZE);
		to = PFN_PHYS(range[i].end);
		KUNIT_EXPECT_EQ(test, tag_in(index, from - 1), GOMEM_TAG_NONE);
		KUNIT_EXPECT_EQ(test, tag_in(index, from), 7UL);
		KUNIT_EXPECT_EQ(test, tag_in(index, from + GOMEM_ARENA_SIZE),
				GOMEM_TAG_NONE);
		KUNIT_EXPECT_EQ(test, tag_in(index, to - GOMEM_ARENA_SIZE - 1),
				GOMEM_TAG_NONE);
		KUNIT_EXPECT_EQ(test, tag_in(index, to - 1), 7UL);
		KUNIT_EXPECT_EQ(test, tag_in(index, to), GOMEM_TAG_NONE);
	}
	for (from = 4 * GIB; from < FAR - GIB / 2; from += 3 * GIB)
		if (tag_in(index, from) != GOMEM_TAG_NONE)
			break;
	KUNIT_EXPECT_GE(test, from, FAR - GIB / 2);
	/* Blocks may lie in none of the rest, nor reach into it. */
	KUNIT_EXPECT_FALSE(test, covers(index, FAR / 4, FAR / 4 + 1));
	KUNIT_EXPECT_FALSE(test, covers(index, GIB, FAR - 1));
	KUNIT_EXPECT_FALSE(test, covers(index, 4 * GIB - 1, 4 * GIB + bytes));
	KUNIT_EXPECT_FALSE(test, covers(index, FAR - 1, FAR + 1));
	KUNIT_EXPECT_FALSE(test, covers(index, FAR, FAR + 1));
	KUNIT_EXPECT_FALSE(test, gomem_index_covers(index, ULONG_MAX, 0));
	gomem_index_free(index);
}

/* Far memory comes, and some between; what was known is known. */
static void index_grows_apart(struct kunit *test)
{
	struct gomem_pfns range[] = {
		MEMORY(0, 2 * GIB), MEMORY(FAR - GIB, FAR),
		MEMORY(FAR / 2, FAR / 2 + GIB),
	};
	struct gomem_arena *arena = kunit_kzalloc(test, sizeof(*arena), GFP_KERNEL);
	struct gomem_index *dense, *two, *three;
	unsigned long looked_at;

	KUNIT_ASSERT_NOT_NULL(test, arena);
	memset(arena->tag, 7, sizeof(arena->tag));
	dense = make_index(test, range, 1, NULL);
	dense->arena[0] = arena;
	dense->arena[dense->nr - 1] = arena;

	two = make_index(test, range, 2, dense);
	gomem_index_copy(two, dense);
	gomem_index_free(dense);
	KUNIT_EXPECT_EQ(test, count_arenas(two, &looked_at), 2UL);
	KUNIT_EXPECT_EQ(test, tag_in(two, 2 * GIB - 1), 7UL);
	two->arena[two->nr - 1] = arena;

	three = make_index(test, range + 2, 1, two);
	gomem_index_copy(three, two);
	KUNIT_EXPECT_EQ(test, three->nr, two->nr);
	/* What comes meanwhile is in both. */
	two->arena[1] = arena;
	gomem_index_free(two);
	KUNIT_EXPECT_EQ(test, count_arenas(three, &looked_at), 4UL);
	KUNIT_EXPECT_EQ(test, tag_in(three, FAR - 1), 7UL);
	KUNIT_EXPECT_TRUE(test, covers(three, FAR / 2, FAR / 2 + GIB));
	KUNIT_EXPECT_TRUE(test, covers(three, FAR - GIB, FAR));
	KUNIT_EXPECT_TRUE(test, covers(three, 0, 2 * GIB));
	KUNIT_EXPECT_FALSE(test, covers(three, FAR / 4, FAR / 4 + 1));
	gomem_index_free(three);
}

/* --- Arenas come and go. --- */

/* The first block in a window brings the arena, the last one takes it away. */
static void arena_lifetime(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;
	unsigned long base = get_windows(test, 1);
	unsigned long half = base + GOMEM_ARENA_SIZE / 2;
	long before = gc_bytes(test);

	KUNIT_EXPECT_EQ(test, 0, gomem_arena_get(meta, base, 8 * GOMEM_PAGE_SIZE, GFP_KERNEL));
	KUNIT_EXPECT_TRUE(test, has_arena(base));
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before + arena_bytes());
	KUNIT_EXPECT_EQ(test, 0, gomem_arena_get(meta, half, 128 * GOMEM_PAGE_SIZE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before + arena_bytes());
	expect_pages(test, base, GOMEM_ARENA_PAGES, GOMEM_TAG_NONE, NULL);

	gomem_arena_put(base, 8 * GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, has_arena(half));
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before + arena_bytes());
	gomem_arena_put(half, 128 * GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_FALSE(test, has_arena(half));
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before);
	put_windows(base, 1);
}

/* A block that is one span in use, of pages that are not really its own. */
static struct gomem_block *fake_block(struct kunit *test, struct gomem_meta *meta,
				      unsigned long base, unsigned long bytes, u8 tag)
{
	struct gomem_block *block = kunit_kzalloc(test, struct_size(block, span, 1), GFP_KERNEL);
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_ASSERT_EQ(test, 0, gomem_arena_get(meta, base, bytes, GFP_KERNEL));
	block->base = base;
	block->span[0].class = 1;
	block->span[0].state = GOMEM_SPAN_INUSE;
	for (i = 0; i < bytes; i += PAGE_SIZE)
		set_page_private(virt_to_page((void *)(base + i)), (unsigned long)block);
	gomem_arena_set(base, bytes, tag);
	return block;
}

static void put_fake_block(struct gomem_block *block, unsigned long bytes)
{
	unsigned long i;

	gomem_arena_set(block->base, bytes, GOMEM_TAG_NONE);
	gomem_arena_put(block->base, bytes);
	for (i = 0; i < bytes; i += PAGE_SIZE)
		set_page_private(virt_to_page((void *)(block->base + i)), 0);
}

/* Two blocks of half a page side by side, and a page after them. */
static void arena_halves(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;
	unsigned long base = get_windows(test, 1), odd = base + GOMEM_HALF_SIZE;
	unsigned long page = base + GOMEM_PAGE_SIZE;
	long before = gc_bytes(test);
	struct gomem_block *block[3];

	if (!GOMEM_HAS_HALVES) {
		put_windows(base, 1);
		kunit_skip(test, "kernel pages are larger");
	}
	block[2] = fake_block(test, meta, page, GOMEM_PAGE_SIZE, 3);
	block[1] = fake_block(test, meta, odd, GOMEM_HALF_SIZE, 1);
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before + arena_bytes());

	/* The other half is nobody's until it is somebody's. */
	KUNIT_EXPECT_NULL(test, gomem_span_of((void *)base));
	KUNIT_EXPECT_NULL(test, gomem_span_of((void *)odd - 1));
	block[0] = fake_block(test, meta, base, GOMEM_HALF_SIZE, 2);
	KUNIT_EXPECT_PTR_EQ(test, gomem_span_of((void *)odd - 1), &block[0]->span[0]);
	KUNIT_EXPECT_PTR_EQ(test, gomem_span_of((void *)odd), &block[1]->span[0]);
	KUNIT_EXPECT_PTR_EQ(test, gomem_span_of((void *)page), &block[2]->span[0]);
	KUNIT_EXPECT_EQ(test, tag_at(base), 2UL);
	KUNIT_EXPECT_EQ(test, tag_at(odd), 1UL);

	/* One goes, the other stays; at last both are a page of somebody's. */
	put_fake_block(block[0], GOMEM_HALF_SIZE);
	KUNIT_EXPECT_NULL(test, gomem_span_of((void *)base));
	KUNIT_EXPECT_PTR_EQ(test, gomem_span_of((void *)odd), &block[1]->span[0]);
	put_fake_block(block[1], GOMEM_HALF_SIZE);
	block[0] = fake_block(test, meta, base, GOMEM_PAGE_SIZE, 4);
	KUNIT_EXPECT_PTR_EQ(test, gomem_span_of((void *)odd), &block[0]->span[0]);

	put_fake_block(block[0], GOMEM_PAGE_SIZE);
	put_fake_block(block[2], GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before);
	put_windows(base, 1);
}

/* What others note in their pages is not looked at; and if pages leave, that is seen. */
static void arena_pages_of_others(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;
	unsigned long base = get_windows(test, 1), page = base + GOMEM_PAGE_SIZE;
	struct gomem_block *block = fake_block(test, meta, base, GOMEM_PAGE_SIZE, 1);
	struct gomem_arena *arena = gomem_index->arena[window_of(base)];
	int left = atomic_read(&arena->left);

	set_page_private(virt_to_page((void *)page), 1);
	KUNIT_EXPECT_NULL(test, span_at(page));
	KUNIT_EXPECT_PTR_EQ(test, span_at(base), &block->span[0]);
	gomem_arena_set(base, GOMEM_PAGE_SIZE, GOMEM_TAG_IDLE);
	KUNIT_EXPECT_EQ(test, atomic_read(&arena->left), left);
	gomem_arena_set(base, GOMEM_PAGE_SIZE, GOMEM_TAG_NONE);
	KUNIT_EXPECT_NE(test, atomic_read(&arena->left), left);
	KUNIT_EXPECT_NULL(test, span_at(base));
	put_fake_block(block, GOMEM_PAGE_SIZE);
	set_page_private(virt_to_page((void *)page), 0);
	put_windows(base, 1);
}

/* A page that is gomem's and another owner's by turns, who notes something of its own. */
struct turns {
	struct gomem_block *block;
	unsigned long nr;
};

static int take_turns(void *data)
{
	struct turns *turns = data;
	unsigned long base = turns->block->base;
	struct page *page = virt_to_page((void *)base);

	while (!kthread_should_stop()) {
		gomem_arena_set(base, GOMEM_PAGE_SIZE, GOMEM_TAG_NONE);
		set_page_private(page, 1);
		cpu_relax();
		set_page_private(page, (unsigned long)turns->block);
		gomem_arena_set(base, GOMEM_PAGE_SIZE, GOMEM_TAG_IDLE);
		WRITE_ONCE(turns->nr, turns->nr + 1);
		cond_resched();
	}
	return 0;
}

/* Who looks meanwhile finds the span, or nothing; and does not follow what is no block. */
static void arena_pages_by_turns(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;
	unsigned long found = 0, looks, base;
	struct task_struct *thread;
	struct turns turns = {};
	struct gomem_span *span;
	bool wrong = false;

	if (num_online_cpus() == 1)
		kunit_skip(test, "both have to run at once");
	base = get_windows(test, 1);
	turns.block = fake_block(test, meta, base, GOMEM_PAGE_SIZE, GOMEM_TAG_IDLE);
	thread = kthread_create(take_turns, &turns, "gomem_turns");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	kthread_bind(thread, cpumask_last(cpu_online_mask));
	wake_up_process(thread);
	for (looks = 0; looks < 200000 || READ_ONCE(turns.nr) < 1000; looks++) {
		span = span_at(base);
		found += span && READ_ONCE(turns.nr);
		wrong = span && span != &turns.block->span[0];
		if (wrong)
			break;
		cond_resched();
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	kthread_stop(thread);
	KUNIT_EXPECT_FALSE(test, wrong);
	KUNIT_EXPECT_GT(test, found, 0UL);
	put_fake_block(turns.block, GOMEM_PAGE_SIZE);
	put_windows(base, 1);
}

static void arena_set_pages(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;
	unsigned long base = get_windows(test, 2);
	unsigned long at = base + GOMEM_ARENA_SIZE - 2 * GOMEM_PAGE_SIZE;
	unsigned long npages = 2 * GOMEM_ARENA_PAGES;
	struct gomem_block *block;

	KUNIT_ASSERT_EQ(test, 0, gomem_arena_get(meta, base, npages * GOMEM_PAGE_SIZE, GFP_KERNEL));
	block = fake_block(test, meta, at, 5 * GOMEM_PAGE_SIZE, GOMEM_TAG_IDLE);
	block->span[0].class = 0;
	gomem_arena_set_one(at, 5 * GOMEM_PAGE_SIZE, GOMEM_TAG_LARGE, GOMEM_TAG_INTERIOR);
	KUNIT_EXPECT_PTR_EQ(test, span_at(at), &block->span[0]);
	expect_pages(test, at - GOMEM_PAGE_SIZE, 1, GOMEM_TAG_NONE, NULL);
	KUNIT_EXPECT_EQ(test, tag_at(at), GOMEM_TAG_LARGE);
	KUNIT_EXPECT_EQ(test, tag_at(at + GOMEM_HALF_SIZE), GOMEM_TAG_INTERIOR);
	expect_pages(test, at + GOMEM_PAGE_SIZE, 4, GOMEM_TAG_INTERIOR, NULL);
	expect_pages(test, at + 5 * GOMEM_PAGE_SIZE, 1, GOMEM_TAG_NONE, NULL);
	put_fake_block(block, 5 * GOMEM_PAGE_SIZE);
	expect_pages(test, base, npages, GOMEM_TAG_NONE, NULL);
	gomem_arena_put(base, npages * GOMEM_PAGE_SIZE);
	put_windows(base, 2);
}

/* When the second arena cannot be had, the first one is not kept either. */
static void arena_undo(struct kunit *test)
{
	struct gomem_meta *meta = gomem_test_heap(test)->meta;
	unsigned long base = get_windows(test, 2);
	unsigned long npages = 2 * GOMEM_ARENA_PAGES;
	long before = gc_bytes(test);
	int nth;

	for (nth = 1; nth <= 2; nth++) {
		atomic_set(&meta->fail_nth, nth);
		KUNIT_EXPECT_EQ(test, -ENOMEM, gomem_arena_get(meta, base, npages * GOMEM_PAGE_SIZE,
							       GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, gc_bytes(test), before);
		KUNIT_EXPECT_FALSE(test, has_arena(base));
		KUNIT_EXPECT_FALSE(test, has_arena(base + GOMEM_ARENA_SIZE));
	}
	KUNIT_EXPECT_EQ(test, atomic_long_read(&meta->failed), 2L);

	KUNIT_EXPECT_EQ(test, 0, gomem_arena_get(meta, base, npages * GOMEM_PAGE_SIZE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before + 2 * arena_bytes());
	gomem_arena_put(base, npages * GOMEM_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, gc_bytes(test), before);
	put_windows(base, 2);
}

static struct kunit_case gomem_arena_cases[] = {
	KUNIT_CASE(arena_small_span),
	KUNIT_CASE(arena_long_spans),
	KUNIT_CASE(arena_every_class),
	KUNIT_CASE(arena_default_heap),
	KUNIT_CASE(arena_large),
	KUNIT_CASE(arena_foreign),
	KUNIT_CASE(arena_no_address),
	KUNIT_CASE(arena_index_bounds),
	KUNIT_CASE(arena_out_of_range),
	KUNIT_CASE(arena_finds_memory),
	KUNIT_CASE(arena_memory_list),
	KUNIT_CASE(index_takes_what_memory_does),
	KUNIT_CASE(index_of_sparse_memory),
	KUNIT_CASE(index_grows_apart),
	KUNIT_CASE(arena_lifetime),
	KUNIT_CASE(arena_halves),
	KUNIT_CASE(arena_pages_of_others),
	KUNIT_CASE(arena_pages_by_turns),
	KUNIT_CASE(arena_set_pages),
	KUNIT_CASE(arena_undo),
	{}
};

static struct kunit_suite gomem_arena_suite = {
	.name = "gomem_arena",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_arena_cases,
};

kunit_test_suites(&gomem_arena_suite);
