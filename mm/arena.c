// SPDX-License-Identifier: GPL-2.0
/*
 * Arenas: from an address to what lies there.
 *
 * The direct map is cut into windows of 2 MiB.  A window that holds a block of
 * gomem's has an arena, which has a tag for each of its 512 half pages (the smallest
 * page of a kernel): the size class, or what else it is.  One array over all of the
 * memory (mm/index.c) leads from an address to its arena; windows without one lead to
 * gomem_no_arena, in which every tag says "not gomem's".  So gomem_free() finds the class
 * of any pointer with two look-ups, one in the index and one in the arena; and a pointer
 * that is not ours ends in the slow path without having cost the others a test.
 *
 * What the tag does not tell, the block does.  The kernel's descriptor of a page has a
 * word for whoever owns the page (page_private()), and there the block is noted.  The word
 * is believed only if the tag says that the page is gomem's, and no page of the arena has
 * become somebody else's while both were read; the arena counts how often that happens.
 *
 * Readers hold nothing but RCU, and load the index once: when memory is added
 * another one takes its place.  (With a spinlock held one is under RCU, too.)
 * Writers are mheaps, which change the tags of pages they own under their own
 * lock, and the heap profile, which changes those of a span in use under the lock of its
 * mcentral.  gomem_index_lock protects which arenas exist and how many blocks they serve.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "arena.h"
#include "index.h"
#include "stock.h"

static_assert(GOMEM_NR_TAGS <= U8_MAX);

/* Never written. */
struct gomem_arena gomem_no_arena __ro_after_init;
struct gomem_index *gomem_index __read_mostly;
static DEFINE_SPINLOCK(gomem_index_lock);
/* Around its replacement; inside the kernel's lock of memory hotplug. */
static DEFINE_MUTEX(gomem_index_mutex);

/* Arenas serve blocks of any heap, so none of the heaps can count them. */
static atomic_long_t arena_bytes;
static struct kmem_cache *arena_cache;
static struct gomem_stock arena_stock;

static unsigned long arena_index(const struct gomem_index *index,
				 unsigned long address)
{
	return (address - index->base) >> GOMEM_ARENA_SHIFT;
}

/*
 * The arenas that a block needs; of an index that takes this one's place they
 * are the same.  False if there is memory in it that the index does not cover.
 */
static bool arenas_of(unsigned long base, unsigned long bytes,
		      unsigned long *first, unsigned long *last)
{
	const struct gomem_index *index;
	bool covered;

	rcu_read_lock();
	index = READ_ONCE(gomem_index);
	*first = arena_index(index, base);
	*last = arena_index(index, base + bytes - 1);
	covered = gomem_index_covers(index, *first, *last);
	rcu_read_unlock();
	return covered;
}

static void arena_unmake(const void *item)
{
	kmem_cache_free(arena_cache, (void *)item);
}

static size_t arena_size(const void *item)
{
	return kmem_cache_size(arena_cache);
}

static void arena_free(struct gomem_arena *arena)
{
	if (!arena)
		return;
	atomic_long_sub(arena_size(arena), &arena_bytes);
	arena_unmake(arena);
}

static void arena_free_rcu(struct rcu_head *rcu)
{
	arena_free(container_of(rcu, struct gomem_arena, rcu));
}

static void *arena_make(gfp_t gfp)
{
	struct gomem_arena *arena = kmem_cache_zalloc(arena_cache, gfp);

	/* It may be known to nothing but a page of the index. */
	if (arena)
		kmemleak_not_leak(arena);
	return arena;
}

static struct gomem_arena *arena_alloc(struct gomem_meta *meta, gfp_t gfp)
{
	struct gomem_arena *arena;

	if (gomem_should_fail(meta))
		return NULL;
	arena = gomem_stock_take(&arena_stock, gfp);
	if (arena)
		atomic_long_add(arena_size(arena), &arena_bytes);
	return arena;
}

/* Count one more block in arena @i.  Tells whether there is such an arena. */
static bool arena_ref(unsigned long i, struct gomem_arena **fresh)
{
	struct gomem_arena *arena;
	unsigned long flags;

	spin_lock_irqsave(&gomem_index_lock, flags);
	arena = gomem_index->arena[i];
	if (arena == &gomem_no_arena && *fresh) {
		arena = *fresh;
		*fresh = NULL;
		arena->page = virt_to_page((void *)(gomem_index->base +
						    (i << GOMEM_ARENA_SHIFT)));
		/*
		 * Who sees it sees what is in it: pairs with the address
		 * dependency in gomem_tag_in() and gomem_arena_of().
		 */
		smp_store_release(&gomem_index->arena[i], arena);
	}
	if (arena != &gomem_no_arena)
		arena->nr_blocks++;
	spin_unlock_irqrestore(&gomem_index_lock, flags);
	return arena != &gomem_no_arena;
}

static void arena_unref(unsigned long i)
{
	struct gomem_arena *arena;
	unsigned long flags;

	spin_lock_irqsave(&gomem_index_lock, flags);
	arena = gomem_index->arena[i];
	if (--arena->nr_blocks)
		arena = NULL;
	else
		WRITE_ONCE(gomem_index->arena[i], &gomem_no_arena);
	spin_unlock_irqrestore(&gomem_index_lock, flags);
	if (arena)
		call_rcu(&arena->rcu, arena_free_rcu);
}

/**
 * gomem_arena_get() - have arenas for a new block
 * @meta: whose request it is
 * @base: address of the block
 * @bytes: its length
 * @gfp: from gomem_meta_gfp()
 *
 * Return: 0, -ENOMEM, or -ERANGE for memory that the index does not cover.
 */
int gomem_arena_get(struct gomem_meta *meta, unsigned long base,
		    unsigned long bytes, gfp_t gfp)
{
	struct gomem_arena *fresh = NULL;
	unsigned long first, last, i;

	if (!arenas_of(base, bytes, &first, &last))
		return -ERANGE;
	for (i = first; i <= last; i++) {
		if (arena_ref(i, &fresh))
			continue;
		fresh = arena_alloc(meta, gfp);
		if (!fresh)
			goto undo;
		arena_ref(i, &fresh);
		arena_free(fresh);	/* somebody else was faster */
		fresh = NULL;
	}
	return 0;
undo:
	while (i-- > first)
		arena_unref(i);
	return -ENOMEM;
}

/**
 * gomem_arena_put() - a block is gone; its pages' tags are cleared already
 * @base: address of the block
 * @bytes: its length
 */
void gomem_arena_put(unsigned long base, unsigned long bytes)
{
	unsigned long first, last, i;

	arenas_of(base, bytes, &first, &last);
	for (i = first; i <= last; i++)
		arena_unref(i);
}

/* The part of it that lies in one arena, in half pages. */
static void arena_set_part(struct gomem_arena *arena, unsigned int half,
			   unsigned int nr, u8 tag)
{
	/*
	 * Who sees the tag sees the block: pairs with gomem_arena_block().  Only what
	 * gomem_block_cut() cuts off is tagged before.
	 */
	smp_wmb();
	/* Bytes cannot be torn. */
	data_race(memset(arena->tag + half, tag, nr));
	/* Fully ordered.  Pages go back, or to others, only after this: see there. */
	if (tag == GOMEM_TAG_NONE)
		atomic_inc_return(&arena->left);
}

/**
 * gomem_arena_set_one() - say what pages are used for
 * @base: where they begin
 * @bytes: how long they are, a multiple of GOMEM_HALF_SIZE
 * @first: tag of the first half page
 * @rest: tag of the others: another one if all of it is a single object
 *
 * Context: under the lock of the mheap whose pages they are.
 */
void gomem_arena_set_one(unsigned long base, unsigned long bytes, u8 first, u8 rest)
{
	unsigned long i, n, nr = bytes >> GOMEM_HALF_SHIFT;
	struct gomem_arena *arena;
	unsigned int half;

	for (i = 0; i < nr; i += n) {
		arena = gomem_arena_of(base + (i << GOMEM_HALF_SHIFT), &half);
		n = min_t(unsigned long, nr - i, GOMEM_ARENA_HALVES - half);
		arena_set_part(arena, half, n, rest);
		if (!i && first != rest)
			WRITE_ONCE(arena->tag[half], first);
	}
}

/**
 * gomem_arena_retag() - change the tags of a span in use
 * @base: where it begins
 * @bytes: how long it is
 * @first: the new tag of the first half page
 * @rest: the new tag of the others
 *
 * Context: under the lock of the span's mcentral, while an object of the span
 * is allocated: so it stays in use.
 */
void gomem_arena_retag(unsigned long base, unsigned long bytes, u8 first,
		       u8 rest)
{
	unsigned long nr = bytes >> GOMEM_HALF_SHIFT;
	unsigned int half;
	struct gomem_arena *arena = gomem_arena_of(base, &half);

	/* The pages of a shared block are all in one arena. */
	WRITE_ONCE(arena->tag[half], first);
	while (--nr)
		WRITE_ONCE(arena->tag[++half], rest);
}

/* Bytes that the index itself takes. */
size_t gomem_index_bytes(void)
{
	size_t bytes;

	rcu_read_lock();
	bytes = READ_ONCE(gomem_index)->bytes;
	rcu_read_unlock();
	return bytes;
}

/* Bytes that all arenas take. */
size_t gomem_arena_bytes(void)
{
	return atomic_long_read(&arena_bytes);
}

/* Have @index take the place of the one that there is. */
static void arena_replace_index(struct gomem_index *index)
{
	struct gomem_index *old = gomem_index;
	unsigned long flags;

	spin_lock_irqsave(&gomem_index_lock, flags);
	gomem_index_copy(index, old);
	/* Pairs with the address dependency of whoever loads gomem_index. */
	smp_store_release(&gomem_index, index);
	spin_unlock_irqrestore(&gomem_index_lock, flags);
	synchronize_rcu();
	gomem_index_free(old);
}

/* Does the index cover @pfns?  -ERANGE if it cannot. */
static int arena_index_lacks(const struct gomem_pfns *pfns)
{
	const struct gomem_index *index = gomem_index;
	unsigned long first, last;

	if (pfns->start < PHYS_PFN(__pa(index->base)))
		return -ERANGE;
	first = arena_index(index, (unsigned long)__va(PFN_PHYS(pfns->start)));
	last = arena_index(index, (unsigned long)__va(PFN_PHYS(pfns->end) - 1));
	return !gomem_index_covers(index, first, last);
}

/* Make an index over @memory, if this one does not cover all of it. */
static int arena_extend_index(const struct gomem_memory *memory)
{
	struct gomem_index *index;
	int ret, lacks = 0;
	unsigned int i;

	for (i = 0; i < memory->nr; i++) {
		ret = arena_index_lacks(&memory->range[i]);
		if (ret < 0)
			return ret;
		lacks += ret;
	}
	if (!lacks)
		return 0;
	index = gomem_index_make(memory, gomem_index);
	if (!index)
		return -ENOMEM;
	arena_replace_index(index);
	return 0;
}

/* The same for what there is, and @pfns. */
static int arena_extend_to(struct gomem_pfns *pfns)
{
	struct gomem_memory memory = {};
	int ret;

	ret = gomem_memory_find(&memory);
	if (!ret && pfns) {
		gomem_memory_widen(pfns);
		ret = gomem_memory_add(&memory, pfns->start, pfns->end);
	}
	if (!ret)
		ret = arena_extend_index(&memory);
	kfree(memory.range);
	return ret;
}

/**
 * gomem_index_extend() - have the index reach over more memory
 * @start_pfn: where that begins
 * @end_pfn: where it ends
 *
 * Who has looked an address up in the old index before the new one was there
 * found what was true then.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or -ERANGE for memory below all that there was.
 */
int gomem_index_extend(unsigned long start_pfn, unsigned long end_pfn)
{
	struct gomem_pfns pfns = { start_pfn, end_pfn };
	int ret;

	mutex_lock(&gomem_index_mutex);
	ret = arena_index_lacks(&pfns);
	if (ret > 0)
		ret = arena_extend_to(&pfns);
	mutex_unlock(&gomem_index_mutex);
	return ret;
}

/**
 * gomem_index_catch_up() - have the index reach over all memory there is now
 *
 * For memory that came while nobody told us.  Some that is being brought online
 * is counted by its node before those are told who want to know.
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM or -ERANGE.
 */
int gomem_index_catch_up(void)
{
	int ret;

	mutex_lock(&gomem_index_mutex);
	ret = arena_extend_to(NULL);
	mutex_unlock(&gomem_index_mutex);
	return ret;
}

/**
 * gomem_index_init() - make the index over all memory there is
 *
 * Context: process, once.
 * Return: 0 or -ENOMEM.
 */
int gomem_index_init(void)
{
	struct gomem_memory memory = {};

	/* Rounded up here, so that it is counted as what it takes. */
	arena_cache = kmem_cache_create("gomem_arena",
					round_up(sizeof(struct gomem_arena), SMP_CACHE_BYTES),
					SMP_CACHE_BYTES, 0, NULL);
	if (!arena_cache)
		return -ENOMEM;
	if (!gomem_memory_find(&memory))
		gomem_index = gomem_index_make(&memory, NULL);
	kfree(memory.range);
	if (!gomem_index) {
		kmem_cache_destroy(arena_cache);
		return -ENOMEM;
	}
	gomem_stock_init(&arena_stock, arena_make, arena_unmake, arena_size, 1);
	return 0;
}

/**
 * gomem_index_exit() - free the index
 *
 * Context: process, once, when every block is gone.  Arenas that still serve
 * leaked objects are freed with it.
 */
void gomem_index_exit(void)
{
	struct gomem_index *index = gomem_index;
	unsigned long i = 0;

	rcu_barrier();
	while ((i = gomem_index_next(index, i)) < index->nr) {
		struct gomem_arena *arena = index->arena[i++];

		if (arena != &gomem_no_arena)
			arena_free(arena);
	}
	gomem_index_free(index);
	gomem_index = NULL;
	gomem_stock_exit(&arena_stock);
	kmem_cache_destroy(arena_cache);
}
