/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Do the books balance? mm/check.c.
 */
#ifndef GOMEM_CHECK_H
#define GOMEM_CHECK_H

struct gomem_heap;
struct seq_file;

unsigned int gomem_check(struct gomem_heap *heap, struct seq_file *m);

#endif /* GOMEM_CHECK_H */
