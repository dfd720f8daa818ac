// SPDX-License-Identifier: GPL-2.0
/*
 * Do the books balance?
 *
 * Two looks at a heap.  The equations that every MemStats snapshot satisfies,
 * whatever goes on meanwhile; and a recount that believes no counter: it walks
 * every block and span, counts the bits of the objects that are given out,
 * subtracts what waits in magazines, and compares.  Objects that move while they
 * are counted cannot be compared, so the recount is judged only if nothing moved:
 * each page heap counts its moves, which are seen by a snapshot before and one after;
 * and whoever carries objects from one place to another says so (gomem_depart()).
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "check.h"
#include "mheap.h"
#include "mspan.h"
#include "mstats.h"
#include "walk.h"

/* How often a recount is tried while things move, and how long is long enough. */
#define MOST_MOVED	5
#define ENOUGH_SAME	25

struct recount {
	u64 given_out[GOMEM_NR_CACHED];	/* object bits that are set */
	u64 spans[GOMEM_NR_CACHED];
	u64 cached[GOMEM_NR_CACHED];
	u64 inuse, idle, large_bytes;
};

struct check {
	struct seq_file *m;		/* or NULL */
	unsigned int failed;
	struct gomem_snapshot before, after;
	struct gomem_memstats stats;
	struct recount recount, last;
};

static void check_compare(struct check *c, bool ok, const char *what, u64 left,
			  u64 right)
{
	if (ok)
		return;
	c->failed++;
	if (c->m)
		seq_printf(c->m, "failed: %s: %llu, %llu\n", what, left, right);
}

#define CHECK_EQ(c, left, right) do { \
	u64 __left = (left), __right = (right); \
	check_compare(c, __left == __right, #left " = " #right, __left, __right); \
} while (0)

#define CHECK_LE(c, left, right) do { \
	u64 __left = (left), __right = (right); \
	check_compare(c, __left <= __right, #left " <= " #right, __left, __right); \
} while (0)

static void check_classes(struct check *c)
{
	const struct gomem_snapshot *snap = &c->before;
	u64 bytes = snap->large_bytes;
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		u64 nmalloc = snap->class[class].nmalloc;
		u64 nfree = snap->class[class].nfree;

		CHECK_LE(c, nfree, nmalloc);
		CHECK_LE(c, nmalloc - nfree, snap->class[class].slots);
		bytes += (nmalloc - nfree) * gomem_class[class].size;
	}
	CHECK_EQ(c, c->stats.heap_alloc, bytes);
}

static void check_pauses(struct check *c)
{
	const struct gomem_memstats *s = &c->stats;
	u64 sum = 0;
	u32 i;

	CHECK_EQ(c, s->last_gc, s->pause_end[(s->num_gc + 255) % 256]);
	CHECK_LE(c, s->num_forced_gc, s->num_gc);
	if (s->num_gc >= GOMEM_NR_PAUSES)
		return;
	for (i = 0; i < GOMEM_NR_PAUSES; i++)
		sum += s->pause_ns[i];
	CHECK_EQ(c, s->pause_total_ns, sum);
}

static void check_equations(struct check *c)
{
	const struct gomem_memstats *s = &c->stats;

	CHECK_EQ(c, s->sys, s->heap_sys + s->stack_sys + s->mspan_sys +
			    s->mcache_sys + s->buck_hash_sys + s->gc_sys +
			    s->other_sys);
	CHECK_EQ(c, s->heap_sys, s->heap_idle + s->heap_inuse);
	CHECK_LE(c, s->heap_released, s->heap_idle);
	CHECK_EQ(c, s->heap_objects, s->mallocs - s->frees);
	CHECK_LE(c, s->frees, s->mallocs);
	CHECK_LE(c, s->heap_alloc, s->heap_inuse);
	CHECK_LE(c, s->heap_alloc, s->total_alloc);
	CHECK_EQ(c, s->alloc, s->heap_alloc);
	CHECK_LE(c, s->stack_inuse, s->stack_sys);
	CHECK_LE(c, s->mspan_inuse, s->mspan_sys);
	CHECK_LE(c, s->mcache_inuse, s->mcache_sys);
	check_classes(c);
	check_pauses(c);
}

/* The recount has compared the references to every page. */
static void check_stolen(struct check *c)
{
	const struct gomem_snapshot *snap = &c->before;
	unsigned int class;
	u64 free = snap->stolen;

	for (class = 0; class < GOMEM_NR_CACHED; class++) {
		u64 stolen = snap->class[class].stolen;

		free -= stolen;
		if (!stolen)
			continue;
		c->failed++;
		if (!c->m)
			continue;
		seq_printf(c->m, "stolen: kfree() was given gomem's memory %llu times, of ",
			   stolen);
		if (gomem_told_class(class))
			seq_printf(c->m, "objects of %u bytes\n",
				   gomem_class[class].size);
		else
			seq_puts(c->m, "large objects\n");
	}
	if (!free)
		return;
	c->failed++;
	if (c->m)
		seq_printf(c->m, "stolen: kfree() was given gomem's memory %llu times, that had been freed before\n",
			   free);
}

/* Is it in use, or dying?  Its heap counts it for so long. */
static bool check_span_counts(const struct gomem_span *span)
{
	/* Pairs with the release in mheap_publish(). */
	enum gomem_span_state state = smp_load_acquire(&span->state);

	return state == GOMEM_SPAN_INUSE || state == GOMEM_SPAN_DYING;
}

/* Count one span; its bits are looked at under the lock of its mcentral. */
static void check_recount_span(struct recount *r, struct gomem_span *span)
{
	struct gomem_mcentral *central = gomem_span_central(span);
	unsigned int class = central->class;
	unsigned long flags;

	gomem_mheap_census(central->mheap, span);
	r->spans[class]++;
	if (!class) {
		r->large_bytes += gomem_span_bytes(span);
		return;
	}
	spin_lock_irqsave(&central->lock, flags);
	/* Of a dying one all objects have come back. */
	if (gomem_span_in_use(span) && gomem_span_central(span) == central)
		r->given_out[class] += gomem_mspan_weight(span);
	spin_unlock_irqrestore(&central->lock, flags);
}

static void check_recount_block(struct recount *r, struct gomem_block *block)
{
	unsigned long used = 0;
	unsigned int i, step;

	for (i = 0; i < READ_ONCE(block->npages); i += step) {
		struct gomem_span *span = &block->span[i];

		step = 1;
		if (check_span_counts(span)) {
			check_recount_span(r, span);
			step = max(1U, gomem_span_npages(span));
			used += gomem_span_bytes(span);
		}
		if (block->exact)
			break;
	}
	r->inuse += used;
	r->idle += gomem_block_bytes(block) - used;
}

static void check_recount(struct gomem_heap *heap, struct recount *r)
{
	struct gomem_block *block;
	struct gomem_walk walk;
	int nid;

	memset(r, 0, sizeof(*r));
	for (nid = -1; gomem_next_node(heap, &nid);) {
		gomem_walk_begin(&walk, heap->node[nid]->mheap);
		while ((block = gomem_walk_next(&walk)))
			check_recount_block(r, block);
	}
	gomem_cached_objects(heap, r->cached);
}

/* Is what is given out and in no magazine what is live? */
static bool check_recount_adds_up(const struct check *c)
{
	const struct gomem_class_stats *s = c->after.class;
	const struct recount *r = &c->recount;
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		if (s[class].nmalloc - s[class].nfree !=
		    r->given_out[class] - r->cached[class])
			return false;
	return true;
}

static void check_judge_recount(struct check *c)
{
	const struct gomem_snapshot *snap = &c->after;
	const struct recount *r = &c->recount;
	unsigned int class;

	for (class = 1; class < GOMEM_NR_CACHED; class++) {
		const struct gomem_class_stats *s = &snap->class[class];

		CHECK_EQ(c, s->spans, r->spans[class]);
		CHECK_LE(c, r->cached[class], r->given_out[class]);
		CHECK_EQ(c, s->nmalloc - s->nfree,
			 r->given_out[class] - r->cached[class]);
	}
	CHECK_EQ(c, snap->class[0].nmalloc - snap->class[0].nfree, r->spans[0]);
	CHECK_EQ(c, snap->large_bytes, r->large_bytes);
	CHECK_EQ(c, snap->inuse, r->inuse);
	CHECK_EQ(c, snap->idle, r->idle);
}

static u64 check_departures(struct gomem_heap *heap)
{
	u64 nr = atomic_long_read(&heap->event[GOMEM_EV_DEPARTED]);
	int cpu;

	for_each_cpu(cpu, heap->cpus)
		nr += local_read(&gomem_mcache_of(heap, cpu)->departed);
	return nr;
}

static u64 check_arrivals(struct gomem_heap *heap)
{
	u64 nr = atomic_long_read(&heap->event[GOMEM_EV_ARRIVED]);
	int cpu;

	for_each_cpu(cpu, heap->cpus)
		nr += local_read(&gomem_mcache_of(heap, cpu)->arrived);
	return nr;
}

/*
 * Recount, and say whether everything stood still meanwhile.  If as much has departed in
 * the end as had arrived before, nothing was on its way in between.
 */
static bool check_recount_once(struct gomem_heap *heap, struct check *c)
{
	long lookups = atomic_long_read(&heap->event[GOMEM_EV_LOOKUP]);
	u64 arrived = check_arrivals(heap);

	smp_rmb();	/* pairs with gomem_arrive() */
	gomem_snapshot(heap, &c->after);
	check_recount(heap, &c->recount);
	gomem_snapshot(heap, &c->before);
	smp_rmb();	/* pairs with gomem_depart() */
	return !memcmp(&c->before, &c->after, sizeof(c->after)) &&
	       arrived == check_departures(heap) &&
	       lookups == atomic_long_read(&heap->event[GOMEM_EV_LOOKUP]);
}

/*
 * Recount while nothing moves.  False if something always did.
 *
 * Objects may be between two counters still, on a CPU that is just handing one out or
 * taking one back, with preemption off.  So what does not add up is held against the
 * heap only if it stays as it is for half a second.
 */
static bool check_recount_quietly(struct gomem_heap *heap, struct check *c)
{
	unsigned int moved = 0, same = 0;

	for (;;) {
		if (!check_recount_once(heap, c)) {
			if (++moved == MOST_MOVED)
				return false;
			same = 0;
		} else if (check_recount_adds_up(c)) {
			return true;
		} else if (memcmp(&c->recount, &c->last, sizeof(c->last))) {
			c->last = c->recount;
			same = 0;
			/* It moves too slowly, or too fast, to be seen otherwise. */
			moved++;
		} else if (++same == ENOUGH_SAME) {
			return true;
		}
		if (moved >= MOST_MOVED)
			return false;
		msleep(20);
	}
}

/**
 * gomem_check() - check the books of a heap
 * @heap: the heap
 * @m: where to say what is wrong, or NULL
 *
 * Context: process, may sleep.
 * Return: how many statements do not hold, or UINT_MAX if there was no memory
 * to check them.
 */
unsigned int gomem_check(struct gomem_heap *heap, struct seq_file *m)
{
	struct check *c = kvzalloc(sizeof(*c), GFP_KERNEL);
	unsigned int failed;

	if (!c)
		return UINT_MAX;
	c->m = m;
	if (check_recount_quietly(heap, c))
		check_judge_recount(c);
	else if (m)
		seq_puts(m, "# recount skipped: objects moved while they were counted\n");
	gomem_snapshot(heap, &c->before);
	gomem_memstats_from(heap, &c->before, &c->stats);
	check_equations(c);
	check_stolen(c);
	failed = c->failed;
	kvfree(c);
	return failed;
}
