/* SPDX-License-Identifier: Apache-2.0 */
/* Guest RAM by checked copies. Nothing is copied before the whole range is known to be RAM. */
#include "vmm/gmem.h"

#include <string.h>

/* False when addr is in a piece that is away; else *run ends before the next of these. */
static bool is_here(const struct gmem *mem, uint64_t addr, uint64_t *run)
{
	for (uint64_t left = mem->away; left; left &= left - 1) {
		const struct vmm_ram *p = &mem->piece[__builtin_ctzll(left)];

		if (addr >= p->gpa && addr - p->gpa < p->size) {
			return false;
		}
		if (p->gpa > addr && p->gpa - addr < *run) {
			*run = p->gpa - addr;
		}
	}
	return true;
}

/* The host bytes of addr, and in *run how many follow in the same slot; NULL outside of RAM. */
static uint8_t *slot_at(const struct gmem *mem, uint64_t addr, uint64_t *run)
{
	for (unsigned i = 0; i < mem->count; i++) {
		const struct gmem_slot *s = &mem->slot[i];

		if (addr >= s->base && addr - s->base < s->size) {
			*run = s->size - (addr - s->base);
			return is_here(mem, addr, run) ? s->host + (addr - s->base) : NULL;
		}
	}
	return NULL;
}

/* The next piece of [addr, addr + len); the caller has checked that it is RAM. */
static uint8_t *piece_at(const struct gmem *mem, uint64_t addr, size_t len, size_t *n)
{
	uint64_t run = 0;
	uint8_t *host = slot_at(mem, addr, &run);

	*n = run < len ? (size_t)run : len;
	return host;
}

bool gmem_has(const struct gmem *mem, gpa_t addr, size_t len)
{
	uint64_t at = addr.v, run;

	if (len > 0 && at > UINT64_MAX - (len - 1)) {
		return false;
	}
	while (len > 0) {
		if (!slot_at(mem, at, &run)) {
			return false;
		}
		if (run >= len) {
			break;
		}
		at += run;
		len -= (size_t)run;
	}
	return true;
}

int gmem_read(const struct gmem *mem, gpa_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t n;

	if (!gmem_has(mem, addr, len)) {
		return E_RANGE;
	}
	for (uint64_t at = addr.v; len > 0; at += n, to += n, len -= n) {
		const uint8_t *host = piece_at(mem, at, len, &n);

		memcpy(to, host, n);
	}
	return OK;
}

int gmem_write(const struct gmem *mem, gpa_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	size_t n;

	if (!gmem_has(mem, addr, len)) {
		return E_RANGE;
	}
	for (uint64_t at = addr.v; len > 0; at += n, from += n, len -= n) {
		uint8_t *host = piece_at(mem, at, len, &n);

		memcpy(host, from, n);
	}
	return OK;
}

int gmem_fill(const struct gmem *mem, gpa_t addr, uint8_t byte, size_t len)
{
	size_t n;

	if (!gmem_has(mem, addr, len)) {
		return E_RANGE;
	}
	for (uint64_t at = addr.v; len > 0; at += n, len -= n) {
		uint8_t *host = piece_at(mem, at, len, &n);

		memset(host, byte, n);
	}
	return OK;
}

uint8_t *gmem_pointer(const struct gmem *mem, uint64_t addr, uint64_t len)
{
	uint64_t run = 0;
	uint8_t *host = slot_at(mem, addr, &run);

	return host && len <= run ? host : NULL;
}

int gmem_set_bits(const struct gmem *mem, gpa_t addr, uint8_t bits)
{
	uint64_t run;
	uint8_t *host = slot_at(mem, addr.v, &run);

	if (!host) {
		return E_RANGE;
	}
	/* Relaxed: only the bits matter, nothing is published by them. */
	__atomic_fetch_or(host, bits, __ATOMIC_RELAXED);
	return OK;
}
