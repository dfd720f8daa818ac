# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# A real kernel's allocations, replayed: no object is damaged, the books balance
# at the peak, and fewer pages are taken than kmalloc takes.
#
# vm: --add scripts/guest/tap:/tap
# vm: --add kunit/traces/debian-6.1-fs-net.trace.gz:/trace.gz
. /tap

gunzip -c /trace.gz >/tmp/trace || exit 1

replay() {
	insmod /gomem_replay.ko trace=/tmp/trace allocator="$1" || {
		dmesg | tail -n 3; return 1; }
}

# said ALLOCATOR WORD: the figure before WORD in what the replay logged.
said() {
	dmesg | sed -n "s/.*gomem_replay: $1: \(.* \)*\([0-9-]*\) $2.*/\2/p" | tail -n 1
}

insmod /gomem.ko || exit 1
check "replay through gomem, up to the peak" replay gomem
check "the equations at the peak" judge "$D"/memstats
check "books at the peak" books
check "8418 objects are live" test "$(field HeapObjects)" = 8418
check "the rest of the replay" rmmod gomem_replay
check "everything is free" test "$(field HeapObjects)" = 0
check "books" books
check "nothing failed, nothing corrupt" \
	sh -c "dmesg | grep -q 'gomem: all freed: .* 0 failed, 0 corrupt'"
# Again, with nothing else going on: what is held then is gomem's.
check "replay it again" replay gomem
rmmod gomem_replay
check "256 KB are held at most" test "$(said 'gomem: on demand' 'KB held')" -le 256
check "MemStats says so too" \
	test "$(held)" -le 262144
check "rmmod" rmmod gomem
insmod /gomem.ko
check "replay through kmalloc" replay kmalloc
rmmod gomem_replay
dmesg | sed -n 's/.*gomem_replay: /# /p'
check "gomem took fewer pages than kmalloc" \
	test "$(said gomem 'KB taken')" -lt "$(said kmalloc 'KB taken')"
exit 0
