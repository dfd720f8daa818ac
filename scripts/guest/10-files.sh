# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# insmod, every file read and judged, the example of the README, rmmod.
#
# vm: --add scripts/guest/tap:/tap
. /tap

fields="Alloc
TotalAlloc
Sys
Lookups
Mallocs
Frees
HeapAlloc
HeapSys
HeapIdle
HeapInuse
HeapReleased
HeapObjects
StackInuse
StackSys
MSpanInuse
MSpanSys
MCacheInuse
MCacheSys
BuckHashSys
GCSys
OtherSys
NextGC
LastGC
PauseTotalNs
PauseNs
PauseEnd
NumGC
NumForcedGC
GCCPUFraction
EnableGC
DebugGC"

has_fields() {
	have=$(awk '$1 == "BadFrees" { exit } { print $1 }' "$D"/memstats)
	[ "$fields" = "$have" ] || { echo "$have"; return 1; }
}

# The same names in the same order, 256 pauses, 61 classes, and no byte more.
json_is_right() {
	tr -d ' \n' <"$D"/memstats.json >/tmp/json
	have=$(sed 's/\[[^]]*\]//g' /tmp/json | grep -o '"[A-Za-z]*":' | tr -d '":')
	[ "$fields
BySize" = "$have" ] || { echo "$have"; return 1; }
	u='[0-9][0-9]*'
	sed "s/$u\.$u/0/g; s/{\"Size\":$u,\"Mallocs\":$u,\"Frees\":$u}/0/g" \
		/tmp/json >/tmp/flat
	[ "$(grep -o '"PauseNs":\[[0-9,]*\]' /tmp/flat | tr -cd , | wc -c)" = 255 ] &&
		[ "$(grep -o '"PauseEnd":\[[0-9,]*\]' /tmp/flat | tr -cd , | wc -c)" = 255 ] &&
		[ "$(grep -o '"BySize":\[[0-9,]*\]' /tmp/flat | tr -cd , | wc -c)" = 60 ] &&
		sed 's/"[A-Za-z]*":\(\[[0-9,]*\]\|[0-9][0-9]*\|true\|false\),\{0,1\}//g' \
			/tmp/flat | grep -qx '{}'
}

# between BEFORE: ReadTime lies between this second and now, and LastGC not behind it.
between() {
	cat "$D"/memstats >/tmp/m
	after=$(($(date +%s) + 1))
	at=$(field ReadTime /tmp/m)
	echo "$1 <= $at < $after"
	[ "$at" -ge "${1}000000000" ] && [ "$at" -lt "${after}000000000" ] &&
		[ "$(field LastGC /tmp/m)" -le "$at" ]
}

# So it is in the kernel's time, of each reading.
read_time_is_right() {
	between "$(date +%s)" && first=$at && echo 1 >"$D"/gc && between "$(date +%s)" &&
		[ "$at" -gt "$first" ]
}

classes_are_right() {
	[ "$(head -n 1 "$D"/classes)" = "gomem classes - version: 1" ] &&
		awk '
			$1 ~ /^[0-9]+$/ { rows++; m += $7; f += $8; live += $9; bytes += $10
				if ($8 > $7 || $9 != $7 - $8 || $10 != $9 * $2) exit 1 }
			$1 == "large" { rows++; m += $7; f += $8; live += $9; bytes += $10 }
			$1 == "Total" { exit !(rows == 67 && m == $7 && f == $8 &&
				live == $9 && bytes == $10) }
			$16 != "span_bytes" && $10 > $16 { exit 1 }' "$D"/classes
}

# What the class table counts is what MemStats counts, when nothing happens.
classes_add_up() {
	[ "$(class Total live_bytes)" = "$(field HeapAlloc)" ] &&
		[ "$(class Total mallocs)" = "$(field Mallocs)" ] &&
		[ "$(class Total span_bytes)" = "$(field HeapInuse)" ]
}

blocks_are_right() {
	pages=$(awk '$3 ~ /^[0-9]+$/ { sum += $3 } END { print sum + 0 }' "$D"/blocks)
	sys=$(field HeapSys)
	released=$(field HeapReleased)
	[ "$((pages * 8192))" = "$((sys - released))" ]
}

modes_are_right() {
	for f in "$D"/memstats "$D"/memstats.json "$D"/classes "$D"/blocks "$D"/check /proc/gomem; do
		[ "$(stat -c %a "$f")" = 400 ] || { echo "$f"; return 1; }
	done
}

proc_is_right() {
	grep -q '^HeapAlloc [0-9]' /proc/gomem && grep -q '^Total ' /proc/gomem
}

example_is_counted() {
	before=$(field Mallocs)
	insmod /gomem_example.ko || return 1
	[ "$(field Mallocs)" = $((before + 1)) ] && [ "$(class 32 live)" = 1 ] &&
		! rmmod gomem 2>/dev/null && rmmod gomem_example &&
		[ "$(class 32 live)" = 0 ]
}

check "insmod" insmod /gomem.ko
check "Go's fields, in Go's order" has_fields
check "the equations of an empty heap" judge "$D"/memstats
check "the example is counted, and keeps gomem loaded" example_is_counted
check "the equations" judge "$D"/memstats
check "memstats says when it was read" read_time_is_right
check "memstats.json" json_is_right
check "classes" classes_are_right
check "classes add up to memstats" classes_add_up
check "blocks" blocks_are_right
check "file modes" modes_are_right
check "/proc/gomem" proc_is_right
check "books" books
check "rmmod" rmmod gomem
check "the files are gone" sh -c "! [ -e $D ] && ! [ -e /proc/gomem ]"
check "insmod again" insmod /gomem.ko
check "a new heap" test "$(field Mallocs)" = 0
check "rmmod again" rmmod gomem
exit 0
