// SPDX-License-Identifier: GPL-2.0
/*
 * A stock of descriptors, for who may not sleep.
 *
 * When the heap grows it needs pages, and memory for what describes them.  Each of
 * these is a request to the kernel that is now and then a slow one: a list of free
 * pages is refilled, a slab is made.  For an object of up to 64 KiB, an atomic caller is
 * to meet at most one such request, the one for its pages.  So it takes its
 * descriptor out of a stock, and an interrupt to self (irq_work) makes a new one as soon
 * as interrupts are on again; one at a time, so that this is no long one.  Who finds the
 * stock empty, and who can be preempted, has a descriptor made.
 */
#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/preempt.h>

#include "stock.h"

static atomic_long_t stock_bytes;

/* True if there is room for more. */
static bool stock_add(struct gomem_stock *stock, void *item)
{
	bool added, more;
	unsigned long flags;

	spin_lock_irqsave(&stock->lock, flags);
	added = stock->nr < stock->most;
	if (added) {
		stock->item[stock->nr] = item;
		WRITE_ONCE(stock->nr, stock->nr + 1);
		atomic_long_add(stock->size(item), &stock_bytes);
	}
	more = stock->nr < stock->most;
	spin_unlock_irqrestore(&stock->lock, flags);
	if (!added)
		stock->unmake(item);
	return more;
}

static void *stock_remove(struct gomem_stock *stock)
{
	unsigned long flags;
	void *item = NULL;

	spin_lock_irqsave(&stock->lock, flags);
	if (stock->nr) {
		WRITE_ONCE(stock->nr, stock->nr - 1);
		item = stock->item[stock->nr];
		atomic_long_sub(stock->size(item), &stock_bytes);
	}
	spin_unlock_irqrestore(&stock->lock, flags);
	return item;
}

/* Make one more.  Where there is no memory for it, the next caller asks again. */
static void stock_work(struct irq_work *work)
{
	struct gomem_stock *stock = container_of(work, struct gomem_stock, work);
	void *item;

	if (READ_ONCE(stock->nr) >= stock->most)
		return;
	item = stock->make(__GFP_NOWARN | __GFP_NOMEMALLOC);
	if (item && stock_add(stock, item))
		irq_work_queue(work);
}

/**
 * gomem_stock_take() - a descriptor
 * @stock: of which kind
 * @gfp: from gomem_meta_gfp()
 *
 * Context: as @gfp says, no gomem lock held.
 * Return: what @stock's make() returns, or NULL if there is no memory.
 */
void *gomem_stock_take(struct gomem_stock *stock, gfp_t gfp)
{
	void *item = NULL;

	/* Many ask without effort who have the time, if it can be known. */
	if (!gfpflags_allow_blocking(gfp) && !preemptible()) {
		item = stock_remove(stock);
		irq_work_queue(&stock->work);
	}
	return item ? item : stock->make(gfp);
}

/**
 * gomem_stock_bytes() - what all stocks hold
 *
 * Return: bytes.
 */
size_t gomem_stock_bytes(void)
{
	return atomic_long_read(&stock_bytes);
}

/**
 * gomem_stock_init() - a stock, filled
 * @stock: the stock
 * @make: makes one, as its flags say, or returns NULL
 * @unmake: frees one
 * @size: what one takes, bytes
 * @most: how many to have ready, at most GOMEM_STOCK_MOST
 *
 * If memory is short it is filled later.
 *
 * Context: process, may sleep.
 */
void gomem_stock_init(struct gomem_stock *stock, void *(*make)(gfp_t gfp),
		      void (*unmake)(const void *item),
		      size_t (*size)(const void *item), unsigned int most)
{
	void *item;

	spin_lock_init(&stock->lock);
	init_irq_work(&stock->work, stock_work);
	stock->make = make;
	stock->unmake = unmake;
	stock->size = size;
	stock->most = most;
	stock->nr = 0;
	do {
		item = make(GFP_KERNEL);
	} while (item && stock_add(stock, item));
}

/**
 * gomem_stock_exit() - free what is in it
 * @stock: the stock; nobody takes from it any more
 *
 * Context: process, may sleep.
 */
void gomem_stock_exit(struct gomem_stock *stock)
{
	void *item;

	irq_work_sync(&stock->work);
	while ((item = stock_remove(stock)))
		stock->unmake(item);
}
