/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Magazines: what CPUs and depots exchange objects in.
 */
#ifndef GOMEM_MAGAZINE_H
#define GOMEM_MAGAZINE_H

#include <linux/rcupdate.h>
#include <linux/stddef.h>
#include <linux/types.h>

/*
 * gomem_magazine - a stack of object pointers
 *
 * Owned by one mcache or by one depot.  The word before obj[0] is NULL whenever
 * an mcache has it, so that the fast path reads the object on top without
 * knowing how many there are, and NULL says that there is none.  @nr is out of
 * date while the magazine is the loaded one, whose top is in the mcache.  @cap is
 * what the owner wants it to hold, @room what it can hold.  Magazines come in
 * powers of two of bytes, so that a class that is rarely used has small ones.
 */
struct gomem_magazine {
	u32 nr;
	u16 cap;
	u16 room;
	struct gomem_magazine *next;	/* depot only, otherwise NULL */
	union {
		DECLARE_FLEX_ARRAY(void *, obj);
		struct rcu_head rcu;	/* when it is freed, empty */
	};
};

#define GOMEM_MAGAZINE_WORDS	(offsetof(struct gomem_magazine, obj) / \
				 sizeof(void *))

static inline size_t gomem_magazine_bytes(unsigned int room)
{
	return (GOMEM_MAGAZINE_WORDS + room) * sizeof(void *);
}

/* Stands for "no magazine": nothing to take, no room.  Never written. */
extern struct gomem_magazine gomem_no_magazine;

#endif /* GOMEM_MAGAZINE_H */
