# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# A hot pair of an allocation and a free costs at most half of kmalloc's, in
# instructions, at every size; figures repeat exactly. That is without the heap
# profile, which kmalloc() does not keep; 52-profile-cost.sh is about that.
#
# vm: --icount --append init_on_alloc=0 --add scripts/guest/tap:/tap
. /tap

measure() {
	insmod /gomem_hotpair.ko && rmmod gomem_hotpair || return 1
	dmesg | sed -n 's/.*gomem_hotpair: //p' >/tmp/pairs
	[ -s /tmp/pairs ]
}

# at_most_half SIZE
at_most_half() {
	awk -v size="$1" '$2 == size { seen = 1; if (2 * $4 > $6) bad = 1 }
		END { exit bad || !seen }' /tmp/pairs
}

# Of a size that the compiler knows, for which kmalloc() is cheaper: at least 3 times.
third_of_constant() {
	awk '$1 == "constant" { seen = 1; if (3 * $4 > $6) bad = 1 }
		END { exit bad || !seen }' /tmp/pairs
}

insmod /gomem.ko mem_profile_rate=0 || exit 1
check "measure" measure
sed 's/^/# /' /tmp/pairs
for size in 8 24 64 100 256 700 1024 2048 3000 4096 8192 20000; do
	check "a pair of $size bytes" at_most_half $size
done
check "a pair of a constant size" third_of_constant
check "books" books
check "rmmod" rmmod gomem
exit 0
