# SPDX-License-Identifier: Apache-2.0
# Completion of brumectl for bash: its commands, and nodes, VMs, images and disks by asking brumed.

# The first column of a table behind its head.
_brumectl_names()
{
	timeout 3 brumectl "$@" 2> /dev/null < /dev/null | awk 'NR > 1 { print $1 }'
}

# What stands behind a node.
_brumectl_things()
{
	case $1 in
	'vms create' | 'images upload') compgen -f -- "$3" ;;
	vms* | console*) compgen -W "$(_brumectl_names vms "$2")" -- "$3" ;;
	images*) compgen -W "$(_brumectl_names images "$2")" -- "$3" ;;
	disks*) compgen -W "$(_brumectl_names disks "$2")" -- "$3" ;;
	esac
}

_brumectl()
{
	local current=${COMP_WORDS[COMP_CWORD]} words=() word second='' before=1
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $word == -* ]] || words+=("$word")
	done
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--json --help' -- "$current")
		return
	fi
	case ${words[0]-} in
	nodes) second='list show add remove certificate' ;;
	vms) second='list show create start stop kill reset delete vnc' ;;
	images) second='list upload download delete' ;;
	disks) second='list download delete' ;;
	esac
	# Words before the node: `vms NODE`, but `vms start NODE VM`.
	if [ ${#words[@]} -gt 1 ] && [[ " $second " == *" ${words[1]} "* ]]; then
		before=2
	fi
	case ${#words[@]} in
	0) mapfile -t COMPREPLY < <(compgen -W 'nodes approve node metrics log vms console images disks' -- "$current") ;;
	1) mapfile -t COMPREPLY < <(compgen -W "$second $([ "${words[0]}" = nodes ] || _brumectl_names nodes)" -- "$current") ;;
	"$before") mapfile -t COMPREPLY < <(compgen -W "$(_brumectl_names nodes)" -- "$current") ;;
	$((before + 1))) mapfile -t COMPREPLY < <(_brumectl_things "${words[*]:0:before}" "${words[before]}" "$current") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
	esac
}

complete -o filenames -F _brumectl brumectl
