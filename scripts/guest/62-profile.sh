# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Five functions allocate, one of them leaks: sites says which, with estimates at
# the default rate and exactly at rate 1; so does the trace. What go tool pprof
# makes of the profiles is looked at on the host.
#
# vm: --one-thread --add scripts/guest/tap:/tap
# needs: golang-go python3 binutils
. /tap

rate() { cat "$D"/mem_profile_rate; }

refused() {
	tab=$(printf '1\t')
	for bad in "" x -1 1073741825 99999999999999999999 '1 2' +1 ' 1' '1 ' "$tab" \
		   0x10 1K 00000000000000000000512garbage; do
		if echo "$bad" >"$D"/mem_profile_rate; then
			echo "accepted: '$bad'"
			return 1
		fi
	done 2>/dev/null
	[ "$(rate)" = 524288 ]
}

insmod_refuses() {
	for bad in x -1 +1 0x200 1K 4294967296; do
		if insmod /gomem.ko mem_profile_rate="$bad" 2>/dev/null; then
			echo "accepted: '$bad'"
			return 1
		fi
	done
}

modes_are_right() {
	[ "$(stat -c %a "$D"/heap "$D"/heap.txt "$D"/sites "$D"/peak | sort -u)" = 400 ] &&
		[ "$(stat -c %a "$D"/mem_profile_rate "$D"/sites_order | sort -u)" = 600 ]
}

# site FUNCTION COLUMN: a column of the row whose stack begins with FUNCTION.
site() {
	awk -v f="$1" -v want="$2" '
		$1 == "class" { for (i = 1; i <= NF; i++) if ($i == want) c = i }
		/^\t/ { if (!seen++ && index($1, f "+0x") == 1) { print value; exit } next }
		{ value = $c; seen = 0 }' "$D"/sites
}

first_site() { awk '/^\t/ { sub(/\+.*/, "", $1); print $1; exit }' "$D"/sites; }

no_site() { [ "$(wc -l <"$D"/sites)" = 3 ]; }

# FUNCTION OBJECTS BYTES
exact_site() {
	[ "$(site "$1" objects) $(site "$1" bytes)" = "$2 $3" ] || {
		cat "$D"/sites; return 1; }
}

# The estimate for leak_buffers: 2000, with a standard error of 506.
near_truth() {
	n=$(site leak_buffers objects)
	[ "$n" -ge 400 ] && [ "$n" -le 5000 ]
}

# Two readers of one profile that is opened in between and read in pieces.
read_in_pieces() {
	dd if="$D"/heap of=/out/pieces.pb bs=13 2>/dev/null
	[ -s /out/pieces.pb ]
}

trailer_is_right() {
	sed -n '/^# runtime.MemStats$/,$p' "$D"/heap.txt >/tmp/trailer
	names=$(sed -n 's/^# \(.*\) = .*/\1/p' /tmp/trailer | tr '\n' ' ')
	want="Alloc TotalAlloc Sys Lookups Mallocs Frees HeapAlloc HeapSys HeapIdle"
	want="$want HeapInuse HeapReleased HeapObjects Stack MSpan MCache BuckHashSys"
	want="$want GCSys OtherSys NextGC LastGC PauseNs PauseEnd NumGC NumForcedGC"
	want="$want GCCPUFraction DebugGC "
	[ "$names" = "$want" ] || { echo "$names"; return 1; }
	grep -q '^# MSpan = [1-9][0-9]* / [1-9][0-9]*$' /tmp/trailer &&
		[ "$(grep PauseNs /tmp/trailer | wc -w)" = 259 ] &&
		head -n 1 "$D"/heap.txt | grep -q \
			'^heap profile: [0-9]*: [0-9]* \[[0-9]*: [0-9]*\] @ heap/2$'
}

E=/sys/kernel/tracing
trace() {
	echo "$1" >"$E"/events/gomem/gomem_alloc/enable &&
		echo "$1" >"$E"/events/gomem/gomem_free/enable
}

# traced FUNCTION: how many allocations of which it is the caller.
traced() { grep -c "gomem_alloc: call_site=$1+.* $2" "$E"/trace; }

trace_is_right() {
	echo 4096 >"$E"/buffer_size_kb
	trace 1 || return 1
	insmod /gomem_leak.ko leaks=10 rounds=0
	allocs_are_traced
	rc=$?
	rmmod gomem_leak
	trace 0
	[ "$rc" = 0 ] && [ "$(grep -c gomem_free: "$E"/trace)" = 1114 ]
}

# While there is somebody who knows the names.
allocs_are_traced() {
	[ "$(traced leak_buffers 'bytes_req=4096 bytes_alloc=4096 .*class=[1-9]')" = 10 ] &&
		[ "$(traced keep_names 'bytes_req=23 bytes_alloc=')" = 1000 ] &&
		[ "$(traced keep_tables 'bytes_req=1600 bytes_alloc=1792 ')" = 100 ] &&
		[ "$(traced keep_rings 'bytes_req=65536 bytes_alloc=65536 .*__GFP_ZERO.*class=0')" = 4 ] &&
		return
	head -n 30 "$E"/trace
	return 1
}

# Summed up in the kernel.
hist_is_right() {
	key="hist:keys=call_site.sym:vals=bytes_req,bytes_alloc:sort=bytes_alloc.descending"
	echo "$key" >"$E"/events/gomem/gomem_alloc/trigger || return 1
	insmod /gomem_leak.ko leaks=10 rounds=0
	cat "$E"/events/gomem/gomem_alloc/hist >/tmp/hist
	rmmod gomem_leak
	echo "!$key" >"$E"/events/gomem/gomem_alloc/trigger || return 1
	grep -q 'keep_tables .*hitcount: *100 .*bytes_req: *160000 .*bytes_alloc: *179200' \
		/tmp/hist && return
	cat /tmp/hist
	return 1
}

# Off again, nothing is written.
trace_is_off() {
	echo >"$E"/trace
	insmod /gomem_leak.ko rounds=0
	rmmod gomem_leak
	! grep -q gomem_ "$E"/trace
}

# The other events: a refill, a span, in a heap that is new.
trace_others() {
	for e in gomem_refill gomem_span_alloc gomem_span_free; do
		echo 1 >"$E"/events/gomem/"$e"/enable || return 1
	done
	insmod /gomem_leak.ko rounds=0
	rmmod gomem_leak
	echo 0 >"$E"/events/gomem/enable
	grep -q 'gomem_refill: node=0 class=[1-9][0-9]* objects=[1-9]' "$E"/trace &&
		grep -q 'gomem_span_alloc: ptr=.* pages=1 node=0 class=[1-9]' "$E"/trace &&
		return
	head -n 30 "$E"/trace
	return 1
}

insmod /gomem.ko || exit 1
check "the default rate" test "$(rate)" = 524288
check "what is no rate is refused" refused
check "file modes" modes_are_right
check "its memory is in BuckHashSys" test "$(field BuckHashSys)" -gt 100000
check "an empty profile" no_site
cp "$D"/heap /out/empty.pb
cp "$D"/memstats.json /out/empty.json

insmod /gomem_leak.ko leaks=2000 || exit 1
check "sites: the leak comes first" test "$(first_site)" = leak_buffers
check "sites: the estimate is near the truth" near_truth
cp "$D"/heap /out/default.pb
cp "$D"/heap.txt /out/default.txt
check "the profile is read in pieces" read_in_pieces
cp "$D"/memstats.json /out/full.json
check "heap.txt has Go's first line and trailer" trailer_is_right
check "books, with sampled objects" books
rmmod gomem_leak
check "sites: nothing is left" no_site
cp "$D"/heap /out/freed.pb
check "classes: nothing is known of what is not there" test "$(class large requested)" = "~0"

echo 1 >"$D"/mem_profile_rate
insmod /gomem_leak.ko leaks=2000 || exit 1
check "every 4096-byte buffer is counted" exact_site leak_buffers 2000 8192000
check "a string is its caller's" exact_site keep_names 1000 32000
check "an array is its caller's" exact_site keep_tables 100 179200
check "large objects are counted" exact_site keep_rings 4 262144
cp "$D"/heap /out/exact.pb
cp /gomem_leak.ko /out/
cp "$D"/heap.txt /out/exact.txt
check "classes: what was requested is known" test "$(class 1792 requested)" = "~160000"
check "no sample was dropped" grep -q '^rate 1, 0 samples dropped$' "$D"/sites
check "books at rate 1" books
rmmod gomem_leak
check "at rate 1 nothing is left" no_site

echo 0 >"$D"/mem_profile_rate
insmod /gomem_leak.ko || exit 1
check "off: nothing is sampled" no_site
rmmod gomem_leak

check "trace events" trace_is_right
check "histogram of a trace event" hist_is_right
check "trace events, off again" trace_is_off
check "everything is free" test "$(field HeapAlloc)" = 0
check "books" books
check "the equations" judge "$D"/memstats
trace 1
check "rmmod while events are on" rmmod gomem
check "no rate, no insmod" insmod_refuses
check "insmod with another rate" insmod /gomem.ko mem_profile_rate=1
check "that rate" test "$(rate)" = 1
check "trace events of refills and spans" trace_others
check "rmmod" rmmod gomem
exit 0
