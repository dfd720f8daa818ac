// SPDX-License-Identifier: GPL-2.0
/*
 * All of an object may be used by who asked gomem_size_roundup() before.
 *
 * This is built as the kernel is, so with CONFIG_FORTIFY_SOURCE a write beyond
 * what the compiler knows of the size would be fatal.
 */
#include <linux/sizes.h>
#include <linux/string.h>
#include "gomem_versus.h"

/* Sizes that the compiler knows, too. */
#define FILL(size) ({ \
	size_t __all = gomem_size_roundup(size); \
	char *__p = gomem_alloc(__all, GFP_KERNEL); \
	bool __wrong = !__p || gomem_usable_size(__p) != __all; \
	if (__p) \
		memset(__p, 0xff, __all); \
	gomem_free(__p); \
	__wrong; \
})

static int __init roundup_init(void)
{
	unsigned int wrong = 0, nr = 0;
	size_t size;

	for (size = 1; size <= SZ_1M; size += 1 + size / 50) {
		wrong += FILL(size);
		nr++;
	}
	wrong += FILL(100) + FILL(3000) + FILL(50000) + FILL(3 << 20);
	versus_say("roundup-tried", GOMEM, nr + 4);
	versus_say("roundup-wrong", GOMEM, wrong);
	return 0;
}
module_init(roundup_init);

static void __exit roundup_exit(void)
{
}
module_exit(roundup_exit);

MODULE_DESCRIPTION("Use of all bytes of an object");
MODULE_LICENSE("GPL");
