/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPUs and memory that come and go; mm/hotplug.c.
 */
#ifndef GOMEM_HOTPLUG_H
#define GOMEM_HOTPLUG_H

#include <linux/types.h>

int gomem_hotplug_init(void);
void gomem_hotplug_exit(void);

#endif /* GOMEM_HOTPLUG_H */
