// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the size classes: is what was compiled in what was meant?
 *
 * kunit/size_classes.tsv is the list of Go's classes, written down apart from
 * the program that computes them.  The build turns it into size_classes_tsv.h,
 * and here it is compared with the module's tables, row by row, number by
 * number.  The look-up and the division by multiplication are then tried on
 * everything that they can be asked.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "gomem_test.h"

/* The file's lines; the first one names the columns. */
static const char * const tsv[] = {
#include "size_classes_tsv.h"
};

struct tsv_row {
	u32 class, size, span, nelems, tail;
	u32 waste;			/* hundredths of a percent */
};

static const char tsv_columns[] =
	"class\tbytes_per_object\tbytes_per_span\tobjects\ttail_waste\tmax_waste_percent";

static void read_row(struct kunit *test, unsigned int line, struct tsv_row *row)
{
	unsigned int percent, hundredths;

	KUNIT_ASSERT_EQ_MSG(test, 7,
			    sscanf(tsv[line], "%u %u %u %u %u %u.%2u",
				   &row->class, &row->size, &row->span,
				   &row->nelems, &row->tail, &percent,
				   &hundredths),
			    "line %u: %s", line, tsv[line]);
	row->waste = 100 * percent + hundredths;
}

static void sizeclass_table(struct kunit *test)
{
	struct tsv_row row;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(tsv), (size_t)GOMEM_NR_CLASSES);
	KUNIT_EXPECT_EQ(test, GOMEM_NR_CLASSES, 67);
	KUNIT_EXPECT_STREQ(test, tsv[0], tsv_columns);
	for (i = 1; i < GOMEM_NR_CLASSES; i++) {
		const struct gomem_class *c = &gomem_class[i];

		read_row(test, i, &row);
		KUNIT_EXPECT_EQ(test, row.class, i);
		KUNIT_EXPECT_EQ(test, row.size, c->size);
		KUNIT_EXPECT_EQ(test, row.span, gomem_class_bytes(i));
		KUNIT_EXPECT_EQ(test, row.nelems, c->nelems);
		KUNIT_EXPECT_EQ(test, row.tail,
				gomem_class_bytes(i) - c->nelems * c->size);
	}
}

/*
 * What a span wastes when all of its objects are as small as the class serves:
 * waste / span is the table's percentage, rounded to two digits.
 */
static void sizeclass_waste(struct kunit *test)
{
	struct tsv_row row;
	unsigned int i;

	for (i = 1; i < GOMEM_NR_CLASSES; i++) {
		const struct gomem_class *c = &gomem_class[i];
		s64 span = gomem_class_bytes(i);
		u32 unused = c->size - gomem_class[i - 1].size - 1;
		s64 waste = span - c->nelems * (c->size - unused);

		read_row(test, i, &row);
		KUNIT_EXPECT_LE_MSG(test, abs(2 * (row.waste * span -
						   10000 * waste)), span,
				    "class %u wastes %lld of %lld bytes",
				    i, waste, span);
	}
}

/* Row 0 stands for large objects and has nothing in it. */
static void sizeclass_zero(struct kunit *test)
{
	const struct gomem_class none = {};

	KUNIT_EXPECT_EQ(test, 0, memcmp(&gomem_class[0], &none, sizeof(none)));
	KUNIT_EXPECT_EQ(test, gomem_class[GOMEM_NR_CLASSES - 1].size,
			GOMEM_MAX_SMALL);
}

/* The largest power of two that divides @size. */
static size_t divisor_of(size_t size)
{
	return size & -size;
}

/* Has it room for @size, and are its objects aligned to that, and to @align? */
static bool class_serves(unsigned int class, size_t size, size_t align)
{
	return gomem_class[class].size >= size &&
	       IS_ALIGNED(gomem_class[class].size, max(align, divisor_of(size)));
}

/* The last of the sizes that share an entry of a look-up table with @size. */
static size_t last_of_step(size_t size)
{
	return round_up(size, size <= GOMEM_COARSE_BASE ?
			      1UL << GOMEM_FINE_SHIFT : 1UL << GOMEM_COARSE_SHIFT);
}

/* The smallest class that serves all of them. */
static unsigned int class_for(size_t size, size_t align)
{
	size_t last = last_of_step(size);
	unsigned int class = 1;

	while (!class_serves(class, last, align))
		class++;
	return class;
}

/* Every size gets the smallest class that it fits in, and that aligns it. */
static void sizeclass_lookup(struct kunit *test)
{
	unsigned int class;
	size_t size;

	for (size = 1; size <= GOMEM_MAX_SMALL; size++) {
		class = gomem_size_class(size);
		if (!class_serves(class, size, ARCH_KMALLOC_MINALIGN) ||
		    class != class_for(size, ARCH_KMALLOC_MINALIGN))
			break;
	}
	KUNIT_EXPECT_EQ_MSG(test, size, (size_t)GOMEM_MAX_SMALL + 1,
			    "this size is served by class %u", class);
}

/* Above that, where an object is a run of pages, it is the run that is aligned. */
static void sizeclass_run_alignment(struct kunit *test)
{
	size_t size, align, bytes;

	for (size = GOMEM_MAX_SMALL + 1; size <= KMALLOC_MAX_SIZE; size++) {
		/* The span's, of run classes; the object's own, of larger ones. */
		bytes = size > GOMEM_MAX_CACHED ? size :
			gomem_class[gomem_size_class(size)].size;
		align = gomem_align_pages(bytes) * GOMEM_PAGE_SIZE;
		if (gomem_size_roundup(size) < size ||
		    align % divisor_of(size) ||
		    align != max(GOMEM_PAGE_SIZE, divisor_of(bytes)))
			break;
	}
	KUNIT_EXPECT_EQ(test, size, KMALLOC_MAX_SIZE + 1UL);
}

/* Where DMA wants @align, the tables see to that, and to all else as before. */
static size_t first_not_adapted(const u8 *fine, const u8 *coarse, size_t align)
{
	unsigned int class;
	size_t size;

	for (size = 1; size <= GOMEM_MAX_SMALL; size++) {
		class = size <= GOMEM_COARSE_BASE ?
			fine[last_of_step(size) >> GOMEM_FINE_SHIFT] :
			coarse[(last_of_step(size) - GOMEM_COARSE_BASE) >>
			       GOMEM_COARSE_SHIFT];
		if (!class_serves(class, size, align) ||
		    class != class_for(size, align))
			break;
	}
	return size;
}

static void sizeclass_adapt(struct kunit *test)
{
	static const u8 fine_table[] = GOMEM_FINE_TABLE;
	static const u8 coarse_table[] = GOMEM_COARSE_TABLE;
	u8 *fine = kunit_kmalloc(test, sizeof(fine_table), GFP_KERNEL);
	u8 *coarse = kunit_kmalloc(test, sizeof(coarse_table), GFP_KERNEL);
	size_t align;

	KUNIT_ASSERT_NOT_NULL(test, fine);
	KUNIT_ASSERT_NOT_NULL(test, coarse);
	for (align = 8; align <= 4096; align *= 2) {
		memcpy(fine, fine_table, sizeof(fine_table));
		memcpy(coarse, coarse_table, sizeof(coarse_table));
		gomem_sizeclass_adapt(fine, coarse, align);
		KUNIT_EXPECT_EQ_MSG(test, first_not_adapted(fine, coarse, align),
				    (size_t)GOMEM_MAX_SMALL + 1,
				    "aligned to %zu", align);
		KUNIT_EXPECT_EQ(test, fine[0], 0);
	}
}

/* Powers of two are served without rounding: that is what alignment rests on. */
static void sizeclass_powers(struct kunit *test)
{
	size_t size;

	for (size = max(8, ARCH_KMALLOC_MINALIGN); size <= GOMEM_MAX_SMALL;
	     size *= 2)
		KUNIT_EXPECT_EQ(test, gomem_size_roundup(size), size);
}

static void sizeclass_roundup(struct kunit *test)
{
	size_t size;

	for (size = 1; size <= GOMEM_MAX_SMALL; size++)
		if (gomem_size_roundup(size) !=
		    gomem_class[gomem_size_class(size)].size)
			break;
	KUNIT_EXPECT_EQ(test, size, (size_t)GOMEM_MAX_SMALL + 1);

	KUNIT_EXPECT_EQ(test, gomem_size_roundup(0), (size_t)0);
	KUNIT_EXPECT_EQ(test, gomem_size_roundup(32769), (size_t)40960);
	KUNIT_EXPECT_EQ(test, gomem_size_roundup(40960), (size_t)40960);
	KUNIT_EXPECT_EQ(test, gomem_size_roundup(40961), (size_t)49152);
	KUNIT_EXPECT_EQ(test, gomem_size_roundup(KMALLOC_MAX_SIZE),
			(size_t)KMALLOC_MAX_SIZE);
	/* More than can be had is not rounded: it might wrap. */
	KUNIT_EXPECT_EQ(test, gomem_size_roundup(KMALLOC_MAX_SIZE + 1UL),
			(size_t)KMALLOC_MAX_SIZE + 1);
	KUNIT_EXPECT_EQ(test, gomem_size_roundup(SIZE_MAX), SIZE_MAX);
}

static unsigned long longest_span(unsigned int class)
{
	return (unsigned long)gomem_class[class].tight_pages << GOMEM_PAGE_SHIFT;
}

/* The first offset of a span whose object is computed wrong, or the end. */
static unsigned long first_wrong_index(unsigned int class)
{
	unsigned long end = longest_span(class);
	unsigned long offset, index = 0, next = gomem_class[class].size;

	for (offset = 0; offset < end; offset++) {
		if (offset == next) {
			index++;
			next += gomem_class[class].size;
		}
		if (gomem_object_index(class, offset) != index)
			break;
	}
	return offset;
}

static void sizeclass_object_index(struct kunit *test)
{
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		KUNIT_EXPECT_EQ_MSG(test, first_wrong_index(class),
				    longest_span(class), "class %u", class);
}

/* Short, while there are few objects; then as the table says; then tight. */
static void sizeclass_span_pages(struct kunit *test)
{
	unsigned long slots, pages, last, full, tight;
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		const struct gomem_class *c = &gomem_class[class];

		full = gomem_class_bytes(class);
		tight = longest_span(class);
		KUNIT_EXPECT_LE(test, tight % c->size * full,
				full % c->size * tight);
		KUNIT_EXPECT_TRUE(test, tight == full ||
				  tight / c->size <= GOMEM_SPAN_INLINE_BITS);
		last = DIV_ROUND_UP(c->size, GOMEM_PAGE_SIZE);
		for (slots = 0; slots < 20000; slots++) {
			pages = gomem_span_pages(class, slots);
			if (pages < last || pages > c->tight_pages)
				break;
			if (slots == c->nelems && pages != c->npages)
				break;
			last = pages;
		}
		KUNIT_EXPECT_EQ_MSG(test, slots, 20000UL, "class %u", class);
		KUNIT_EXPECT_EQ(test, gomem_span_pages(class, 1000000),
				c->tight_pages);
	}
}

static void sizeclass_magazines(struct kunit *test)
{
	static const struct {
		u32 up_to, cap;
	} rule[] = {
		{ 512, 254 }, { 1024, 126 }, { 2048, 62 }, { 4096, 30 }, { 8192, 14 },
		{ GOMEM_MAX_CACHED, 6 },
	};
	unsigned int class, i = 0;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		while (gomem_class[class].size > rule[i].up_to)
			i++;
		KUNIT_EXPECT_EQ(test, gomem_class[class].mag_cap, rule[i].cap);
		/* Header and objects fill what kmalloc() returns for them. */
		KUNIT_EXPECT_TRUE(test,
				  is_power_of_2(gomem_magazine_bytes(gomem_class[class].mag_cap)));
	}
	KUNIT_EXPECT_EQ(test, i, (unsigned int)ARRAY_SIZE(rule) - 1);
}

/* Behind the size classes: whole pages, an object a span. */
static void sizeclass_runs(struct kunit *test)
{
	unsigned int class;
	size_t size;

	for (size = GOMEM_MAX_SMALL + 1; size <= GOMEM_MAX_CACHED; size++) {
		class = gomem_size_class(size);
		if (!gomem_is_run_class(class) || gomem_told_class(class) ||
		    gomem_class[class].size != round_up(size, GOMEM_PAGE_SIZE) ||
		    gomem_class_bytes(class) != gomem_class[class].size ||
		    gomem_class[class].nelems != 1)
			break;
	}
	KUNIT_EXPECT_EQ(test, size, (size_t)GOMEM_MAX_CACHED + 1);
	KUNIT_EXPECT_EQ(test, class, GOMEM_NR_CACHED - 1U);
	KUNIT_EXPECT_EQ(test, gomem_told_class(GOMEM_NR_CLASSES - 1),
			GOMEM_NR_CLASSES - 1U);
}

static struct kunit_case gomem_sizeclass_cases[] = {
	KUNIT_CASE(sizeclass_table),
	KUNIT_CASE(sizeclass_waste),
	KUNIT_CASE(sizeclass_zero),
	KUNIT_CASE(sizeclass_lookup),
	KUNIT_CASE(sizeclass_run_alignment),
	KUNIT_CASE(sizeclass_adapt),
	KUNIT_CASE(sizeclass_powers),
	KUNIT_CASE(sizeclass_roundup),
	KUNIT_CASE(sizeclass_object_index),
	KUNIT_CASE(sizeclass_span_pages),
	KUNIT_CASE(sizeclass_magazines),
	KUNIT_CASE(sizeclass_runs),
	{}
};

static struct kunit_suite gomem_sizeclass_suite = {
	.name = "gomem_sizeclass",
	.init = gomem_test_init,
	.exit = gomem_test_exit,
	.test_cases = gomem_sizeclass_cases,
};

kunit_test_suites(&gomem_sizeclass_suite);
