# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091,SC2046
#
# Who holds memory is told by the right name: when its code has gone, when other code
# lies there, when tracers have had a hand in the call, after thousands of other stacks,
# and after hundreds of rates. And who held it, by module, by age, at the peak, and when
# an allocation failed.
#
# vm: --one-thread --add scripts/guest/tap:/tap
# needs: golang-go
. /tap

E=/sys/kernel/tracing

# strangers: eight modules that allocate nothing; of one, under eight names.
strangers() {
	for i in 1 2 3 4 5 6 7 8; do
		sed "s/gomem_stranger/gomem_strange$i/g" /gomem_stranger.ko >/tmp/s.ko &&
			insmod /tmp/s.ko || return 1
	done
}

strangers_go() {
	for i in 1 2 3 4 5 6 7 8; do
		rmmod gomem_strange"$i" || return 1
	done
}

# first_frames: the first frame of each row of sites.
first_frames() { awk '/^\t/ { if (!seen++) print substr($0, 2); next } { seen = 0 }' "$D"/sites; }

# owner FUNCTION STATE: a row begins with FUNCTION of gomem_owner, "there" or "gone".
owner() {
	want="^$1+0x[0-9a-f]*/0x[0-9a-f]* \[gomem_owner\]"
	[ "$2" = gone ] && want="$want (gone)"
	first_frames | grep -q "$want\$" || { first_frames; return 1; }
}

no_stranger() {
	! grep -q strange "$D"/sites "$D"/heap.txt "$D"/modules "$D"/lifetimes "$D"/peak \
		"$D"/failed &&
		! grep -q strange "$D"/heap
}

# order STEP...: what is named right at the end of it.
order() {
	for step; do
		case $step in
		load)		insmod /gomem_owner.ko early=20 late=20 leave=1 &&
				awk '$1 == "gomem_owner" { print $6 }' /proc/modules >/tmp/base ;;
		unload)		rmmod gomem_owner ;;
		strangers)	strangers ;;
		go)		strangers_go ;;
		esac || { echo "$step"; return 1; }
		no_stranger || { echo "after $step"; cat "$D"/sites; return 1; }
		if [ "$step" = strangers ] && [ ! -e /sys/module/gomem_owner ]; then
			awk '/^gomem_strange/ { print $6 }' /proc/modules | grep -qxf /tmp/base &&
				lain=1
		fi
	done
	owner owner_early gone && owner owner_late gone && ! lsmod | grep strange
}

orders() {
	lain=
	: >/tmp/base
	order load strangers unload go && order load unload strangers go &&
		order strangers load go unload && order strangers go load unload strangers go &&
		order load unload load strangers unload go || return 1
	[ "$lain" ] || { echo "no stranger has lain where the owner was"; return 1; }
}

while_loaded() {
	insmod /gomem_owner.ko early=20 late=20 leave=1 || return 1
	owner owner_early there && owner owner_late there
	rc=$?
	rmmod gomem_owner
	return "$rc"
}

# The start fails: that code goes as well. It held most when the allocation failed.
failed_start() {
	insmod /gomem_owner.ko fail=1 2>/dev/null && return 1
	strangers || return 1
	no_stranger && strangers_go &&
		[ "$(awk '/^\t/ { print; exit }' "$D"/failed | sed 's/+[^ ]*//')" = \
			"	owner_fails [gomem_owner] (gone)" ] &&
		grep -q '^HeapAlloc [1-9][0-9]* at 1[0-9]*, [0-9]* s ago' "$D"/failed && return
	cat "$D"/failed
	return 1
}

by_module() {
	awk '$7 == "gomem_owner" && $6 == 1 { bytes = $2 }
		END { exit !(bytes >= 6 * 20 * (1024 + 4096)) }' "$D"/modules &&
		return
	cat "$D"/modules
	return 1
}

# traced SETUP UNDO: with a tracer on gomem_alloc, the leak is named all the same.
traced() {
	eval "$1" || return 1
	insmod /gomem_leak.ko leaks=200
	out=$(first_frames)
	rmmod gomem_leak
	eval "$2"
	echo "$out" | grep -q '^leak_buffers+0x' &&
		echo "$out" | grep -q '^keep_names+0x' &&
		! echo "$out" | grep -q -v '^[a-z_]*+0x[0-9a-f]*/0x[0-9a-f]* \[gomem_\(leak\|owner\)\]' &&
		return
	echo "$out"
	return 1
}

kretprobe() {
	traced "echo 'r:gomem_ret gomem_alloc' >$E/kprobe_events &&
		echo 1 >$E/events/kprobes/enable" \
		"echo 0 >$E/events/kprobes/enable; echo >$E/kprobe_events"
}

graph() {
	traced "echo gomem_alloc >$E/set_ftrace_filter &&
		echo function_graph >$E/current_tracer" \
		"echo nop >$E/current_tracer; echo >$E/set_ftrace_filter"
}

many_stacks() {
	insmod /gomem_owner.ko depth=12 late=100 || return 1
	owner owner_late there && sed -n 2p "$D"/sites >/tmp/head
	rc=$?
	rmmod gomem_owner
	[ "$rc" = 0 ] && grep -q '^rate 1, 0 samples dropped, [1-9][0-9]* stacks forgotten' /tmp/head &&
		return
	cat /tmp/head
	return 1
}

many_rates() {
	insmod /gomem_owner.ko rates=600 late=10 || return 1
	owner owner_late there && owner owner_rates there &&
		[ "$(grep -c '^	owner_rates' "$D"/sites)" = 1 ]
	rc=$?
	rmmod gomem_owner
	return "$rc"
}

# addresses RESTRICT: where leak_buffers was called from, by heap.txt, and the function's
# own address by /proc/kallsyms.
addresses() {
	echo "$1" >/proc/sys/kernel/kptr_restrict
	insmod /gomem_leak.ko leaks=200
	awk '/^#\tleak_buffers.*leak\]$/ { print at } / @ / { at = $6 }' "$D"/heap.txt
	awk '$3 == "leak_buffers" { print "0x" $1 }' /proc/kallsyms
	grep -c ' 0xffffffff' "$D"/heap.txt
	rmmod gomem_leak
	echo 0 >/proc/sys/kernel/kptr_restrict
}

real_addresses() {
	set -- $(addresses 0)
	echo "$@"
	[ "$#" = 3 ] && [ $(($1 - $2)) -gt 0 ] && [ $(($1 - $2)) -lt 4096 ] && [ "$3" -gt 0 ]
}

no_addresses() {
	set -- $(addresses 2)
	echo "$@"
	[ "$#" = 3 ] && [ "$2" = 0x0000000000000000 ] && [ "$3" = 0 ]
}

# What was freed, at what age.
ages() {
	insmod /gomem_leak.ko leaks=50
	sleep 2
	rmmod gomem_leak
	awk '/leak_buffers/ { if ($3 == 50 && $4 + $5 + $6 == 0 && $7 + $8 == 50) leak = 1 }
		/use_scratch/ { if ($4 > 900) scratch = 1 }
		END { exit !(leak && scratch) }' "$D"/lifetimes && return
	cat "$D"/lifetimes
	return 1
}

peak_begins_anew() {
	echo 1 >"$D"/peak_reset || return 1
	sleep 1
	insmod /gomem_leak.ko leaks=5000
	sleep 1
	rmmod gomem_leak
	[ "$(awk '/^\t/ { print $1; exit }' "$D"/peak | cut -d+ -f1)" = leak_buffers ] || {
		head -n 30 "$D"/peak; return 1; }
	awk 'NR == 4 { exit !($3 >= 4500 && $3 <= 5000) }' "$D"/peak || {
		head -n 30 "$D"/peak; return 1; }
	! echo 2 >"$D"/peak_reset 2>/dev/null
}

order_is_kept() {
	echo pinned >"$D"/sites_order || return 1
	pinned=$(awk '/^ / && $1 != "class" { print $8 }' "$D"/sites)
	[ "$(cat "$D"/sites_order)" = pinned ] && echo bytes >"$D"/sites_order || return 1
	[ "$(echo "$pinned" | head -n 1)" -gt 0 ] &&
		[ "$pinned" = "$(echo "$pinned" | sort -rn)" ] &&
		! echo size >"$D"/sites_order 2>/dev/null
}

insmod /gomem.ko mem_profile_rate=1 || exit 1
check "what is loaded has its name" while_loaded
check "what has gone keeps it, in every order, on two CPUs" orders
echo 0 >/sys/devices/system/cpu/cpu1/online
check "on one CPU" orders
echo 1 >/sys/devices/system/cpu/cpu1/online
check "modules: by module" by_module
check "sites: by what is pinned" order_is_kept
check "kretprobe on gomem_alloc" kretprobe
check "function_graph on gomem_alloc" graph
check "a leak behind 4096 stacks" many_stacks
check "600 rates" many_rates
cp "$D"/heap.txt /out/rates.txt
cp "$D"/heap /out/gone.pb
check "addresses are shown as in /proc/kallsyms" real_addresses
check "and not when kptr_restrict is 2" no_addresses
check "lifetimes" ages
check "peak" peak_begins_anew
check "a start that fails, and an allocation that fails" failed_start
check "books" books
rmmod gomem
check "rmmod names who has left memory" \
	sh -c "dmesg | grep -q 'owner_late+0x.*\[gomem_owner\] (gone) got ~[0-9]* of them'"
exit 0
