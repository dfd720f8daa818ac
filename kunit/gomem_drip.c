// SPDX-License-Identifier: GPL-2.0
/*
 * A module that leaks, little by little: what a tool has to find.
 *
 *	insmod gomem_drip.ko step_ms=10
 *
 * Of five functions that allocate, four give back what they took; leak_packet()
 * keeps another 4096 bytes at every step.  rmmod frees everything.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/gomem.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/sched.h>

#define HELD	200
#define CHURNED	50

static unsigned int step_ms = 10;
module_param(step_ms, uint, 0444);
MODULE_PARM_DESC(step_ms, "milliseconds between two leaked objects");

struct packet {
	struct list_head list;
	u8 data[4096 - sizeof(struct list_head)];
};

static LIST_HEAD(packets);
static struct task_struct *thread;

/* Keeps the caller on the stack: what follows a call is not a tail call. */
static __always_inline void *from_here(void *p)
{
	barrier();
	return p;
}

static noinline void *hold_route(void)
{
	return from_here(gomem_alloc(96, GFP_KERNEL));
}

static noinline void *churn_name(void)
{
	return from_here(gomem_alloc(40, GFP_KERNEL));
}

static noinline void *churn_page(void)
{
	return from_here(gomem_alloc(4096, GFP_KERNEL));
}

static noinline void *churn_table(void)
{
	return from_here(gomem_alloc(20000, GFP_KERNEL));
}

static noinline void leak_packet(void)
{
	struct packet *packet = gomem_alloc(sizeof(*packet), GFP_KERNEL);

	if (packet)
		list_add(&packet->list, &packets);
}

static void churn(void)
{
	void *churned[CHURNED];
	unsigned int i;

	for (i = 0; i < CHURNED; i++)
		churned[i] = i % 3 == 0 ? churn_name() :
			     i % 3 == 1 ? churn_page() : churn_table();
	for (i = 0; i < CHURNED; i++)
		gomem_free(churned[i]);
}

static int work(void *unused)
{
	struct packet *packet, *next;
	void *held[HELD];
	unsigned int i;

	for (i = 0; i < HELD; i++)
		held[i] = hold_route();
	while (!kthread_should_stop()) {
		leak_packet();
		churn();
		msleep_interruptible(step_ms);
	}
	for (i = 0; i < HELD; i++)
		gomem_free(held[i]);
	list_for_each_entry_safe(packet, next, &packets, list)
		gomem_free(packet);
	return 0;
}

static int __init leak_init(void)
{
	thread = kthread_run(work, NULL, "gomem_drip");
	return PTR_ERR_OR_ZERO(thread);
}
module_init(leak_init);

static void __exit leak_exit(void)
{
	kthread_stop(thread);
}
module_exit(leak_exit);
MODULE_DESCRIPTION("Leak memory of gomem");
MODULE_LICENSE("GPL");
