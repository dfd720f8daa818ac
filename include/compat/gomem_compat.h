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
#error "gomem needs a 64-bit kernel: it reads 64-bit counters without a lock"
#endif

/* DEFINE_FREE() came with cleanup.h; stable kernels have it from 6.1.y on. */
#if defined(__has_include)
#if __has_include("linux/cleanup.h")
#include <linux/cleanup.h>
#endif
/* Came with 6.1, in which much else changed that gomem builds on. */
#if !__has_include("linux/maple_tree.h")
#error "gomem needs Linux 6.1 or newer"
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

/* Shrinkers were once part of the caller's memory, and are now allocated. */
#ifdef GOMEM_HAVE_SHRINKER_ALLOC
#define gomem_compat_shrinker_alloc(flags, name) shrinker_alloc(flags, name)
#define gomem_compat_shrinker_register(s, name) ({ \
	(void)(name); \
	shrinker_register(s); \
	0; \
})
#define gomem_compat_shrinker_free(s) shrinker_free(s)
#else
#define gomem_compat_shrinker_alloc(f, name) ({ \
	struct shrinker *__s = kzalloc(sizeof(*__s), GFP_KERNEL); \
	(void)(name); \
	if (__s) \
		__s->flags = (f); \
	__s; \
})
#define gomem_compat_shrinker_register(s, name) ({ \
	struct shrinker *__s = (s); \
	int __ret = register_shrinker(__s, name); \
	if (__ret) \
		kfree(__s); \
	__ret; \
})
#define gomem_compat_shrinker_free(s) do { \
	struct shrinker *__s = (s); \
	unregister_shrinker(__s); \
	kfree(__s); \
} while (0)
#endif

/*
 * Pages that reclaim has got elsewhere than from the LRU lists and from slabs; for
 * those who include linux/swap.h.
 */
#ifdef GOMEM_HAVE_ACCOUNT_RECLAIMED
#define gomem_compat_account_reclaimed(pages) mm_account_reclaimed_pages(pages)
#else
#define gomem_compat_account_reclaimed(pages) do { \
	if (current->reclaim_state) \
		current->reclaim_state->reclaimed_slab += (pages); \
} while (0)
#endif

#endif /* GOMEM_COMPAT_H */
