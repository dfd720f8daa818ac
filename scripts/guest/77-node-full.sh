# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# The node of the CPU is full, so that all comes from the other one: that is as
# cheap, in instructions.  And who names the other node shares its pages.
#
# vm: --icount --numa --mem 512M --append init_on_alloc=0
# vm: --add scripts/guest/tap:/tap --add scripts/guest/versus:/versus
. /tap
. /versus

# cheap WHAT WHEN SIZE: at most 1.2 times what it is with room.
cheap() {
	awk -v room="$(value "$1-room-$3" gomem)" -v now="$(value "$1-$2-$3" gomem)" '
		BEGIN { print "with room " room ", now " now
			exit !(room > 0 && now > 0 && now <= 1.2 * room) }'
}

check "there are two nodes" test -d /sys/devices/system/node/node1
insmod /gomem.ko mem_profile_rate=0 || exit 1
check "a full node" run gomem_nodefull
for size in 80 768; do
	check "memory is from the node, $size bytes" is pair-room-node-$size 0
	check "when that is full, from the other one" is pair-full-node-$size 1
	for when in full afterwards; do
		check "a pair is as cheap, $when" cheap pair $when $size
		check "and hardly any is looked up" at_most 200 lookups-$when-$size
	done
done

check "a batch is as cheap" cheap batch full 96
check "and no more than kmalloc's" factor 1.2 batch-full-96
check "the next one, too" cheap batch again 96

check "the other node" run gomem_zones
for who in gomem kmalloc; do
	check "5000 objects, $who" is node-served 5000 $who
	check "all of them are from there" is node-elsewhere 0 $who
	check "in at most 1 MB" at_most 1024 node-kb $who
	check "and not in none" test "$(value node-kb $who)" -gt 0
done
check "everything is free" test "$(field HeapAlloc)" = 0
check "the equations" judge "$D"/memstats
check "books" books
check "rmmod" rmmod gomem
exit 0
