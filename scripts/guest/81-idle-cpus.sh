# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Loaded and never used, gomem wakes nobody, on several CPUs.  Whatever it has one of
# them do, by a work, a timer, or an interrupt to another CPU or the same one, begins or
# ends in a function of gomem's: that none of them runs is what is looked at.
#
# vm: --smp 4 --one-thread --add scripts/guest/tap:/tap
. /tap

T=/sys/kernel/tracing

# ran COMMAND...: which functions of gomem's did meanwhile, a line each in /tmp/ran.
ran() {
	echo >"$T"/trace
	echo 1 >"$T"/tracing_on
	"$@"
	ret=$?
	echo 0 >"$T"/tracing_on
	grep -v '^#' "$T"/trace >/tmp/ran
	return "$ret"
}

nothing_for() {
	ran sleep "$1"
	head -n 10 /tmp/ran
	! [ -s /tmp/ran ]
}

# Until the worker has looked; it is called once half a second has passed, or before.
use() {
	insmod /gomem_spike.ko size=1024 && live 8192 && live 0 &&
		echo 1 >"$D"/gc || return 1
	i=0
	while ! grep -q ' reclaim_look_work <-' "$T"/trace && [ "$i" -lt 60 ]; do
		sleep 1
		i=$((i + 1))
	done
}

# So that one would see it: the worker, how it is called, and interrupts on other CPUs.
seen_when_used() {
	ran use || return 1
	for f in reclaim_look_work gc_detach_here; do
		grep -q " $f <-" /tmp/ran || { echo "no $f"; return 1; }
	done
	grep -q ' reclaim_stir <-\| reclaim_kick <-' /tmp/ran || { echo "no call"; return 1; }
}

insmod /gomem.ko || exit 1
echo ':mod:gomem' >"$T"/set_ftrace_filter || exit 1
echo function >"$T"/current_tracer || exit 1
# It looks once, when it is loaded.
sleep 2
check "four CPUs" test "$(nproc)" = 4
check "nothing in half a minute, never used" nothing_for 30
check "something when it is used" seen_when_used
echo nop >"$T"/current_tracer
rmmod gomem_spike
check "books" books
check "rmmod" rmmod gomem
exit 0
