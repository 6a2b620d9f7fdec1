/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's SMBIOS tables (DMTF DSP0134 3.0.0): who made the machine, its UUID, processors and memory. */
#pragma once

#include "lib/base.h"
#include "vmm/gmem.h"

enum { SMBIOS_TABLES_MAX = 2048, SMBIOS_VENDOR_MAX = 13, SMBIOS_BRAND_MAX = 49 };

struct smbios_machine {
	const uint8_t *uuid;         /* 16 bytes in the order in which a UUID is written             */
	const struct gmem *mem;
	unsigned vcpus;              /* 1 to PLATFORM_VCPUS_MAX, all alike                           */
	uint32_t signature, features;        /* of a processor: EAX and EDX of CPUID leaf 1          */
	uint32_t mhz;
	char vendor[SMBIOS_VENDOR_MAX], brand[SMBIOS_BRAND_MAX];     /* of CPUID leaves 0 and 80000002h; may be empty */
};

/*
 * Writes both entry points (the one of 64 bits first) and the structures into buf, to be placed at guest-physical address at (16-aligned,
 * in the first MiB). Returns their length in bytes. E_NOMEM: size is too small; E_INVAL: machine or at is outside of its range.
 */
int smbios_tables_build(uint8_t *buf, size_t size, uint64_t at, const struct smbios_machine *machine) MUST_CHECK;
