/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM gomem

#if !defined(_TRACE_GOMEM_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_GOMEM_H

#include <linux/tracepoint.h>
#include <linux/types.h>

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

#endif /* _TRACE_GOMEM_H */

#include <trace/define_trace.h>
