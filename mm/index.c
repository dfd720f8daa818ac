// SPDX-License-Identifier: GPL-2.0
/*
 * The arena index.  How much memory it takes depends on how much memory the machine has,
 * and hardly on where that lies.
 *
 * The index is one array over all addresses from the lowest to the highest memory,
 * so that a look-up takes one load: 8 bytes for each 2 MiB.  Where memory is dense
 * it is just that, from kvmalloc().  But a machine that has a few gigabytes, and
 * some more at 64 TiB, would pay 256 MiB for it.
 *
 * There the array is mapped page by page.  A page of it is called a part, and stands
 * for 1 GiB of addresses (with pages of 4 KiB).  A part with memory in it has a page
 * of its own.  All the others are mapped to one and the same page, which says
 * gomem_no_arena from end to end and is never written.  What is left of the 256 MiB
 * is the page tables, half a megabyte.
 *
 *	mapped:	| head: struct | part 0 | part 1 | part 2 | ... | part n |
 *	pages:	  its own	 own	  none	   none		  own
 *
 * When there is more memory another index takes the place of this one.  It maps the
 * same pages, so nothing has to be copied, and both are always the same.
 */
#include <linux/bitmap.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "arena.h"
#include "index.h"

/* Arenas of a part, and bytes of memory. */
#define PART_ARENAS	(PAGE_SIZE / sizeof(struct gomem_arena *))
#define PART_SHIFT	(GOMEM_ARENA_SHIFT + ilog2(PART_ARENAS))

/* To be mapped page by page costs TLB entries: it has to save so many bytes. */
#define WORTH_MAPPING	65536UL

/* Where caches tell the addresses of a page apart, it should have but one. */
#define CACHES_ALIAS	(IS_ENABLED(CONFIG_ARCH_HAS_CPU_CACHE_ALIASING) || \
			 IS_ENABLED(CONFIG_MIPS) || IS_ENABLED(CONFIG_PARISC) || \
			 IS_ENABLED(CONFIG_SPARC))

/* How memory is looked for. */
#ifdef CONFIG_SPARSEMEM
#define MEMORY_STEP	PAGES_PER_SECTION
#else
#define MEMORY_STEP	(GOMEM_ARENA_SIZE >> PAGE_SHIFT)
#endif

/*
 * gomem_index_map - the pages of an index that is mapped page by page
 *
 * It holds a reference to each, as those that came before it and after it do.
 */
struct gomem_index_map {
	unsigned long *own;		/* parts with a page of their own */
	unsigned long nr;		/* how many */
	struct page *head;		/* what lies before the parts */
	struct page *none;		/* what all other parts are */
	struct page *page[];		/* the own ones, in order */
};

static unsigned long index_nr_parts(unsigned long arenas)
{
	return DIV_ROUND_UP(arenas, PART_ARENAS);
}

/* The tables that map so many pages; those above them are few. */
static size_t index_table_bytes(unsigned long pages)
{
	return DIV_ROUND_UP(pages, PTRS_PER_PTE) * PAGE_SIZE;
}

static size_t index_sparse_bytes(unsigned long parts, unsigned long own)
{
	return (own + 2) * PAGE_SIZE + own * sizeof(struct page *) +
	       sizeof(struct gomem_index_map) + BITS_TO_LONGS(parts) * sizeof(long) +
	       index_table_bytes(parts + 1);
}

/* What an index is without arenas. */
static void index_forget_arenas(struct gomem_arena **arena, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		arena[i] = &gomem_no_arena;
}

/* --- In one piece. --- */

static struct gomem_index *index_make_dense(unsigned long nr)
{
	struct gomem_index *index;
	size_t bytes = struct_size(index, arena, nr);

	index = kvmalloc(bytes, GFP_KERNEL);
	if (!index)
		return NULL;
	index->nr = nr;
	index->map = NULL;
	index->bytes = is_vmalloc_addr(index) ?
		       PAGE_ALIGN(bytes) + index_table_bytes(PFN_UP(bytes)) :
		       ksize(index);
	index_forget_arenas(index->arena, nr);
	return index;
}

/* --- Page by page. --- */

static struct page *index_part_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (page)
		index_forget_arenas(page_address(page), PART_ARENAS);
	return page;
}

static void index_free_map(struct gomem_index_map *map)
{
	unsigned long i;

	for (i = 0; i < map->nr && map->page[i]; i++)
		__free_page(map->page[i]);
	if (map->none)
		__free_page(map->none);
	if (map->head)
		__free_page(map->head);
	kvfree(map->own);
	kvfree(map);
}

/* The pages of an index of which @own says what it has.  That is ours then. */
static struct gomem_index_map *index_make_map(unsigned long *own,
					      unsigned long parts,
					      const struct gomem_index *old)
{
	unsigned long part, i = 0, old_parts = 0, nr = bitmap_weight(own, parts);
	struct gomem_index_map *map;
	struct page *page;

	map = kvzalloc(struct_size(map, page, nr), GFP_KERNEL);
	if (!map) {
		kvfree(own);
		return NULL;
	}
	/* kmemleak does not look for pointers in the pages below. */
	kmemleak_not_leak(map);
	map->own = own;
	map->nr = nr;
	map->head = alloc_page(GFP_KERNEL);
	map->none = index_part_page();
	if (!map->head || !map->none)
		goto fail;
	if (old && old->map)
		old_parts = index_nr_parts(old->nr);
	for_each_set_bit(part, own, parts) {
		if (part < old_parts && test_bit(part, old->map->own)) {
			page = vmalloc_to_page(&old->arena[part * PART_ARENAS]);
			get_page(page);
		} else {
			page = index_part_page();
		}
		map->page[i++] = page;
		if (!page)
			goto fail;
		cond_resched();
	}
	return map;
fail:
	index_free_map(map);
	return NULL;
}

/* Map the pages of @map, the head in front.  Returns where that is. */
static void *index_map_pages(const struct gomem_index_map *map, unsigned long parts)
{
	unsigned long part, own = 0;
	struct page **page;
	void *address;

	page = kvmalloc_array(parts + 1, sizeof(*page), GFP_KERNEL);
	if (!page)
		return NULL;
	page[0] = map->head;
	for (part = 0; part < parts; part++)
		page[1 + part] = test_bit(part, map->own) ? map->page[own++] :
							    map->none;
	address = vmap(page, parts + 1, VM_MAP, PAGE_KERNEL);
	kvfree(page);
	return address;
}

static struct gomem_index *index_make_sparse(unsigned long nr, unsigned long *own,
					     const struct gomem_index *old)
{
	struct gomem_index_map *map = index_make_map(own, index_nr_parts(nr), old);
	struct gomem_index *index;
	void *head;

	if (!map)
		return NULL;
	head = index_map_pages(map, index_nr_parts(nr));
	if (!head) {
		index_free_map(map);
		return NULL;
	}
	/* At the end of the first page, where the array begins. */
	index = head + PAGE_SIZE - offsetof(struct gomem_index, arena);
	index->nr = nr;
	index->map = map;
	index->bytes = index_sparse_bytes(index_nr_parts(nr), map->nr);
	return index;
}

/* --- Either. --- */

static void index_mark_parts(unsigned long *own, u64 start, const struct gomem_pfns *range)
{
	unsigned long first = (PFN_PHYS(range->start) - start) >> PART_SHIFT;
	unsigned long last = (PFN_PHYS(range->end) - 1 - start) >> PART_SHIFT;

	bitmap_set(own, first, last - first + 1);
}

/* Which parts have memory, as a bitmap. */
static unsigned long *index_find_parts(const struct gomem_memory *memory, u64 start,
				       unsigned long parts,
				       const struct gomem_index *old)
{
	unsigned long *own = kvcalloc(BITS_TO_LONGS(parts), sizeof(*own), GFP_KERNEL);
	unsigned int i;

	if (!own)
		return NULL;
	for (i = 0; i < memory->nr; i++)
		index_mark_parts(own, start, &memory->range[i]);
	/* It may not know any more what it once had. */
	if (old && old->map)
		bitmap_or(own, own, old->map->own, index_nr_parts(old->nr));
	return own;
}

/* Is it to be mapped page by page?  Once it is it stays so. */
static bool index_is_sparse(unsigned long nr, const unsigned long *own,
			    const struct gomem_index *old)
{
	unsigned long parts = index_nr_parts(nr);
	size_t bytes = index_sparse_bytes(parts, bitmap_weight(own, parts));

	if (old && old->map)
		return true;
	return !CACHES_ALIAS &&
	       bytes + WORTH_MAPPING < nr * sizeof(struct gomem_arena *);
}

/**
 * gomem_index_make() - an index over memory
 * @memory: what it has to cover; not below that of @old
 * @old: the index that it is to take the place of, or NULL
 *
 * Unless both are mapped page by page, and so have the same pages, it is without the
 * arenas of @old, which gomem_index_copy() gives it.
 *
 * Context: process, may sleep.
 * Return: the index, or NULL if there is no memory for it.
 */
struct gomem_index *gomem_index_make(const struct gomem_memory *memory,
				     const struct gomem_index *old)
{
	u64 start = U64_MAX, end = 0;
	struct gomem_index *index;
	unsigned long nr, *own;
	unsigned int i;

	for (i = 0; i < memory->nr; i++) {
		start = min_t(u64, start, PFN_PHYS(memory->range[i].start));
		end = max_t(u64, end, PFN_PHYS(memory->range[i].end));
	}
	/* What is aligned in physical memory is so in the direct map, from here. */
	start = old ? __pa(old->base) : round_down(start, GOMEM_ARENA_SIZE);
	nr = DIV_ROUND_UP_ULL(end - start, GOMEM_ARENA_SIZE);
	if (old)
		nr = max(nr, old->nr);
	own = index_find_parts(memory, start, index_nr_parts(nr), old);
	if (!own)
		return NULL;
	if (index_is_sparse(nr, own, old)) {
		index = index_make_sparse(nr, own, old);
	} else {
		kvfree(own);
		index = index_make_dense(nr);
	}
	if (index)
		index->base = (unsigned long)__va(start);
	return index;
}

/**
 * gomem_index_copy() - have the arenas of another index
 * @index: the index, made to take the place of @old
 * @old: the other one, that nobody changes now
 */
void gomem_index_copy(struct gomem_index *index, const struct gomem_index *old)
{
	unsigned long part, first;

	if (old->map)
		return;
	if (!index->map) {
		memcpy(index->arena, old->arena, old->nr * sizeof(*old->arena));
		return;
	}
	for_each_set_bit(part, index->map->own, index_nr_parts(old->nr)) {
		first = part * PART_ARENAS;
		memcpy(&index->arena[first], &old->arena[first],
		       min(PART_ARENAS, old->nr - first) * sizeof(*old->arena));
	}
}

/**
 * gomem_index_free() - free an index, but no arena
 * @index: it
 *
 * Context: process, may sleep; nobody looks at it any more.
 */
void gomem_index_free(struct gomem_index *index)
{
	struct gomem_index_map *map = index->map;

	if (!map) {
		kvfree(index);
		return;
	}
	vunmap((void *)PAGE_ALIGN_DOWN((unsigned long)index));
	index_free_map(map);
}

/**
 * gomem_index_covers() - may there be arenas here?
 * @index: the index
 * @first: number of the first arena; any value
 * @last: number of the last one
 *
 * Return: whether all of them can be written.
 */
bool gomem_index_covers(const struct gomem_index *index, unsigned long first,
			unsigned long last)
{
	unsigned long end = last / PART_ARENAS + 1;

	if (first >= index->nr || last >= index->nr)
		return false;
	return !index->map ||
	       find_next_zero_bit(index->map->own, end, first / PART_ARENAS) >= end;
}

/**
 * gomem_index_next() - walk over the arenas that there may be
 * @index: the index
 * @i: a number
 *
 * Return: the least number from @i on that gomem_index_covers(), or one that is
 * out of range if there is none.
 */
unsigned long gomem_index_next(const struct gomem_index *index, unsigned long i)
{
	unsigned long part = i / PART_ARENAS;

	if (i >= index->nr || !index->map || test_bit(part, index->map->own))
		return i;
	return find_next_bit(index->map->own, index_nr_parts(index->nr), part) * PART_ARENAS;
}

/* --- Which memory there is. --- */

/**
 * gomem_memory_add() - some more
 * @memory: a list
 * @start: its first page frame
 * @end: the one behind its last one
 *
 * Return: 0 or -ENOMEM.
 */
int gomem_memory_add(struct gomem_memory *memory, unsigned long start,
		     unsigned long end)
{
	unsigned int room = max(16U, 2 * memory->room);
	struct gomem_pfns *range = memory->range;

	if (memory->nr && range[memory->nr - 1].end == start) {
		range[memory->nr - 1].end = end;
		return 0;
	}
	if (memory->nr == memory->room) {
		range = krealloc_array(range, room, sizeof(*range), GFP_KERNEL);
		if (!range)
			return -ENOMEM;
		memory->range = range;
		memory->room = room;
	}
	range[memory->nr++] = (struct gomem_pfns) { start, end };
	return 0;
}

/**
 * gomem_memory_widen() - the memory that there is around some
 * @pfns: that, which is there; becomes longer at its end
 *
 * Of memory that is added, a part at a time is brought online.
 */
void gomem_memory_widen(struct gomem_pfns *pfns)
{
	while (pfn_valid(pfns->end)) {
		pfns->end = ALIGN_DOWN(pfns->end, MEMORY_STEP) + MEMORY_STEP;
		cond_resched();
	}
}

/* Where the memory of all nodes begins and ends. */
static void index_memory_bounds(unsigned long *start_pfn, unsigned long *end_pfn)
{
	int nid;

	*start_pfn = ULONG_MAX;
	*end_pfn = 0;
	for_each_online_node(nid) {
		/* What is brought online as its first memory is not yet present. */
		if (!node_spanned_pages(nid))
			continue;
		*start_pfn = min(*start_pfn, node_start_pfn(nid));
		*end_pfn = max(*end_pfn, node_end_pfn(nid));
	}
}

/**
 * gomem_memory_find() - the memory that there is
 * @memory: an empty list
 *
 * With it comes what is in the same section as memory, and some that has been added
 * and is not online yet.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENOMEM if the list is not complete.
 */
int gomem_memory_find(struct gomem_memory *memory)
{
	unsigned long pfn, next, end;
	int ret = 0;

	index_memory_bounds(&pfn, &end);
	for (; pfn < end && !ret; pfn = next) {
		next = min(ALIGN_DOWN(pfn, MEMORY_STEP) + MEMORY_STEP, end);
		if (pfn_valid(pfn))
			ret = gomem_memory_add(memory, pfn, next);
		cond_resched();
	}
	return ret;
}
