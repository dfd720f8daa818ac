// SPDX-License-Identifier: GPL-2.0
/*
 * modules, lifetimes, peak, failed: the heap profile by module, by the age at which
 * objects were freed, and as it was at another time.
 *
 * All of them are made from a reading of the profile (reading.c); a site belongs to the
 * module of its first frame, which is where gomem was called from.
 */
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "debugfs.h"
#include "sizeclass.h"

/* --- modules. --- */

struct owner {
	const char *name;		/* in the name of a place */
	int len;
	bool gone;
	unsigned int sites;
	u64 objects, bytes, asked, pinned;
};

/* The module that a place is in: what stands in brackets; "kernel" if nothing does. */
static struct owner owner_of(const char *place)
{
	const char *open = strrchr(place, '['), *close;
	struct owner owner = { .name = "kernel", .len = strlen("kernel") };

	close = open ? strchr(open, ']') : NULL;
	if (!close)
		return owner;
	owner.name = open + 1;
	owner.len = close - owner.name;
	owner.gone = close[1] || !strcmp(place, "[gone]");
	return owner;
}

static int compare_names(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;
	int order = strncmp(x->name, y->name, min(x->len, y->len));

	return order ?: x->len - y->len ?: x->gone - y->gone;
}

static int compare_bytes(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return compare_names(a, b);
}

/* Those of the same name become one.  Returns how many are left. */
static unsigned int merge_owners(struct owner *owner, unsigned int nr)
{
	unsigned int i, n = 0;

	sort(owner, nr, sizeof(*owner), compare_names, NULL);
	for (i = 0; i < nr; i++) {
		if (!n || compare_names(&owner[i], &owner[n - 1])) {
			owner[n++] = owner[i];
			continue;
		}
		owner[n - 1].sites += owner[i].sites;
		owner[n - 1].objects += owner[i].objects;
		owner[n - 1].bytes += owner[i].bytes;
		owner[n - 1].asked += owner[i].asked;
		owner[n - 1].pinned += owner[i].pinned;
	}
	sort(owner, n, sizeof(*owner), compare_bytes, NULL);
	return n;
}

static unsigned int fill_owners(const struct gomem_reading *r,
				const struct gomem_hold *hold, struct owner *owner)
{
	unsigned int i, n = 0;

	for (i = 0; i < r->sites.nr; i++) {
		const struct gomem_site *site = &r->sites.site[i];

		if (site->bucket.nmalloc == site->bucket.nfree)
			continue;
		owner[n] = owner_of(gomem_reading_place(r, site, 0)->name);
		owner[n].sites = 1;
		owner[n].objects = site->live;
		owner[n].bytes = site->live_bytes;
		owner[n].asked = gomem_asked_bytes(site);
		owner[n++].pinned = hold[site->id].pinned;
	}
	return merge_owners(owner, n);
}

static void show_owners(struct seq_file *m, const struct owner *owner, unsigned int nr)
{
	unsigned int i;

	seq_puts(m, "gomem modules - version: 1\n");
	gomem_show_head(m, gomem_default_heap.mprof);
	seq_printf(m, "%12s %14s %14s %14s %6s %5s %s\n", "objects", "bytes", "asked",
		   "pinned", "sites", "gone", "module");
	for (i = 0; i < nr; i++)
		seq_printf(m, "%12llu %14llu %14llu %14llu %6u %5u %.*s\n",
			   owner[i].objects, owner[i].bytes, owner[i].asked,
			   owner[i].pinned, owner[i].sites, owner[i].gone,
			   owner[i].len, owner[i].name);
}

static int modules_show(struct seq_file *m, void *v)
{
	struct gomem_heap *heap = &gomem_default_heap;
	unsigned int max = heap->mprof->max_buckets;
	struct gomem_reading r;
	struct gomem_hold *hold;
	struct owner *owner;
	int ret;

	ret = gomem_reading_get(heap, &r);
	if (ret)
		return ret;
	hold = kvmalloc_array(max + 1, sizeof(*hold), GFP_KERNEL);
	owner = kvcalloc(r.sites.nr + 1, sizeof(*owner), GFP_KERNEL);
	if (hold && owner) {
		gomem_mprof_holds(heap, hold, max);
		show_owners(m, owner, fill_owners(&r, hold, owner));
	} else {
		ret = -ENOMEM;
	}
	kvfree(owner);
	kvfree(hold);
	gomem_reading_put(&r);
	return ret;
}

/* --- lifetimes. --- */

static int compare_freed(const void *a, const void *b)
{
	const struct gomem_site *x = a, *y = b;

	if (x->bucket.nfree != y->bucket.nfree)
		return x->bucket.nfree > y->bucket.nfree ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static void show_lifetimes(struct seq_file *m, const struct gomem_reading *r,
			   const struct gomem_site *site)
{
	const struct gomem_bucket *b = &site->bucket;
	unsigned int i;

	seq_printf(m, "%5u %8u %9llu", gomem_told_class(b->class), b->size, b->nfree);
	for (i = 0; i < GOMEM_NR_LIFETIMES; i++)
		seq_printf(m, " %8u", b->lifetime[i]);
	seq_printf(m, " %s\n", gomem_reading_place(r, site, 0)->name);
}

static int lifetimes_show(struct seq_file *m, void *v)
{
	static const char *const below[GOMEM_NR_LIFETIMES] = {
		"<10ms", "<100ms", "<1s", "<10s", "<100s", "<1000s", "<10000s", "more",
	};
	struct gomem_reading r;
	unsigned int i;
	int ret;

	ret = gomem_reading_get(&gomem_default_heap, &r);
	if (ret)
		return ret;
	seq_puts(m, "gomem lifetimes - version: 1\n");
	gomem_show_head(m, gomem_default_heap.mprof);
	seq_printf(m, "%5s %8s %9s", "class", "size", "freed");
	for (i = 0; i < GOMEM_NR_LIFETIMES; i++)
		seq_printf(m, " %8s", below[i]);
	seq_puts(m, " site\n");
	sort(r.sites.site, r.sites.nr, sizeof(*r.sites.site), compare_freed, NULL);
	for (i = 0; i < r.sites.nr && r.sites.site[i].bucket.nfree; i++)
		show_lifetimes(m, &r, &r.sites.site[i]);
	gomem_reading_put(&r);
	return 0;
}

/* --- peak, failed. --- */

/* A site, and what it held then, in sites' own fields. */
static void recall(struct gomem_reading *r, const struct gomem_keep *keep)
{
	struct gomem_mprof *mprof = r->sites.heap->mprof;
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < r->sites.nr; i++) {
		struct gomem_site *site = &r->sites.site[i];
		u64 weight;

		spin_lock_irqsave(&mprof->lock, flags);
		weight = keep->live_weight[site->id];
		spin_unlock_irqrestore(&mprof->lock, flags);
		site->live = gomem_weight_objects(weight);
		site->live_bytes = gomem_weight_bytes(weight, site->bucket.size);
	}
}

static int compare_recalled(const void *a, const void *b)
{
	const struct gomem_site *x = a, *y = b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes > y->live_bytes ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static void show_kept_head(struct seq_file *m, const struct gomem_keep *keep,
			   const char *none)
{
	if (!keep->when) {
		seq_printf(m, "%s\n", none);
		return;
	}
	seq_printf(m, "HeapAlloc %llu at %lld, %lld s ago", keep->live, keep->when,
		   ktime_get_real_seconds() - keep->when);
	if (keep->lost)
		seq_printf(m, "; %llu bytes were held by stacks that have been forgotten since",
			   keep->lost);
	seq_putc(m, '\n');
	seq_printf(m, "%5s %8s %12s %14s\n", "class", "size", "objects", "bytes");
}

static void show_kept(struct seq_file *m, struct gomem_reading *r,
		      const struct gomem_keep *keep)
{
	const struct gomem_site *site = r->sites.site;
	unsigned int i;

	recall(r, keep);
	sort(r->sites.site, r->sites.nr, sizeof(*site), compare_recalled, NULL);
	for (i = 0; i < r->sites.nr && site[i].live; i++) {
		seq_printf(m, "%5u %8u %12llu %14llu\n",
			   gomem_told_class(site[i].bucket.class), site[i].bucket.size,
			   site[i].live, site[i].live_bytes);
		gomem_show_stack(m, r, &site[i]);
	}
}

static int kept_show(struct seq_file *m, enum gomem_kept which, const char *none)
{
	struct gomem_mprof *mprof = gomem_default_heap.mprof;
	struct gomem_keep *keep = &mprof->kept[which];
	struct gomem_reading r;
	int ret;

	/* First, so that the buckets are those that are kept. */
	mutex_lock(&mprof->rate_mutex);
	ret = gomem_reading_get(&gomem_default_heap, &r);
	if (!ret) {
		show_kept_head(m, keep, none);
		if (keep->when)
			show_kept(m, &r, keep);
		gomem_reading_put(&r);
	}
	mutex_unlock(&mprof->rate_mutex);
	return ret;
}

static int peak_show(struct seq_file *m, void *v)
{
	seq_puts(m, "gomem peak - version: 1\n");
	return kept_show(m, GOMEM_KEPT_PEAK, "nothing was held yet");
}

static int failed_show(struct seq_file *m, void *v)
{
	seq_puts(m, "gomem failed - version: 1\n");
	return kept_show(m, GOMEM_KEPT_OOM, "no allocation has failed");
}

/* --- The files. --- */

static int modules_open(struct inode *inode, struct file *file)
{
	return single_open(file, modules_show, NULL);
}

static int lifetimes_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, lifetimes_show, NULL,
				gomem_reading_size(&gomem_default_heap));
}

static int peak_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, peak_show, NULL,
				gomem_reading_size(&gomem_default_heap));
}

static int failed_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, failed_show, NULL,
				gomem_reading_size(&gomem_default_heap));
}

const struct file_operations gomem_modules_fops = {
	.owner = THIS_MODULE,
	.open = modules_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

const struct file_operations gomem_lifetimes_fops = {
	.owner = THIS_MODULE,
	.open = lifetimes_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

const struct file_operations gomem_peak_fops = {
	.owner = THIS_MODULE,
	.open = peak_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

const struct file_operations gomem_failed_fops = {
	.owner = THIS_MODULE,
	.open = failed_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
