# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Two nodes: each has a page heap of its own, objects that are freed on the other
# node go home, and who names a node is counted as anybody else.
#
# vm: --numa --add scripts/guest/tap:/tap
. /tap

verdict() { dmesg | grep 'gomem_stress:' | tail -n 1; }

# Which nodes the blocks are on, each once.
nodes() { awk '$2 ~ /^[0-9]+$/ { print $2 }' "$D"/blocks | sort -u | tr '\n' ' '; }

# Free the other CPU's objects, from whatever node they are.
churn() {
	insmod /gomem_stress.ko threads=4 hz=1000 by_node=32 || return 1
	for _ in 1 2 3 4 5; do
		sleep 1
		judge "$D"/memstats || return 1
	done
	nodes >/tmp/nodes
	rmmod gomem_stress
}

check "there are two nodes" test -d /sys/devices/system/node/node1
insmod /gomem.ko || exit 1
check "load" churn
echo "# $(verdict)"
echo "# blocks are on nodes $(cat /tmp/nodes)"
check "both nodes have blocks" test "$(cat /tmp/nodes)" = "0 1 "
check "no object was lost, none corrupt" \
	sh -c "echo '$(verdict)' | grep -q ' 0 failed, 0 corrupt'"
check "what cannot be charged was counted" \
	test "$(verdict | sed 's/.* \([0-9]*\) by node$/\1/')" = "$(field AccountIgnored)"
check "everything is free" test "$(field HeapAlloc)" = 0
check "books" books
check "the equations" judge "$D"/memstats
check "rmmod" rmmod gomem
exit 0
