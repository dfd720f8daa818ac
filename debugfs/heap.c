// SPDX-License-Identifier: GPL-2.0
/*
 * heap.txt and sites: the heap profile, to be read.
 *
 * heap.txt is Go's text form: samples as they are, which pprof scales by the rate
 * in the first line, and symbols behind '#', which it does not read.  sites is
 * for people: who holds the memory of a size class?
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "debugfs.h"
#include "heap.h"
#include "mprof.h"
#include "sampling.h"
#include "sizeclass.h"

/* --- heap.txt. --- */

/* A record of heap.txt: samples at the rate of the first line. */
struct record {
	u64 objects, bytes;
	u64 alloc_objects, alloc_bytes;
};

/*
 * What was sampled at another rate than the one in the first line is told in
 * samples of that one; at least one, lest it is lost.
 */
static u64 at_rate(const struct gomem_site *site, u64 nr, u64 estimate, u32 rate)
{
	u64 one;

	if (!nr || site->bucket.rate == rate)
		return nr;
	one = gomem_sample_scale(1 << 10, site->bucket.size, rate);
	return max(1ULL, div64_u64((estimate << 10) + one / 2, one));
}

static void fill_record(struct record *r, const struct gomem_site *site, u32 rate)
{
	const struct gomem_bucket *b = &site->bucket;

	r->objects = at_rate(site, b->nmalloc - b->nfree, site->live, rate);
	r->alloc_objects = at_rate(site, b->nmalloc, site->objects, rate);
	r->bytes = r->objects * b->size;
	r->alloc_bytes = r->alloc_objects * b->size;
}

static int compare_live(const void *a, const void *b)
{
	const struct gomem_site *x = a, *y = b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes > y->live_bytes ? -1 : 1;
	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

/* Real ones for those who may see them in /proc/kallsyms too. */
static void show_address(struct seq_file *m, unsigned long address)
{
	if (file_ns_capable(m->file, &init_user_ns, CAP_SYSLOG))
		seq_printf(m, " %#lx", address);
	else
		seq_printf(m, " 0x%p", (void *)address);
}

static void show_record(struct seq_file *m, const struct gomem_site *site,
			u32 rate)
{
	const struct gomem_bucket *b = &site->bucket;
	const unsigned long *stack;
	char name[KSYM_SYMBOL_LEN];
	struct record r;
	unsigned int i;

	fill_record(&r, site, rate);
	stack = gomem_mprof_stack(gomem_default_heap.mprof, b);
	seq_printf(m, "%llu: %llu [%llu: %llu] @", r.objects, r.bytes,
		   r.alloc_objects, r.alloc_bytes);
	for (i = 0; i < b->depth; i++)
		show_address(m, stack[i]);
	seq_putc(m, '\n');
	for (i = 0; i < b->depth; i++) {
		gomem_symbol(name, stack[i]);
		seq_printf(m, "#\t%s\n", name);
	}
	seq_putc(m, '\n');
}

static void show_records(struct seq_file *m, struct gomem_site *sites,
			 unsigned int nr)
{
	u32 rate = READ_ONCE(gomem_default_heap.mprof->last_rate);
	struct record r, sum = {};
	unsigned int i;

	for (i = 0; i < nr; i++) {
		fill_record(&r, &sites[i], rate);
		sum.objects += r.objects;
		sum.bytes += r.bytes;
		sum.alloc_objects += r.alloc_objects;
		sum.alloc_bytes += r.alloc_bytes;
	}
	seq_printf(m, "heap profile: %llu: %llu [%llu: %llu] @ heap/%llu\n",
		   sum.objects, sum.bytes, sum.alloc_objects, sum.alloc_bytes,
		   2ULL * rate);
	sort(sites, nr, sizeof(*sites), compare_live, NULL);
	for (i = 0; i < nr; i++)
		if (sites[i].bucket.nmalloc)
			show_record(m, &sites[i], rate);
}

int gomem_heap_txt_show(struct seq_file *m, void *v)
{
	struct gomem_site *sites;
	unsigned int nr;

	sites = gomem_mprof_sites(&gomem_default_heap, &nr);
	if (!sites)
		return -ENOMEM;
	show_records(m, sites, nr);
	kvfree(sites);
	return gomem_memstats_trailer(m);
}

/* --- sites. --- */

struct view {
	struct gomem_site *sites;
	unsigned int nr;
	u32 *born;			/* by bucket: of its oldest live object */
	u64 class_bytes[GOMEM_NR_CLASSES];	/* 0: large objects */
};

/* A site and what its class holds, to sort by. */
struct line {
	const struct gomem_site *site;
	u64 class_bytes;
};

static unsigned int class_of(const struct gomem_site *site)
{
	return gomem_told_class(site->bucket.class);
}

static int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->class_bytes != y->class_bytes)
		return x->class_bytes > y->class_bytes ? -1 : 1;
	if (class_of(x->site) != class_of(y->site))
		return class_of(x->site) > class_of(y->site) ? -1 : 1;
	return compare_live(x->site, y->site);
}

static void show_site(struct seq_file *m, const struct view *view,
		      const struct gomem_site *site)
{
	const struct gomem_bucket *b = &site->bucket;
	const unsigned long *stack;
	u32 now = ktime_get_seconds();
	char name[KSYM_SYMBOL_LEN];
	unsigned int i;

	seq_printf(m, "%5u %8u %12llu %14llu %10u %9llu\n", class_of(site), b->size,
		   site->live, site->live_bytes,
		   now - min(now, view->born[site->id]), b->nmalloc - b->nfree);
	stack = gomem_mprof_stack(gomem_default_heap.mprof, b);
	for (i = 0; i < b->depth; i++) {
		gomem_symbol(name, stack[i]);
		seq_printf(m, "\t%s\n", name);
	}
}

static int show_sites(struct seq_file *m, struct view *view)
{
	unsigned int i, n = 0;
	struct line *line;

	line = kvmalloc_array(view->nr + 1, sizeof(*line), GFP_KERNEL);
	if (!line)
		return -ENOMEM;
	for (i = 0; i < view->nr; i++)
		view->class_bytes[class_of(&view->sites[i])] +=
			view->sites[i].live_bytes;
	for (i = 0; i < view->nr; i++) {
		const struct gomem_site *site = &view->sites[i];

		if (site->bucket.nmalloc == site->bucket.nfree)
			continue;
		line[n].site = site;
		line[n++].class_bytes = view->class_bytes[class_of(site)];
	}
	sort(line, n, sizeof(*line), compare_lines, NULL);
	for (i = 0; i < n; i++)
		show_site(m, view, line[i].site);
	kvfree(line);
	return 0;
}

static void show_head(struct seq_file *m)
{
	struct gomem_mprof *mprof = gomem_default_heap.mprof;

	seq_puts(m, "gomem sites - version: 1\n");
	seq_printf(m, "rate %u, %lu samples dropped\n",
		   READ_ONCE(gomem_default_heap.profile_rate),
		   atomic_long_read(&mprof->dropped));
	seq_printf(m, "%5s %8s %12s %14s %10s %9s\n", "class", "size", "objects",
		   "bytes", "oldest_s", "samples");
}

int gomem_sites_show(struct seq_file *m, void *v)
{
	struct view *view = kvzalloc(sizeof(*view), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!view)
		return ret;
	view->sites = gomem_mprof_sites(&gomem_default_heap, &view->nr);
	view->born = kvmalloc_array(view->nr + 1, sizeof(*view->born), GFP_KERNEL);
	if (view->sites && view->born) {
		memset32(view->born, U32_MAX, view->nr + 1);
		gomem_mprof_ages(&gomem_default_heap, view->born, view->nr);
		show_head(m);
		ret = show_sites(m, view);
	}
	kvfree(view->born);
	kvfree(view->sites);
	kvfree(view);
	return ret;
}
