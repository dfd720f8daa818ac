# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completes what follows gomem's tools in bash: options, commands, choices and files.
# All of it is taken from what the tool says to --help. It is installed once for each
# tool, by its name.

_gomem() {
	local help word=$2 before=$3 command='' i choices

	# A command has a help text of its own.
	help=$("$1" --help 2>/dev/null) || return
	for ((i = 1; i < COMP_CWORD; i++)); do
		grep -q "^    ${COMP_WORDS[i]//[^a-z]/.}\( \|\$\)" <<<"$help" || continue
		command=${COMP_WORDS[i]}
		help=$("$1" "$command" --help 2>/dev/null) || return
		break
	done
	# What an option takes: one of {a,b}, a directory, something else; or nothing.
	if [[ $before = -* ]]; then
		choices=$(grep -oE -- "(^|[ ,])$before [{A-Z][^ ,}]*[^ ]*" <<<"$help" | head -n 1)
		choices=${choices##* }
		case $choices in
		{*)	choices=${choices#\{}
			choices=${choices%%\}*}
			mapfile -t COMPREPLY < <(compgen -W "${choices//,/ }" -- "$word")
			return ;;
		DIR*)	mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
		?*)	mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
		esac
	fi
	if [[ $word = -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- \
			'^  (-[a-z], )?--?[a-z-]+|, --[a-z-]+' <<<"$help" |
			grep -oE -- '-[-a-z]+')" -- "$word")
		return
	fi
	# Commands and formats, as long as there is none; then files.
	choices=$(sed -n '/^positional arguments:/,/^$/{
		s/^  {\([a-z,]*\)}.*/\1/p
		s/^    \([a-z]\{1,\}\)\( .*\)*$/\1/p
	}' <<<"$help" | tr ',\n' '  ')
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ " $choices " != *" ${COMP_WORDS[i]} "* ]] || choices=''
	done
	if [ -n "${choices// }" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
}

complete -o filenames -F _gomem "${BASH_SOURCE[0]##*/}"
