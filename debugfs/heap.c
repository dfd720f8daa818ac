// SPDX-License-Identifier: GPL-2.0
/*
 * heap.txt: the heap profile in Go's text form.
 *
 * Figures are estimates for all objects.  The first line has room for one rate, by which
 * pprof scales samples, but they may have been taken at several; so it says 1, at which
 * there is nothing to scale.  Names stand behind '#', where pprof does not look.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "debugfs.h"

static int compare_live(const void *a, const void *b)
{
	const struct gomem_site *x = a, *y = b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes > y->live_bytes ? -1 : 1;
	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

/*
 * Are addresses shown to who has opened the file, as /proc/kallsyms would?  What
 * kptr_restrict forbids is known from what the kernel prints for %pK, zeros.
 */
static bool shows_addresses(struct seq_file *m)
{
	char text[2 + 2 * sizeof(void *) + 1];

	snprintf(text, sizeof(text), "%pK", (void *)shows_addresses);
	return file_ns_capable(m->file, &init_user_ns, CAP_SYSLOG) &&
	       strspn(text, "0") != strlen(text);
}

/* A place's address, as it is shown; written once for all stacks that it is in. */
struct address {
	char text[3 + 2 * sizeof(void *) + 1];
};

static void write_addresses(struct address *address, const struct gomem_reading *r,
			    bool real)
{
	const struct gomem_place *place;
	unsigned int i;

	for (i = 0; i < r->nr_places; i++) {
		place = &r->place[i];
		/* Of code that is gone, no address is true. */
		if (real && !place->named)
			snprintf(address[i].text, sizeof(*address), " %#lx", place->frame);
		else
			snprintf(address[i].text, sizeof(*address), " 0x%p",
				 (void *)place->frame);
	}
}

static void show_record(struct seq_file *m, const struct gomem_reading *r,
			const struct gomem_site *site, const struct address *address)
{
	unsigned int i, depth = site->bucket.depth;

	seq_printf(m, "%llu: %llu [%llu: %llu] @", site->live, site->live_bytes,
		   site->objects, site->bytes);
	for (i = 0; i < depth; i++)
		seq_puts(m, address[gomem_reading_place(r, site, i) - r->place].text);
	seq_putc(m, '\n');
	for (i = 0; i < depth; i++) {
		seq_puts(m, "#\t");
		seq_puts(m, gomem_reading_place(r, site, i)->name);
		seq_putc(m, '\n');
	}
	seq_putc(m, '\n');
}

static void show_records(struct seq_file *m, struct gomem_reading *r,
			 const struct address *address)
{
	u64 live = 0, live_bytes = 0, objects = 0, bytes = 0;
	struct gomem_site *site = r->sites.site;
	unsigned int i;

	for (i = 0; i < r->sites.nr; i++) {
		live += site[i].live;
		live_bytes += site[i].live_bytes;
		objects += site[i].objects;
		bytes += site[i].bytes;
	}
	/* A rate of 1: Go writes twice the rate. */
	seq_printf(m, "heap profile: %llu: %llu [%llu: %llu] @ heap/2\n",
		   live, live_bytes, objects, bytes);
	sort(site, r->sites.nr, sizeof(*site), compare_live, NULL);
	for (i = 0; i < r->sites.nr; i++)
		show_record(m, r, &site[i], address);
}

static int heap_txt_show(struct seq_file *m, void *v)
{
	struct address *address;
	struct gomem_reading r;
	int ret;

	ret = gomem_reading_get(&gomem_default_heap, &r);
	if (ret)
		return ret;
	address = kvmalloc_array(r.nr_places + 1, sizeof(*address), GFP_KERNEL);
	if (address) {
		write_addresses(address, &r, shows_addresses(m));
		show_records(m, &r, address);
	}
	kvfree(address);
	gomem_reading_put(&r);
	return address ? gomem_memstats_trailer(m) : -ENOMEM;
}

static int heap_txt_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, heap_txt_show, NULL,
				gomem_reading_size(&gomem_default_heap));
}

const struct file_operations gomem_heap_txt_fops = {
	.owner = THIS_MODULE,
	.open = heap_txt_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
