# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# A machine that may have 240 CPUs one day, and has one.  What 74-instructions
# measured where there can be no other is compared with in 79-many-cpus.host.
#
# vm: --icount --maxcpus 240 --mem 512M --append init_on_alloc=0
# vm: --add scripts/guest/tap:/tap --add scripts/guest/versus:/versus
. /tap
. /versus

insmod /gomem.ko || exit 1
check "measure" run gomem_statscost
for row in memstats-cost gc-cost mcache-sys possible-cpus; do
	echo "$row $(value $row gomem)"
done >/out/statscost
check "240 CPUs are possible" is possible-cpus 240
check "the equations" judge "$D"/memstats
check "books" books
check "rmmod" rmmod gomem
exit 0
