# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# CPUs that are not as others: one on which a task spins that nothing displaces, and
# one that comes up for the first time when gomem has long been there.
#
# vm: --smp 4 --append maxcpus=3 --program chrt:util-linux
# vm: --add scripts/guest/tap:/tap
. /tap

C=/sys/devices/system/cpu

# on MASK: allocate and free on these CPUs, so that objects wait there.
on() { taskset "$1" sh -c "for kb in 20 0; do echo \$kb >$S/live_kb || exit 1; done"; }

# within SECONDS COMMAND: it ends by then.
within() {
	seconds=$1
	shift
	timeout "$seconds" sh -c "$*"
}

spins() {
	for _ in 1 2 3 4 5; do
		[ ! -e /tmp/spins ] || return 0
		sleep 1
	done
	return 1
}

# Time enough on any machine, for what only must not take for ever.
LONG=60

# The script itself stays out of the spinning task's way.
taskset -p 1 $$ >/dev/null
insmod /gomem.ko mem_profile_rate=0 scavenge_delay_ms=3600000 || exit 1
insmod /gomem_spike.ko size=1024
mcaches=$(field MCacheInuse)
check "three CPUs are there" test "$(cat "$C"/online)" = 0-2
check "use gomem on CPU 1" on 2
check "objects wait there" test "$(class 1024 cached)" -gt 0
sysctl -q -w kernel.sched_rt_runtime_us=-1
# What the kernel itself has to do there is done: softirqs may have been left to a thread,
# and where they are, no grace period ends and no CPU goes off, with or without gomem.
for pid in $(pidof ksoftirqd/1 rcu_preempt); do
	chrt -f -p 99 "$pid" >/dev/null || exit 1
done
taskset 2 chrt -f 98 sh -c 'echo >/tmp/spins; while :; do :; done' &
spinner=$!
check "a task spins there" spins
check "a cycle ends" within $LONG "echo 1 >$D/gc"
check "nothing waits any more" test "$(class 1024 cached)" = 0
check "the profile's rate changes" within $LONG "echo 4096 >$D/mem_profile_rate"
check "CPU 2 goes off" within $LONG "echo 0 >$C/cpu2/online"
check "a cycle ends" within $LONG "echo 1 >$D/gc"
check "CPU 2 comes back" within $LONG "echo 1 >$C/cpu2/online"
kill "$spinner"
sysctl -q -w kernel.sched_rt_runtime_us=950000
check "use gomem on CPU 1 again" on 2
check "books" books

echo 0 >"$D"/mem_profile_rate
echo 1 >"$D"/free_os_memory
before=$(field MCacheSys)
check "CPU 3 comes up" within $LONG "echo 1 >$C/cpu3/online"
check "it has a cache of its own" \
	test $((($(field MCacheSys) - before) * 3)) = "$mcaches"
check "use gomem there" on 8
check "objects wait there" test "$(class 1024 cached)" -gt 0
check "CPU 3 goes off" within $LONG "echo 0 >$C/cpu3/online"
check "nothing waits any more" test "$(class 1024 cached)" = 0
check "it keeps its cache" test "$(field MCacheInuse)" -ge $((mcaches * 4 / 3))
check "books" books
check "the equations" judge "$D"/memstats
rmmod gomem_spike
check "rmmod" rmmod gomem
exit 0
