# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC1091
#
# The tools for user space, on a loaded module and with the programs that they
# are made for: promtool, slabtop, and a module that leaks for the doctor.
#
# vm: --add scripts/guest/tap:/tap
# vm: --program python3 --program slabtop:procps
# vm: --packaged prometheus:/usr/bin/promtool
# vm: --add scripts/tools:/tools
. /tap

export TERM=linux

# status N COMMAND...: COMMAND exits with N.
status() {
	want=$1
	shift
	"$@"
	have=$?
	[ "$have" = "$want" ] || { echo "exit status $have"; return 1; }
}

# says STATUS PATTERN COMMAND...: it exits so, and prints what matches.
says() {
	want=$1 pattern=$2
	shift 2
	"$@" >/tmp/said 2>&1
	have=$?
	cat /tmp/said
	[ "$have" = "$want" ] && grep -q -- "$pattern" /tmp/said &&
		! grep -q Traceback /tmp/said
}

# exported METRIC: its value in the last export.
exported() { awk -v m="$1" '$1 == m { print $2 }' /tmp/gomem.prom; }

promtool_is_silent() {
	/tools/gomem-export prometheus --output /tmp/gomem.prom || return 1
	/usr/bin/promtool check metrics </tmp/gomem.prom >/tmp/said 2>&1
	status=$?
	cat /tmp/said
	[ "$status" = 0 ] && [ ! -s /tmp/said ] &&
		[ "$(exported gomem_memstats_heap_alloc_bytes)" = "$(field HeapAlloc)" ] &&
		[ "$(exported 'gomem_class_live_objects{size="32"}')" = 1 ]
}

# For the collector that is no failure.
textfile_says_down() {
	status 0 /tools/gomem-export prometheus --textfile /tmp/down.prom &&
		/usr/bin/promtool check metrics </tmp/down.prom &&
		[ "$(grep -v '^#' /tmp/down.prom)" = "gomem_up 0" ]
}

# And when it is there, as much as otherwise.
textfile_is_whole() {
	/tools/gomem-export prometheus >/tmp/live.prom &&
		/tools/gomem-export prometheus --textfile /tmp/up.prom &&
		cmp /tmp/live.prom /tmp/up.prom && grep -q '^gomem_up 1$' /tmp/up.prom &&
		{ [ ! -e /sys/module/gomem/version ] ||
			grep -Fq "gomem_build_info{version=\"$(cat /sys/module/gomem/version)\"} 1" \
				/tmp/up.prom; }
}

# Sites and modules are told by the function that allocates.
owners_are_told() {
	/tools/gomem-export prometheus >/tmp/gomem.prom &&
		/usr/bin/promtool check metrics </tmp/gomem.prom || return 1
	grep '^gomem_[sm].*_live_bytes' /tmp/gomem.prom
	[ "$(exported 'gomem_module_live_bytes{module="gomem_drip"}')" -gt 0 ] &&
		grep -q '^gomem_site_live_bytes{site="leak_packet \[gomem_drip\]",class="4096"} [1-9]' \
			/tmp/gomem.prom
}

# gomem's classes, each in a line of slabtop's; nobody else sees them.
slabtop_lists() {
	/tools/gomem-export slabinfo --over-proc slabtop -o >/tmp/slabtop || return 1
	cat /tmp/slabtop
	[ "$(grep -c ' gomem-[0-9]* *$' /tmp/slabtop)" = 66 ] &&
		grep -q ' 1 .* 0.03K .* gomem-32 *$' /tmp/slabtop &&
		! grep -q gomem- /proc/slabinfo && ! grep -q slabinfo /proc/mounts
}

# And the kernel's caches beside them.
slabtop_has_both() {
	/tools/gomem-export slabinfo --with-kernel --over-proc slabtop -o >/tmp/slabtop ||
		return 1
	grep -E 'gomem-|dentry|kmalloc-64 ' /tmp/slabtop
	[ "$(grep -c ' gomem-[0-9]* *$' /tmp/slabtop)" = 66 ] &&
		grep -q ' 0.19K .* dentry *$' /tmp/slabtop &&
		[ "$(wc -l </tmp/slabtop)" -gt 100 ]
}

# What a command sees there goes on changing.
slabinfo_is_live() {
	/tools/gomem-export slabinfo --over-proc sh -c '
		grep "^gomem-32 " /proc/slabinfo
		insmod /gomem_example.ko
		sleep 3
		grep "^gomem-32 " /proc/slabinfo' >/tmp/said || return 1
	cat /tmp/said
	[ "$(awk '{ print $2 }' /tmp/said | xargs)" = "0 1" ]
}

# All files but those that can only be written.
save() {
	rm -rf "$1"
	/tools/gomem-export save "$1" || return 1
	[ -s "$1"/memstats ] && [ -s "$1"/classes ] && [ -s "$1"/heap ] &&
		[ ! -e "$1"/gc ] && [ ! -e "$1"/free_os_memory ] &&
		[ "$(find "$1" -type f | wc -l)" = "$(find "$D" -type f -perm /444 | wc -l)" ]
}

same_from_copy() {
	/tools/gomem-export prometheus --root "$1" >/tmp/copy.prom &&
		/tools/gomem-export prometheus | grep -v gomem_build_info >/tmp/live.prom &&
		cmp /tmp/copy.prom /tmp/live.prom
}

# What is left when debugfs is not mounted.
only_proc() {
	umount /sys/kernel/debug || return 1
	/tools/gomem-export prometheus >/tmp/proc.prom
	status=$?
	mount -t debugfs debug /sys/kernel/debug
	[ "$status" = 0 ] && /tools/gomem-export prometheus >/tmp/live.prom || return 1
	# It has no knobs and no profile.
	for copy in proc live; do
		grep -E '^gomem_(memstats|class)_' "/tmp/$copy.prom" >"/tmp/$copy"
	done
	grep -q '^gomem_class_spans{size="32"} 1' /tmp/proc && cmp /tmp/proc /tmp/live
}

names_leak() {
	says 1 'class 4096 there are .* live objects more' \
		/tools/gomem-doctor --interval 2 --readings 3 -q || return 1
	# With a heap profile the function is named too.
	[ ! -e "$D"/sites ] || grep -q leak_packet /tmp/said || {
		echo "leak_packet is not named"; return 1; }
	! grep -Eq 'hold_route|churn_|class (96|48|20480)' /tmp/said
}

no_leak_named() {
	/tools/gomem-doctor --interval 2 -q >/tmp/said 2>&1
	[ $? -le 1 ] || return 1
	! grep -E 'leak:|growth:' /tmp/said
}

# Nobody is left to free what a module left behind; the name stays.
names_gone() {
	insmod /gomem_owner.ko early=20 late=40 leave=1 && rmmod gomem_owner || return 1
	says 1 'leak: owner_late+.* \[gomem_owner\] (gone) holds' /tools/gomem-doctor -q &&
		grep -q 'next: gomem-lines --at owner_late+.* --ko gomem_owner.ko' /tmp/said
}

check "not loaded: it says so" says 2 'gomem is not loaded' /tools/gomem-export csv
check "not loaded: so does the doctor" says 2 'gomem is not loaded' /tools/gomem-doctor
check "not loaded: the textfile says so" textfile_says_down
insmod /gomem.ko || exit 1
check "slabinfo is live" slabinfo_is_live
check "promtool has no word to say" promtool_is_silent
check "slabtop lists the classes" slabtop_lists
check "slabtop lists the kernel's caches, too" slabtop_has_both
check "the textfile is whole" textfile_is_whole
check "its exit status is the command's" \
	status 7 /tools/gomem-export slabinfo --over-proc sh -c 'exit 7'
check "csv" says 0 '^time,Alloc,' /tools/gomem-export csv
check "a copy can be saved" save /tmp/saved
check "and is as good as the files" same_from_copy /tmp/saved
check "/proc/gomem is as good as debugfs" only_proc
check "the doctor finds nothing" says 0 '^fine ' /tools/gomem-doctor --interval 1
check "but tells of the memory that is not gomem's" \
	says 0 'Meanwhile SUnreclaim .* changed by ' /tools/gomem-doctor --interval 1
check "and has nothing to say" test -z "$(/tools/gomem-doctor -q 2>&1)"

[ ! -e "$D"/mem_profile_rate ] || echo 4096 >"$D"/mem_profile_rate
check "a module that leaks" insmod /gomem_drip.ko step_ms=2
sleep 1
check "call sites and modules are told" owners_are_told
check "the doctor names the leak" names_leak
sed 's/^/# /' /tmp/said
rmmod gomem_drip
check "the doctor does not name it any more" no_leak_named
rmmod gomem_example
check "but a module that has gone and left memory" names_gone
check "rmmod" rmmod gomem
exit 0
