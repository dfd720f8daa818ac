# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Memory that serves wherever kmalloc's does: for disks, for devices that reach
# only some of it, on machines whose modules have much per-CPU data.  There is
# memory that GFP_DMA32 must not get.
#
# vm: --mem 5G --append init_on_alloc=0 --stock brd
# vm: --add scripts/guest/tap:/tap --add scripts/guest/versus:/versus
. /tap
. /versus

loads_beside() {
	insmod /gomem_percpu.ko || return 1
	insmod /gomem.ko && return
	rmmod gomem_percpu
	return 1
}

check "gomem loads beside 3400 bytes of per-CPU data" loads_beside
[ -e "$D" ] || insmod /gomem.ko || exit 1

insmod /brd.ko rd_nr=1 rd_size=4096
check "whole sectors" run gomem_sectors
for size in 512 1024 1536 2048 2560 3072 3584 4608 5120 6656 10240 33280; do
	check "a disk's data in $size bytes" is sectors-wrong-$size 0
done

check "all sizes" run gomem_aligned
for how in alloc node bulk zalloc realloc; do
	check "each was tried, $how" test "$(value aligned-tried-$how gomem)" -gt 8000
	check "each is aligned, $how" is aligned-wrong-$how 0
done

check "zones" run gomem_zones
for zone in dma dma32; do
	check "3000 objects of $zone" is $zone-served 3000
	check "all of them are from there" is $zone-elsewhere 0
	check "in at most 1 MB" at_most 1024 $zone-kb
	check "and not in none" test "$(value $zone-kb gomem)" -gt 0
done
check "everything is free" test "$(field HeapAlloc)" = 0
check "the equations" judge "$D"/memstats
check "books" books
rmmod gomem_percpu 2>/dev/null
check "rmmod" rmmod gomem
exit 0
