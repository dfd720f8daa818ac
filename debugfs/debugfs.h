/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files under /sys/kernel/debug/gomem share.
 */
#ifndef GOMEM_DEBUGFS_H
#define GOMEM_DEBUGFS_H

#include <linux/types.h>

#include "mprof.h"

struct dentry;
struct file_operations;
struct seq_file;

/* One field of MemStats, for whoever prints them. */
enum gomem_field_kind {
	GOMEM_F_U64,
	GOMEM_F_U32,
	GOMEM_F_RING,			/* GOMEM_NR_PAUSES times u64 */
	GOMEM_F_PPB,			/* u64, parts per 10^9: a fraction */
	GOMEM_F_BOOL,
};

struct gomem_field {
	const char *name;
	u16 offset;
	u8 kind;
};

extern const struct gomem_field gomem_fields[];
extern const unsigned int gomem_nr_fields;

int gomem_debugfs_init(void);
void gomem_debugfs_exit(void);
void gomem_knobs_create(struct dentry *directory);
int gomem_memstats_show(struct seq_file *m, void *v);
int gomem_memstats_json_show(struct seq_file *m, void *v);
int gomem_classes_show(struct seq_file *m, void *v);
int gomem_blocks_show(struct seq_file *m, void *v);
int gomem_memstats_trailer(struct seq_file *m);
void gomem_ring_show(struct seq_file *m, const u64 *ring, u32 nr, const char *between);
extern const struct file_operations gomem_heap_fops;
extern const struct file_operations gomem_heap_txt_fops;
extern const struct file_operations gomem_sites_fops;
extern const struct file_operations gomem_sites_order_fops;
extern const struct file_operations gomem_modules_fops;
extern const struct file_operations gomem_lifetimes_fops;
extern const struct file_operations gomem_peak_fops;
extern const struct file_operations gomem_failed_fops;

/* Room for what is written to a file: a number, or a word. */
#define GOMEM_MAX_TEXT	32

int gomem_get_text(char *text, const char __user *from, size_t count);

/* Bytes that become more. */
struct gomem_blob {
	u8 *data;
	size_t len, size;
	bool failed;			/* there was no memory */
};

int gomem_profile_encode(struct gomem_heap *heap, struct gomem_blob *blob);

/* A place in code. */
struct gomem_place {
	unsigned long frame;
	bool named;			/* @frame is a symbol: the code has gone */
	const char *name;
};

/* The heap profile, and the names of what occurs in it. */
struct gomem_reading {
	struct gomem_sites sites;
	struct gomem_place *place;
	unsigned int nr_places;
	u32 *place_of;			/* the place of each of sites.frames */
};

int gomem_reading_get(struct gomem_heap *heap, struct gomem_reading *r);
void gomem_reading_put(struct gomem_reading *r);
const struct gomem_place *gomem_reading_place(const struct gomem_reading *r,
					      const struct gomem_site *site,
					      unsigned int i);
size_t gomem_reading_size(const struct gomem_heap *heap);
u64 gomem_asked_bytes(const struct gomem_site *site);
void gomem_show_stack(struct seq_file *m, const struct gomem_reading *r,
		      const struct gomem_site *site);
void gomem_show_head(struct seq_file *m, struct gomem_mprof *mprof);

#endif /* GOMEM_DEBUGFS_H */
