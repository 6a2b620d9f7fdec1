/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes through the kernel's instruction lengths. First byte: mode and instruction.
 *
 * sources: arch/x86/vcpu/insn.c
 */
#include "arch/x86/vcpu/insn.h"
#include "kernel/abi.h"

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
	enum insn_mode mode;
	enum insn_op op;
	uint8_t gpr;
	unsigned n;

	if (len < 1) {
		return 0;
	}
	mode = data[0] % 3;
	op = data[0] / 3 % INSN_OP_COUNT;
	data++;
	n = len - 1 < 16 ? (unsigned)(len - 1) : 16;
	require(insn_length(data, n, op, mode) <= (n < INSN_MAX ? n : INSN_MAX));
	if (insn_decode_mov_cr(data, n, mode, data[-1] & 1 ? 8 : 4, &gpr)) {
		require(gpr < GPR_COUNT);
	}
	return 0;
}
