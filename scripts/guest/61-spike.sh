# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# A spike to 512 MiB that is freed to a tenth: what is idle goes back by itself, not at
# once, and not much later than the scavenger's delay.  Time is instructions here, so
# seconds are seconds on any machine.
#
# vm: --icount --mem 1G --add scripts/guest/tap:/tap
. /tap

# within SECONDS: held is at most 1.10 times HeapInuse plus 4 MiB before then, and what
# was freed does not count as in use any more because it waits for its next use.
within() {
	end=$(($(date +%s) + $1))
	while :; do
		cat "$D"/memstats >/tmp/m
		inuse=$(field HeapInuse /tmp/m)
		if [ "$inuse" -le $((top / 2)) ] &&
		   [ "$(held /tmp/m)" -le $((inuse * 11 / 10 + (4 << 20))) ]; then
			break
		fi
		[ "$(date +%s)" -lt "$end" ] || { echo "held $(held /tmp/m), in use $inuse"; return 1; }
		sleep 1
	done
}

insmod /gomem.ko || exit 1
insmod /gomem_spike.ko
check "to 512 MiB" live 524288
check "they are there" test "$(field HeapAlloc)" -ge $((512 << 20))
check "cycles went on meanwhile" test "$(field NumGC)" -ge 3
check "the equations at the top" judge "$D"/memstats
top=$(held "$D"/memstats)
free=$(cat "$S"/free_kb)
check "to a tenth" live 52428
cat "$D"/memstats >/tmp/m
check "nothing is given back at once" test "$(held /tmp/m)" -ge $((top / 2))
check "it is within the delay and 5 s" within 10
echo "# held $(held /tmp/m), in use $(field HeapInuse /tmp/m), allocated $(field HeapAlloc /tmp/m)"
check "the kernel has it" \
	test $((($(cat "$S"/free_kb) - free) << 10)) -ge $(((top - $(held /tmp/m)) * 97 / 100))
check "the equations" judge "$D"/memstats
check "books" books
check "and up again" live 262144
check "the equations again" judge "$D"/memstats
rmmod gomem_spike
check "books of what is left" books
check "rmmod" rmmod gomem
exit 0
