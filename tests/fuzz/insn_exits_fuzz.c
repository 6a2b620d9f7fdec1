/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through the reader of instructions that exit. First byte: mode.
 *
 * sources: vmm/insn_exits.c
 */
#include "vmm/insn_exits.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool ok)
{
	if (!ok) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct insn_info i;
	unsigned n;

	if (len < 1) {
		return 0;
	}
	n = len - 1 < 16 ? (unsigned)(len - 1) : 16;
	if (insn_exits(&i, data + 1, n, data[0] % 3)) {
		require(i.length >= 1 && i.length <= n && i.length <= INSN_LENGTH_MAX);
		require(i.kind > INSN_MOV && i.kind < INSN_KIND_COUNT && i.reg < GPR_COUNT && i.value < 16);
	}
	return 0;
}
