# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# The bpftrace scripts name those who allocate, with their bytes.
#
# vm: --one-thread --mem 2G --timeout 900 --add scripts/guest/tap:/tap --program bpftrace
# vm: --add scripts/bpftrace/bytes-by-stack.bt --add scripts/bpftrace/live-by-site.bt
# vm: --add scripts/bpftrace/latency.bt
. /tap

ended() { [ ! -e /proc/"$1"/exe ]; }

# interrupt PID: have bpftrace end. By a second signal, while it prints what it has, it
# would be killed; so it gets another one only if it still waits for events ten seconds
# later, having missed the first.
interrupt() {
	for _ in $(seq 6); do
		kill -INT "$1"
		for i in $(seq 40); do
			sleep 1
			! ended "$1" || return 0
			[ "$i" -lt 10 ] || ! grep -q epoll /proc/"$1"/wchan || break
		done
	done
	echo "bpftrace does not end"
	cat /proc/"$1"/status /proc/"$1"/wchan
	kill -KILL "$1"
}

# watch SCRIPT PARAMETER...: run it while gomem_leak is loaded; what it says is in
# /tmp/watched.
watch() {
	script=$1
	shift
	bpftrace -B line "$script" >/tmp/watched 2>&1 &
	pid=$!
	# A job in the background ignores SIGINT until it has a handler (the second
	# bit), and waits for events when all its probes are there.
	for _ in $(seq 120); do
		grep -q '^SigCgt:.*[2367abef]$' /proc/"$pid"/status &&
			grep -q epoll /proc/"$pid"/wchan && break
		sleep 0.5
	done
	sleep 3
	insmod /gomem_leak.ko "$@"
	interrupt "$pid"
	wait "$pid"
	rmmod gomem_leak
	cat /tmp/watched
	! grep -qi error /tmp/watched
}

# stack FUNCTION BYTES: so many are said to be allocated below it.
stack() {
	awk -v f="$1" -v want="$2" '
		/^@bytes\[/ { mine = 0; next }
		$1 ~ "^" f "\\+" { mine = 1 }
		/^\]: / { if (mine) sum += $2 }
		END { print sum; exit sum != want }' /tmp/watched
}

# site FUNCTION OBJECTS BYTES: so many are said to be live.
site() {
	grep -qxF "@live_objects[$1]: $2" /tmp/watched &&
		grep -qxF "@live_bytes[$1]: $3" /tmp/watched && return
	cat /tmp/watched
	return 1
}

two_histograms() {
	[ "$(grep -c '^@[a-z]*_ns: *$' /tmp/watched)" = 2 ] ||
		{ cat /tmp/watched; return 1; }
}

insmod /gomem.ko || exit 1
check "bytes by stack" watch /bytes-by-stack.bt leaks=300
check "buffers" stack leak_buffers 1228800
check "strings" stack keep_names 32000
check "arrays" stack keep_tables 179200
check "large objects" stack keep_rings 262144
check "scratch" stack use_scratch 81920000
check "live objects by site" watch /live-by-site.bt leaks=300
check "buffers" site leak_buffers 300 1228800
check "strings" site keep_names 1000 32000
check "scratch" site use_scratch 0 0
check "latency" watch /latency.bt leaks=10
check "two histograms" two_histograms
check "books" books
check "rmmod" rmmod gomem
exit 0
