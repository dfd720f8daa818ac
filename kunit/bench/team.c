// SPDX-License-Identifier: GPL-2.0
/*
 * A team: one thread on each of several CPUs, started together.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/kthread.h>

#include "bench.h"

struct team {
	atomic_t missing;		/* members that are not ready yet */
	atomic_t working;
	struct completion done;
};

struct recruit {
	struct team *team;
	struct bench_member *member;
};

static int team_thread(void *data)
{
	struct recruit *recruit = data;
	struct bench_member *member = recruit->member;
	struct team *team = recruit->team;

	atomic_dec(&team->missing);
	while (atomic_read(&team->missing))
		cpu_relax();
	member->start = bench_cycles();
	member->work(member->data);
	member->end = bench_cycles();
	if (atomic_dec_and_test(&team->working))
		complete(&team->done);
	return 0;
}

#define MAX_TEAM	2

/**
 * bench_team() - have members work at the same time, each on its CPU
 * @member: what each is to do, and when it did
 * @nr: how many, at most two
 *
 * Return: 0, or an error if a thread could not be made.
 */
int bench_team(struct bench_member *member, unsigned int nr)
{
	struct team team = { .missing = ATOMIC_INIT(nr),
			     .working = ATOMIC_INIT(nr) };
	struct task_struct *task[MAX_TEAM];
	struct recruit recruit[MAX_TEAM];
	unsigned int i;

	init_completion(&team.done);
	for (i = 0; i < nr; i++) {
		recruit[i] = (struct recruit) { &team, &member[i] };
		task[i] = kthread_create(team_thread, &recruit[i],
					 "gomem_bench/%d", member[i].cpu);
		if (IS_ERR(task[i])) {
			while (i--)
				kthread_stop(task[i]);
			return -ENOMEM;
		}
		kthread_bind(task[i], member[i].cpu);
	}
	for (i = 0; i < nr; i++)
		wake_up_process(task[i]);
	wait_for_completion(&team.done);
	return 0;
}

/**
 * bench_two_cpus() - two CPUs that are online
 * @first: one
 * @second: the other
 *
 * Return: false if there is one only.
 */
bool bench_two_cpus(int *first, int *second)
{
	*first = cpumask_first(cpu_online_mask);
	*second = cpumask_next(*first, cpu_online_mask);
	return *second < nr_cpu_ids;
}
