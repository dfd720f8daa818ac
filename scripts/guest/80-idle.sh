# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Left alone: gomem does nothing on a machine that does not use it, and what has
# become idle goes back by itself, of objects of every size.  Time is instructions
# here, so that two minutes of nothing take no time, and two seconds are two seconds on
# any machine.
#
# vm: --icount --append init_on_alloc=0 --add scripts/guest/tap:/tap
# vm: --add kunit/traces/debian-6.1-fs-net.trace.gz:/trace.gz
. /tap

exec 3>&1	# beside what check keeps for failures
T=/sys/kernel/tracing
EVENTS="workqueue/workqueue_queue_work workqueue/workqueue_execute_start
	timer/timer_start timer/timer_expire_entry timer/hrtimer_expire_entry"

# ours SECONDS: what gomem did meanwhile, in works and timers.
ours() {
	echo >"$T"/trace
	echo 1 >"$T"/tracing_on
	sleep "$1"
	echo 0 >"$T"/tracing_on
	grep 'function=[^ ]* \[gomem\]\|function [^ ]* \[gomem\]' "$T"/trace >/tmp/ours
	wc -l </tmp/ours
}

# at_most N SECONDS
at_most() {
	n=$(ours "$2")
	echo "# $n works and timers of gomem's in $2 s" >&3
	head -n 5 /tmp/ours
	[ "$n" -le "$1" ]
}

held_kb() {
	cat "$D"/memstats >/tmp/m
	echo $(($(held /tmp/m) >> 10))
}

# back MOST_KB: held is no more, before the delay of five seconds is over.
back() {
	start=$(cut -d . -f 1 /proc/uptime)
	while [ "$(held_kb)" -gt "$1" ]; do
		sleep 0.1
		[ $(($(cut -d . -f 1 /proc/uptime) - start)) -lt 4 ] ||
			{ echo "$(held_kb) KB held"; return 1; }
	done
}

# So that one would see it.
something() {
	insmod /gomem_spike.ko size=1024 || return 1
	live 20480
	live 0
	rmmod gomem_spike
	n=$(ours 30)
	echo "# $n works and timers of gomem's while 20 MB went back" >&3
	[ "$n" -gt 0 ]
}

replay() {
	insmod /gomem_replay.ko trace=/tmp/trace allocator="$1" && rmmod gomem_replay
}

# later ALLOCATOR: KB held two seconds after all was freed.
later() {
	dmesg | sed -n "s/.*gomem_replay: $1: 2 seconds later: \([0-9-]*\) KB held/\1/p" |
		tail -n 1
}

gunzip -c /trace.gz >/tmp/trace || exit 1
for event in $EVENTS; do
	echo 1 >"$T"/events/"$event"/enable || exit 1
done
insmod /gomem.ko || exit 1
check "nothing in two minutes, never used" at_most 0 130
check "something when it was used" something
sleep 150
# There may be a cycle every two minutes, as in Go.
check "hardly anything in two minutes, long after" at_most 12 130

for size in 64 4096 60000 200000; do
	insmod /gomem_spike.ko size=$size
	check "32 MiB of $size bytes" live 32768
	sleep 7
	check "they are held" test "$(held_kb)" -ge 32768
	live 0
	check "and go back when they are freed" back 2048
	echo "# $(held_kb) KB held"
	rmmod gomem_spike
	# The next one is no second wave.
	sleep 6
done
# What is left is what the last ones have in caches: two minutes.
insmod /gomem_spike.ko size=100000
check "32 MiB live" live 32768
echo 1 >"$D"/free_os_memory
sleep 8
check "nothing while nothing moves" at_most 0 10
rmmod gomem_spike
for event in $EVENTS; do
	echo 0 >"$T"/events/"$event"/enable
done
echo >"$T"/trace

# As if nothing had been before.
check "unloaded, and loaded" sh -c "rmmod gomem && insmod /gomem.ko"
check "a trace, through kmalloc" replay kmalloc
check "through gomem" replay gomem
dmesg | sed -n 's/.*gomem_replay: /# /p'
check "two seconds later 2 MB are held at most" test "$(later gomem)" -le 2048
check "the equations" judge "$D"/memstats
check "books" books
check "rmmod" rmmod gomem
exit 0
