# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# Pages that others refer to: the network, who called get_page(), and who gives
# gomem's memory to kfree(), of which the kernel complains once.
#
# kernel: 6.1 6.12
# vm: --add scripts/guest/tap:/tap --add scripts/guest/versus:/versus
# vm: --allow WARNING:.*free_large_kmalloc
. /tap
. /versus

# Objects of which a page each is held: no more pages than they have.
some_are_held() {
	pages=$(field PagesHeld)
	echo "PagesHeld $pages"
	[ -n "$pages" ] && [ "$pages" -ge 3 ] && [ "$pages" -le 304 ]
}

none_is_held() {
	echo 1 >"$D"/gc
	[ "$(field PagesHeld)" = 0 ] || { echo "PagesHeld $(field PagesHeld)"; return 1; }
}

# What was held is memory as any other.
all_goes_back() {
	echo 1 >"$D"/free_os_memory
	[ "$(held)" = 0 ] || { echo "$(held) bytes are held"; return 1; }
}

log_has() { dmesg | grep -q "gomem: .*$1"; }

ip link set lo up
insmod /gomem.ko || exit 1
check "all of an object is used, as gomem_size_roundup() says" run gomem_roundup
check "and is as large" is roundup-wrong 0
check "of many sizes" test "$(value roundup-tried gomem)" -ge 300

check "zero-copy sends" run gomem_zerocopy
for how in reused given-back; do
	for size in 64 2048 32768 60000 100000; do
		check "$size bytes arrive, $how" is $how-$size $size
		check "kmalloc's too" is $how-$size $size kmalloc
		check "none of them by reference" is by-reference-$size 0
	done
done
check "as kmalloc's large ones are" test "$(value by-reference-100000 kmalloc)" -gt 0

check "pages that are held" insmod /gomem_holder.ko
for size in 60000 100000 1048576; do
	for who in gomem kmalloc; do
		check "a page of $size bytes is not handed out, $who" \
			is held-reused-$size 0 $who
		check "nor given back" is held-given-back-$size 0 $who
		check "nor damaged" is held-damaged-$size 0 $who
	done
done
check "PagesHeld counts them" some_are_held
check "the equations" judge "$D"/memstats
check "books" books
rmmod gomem_holder
check "PagesHeld is 0 afterwards" none_is_held
check "everything goes back" all_goes_back
insmod /gomem_holder.ko leave=1
rmmod gomem_holder
dmesg -c >/dev/null
check "rmmod with pages that are held" rmmod gomem
check "the log names them" log_has "held"

insmod /gomem.ko || exit 1
check "kfree() of gomem's memory" insmod /gomem_thief.ko
check "damages nothing" is stolen-damaged 0
cat "$D"/check >/tmp/check
check "check names it" grep -q '^stolen' /tmp/check
check "PagesStolen counts it" test "$(field PagesStolen)" = 3
rmmod gomem_thief
dmesg -c >/dev/null
check "rmmod" rmmod gomem
check "the log says it" log_has "kfree() was given"
exit 0
