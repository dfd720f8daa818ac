# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Memory runs out: in single pages, down to the reserves, while idle CPUs hold
# some, and until somebody is killed; and people look where it is.
#
# vm: --smp 4 --mem 512M
# vm: --add scripts/guest/tap:/tap --add scripts/guest/versus:/versus
. /tap
. /versus

node_mem() { awk -v name="$1:" '$3 == name { print $4 }' /sys/devices/system/node/node0/meminfo; }

not_less() {
	awk -v g="$(value "$2" gomem)" -v k="$(value "$2" kmalloc)" -v f="$1" '
		BEGIN { print "gomem " g ", kmalloc " k; exit !(k > 0 && g >= f * k) }'
}

nobody_was_killed() { ! dmesg | grep -iE "out of memory|oom-kill|oom_kill"; }

# near HAVE WANT SLACK: all in KB.
near() {
	echo "$1 KB, of $2"
	[ "$1" -ge $(($2 - $3)) ] && [ "$1" -le $(($2 + $3)) ]
}

# Until it is killed.
hog() {
	sh -c 'echo 1000 >/proc/self/oom_score_adj; exec tail /dev/zero' 2>&1
	dmesg | grep -q 'Out of memory: Killed process .* (tail)'
}

# A line beside the report: some 300 MB, and whose call holds most.  The module is named
# and not its function, which a compiler may have inlined.
report_is_right() {
	dmesg | grep 'gomem: ' | sed 's/^\[[^]]*\] //' >/tmp/report
	cat /tmp/report
	grep -qE '^gomem: holds (29|30|31)[0-9] MB, (29|30|31)[0-9] MB in use; .* \[gomem_spike\] holds ~' /tmp/report
}

insmod /gomem.ko || exit 1
check "single pages" run gomem_single
for row in single-atomic-64 single-atomic-512 single-noretry-64 single-noretry-512; do
	check "kmalloc has 20000, $row" is $row 20000 kmalloc
	check "so has gomem" is $row 20000
done
check "reserves" run gomem_reserves
check "as many objects as of kmalloc" not_less 1 reserves-objects
# kmalloc keeps its descriptors where every page has one.
check "from as little memory" factor 1.05 reserves-kb
check "idle CPUs" run gomem_magazines
check "who needs memory gets 0.97 of what it gets beside kmalloc" not_less 0.97 hog-kb
check "nobody was killed" nobody_was_killed
check "the equations" judge "$D"/memstats
check "books" books
rmmod gomem

insmod /gomem.ko scavenge_delay_ms=3600000 || exit 1
insmod /gomem_spike.ko size=65536
slab=$(mem SUnreclaim) node=$(node_mem SUnreclaim) available=$(mem MemAvailable)
check "300 MB" live 307200
check "SUnreclaim has it" near $(($(mem SUnreclaim) - slab)) 307200 15360
check "the node's, too" near $(($(node_mem SUnreclaim) - node)) 307200 15360
check "MemAvailable has not" near $((available - $(mem MemAvailable))) 307200 40960
dmesg -c >/dev/null
check "who takes too much is killed" hog
check "the log says what gomem holds, and who" report_is_right
check "books" books
check "all is freed" sh -c "echo 0 >$S/live_kb && echo 1 >$D/gc"
idle=$((($(field HeapIdle) - $(field HeapReleased)) / 1024))
echo "# $idle KB are idle; SUnreclaim $slab before, $(mem SUnreclaim) after"
check "and idle, not given back" test $idle -ge 204800
check "SUnreclaim has it no longer" near "$(mem SUnreclaim)" "$slab" 15360
check "MemAvailable has it" near "$(mem MemAvailable)" "$available" 40960
rmmod gomem_spike
check "books" books
check "rmmod" rmmod gomem
check "nothing is left in SUnreclaim" near "$(mem SUnreclaim)" "$slab" 15360
exit 0
