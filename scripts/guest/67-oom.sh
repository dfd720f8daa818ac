# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# No memory is left: as long as gomem can give 1 MiB and more, nobody is killed; when
# it cannot, somebody is, and it says who holds most of what it has.
#
# vm: --mem 512M --add scripts/guest/tap:/tap
. /tap

killed() { dmesg | grep -ciE 'out of memory: killed'; }
said() { dmesg | grep 'gomem: holds ' | tail -n 1; }

# A process that wants more memory than there is.
glutton() { tail /dev/zero; }

# All that is free and all that gomem has idle, as locked memory is: none to spare.
most() {
	mkdir -p /other && mount -t tmpfs -o size=600M other /other || return 1
	dd if=/dev/zero of=/other/file bs=1M count="$1" 2>&1
}

# The line says so: MB held, and MB of one size.
says() {
	said | grep -E "holds [0-9]+ MB, [0-9]+ MB in use; most in 4096-byte objects: ($1) MB; [a-z_]+\+0x[0-9a-f]+/0x[0-9a-f]+ \[gomem_spike\] holds ~[0-9]+ MB$"
}

# No two lines within a second; the clock of the log is not that of the kernel's ticks.
once_a_second() {
	dmesg | sed -n 's/^\[ *\([0-9.]*\)\] gomem: holds .*/\1/p' | awk '
		NR > 1 && $1 - last < 0.9 { print "at " last " and at " $1; bad = 1 }
		{ last = $1 }
		END { exit bad || !NR }'
}

insmod /gomem.ko scavenge_delay_ms=3600000 || exit 1
insmod /gomem_spike.ko size=4096
check "150 MiB come and wait" live 153600
check "and go" live 0
free=$(($(cat "$S"/free_kb) >> 10))
echo "# $free MB are free, $(($(held) >> 20)) MB are held"
check "another gets them" most $((free + 120))
check "nobody was killed" test "$(killed)" -eq 0
check "no word is said" test -z "$(said)"
umount /other
check "200 MiB stay" live 204800
glutton >/dev/null 2>&1
check "somebody was killed" test "$(killed)" -ge 1
echo "# $(said)"
check "and it is said who holds memory" says '199|200'
check "once a second" once_a_second
check "books" books
rmmod gomem_spike
check "rmmod" rmmod gomem
exit 0
