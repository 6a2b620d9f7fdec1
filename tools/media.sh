# SPDX-License-Identifier: Apache-2.0
# What mkiso, mkflash and mkpxe share; each sources it with its own arguments:
#
#   mkX -o OUT [-c config] [-m module]... [-a "arguments"] [-b] [-1] brume.elf
#
# -o  the file (pxe: the folder) to make                 -c  the configuration, a module called brume.conf
# -m  one more module: name=file, or a file that keeps its name
# -a  the kernel's own command line                      -b  BIOS only: smaller and quicker, for tests
# -1  hand over by Multiboot 1 instead of 2
set -eu

out= config= arguments= bios_only= boot=multiboot2 module=module2 image=
modules=()
while getopts o:c:m:a:b1 option; do
	case $option in
	o) out=$OPTARG ;;
	c) config=$OPTARG ;;
	m) modules+=("$OPTARG") ;;
	a) arguments=$OPTARG ;;
	b) bios_only=1 ;;
	1) boot=multiboot module=module ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
if [ $# -ne 1 ] || [ -z "$out" ]; then
	echo "usage: $(basename "$0") -o OUT [-c config] [-m module]... [-a arguments] [-b] [-1] brume.elf" >&2
	exit 2
fi
image=$1
if [ -n "$config" ]; then
	modules=("brume.conf=$config" ${modules[@]+"${modules[@]}"})
fi
grub_modules="$boot normal serial terminal search search_fs_file all_video gfxterm halt minicmd part_msdos part_gpt fat iso9660"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree

# Copies the image and the modules below $tree/boot, what has to travel with them, and prints the menu.
boot_tree() {
	local entry name top
	top=$(dirname "${BASH_SOURCE[0]}")/..
	mkdir -p "$tree/boot" "$tree/licenses"
	cp "$top/LICENSE" "$top/NOTICE" "$top/build/deps/newlib/../COPYING.NEWLIB" \
		"$top/build/deps/font/COPYING.SPLEEN" "$tree/licenses/"
	cp "$top/build/deps/lwip/COPYING" "$tree/licenses/COPYING.LWIP"
	cp "$top/build/deps/mbedtls/LICENSE" "$tree/licenses/LICENSE.MBEDTLS"
	cp "$top/build/deps/http-parser/LICENSE-MIT" "$tree/licenses/LICENSE.HTTP-PARSER"
	cp "$top/build/deps/expat/COPYING" "$tree/licenses/COPYING.EXPAT"
	cp "$top/build/deps/libvterm/LICENSE" "$tree/licenses/LICENSE.LIBVTERM"
	cp "$image" "$tree/boot/brume"
	cat <<-END
		serial --unit=0 --speed=115200
		terminal_input console serial
		terminal_output console serial
		set timeout=0
		insmod all_video
		menuentry "Brume" {
			$boot /boot/brume $arguments
	END
	for entry in ${modules[@]+"${modules[@]}"}; do
		name=$(basename "${entry%%=*}")
		cp "${entry#*=}" "$tree/boot/$name"
		# The first word of a module's string is its name. Multiboot 1 loaders put the file's path before it.
		echo "	$module /boot/$name $name"
	done
	echo '}'
}

# Runs a GRUB tool, whose chatter matters only when it fails.
quietly() {
	"$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
}
