/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that gomem builds for, in one place.
 *
 * Injected before every file (see Kbuild), so that the code itself reads as if
 * there were one kernel.  Features are probed, never versions: stable kernels
 * get features too.
 */
#ifndef GOMEM_COMPAT_H
#define GOMEM_COMPAT_H

#ifndef CONFIG_64BIT
#error "gomem needs a 64-bit kernel: its index covers the whole direct map"
#endif

/* DEFINE_FREE() came with cleanup.h; stable kernels have it from 6.1.y on. */
#if defined(__has_include)
#if __has_include("linux/cleanup.h")
#include <linux/cleanup.h>
#endif
#endif

/* hrtimer_setup() sets the function too; Kbuild looks whether it is there. */
#ifdef GOMEM_HAVE_HRTIMER_SETUP
#define gomem_compat_hrtimer_setup hrtimer_setup
#else
#define gomem_compat_hrtimer_setup(timer, callback, clock, mode) do { \
	struct hrtimer *__timer = (timer); \
	hrtimer_init(__timer, clock, mode); \
	__timer->function = (callback); \
} while (0)
#endif

#endif /* GOMEM_COMPAT_H */
