/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Magazines that wait at an mcentral; mm/depot.c.
 */
#ifndef GOMEM_DEPOT_H
#define GOMEM_DEPOT_H

#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/types.h>

#include "central.h"
#include "magazine.h"

/* How many objects of a bulk request are moved under one hold of the lock. */
#define GOMEM_DEPOT_MOST	512U

/* For how long others may do without what they have before it is taken, in jiffies. */
#define GOMEM_LOOK_INTERVAL	msecs_to_jiffies(10)

/* The list of full magazines that are for whoever comes. */
#define GOMEM_DEPOT_ANYBODY	0U

/* And the one of those that @cpu brings and takes; it may share it with others. */
static inline unsigned int gomem_depot_list(unsigned int cpu)
{
	return 1 + cpu % (GOMEM_DEPOT_LISTS - 1);
}

struct gomem_magazine *gomem_depot_refill(struct gomem_mcentral *central,
					  unsigned int list,
					  struct gomem_magazine *mag,
					  unsigned int want, gfp_t gfp,
					  void **single);
struct gomem_magazine *gomem_depot_store(struct gomem_mcentral *central,
					 unsigned int list,
					 struct gomem_magazine *full,
					 unsigned int want);
void gomem_depot_spare(struct gomem_mcentral *central,
		       struct gomem_magazine *mag);
unsigned int gomem_depot_take(struct gomem_mcentral *central, unsigned int list,
			      void **objs, unsigned int nr);
unsigned int gomem_depot_give(struct gomem_mcentral *central, void **objs,
			      unsigned int nr);
unsigned int gomem_depot_drain(struct gomem_mcentral *central, unsigned int nr);
unsigned int gomem_depot_drain_objects(struct gomem_mcentral *central, unsigned int nr);
unsigned int gomem_depot_drain_idle(struct gomem_mcentral *central, unsigned int list,
				    bool others, unsigned int nr);
void gomem_depot_trim(struct gomem_mcentral *central);
void gomem_depot_shed(struct gomem_mcentral *central);
void gomem_depot_destroy(struct gomem_mcentral *central);

#endif /* GOMEM_DEPOT_H */
