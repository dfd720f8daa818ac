# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Memory that has become idle goes back by itself, of objects of every size, on a
# machine where nothing else happens; and then gomem has nothing to do, and does
# nothing.
#
# vm: --mem 1G --one-thread --add scripts/guest/tap:/tap
. /tap

S=/sys/kernel/debug/gomem_spike
T=/sys/kernel/tracing

live() { echo "$1" >"$S"/live_kb; }

held() {
	cat "$D"/memstats >/tmp/m
	echo $((($(field HeapSys /tmp/m) - $(field HeapReleased /tmp/m)) >> 10))
}

# looks SECONDS: how often the worker of gomem's was called meanwhile.
looks() {
	echo >"$T"/trace
	sleep "$1"
	grep -c reclaim_look_work "$T"/trace
}

# back MOST_KB: held is no more, before the delay of five seconds is over.
back() {
	start=$(cut -d . -f 1 /proc/uptime)
	while [ "$(held)" -gt "$1" ]; do
		sleep 0.1
		[ $(($(cut -d . -f 1 /proc/uptime) - start)) -lt 4 ] ||
			{ echo "$(held) KB held"; return 1; }
	done
}

quiet() {
	n=$(looks "$1")
	echo "$n looks in $1 s"
	[ "$n" -eq 0 ]
}

insmod /gomem.ko || exit 1
echo 1 >"$T"/events/workqueue/workqueue_execute_start/enable
sleep 2
check "nobody has used it: nobody looks" quiet 10
for size in 64 4096 60000 200000; do
	insmod /gomem_spike.ko size=$size
	check "32 MiB of $size bytes" live 32768
	sleep 7
	check "they are held" test "$(held)" -ge 32768
	live 0
	check "and go back when they are freed" back 2048
	echo "# $(held) KB held"
	rmmod gomem_spike
	# The next one is no second wave.
	sleep 6
done
# What is left is what the last ones have in caches: two minutes.
insmod /gomem_spike.ko size=100000
check "32 MiB live" live 32768
echo 1 >"$D"/free_os_memory
sleep 8
check "nothing moves: nobody looks" quiet 10
rmmod gomem_spike
check "books" books
check "rmmod" rmmod gomem
exit 0
