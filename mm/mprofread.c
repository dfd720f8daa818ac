// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the heap profile.
 *
 * A reader copies the buckets one by one, each with its stack under the lock; so the
 * figures of each fit together: what was freed had been allocated.  Before that it takes
 * hold of the names, and keeps them until it has printed everything, so that addresses
 * mean what they meant when they were copied.
 */
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "mheap.h"
#include "mprof.h"
#include "walk.h"

/* --- All of it. --- */

/* Room for all stacks that there can be at a time, and for some more. */
static size_t sites_most_frames(const struct gomem_mprof *mprof)
{
	return (GOMEM_MPROF_CHUNKS(mprof->max_buckets) * GOMEM_MPROF_CHUNK) +
	       16 * GOMEM_MEM_PROFILE_DEPTH;
}

static void sites_fill(struct gomem_mprof *mprof, unsigned int id,
		       struct gomem_site *site, unsigned long *stack)
{
	struct gomem_bucket *b = &site->bucket;
	unsigned long flags;

	spin_lock_irqsave(&mprof->lock, flags);
	*b = mprof->bucket[id];
	gomem_bucket_stack(mprof, id, stack);
	spin_unlock_irqrestore(&mprof->lock, flags);
	site->id = id;
	site->stack = stack;
	site->objects = gomem_weight_objects(b->weight);
	site->bytes = gomem_weight_bytes(b->weight, b->size);
	site->live = gomem_weight_objects(b->live_weight);
	site->live_bytes = gomem_weight_bytes(b->live_weight, b->size);
}

/*
 * Copy them.  False if places were given to other stacks so fast that there were too many.
 */
static bool sites_copy(struct gomem_mprof *mprof, struct gomem_sites *sites)
{
	size_t used = 0, most = sites_most_frames(mprof);
	unsigned int id, nr = 0;

	for (id = 1; id <= sites->nr; id++) {
		if (used + GOMEM_MEM_PROFILE_DEPTH > most)
			return false;
		sites_fill(mprof, id, &sites->site[nr], sites->frames + used);
		/* Of one without samples, the place of its frames is the next one's. */
		if (sites->site[nr].bucket.nmalloc)
			used += sites->site[nr++].bucket.depth;
	}
	sites->nr = nr;
	return true;
}

/**
 * gomem_sites_get() - all buckets of a profile, and what they stand for
 * @heap: the heap
 * @sites: where they go; for gomem_sites_put(), if they were got
 *
 * No module comes or goes until they are put.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or -EAGAIN.
 */
int gomem_sites_get(struct gomem_heap *heap, struct gomem_sites *sites)
{
	struct gomem_mprof *mprof = heap->mprof;
	unsigned int nr, tries = 0;

	*sites = (struct gomem_sites) { .heap = heap };
	down_read(&mprof->names);
	nr = READ_ONCE(mprof->nr_buckets);
	if (!nr)
		return 0;
	sites->site = kvmalloc_array(nr + 1, sizeof(*sites->site), GFP_KERNEL);
	sites->frames = kvmalloc_array(sites_most_frames(mprof), sizeof(*sites->frames),
				       GFP_KERNEL);
	if (!sites->site || !sites->frames) {
		gomem_sites_put(sites);
		return -ENOMEM;
	}
	do {
		if (++tries > 8) {
			gomem_sites_put(sites);
			return -EAGAIN;
		}
		sites->nr = nr;
	} while (!sites_copy(mprof, sites));
	return 0;
}

/**
 * gomem_sites_put() - they are not needed any more
 * @sites: from gomem_sites_get()
 */
void gomem_sites_put(struct gomem_sites *sites)
{
	up_read(&sites->heap->mprof->names);
	kvfree(sites->site);
	kvfree(sites->frames);
}

/* --- By place in the code. --- */

/* The one that holds least. */
static unsigned int holders_least(const struct gomem_holder *holder, unsigned int nr)
{
	unsigned int i, least = 0;

	for (i = 1; i < nr; i++)
		if (holder[i].bytes < holder[least].bytes)
			least = i;
	return least;
}

static void holders_add(struct gomem_holder *holder, unsigned int nr, unsigned long frame,
			const struct gomem_bucket *b)
{
	unsigned int i = hash_long(frame, ilog2(nr)), tries = nr;

	while (tries && holder[i].bytes && holder[i].frame != frame) {
		i = (i + 1) % nr;
		tries--;
	}
	if (!tries) {
		i = holders_least(holder, nr);
		if (holder[i].bytes >= gomem_weight_bytes(b->live_weight, b->size))
			return;
		holder[i] = (struct gomem_holder) {};
	}
	holder[i].frame = frame;
	holder[i].named = b->named & 1;
	holder[i].objects += gomem_weight_objects(b->live_weight);
	holder[i].bytes += gomem_weight_bytes(b->live_weight, b->size);
}

static int holders_compare(const void *a, const void *b)
{
	const struct gomem_holder *x = a, *y = b;

	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

/**
 * gomem_mprof_holders() - the places in the code that hold most
 * @heap: the heap
 * @holder: room for @nr places, to add them up in
 * @nr: a power of two; of further ones, those are left out that hold least
 *
 * Context: any but NMI, no gomem lock held; with the profile's names held, if any are
 * to be printed.  Allocates nothing.
 * Return: how many of @holder hold anything; they come first, the largest one at the
 * head.
 */
unsigned int gomem_mprof_holders(struct gomem_heap *heap, struct gomem_holder *holder,
				 unsigned int nr)
{
	unsigned long frame[GOMEM_MEM_PROFILE_DEPTH], flags;
	struct gomem_mprof *mprof = heap->mprof;
	unsigned int id, n = 0, last = READ_ONCE(mprof->nr_buckets);

	memset(holder, 0, nr * sizeof(*holder));
	for (id = 1; id <= last; id++) {
		spin_lock_irqsave(&mprof->lock, flags);
		if (mprof->bucket[id].live_weight) {
			gomem_bucket_stack(mprof, id, frame);
			holders_add(holder, nr, frame[0], &mprof->bucket[id]);
		}
		spin_unlock_irqrestore(&mprof->lock, flags);
	}
	sort(holder, nr, sizeof(*holder), holders_compare, NULL);
	while (n < nr && holder[n].bytes)
		n++;
	return n;
}

/* --- By what the spans say. --- */

struct holds {
	struct gomem_hold *hold;
	unsigned int nr;
};

static void holds_note(const struct holds *holds, const struct gomem_sample *sample,
		       u64 pinned)
{
	struct gomem_hold *hold = &holds->hold[sample->bucket];

	if (!sample->bucket || sample->bucket > holds->nr)
		return;
	hold->age = max(hold->age, gomem_mprof_age(sample->born) + 1);
	hold->pinned += mul_u64_u64_shr(gomem_weight(sample->weight), pinned,
					GOMEM_WEIGHT_BITS);
}

/* What is free in a span is pinned by its objects, each of them by an equal share. */
static void holds_note_marks(const struct gomem_span *span, const struct holds *holds)
{
	size_t live = span->nalloc * gomem_class[span->class].size;
	size_t share = (gomem_span_bytes(span) - live) / max_t(u16, span->nalloc, 1);
	unsigned int i;

	for (i = 0; i < gomem_span_nelems(span); i++)
		holds_note(holds, &span->sampled->object[i], share);
}

/* The marks of a span, if it has any now. */
static void holds_note_span(struct gomem_span *span, const struct holds *holds)
{
	struct gomem_mcentral *central = gomem_span_central(span);
	spinlock_t *lock = central->class ? &central->lock : &central->mheap->lock;
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	if (span->state == GOMEM_SPAN_INUSE && gomem_span_central(span) == central) {
		if (!span->class)
			holds_note(holds, &span->large, 0);
		if (gomem_span_is_sampled(span))
			holds_note_marks(span, holds);
	}
	spin_unlock_irqrestore(lock, flags);
}

static void holds_note_block(struct gomem_block *block, const struct holds *holds)
{
	unsigned int i, step;

	for (i = 0; i < READ_ONCE(block->npages); i += step) {
		struct gomem_span *span = &block->span[i];

		step = 1;
		if (gomem_span_in_use(span)) {
			step = max(1U, gomem_span_npages(span));
			holds_note_span(span, holds);
			cond_resched();
		}
		if (block->exact)
			break;
	}
}

/**
 * gomem_mprof_holds() - how old the live objects of each bucket are, and what they pin
 * @heap: the heap
 * @hold: by bucket, from 0 on
 * @nr: the last bucket to look at
 *
 * Looks at every span.
 *
 * Context: process, may sleep.
 */
void gomem_mprof_holds(struct gomem_heap *heap, struct gomem_hold *hold, unsigned int nr)
{
	struct holds holds = { .hold = hold, .nr = nr };
	struct gomem_block *block;
	struct gomem_walk walk;
	int nid;

	memset(hold, 0, (nr + 1) * sizeof(*hold));
	for (nid = -1; gomem_next_node(heap, &nid);) {
		gomem_walk_begin(&walk, heap->node[nid]->mheap);
		while ((block = gomem_walk_next(&walk)))
			holds_note_block(block, &holds);
	}
}

/* --- As Go has it. --- */

static void mprof_fill_record(struct gomem_mprof *mprof, unsigned int id,
			      struct gomem_mem_profile_record *record)
{
	const struct gomem_bucket *b = &mprof->bucket[id];
	unsigned int i;

	record->alloc_objects = b->nmalloc;
	record->free_objects = b->nfree;
	record->alloc_bytes = b->nmalloc * b->size;
	record->free_bytes = b->nfree * b->size;
	memset(record->stack, 0, sizeof(record->stack));
	gomem_bucket_stack(mprof, id, record->stack);
	for (i = 0; i < b->depth; i++)
		if (b->named & BIT(i))
			record->stack[i] = ULONG_MAX;
}

/* Records of the buckets that @wanted says yes to. */
static size_t mprof_records(struct gomem_mprof *mprof,
			    struct gomem_mem_profile_record *records, size_t nr,
			    bool (*wanted)(const struct gomem_bucket *b, u16 owner),
			    u16 owner)
{
	unsigned int id, last = READ_ONCE(mprof->nr_buckets);
	unsigned long flags;
	size_t n = 0;

	for (id = 1; id <= last; id++) {
		spin_lock_irqsave(&mprof->lock, flags);
		if (wanted(&mprof->bucket[id], owner)) {
			if (n < nr)
				mprof_fill_record(mprof, id, &records[n]);
			n++;
		}
		spin_unlock_irqrestore(&mprof->lock, flags);
	}
	return n;
}

static bool mprof_is_used(const struct gomem_bucket *b, u16 owner)
{
	return b->nmalloc;
}

static bool mprof_is_live(const struct gomem_bucket *b, u16 owner)
{
	return b->nmalloc != b->nfree;
}

static bool mprof_is_live_of(const struct gomem_bucket *b, u16 owner)
{
	return b->nmalloc != b->nfree && b->owner == owner;
}

/**
 * gomem_heap_mem_profile() - gomem_mem_profile() of any heap
 * @heap: the heap
 * @records: where the records go
 * @nr: for how many there is room
 * @inuse_zero: also those of which everything has been freed
 *
 * Context: any but NMI, no gomem lock held.
 * Return: how many there are.
 */
size_t gomem_heap_mem_profile(struct gomem_heap *heap,
			      struct gomem_mem_profile_record *records,
			      size_t nr, bool inuse_zero)
{
	return mprof_records(heap->mprof, records, nr,
			     inuse_zero ? mprof_is_used : mprof_is_live, 0);
}

/**
 * gomem_mprof_watched() - what a watch has seen allocated, and is live
 * @heap: the heap
 * @owner: the number of the watch
 * @records: where the records go
 * @nr: for how many there is room
 *
 * Context: any but NMI, no gomem lock held.
 * Return: how many there are.
 */
size_t gomem_mprof_watched(struct gomem_heap *heap, u16 owner,
			   struct gomem_mem_profile_record *records, size_t nr)
{
	return mprof_records(heap->mprof, records, nr, mprof_is_live_of, owner);
}

size_t gomem_mem_profile(struct gomem_mem_profile_record *records, size_t nr,
			 bool inuse_zero)
{
	return gomem_heap_mem_profile(&gomem_default_heap, records, nr,
				      inuse_zero);
}
EXPORT_SYMBOL_GPL(gomem_mem_profile);
