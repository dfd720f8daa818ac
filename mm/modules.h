/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modules that come and go; mm/modules.c.
 */
#ifndef GOMEM_MODULES_H
#define GOMEM_MODULES_H

#ifdef CONFIG_MODULES
int gomem_modules_init(void);
void gomem_modules_exit(void);
#else
static inline int gomem_modules_init(void) { return 0; }
static inline void gomem_modules_exit(void) { }
#endif

#endif /* GOMEM_MODULES_H */
