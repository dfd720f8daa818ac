/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that gomem builds for, in one place.
 *
 * Injected before every file (see Kbuild), so that the code itself reads as if
 * there were one kernel.  Features are probed; where nothing can be probed, a
 * version is compared, and only here.
 */
#ifndef GOMEM_COMPAT_H
#define GOMEM_COMPAT_H

#ifndef CONFIG_64BIT
#error "gomem needs a 64-bit kernel: its index covers the whole direct map"
#endif

#include <linux/version.h>

/* DEFINE_FREE() came with cleanup.h; stable kernels have it from 6.1.y on. */
#if defined(__has_include)
#if __has_include(<linux/cleanup.h>)
#include <linux/cleanup.h>
#endif
#endif

/*
 * hrtimer_setup() sets the function too.  It is a function, not a macro, so
 * only the version tells.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define gomem_compat_hrtimer_setup hrtimer_setup
#else
#define gomem_compat_hrtimer_setup(timer, callback, clock, mode) do { \
	hrtimer_init(timer, clock, mode); \
	(timer)->function = (callback); \
} while (0)
#endif

#endif /* GOMEM_COMPAT_H */
