# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Reclaim cycles take a CPU's cache away quickly, and delay an allocation in an
# interrupt by no more than any other use of gomem may. Time is instructions here, so
# nothing else delays it either.
#
# vm: --icount --append init_on_alloc=0 --add scripts/guest/tap:/tap
. /tap

# longest FIELD: the greatest number of a ring.
longest() { awk -v name="$1" '$1 == name { for (i = 2; i <= NF; i++) if ($i > m) m = $i }
	END { print m + 0 }' "$D"/memstats; }

said() { dmesg | sed -n "s/.*gomem_pause: .*$1 \([0-9]*\).*/\1/p" | tail -n 1; }

insmod /gomem.ko || exit 1
check "cycles and interrupts" insmod /gomem_pause.ko
echo "# $(dmesg | sed -n 's/.*gomem_pause: //p'), longest pause $(longest PauseNs)"
check "there were interrupts within cycles" test "$(said interrupts)" -ge 20
check "none went without memory" test "$(said failed)" = 0
check "there were cycles, three runs of 20" test "$(field NumForcedGC)" -ge 60
check "no pause was longer than 3000" test "$(longest PauseNs)" -le 3000
check "no delay was longer by more than 10000" \
	test "$(said with)" -le $(($(said without) + 10000))
check "the equations" judge "$D"/memstats
check "books" books
rmmod gomem_pause
check "rmmod" rmmod gomem
exit 0
