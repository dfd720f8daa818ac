// SPDX-License-Identifier: GPL-2.0
/*
 * memstats and memstats.json: Go's runtime.MemStats, for people and for
 * programs; and the end of heap.txt.
 *
 * All walk one table of fields (gomem_fields below), so that none can know a field that
 * the others do not.  The JSON is what Go's encoding/json writes for the struct: the same
 * names, order and types.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "debugfs.h"
#include "heap.h"
#include "mstats.h"
#include "snapshot.h"

#define FIELD_U64(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_U64 }
#define FIELD_U32(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_U32 }
#define FIELD_RING(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_RING }
#define FIELD_PPB(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_PPB }
#define FIELD_BOOL(go, c)	{ go, offsetof(struct gomem_memstats, c), GOMEM_F_BOOL }

/* Go's names, in Go's order; BySize follows in every format. */
const struct gomem_field gomem_fields[] = {
	FIELD_U64("Alloc", alloc),
	FIELD_U64("TotalAlloc", total_alloc),
	FIELD_U64("Sys", sys),
	FIELD_U64("Lookups", lookups),
	FIELD_U64("Mallocs", mallocs),
	FIELD_U64("Frees", frees),
	FIELD_U64("HeapAlloc", heap_alloc),
	FIELD_U64("HeapSys", heap_sys),
	FIELD_U64("HeapIdle", heap_idle),
	FIELD_U64("HeapInuse", heap_inuse),
	FIELD_U64("HeapReleased", heap_released),
	FIELD_U64("HeapObjects", heap_objects),
	FIELD_U64("StackInuse", stack_inuse),
	FIELD_U64("StackSys", stack_sys),
	FIELD_U64("MSpanInuse", mspan_inuse),
	FIELD_U64("MSpanSys", mspan_sys),
	FIELD_U64("MCacheInuse", mcache_inuse),
	FIELD_U64("MCacheSys", mcache_sys),
	FIELD_U64("BuckHashSys", buck_hash_sys),
	FIELD_U64("GCSys", gc_sys),
	FIELD_U64("OtherSys", other_sys),
	FIELD_U64("NextGC", next_gc),
	FIELD_U64("LastGC", last_gc),
	FIELD_U64("PauseTotalNs", pause_total_ns),
	FIELD_RING("PauseNs", pause_ns),
	FIELD_RING("PauseEnd", pause_end),
	FIELD_U32("NumGC", num_gc),
	FIELD_U32("NumForcedGC", num_forced_gc),
	FIELD_PPB("GCCPUFraction", gc_cpu_ppb),
	FIELD_BOOL("EnableGC", enable_gc),
	FIELD_BOOL("DebugGC", debug_gc),
};

const unsigned int gomem_nr_fields = ARRAY_SIZE(gomem_fields);

struct view {
	struct gomem_snapshot snap;
	struct gomem_memstats stats;
	u64 taken;			/* ktime_get_real_ns(); LastGC is no later */
};

static struct view *take_view(void)
{
	struct view *view = kvmalloc(sizeof(*view), GFP_KERNEL);

	if (!view)
		return NULL;
	gomem_snapshot(&gomem_default_heap, &view->snap);
	gomem_memstats_from(&gomem_default_heap, &view->snap, &view->stats);
	view->taken = ktime_get_real_ns();
	return view;
}

/**
 * gomem_ring_show() - a ring of pauses
 * @m: where
 * @ring: the values, of which those that have not been yet are zeroes
 * @nr: how many to show; a pause may have been of no time at all
 * @between: between two of them
 */
void gomem_ring_show(struct seq_file *m, const u64 *ring, u32 nr, const char *between)
{
	unsigned int i;

	for (i = 0; i < min_t(u32, nr, GOMEM_NR_PAUSES); i++)
		seq_printf(m, "%s%llu", i ? between : "", ring[i]);
	if (!i)
		seq_putc(m, '0');
}

static void show_fraction(struct seq_file *m, u64 ppb)
{
	u32 rest;
	u64 whole = div_u64_rem(ppb, NSEC_PER_SEC, &rest);

	if (rest)
		seq_printf(m, "%llu.%09u", whole, rest);
	else
		seq_printf(m, "%llu", whole);
}

static void show_value(struct seq_file *m, const struct gomem_field *field,
		       const struct gomem_memstats *stats, bool json)
{
	const void *value = (const void *)stats + field->offset;

	switch (field->kind) {
	case GOMEM_F_U64:
		seq_printf(m, "%llu", *(const u64 *)value);
		break;
	case GOMEM_F_U32:
		seq_printf(m, "%u", *(const u32 *)value);
		break;
	case GOMEM_F_PPB:
		show_fraction(m, *(const u64 *)value);
		break;
	case GOMEM_F_BOOL:
		seq_puts(m, *(const bool *)value ? "true" : "false");
		break;
	case GOMEM_F_RING:
		seq_puts(m, json ? "[" : "");
		gomem_ring_show(m, value, json ? GOMEM_NR_PAUSES : stats->num_gc,
				json ? "," : " ");
		seq_puts(m, json ? "]" : "");
		break;
	}
}

/* What gomem counts and Go has no name for. */
static void show_events(struct seq_file *m, const struct view *view)
{
	const atomic_long_t *event = gomem_default_heap.event;
	const struct gomem_snapshot *snap = &view->snap;

	seq_printf(m, "BadFrees %lu\n",
		   atomic_long_read(&event[GOMEM_EV_BAD_FREE]));
	seq_printf(m, "OutOfMemory %lu\n",
		   atomic_long_read(&event[GOMEM_EV_OOM]));
	seq_printf(m, "ExactPages %lu\n",
		   atomic_long_read(&event[GOMEM_EV_EXACT]));
	seq_printf(m, "AccountIgnored %llu\n", snap->naccount);
	seq_printf(m, "PagesHeld %llu\n", snap->held_pages);
	seq_printf(m, "PagesStolen %llu\n", snap->stolen);
	seq_printf(m, "TailBytes %llu\n", snap->tails);
	seq_printf(m, "ReadTime %llu\n", view->taken);
}

int gomem_memstats_show(struct seq_file *m, void *v)
{
	struct view *view = take_view();
	unsigned int i;

	if (!view)
		return -ENOMEM;
	for (i = 0; i < gomem_nr_fields; i++) {
		seq_printf(m, "%s ", gomem_fields[i].name);
		show_value(m, &gomem_fields[i], &view->stats, false);
		seq_putc(m, '\n');
	}
	show_events(m, view);
	seq_puts(m, "\n# BySize Size Mallocs Frees\n");
	for (i = 0; i < GOMEM_BY_SIZE; i++)
		seq_printf(m, "BySize %u %llu %llu\n",
			   view->stats.by_size[i].size,
			   view->stats.by_size[i].mallocs,
			   view->stats.by_size[i].frees);
	kvfree(view);
	return 0;
}

int gomem_memstats_json_show(struct seq_file *m, void *v)
{
	struct view *view = take_view();
	unsigned int i;

	if (!view)
		return -ENOMEM;
	seq_putc(m, '{');
	for (i = 0; i < gomem_nr_fields; i++) {
		seq_printf(m, "\"%s\":", gomem_fields[i].name);
		show_value(m, &gomem_fields[i], &view->stats, true);
		seq_putc(m, ',');
	}
	seq_puts(m, "\"BySize\":[");
	for (i = 0; i < GOMEM_BY_SIZE; i++)
		seq_printf(m, "%s{\"Size\":%u,\"Mallocs\":%llu,\"Frees\":%llu}",
			   i ? "," : "", view->stats.by_size[i].size,
			   view->stats.by_size[i].mallocs,
			   view->stats.by_size[i].frees);
	seq_puts(m, "]}\n");
	kvfree(view);
	return 0;
}

/*
 * How Go's text profile names a field; "" if it leaves it out.  What is in use
 * of something stands in one line with all that there is of it.
 */
static const char *trailer_name(const char *name, bool *pair)
{
	static const char *const paired[][2] = {
		{ "StackInuse", "Stack" },
		{ "MSpanInuse", "MSpan" },
		{ "MCacheInuse", "MCache" },
	};
	unsigned int i;

	*pair = false;
	if (!strcmp(name, "PauseTotalNs") || !strcmp(name, "EnableGC"))
		return "";
	for (i = 0; i < ARRAY_SIZE(paired); i++) {
		if (strcmp(name, paired[i][0]))
			continue;
		*pair = true;
		return paired[i][1];
	}
	return name;
}

/**
 * gomem_memstats_trailer() - MemStats as they stand at the end of a text profile
 * @m: where to write them
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_memstats_trailer(struct seq_file *m)
{
	struct view *view = take_view();
	const char *name;
	unsigned int i;
	bool pair;

	if (!view)
		return -ENOMEM;
	seq_puts(m, "\n# runtime.MemStats\n");
	for (i = 0; i < gomem_nr_fields; i++) {
		const struct gomem_field *field = &gomem_fields[i];
		bool ring = field->kind == GOMEM_F_RING;

		name = trailer_name(field->name, &pair);
		if (!*name)
			continue;
		seq_printf(m, "# %s = %s", name, ring ? "[" : "");
		if (ring)
			gomem_ring_show(m, (void *)&view->stats + field->offset,
					GOMEM_NR_PAUSES, " ");
		else
			show_value(m, field, &view->stats, false);
		if (pair) {
			seq_puts(m, " / ");
			show_value(m, &gomem_fields[++i], &view->stats, false);
		}
		seq_puts(m, ring ? "]\n" : "\n");
	}
	kvfree(view);
	return 0;
}
