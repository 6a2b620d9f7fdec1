# SPDX-License-Identifier: Apache-2.0
# Every entry point of Brume. `make help` lists them.
# build/brume.elf is what a Multiboot loader takes; build/brume.sym.elf is the same image with symbols for gdb.

B       := build
CC      := gcc
LD      := ld
OBJCOPY := objcopy
NM      := nm
PYTHON  := /usr/bin/python3

# One short line per step; V=1 shows whole commands.
Q   := $(if $(V),,@)
say  = @$(if $(V),:,printf '  %-6s %s\n' $(1) $(2))

# All processors, unless the caller asked for something else or this is a nested make.
ifeq ($(MAKELEVEL),0)
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
endif
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

.PHONY: all
all: $(B)/brume.elf

include mk/third.mk
include mk/build.mk
include mk/image.mk
include mk/test.mk
include mk/opennebula.mk
include mk/bench.mk
include mk/lint.mk

.PHONY: help clean
help:
	@echo 'make            build/brume.elf: the kernel with its programs, for any Multiboot loader'
	@echo 'make run        boot Brume in QEMU and type to a Linux VM (Ctrl-] ? shows the keys, Ctrl-] q leaves)'
	@echo '                EMULATOR=bochs: in Bochs, whose processor has VT-x in place of AMD-V'
	@echo 'make test       every test; T=word runs those whose name contains word, FUZZ_SECONDS=n fuzzes longer'
	@echo '                TSAN=1: the programs for an OpenNebula front-end under ThreadSanitizer'
	@echo 'make test-oned  the tests of a front-end against a real one: ONE_LOCATION=dir (docs/tests.md)'
	@echo 'make bench      what exits, disk, network and a Linux VM cost under Brume and under Linux KVM on the same emulator'
	@echo 'make bench-exits, bench-pairs, bench-devices, bench-machine  its parts; SIDES=brume without KVM'
	@echo 'make iso        build/brume.iso: CD or USB stick, BIOS and UEFI'
	@echo 'make flash      build/brume.img: raw disk image, BIOS and UEFI; DEV=/dev/sdX writes it there'
	@echo 'make pxe        build/pxe/: the tree that a TFTP server serves, BIOS and UEFI'
	@echo 'make opennebula build/opennebula/: the programs for an OpenNebula front-end'
	@echo 'make deb        build/deb/: these as a Debian package, brume-frontend'
	@echo 'make lint       include layers, headers alone, gcc and clang warnings, clang-tidy'
	@echo 'make fmt        clang-format on the C files (F="files" for some)'
	@echo 'make clean      remove build/; downloads stay in the cache folder'
	@echo
	@echo 'CONFIG=file MODULES="name=file ..."   another configuration and further boot modules for run, iso, flash, pxe'
	@echo 'V=1                   shows whole commands'
	@echo 'BRUME_CACHE=dir       where downloads and built dependencies live (default ~/.cache/brume)'
	@echo 'BRUME_PREFETCHED=dir  take downloads from there instead of the network'

clean:
	rm -rf $(B)
