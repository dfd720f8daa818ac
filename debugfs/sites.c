// SPDX-License-Identifier: GPL-2.0
/*
 * sites: who holds the memory of each size class, for people.
 *
 * The class that holds most comes first, and in it the stack that holds most; or, when
 * "pinned" has been written to sites_order, the stack that pins most: what is free in
 * spans, and cannot go back because of what is live beside it.
 */
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "debugfs.h"
#include "sizeclass.h"

struct view {
	struct gomem_reading r;
	struct gomem_hold *hold;	/* by bucket */
	bool by_pinned;
	u64 class_bytes[GOMEM_NR_CLASSES];	/* 0: large objects */
};

/* A site and what it is sorted by. */
struct line {
	const struct gomem_site *site;
	u64 first, second;
	unsigned int class;
};

static unsigned int class_of(const struct gomem_site *site)
{
	return gomem_told_class(site->bucket.class);
}

static int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->first != y->first)
		return x->first > y->first ? -1 : 1;
	if (x->class != y->class)
		return x->class > y->class ? -1 : 1;
	return x->second > y->second ? -1 : x->second < y->second;
}

/**
 * gomem_asked_bytes() - what was asked for of what is live
 * @site: the site
 *
 * By the mean of all that was sampled.
 *
 * Return: bytes, estimated.
 */
u64 gomem_asked_bytes(const struct gomem_site *site)
{
	const struct gomem_bucket *b = &site->bucket;

	return min(site->live_bytes,
		   mul_u64_u64_div_u64(site->live, b->requested, b->nmalloc));
}

/**
 * gomem_show_stack() - the frames of a site, a line each
 * @m: where to write them
 * @r: the reading
 * @site: one of its sites
 */
void gomem_show_stack(struct seq_file *m, const struct gomem_reading *r,
		      const struct gomem_site *site)
{
	unsigned int i;

	for (i = 0; i < site->bucket.depth; i++) {
		seq_putc(m, '\t');
		seq_puts(m, gomem_reading_place(r, site, i)->name);
		seq_putc(m, '\n');
	}
}

static void show_site(struct seq_file *m, const struct view *view,
		      const struct gomem_site *site)
{
	const struct gomem_bucket *b = &site->bucket;
	const struct gomem_hold *hold = &view->hold[site->id];

	seq_printf(m, "%5u %8u %12llu %14llu %10llu %9llu %14llu %14llu\n",
		   class_of(site), b->size, site->live, site->live_bytes,
		   div_u64(hold->age << GOMEM_MPROF_TICK, NSEC_PER_SEC),
		   b->nmalloc - b->nfree, gomem_asked_bytes(site), hold->pinned);
	gomem_show_stack(m, &view->r, site);
}

/* Sites that hold something, as they are to be printed.  Returns how many. */
static unsigned int sort_sites(struct view *view, struct line *line)
{
	const struct gomem_sites *sites = &view->r.sites;
	unsigned int i, n = 0;

	for (i = 0; i < sites->nr; i++)
		view->class_bytes[class_of(&sites->site[i])] +=
			sites->site[i].live_bytes;
	for (i = 0; i < sites->nr; i++) {
		const struct gomem_site *site = &sites->site[i];

		if (site->bucket.nmalloc == site->bucket.nfree)
			continue;
		line[n].site = site;
		line[n].class = class_of(site);
		line[n].second = site->live_bytes;
		line[n++].first = view->by_pinned ? view->hold[site->id].pinned :
						    view->class_bytes[class_of(site)];
	}
	sort(line, n, sizeof(*line), compare_lines, NULL);
	return n;
}

/**
 * gomem_show_head() - the line about the profile
 * @m: where to write it
 * @mprof: the profile
 */
void gomem_show_head(struct seq_file *m, struct gomem_mprof *mprof)
{
	u64 stacks = READ_ONCE(mprof->forgotten);

	seq_printf(m, "rate %u, %lu samples dropped", gomem_default_heap.profile_rate,
		   atomic_long_read(&mprof->dropped));
	if (stacks)
		seq_printf(m, ", %llu stacks forgotten that held nothing", stacks);
	seq_putc(m, '\n');
}

static int show_sites(struct seq_file *m, struct view *view)
{
	struct gomem_mprof *mprof = gomem_default_heap.mprof;
	unsigned int i, n;
	struct line *line;

	line = kvmalloc_array(view->r.sites.nr + 1, sizeof(*line), GFP_KERNEL);
	if (!line)
		return -ENOMEM;
	gomem_mprof_holds(&gomem_default_heap, view->hold, mprof->max_buckets);
	n = sort_sites(view, line);
	seq_puts(m, "gomem sites - version: 1\n");
	gomem_show_head(m, mprof);
	seq_printf(m, "%5s %8s %12s %14s %10s %9s %14s %14s\n", "class", "size",
		   "objects", "bytes", "oldest_s", "samples", "asked", "pinned");
	for (i = 0; i < n; i++)
		show_site(m, view, line[i].site);
	kvfree(line);
	return 0;
}

static int sites_show(struct seq_file *m, void *v)
{
	struct gomem_mprof *mprof = gomem_default_heap.mprof;
	struct view *view = kvzalloc(sizeof(*view), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!view)
		return ret;
	view->by_pinned = READ_ONCE(mprof->by_pinned);
	view->hold = kvmalloc_array(mprof->max_buckets + 1, sizeof(*view->hold),
				    GFP_KERNEL);
	if (view->hold)
		ret = gomem_reading_get(&gomem_default_heap, &view->r);
	if (!ret) {
		ret = show_sites(m, view);
		gomem_reading_put(&view->r);
	}
	kvfree(view->hold);
	kvfree(view);
	return ret;
}

static int sites_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, sites_show, NULL,
				gomem_reading_size(&gomem_default_heap));
}

const struct file_operations gomem_sites_fops = {
	.owner = THIS_MODULE,
	.open = sites_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

/* --- sites_order. --- */

static const char *const order[] = { "bytes", "pinned" };

static ssize_t order_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	char text[GOMEM_MAX_TEXT];
	int n;

	n = scnprintf(text, sizeof(text), "%s\n",
		      order[READ_ONCE(gomem_default_heap.mprof->by_pinned)]);
	return simple_read_from_buffer(to, len, pos, text, n);
}

static ssize_t order_write(struct file *file, const char __user *from, size_t len,
			   loff_t *pos)
{
	char word[GOMEM_MAX_TEXT];
	unsigned int i;
	int ret;

	ret = gomem_get_text(word, from, len);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		if (!sysfs_streq(word, order[i]))
			continue;
		WRITE_ONCE(gomem_default_heap.mprof->by_pinned, i);
		return len;
	}
	return -EINVAL;
}

const struct file_operations gomem_sites_order_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = order_read,
	.write = order_write,
	.llseek = default_llseek,
};
