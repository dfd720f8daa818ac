# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# The heap profile at its default rate costs a hot pair of 64 bytes at most 2 %,
# in instructions.
#
# vm: --icount --append init_on_alloc=0 --add scripts/guest/tap:/tap
. /tap

B=/sys/kernel/debug/gomem_bench
cost() { awk -v row="$1" -v who="$2" '$2 == row && $4 == who { print $6 }' $B; }

insmod /gomem.ko || exit 1
check "measure" insmod /gomem_bench.ko rows=profile
off=$(cost profile-pair off)
default=$(cost profile-pair default)
echo "# a pair of 64 bytes: off $off, default rate $default;" \
	"one sample: $(cost profile-sample gomem) instructions"
check "at most 2 % more than with the profile off" \
	awk -v off="$off" -v on="$default" 'BEGIN { exit !(off > 0 && on <= 1.02 * off) }'
check "books" books
rmmod gomem_bench
check "rmmod" rmmod gomem
exit 0
