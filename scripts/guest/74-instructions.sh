# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# What is large, what is atomic and what goes through everything, judged in
# instructions: no busy machine changes these, and a millisecond is a million.
#
# vm: --icount --mem 512M --append init_on_alloc=0 --timeout 600
# vm: --add scripts/guest/tap:/tap --add scripts/guest/versus:/versus
. /tap
. /versus

G=/sys/kernel/debug/gomem_gap/worst_ns

# as_before ROW: as many blocks, within three.
as_before() {
	before=$(value "$1-before" gomem) after=$(value "$1-after" gomem)
	echo "$before before, $after after"
	[ -n "$after" ] && [ "$after" -ge $((before - 3)) ]
}

# gap COMMAND...: nobody had to wait for longer than 2 ms meanwhile; who watches, ran.
gap() {
	echo 0 >"$G"
	"$@" >/dev/null || return 1
	sleep 0.01
	late=$(cat "$G")
	echo "# $late ns late" >&3
	[ "$late" -gt 0 ] && [ "$late" -le 2000000 ]
}

they_wait() {
	echo "$(class 32 cached) wait"
	is gap-objects 2000000 && [ "$(class 32 cached)" -ge 1000000 ]
}

drop_caches() { echo 2 >/proc/sys/vm/drop_caches; }
collect() { echo 1 >"$D"/gc; }
give_back() { echo 1 >"$D"/free_os_memory; }

insmod /gomem.ko || exit 1
check "what 79-many-cpus compares with" run gomem_statscost
for row in memstats-cost gc-cost mcache-sys possible-cpus; do
	echo "$row $(value $row gomem)"
done >/out/statscost

check "large objects come and go" run gomem_churn
for row in churn-any churn-exact; do
	check "kmalloc has memory for them, $row" is $row-failed 0 kmalloc
	check "so has gomem" is $row-failed 0
	check "at twice the cost at most" factor 2 $row-cost
	check "order 9 is left as it was" as_before $row-order-9
	check "order 10 too" as_before $row-order-10
done

check "what is held for large objects" run gomem_stairs
check "size after size: 1.25 times as much as by kmalloc" factor 1.25 stairs-peak-kb
check "random sizes: no more than by kmalloc" factor 1 random-peak-kb

check "atomic allocations" run gomem_latency
for size in 64 256 1536 4096 8192 20000 32768; do
	check "the worst of $size bytes: 10000 instructions" at_most 10000 atomic-alloc-$size
	check "its free: not much above kmalloc's" factor 1 atomic-free-$size 10000
	check "none failed" is atomic-failed-$size 0
done
check "a free of 4 MiB: twice kmalloc's" factor 2 large-free-4194304
check "of eight that there were" is large-failed-4194304 0
check "as of kmalloc's" is large-failed-4194304 0 kmalloc

echo 1 >"$D"/free_os_memory
check "the watch" insmod /gomem_gap.ko objects=0
check "no gap in the kernel's own reclaim" gap drop_caches
rmmod gomem_gap
for what in drop_caches collect give_back; do
	check "2 million objects" insmod /gomem_gap.ko
	check "wait in caches" they_wait
	check "no gap in $what" gap $what
	rmmod gomem_gap
done
check "3 million objects live" insmod /gomem_gap.ko objects=3000000 live=1
check "all of them" is gap-objects 3000000
for file in check sites blocks classes memstats heap; do
	check "no gap in $file" gap cat "$D"/$file
done
check "nor in a cycle" gap collect
rmmod gomem_gap
check "60000 pages of freed objects are referred to" \
	insmod /gomem_gap.ko objects=60000 size=4096 held=1
check "no gap where they are found" gap collect
check "they are held" test "$(field PagesHeld)" -ge 50000
check "no gap where they are looked at again" gap collect
rmmod gomem_gap
check "they go back when they are let go" give_back
check "no page is held" test "$(field PagesHeld)" = 0
check "the equations" judge "$D"/memstats
check "books" books
check "rmmod" rmmod gomem
exit 0
