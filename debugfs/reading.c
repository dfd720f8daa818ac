// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile, read, with the names of all places that occur in it.
 *
 * A place is in many stacks, and to find its name takes the kernel some microseconds;
 * so each is looked up once.  Names are kept until everything has been printed, and so
 * is what they are names of: see gomem_sites_get().
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "debugfs.h"

/* Places by their frames: a hash table of numbers, 0 for none. */
struct finder {
	struct gomem_reading *r;
	u32 *table;
	unsigned int bits;
};

static unsigned int reading_frames(const struct gomem_reading *r)
{
	unsigned int i, nr = 0;

	for (i = 0; i < r->sites.nr; i++)
		nr += r->sites.site[i].bucket.depth;
	return nr;
}

static bool place_is(const struct gomem_place *place, unsigned long frame, bool named)
{
	return place->frame == frame && place->named == named;
}

/* The number of a place, from 1 on; a new one if it has none. */
static unsigned int place_of(struct finder *f, unsigned long frame, bool named)
{
	unsigned int i = hash_long(frame, f->bits), mask = (1U << f->bits) - 1;
	struct gomem_reading *r = f->r;

	while (f->table[i]) {
		if (place_is(&r->place[f->table[i] - 1], frame, named))
			return f->table[i];
		i = (i + 1) & mask;
	}
	r->place[r->nr_places] = (struct gomem_place) { .frame = frame, .named = named };
	f->table[i] = ++r->nr_places;
	return r->nr_places;
}

static void find_places(struct finder *f)
{
	struct gomem_reading *r = f->r;
	unsigned int i, k;

	for (i = 0; i < r->sites.nr; i++) {
		const struct gomem_site *site = &r->sites.site[i];
		u32 *of = r->place_of + (site->stack - r->sites.frames);

		for (k = 0; k < site->bucket.depth; k++)
			of[k] = place_of(f, site->stack[k],
					 site->bucket.named & BIT(k)) - 1;
	}
}

static int name_places(struct gomem_reading *r)
{
	char *name = kmalloc(GOMEM_NAME_SIZE, GFP_KERNEL);
	unsigned int i;

	if (!name)
		return -ENOMEM;
	for (i = 0; i < r->nr_places; i++) {
		gomem_frame_name(name, GOMEM_NAME_SIZE, r->place[i].frame,
				 r->place[i].named);
		r->place[i].name = kstrdup(name, GFP_KERNEL);
		if (!r->place[i].name)
			break;
		cond_resched();
	}
	kfree(name);
	return i == r->nr_places ? 0 : -ENOMEM;
}

static int reading_fill(struct gomem_reading *r)
{
	unsigned int nr = reading_frames(r);
	struct finder f = { .r = r, .bits = ilog2(nr + 1) + 2 };

	if (!nr)
		return 0;
	r->place = kvcalloc(nr, sizeof(*r->place), GFP_KERNEL);
	r->place_of = kvmalloc_array(nr, sizeof(*r->place_of), GFP_KERNEL);
	f.table = kvcalloc(1UL << f.bits, sizeof(*f.table), GFP_KERNEL);
	if (r->place && r->place_of && f.table)
		find_places(&f);
	kvfree(f.table);
	return r->nr_places ? name_places(r) : -ENOMEM;
}

/**
 * gomem_reading_get() - read the heap profile, with names
 * @heap: the heap
 * @r: where it goes; for gomem_reading_put(), if it was got
 *
 * Context: process, may sleep.
 * Return: 0 or an error.
 */
int gomem_reading_get(struct gomem_heap *heap, struct gomem_reading *r)
{
	int ret;

	*r = (struct gomem_reading) {};
	ret = gomem_sites_get(heap, &r->sites);
	if (ret)
		return ret;
	ret = reading_fill(r);
	if (ret)
		gomem_reading_put(r);
	return ret;
}

/**
 * gomem_reading_put() - it is not needed any more
 * @r: from gomem_reading_get()
 */
void gomem_reading_put(struct gomem_reading *r)
{
	unsigned int i;

	for (i = 0; i < r->nr_places; i++)
		kfree(r->place[i].name);
	kvfree(r->place);
	kvfree(r->place_of);
	gomem_sites_put(&r->sites);
}

/**
 * gomem_reading_place() - a frame of a stack
 * @r: the reading
 * @site: one of its sites
 * @i: which one, innermost first
 *
 * Return: the place.
 */
const struct gomem_place *gomem_reading_place(const struct gomem_reading *r,
					      const struct gomem_site *site,
					      unsigned int i)
{
	return &r->place[r->place_of[site->stack - r->sites.frames + i]];
}

/**
 * gomem_reading_size() - about how much text a file with all stacks has
 * @heap: the heap
 *
 * For single_open_size(): who guesses too little prints everything twice.
 *
 * Return: bytes.
 */
size_t gomem_reading_size(const struct gomem_heap *heap)
{
	const struct gomem_mprof *mprof = heap->mprof;

	return SZ_16K + READ_ONCE(mprof->nr_buckets) * 160 +
	       READ_ONCE(mprof->nr_chunks) * GOMEM_MPROF_CHUNK * 64;
}
