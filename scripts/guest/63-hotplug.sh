# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# CPUs go off and come back 500 times, while all four and a timer interrupt
# allocate and free. Then memory comes that there was not, and is asked to go.
#
# vm: --smp 4 --mem 512M --dimm 512M --timeout 600
# vm: --add scripts/guest/tap:/tap
. /tap

C=/sys/devices/system/cpu

verdict() { dmesg | grep 'gomem_stress:' | tail -n 1; }

# What CPU 3 freed waits there; when it is dead, nothing does.
dead_cpu_leaves_nothing() {
	insmod /gomem_spike.ko size=1024 || return 1
	taskset 8 sh -c "for kb in 20 0; do echo \$kb >$S/live_kb; done"
	[ "$(class 1024 cached)" -gt 0 ] || { echo "nothing waited"; return 1; }
	echo 0 >"$C"/cpu3/online || return 1
	cached=$(class 1024 cached) spans=$(class 1024 spans)
	echo 1 >"$C"/cpu3/online
	rmmod gomem_spike
	echo "$cached cached, $spans spans"
	[ "$cached" = 0 ] && [ "$spans" = 0 ]
}

# What cycles took is a share of the time that there was, not of what the CPUs that are
# left would have had.
share_stays() {
	i=0
	while [ "$i" -lt 20 ]; do
		echo 1 >"$D"/gc
		i=$((i + 1))
	done
	before=$(field GCCPUFraction)
	for cpu in 1 2 3; do
		echo 0 >"$C"/cpu"$cpu"/online || return 1
	done
	after=$(field GCCPUFraction)
	for cpu in 1 2 3; do
		echo 1 >"$C"/cpu"$cpu"/online || return 1
	done
	echo "$before, then $after"
	awk -v a="$before" -v b="$after" 'BEGIN { exit !(a > 0 && b < 2 * a) }'
}

# cpus ROUNDS: one CPU after the other, off and on; equations meanwhile.
cpus() {
	i=0
	while [ "$i" -lt "$1" ]; do
		cpu=$((i % 3 + 1))
		echo 0 >"$C"/cpu"$cpu"/online || return 1
		[ $((i % 50)) != 0 ] || judge "$D"/memstats || return 1
		echo 1 >"$C"/cpu"$cpu"/online || return 1
		i=$((i + 1))
	done
}

# It lies beyond all that there was when gomem came, and gomem needs it.
memory_comes() {
	memory_offline /tmp/added || return 1
	free=$(cat "$S"/free_kb)
	sed '$d' /tmp/added >/tmp/online
	memory_online /tmp/online && live $((free + 65536)) || return 1
	judge "$D"/memstats
}

# Some goes again, which nobody has used; whoever holds idle memory returns it.
memory_goes() {
	state=$(tail -n 1 /tmp/added)
	echo online_movable >"$state" && live 0 && echo 1 >"$D"/gc || return 1
	[ "$(held)" -gt $((256 << 20)) ] || { echo "nothing is idle: $(held)"; return 1; }
	echo offline >"$state" || return 1
	[ "$(held)" -lt $((1 << 20)) ] || { echo "$(held) bytes are held"; return 1; }
}

insmod /gomem.ko scavenge_delay_ms=100 || exit 1
check "a dead CPU leaves nothing behind" dead_cpu_leaves_nothing
check "the share of cycles stays when CPUs go" share_stays
check "load" insmod /gomem_stress.ko threads=4 hz=1000 pause_us=2000
check "500 rounds of CPUs" cpus 500
check "stop" rmmod gomem_stress
echo "# $(verdict)"
check "no object was lost, none corrupt" \
	sh -c "echo '$(verdict)' | grep -q ' 0 failed, 0 corrupt'"
check "everything is free" test "$(field HeapAlloc)" = 0
check "books" books
check "the equations" judge "$D"/memstats
echo 3600000 >"$D"/scavenge_delay_ms
insmod /gomem_spike.ko size=65536
check "memory comes" memory_comes
check "books with it" books
check "memory goes" memory_goes
check "books without it" books
rmmod gomem_spike
check "rmmod" rmmod gomem
exit 0
