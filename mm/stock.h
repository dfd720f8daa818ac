/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Descriptors that are made ahead; mm/stock.c.
 */
#ifndef GOMEM_STOCK_H
#define GOMEM_STOCK_H

#include <linux/gfp.h>
#include <linux/irq_work.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define GOMEM_STOCK_MOST	8

struct gomem_stock {
	void *(*make)(gfp_t gfp);
	void (*unmake)(const void *item);
	size_t (*size)(const void *item);
	unsigned int most;		/* to have ready */
	struct irq_work work;
	spinlock_t lock;		/* what follows */
	unsigned int nr;
	void *item[GOMEM_STOCK_MOST];
};

void gomem_stock_init(struct gomem_stock *stock, void *(*make)(gfp_t gfp),
		      void (*unmake)(const void *item),
		      size_t (*size)(const void *item), unsigned int most);
void gomem_stock_exit(struct gomem_stock *stock);
void *gomem_stock_take(struct gomem_stock *stock, gfp_t gfp);
size_t gomem_stock_bytes(void);

#endif /* GOMEM_STOCK_H */
