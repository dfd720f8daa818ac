// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events, see include/trace/events/gomem.h, and how they are turned
 * on without a test for them on the fast path.
 *
 * Allocations leave it when the countdown to the next sample of the heap profile
 * runs out; while they are traced, that is at every one.  Frees look for another
 * node's objects behind a static key; while they are traced, the key is on.
 */
#include <linux/jump_label.h>

#include "gc.h"
#include "heap.h"
#include "mcache.h"

#define CREATE_TRACE_POINTS
#include <trace/events/gomem.h>

static void trace_allocs(bool on)
{
	WRITE_ONCE(gomem_default_heap.traced, on);
	gomem_heap_rearm(&gomem_default_heap);
}

/* Called before the first user of the event, and after the last one. */
int gomem_trace_alloc_on(void)
{
	trace_allocs(true);
	return 0;
}

void gomem_trace_alloc_off(void)
{
	trace_allocs(false);
}

int gomem_trace_free_on(void)
{
	static_branch_inc(&gomem_detour);
	return 0;
}

void gomem_trace_free_off(void)
{
	static_branch_dec(&gomem_detour);
}
