// SPDX-License-Identifier: GPL-2.0
/*
 * The stacks that the heap profile knows: where they are kept, and which of them
 * make room for others.
 *
 * A bucket belongs to a stack and a size, and to a watch if there is one (mm/watch.c).
 * Its frames are in chunks of four, which are linked, so that any stack fits where another
 * one was.  Both are found in bounded time, because whoever allocates is waiting, perhaps
 * with interrupts off: what was never used comes first, and then the bucket that has been
 * dead for longest.  A dead one is one of which nothing is live.  The dead are in a list
 * in the order in which they died; a dead bucket whose stack allocates again is taken out
 * of it and goes on counting.
 *
 * So a stack that holds memory is never forgotten, however many others there have been.
 * When all places are taken by stacks that hold something, a new one gets none; its
 * samples are dropped.
 *
 * What samples stand for is added up as it comes, by the rate of its own time.  So the
 * rate is not part of the key, and may be changed any number of times.
 */
#include <linux/lockdep.h>
#include <linux/string.h>

#include "mprof.h"

/* Each at its natural alignment, as long as sizes are a multiple of eight. */
static_assert(sizeof(struct gomem_bucket) % sizeof(u64) == 0);

/**
 * gomem_buckets_bytes() - the memory that buckets take
 * @max_buckets: how many
 *
 * Return: bytes.
 */
size_t gomem_buckets_bytes(unsigned int max_buckets)
{
	size_t chunks = GOMEM_MPROF_CHUNKS(max_buckets) + 1;

	return (max_buckets + 1) * (sizeof(struct gomem_bucket) +
				    GOMEM_NR_KEPT * sizeof(u64)) +
	       chunks * GOMEM_MPROF_CHUNK * sizeof(unsigned long) +
	       (chunks + GOMEM_MPROF_HASH) * sizeof(u16);
}

/**
 * gomem_buckets_init() - have buckets in that memory
 * @mprof: the profile; its max_buckets stays as it is from now on
 * @memory: zeroed, gomem_buckets_bytes() of it
 */
void gomem_buckets_init(struct gomem_mprof *mprof, void *memory)
{
	size_t chunks = GOMEM_MPROF_CHUNKS(mprof->max_buckets) + 1;
	unsigned int i;
	u64 *kept;

	mprof->bucket = memory;
	kept = (void *)(mprof->bucket + mprof->max_buckets + 1);
	for (i = 0; i < GOMEM_NR_KEPT; i++, kept += mprof->max_buckets + 1)
		mprof->kept[i].live_weight = kept;
	mprof->frame = (void *)kept;
	mprof->next_chunk = (void *)(mprof->frame + chunks * GOMEM_MPROF_CHUNK);
	mprof->hash = mprof->next_chunk + chunks;
}

/* --- The dead. --- */

static bool bucket_is_dead(const struct gomem_bucket *b)
{
	return b->nmalloc == b->nfree;
}

static void bucket_bury(struct gomem_mprof *mprof, unsigned int id)
{
	struct gomem_bucket *b = &mprof->bucket[id];

	b->newer = 0;
	b->older = mprof->newest_dead;
	if (b->older)
		mprof->bucket[b->older].newer = id;
	else
		mprof->oldest_dead = id;
	mprof->newest_dead = id;
}

static void bucket_raise(struct gomem_mprof *mprof, unsigned int id)
{
	struct gomem_bucket *b = &mprof->bucket[id];

	if (b->older)
		mprof->bucket[b->older].newer = b->newer;
	else
		mprof->oldest_dead = b->newer;
	if (b->newer)
		mprof->bucket[b->newer].older = b->older;
	else
		mprof->newest_dead = b->older;
}

/* --- Frames. --- */

static unsigned int bucket_chunks(unsigned int depth)
{
	return DIV_ROUND_UP(depth, GOMEM_MPROF_CHUNK);
}

static unsigned long *bucket_frames(const struct gomem_mprof *mprof, unsigned int chunk)
{
	return mprof->frame + chunk * GOMEM_MPROF_CHUNK;
}

/**
 * gomem_bucket_stack() - copy a stack
 * @mprof: the profile
 * @id: the bucket
 * @frame: where its frames go, as many as its depth
 *
 * Context: under the profile's lock.
 */
void gomem_bucket_stack(const struct gomem_mprof *mprof, unsigned int id,
			unsigned long *frame)
{
	const struct gomem_bucket *b = &mprof->bucket[id];
	unsigned int i, n, chunk = b->chunk;

	lockdep_assert_held(&mprof->lock);
	for (i = 0; i < b->depth; i += n) {
		n = min_t(unsigned int, b->depth - i, GOMEM_MPROF_CHUNK);
		memcpy(frame + i, bucket_frames(mprof, chunk), n * sizeof(*frame));
		chunk = mprof->next_chunk[chunk];
	}
}

/**
 * gomem_bucket_set_stack() - change what its frames are called, not what they are
 * @mprof: the profile
 * @id: the bucket
 * @frame: its frames, as many as its depth
 * @named: bits: which of them are symbols
 *
 * Context: under the profile's lock.
 */
void gomem_bucket_set_stack(struct gomem_mprof *mprof, unsigned int id,
			    const unsigned long *frame, u32 named)
{
	struct gomem_bucket *b = &mprof->bucket[id];
	unsigned int i, n, chunk = b->chunk;

	lockdep_assert_held(&mprof->lock);
	for (i = 0; i < b->depth; i += n) {
		n = min_t(unsigned int, b->depth - i, GOMEM_MPROF_CHUNK);
		memcpy(bucket_frames(mprof, chunk), frame + i, n * sizeof(*frame));
		chunk = mprof->next_chunk[chunk];
	}
	b->named = named;
}

static bool bucket_stack_is(const struct gomem_mprof *mprof, const struct gomem_bucket *b,
			    const unsigned long *frame)
{
	unsigned int i, n, chunk = b->chunk;

	for (i = 0; i < b->depth; i += n) {
		n = min_t(unsigned int, b->depth - i, GOMEM_MPROF_CHUNK);
		if (memcmp(bucket_frames(mprof, chunk), frame + i, n * sizeof(*frame)))
			return false;
		chunk = mprof->next_chunk[chunk];
	}
	return true;
}

static void bucket_put_chunks(struct gomem_mprof *mprof, struct gomem_bucket *b)
{
	unsigned int i, next, chunk = b->chunk;

	for (i = bucket_chunks(b->depth); i; i--) {
		next = mprof->next_chunk[chunk];
		mprof->next_chunk[chunk] = mprof->free_chunk;
		mprof->free_chunk = chunk;
		chunk = next;
	}
}

/* A chunk; there is one. */
static unsigned int bucket_get_chunk(struct gomem_mprof *mprof)
{
	unsigned int chunk = mprof->free_chunk;

	if (!chunk)
		return ++mprof->nr_chunks;
	mprof->free_chunk = mprof->next_chunk[chunk];
	return chunk;
}

/* --- Buckets. --- */

static u16 *bucket_head(struct gomem_mprof *mprof, u32 hash)
{
	return &mprof->hash[hash % GOMEM_MPROF_HASH];
}

/* The oldest of the dead is forgotten: its number and its chunks are free. */
static bool bucket_forget(struct gomem_mprof *mprof)
{
	unsigned int id = mprof->oldest_dead;
	struct gomem_bucket *b = &mprof->bucket[id];
	u16 *link;

	if (!id)
		return false;
	bucket_raise(mprof, id);
	for (link = bucket_head(mprof, b->hash); *link != id;)
		link = &mprof->bucket[*link].next;
	*link = b->next;
	bucket_put_chunks(mprof, b);
	if (b->nmalloc)
		mprof->forgotten++;
	gomem_kept_forget(mprof, id);
	memset(b, 0, sizeof(*b));
	b->next = mprof->free_bucket;
	mprof->free_bucket = id;
	return true;
}

/* Are there @nr chunks? */
static bool bucket_has_chunks(const struct gomem_mprof *mprof, unsigned int nr)
{
	unsigned int left = GOMEM_MPROF_CHUNKS(mprof->max_buckets) - mprof->nr_chunks;
	unsigned int chunk;

	for (chunk = mprof->free_chunk; chunk && left < nr; left++)
		chunk = mprof->next_chunk[chunk];
	return left >= nr;
}

/* Is there a number, and @nr chunks of frames, for a new bucket? */
static bool bucket_make_room(struct gomem_mprof *mprof, unsigned int nr)
{
	while ((!mprof->free_bucket && mprof->nr_buckets == mprof->max_buckets) ||
	       !bucket_has_chunks(mprof, nr))
		if (!bucket_forget(mprof))
			return false;
	return true;
}

static void bucket_add_stack(struct gomem_mprof *mprof, unsigned int id,
			     const unsigned long *frame)
{
	struct gomem_bucket *b = &mprof->bucket[id];
	unsigned int nr;

	b->chunk = 0;
	for (nr = bucket_chunks(b->depth); nr; nr--) {
		unsigned int chunk = bucket_get_chunk(mprof);

		mprof->next_chunk[chunk] = b->chunk;
		b->chunk = chunk;
	}
	gomem_bucket_set_stack(mprof, id, frame, 0);
}

/* A new bucket with the key of @key.  0 if there is no room. */
static unsigned int bucket_add(struct gomem_mprof *mprof, const struct gomem_bucket *key,
			       const unsigned long *frame)
{
	u16 *head = bucket_head(mprof, key->hash);
	unsigned int id;

	if (!bucket_make_room(mprof, bucket_chunks(key->depth)))
		return 0;
	id = mprof->free_bucket;
	if (id)
		mprof->free_bucket = mprof->bucket[id].next;
	else
		id = ++mprof->nr_buckets;
	mprof->bucket[id] = *key;
	bucket_add_stack(mprof, id, frame);
	mprof->bucket[id].next = *head;
	*head = id;
	bucket_bury(mprof, id);
	return id;
}

/**
 * gomem_bucket_get() - the bucket of a stack, a new one if there is none
 * @mprof: the profile
 * @key: what it is of: class, size, depth, owner and hash; all else is 0
 * @frame: its stack, addresses all
 *
 * Stacks with code that is gone have names in place of its addresses, and so never
 * are those of the code that has come to lie there.
 *
 * Context: under the profile's lock; count a sample before it is let go.
 * Return: its number, or 0 if there is no room.
 */
unsigned int gomem_bucket_get(struct gomem_mprof *mprof, const struct gomem_bucket *key,
			      const unsigned long *frame)
{
	const struct gomem_bucket *b;
	unsigned int id;

	lockdep_assert_held(&mprof->lock);
	for (id = *bucket_head(mprof, key->hash); id; id = b->next) {
		b = &mprof->bucket[id];
		if (b->hash == key->hash && b->size == key->size &&
		    b->class == key->class && b->depth == key->depth &&
		    b->owner == key->owner && bucket_stack_is(mprof, b, frame))
			return id;
	}
	return bucket_add(mprof, key, frame);
}

/* --- Samples. --- */

/**
 * gomem_bucket_count() - count a sample
 * @mprof: the profile
 * @id: its bucket
 * @size: bytes that were asked for
 * @weight: what it stands for
 *
 * Context: under the profile's lock.
 */
void gomem_bucket_count(struct gomem_mprof *mprof, unsigned int id, size_t size,
			u16 weight)
{
	struct gomem_bucket *b = &mprof->bucket[id];

	lockdep_assert_held(&mprof->lock);
	if (bucket_is_dead(b))
		bucket_raise(mprof, id);
	b->nmalloc++;
	b->requested += size;
	b->weight += gomem_weight(weight);
	b->live_weight += gomem_weight(weight);
}

/**
 * gomem_bucket_uncount() - a sample was none
 * @mprof: the profile
 * @id: its bucket
 * @size: as it was counted
 * @weight: as it was counted
 *
 * Context: under the profile's lock.
 */
void gomem_bucket_uncount(struct gomem_mprof *mprof, unsigned int id, size_t size,
			  u16 weight)
{
	struct gomem_bucket *b = &mprof->bucket[id];

	lockdep_assert_held(&mprof->lock);
	b->nmalloc--;
	b->requested -= size;
	b->weight -= gomem_weight(weight);
	b->live_weight -= gomem_weight(weight);
	if (bucket_is_dead(b))
		bucket_bury(mprof, id);
}

/* Below 10 ms, 100 ms, 1 s, 10 s, 100 s, 1000 s, 10000 s, and all else. */
static unsigned int bucket_lifetime_of(u64 ticks)
{
	u64 ms = (ticks << GOMEM_MPROF_TICK) / NSEC_PER_MSEC;
	unsigned int i;

	for (i = 0; i < GOMEM_NR_LIFETIMES - 1 && ms >= 10; i++)
		ms /= 10;
	return i;
}

/**
 * gomem_bucket_free() - a sampled object has been freed
 * @mprof: the profile
 * @sample: what its mark said
 *
 * Context: under the profile's lock.
 */
void gomem_bucket_free(struct gomem_mprof *mprof, struct gomem_sample sample)
{
	struct gomem_bucket *b = &mprof->bucket[sample.bucket];

	lockdep_assert_held(&mprof->lock);
	b->nfree++;
	b->live_weight -= gomem_weight(sample.weight);
	b->lifetime[bucket_lifetime_of(gomem_mprof_age(sample.born))]++;
	if (bucket_is_dead(b))
		bucket_bury(mprof, sample.bucket);
}
