/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When the kernel is about to kill somebody for memory; mm/oom.c.
 */
#ifndef GOMEM_OOM_H
#define GOMEM_OOM_H

#include <linux/types.h>

struct gomem_heap;

int gomem_oom_init(void);
void gomem_oom_exit(void);
unsigned long gomem_oom_give(struct gomem_heap *heap);
int gomem_oom_line(struct gomem_heap *heap, char *line, size_t size);

#endif /* GOMEM_OOM_H */
