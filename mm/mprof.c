// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile: who allocated what.
 *
 * Some allocations are sampled (which ones: sampling.c).  For each of them the
 * call stack is taken, and counted in a bucket, which belongs to that stack and
 * the size of the object (and to a watch: watch.c).  When the object is freed, that is
 * counted in the same bucket: so a bucket knows what its stack has allocated and what it
 * still holds.
 *
 * A sampled object is known by a mark beside its span.  As soon as a span has
 * such a mark, its pages are tagged GOMEM_TAG_SAMPLED, and as that is the index
 * of an mcache entry which never has room, gomem_free() ends in the slow path,
 * which looks for a mark, takes it off and counts the free, before the object
 * goes into a magazine like any other.  With the last mark the tag goes back to
 * what it was.  So nobody but those who free a neighbour of a sampled object
 * pays for it.
 *
 * Buckets and frames come from memory that is got when the profile is turned
 * on (mprofbucket.c); marks are got, without waiting, with the first sample of a span.
 * Where either is missing the sample is dropped, and that is counted.
 *
 * All of this happens with the CPU's mcache let go; a stack takes some
 * microseconds to walk.  An allocation that may not sleep, and for which the heap had
 * to grow, has taken its time already: of that, only the caller is noted.  So it is
 * while interrupts are off.
 */
#include <linux/export.h>
#include <linux/irqflags.h>
#include <linux/jhash.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "arena.h"
#include "gc.h"
#include "mheap.h"
#include "mprof.h"
#include "object.h"
#include "sampling.h"
#include "watch.h"

/* As many frames may lie between the caller of gomem and gomem_mprof_malloc(). */
#define OWN_FRAMES	12

struct stack {
	unsigned long frame[GOMEM_MEM_PROFILE_DEPTH + OWN_FRAMES];
	unsigned int first, nr;		/* the caller's part of it */
};

/* --- Stacks. --- */

/* Is that gomem's own code?  As a part of the kernel it is not told apart. */
static bool mprof_is_own(unsigned long address)
{
#ifdef MODULE
	return within_module(address, THIS_MODULE);
#else
	return false;
#endif
}

static bool mprof_is_trampoline(const struct gomem_mprof *mprof, unsigned long ip)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mprof->trampoline); i++)
		if (READ_ONCE(mprof->trampoline[i]) == ip)
			return true;
	return false;
}

/* Whatever returns to @ip returns to somewhere else. */
static void mprof_note_trampoline(struct gomem_mprof *mprof, unsigned long ip)
{
	if (mprof_is_trampoline(mprof, ip))
		return;
	WRITE_ONCE(mprof->trampoline[1], mprof->trampoline[0]);
	WRITE_ONCE(mprof->trampoline[0], ip);
}

/*
 * Where the caller's frames begin.  A kretprobe, or the function graph tracer, has
 * gomem's function return to a trampoline, and that is what @ip is then; the stack
 * says where it really came from, behind gomem's own frames.  @nr if it does not.
 */
static unsigned int mprof_caller(struct gomem_mprof *mprof, const unsigned long *frame,
				 unsigned int nr, unsigned long ip)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (frame[i] == ip)
			return i;
	for (i = 0; i < nr && mprof_is_own(frame[i]);)
		i++;
	if (!i)
		return nr;
	if (i < nr)
		mprof_note_trampoline(mprof, ip);
	return i;
}

/*
 * The stack from @ip on, which is where gomem was called from; with @brief, that alone,
 * unless it is known to be a tracer's.  What an interrupt interrupted is left out: it did
 * not allocate anything.
 */
static void mprof_stack_save(struct gomem_mprof *mprof, struct stack *stack,
			     unsigned long ip, bool brief)
{
	unsigned int nr = 0;

#ifdef CONFIG_STACKTRACE
	if ((!brief && mprof->max_depth > 1) || mprof_is_trampoline(mprof, ip)) {
		nr = stack_trace_save(stack->frame, ARRAY_SIZE(stack->frame), 1);
		nr = filter_irq_stacks(stack->frame, nr);
	}
#endif
	stack->first = mprof_caller(mprof, stack->frame, nr, ip);
	stack->nr = min_t(unsigned int, nr - stack->first, brief ? 1 : mprof->max_depth);
	if (stack->nr)
		return;
	/* Nobody can walk this stack; the caller is known all the same. */
	stack->frame[0] = ip;
	stack->first = 0;
	stack->nr = 1;
}

/* --- Samples, as they are counted. --- */

/* What a sample of this class and size stands for. */
static u16 mprof_weight(const struct gomem_mprof *mprof, const struct gomem_bucket *key,
			u32 rate)
{
	lockdep_assert_held(&mprof->lock);
	if (key->class && mprof->weight_rate == rate)
		return mprof->weight[key->class];
	/* A large object; or a rate that has changed in between. */
	return gomem_sample_weight(key->size, rate);
}

/* Count a sample; its bucket is 0 if there is no room. */
static struct gomem_sample mprof_count(struct gomem_mprof *mprof,
				       const struct gomem_bucket *key,
				       const unsigned long *frame, size_t size, u32 rate)
{
	struct gomem_sample sample = { .born = gomem_mprof_now() };
	unsigned long flags;

	spin_lock_irqsave(&mprof->lock, flags);
	sample.bucket = gomem_bucket_get(mprof, key, frame);
	if (sample.bucket) {
		sample.weight = mprof_weight(mprof, key, rate);
		gomem_bucket_count(mprof, sample.bucket, size, sample.weight);
	}
	spin_unlock_irqrestore(&mprof->lock, flags);
	return sample;
}

static void mprof_uncount(struct gomem_mprof *mprof, struct gomem_sample sample,
			  size_t size)
{
	unsigned long flags;

	spin_lock_irqsave(&mprof->lock, flags);
	gomem_bucket_uncount(mprof, sample.bucket, size, sample.weight);
	spin_unlock_irqrestore(&mprof->lock, flags);
}

/**
 * gomem_mprof_gone() - a sampled object has been freed
 * @heap: the heap
 * @sample: what its mark said
 *
 * Context: any, no gomem lock held.
 */
void gomem_mprof_gone(struct gomem_heap *heap, struct gomem_sample sample)
{
	struct gomem_mprof *mprof = heap->mprof;
	unsigned long flags;

	spin_lock_irqsave(&mprof->lock, flags);
	gomem_bucket_free(mprof, sample);
	spin_unlock_irqrestore(&mprof->lock, flags);
}

/* --- Marks. --- */

/*
 * Room for the marks of a span.  Nobody is woken for it, see depot_new_magazine(); and it
 * is no tiny piece, because a new slab of those is much work, and the caller may be
 * atomic.
 */
static struct gomem_sampled *mprof_marks_alloc(struct gomem_heap *heap,
					       const struct gomem_span *span)
{
	struct gomem_sampled *marks;
	size_t bytes = struct_size(marks, object, gomem_span_nelems(span));

	return gomem_meta_alloc(heap->meta, GOMEM_META_BUCKHASH,
				max_t(size_t, bytes, SMP_CACHE_BYTES),
				__GFP_NOWARN | __GFP_NOMEMALLOC);
}

static void mprof_marks_free(struct gomem_heap *heap, struct gomem_sampled *marks)
{
	gomem_meta_free(heap->meta, GOMEM_META_BUCKHASH, marks);
}

/* Only in the default heap do tags tell whether to look for marks. */
static void mprof_retag(struct gomem_span *span, u8 tag)
{
	if (gomem_span_central(span)->heap->is_default)
		gomem_arena_retag(gomem_span_base(span), gomem_span_bytes(span), tag,
				  gomem_is_one(span->class) ? GOMEM_TAG_INTERIOR : tag);
}

/*
 * Mark the small object @p.  Where the span has no room for marks yet, *@fresh
 * is taken for it.  False if there is none.
 */
static bool mprof_mark_small(struct gomem_span *span, const void *p,
			     struct gomem_sample sample, struct gomem_sampled **fresh)
{
	unsigned long offset = (unsigned long)p - gomem_span_base(span);
	unsigned int index = gomem_object_index(span->class, offset);
	struct gomem_mcentral *central = gomem_span_central(span);
	unsigned long flags;
	bool done = false;

	spin_lock_irqsave(&central->lock, flags);
	if (!span->sampled && *fresh) {
		WRITE_ONCE(span->sampled, *fresh);
		*fresh = NULL;
		mprof_retag(span, GOMEM_TAG_SAMPLED);
	}
	if (span->sampled) {
		span->sampled->object[index] = sample;
		span->sampled->nr++;
		done = true;
	}
	spin_unlock_irqrestore(&central->lock, flags);
	return done;
}

static bool mprof_mark(struct gomem_heap *heap, struct gomem_span *span,
		       const void *p, struct gomem_sample sample)
{
	struct gomem_sampled *fresh = NULL;
	bool sampled, done;

	if (!span->class) {
		/* Nobody else knows the object yet. */
		span->large = sample;
		return true;
	}
	sampled = gomem_span_is_sampled(span);
	if (!sampled)
		fresh = mprof_marks_alloc(heap, span);
	done = mprof_mark_small(span, p, sample, &fresh);
	if (!done && sampled) {
		/* The last mark that was there has just been taken off. */
		fresh = mprof_marks_alloc(heap, span);
		done = mprof_mark_small(span, p, sample, &fresh);
	}
	mprof_marks_free(heap, fresh);
	return done;
}

/*
 * Take the mark off @p, if it is an object with one.  Returns it, or one without a
 * bucket, and in @empty what is to be freed.
 */
static struct gomem_sample mprof_unmark(struct gomem_span *span, const void *p,
					struct gomem_sampled **empty)
{
	unsigned long offset = (unsigned long)p - gomem_span_base(span);
	unsigned int index = gomem_object_index(span->class, offset);
	struct gomem_sampled *marks = span->sampled;
	struct gomem_sample sample = {};

	lockdep_assert_held(&gomem_span_central(span)->lock);
	if (!marks || index >= gomem_span_nelems(span) ||
	    offset != index * gomem_class[span->class].size)
		return sample;
	sample = marks->object[index];
	if (!sample.bucket)
		return sample;
	marks->object[index].bucket = 0;
	if (!--marks->nr) {
		WRITE_ONCE(span->sampled, NULL);
		mprof_retag(span, gomem_span_tag(span));
		*empty = marks;
	}
	return sample;
}

/* --- What allocation and free call. --- */

static void mprof_drop(struct gomem_mprof *mprof)
{
	atomic_long_inc(&mprof->dropped);
	gomem_watch_missed(mprof);
}

/**
 * gomem_mprof_malloc() - sample an allocation
 * @heap: the heap
 * @p: the object; nobody knows it yet but the caller
 * @size: bytes that were asked for
 * @rate: by which it was chosen, not 0; the heap may have another one by now
 * @ip: where gomem was called from
 * @brief: take @ip for all of the stack, as while interrupts are off
 *
 * Context: any but NMI; no mcache and no gomem lock held.
 */
void gomem_mprof_malloc(struct gomem_heap *heap, const void *p, size_t size,
			u32 rate, unsigned long ip, bool brief)
{
	struct gomem_mprof *mprof = heap->mprof;
	struct gomem_span *span = gomem_span_of(p);
	struct gomem_bucket key = {};
	struct gomem_sample sample;
	const unsigned long *frame;
	struct stack stack;

	/* It was freed twice, and is nobody's by now. */
	if (!span) {
		mprof_drop(mprof);
		return;
	}
	/* A walk would keep interrupts off for too long. */
	mprof_stack_save(mprof, &stack, ip, brief || irqs_disabled());
	frame = stack.frame + stack.first;
	key.class = span->class;
	key.size = key.class ? gomem_class[key.class].size : gomem_span_bytes(span);
	key.depth = stack.nr;
	key.owner = gomem_watch_owner(mprof);
	key.hash = jhash(frame, stack.nr * sizeof(*frame), key.size ^ key.owner << 16);
	sample = mprof_count(mprof, &key, frame, size, rate);
	if (sample.bucket && mprof_mark(heap, span, p, sample))
		return;
	if (sample.bucket)
		mprof_uncount(mprof, sample, size);
	mprof_drop(mprof);
}

/**
 * gomem_mprof_free() - a small object is about to be freed: is it sampled?
 * @span: the span that it lies in, now
 * @p: any address; what is no object of @span, or no sampled one, is ignored
 *
 * To be called before the object goes anywhere else, so that whoever gets it
 * next finds it without a mark.
 *
 * Context: under RCU, no gomem lock held.
 */
void gomem_mprof_free(struct gomem_span *span, const void *p)
{
	struct gomem_mcentral *central = gomem_span_central(span);
	struct gomem_sampled *empty = NULL;
	struct gomem_sample sample = {};
	unsigned long flags;

	if (!central->class)
		return;
	spin_lock_irqsave(&central->lock, flags);
	if (gomem_span_in_use(span) && gomem_span_central(span) == central)
		sample = mprof_unmark(span, p, &empty);
	spin_unlock_irqrestore(&central->lock, flags);
	mprof_marks_free(central->heap, empty);
	if (sample.bucket)
		gomem_mprof_gone(central->heap, sample);
}

/* --- On and off. --- */

static int mprof_get_memory(struct gomem_heap *heap)
{
	struct gomem_mprof *mprof = heap->mprof;
	size_t bytes = gomem_buckets_bytes(mprof->max_buckets);
	void *memory;

	if (gomem_should_fail(heap->meta))
		return -ENOMEM;
	memory = kvzalloc(bytes, GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	gomem_buckets_init(mprof, memory);
	mprof->started = ktime_get_ns();
	atomic_long_add(bytes, &heap->meta->bytes[GOMEM_META_BUCKHASH]);
	return 0;
}

/* What samples stand for at that rate, so that nobody has to compute it who waits. */
static void mprof_set_weights(struct gomem_mprof *mprof, u32 rate)
{
	u16 weight[GOMEM_NR_CACHED] = {};
	unsigned int class;
	unsigned long flags;

	for (class = 1; class < GOMEM_NR_CACHED; class++)
		weight[class] = gomem_sample_weight(gomem_class[class].size, rate);
	spin_lock_irqsave(&mprof->lock, flags);
	memcpy(mprof->weight, weight, sizeof(weight));
	mprof->weight_rate = rate;
	spin_unlock_irqrestore(&mprof->lock, flags);
}

/**
 * gomem_mprof_set_rate() - gomem_set_mem_profile_rate() of any heap
 * @heap: the heap
 * @rate: bytes from one sample to the next
 *
 * When it returns, every CPU counts down to samples of the new rate.
 *
 * Context: process, may sleep.
 * Return: 0, -EINVAL or -ENOMEM.
 */
int gomem_mprof_set_rate(struct gomem_heap *heap, u32 rate)
{
	struct gomem_mprof *mprof = heap->mprof;
	int ret = 0;

	if (rate > GOMEM_MPROF_MAX_RATE)
		return -EINVAL;
	mutex_lock(&mprof->rate_mutex);
	if (rate && !mprof->bucket)
		ret = mprof_get_memory(heap);
	if (!ret && rate)
		mprof_set_weights(mprof, rate);
	if (!ret) {
		/* Pairs with the acquire in gomem_heap_profile_rate(). */
		smp_store_release(&heap->profile_rate, rate);
		if (rate)
			WRITE_ONCE(mprof->last_rate, rate);
		WRITE_ONCE(mprof->rate_sets, mprof->rate_sets + 1);
		gomem_heap_rearm(heap);
	}
	mutex_unlock(&mprof->rate_mutex);
	return ret;
}

/**
 * gomem_mprof_init() - a profile that is off
 * @heap: the heap
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_mprof_init(struct gomem_heap *heap)
{
	struct gomem_mprof *mprof;

	mprof = gomem_meta_alloc(heap->meta, GOMEM_META_OTHER, sizeof(*mprof),
				 GFP_KERNEL);
	if (!mprof)
		return -ENOMEM;
	mprof->max_buckets = GOMEM_MPROF_BUCKETS;
	mprof->max_depth = GOMEM_MEM_PROFILE_DEPTH;
	mutex_init(&mprof->watch_mutex);
	mutex_init(&mprof->rate_mutex);
	init_rwsem(&mprof->names);
	hash_init(mprof->symbols);
	INIT_LIST_HEAD(&mprof->watches);
	spin_lock_init(&mprof->lock);
	heap->mprof = mprof;
	return 0;
}

/**
 * gomem_mprof_destroy() - free the profile's memory
 * @heap: the heap; its spans are gone, or forgotten
 */
void gomem_mprof_destroy(struct gomem_heap *heap)
{
	struct gomem_mprof *mprof = heap->mprof;

	if (!mprof)
		return;
	if (mprof->bucket)
		atomic_long_sub(gomem_buckets_bytes(mprof->max_buckets),
				&heap->meta->bytes[GOMEM_META_BUCKHASH]);
	kvfree(mprof->bucket);
	gomem_symbols_destroy(heap);
	gomem_meta_free(heap->meta, GOMEM_META_OTHER, mprof);
	heap->mprof = NULL;
	heap->profile_rate = 0;
}

int gomem_set_mem_profile_rate(unsigned int rate)
{
	return gomem_mprof_set_rate(&gomem_default_heap, rate);
}
EXPORT_SYMBOL_GPL(gomem_set_mem_profile_rate);

unsigned int gomem_mem_profile_rate(void)
{
	return READ_ONCE(gomem_default_heap.profile_rate);
}
EXPORT_SYMBOL_GPL(gomem_mem_profile_rate);
