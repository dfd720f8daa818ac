# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Memory given back on demand; knobs, as parameters and as files; what is told
# about it in tracepoints and in the log.
#
# vm: --one-thread --add scripts/guest/tap:/tap
. /tap

P=/sys/module/gomem/parameters
T=/sys/kernel/tracing

# is NAME VALUE: file and parameter say so.
is() { [ "$(cat "$D/$1")" = "$2" ] && [ "$(cat "$P/$1")" = "$2" ]; }

# refuses NAME TEXT...: each is -EINVAL, for file and parameter, and changes nothing.
refuses() {
	knob=$1
	shift
	before=$(cat "$D/$knob")
	for text; do
		for f in "$D/$knob" "$P/$knob"; do
			if echo "$text" 2>/tmp/why >"$f" ||
			   ! grep -q "Invalid argument" /tmp/why; then
				echo "$f took '$text'" | cat - /tmp/why
				return 1
			fi
		done
		is "$knob" "$before" || return 1
	done
}

takes() { echo "$2" >"$D/$1" && is "$1" "$3" && echo "$4" >"$P/$1" && is "$1" "$5"; }

knobs_have_modes() {
	for f in gc_percent memory_limit scavenge_delay_ms gctrace scavtrace; do
		[ "$(stat -c %a "$D/$f")" = 600 ] || { echo "$f"; return 1; }
	done
	[ "$(stat -c %a "$D"/gc)" = 200 ] && [ "$(stat -c %a "$D"/free_os_memory)" = 200 ]
}

# act FILE: writing 1 does, and is a forced cycle; writing something else is not.
act() {
	n0=$(field NumGC) f0=$(field NumForcedGC)
	for text in 0 2 yes '' '1 1'; do
		! echo "$text" 2>/dev/null >"$D/$1" || return 1
	done
	[ "$(field NumGC)" = "$n0" ] || return 1
	echo 1 >"$D/$1" || return 1
	[ "$(field NumGC)" = $((n0 + 1)) ] && [ "$(field NumForcedGC)" = $((f0 + 1)) ]
}

pauses_add_up() {
	awk '$1 == "PauseNs" { for (i = 2; i <= NF; i++) sum += $i }
		$1 == "PauseTotalNs" { total = $2 }
		$1 == "LastGC" { last = $2 }
		$1 == "PauseEnd" { for (i = 2; i <= NF; i++) if ($i > end) end = $i }
		$1 == "NumGC" { nr = $2 }
		END { exit !(nr > 0 && sum == total && last == end && last > 1e18) }' "$D"/memstats
}

# next_is_limit BYTES: NextGC is 95 % of it, but for what gomem has beside the objects.
next_is_limit() {
	next=$(field NextGC) near=$(($1 - $1 / 20))
	echo "$next"
	[ ${#next} -lt 19 ] && [ "$next" -le "$near" ] && [ "$next" -ge $((near - (4 << 20))) ]
}

# 32 MiB of objects; then the kernel has all but 1 MiB of them back.
frees_os_memory() {
	live $((32 * 1024 + 1024)) || return 1
	r0=$(field HeapReleased) k0=$(cat "$S"/free_kb)
	live 1024
	echo 1 >"$D"/free_os_memory
	r1=$(field HeapReleased) k1=$(cat "$S"/free_kb)
	echo "HeapReleased $((r1 - r0)), free pages $((k1 - k0)) KB"
	[ $((r1 - r0)) -ge $((31 << 20)) ] && [ $((k1 - k0)) -ge $((31 << 10)) ]
}

# traced EVENT FIELD: the event was seen, with a number in FIELD that is not 0.
traced() { grep -q "$1: .*$2=[1-9]" "$T"/trace || { grep "gomem" "$T"/trace | tail -n 5; return 1; }; }

check "nonsense for a parameter keeps gomem out" \
	sh -c '! insmod /gomem.ko gc_percent=lots 2>/dev/null && ! insmod /gomem.ko memory_limit=-1 2>/dev/null'
check "parameters" insmod /gomem.ko gc_percent=50 memory_limit=600M scavenge_delay_ms=1000
check "gc_percent was taken" is gc_percent 50
check "memory_limit was taken" is memory_limit 629145600
check "scavenge_delay_ms was taken" is scavenge_delay_ms 1000
check "file modes" knobs_have_modes
check "gc_percent takes numbers" takes gc_percent 200 200 -1 -1
check "gc_percent -1: the next cycle is where the limit is near" next_is_limit 629145600
check "gc_percent refuses nonsense" refuses gc_percent -2 x 1x 0x10 '' 99999999 '1 2'
check "memory_limit takes sizes" takes memory_limit 512M 536870912 1G 1073741824
check "memory_limit refuses nonsense" refuses memory_limit -1 M 1T 5MM 1.5G '' 99999999999G
check "scavenge_delay_ms takes numbers" takes scavenge_delay_ms 0 0 5000 5000
check "scavenge_delay_ms refuses nonsense" refuses scavenge_delay_ms -1 5s '' 86400001
check "gctrace, scavtrace" takes gctrace 0 0 1 1
check "scavtrace takes 1" takes scavtrace 0 0 1 1
check "gctrace refuses nonsense" refuses gctrace 2 -1 on
echo 9223372036854775807 >"$D"/memory_limit
check "gc_percent -1, no limit: no next cycle" \
	sh -c "echo -1 >$D/gc_percent && grep -qx 'NextGC 18446744073709551615' $D/memstats"
echo 100 >"$D"/gc_percent

echo 1 >"$T"/events/gomem/enable
insmod /gomem_spike.ko || exit 1
check "free_os_memory" frees_os_memory
check "gc" act gc
check "free_os_memory is a forced cycle" act free_os_memory
check "pauses add up" pauses_add_up
check "the equations" judge "$D"/memstats
check "books" books
check "tracepoint gomem_grow" traced gomem_grow bytes
check "tracepoint gomem_scavenge" traced gomem_scavenge returned
check "tracepoint gomem_gc" traced gomem_gc pause_ns
echo 0 >"$T"/events/gomem/enable
check "gctrace logs cycles" \
	sh -c "dmesg | grep -q 'gomem: gc [0-9]* @[0-9.]*s [0-9]*%: .* P (forced)'"
check "scavtrace logs what is returned" \
	sh -c "dmesg | grep -q 'gomem: scav [0-9]* KiB work (forced)'"
dmesg | grep -E "gomem: (gc|scav)" | tail -n 2 | sed 's/.*gomem:/# gomem:/'
rmmod gomem_spike
check "rmmod" rmmod gomem
exit 0
