# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Memory comes that lies at 64 TiB, where an index over all addresses would take
# 256 MiB; what gomem holds for it may be a MiB. Then it is there when gomem comes.
#
# vm: --smp 2 --mem 512M --dimm 512M --dimm-at 0x400000000000
# vm: --add scripts/guest/tap:/tap
. /tap

# memory_comes: all of the DIMM, and it is far away.
memory_comes() {
	block=$((0x$(cat "$M"/block_size_bytes)))
	memory_offline /tmp/added || return 1
	while read -r state; do
		at=$((0x$(cat "${state%/state}"/phys_index) * block))
		[ "$at" -ge $((1 << 46)) ] || { echo "it is at $at"; return 1; }
	done </tmp/added
	memory_online /tmp/added
}

# at_most_more BYTES: since GCSys was $before.
at_most_more() {
	after=$(field GCSys)
	echo "GCSys was $before, is $after"
	[ "$after" -le $((before + $1)) ]
}

# More objects than there is room for without it, and look-ups all over it.
memory_is_used() {
	free=$(cat "$S"/free_kb)
	live $((free - 98304)) || return 1
	[ "$(cat "$S"/live_kb)" -gt $((384 << 10)) ] || { cat "$S"/live_kb; return 1; }
	judge "$D"/memstats && books || return 1
	live 0 && echo 1 >"$D"/free_os_memory || return 1
	[ "$(held)" = 0 ] || { echo "$(held) bytes are held"; return 1; }
}

check "insmod" insmod /gomem.ko
before=$(field GCSys)
check "memory comes" memory_comes
check "it takes a MiB at most" at_most_more 1048576
echo "# GCSys $before, and with memory at 64 TiB $(field GCSys)"
insmod /gomem_spike.ko
check "it is used, and given back" memory_is_used
rmmod gomem_spike
check "rmmod" rmmod gomem

check "insmod where there is such memory" insmod /gomem.ko
check "that takes no more" at_most_more 1048576
insmod /gomem_spike.ko size=20000
check "it is used there, too, and given back" memory_is_used
rmmod gomem_spike
check "books" books
check "rmmod again" rmmod gomem
exit 0
