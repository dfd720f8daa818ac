/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ways out of the page heap; mm/release.c.
 */
#ifndef GOMEM_RELEASE_H
#define GOMEM_RELEASE_H

#include <linux/gfp.h>
#include <linux/types.h>

struct gomem_mheap;

unsigned long gomem_mheap_release_block(struct gomem_mheap *mheap,
					unsigned long most);
void gomem_mheap_make_way(struct gomem_mheap *mheap, unsigned long npages,
			  gfp_t gfp);
unsigned long gomem_mheap_trim(struct gomem_mheap *mheap, unsigned long keep);
unsigned long gomem_mheap_trim_all(struct gomem_mheap *mheap);
unsigned long gomem_mheap_punch(struct gomem_mheap *mheap,
				unsigned long npages, bool filling);
unsigned long gomem_mheap_punch_all(struct gomem_mheap *mheap);
void gomem_mheap_destroy(struct gomem_mheap *mheap);

#endif /* GOMEM_RELEASE_H */
