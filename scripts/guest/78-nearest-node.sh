# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# CPU 2 is on a node without memory, near to node 1 and far from node 0: memory
# is from where kmalloc has it, also for who names a node, and for tasks that are
# bound to one. When the node gets memory, it is from there.
#
# vm: --memoryless --dimm 512M --program numactl
# vm: --add scripts/guest/tap:/tap --add scripts/guest/versus:/versus
. /tap
. /versus

# alike ROW: from the same node as kmalloc's.
alike() {
	g=$(value "$1" gomem) k=$(value "$1" kmalloc)
	echo "gomem $g, kmalloc $k"
	[ -n "$g" ] && [ "$g" = "$k" ]
}

# Of 3000 objects: some may be where there was room on pages begun already.
about() {
	g=$(value "$1" gomem) k=$(value "$1" kmalloc)
	echo "gomem $g, kmalloc $k"
	[ -n "$g" ] && [ -n "$k" ] && [ $((g - k)) -le 300 ] && [ $((k - g)) -le 300 ]
}

bound() {
	numactl "$@" insmod /gomem_nearest.ko here=1 name=bound || return 1
	rmmod gomem_nearest
	dmesg | tail -n 6 | sed -n 's/.*gomem_nearest: /# /p' >&3
}

memory_comes() {
	memory_offline /tmp/added && memory_online /tmp/added || return 1
	grep MemTotal /sys/devices/system/node/node2/meminfo
	! grep -q 'MemTotal: *0 kB' /sys/devices/system/node/node2/meminfo
}

check "node 2 has a CPU" test -d /sys/devices/system/node/node2/cpu2
check "and no memory" grep -q 'MemTotal: *0 kB' /sys/devices/system/node/node2/meminfo
insmod /gomem.ko || exit 1
check "on each CPU" run gomem_nearest
check "kmalloc uses the nearest node" test "$(value cpu-2-on-node-1 kmalloc)" -ge 2700
for cpu in 0 1 2; do
	for node in 0 1; do
		check "CPU $cpu: as many objects on node $node" about cpu-$cpu-on-node-$node
	done
	for node in 0 1 2; do
		check "CPU $cpu names node $node" alike cpu-$cpu-of-node-$node
		check "and takes no other" alike cpu-$cpu-of-this-$node
	done
done
for policy in --membind=0 --membind=1 --preferred=1; do
	check "a task with $policy, on CPU 0" bound --physcpubind=0 $policy
	for node in 0 1; do
		check "as many objects on node $node" about bound-0-on-node-$node
	done
done
# How many are on which depends on what is taken at a time.
check "a task with --interleave=0,1" bound --physcpubind=0 --interleave=0,1
for node in 0 1; do
	check "some are on node $node" test "$(value bound-0-on-node-$node gomem)" -ge 300
done

dmesg -c >/dev/null
echo 1 >"$D"/free_os_memory
check "node 2 gets memory" memory_comes
sleep 1
check "on each CPU" run gomem_nearest
for cpu in 0 1 2; do
	for node in 0 1 2; do
		check "CPU $cpu: as many objects on node $node" about cpu-$cpu-on-node-$node
		check "CPU $cpu names node $node" alike cpu-$cpu-of-node-$node
		check "and takes no other" alike cpu-$cpu-of-this-$node
	done
done
check "CPU 2 has its own" test "$(value cpu-2-on-node-2 gomem)" -ge 2700
check "everything is free" test "$(field HeapAlloc)" = 0
check "the equations" judge "$D"/memstats
check "books" books
check "rmmod" rmmod gomem
exit 0
