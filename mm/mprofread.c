// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the heap profile.
 *
 * Buckets are only ever added, and their keys and stacks never change; so a
 * reader copies them one by one, each under the lock, and needs no more than
 * that for figures that fit together: in each, what was freed had been allocated.
 */
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mheap.h"
#include "mprof.h"
#include "sampling.h"
#include "walk.h"

static unsigned int mprof_nr_buckets(struct gomem_mprof *mprof)
{
	unsigned long flags;
	unsigned int nr;

	spin_lock_irqsave(&mprof->lock, flags);
	nr = mprof->nr_buckets;
	spin_unlock_irqrestore(&mprof->lock, flags);
	return nr;
}

static void mprof_copy_bucket(struct gomem_mprof *mprof, unsigned int id,
			      struct gomem_bucket *copy)
{
	unsigned long flags;

	spin_lock_irqsave(&mprof->lock, flags);
	*copy = mprof->bucket[id];
	spin_unlock_irqrestore(&mprof->lock, flags);
}

static void mprof_fill_site(struct gomem_mprof *mprof, unsigned int id,
			    struct gomem_site *site)
{
	struct gomem_bucket *b = &site->bucket;
	u64 live;

	mprof_copy_bucket(mprof, id, b);
	live = b->nmalloc - b->nfree;
	site->id = id;
	site->objects = gomem_sample_scale(b->nmalloc, b->size, b->rate);
	site->bytes = gomem_sample_scale(b->nmalloc * b->size, b->size, b->rate);
	site->live = gomem_sample_scale(live, b->size, b->rate);
	site->live_bytes = gomem_sample_scale(live * b->size, b->size, b->rate);
}

/**
 * gomem_mprof_sites() - all buckets of a profile, and what they stand for
 * @heap: the heap
 * @nr: how many there are
 *
 * Context: process, may sleep.
 * Return: an array for kvfree(), or NULL if there is no memory.
 */
struct gomem_site *gomem_mprof_sites(struct gomem_heap *heap, unsigned int *nr)
{
	struct gomem_mprof *mprof = heap->mprof;
	struct gomem_site *sites;
	unsigned int i;

	*nr = mprof_nr_buckets(mprof);
	sites = kvmalloc_array(*nr + 1, sizeof(*sites), GFP_KERNEL);
	if (!sites)
		return NULL;
	for (i = 0; i < *nr; i++)
		mprof_fill_site(mprof, i + 1, &sites[i]);
	return sites;
}

/**
 * gomem_mprof_holder() - the place in the code that holds most
 * @heap: the heap
 * @holder: room for @nr places, to add them up in
 * @nr: a power of two; what is held by further ones is left out
 *
 * Context: any but NMI, no gomem lock held.  Allocates nothing.
 * Return: one of @holder, or NULL if nothing that is live has been sampled.
 */
const struct gomem_holder *gomem_mprof_holder(struct gomem_heap *heap,
					      struct gomem_holder *holder,
					      unsigned int nr)
{
	struct gomem_mprof *mprof = heap->mprof;
	unsigned int id, i, tries, last = mprof_nr_buckets(mprof);
	struct gomem_holder *most = NULL;
	struct gomem_bucket b;
	unsigned long ip;

	memset(holder, 0, nr * sizeof(*holder));
	for (id = 1; id <= last; id++) {
		mprof_copy_bucket(mprof, id, &b);
		if (b.nmalloc == b.nfree)
			continue;
		ip = *gomem_mprof_stack(mprof, &b);
		i = hash_long(ip, ilog2(nr));
		for (tries = nr; tries && holder[i].ip && holder[i].ip != ip; tries--)
			i = (i + 1) % nr;
		if (!tries)
			continue;
		holder[i].ip = ip;
		holder[i].bytes += gomem_sample_scale((b.nmalloc - b.nfree) * b.size,
						      b.size, b.rate);
		if (!most || holder[i].bytes > most->bytes)
			most = &holder[i];
	}
	return most;
}

struct ages {
	u32 *oldest;
	unsigned int nr;
};

static void mprof_note_age(const struct gomem_sample *sample, struct ages *ages)
{
	u32 *oldest = &ages->oldest[sample->bucket];

	if (sample->bucket && sample->bucket <= ages->nr)
		*oldest = min(*oldest, sample->born);
}

static void mprof_note_marks(struct gomem_span *span, struct ages *ages)
{
	unsigned int i;

	for (i = 0; i < gomem_span_nelems(span); i++)
		mprof_note_age(&span->sampled->object[i], ages);
}

/* The marks of a span, if it has any now. */
static void mprof_note_span(struct gomem_span *span, struct ages *ages)
{
	struct gomem_mcentral *central = READ_ONCE(span->central);
	spinlock_t *lock = central->class ? &central->lock : &central->mheap->lock;
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	if (span->state == GOMEM_SPAN_INUSE && span->central == central) {
		if (!span->class)
			mprof_note_age(&span->large, ages);
		if (gomem_span_is_sampled(span))
			mprof_note_marks(span, ages);
	}
	spin_unlock_irqrestore(lock, flags);
}

static void mprof_note_block(struct gomem_block *block, struct ages *ages)
{
	unsigned int i, step;

	for (i = 0; i < READ_ONCE(block->npages); i += step) {
		struct gomem_span *span = &block->span[i];

		step = 1;
		if (gomem_span_in_use(span)) {
			step = max(1U, READ_ONCE(span->npages));
			mprof_note_span(span, ages);
			cond_resched();
		}
		if (block->exact)
			break;
	}
}

/**
 * gomem_mprof_ages() - when the oldest live object of each bucket was allocated
 * @heap: the heap
 * @oldest: ktime_get_seconds() by bucket; untouched if it has no live object, and
 *	so to be filled with U32_MAX before
 * @nr: the last bucket to look at
 *
 * Looks at every span.
 *
 * Context: process, may sleep.
 */
void gomem_mprof_ages(struct gomem_heap *heap, u32 *oldest, unsigned int nr)
{
	struct ages ages = { .oldest = oldest, .nr = nr };
	struct gomem_block *block;
	struct gomem_walk walk;
	int nid;

	for (nid = -1; gomem_next_node(heap, &nid);) {
		gomem_walk_begin(&walk, heap->node[nid]->mheap);
		while ((block = gomem_walk_next(&walk)))
			mprof_note_block(block, &ages);
	}
}

static void mprof_fill_record(struct gomem_mprof *mprof, const struct gomem_bucket *b,
			      struct gomem_mem_profile_record *record)
{
	record->alloc_objects = b->nmalloc;
	record->free_objects = b->nfree;
	record->alloc_bytes = b->nmalloc * b->size;
	record->free_bytes = b->nfree * b->size;
	memset(record->stack, 0, sizeof(record->stack));
	memcpy(record->stack, gomem_mprof_stack(mprof, b),
	       b->depth * sizeof(*record->stack));
}

/**
 * gomem_heap_mem_profile() - gomem_mem_profile() of any heap
 * @heap: the heap
 * @records: where the records go
 * @nr: for how many there is room
 * @inuse_zero: also those of which everything has been freed
 *
 * Return: how many there are.
 */
size_t gomem_heap_mem_profile(struct gomem_heap *heap,
			      struct gomem_mem_profile_record *records,
			      size_t nr, bool inuse_zero)
{
	struct gomem_mprof *mprof = heap->mprof;
	unsigned int id, last = mprof_nr_buckets(mprof);
	struct gomem_bucket b;
	size_t n = 0;

	for (id = 1; id <= last; id++) {
		mprof_copy_bucket(mprof, id, &b);
		if (!b.nmalloc || (b.nmalloc == b.nfree && !inuse_zero))
			continue;
		if (n < nr)
			mprof_fill_record(mprof, &b, &records[n]);
		n++;
	}
	return n;
}

size_t gomem_mem_profile(struct gomem_mem_profile_record *records, size_t nr,
			 bool inuse_zero)
{
	return gomem_heap_mem_profile(&gomem_default_heap, records, nr,
				      inuse_zero);
}
EXPORT_SYMBOL_GPL(gomem_mem_profile);
