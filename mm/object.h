/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an address is the beginning of, if anything; mm/object.c.
 */
#ifndef GOMEM_OBJECT_H
#define GOMEM_OBJECT_H

#include <linux/types.h>

void gomem_wipe(const void *p);

#endif /* GOMEM_OBJECT_H */
