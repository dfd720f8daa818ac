// SPDX-License-Identifier: GPL-2.0
/*
 * Files to write to: the knobs of mm/knobs.c, the rate of the heap profile, and gc,
 * free_os_memory and peak_reset, which do what they are called when 1 is written.  What is
 * a number is the same for all of them.  (sites_order, which takes a word, is in sites.c.)
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "debugfs.h"
#include "gc.h"
#include "heap.h"
#include "knobs.h"
#include "reclaim.h"

/**
 * gomem_get_text() - what was written to a file, as a string
 * @text: GOMEM_MAX_TEXT bytes for it
 * @from: what was written
 * @count: how much
 *
 * Return: 0, -EFAULT, or -EINVAL if it is too long or no string.
 */
int gomem_get_text(char *text, const char __user *from, size_t count)
{
	if (count >= GOMEM_MAX_TEXT)
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	text[count] = 0;
	return strlen(text) == count ? 0 : -EINVAL;
}

/* The numbers that can be read and written: the knobs, and behind them one more. */
#define RATE	GOMEM_NR_KNOBS

static unsigned int number_of(struct file *file)
{
	return (uintptr_t)file->private_data;
}

static ssize_t number_read(struct file *file, char __user *to, size_t count,
			   loff_t *pos)
{
	unsigned int i = number_of(file);
	char text[GOMEM_MAX_TEXT];
	int len;

	len = scnprintf(text, sizeof(text), "%lld\n",
			i == RATE ? gomem_mem_profile_rate() :
				    gomem_knob(&gomem_default_heap, i));
	return simple_read_from_buffer(to, count, pos, text, len);
}

static int rate_set(const char *text)
{
	u32 rate;
	int ret = gomem_knob_u32(text, &rate);

	return ret ? ret : gomem_set_mem_profile_rate(rate);
}

static ssize_t number_write(struct file *file, const char __user *from,
			    size_t count, loff_t *pos)
{
	unsigned int i = number_of(file);
	char text[GOMEM_MAX_TEXT];
	int ret;

	ret = gomem_get_text(text, from, count);
	if (!ret)
		ret = i == RATE ? rate_set(text) :
				  gomem_knob_parse(&gomem_default_heap, i, text);
	return ret ? ret : count;
}

static const struct file_operations number_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = number_read,
	.write = number_write,
	.llseek = default_llseek,
};

static void peak_reset(void)
{
	gomem_mprof_mark_peak(&gomem_default_heap);
}

static const struct {
	const char *name;
	void (*act)(void);
} actions[] = {
	{ "gc", gomem_gc },
	{ "free_os_memory", gomem_free_os_memory },
	{ "peak_reset", peak_reset },
};

static ssize_t action_write(struct file *file, const char __user *from,
			    size_t count, loff_t *pos)
{
	char text[GOMEM_MAX_TEXT];
	u32 number;
	int ret;

	ret = gomem_get_text(text, from, count);
	if (ret)
		return ret;
	if (gomem_knob_u32(text, &number) || number != 1)
		return -EINVAL;
	actions[(uintptr_t)file->private_data].act();
	return count;
}

static const struct file_operations action_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = action_write,
	.llseek = noop_llseek,
};

/**
 * gomem_knobs_create() - create the files
 * @directory: where
 */
void gomem_knobs_create(struct dentry *directory)
{
	uintptr_t i;

	for (i = 0; i < GOMEM_NR_KNOBS; i++)
		debugfs_create_file(gomem_knob_name(i), 0600, directory,
				    (void *)i, &number_fops);
	debugfs_create_file("mem_profile_rate", 0600, directory, (void *)RATE,
			    &number_fops);
	debugfs_create_file("sites_order", 0600, directory, NULL,
			    &gomem_sites_order_fops);
	for (i = 0; i < ARRAY_SIZE(actions); i++)
		debugfs_create_file(actions[i].name, 0200, directory, (void *)i,
				    &action_fops);
}
