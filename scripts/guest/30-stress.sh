# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Four threads on two CPUs and a 5 kHz timer interrupt allocate, free each
# other's objects and check what is in them, while all files are read.  Then two, with
# pauses, beside memory that is given back.
#
# vm: --add scripts/guest/tap:/tap
. /tap

# The equations hold at any moment, and no counter goes back.
under_load() {
	mallocs=0 frees=0 total=0
	i=0
	while [ "$i" -lt 100 ]; do
		cat "$D"/memstats >/tmp/m
		judge /tmp/m || return 1
		for f in Mallocs:$mallocs Frees:$frees TotalAlloc:$total; do
			[ "$(field "${f%:*}" /tmp/m)" -ge "${f#*:}" ] || {
				echo "went back: $f"; return 1; }
		done
		mallocs=$(field Mallocs /tmp/m)
		frees=$(field Frees /tmp/m)
		total=$(field TotalAlloc /tmp/m)
		i=$((i + 1))
	done
}

# Under load a recount may be skipped, but nothing may fail.
check_under_load() {
	i=0
	while [ "$i" -lt 20 ]; do
		cat "$D"/check >/tmp/c
		if ! grep -qx ok /tmp/c || grep -q failed /tmp/c; then
			cat /tmp/c
			return 1
		fi
		cat "$D"/blocks "$D"/memstats.json "$D"/classes /proc/gomem >/dev/null || return 1
		i=$((i + 1))
	done
}

# In the pauses of the threads a recount comes to its end, most often; and spans die all
# the while, because all that is idle is given back beside.
check_beside_release() {
	rm -f /tmp/stop
	while ! [ -e /tmp/stop ]; do
		echo 1 >"$D"/free_os_memory
	done &
	i=0 recounts=0 failed=
	while [ "$i" -lt 100 ] && [ ! "$failed" ]; do
		cat "$D"/check >/tmp/c
		grep -q '^failed' /tmp/c && failed=1
		grep -q skipped /tmp/c || recounts=$((recounts + 1))
		i=$((i + 1))
	done
	touch /tmp/stop
	wait
	cat /tmp/c
	echo "# $recounts of $i readings of check were recounts" >&3
	[ ! "$failed" ] && [ "$recounts" -gt 0 ]
}

verdict() { dmesg | grep 'gomem_stress:' | tail -n 1; }

exec 3>&1	# beside what check keeps for failures
insmod /gomem.ko || exit 1
check "start" insmod /gomem_stress.ko threads=4 hz=5000
check "the equations under load" under_load
check "check under load" check_under_load
sleep 5
check "stop" rmmod gomem_stress
echo "# $(verdict)"
check "no object was lost, none corrupt" \
	sh -c "echo '$(verdict)' | grep -q ' 0 failed, 0 corrupt'"
check "interrupts took part" \
	sh -c "echo '$(verdict)' | grep -q '[1-9][0-9]\{2,\} interrupts'"
check "start, with pauses" insmod /gomem_stress.ko threads=2 hz=0 pause_us=2000 \
	slots=2048 max_size=128
check "check while memory is given back" check_beside_release
check "stop" rmmod gomem_stress
check "no object was lost, none corrupt" \
	sh -c "echo '$(verdict)' | grep -q ' 0 failed, 0 corrupt'"
check "everything is free" test "$(field HeapAlloc)" = 0
check "books" books
check "the equations" judge "$D"/memstats
check "rmmod" rmmod gomem
exit 0
