/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Watches: what a task gets from gomem, and does not free; mm/watch.c.
 */
#ifndef GOMEM_WATCH_H
#define GOMEM_WATCH_H

#include <linux/types.h>

struct gomem_heap;
struct gomem_mem_profile_record;
struct gomem_mprof;
struct gomem_watch;

int gomem_heap_watch_begin(struct gomem_heap *heap, struct gomem_watch *watch);
ssize_t gomem_heap_watch_read(struct gomem_heap *heap, const struct gomem_watch *watch,
			      struct gomem_mem_profile_record *records, size_t nr);
void gomem_heap_watch_end(struct gomem_heap *heap, struct gomem_watch *watch);

/* What the profile asks for every sample, and tells of one that it dropped. */
u16 gomem_watch_owner(struct gomem_mprof *mprof);
void gomem_watch_missed(struct gomem_mprof *mprof);

#endif /* GOMEM_WATCH_H */
