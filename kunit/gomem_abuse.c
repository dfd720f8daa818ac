// SPDX-License-Identifier: GPL-2.0
/*
 * Wrong use of gomem, on purpose.
 *
 * Writing a word to /sys/kernel/debug/gomem_abuse/do does the thing; the
 * test looks at the log, at BadFrees and at check afterwards.
 */
#include <linux/debugfs.h>
#include <linux/gomem.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

static struct dentry *directory;

static void double_free(void)
{
	void *p = gomem_alloc(64, GFP_KERNEL);

	gomem_free(p);
	gomem_free(p);
}

/* Not the last one this CPU freed: found when it returns to its span. */
static void late_double_free(void)
{
	void *a = gomem_alloc(640, GFP_KERNEL);
	void *b = gomem_alloc(640, GFP_KERNEL);

	gomem_free(a);
	gomem_free(b);
	gomem_free(a);
}

static void interior(void)
{
	char *p = gomem_alloc(200, GFP_KERNEL);

	gomem_free(p + 8);
	gomem_free(p);
}

static void large_interior(void)
{
	char *p = gomem_alloc(100000, GFP_KERNEL);

	gomem_free(p + 8192);
	gomem_free(p + 16);
	gomem_free(p);
}

static void large_double(void)
{
	void *p = gomem_alloc(100000, GFP_KERNEL);

	gomem_free(p);
	gomem_free(p);
}

static void foreign_kmalloc(void)
{
	void *p = kmalloc(64, GFP_KERNEL);

	gomem_free(p);
	kfree(p);
}

static void foreign_stack(void)
{
	char on_stack[16] = {};

	gomem_free(on_stack);
}

static void foreign_text(void)
{
	gomem_free((void *)foreign_text);
}

static void foreign_garbage(void)
{
	gomem_free((void *)0x0123456789abcdefUL);
	gomem_free((void *)ULONG_MAX);
	gomem_free((void *)0x1000UL);
}

static void nothing(void)
{
	gomem_free(NULL);
	gomem_free(ZERO_SIZE_PTR);
	gomem_free(gomem_alloc(0, GFP_KERNEL));
}

/* Allocated and forgotten; the module's own pointer is gone. */
static void leak(void)
{
	unsigned int i;

	for (i = 0; i < 5; i++)
		memset(gomem_alloc(1000, GFP_KERNEL | __GFP_NOFAIL), 0xaa, 1000);
	memset(gomem_alloc(50000, GFP_KERNEL | __GFP_NOFAIL), 0xaa, 50000);
	memset(gomem_alloc(100000, GFP_KERNEL | __GFP_NOFAIL), 0xaa, 100000);
}

static const struct {
	const char *name;
	void (*function)(void);
} abuse[] = {
	{ "double_free", double_free },
	{ "late_double_free", late_double_free },
	{ "interior", interior },
	{ "large_interior", large_interior },
	{ "large_double", large_double },
	{ "foreign_kmalloc", foreign_kmalloc },
	{ "foreign_stack", foreign_stack },
	{ "foreign_text", foreign_text },
	{ "foreign_garbage", foreign_garbage },
	{ "nothing", nothing },
	{ "leak", leak },
};

static ssize_t abuse_write(struct file *file, const char __user *buf,
			   size_t len, loff_t *pos)
{
	char word[32] = {};
	unsigned int i;

	if (len >= sizeof(word) || copy_from_user(word, buf, len))
		return -EINVAL;
	strim(word);
	for (i = 0; i < ARRAY_SIZE(abuse); i++) {
		if (strcmp(word, abuse[i].name))
			continue;
		abuse[i].function();
		return len;
	}
	return -EINVAL;
}

static const struct file_operations abuse_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = abuse_write,
};

static int __init abuse_init(void)
{
	directory = debugfs_create_dir("gomem_abuse", NULL);
	debugfs_create_file("do", 0200, directory, NULL, &abuse_fops);
	return 0;
}
module_init(abuse_init);

static void __exit abuse_exit(void)
{
	debugfs_remove(directory);
}
module_exit(abuse_exit);

MODULE_DESCRIPTION("Wrong use of gomem");
MODULE_LICENSE("GPL");
