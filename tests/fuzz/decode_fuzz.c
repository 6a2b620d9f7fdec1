/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes in any mode through the instruction decoder. First byte: mode.
 *
 * sources: vmm/decode.c vmm/decode_table.c
 */
#include "vmm/decode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool ok)
{
	if (!ok) {
		abort();
	}
}

static bool is_size(unsigned n)
{
	return n == 1 || n == 2 || n == 4 || n == 8;
}

static bool is_register(unsigned n)
{
	return n < GPR_COUNT || n == REG_NONE;
}

/* What the emulator indexes and shifts by without looking again. */
static void check_insn(const struct insn *in, size_t count)
{
	struct insn_info info;

	require(in->length >= 1 && in->length <= INSN_LENGTH_MAX && in->length <= count);
	require(is_size(in->mem_size) && is_size(in->reg_size));
	require(in->address_size >= 2 && is_size(in->address_size));
	require(in->reg < GPR_COUNT && is_register(in->base) && is_register(in->index) && in->scale < 4);
	require(in->segment < SEG_NONE);
	require(in->op == in->form->op && in->op != OP_REFUSED);
	require(!in->high_byte || (in->reg >= 4 && in->reg < 8 && in->reg_size == 1));
	require(!decode_as_mov(in, &info) || (info.reg < GPR_COUNT && info.length == in->length && (!info.high || info.reg < 4)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct insn in, again;
	enum decode_mode mode;
	int r;

	if (len < 1) {
		return 0;
	}
	mode = data[0] % 3;
	data++;
	len--;
	r = decode(&in, data, len, mode);
	require(r <= 0);
	if (r == E_NOSYS) {
		require(in.form->refused != NULL);
	}
	if (r != OK) {
		return 0;
	}
	check_insn(&in, len);
	/* Exactly its bytes are enough, and one less is not. */
	require(decode(&again, data, in.length, mode) == OK && again.length == in.length && again.form == in.form);
	require(decode(&again, data, in.length - 1u, mode) == E_RANGE);
	return 0;
}
