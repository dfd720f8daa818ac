// SPDX-License-Identifier: GPL-2.0
/* The example of the README: a module that uses gomem. */
#include <linux/gomem.h>
#include <linux/module.h>

static char *greeting;

static int __init example_init(void)
{
	greeting = gomem_strdup("hello from gomem", GFP_KERNEL);
	if (!greeting)
		return -ENOMEM;
	pr_info("%s, %zu bytes\n", greeting, gomem_usable_size(greeting));
	return 0;
}
module_init(example_init);

static void __exit example_exit(void)
{
	gomem_free(greeting);
}
module_exit(example_exit);
MODULE_DESCRIPTION("An example of how to use gomem");
MODULE_LICENSE("GPL");
