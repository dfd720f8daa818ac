// SPDX-License-Identifier: GPL-2.0
/*
 * Are buffers of whole sectors what a disk can read into?
 *
 * Loading the module reads from a disk in memory (brd) into many buffers of each
 * size.  A buffer that does not begin at a sector's boundary gets wrong data
 * there, without an error.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include "gomem_versus.h"

#define BUFFERS	100

static const unsigned int sizes[] = {
	512, 1024, 1536, 2048, 2560, 3072, 3584, 4608, 5120, 6656, 10240, 33280,
};

static struct file *disk;

static int transfer(blk_opf_t op, char *p, size_t size)
{
	struct bio *bio = bio_alloc(I_BDEV(disk->f_mapping->host), 64, op, GFP_KERNEL);
	int ret;

	bio->bi_iter.bi_sector = 8;
	while (size) {
		unsigned int part = min_t(size_t, size, PAGE_SIZE - offset_in_page(p));

		if (bio_add_page(bio, virt_to_page(p), part, offset_in_page(p)) != part)
			break;
		p += part;
		size -= part;
	}
	ret = size ? -EIO : submit_bio_wait(bio);
	bio_put(bio);
	return ret;
}

/* What is on the disk, from memory that is certainly right. */
static char *write_pattern(size_t size)
{
	unsigned int order = get_order(size);
	char *p = (char *)__get_free_pages(GFP_KERNEL, order);
	size_t i;

	for (i = 0; p && i < size; i++)
		p[i] = i * 7 + i / 512;
	if (p && !transfer(REQ_OP_WRITE, p, size))
		return p;
	free_pages((unsigned long)p, order);
	return NULL;
}

static int try(enum versus who, size_t size)
{
	char row[40], *pattern = write_pattern(size), *p[BUFFERS];
	unsigned int i, wrong = 0;

	if (!pattern)
		return -EIO;
	for (i = 0; i < BUFFERS; i++) {
		p[i] = versus_alloc(who, size, GFP_KERNEL);
		if (!p[i]) {
			wrong++;
			continue;
		}
		memset(p[i], 0, size);
		wrong += transfer(REQ_OP_READ, p[i], size) ||
			 memcmp(p[i], pattern, size);
	}
	for (i = 0; i < BUFFERS; i++)
		versus_free(who, p[i]);
	free_pages((unsigned long)pattern, get_order(size));
	snprintf(row, sizeof(row), "sectors-wrong-%zu", size);
	versus_say(row, who, wrong);
	return 0;
}

static int __init sectors_init(void)
{
	unsigned int i;
	int ret = 0;

	disk = filp_open("/dev/ram0", O_RDWR | O_LARGEFILE, 0);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	for (i = 0; !ret && i < ARRAY_SIZE(sizes); i++)
		ret = try(GOMEM, sizes[i]) ?: try(KMALLOC, sizes[i]);
	filp_close(disk, NULL);
	return ret;
}
module_init(sectors_init);

static void __exit sectors_exit(void)
{
}
module_exit(sectors_exit);

MODULE_DESCRIPTION("Buffers of whole sectors");
MODULE_LICENSE("GPL");
