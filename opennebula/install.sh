#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs Brume's part of an OpenNebula front-end, or takes it out: install.sh --help
set -eu

here=$(cd "$(dirname "$0")" && pwd)
programs=${BRUME_PROGRAMS:-$here/../build/opennebula}
location=
do=install

say() { echo "install.sh: $*"; }
die() { echo "install.sh: $*" >&2; exit 1; }

usage() {
	cat <<-'END'
	install.sh [-d ONE_LOCATION]                  installs or brings up to date
	install.sh [-d ONE_LOCATION] --datastores     creates image, file and system datastores with TM_MAD=brume, if there are none of their names yet;
	                                              who calls it speaks for oneadmin in OpenNebula, which runs
	install.sh [-d ONE_LOCATION] --uninstall      takes out what it installed; keys, certificates and brumed.conf stay
	install.sh --stage DIR                        only copies the files, below DIR, as a package does
	install.sh --configure, --unconfigure         only what a package does after and before

	-d ONE_LOCATION   a self-contained OpenNebula; without it the one of the system, whose files are in /etc/one and so on

	oned.conf and monitord.conf get a part between two marked lines, and brume in the lists of the transfer drivers. The files as they
	were before the first time stay beside them as *.before-brume.
	END
}

while [ $# -gt 0 ]; do
	case $1 in
	-d) [ $# -ge 2 ] || die "-d needs a folder"; location=$2; shift ;;
	--datastores) do=datastores ;;
	--uninstall) do=uninstall ;;
	--configure) do=configure ;;
	--unconfigure) do=unconfigure ;;
	--stage) [ $# -ge 2 ] || die "--stage needs a folder"; do=stage; stage=$2; shift ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done

# ---- where things are ----

if [ -n "$location" ]; then
	[ -d "$location" ] || die "there is no folder $location"
	location=$(cd "$location" && pwd)
	bin=$location/bin mads=$location/lib/mads remotes=$location/var/remotes share=$location/share etc=$location/etc
	keys=$location/etc/brume state=$location/var/brume run=$location/var/run unit='' rotate=''
else
	root=${DPKG_ROOT:-}              # where dpkg installs into another system, which is not this one
	bin=$root/usr/bin mads=$root/usr/lib/one/mads remotes=$root/var/lib/one/remotes share=$root/usr/share etc=$root/etc/one
	keys=$root/etc/one/brume state=$root/var/lib/one/brume run='' unit=$root/lib/systemd/system rotate=$root/etc/logrotate.d
fi

# As part of the Debian package it has no files to copy: dpkg did that.
guide=docs/opennebula.md
if [ ! -d "$here/remotes" ]; then
	guide=/usr/share/doc/brume-frontend/opennebula.md
	case $do in
	install) do=configure ;;
	uninstall) do=unconfigure ;;
	esac
fi

# One of them: mode, source, target. Paths may have blanks, so tabs stand between.
file() {
	printf '%s\t%s\t%s\n' "$1" "$2" "$3"
}

files() {
	for name in brumed brumectl brume-tm; do
		[ ! -e "$programs/$name" ] || file 755 "$programs/$name" "$bin/$name"
	done
	for name in one_vmm_brume one_im_brume; do
		file 755 "$programs/$name" "$mads/$name"
	done
	for path in "$here"/remotes/tm/brume/*; do
		file 755 "$path" "$remotes/tm/brume/${path##*/}"
	done
	for path in "$here"/*/*.1; do
		[ ! -e "$path" ] || file 644 "$path" "$share/man/man1/${path##*/}"
	done
	for path in "$here"/*/*.bash; do
		[ ! -e "$path" ] || file 644 "$path" "$share/bash-completion/completions/$(basename "$path" .bash)"
	done
	[ -z "$unit" ] || file 644 "$here/etc/brumed.service" "$unit/brumed.service"
	[ -z "$rotate" ] || file 644 "$here/etc/logrotate" "$rotate/brume-frontend"
}

# Copies all files below the folder $1. A program that runs is replaced, not written into.
copy_files() {
	files | while IFS='	' read -r mode from to; do
		[ -e "$from" ] || die "$from is not there: make opennebula builds it"
		mkdir -p "$1$(dirname "$to")"
		if ! cmp -s "$from" "$1$to"; then
			install -m "$mode" "$from" "$1$to.new" && mv -f "$1$to.new" "$1$to"
		fi
		chmod "$mode" "$1$to"
	done
}

remove_files() {
	files | while IFS='	' read -r _ _ to; do
		rm -f "$to"
	done
	rmdir "$remotes/tm/brume" 2> /dev/null || :
}

# ---- oned.conf and monitord.conf ----

begin='# >>> brume: what follows is written by its install.sh, and taken out by install.sh --uninstall'
joined='# >>> brume: (the line above had no end) what follows is written by its install.sh, and taken out by install.sh --uninstall'
end='# <<< brume'

ends_in_newline() {
	[ ! -s "$1" ] || [ "$(tail -c 1 "$1" | od -An -tx1 | tr -d ' ')" = 0a ]
}

# The file $1 without our part. A line without an end stays one.
without_part() {
	open=1
	! ends_in_newline "$1" || open=
	awk -v open="$open" -v begin="$begin" -v joined="$joined" -v end="$end" '
		$0 == begin || $0 == joined { inside = 1 }
		!inside { if (lines++) printf "\n"; printf "%s", $0 }
		$0 == joined { cut = 1 }
		$0 == end { inside = 0 }
		END { if (lines && !cut && !open) printf "\n" }' "$1"
}

# The file $1 with ($2 = add) or without ($2 = remove) brume in the -d list of one_tm and the -s list of one_datastore: of those
# blocks that oned reads, the first TM_MAD and DATASTORE_MAD.
edit_lists() {
	awk -v how="$2" '
		function edit(line, option,   at, head, list, rest) {
			if (!match(line, "[ \"]-" option " +[^ \"]+")) return line
			head = substr(line, 1, RSTART + RLENGTH - 1); rest = substr(line, RSTART + RLENGTH)
			match(head, "[^ ]+$"); list = substr(head, RSTART); head = substr(head, 1, RSTART - 1)
			if (how == "add" && ("," list ",") !~ /,brume,/) list = list ",brume"
			if (how == "remove") { sub(/,brume$/, "", list); sub(/,brume,/, ",", list) }
			return head list rest
		}
		{ upper = toupper($0) }              # oned takes names in either case
		upper ~ /^[ \t]*TM_MAD[ \t]*=/ && !tm++ { block = "d" }
		upper ~ /^[ \t]*DATASTORE_MAD[ \t]*=/ && !ds++ { block = "s" }
		block && !/^[ \t]*#/ && upper ~ /ARGUMENTS/ { $0 = edit($0, block) }
		{ print }
		/\]/ { block = "" }' "$1"
}

# Puts standard input in place of the file $1, which keeps its owner and permissions. What it was before the first time is kept.
replace() {
	cat > "$work/new"
	if ! cmp -s "$work/new" "$1"; then
		if [ "$do" = install ] || [ "$do" = configure ]; then
			[ -e "$1.before-brume" ] || cp -p "$1" "$1.before-brume"
		fi
		cat "$work/new" > "$1"
		say "changed $1"
	fi
}

# Our part $2 at the end of the file $1, and the lists.
add_part() {
	without_part "$1" > "$work/plain"
	edited "$work/plain" add > "$work/lists"
	{
		cat "$work/lists"
		if ends_in_newline "$work/lists"; then
			echo "$begin"
		else
			printf '\n%s\n' "$joined"
		fi
		cat "$2"
		echo "$end"
	} | replace "$1"
}

# edit_lists, but a line without an end stays one
edited() {
	if ends_in_newline "$1"; then
		edit_lists "$1" "$2"
	else
		edit_lists "$1" "$2" | head -c -1
	fi
}

remove_part() {
	without_part "$1" > "$work/plain"
	edited "$work/plain" remove | replace "$1"
}

check_lists() {
	if [ "$(edit_lists "$etc/oned.conf" remove | cksum)" = "$(edit_lists "$etc/oned.conf" add | cksum)" ]; then
		say "$etc/oned.conf has no list of transfer drivers that I understand: add brume to -d of TM_MAD's ARGUMENTS by hand"
	fi
}

configure() {
	for name in oned.conf monitord.conf; do
		if [ -e "$etc/$name" ]; then
			add_part "$etc/$name" "$here/etc/$name.add"
		else
			say "there is no $etc/$name: is OpenNebula installed? Call this again when it is"
		fi
	done
	[ ! -e "$etc/oned.conf" ] || check_lists
	make_folders
	[ -z "$unit" ] || reload_units
}

unconfigure() {
	for name in oned.conf monitord.conf; do
		[ ! -e "$etc/$name" ] || remove_part "$etc/$name"
	done
}

# ---- folders, unit, datastores ----

# A folder of oneadmin's, or of whom a self-contained OpenNebula belongs to. What is above it may be oneadmin's already, who is not to lead root elsewhere.
owned_folder() {
	[ ! -L "$1" ] || die "$1 is a symbolic link"
	mkdir -p "$1"
	if [ -n "$location" ]; then
		owner=$(stat -c %u:%g "$location")
	else
		owner=$(id oneadmin > /dev/null 2>&1 && echo oneadmin:oneadmin || :)
	fi
	if [ "$(id -u)" = 0 ] && [ -n "$owner" ]; then
		chown -h "$owner" "$1"
	fi
	chmod "$2" "$1"
}

make_folders() {
	owned_folder "$keys" 750
	owned_folder "$state" 750
	[ -z "$run" ] || [ -d "$run" ] || owned_folder "$run" 750
	[ -e "$keys/brumed.conf" ] || cp "$here/etc/brumed.conf" "$keys/brumed.conf"
}

reload_units() {
	[ ! -d /run/systemd/system ] || [ -n "$root" ] || systemctl daemon-reload || :
}

stop_unit() {
	[ ! -d /run/systemd/system ] || systemctl disable --now brumed.service || :
}

# A datastore of name $1 and type $2.
create_datastore() {
	one=${location:+$location/bin/}
	if "${one}onedatastore" show "$1" > /dev/null 2>&1; then
		say "there is a datastore $1 already"
		return
	fi
	printf 'NAME = "%s"\nTYPE = "%s"\nTM_MAD = "brume"\n' "$1" "$2" > "$work/datastore"
	[ "$2" = SYSTEM_DS ] || echo 'DS_MAD = "fs"' >> "$work/datastore"
	"${one}onedatastore" create "$work/datastore"
}

create_datastores() {
	create_datastore brume-images IMAGE_DS
	create_datastore brume-files FILE_DS
	create_datastore brume-system SYSTEM_DS
}

next_steps() {
	cat <<-END

	Brume is installed on this front-end. What is to do next ($guide):

	  1. Put this front-end's certificate and key and the nodes' authority into $keys:
	     front-end.crt (with URI:brume:role:frontend), front-end.key, ca.crt
	  2. Start brumed: $([ -n "$unit" ] && echo "systemctl enable --now brumed" || echo "ONE_LOCATION=$location $bin/brumed, as the owner of OpenNebula")
	  3. Start OpenNebula again, so that it reads oned.conf and monitord.conf.
	  4. Create datastores with TM_MAD=brume: $here/install.sh${location:+ -d $location} --datastores, when OpenNebula runs.
	     The stock ones (TM_MAD=local or ssh) cannot serve Brume hosts.
	  5. onehost create NAME -i brume -v brume
	END
}

check_right() {
	if [ -n "$location" ]; then
		[ "$(id -u)" = 0 ] || [ -O "$location" ] || die "only root or the owner of $location may do this"
	else
		[ "$(id -u)" = 0 ] || die "only root may do this"
	fi
}

[ "$do" = stage ] || [ "$do" = datastores ] || check_right
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $do in
stage)
	copy_files "$stage"
	;;
install)
	copy_files ""
	configure
	next_steps
	;;
configure)
	configure
	next_steps
	;;
uninstall)
	[ -z "$unit" ] || stop_unit
	unconfigure
	remove_files
	[ -z "$unit" ] || reload_units
	say "keys, certificates, brumed.conf and the table of nodes are still in $keys and $state"
	;;
unconfigure)
	unconfigure
	;;
datastores)
	create_datastores
	;;
esac
