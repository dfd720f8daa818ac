// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/gomem and /proc/gomem: which files there are.
 *
 * What they print is in the files beside this one, and what the numbers mean in
 * Documentation/memstats.rst and profile.rst.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "check.h"
#include "debugfs.h"
#include "heap.h"

static struct dentry *directory;

static int gomem_check_show(struct seq_file *m, void *v)
{
	unsigned int failed = gomem_check(&gomem_default_heap, m);

	if (failed == UINT_MAX)
		return -ENOMEM;
	if (!failed)
		seq_puts(m, "ok\n");
	return 0;
}

static int gomem_proc_show(struct seq_file *m, void *v)
{
	int ret = gomem_memstats_show(m, v);

	if (ret)
		return ret;
	seq_putc(m, '\n');
	return gomem_classes_show(m, v);
}

DEFINE_SHOW_ATTRIBUTE(gomem_memstats);
DEFINE_SHOW_ATTRIBUTE(gomem_memstats_json);
DEFINE_SHOW_ATTRIBUTE(gomem_classes);
DEFINE_SHOW_ATTRIBUTE(gomem_blocks);
DEFINE_SHOW_ATTRIBUTE(gomem_check);

/*
 * A kernel that is locked down lets nobody open a file that could be written to; so these
 * are only read, and what can be set has files of its own, see gomem_knobs_create().
 */
static const struct {
	const char *name;
	const struct file_operations *fops;
} files[] = {
	{ "memstats", &gomem_memstats_fops },
	{ "memstats.json", &gomem_memstats_json_fops },
	{ "classes", &gomem_classes_fops },
	{ "blocks", &gomem_blocks_fops },
	{ "check", &gomem_check_fops },
	{ "heap", &gomem_heap_fops },
	{ "heap.txt", &gomem_heap_txt_fops },
	{ "sites", &gomem_sites_fops },
	{ "modules", &gomem_modules_fops },
	{ "lifetimes", &gomem_lifetimes_fops },
	{ "peak", &gomem_peak_fops },
	{ "failed", &gomem_failed_fops },
};

/**
 * gomem_debugfs_init() - create the files
 *
 * A kernel without debugfs, or with one that is locked, still has /proc/gomem;
 * a kernel without either still has the allocator.
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_debugfs_init(void)
{
	unsigned int i;

	if (IS_ENABLED(CONFIG_PROC_FS) &&
	    !proc_create_single("gomem", 0400, NULL, gomem_proc_show))
		return -ENOMEM;
	directory = debugfs_create_dir("gomem", NULL);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		debugfs_create_file(files[i].name, 0400, directory, NULL,
				    files[i].fops);
	gomem_knobs_create(directory);
	return 0;
}

/**
 * gomem_debugfs_exit() - remove the files; waits for their readers
 */
void gomem_debugfs_exit(void)
{
	debugfs_remove(directory);
	remove_proc_entry("gomem", NULL);
}
