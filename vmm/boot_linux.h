/* SPDX-License-Identifier: Apache-2.0 */
/* The Linux/x86 boot protocol, 2.02 and later, by its 64-bit entry or else its 32-bit one (Linux: Documentation/x86/boot.rst). */
#pragma once

#include "vmm/load.h"

/* True when the image carries the signature of the protocol, broken or not otherwise. */
bool boot_linux_probe(const struct boot_image *image);

/* As load_guest(). */
int boot_linux_load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why) MUST_CHECK;
