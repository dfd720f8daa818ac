// SPDX-License-Identifier: GPL-2.0
/*
 * classes and blocks: the heap by size class, and by what it got from the
 * kernel.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "debugfs.h"
#include "heap.h"
#include "mheap.h"
#include "sizeclass.h"
#include "snapshot.h"
#include "walk.h"

struct view {
	struct gomem_snapshot snap;
	u64 cached[GOMEM_NR_CACHED];
	/* Of the live objects that the heap profile has. */
	u64 sampled_bytes[GOMEM_NR_CLASSES];
	u64 sampled_requested[GOMEM_NR_CLASSES];
};

struct row {
	u64 mallocs, frees, live, live_bytes;
	u64 spans, free_slots, cached, span_bytes;
	u64 requested;			/* an estimate, see @unknown */
	bool unknown;
};

/* What was asked for of what is live, as far as samples tell. */
static void read_samples(struct view *view)
{
	struct gomem_sites sites;
	unsigned int i, class;

	if (gomem_sites_get(&gomem_default_heap, &sites))
		return;
	for (i = 0; i < sites.nr; i++) {
		const struct gomem_site *site = &sites.site[i];

		if (!site->live)
			continue;
		class = gomem_told_class(site->bucket.class);
		view->sampled_bytes[class] += site->live_bytes;
		view->sampled_requested[class] += gomem_asked_bytes(site);
	}
	gomem_sites_put(&sites);
}

static void show_row(struct seq_file *m, const struct row *row)
{
	u64 permille = row->span_bytes ?
		       div64_u64(row->live_bytes * 1000, row->span_bytes) : 0;
	char requested[24] = "-";

	if (!row->unknown)
		snprintf(requested, sizeof(requested), "~%llu", row->requested);
	seq_printf(m, " %12llu %12llu %10llu %12llu %8llu %10llu %8llu %7llu.%llu %12s %12llu\n",
		   row->mallocs, row->frees, row->live, row->live_bytes,
		   row->spans, row->free_slots, row->cached, permille / 10,
		   permille % 10, requested, row->span_bytes);
}

/* The samples' share of what was asked for is taken for that of all. */
static void estimate_requested(struct row *row, const struct view *view,
			       unsigned int class)
{
	u64 bytes = view->sampled_bytes[class];
	u64 requested = min(view->sampled_requested[class], bytes);

	row->unknown = row->live_bytes && !bytes;
	if (row->live_bytes && bytes)
		row->requested = mul_u64_u64_div_u64(row->live_bytes, requested,
						     bytes);
}

static void fill_row(struct row *row, const struct view *view,
		     unsigned int class)
{
	const struct gomem_class_stats *s = &view->snap.class[class];

	row->unknown = false;
	row->requested = 0;
	row->mallocs = s->nmalloc;
	row->frees = s->nfree;
	row->live = s->nmalloc - s->nfree;
	row->spans = s->spans;
	if (class) {
		row->live_bytes = row->live * gomem_class[class].size;
		row->span_bytes = s->bytes;
		row->free_slots = s->slots - row->live;
		row->cached = min(view->cached[class], row->free_slots);
		row->free_slots -= row->cached;
	} else {
		row->live_bytes = view->snap.large_bytes;
		row->span_bytes = view->snap.large_bytes;
		row->free_slots = 0;
		row->cached = 0;
	}
}

static void add_row(struct row *total, const struct row *row)
{
	total->mallocs += row->mallocs;
	total->frees += row->frees;
	total->live += row->live;
	total->live_bytes += row->live_bytes;
	total->spans += row->spans;
	total->free_slots += row->free_slots;
	total->cached += row->cached;
	total->span_bytes += row->span_bytes;
	total->requested += row->requested;
	total->unknown |= row->unknown;
}

static void show_class(struct seq_file *m, unsigned int class,
		       const struct row *row)
{
	const struct gomem_class *c = &gomem_class[class];
	unsigned int bytes = gomem_class_bytes(class);
	unsigned int tail = bytes - c->nelems * c->size;
	unsigned int lost = c->size - gomem_class[class - 1].size - 1;
	unsigned int waste = DIV_ROUND_CLOSEST(10000 * (lost * c->nelems + tail),
					       bytes);

	seq_printf(m, "%5u %6u %6u %7u %4u %4u.%02u", class, c->size, bytes,
		   c->nelems, tail, waste / 100, waste % 100);
	show_row(m, row);
}

int gomem_classes_show(struct seq_file *m, void *v)
{
	struct view *view = kvzalloc(sizeof(*view), GFP_KERNEL);
	struct row row, large = {}, total = {};
	unsigned int class;

	if (!view)
		return -ENOMEM;
	gomem_snapshot(&gomem_default_heap, &view->snap);
	gomem_cached_objects(&gomem_default_heap, view->cached);
	read_samples(view);

	seq_puts(m, "gomem classes - version: 1\n");
	seq_printf(m, "%5s %6s %6s %7s %4s %7s %12s %12s %10s %12s %8s %10s %8s %9s %12s %12s\n",
		   "class", "size", "span", "objects", "tail", "waste%",
		   "mallocs", "frees", "live", "live_bytes", "spans",
		   "free_slots", "cached", "occup%", "requested", "span_bytes");
	for (class = 1; class < GOMEM_NR_CLASSES; class++) {
		fill_row(&row, view, class);
		estimate_requested(&row, view, class);
		add_row(&total, &row);
		show_class(m, class, &row);
	}
	fill_row(&large, view, 0);
	for (; class < GOMEM_NR_CACHED; class++) {
		fill_row(&row, view, class);
		add_row(&large, &row);
	}
	estimate_requested(&large, view, 0);
	add_row(&total, &large);
	seq_printf(m, "%5s %6s %6s %7s %4s %7s", "large", "-", "-", "1", "-", "-");
	show_row(m, &large);
	seq_printf(m, "%5s %6s %6s %7s %4s %7s", "Total", "-", "-", "-", "-", "-");
	show_row(m, &total);
	kvfree(view);
	return 0;
}

static void show_block(struct seq_file *m, const struct gomem_block *block,
		       u64 now)
{
	u64 age = div_u64(now - min(now, block->born), NSEC_PER_MSEC);

	seq_printf(m, "%p %4d %6u %6u %7u %6llu.%03llu %s\n",
		   (void *)block->base,
		   page_to_nid(virt_to_page((void *)block->base)),
		   gomem_block_pages(block), READ_ONCE(block->used),
		   block->exact ? 0 : READ_ONCE(block->longest),
		   age / 1000, age % 1000, block->exact ? "exact" : "shared");
}

int gomem_blocks_show(struct seq_file *m, void *v)
{
	u64 now = ktime_get_mono_fast_ns();
	struct gomem_block *block;
	struct gomem_walk walk;
	int nid;

	seq_puts(m, "gomem blocks - version: 1\n");
	seq_printf(m, "%-16s %4s %6s %6s %7s %10s %s\n", "address", "node",
		   "pages", "used", "longest", "age_s", "kind");
	for (nid = -1; gomem_next_node(&gomem_default_heap, &nid);) {
		gomem_walk_begin(&walk, gomem_default_heap.node[nid]->mheap);
		while ((block = gomem_walk_next(&walk)))
			show_block(m, block, now);
	}
	return 0;
}
