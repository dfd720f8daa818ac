# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Helpers shared by the scripts in this directory; meant to be sourced:
#
#	. "$(dirname "$(readlink -f "$0")")/lib.sh"
#
# It sets GOMEM_ROOT (the project tree) and GOMEM_CACHE (where everything slow
# to make is kept: kernel packages, kernel sources, build trees).

# Used by the scripts that source this file.
# shellcheck disable=SC2034
GOMEM_ROOT=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
: "${HOME:=$(getent passwd "$(id -u)" | cut -d : -f 6)}"
GOMEM_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/gomem
export HOME LC_ALL=C

# Progress goes to stderr, so that stdout stays for results.
say()  { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
warn() { say "warning: $*"; }
die()  { say "error: $*"; exit 2; }

# usage: print the calling script's header comment, as its --help text.
usage() {
	awk 'NR == 1 || /SPDX-License-Identifier/ { next }
	     !/^#/ { exit }
	     { sub(/^# ?/, ""); if (seen || $0 != "") { seen = 1; print } }' "$0"
}

bad_usage() { say "$*"; say "try '$0 --help'"; exit 2; }

# no_arguments ARGUMENT...: there are to be none, but --help.
no_arguments() {
	case ${1:-} in
	'')		;;
	-h|--help)	usage; exit ;;
	*)		bad_usage "what is '$1'?" ;;
	esac
}

# need_pkgs PKG...: have these Debian packages, installing the missing ones.
need_pkgs() {
	local pkg missing=()

	for pkg; do
		dpkg-query -W -f '${db:Status-Status}\n' "$pkg" 2>/dev/null |
			grep -qx installed || missing+=("$pkg")
	done
	[ ${#missing[@]} -eq 0 ] && return
	[ "$(id -u)" -eq 0 ] ||
		die "packages are missing; run: apt-get install ${missing[*]}"
	say "installing ${missing[*]}"
	(
		lock_cache apt-install
		log=$GOMEM_CACHE/apt-install.log
		if [ -z "${GOMEM_APT_UPDATED:-}" ]; then
			apt-get -qq update || warn "apt-get update failed, going on"
		fi
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
			--no-install-recommends -o DPkg::Lock::Timeout=600 \
			"${missing[@]}" </dev/null >"$log" 2>&1 ||
			{ tail -n 20 "$log" >&2; exit 1; }
	) || die "could not install ${missing[*]}"
	export GOMEM_APT_UPDATED=1
}

# packaged PACKAGE FILE: print where a file of a Debian package is, unpacked into
# the cache. The package, which may bring a service along, is not installed.
packaged() {
	local dir=$GOMEM_CACHE/packaged/$1

	if [ ! -e "$dir$2" ]; then
		say "getting $1"
		(
			lock_cache packaged
			new=$dir.tmp.$$
			trap 'rm -rf "$new"' EXIT
			mkdir -p "$new/deb" && cd "$new/deb" || exit
			apt-get -qq download "$1" 2>"$new/log" ||
				{ apt-get -qq update && apt-get -qq download "$1"; } ||
				exit
			dpkg-deb --fsys-tarfile ./*.deb |
				tar -C "$new" -xf - ".$2" || exit
			mkdir -p "$dir${2%/*}" && mv "$new$2" "$dir$2"
		) >&2 || die "cannot get $2 of the package $1"
	fi
	echo "$dir$2"
}

# lock_cache NAME: hold the cache's lock NAME until this (sub)shell ends.
lock_cache() {
	local fd

	mkdir -p "$GOMEM_CACHE/lock"
	exec {fd}>"$GOMEM_CACHE/lock/$1"
	if ! flock -n "$fd"; then
		say "waiting for another run to let go of '$1'"
		flock "$fd"
	fi
}

# temp_dir: make a temporary directory, removed on exit, and name it in $tmp.
temp_dir() {
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/gomem.XXXXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# check NAME COMMAND...: a test. Prints TAP, with what the command said if it failed;
# takes what temp_dir made.
tests=0 tests_failed=0
check() {
	local name=$1

	shift
	tests=$((tests + 1))
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok $tests - $name"
	else
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests - $name"
		tail -n 30 "$tmp/out" | sed 's/^/# /'
	fi
}

# verdict: the line that ends the tests, and whether all of them passed.
verdict() {
	echo "$((tests - tests_failed)) passed, $tests_failed failed"
	[ "$tests_failed" -eq 0 ]
}

# run_group COMMAND...: run COMMAND in the background, in a process group of
# its own that is killed when this script is.
run_group() {
	setsid "$@" </dev/null &
	group=$!
	trap 'kill -- -$group 2>/dev/null; exit 130' INT
	trap 'kill -- -$group 2>/dev/null; exit 143' TERM HUP
}

# with_progress TEXT LOG COMMAND...: run COMMAND with its output in LOG, say
# every 15 seconds that it still goes on, and show the end of LOG on failure.
with_progress() {
	local text=$1 log=$2 start=$SECONDS rc=0 ticks=0

	shift 2
	say "$text"
	run_group "$@" >"$log" 2>&1
	while kill -0 "$group" 2>/dev/null; do
		sleep 1
		[ $((++ticks % 15)) -ne 0 ] ||
			say "... $((SECONDS - start)) s: $(tail -n 1 "$log" | cut -c 1-70)"
	done
	wait "$group" || rc=$?
	if [ $rc -ne 0 ]; then
		say "failed after $((SECONDS - start)) s; the end of $log:"
		tail -n 30 "$log" >&2
	fi
	return $rc
}

# What no kernel log of ours may hold.
GOMEM_BAD_LOG='BUG:|kernel BUG at|WARNING:|Oops|general protection fault'
GOMEM_BAD_LOG+='|[Uu]nable to handle|double fault|Kernel panic|stack-protector'
GOMEM_BAD_LOG+='|KASAN:|KCSAN:|KFENCE:|KMSAN:|UBSAN:|refcount_t:|list_(add|del) corruption'
GOMEM_BAD_LOG+='|Bad page (state|map)|page allocation failure'
GOMEM_BAD_LOG+='|possible (circular|recursive) locking|(lock|irq) inversion|inconsistent lock state'
GOMEM_BAD_LOG+='|lock order detected|Invalid wait context|suspicious RCU usage|bad unlock balance'
GOMEM_BAD_LOG+='|held lock freed|lock held when returning|DEBUG_LOCKS_WARN_ON|non-static key'
GOMEM_BAD_LOG+='|scheduling while atomic|sleeping function called from invalid context'
GOMEM_BAD_LOG+='|rcu: INFO|rcu_[a-z_]* (self-)?detected|soft lockup|hard LOCKUP|blocked for more than|hung task'
GOMEM_BAD_LOG+='|kmemleak: [0-9]+ new suspected'

# scan_log FILE [ALLOW_REGEX]: print the kernel log's bad lines; fail on any.
scan_log() {
	local bad

	bad=$(grep -aE "$GOMEM_BAD_LOG" "$1" |
		if [ -n "${2:-}" ]; then grep -avE "$2"; else cat; fi) || :
	[ -z "$bad" ] && return
	say "the kernel complained:"
	printf '%s\n' "$bad" >&2
	return 1
}

# count_tap FILE...: print "PASSED FAILED SKIPPED" of TAP or KTAP text.  Only
# the innermost results count, and results that a plan promised but that never
# came count as failed.
count_tap() {
	awk '
	function close_level(d) {
		if (plan[d] > seen[d])
			fail += plan[d] - seen[d]
		delete plan[d]
		delete seen[d]
	}
	{ sub(/\r$/, ""); gsub(/\t/, "    "); sub(/^\[ *[0-9]+\.[0-9]+\](\[[^]]*\])? /, "") }
	match($0, /^ */) { d = RLENGTH; line = substr($0, d + 1) }
	line ~ /^1\.\.[0-9]+/ {
		plan[d] = substr(line, 4) + 0
		seen[d] = 0
	}
	line ~ /^(not )?ok [0-9]+/ {
		for (inner = d + 1; inner <= 32; inner++) {
			if (seen[inner] || plan[inner])
				nested = 1
			close_level(inner)
		}
		seen[d]++
		if (nested && line ~ /^not ok/ && fail == before[d])
			fail++		# the group failed, no member did
		else if (!nested && line ~ /# SKIP/)
			skip++
		else if (!nested && line ~ /^not/)
			fail++
		else if (!nested)
			pass++
		nested = 0
		for (inner = d; inner <= 32; inner++)
			before[inner] = fail + 0
	}
	END {
		for (d = 0; d <= 32; d++)
			close_level(d)
		print pass + 0, fail + 0, skip + 0
	}' "$@"
}

# project_files: the project's files, tracked or new, NUL-separated.
project_files() {
	if git -C "$GOMEM_ROOT" rev-parse --git-dir >/dev/null 2>&1; then
		git -C "$GOMEM_ROOT" ls-files -z --cached --others --exclude-standard |
			while IFS= read -r -d '' f; do
				[ ! -e "$GOMEM_ROOT/$f" ] || printf '%s\0' "$f"
			done
	else
		(cd "$GOMEM_ROOT" && find . -type f -not -path './.git/*' -printf '%P\0')
	fi
}

# copy_project DIR: make DIR's sources those of the project.  Files that have
# not changed keep their time stamps, and build products are left alone, so
# that the next make is incremental.
copy_project() {
	local list

	mkdir -p "$1"
	list=$(mktemp "$1/.files.XXXXXX")
	# In the middle of a merge, git names a file more than once.
	project_files | sort -zu >"$list"
	rsync -rlp --checksum --from0 --files-from="$list" "$GOMEM_ROOT/" "$1/"
	# Sources copied by an earlier run and gone from the project since.
	if [ -e "$1/.files" ]; then
		sort -zu "$1/.files" | comm -z -23 - "$list" |
			(cd "$1" && xargs -0 -r rm -f --)
	fi
	mv "$list" "$1/.files"
}

# uml_tree 6.1|unstable: have a kernel source with the project grafted into
# mm/gomem, lock it, and set UML_TREE, UML_BASE (for builds) and KVERSION.
uml_tree() {
	local source

	need_pkgs gcc libc6-dev make bc flex bison libelf-dev libssl-dev python3 rsync
	source=$("$GOMEM_ROOT/scripts/fetch-kernel" source "$1") || return
	eval "$source"

	# All configurations of one kernel share the source.
	UML_BASE=$GOMEM_CACHE/uml/$(basename "$(dirname "$KSRC")")
	UML_TREE=$UML_BASE/tree
	lock_cache "uml-$1"
	if [ ! -d "$UML_TREE" ]; then
		say "copying the source of Linux $KVERSION"
		rm -rf "$GOMEM_CACHE/uml/$1-"*
		mkdir -p "$UML_BASE"
		# Hard links: scripts/graft replaces the files that it changes.
		cp -al "$KSRC" "$UML_TREE.tmp"
		mv "$UML_TREE.tmp" "$UML_TREE"
	fi
	"$GOMEM_ROOT/scripts/graft" "$UML_TREE" 2>/dev/null ||
		die "cannot graft gomem into $UML_TREE"
}

# uml_build NAME FILE CONFIG_X=Y...: build the newest kernel as User Mode Linux,
# with these options beside its defaults, and put what can be run into FILE.
uml_build() {
	local name=$1 file=$2 build

	shift 2
	uml_tree unstable || return
	build=$UML_BASE/build-$name
	mkdir -p "$build"
	printf '%s\n' "$@" >"$build/options"
	cmp -s "$build/options" "$build/options.old" ||
		{ cp "$build/options" "$build/.config"
		  make -s -C "$UML_TREE" ARCH=um O="$build" olddefconfig >&2 || return
		  cp "$build/options" "$build/options.old"; }
	with_progress "building Linux $KVERSION (some minutes the first time)" \
		"$build/build.log" make -C "$UML_TREE" ARCH=um O="$build" \
		--jobs="$(nproc)" || return
	! grep -A 3 'mm/gomem/.*warning:' "$build/build.log" >&2 || return
	cp "$build/linux" "$file"
}
