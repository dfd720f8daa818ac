/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files under /sys/kernel/debug/gomem share.
 */
#ifndef GOMEM_DEBUGFS_H
#define GOMEM_DEBUGFS_H

#include <linux/types.h>

struct dentry;
struct file_operations;
struct gomem_heap;
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
int gomem_heap_txt_show(struct seq_file *m, void *v);
int gomem_sites_show(struct seq_file *m, void *v);
int gomem_memstats_trailer(struct seq_file *m);
void gomem_ring_show(struct seq_file *m, const u64 *ring, u32 nr, const char *between);
extern const struct file_operations gomem_heap_fops;

/* Bytes that become more. */
struct gomem_blob {
	u8 *data;
	size_t len, size;
	bool failed;			/* there was no memory */
};

int gomem_profile_encode(struct gomem_heap *heap, struct gomem_blob *blob);
void gomem_symbol(char *name, unsigned long address);

#endif /* GOMEM_DEBUGFS_H */
