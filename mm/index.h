/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The array that leads from an address to its arena; mm/index.c.
 */
#ifndef GOMEM_INDEX_H
#define GOMEM_INDEX_H

#include <linux/types.h>

struct gomem_index;

/* Memory: page frames from @start to before @end. */
struct gomem_pfns {
	unsigned long start, end;
};

/* All of it, from below to above. */
struct gomem_memory {
	struct gomem_pfns *range;
	unsigned int nr, room;
};

struct gomem_index *gomem_index_make(const struct gomem_memory *memory,
				     const struct gomem_index *old);
void gomem_index_copy(struct gomem_index *index, const struct gomem_index *old);
void gomem_index_free(struct gomem_index *index);
bool gomem_index_covers(const struct gomem_index *index, unsigned long first,
			unsigned long last);
unsigned long gomem_index_next(const struct gomem_index *index, unsigned long i);
int gomem_memory_add(struct gomem_memory *memory, unsigned long start,
		     unsigned long end);
void gomem_memory_widen(struct gomem_pfns *pfns);
int gomem_memory_find(struct gomem_memory *memory);

#endif /* GOMEM_INDEX_H */
