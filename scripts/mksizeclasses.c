// SPDX-License-Identifier: GPL-2.0
/*
 * mksizeclasses - compute gomem's size classes and write them down
 *
 * The rule is the one Go's runtime uses to derive its classes, in the variant
 * whose second step is 16 bytes (no 24-byte class).  Sizes grow by a step that
 * is about an eighth of the size, so that rounding up costs at most an eighth;
 * a span is made long enough that its tail wastes at most an eighth as well;
 * a size that packs a span no better than the next one is dropped in favour
 * of the next one.
 *
 * Of a class that is much used, the tails alone can be much: it gets spans of
 * another length, with the least possible tail.
 *
 * Objects that are somewhat larger are served in whole pages, but by the same
 * means: behind the size classes come the run classes, one for each length.
 *
 * An object is aligned to the largest power of two that divides the size of its
 * class.  It has to be aligned to the largest one that divides the size that was
 * asked for, so not every class that has room for a request can serve it: one of
 * 2560 bytes, 5 * 512, is served by 3072, not by 2688.  The look-up tables see to
 * that.
 *
 * Kbuild runs this on the build host.  Two outputs:
 *
 *	mksizeclasses --header	the tables, as initialisers for mm/sizeclass.c
 *	mksizeclasses --tsv	the same classes for people and for comparison
 *
 * Everything is checked before a byte is written: a wrong table must not
 * compile into a kernel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES	8192u		/* gomem's page, not the machine's */
#define MAX_SMALL	32768u		/* of the last size class */
#define MAX_CACHED	65536u		/* of the last run class */
#define MAX_CLASSES	128

/* Spans with little tail: their longest length, and the objects they may have. */
#define MAX_TIGHT	(10 * PAGE_BYTES)
#define MAX_TIGHT_OBJECTS	128u

/* Sizes above 1024 are multiples of this. */
#define LARGE_STEP	128u

/*
 * The two look-up tables: steps of 8 bytes to 1024, of 32 bytes above.  All
 * requests within a step are served by the same class, so 2500 is served by 3072,
 * too, if 2560 is in the same step: that is why the steps are not longer.
 */
#define FINE_SHIFT	3
#define FINE_MAX	1016u
#define COARSE_SHIFT	5
#define COARSE_BASE	1024u
#define NR_FINE		(FINE_MAX / (1u << FINE_SHIFT) + 2)
#define NR_COARSE	((MAX_SMALL - COARSE_BASE) / (1u << COARSE_SHIFT) + 1)

struct size_class {
	unsigned int size;
	unsigned int span;
	unsigned int objects;
	unsigned int tight;		/* length of a span with little tail */
};

static struct size_class class[MAX_CLASSES];	/* class[0] stays empty */
static unsigned int nr_classes = 1;	/* size classes, and entry 0 */
static unsigned int nr_cached;		/* and run classes */

/* Entry i is for what is larger than entry i - 1 is for, up to base + i * step. */
static unsigned int fine[NR_FINE], coarse[NR_COARSE];

static void die(const char *what, unsigned int value)
{
	fprintf(stderr, "mksizeclasses: %s (%u)\n", what, value);
	exit(1);
}

static int is_power_of_two(unsigned int n)
{
	return n && !(n & (n - 1));
}

static unsigned int step_for(unsigned int size, unsigned int step)
{
	if (!is_power_of_two(size))
		return step;
	if (size >= 2048)
		return 256;
	if (size >= 128)
		return size / 8;
	if (size >= 16)
		return 16;
	return step;
}

static unsigned int span_for(unsigned int size)
{
	unsigned int span = PAGE_BYTES;

	while (span % size > span / 8)
		span += PAGE_BYTES;
	return span;
}

/* The length, from the usual one on, of which the smallest part is tail. */
static unsigned int tight_for(const struct size_class *c)
{
	unsigned int best = c->span, span;

	for (span = c->span; span <= MAX_TIGHT; span += PAGE_BYTES)
		if (span / c->size <= MAX_TIGHT_OBJECTS &&
		    (unsigned long long)(span % c->size) * best <
		    (unsigned long long)(best % c->size) * span)
			best = span;
	return best;
}

/* The largest power of two that divides @n. */
static unsigned int divisor(unsigned int n)
{
	return n & -n;
}

static int serves(unsigned int i, unsigned int size)
{
	return class[i].size >= size && class[i].size % divisor(size) == 0;
}

/*
 * The smallest class for @size, 0 for nothing.  As that is the last one of its step
 * in a table, and a multiple of the step, it has the largest divisor of them.
 */
static unsigned int class_of(unsigned int size)
{
	unsigned int i = 1;

	if (!size)
		return 0;
	while (!serves(i, size))
		i++;
	return i;
}

static void compute(void)
{
	unsigned int size, step = 8;
	unsigned int i;

	for (size = step; size <= MAX_SMALL; size += step) {
		unsigned int span, objects;

		step = step_for(size, step);
		span = span_for(size);
		objects = span / size;

		if (nr_classes > 1 && class[nr_classes - 1].span == span &&
		    class[nr_classes - 1].objects == objects) {
			class[nr_classes - 1].size = size;
			continue;
		}
		if (nr_classes == MAX_CLASSES)
			die("too many classes", nr_classes);
		class[nr_classes].size = size;
		class[nr_classes].span = span;
		class[nr_classes].objects = objects;
		nr_classes++;
	}

	for (i = 1; i < nr_classes; i++) {
		unsigned int fill = class[i].span / class[i].objects;

		fill -= fill % LARGE_STEP;
		if (fill > class[i].size)
			class[i].size = fill;
	}

	nr_cached = nr_classes;
	for (size = MAX_SMALL + PAGE_BYTES; size <= MAX_CACHED;
	     size += PAGE_BYTES) {
		if (nr_cached == MAX_CLASSES)
			die("too many run classes", nr_cached);
		class[nr_cached].size = size;
		class[nr_cached].span = size;
		class[nr_cached].objects = 1;
		nr_cached++;
	}
	for (i = 1; i < nr_cached; i++)
		class[i].tight = tight_for(&class[i]);
	for (i = 0; i < NR_FINE; i++)
		fine[i] = class_of(i << FINE_SHIFT);
	for (i = 0; i < NR_COARSE; i++)
		coarse[i] = class_of(COARSE_BASE + (i << COARSE_SHIFT));
}

/* ceil(2^32 / size) for every size that does not divide 2^32, one more else. */
static unsigned int magic_of(unsigned int size)
{
	return 0xffffffffu / size + 1;
}

static void check(void)
{
	unsigned int i, offset;

	if (class[nr_classes - 1].size != MAX_SMALL)
		die("the last class is not the largest small size",
		    class[nr_classes - 1].size);
	for (i = 1; i < nr_cached; i++) {
		const struct size_class *c = &class[i];

		if (c->size <= class[i - 1].size)
			die("sizes do not grow at class", i);
		if (c->size > COARSE_BASE && c->size % LARGE_STEP)
			die("no multiple of the large step in class", i);
		if (c->objects * c->size > c->span)
			die("objects overflow their span in class", i);
		for (offset = 0; offset < c->tight; offset++) {
			unsigned long long product = offset;

			product *= magic_of(c->size);
			if (product >> 32 != offset / c->size)
				die("multiplication is no division in class", i);
		}
	}
}

/* As the kernel looks it up. */
static unsigned int lookup(unsigned int size)
{
	if (size <= COARSE_BASE)
		return fine[(size + (1u << FINE_SHIFT) - 1) >> FINE_SHIFT];
	if (size <= MAX_SMALL)
		return coarse[(size - COARSE_BASE + (1u << COARSE_SHIFT) - 1) >>
			      COARSE_SHIFT];
	return nr_classes + (size - MAX_SMALL - 1) / PAGE_BYTES;
}

/* Is there a class for all sizes from @first to @last that is less than @than? */
static int is_smaller(unsigned int first, unsigned int last, unsigned int than)
{
	unsigned int i, size;

	for (i = 1; i < than; i++) {
		for (size = first; size <= last && serves(i, size); size++)
			;
		if (size > last)
			return 1;
	}
	return 0;
}

/* Every size there is: it is served, and all of its step by the smallest class. */
static void check_lookup(void)
{
	unsigned int size, first = 1, step;

	for (size = 1; size <= MAX_CACHED; size++) {
		if (lookup(size) >= nr_cached || !serves(lookup(size), size))
			die("the look-up is wrong for size", size);
		step = size <= COARSE_BASE ? 1u << FINE_SHIFT :
		       size <= MAX_SMALL ? 1u << COARSE_SHIFT : PAGE_BYTES;
		if (size % step)
			continue;
		if (is_smaller(first, size, lookup(size)))
			die("there is a smaller class for size", size);
		first = size + 1;
	}
}

/*
 * How many objects a magazine holds at most: as many as are worth an exchange,
 * but not more than 128 KiB of memory (or six objects), and such that the magazine
 * with its header of two words fills a size that kmalloc() serves without
 * rounding, and whole cache lines.
 */
static unsigned int magazine_of(unsigned int size)
{
	unsigned int words = 256;

	while (words > 8 && (words - 2) * size > 131072)
		words /= 2;
	return words - 2;
}

static void print_lookup(const char *name, const unsigned int *table,
			 unsigned int entries)
{
	unsigned int i;

	printf("\n#define %s { \\\n", name);
	for (i = 0; i < entries; i++)
		printf("%s%u,%s", i % 16 ? " " : "\t", table[i],
		       i % 16 == 15 || i + 1 == entries ? " \\\n" : "");
	printf("}\n");
}

static void print_header(void)
{
	unsigned int longest = 0;
	unsigned int i;

	for (i = 1; i < nr_classes; i++)
		if (class[i].span > longest)
			longest = class[i].span;

	printf("/* %s-License-Identifier: GPL-2.0 */\n", "SPDX");
	printf("/* Written by scripts/mksizeclasses; do not edit. */\n");
	printf("#ifndef GOMEM_SIZECLASSES_H\n#define GOMEM_SIZECLASSES_H\n\n");
	printf("#define GOMEM_NR_CLASSES %u\n", nr_classes);
	printf("#define GOMEM_NR_CACHED %u\n", nr_cached);
	printf("#define GOMEM_MAX_SMALL %uu\n", MAX_SMALL);
	printf("#define GOMEM_MAX_CACHED %uu\n", MAX_CACHED);
	printf("#define GOMEM_MAX_SPAN_PAGES %uu\n", longest / PAGE_BYTES);
	printf("#define GOMEM_FINE_MAX %uu\n", FINE_MAX);
	printf("#define GOMEM_FINE_SHIFT %u\n", FINE_SHIFT);
	printf("#define GOMEM_COARSE_BASE %uu\n", COARSE_BASE);
	printf("#define GOMEM_COARSE_SHIFT %u\n", COARSE_SHIFT);
	printf("#define GOMEM_NR_FINE %u\n", NR_FINE);
	printf("#define GOMEM_NR_COARSE %u\n", NR_COARSE);

	printf("\n/* X(class, size, pages of a span, objects, magic, magazine, tight pages) */\n");
	printf("#define GOMEM_FOR_EACH_CLASS(X) \\\n");
	for (i = 1; i < nr_cached; i++)
		printf("\tX(%u, %u, %u, %u, 0x%08xu, %u, %u)%s\n", i,
		       class[i].size, class[i].span / PAGE_BYTES,
		       class[i].objects, magic_of(class[i].size),
		       magazine_of(class[i].size),
		       class[i].tight / PAGE_BYTES,
		       i + 1 < nr_cached ? " \\" : "");

	print_lookup("GOMEM_FINE_TABLE", fine, NR_FINE);
	print_lookup("GOMEM_COARSE_TABLE", coarse, NR_COARSE);
	printf("\n#endif /* GOMEM_SIZECLASSES_H */\n");
}

static void print_tsv(void)
{
	unsigned int i;

	printf("class\tbytes_per_object\tbytes_per_span\tobjects\ttail_waste\tmax_waste_percent\n");
	for (i = 1; i < nr_classes; i++) {
		const struct size_class *c = &class[i];
		unsigned int tail = c->span - c->objects * c->size;
		unsigned int lost = c->size - class[i - 1].size - 1;
		double waste = 100.0 * (lost * c->objects + tail) / c->span;

		printf("%u\t%u\t%u\t%u\t%u\t%.2f\n", i, c->size, c->span,
		       c->objects, tail, waste);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc == 2 ? argv[1] : "";

	compute();
	check();
	check_lookup();
	if (!strcmp(mode, "--header")) {
		print_header();
	} else if (!strcmp(mode, "--tsv")) {
		print_tsv();
	} else if (!strcmp(mode, "--help")) {
		printf("usage: mksizeclasses --header | --tsv\n");
	} else {
		fprintf(stderr, "usage: mksizeclasses --header | --tsv\n");
		return 2;
	}
	if (fflush(stdout) || ferror(stdout))
		die("cannot write", 0);
	return 0;
}
