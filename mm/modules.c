// SPDX-License-Identifier: GPL-2.0
/*
 * Modules come and go: when the names of their code have to be kept.
 *
 * A module's code is in memory that is another's soon.  What of it ran only at the start
 * goes as soon as that has succeeded, everything else when it is removed, or when its
 * start has failed.  Each time the kernel tells us before, when the code does not run
 * any more and its names are still known.  And before a module comes, whatever is left
 * of its addresses is an older one's: of code that ran on after it should have ended.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/rwsem.h>

#include "instance.h"
#include "modules.h"
#include "mprof.h"

/* A return address may be the first one behind its function. */
static bool modules_all(const struct gomem_departure *d, unsigned long address)
{
	return within_module(address - 1, d->what);
}

static bool modules_init(const struct gomem_departure *d, unsigned long address)
{
	return within_module_init(address - 1, d->what);
}

static int modules_notify(struct notifier_block *self, unsigned long state, void *data)
{
	const struct module *module = data;
	struct gomem_departure d = {
		.what = module,
		.module = module->name,
	};
	struct gomem_heap *heap;

	switch (state) {
	case MODULE_STATE_COMING:
		d.inside = modules_all;
		d.unknown = true;
		break;
	case MODULE_STATE_LIVE:
		d.inside = modules_init;
		break;
	case MODULE_STATE_GOING:
		d.inside = modules_all;
		d.gone = true;
		break;
	default:
		return NOTIFY_DONE;
	}
	down_read(&gomem_heaps_lock);
	list_for_each_entry(heap, &gomem_heaps, list)
		gomem_mprof_depart(heap, &d);
	up_read(&gomem_heaps_lock);
	return NOTIFY_OK;
}

static struct notifier_block modules_notifier = {
	.notifier_call = modules_notify,
	/* Of a module that comes, before anybody can call it. */
	.priority = INT_MAX,
};

/**
 * gomem_modules_init() - have us told
 *
 * Context: process.
 * Return: 0 or an error.
 */
int gomem_modules_init(void)
{
	return register_module_notifier(&modules_notifier);
}

/**
 * gomem_modules_exit() - not any more
 *
 * Context: process.
 */
void gomem_modules_exit(void)
{
	unregister_module_notifier(&modules_notifier);
}
