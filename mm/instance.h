/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heaps are made and taken apart; mm/instance.c.
 */
#ifndef GOMEM_INSTANCE_H
#define GOMEM_INSTANCE_H

#include <linux/list.h>
#include <linux/rwsem.h>

#include "heap.h"

struct gomem_meta;

extern struct list_head gomem_heaps;
extern struct rw_semaphore gomem_heaps_lock;

int gomem_heap_init(struct gomem_heap *heap, const char *name,
		    struct gomem_meta *meta);
unsigned long gomem_heap_destroy(struct gomem_heap *heap);

#endif /* GOMEM_INSTANCE_H */
