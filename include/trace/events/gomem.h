/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of gomem.  gomem_alloc and gomem_free have the fields of
 * kmem:kmalloc and kmem:kfree, so that what reads those reads these.
 *
 * The two cost nothing when they are off, not even a branch that is not taken:
 * turning them on makes allocations and frees leave the fast path.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM gomem

#if !defined(_TRACE_GOMEM_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_GOMEM_H

#include <linux/tracepoint.h>
#include <linux/types.h>
#include <trace/events/mmflags.h>

#ifndef _TRACE_GOMEM_ONCE
#define _TRACE_GOMEM_ONCE
int gomem_trace_alloc_on(void);
void gomem_trace_alloc_off(void);
int gomem_trace_free_on(void);
void gomem_trace_free_off(void);
#endif

/* The end of a reclaim cycle. */
TRACE_EVENT(gomem_gc,
	TP_PROTO(u32 nr, bool forced, u64 pause_ns, u64 cpu_ns, u64 before,
		 u64 after, u64 next_gc),
	TP_ARGS(nr, forced, pause_ns, cpu_ns, before, after, next_gc),
	TP_STRUCT__entry(
		__field(u32, nr)
		__field(bool, forced)
		__field(u64, pause_ns)
		__field(u64, cpu_ns)
		__field(u64, before)
		__field(u64, after)
		__field(u64, next_gc)
	),
	TP_fast_assign(
		__entry->nr = nr;
		__entry->forced = forced;
		__entry->pause_ns = pause_ns;
		__entry->cpu_ns = cpu_ns;
		__entry->before = before;
		__entry->after = after;
		__entry->next_gc = next_gc;
	),
	TP_printk("nr=%u forced=%d pause_ns=%llu cpu_ns=%llu before=%llu after=%llu next_gc=%llu",
		  __entry->nr, __entry->forced, __entry->pause_ns,
		  __entry->cpu_ns, __entry->before, __entry->after,
		  __entry->next_gc)
);

/* Idle memory went back to the kernel; bytes. */
TRACE_EVENT(gomem_scavenge,
	TP_PROTO(const char *why, u64 wanted, u64 returned, u64 held, u64 ns),
	TP_ARGS(why, wanted, returned, held, ns),
	TP_STRUCT__entry(
		/* One of a few constants of gomem's. */
		__field(const char *, why)
		__field(u64, wanted)
		__field(u64, returned)
		__field(u64, held)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->why = why;
		__entry->wanted = wanted;
		__entry->returned = returned;
		__entry->held = held;
		__entry->ns = ns;
	),
	TP_printk("why=%s wanted=%llu returned=%llu held=%llu ns=%llu",
		  __entry->why, __entry->wanted, __entry->returned,
		  __entry->held, __entry->ns)
);

/* The page heap of a node got a block from the kernel; bytes. */
TRACE_EVENT(gomem_grow,
	TP_PROTO(int nid, u64 bytes, bool exact, u64 held),
	TP_ARGS(nid, bytes, exact, held),
	TP_STRUCT__entry(
		__field(int, nid)
		__field(bool, exact)
		__field(u64, bytes)
		__field(u64, held)
	),
	TP_fast_assign(
		__entry->nid = nid;
		__entry->exact = exact;
		__entry->bytes = bytes;
		__entry->held = held;
	),
	TP_printk("nid=%d bytes=%llu exact=%d held=%llu", __entry->nid,
		  __entry->bytes, __entry->exact, __entry->held)
);

TRACE_EVENT_FN(gomem_alloc,

	TP_PROTO(unsigned long call_site, const void *ptr, size_t bytes_req,
		 size_t bytes_alloc, gfp_t gfp_flags, int node,
		 unsigned int class),

	TP_ARGS(call_site, ptr, bytes_req, bytes_alloc, gfp_flags, node, class),

	TP_STRUCT__entry(
		__field(unsigned long, call_site)
		__field(const void *, ptr)
		__field(size_t, bytes_req)
		__field(size_t, bytes_alloc)
		__field(unsigned long, gfp_flags)
		__field(int, node)
		__field(unsigned int, class)
	),

	TP_fast_assign(
		__entry->call_site = call_site;
		__entry->ptr = ptr;
		__entry->bytes_req = bytes_req;
		__entry->bytes_alloc = bytes_alloc;
		__entry->gfp_flags = (__force unsigned long)gfp_flags;
		__entry->node = node;
		__entry->class = class;
	),

	TP_printk("call_site=%pS ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s node=%d class=%u",
		  (void *)__entry->call_site, __entry->ptr, __entry->bytes_req,
		  __entry->bytes_alloc, show_gfp_flags(__entry->gfp_flags),
		  __entry->node, __entry->class),

	gomem_trace_alloc_on, gomem_trace_alloc_off
);

TRACE_EVENT_FN(gomem_free,

	TP_PROTO(unsigned long call_site, const void *ptr),

	TP_ARGS(call_site, ptr),

	TP_STRUCT__entry(
		__field(unsigned long, call_site)
		__field(const void *, ptr)
	),

	TP_fast_assign(
		__entry->call_site = call_site;
		__entry->ptr = ptr;
	),

	TP_printk("call_site=%pS ptr=%p", (void *)__entry->call_site,
		  __entry->ptr),

	gomem_trace_free_on, gomem_trace_free_off
);

/* A span of a size class begins, and ends, to hold objects. */
DECLARE_EVENT_CLASS(gomem_span,

	TP_PROTO(const void *ptr, unsigned int pages, int node,
		 unsigned int class),

	TP_ARGS(ptr, pages, node, class),

	TP_STRUCT__entry(
		__field(const void *, ptr)
		__field(unsigned int, pages)
		__field(int, node)
		__field(unsigned int, class)
	),

	TP_fast_assign(
		__entry->ptr = ptr;
		__entry->pages = pages;
		__entry->node = node;
		__entry->class = class;
	),

	TP_printk("ptr=%p pages=%u node=%d class=%u", __entry->ptr,
		  __entry->pages, __entry->node, __entry->class)
);

DEFINE_EVENT(gomem_span, gomem_span_alloc,
	TP_PROTO(const void *ptr, unsigned int pages, int node,
		 unsigned int class),
	TP_ARGS(ptr, pages, node, class)
);

DEFINE_EVENT(gomem_span, gomem_span_free,
	TP_PROTO(const void *ptr, unsigned int pages, int node,
		 unsigned int class),
	TP_ARGS(ptr, pages, node, class)
);

/* A CPU has run out of objects of a class, and got a magazine of them. */
TRACE_EVENT(gomem_refill,

	TP_PROTO(int node, unsigned int class, unsigned int objects),

	TP_ARGS(node, class, objects),

	TP_STRUCT__entry(
		__field(int, node)
		__field(unsigned int, class)
		__field(unsigned int, objects)
	),

	TP_fast_assign(
		__entry->node = node;
		__entry->class = class;
		__entry->objects = objects;
	),

	TP_printk("node=%d class=%u objects=%u", __entry->node, __entry->class,
		  __entry->objects)
);

#endif /* _TRACE_GOMEM_H */

#include <trace/define_trace.h>
