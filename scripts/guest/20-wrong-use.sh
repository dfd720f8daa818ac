# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Wrong frees are reported, counted and ignored; leaks are reported at rmmod.
#
# vm: --add scripts/guest/tap:/tap
. /tap

# Reports are ratelimited, which this script is not: it waits for the next.
log_has() {
	dmesg | tail -n 60 | grep -q "gomem: .*$1"
}

# abuse WORD COUNT TEXT: doing WORD is COUNT bad frees, and the log says TEXT.
abuse() {
	before=$(field BadFrees)
	dmesg -c >/dev/null
	echo "$1" >/sys/kernel/debug/gomem_abuse/do || return 1
	after=$(field BadFrees)
	[ $((after - before)) = "$2" ] || { echo "$before $after"; return 1; }
	[ -z "$3" ] || log_has "$3"
}

# Not the last one that was freed: magazines take it, its span does not.
late() {
	before=$(field BadFrees)
	echo late_double_free >/sys/kernel/debug/gomem_abuse/do || return 1
	[ "$(field BadFrees)" = "$before" ] || return 1
	dmesg -c >/dev/null
	rmmod gomem_abuse && rmmod gomem || return 1
	log_has "double free" && ! log_has "never freed"
}

insmod /gomem.ko debug=F && insmod /gomem_abuse.ko || exit 1
check "double free" abuse double_free 1 "freed already"
check "double free, something between" abuse late_double_free 1 "double free\|freed already"
check "interior pointer" abuse interior 1 "inside an object"
check "books, with debug=F" books
rmmod gomem_abuse
rmmod gomem

insmod /gomem.ko && insmod /gomem_abuse.ko || exit 1
check "nothing to free" abuse nothing 0 ""
check "double free of the last object" abuse double_free 1 "double free"
check "interior pointers of a large object" abuse large_interior 2 "inside a large object"
check "double free of a large object" abuse large_double 1 "freed already"
check "kmalloc memory" abuse foreign_kmalloc 1 "slab memory"
sleep 6
check "an address on the stack" abuse foreign_stack 1 "stack\|vmalloc"
check "an address of code" abuse foreign_text 1 "not gomem"
sleep 6
check "garbage" abuse foreign_garbage 3 "not gomem"
check "books" books
check "the equations" judge "$D"/memstats
check "no warning of the kernel's own" sh -c '! dmesg | grep -q WARNING'

sleep 6
check "a late double free is found, and made up for" late

insmod /gomem.ko && insmod /gomem_abuse.ko || exit 1
echo leak >/sys/kernel/debug/gomem_abuse/do
rmmod gomem_abuse
dmesg -c >/dev/null
check "rmmod with leaked objects" rmmod gomem
check "leaks are reported by class" log_has "5 objects of 1024 bytes were never freed"
check "leaked runs too" log_has "1 objects of 57344 bytes were never freed"
check "leaked large objects too" log_has "1 large objects of 106496 bytes"
check "insmod after leaks" insmod /gomem.ko
check "books of the new heap" books
check "rmmod" rmmod gomem
exit 0
