// SPDX-License-Identifier: GPL-2.0
/*
 * What the frames of the heap profile are called, for ever.
 *
 * A frame is a return address.  It has a name as long as its code is there; after that
 * there may be other code, of another module, which allocated nothing.  So before code
 * goes (a module, or what of it was needed only at the start), its addresses in all
 * stacks are replaced by symbols, which are names; mm/modules.c knows when that is.
 * An address and a symbol are told apart by a bit for each frame of a stack.
 *
 * A symbol is made once and never unmade, so there are as many as places in code that
 * has gone and had been in a stack, MOST_SYMBOLS at most.
 */
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "meta.h"
#include "mprof.h"

/* Of so many at most: what goes later has no name, lest there be no end to them. */
#define MOST_SYMBOLS	16384

/* How a module that has gone is told from one that is there. */
#define GONE		" (gone)"

/*
 * What is said of code whose name nobody has noted, or for which there was no memory.
 * Its symbol is NULL.
 */
static const char nameless[] = "[gone]";

static const struct gomem_symbol *mprof_symbol_find(struct gomem_mprof *mprof,
						    const char *name, u32 hash)
{
	const struct gomem_symbol *symbol;

	hash_for_each_possible(mprof->symbols, symbol, node, hash)
		if (!strcmp(symbol->name, name))
			return symbol;
	return NULL;
}

/* The symbol of that name; with mprof->names held for writing. */
static const struct gomem_symbol *mprof_symbol(struct gomem_heap *heap, const char *name,
					       bool gone)
{
	struct gomem_mprof *mprof = heap->mprof;
	size_t len = strlen(name);
	u32 hash = jhash(name, len, 0);
	const struct gomem_symbol *known;
	struct gomem_symbol *symbol;

	known = mprof_symbol_find(mprof, name, hash);
	if (known || mprof->nr_symbols == MOST_SYMBOLS)
		return known;	/* or NULL */
	symbol = gomem_meta_alloc(heap->meta, GOMEM_META_BUCKHASH,
				  struct_size(symbol, name, len + 1), GFP_KERNEL);
	if (!symbol)
		return NULL;
	symbol->gone = gone;
	memcpy(symbol->name, name, len + 1);
	hash_add(mprof->symbols, &symbol->node, hash);
	mprof->nr_symbols++;
	return symbol;
}

/**
 * gomem_frame_name() - what a frame is called
 * @name: room for it
 * @size: how much; GOMEM_NAME_SIZE is enough for any
 * @frame: of a stack
 * @named: it is a symbol
 *
 * Never an address, even if nobody knows the name.
 *
 * Context: any; the code must not go meanwhile: under the profile's lock, or with its
 * names held.
 * Return: its length.
 */
int gomem_frame_name(char *name, size_t size, unsigned long frame, bool named)
{
	const struct gomem_symbol *symbol = (void *)frame;
	int n;

	if (named)
		return scnprintf(name, size, "%s", symbol ? symbol->name : nameless);
	n = scnprintf(name, size, "%pB", (void *)frame);
	if (strncmp(name, "0x", 2))
		return n;
	return scnprintf(name, size, "[unknown]");
}

/* Is @symbol of code of @module that is not all gone? */
static bool mprof_symbol_is_of(const struct gomem_symbol *symbol, const char *module)
{
	const char *bracket;
	size_t len = strlen(module);

	if (!symbol || symbol->gone)
		return false;
	bracket = strrchr(symbol->name, '[');
	return bracket && !strncmp(bracket + 1, module, len) && bracket[1 + len] == ']';
}

/* A stack, as it is worked on. */
struct naming {
	unsigned long old[GOMEM_MEM_PROFILE_DEPTH], new[GOMEM_MEM_PROFILE_DEPTH];
	u32 old_named, new_named;
	unsigned int depth;
	char name[GOMEM_NAME_SIZE];
};

/* Does @d concern that frame? */
static bool naming_concerns(const struct naming *n, unsigned int i,
			    const struct gomem_departure *d)
{
	if (n->old_named & BIT(i))
		return d->gone && mprof_symbol_is_of((void *)n->old[i], d->module);
	return d->inside(d, n->old[i]);
}

static unsigned long naming_of(struct gomem_heap *heap, struct naming *n, unsigned int i,
			       const struct gomem_departure *d)
{
	if (d->unknown)
		return 0;
	gomem_frame_name(n->name, sizeof(n->name), n->old[i], n->old_named & BIT(i));
	if (d->gone)
		strlcat(n->name, GONE, sizeof(n->name));
	return (unsigned long)mprof_symbol(heap, n->name, d->gone);
}

/* Copy the stack of a bucket. */
static void naming_begin(struct gomem_mprof *mprof, struct naming *n, unsigned int id)
{
	unsigned long flags;

	spin_lock_irqsave(&mprof->lock, flags);
	n->depth = mprof->bucket[id].depth;
	n->old_named = mprof->bucket[id].named;
	gomem_bucket_stack(mprof, id, n->old);
	spin_unlock_irqrestore(&mprof->lock, flags);
}

/* Put the new stack in place, unless the bucket has become another's meanwhile. */
static void naming_end(struct gomem_mprof *mprof, struct naming *n, unsigned int id)
{
	size_t bytes = n->depth * sizeof(*n->old);
	unsigned long now[GOMEM_MEM_PROFILE_DEPTH], flags;

	spin_lock_irqsave(&mprof->lock, flags);
	if (mprof->bucket[id].depth == n->depth && mprof->bucket[id].named == n->old_named) {
		gomem_bucket_stack(mprof, id, now);
		if (!memcmp(now, n->old, bytes))
			gomem_bucket_set_stack(mprof, id, n->new, n->new_named);
	}
	spin_unlock_irqrestore(&mprof->lock, flags);
}

static void naming_bucket(struct gomem_heap *heap, struct naming *n, unsigned int id,
			  const struct gomem_departure *d)
{
	bool concerned = false;
	unsigned int i;

	naming_begin(heap->mprof, n, id);
	n->new_named = n->old_named;
	for (i = 0; i < n->depth; i++) {
		n->new[i] = n->old[i];
		if (!naming_concerns(n, i, d))
			continue;
		n->new[i] = naming_of(heap, n, i, d);
		n->new_named |= BIT(i);
		concerned = true;
	}
	if (concerned)
		naming_end(heap->mprof, n, id);
}

/**
 * gomem_mprof_depart() - code is about to go: keep its names
 * @heap: the heap
 * @d: which code; it does not allocate any more
 *
 * Context: process, may sleep.
 */
void gomem_mprof_depart(struct gomem_heap *heap, const struct gomem_departure *d)
{
	struct gomem_mprof *mprof = heap->mprof;
	struct naming *n;
	unsigned int id;

	/* Pairs with the release in gomem_mprof_set_rate(). */
	gomem_heap_profile_rate(heap);
	if (!READ_ONCE(mprof->bucket))
		return;
	/* It must not fail: names that are not kept would be another's. */
	n = kmalloc(sizeof(*n), GFP_KERNEL | __GFP_NOFAIL);
	down_write(&mprof->names);
	for (id = 1; id <= READ_ONCE(mprof->nr_buckets); id++) {
		naming_bucket(heap, n, id, d);
		cond_resched();
	}
	up_write(&mprof->names);
	kfree(n);
}

/**
 * gomem_symbols_destroy() - forget all names
 * @heap: the heap; nobody reads its profile any more
 */
void gomem_symbols_destroy(struct gomem_heap *heap)
{
	struct gomem_mprof *mprof = heap->mprof;
	struct gomem_symbol *symbol;
	struct hlist_node *next;
	unsigned int i;

	hash_for_each_safe(mprof->symbols, i, next, symbol, node) {
		hash_del(&symbol->node);
		gomem_meta_free(heap->meta, GOMEM_META_BUCKHASH, symbol);
	}
}
