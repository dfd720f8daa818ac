# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Somebody else needs the memory: the kernel gets it through the shrinker before
# it has to kill anybody, and knows before that it can.
#
# vm: --mem 512M --add scripts/guest/tap:/tap
. /tap

# 200 MiB that are idle, and that the scavenger keeps.
make_idle() {
	live 204800 && live 0 && echo 1 >"$D"/gc || return 1
	idle=$(($(field HeapIdle) - $(field HeapReleased)))
	[ "$idle" -ge $((200 << 20)) ]
}

# MemAvailable counts what is idle; the kernel rounds in the order of megabytes.
is_available() {
	lost=$((available - $(mem MemAvailable)))
	echo "# MemAvailable fell by $lost KB"
	[ $lost -lt 40960 ]
}

# A file in memory, larger by 100 MiB than what is free.
consume() {
	megabytes=$(($(mem MemFree) / 1024 + 100))
	echo "# $megabytes MiB for another"
	mkdir -p /other && mount -t tmpfs -o size=500M other /other || return 1
	dd if=/dev/zero of=/other/file bs=1M count="$megabytes" 2>&1 || return 1
	[ "$(stat -c %s /other/file)" = $((megabytes << 20)) ]
}

insmod /gomem.ko scavenge_delay_ms=3600000 || exit 1
insmod /gomem_spike.ko size=65536
available=$(mem MemAvailable)
check "200 MiB are idle" make_idle
sleep 1
is_available
check "and available" is_available
released=$(field HeapReleased)
cycles=$(field NumGC)
check "another gets them" consume
check "gomem gave them" test $(($(field HeapReleased) - released)) -ge $((80 << 20))
sleep 1
check "and ran a cycle for it" test "$(field NumGC)" -gt "$cycles"
check "nobody was killed" sh -c '! dmesg | grep -qiE "out of memory|oom-kill|oom_kill"'
check "the equations" judge "$D"/memstats
check "books" books
umount /other
rmmod gomem_spike
check "rmmod" rmmod gomem
exit 0
