/* SPDX-License-Identifier: Apache-2.0 */
/* Entry point, structures, UUID: see smbios.h. EFI's system and configuration tables: UEFI 2.10, 4.3 and 4.6. */
#include "init/smbios.h"

enum { BIOS_START = 0xf0000, BIOS_END = 0x100000, PARAGRAPH = 16 };
enum {                                                                          /* DSP0134 5.2.1, 5.2.2 */
	ENTRY3_BYTES = 24, ENTRY3_LENGTH = 6, ENTRY3_TABLE_SIZE = 12, ENTRY3_TABLE = 16,
	ENTRY2_BYTES = 31, ENTRY2_LENGTH = 5, ENTRY2_DMI = 16, ENTRY2_TABLE_SIZE = 22, ENTRY2_TABLE = 24,
	ENTRY2_SHORT = 30,       /* what some state instead of 31, after an error of an old edition      */
	ENTRY_BYTES_MAX = 32,
};
enum { TYPE_SYSTEM = 1, TYPE_END = 127, SYSTEM_UUID = 8 };                      /* 7.2, 7.45 */
enum { EFI_COUNT = 104 };                /* offset of the number of configuration tables, their address follows */
#define EFI_SIGNATURE 0x5453595320494249ull      /* "IBI SYST" */

struct parser {
	acpi_read_fn *read;
	void *ctx;
};

static const char nowhere[] = "the firmware shows no SMBIOS tables";

static bool get(const struct parser *p, uint64_t addr, void *buf, size_t len)
{
	return p->read(p->ctx, addr, buf, len);
}

static uint64_t number(const uint8_t *at, size_t len)
{
	uint64_t value = 0;

	__builtin_memcpy(&value, at, len);
	return value;
}

static bool sums_up(const uint8_t *at, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + at[i]);
	}
	return sum == 0;
}

/* ---- the table of structures ---- */

static const char *judge(const uint8_t uuid[SMBIOS_UUID_BYTES])
{
	/* 03000200-0400-0500-0006-000700080009: what a vendor's firmware has where nobody filled it in. */
	static const uint8_t common[SMBIOS_UUID_BYTES] = { 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9 };
	bool set = false;

	for (unsigned i = 0; i < SMBIOS_UUID_BYTES; i++) {
		set |= uuid[i] != uuid[0];
	}
	if (!set && (uuid[0] == 0 || uuid[0] == 0xff)) {
		return "the SMBIOS UUID is not set";
	}
	return __builtin_memcmp(uuid, common, sizeof(common)) == 0 ? "the SMBIOS UUID is one that many machines have" : NULL;
}

/* Behind the strings that begin at `at`: two zeros end them (6.1.3). The end, where they do not. */
static uint64_t skip_strings(const struct parser *p, uint64_t at, uint64_t end)
{
	uint16_t two;

	for (; end - at >= sizeof(two) && get(p, at, &two, sizeof(two)); at++) {
		if (!two) {
			return at + sizeof(two);
		}
	}
	return end;
}

static const char *search(const struct parser *p, uint64_t base, uint64_t size, uint8_t uuid[SMBIOS_UUID_BYTES])
{
	struct { uint8_t type, length; uint16_t handle; } h;
	uint64_t at = base, end;

	size = size < SMBIOS_TABLE_BYTES_MAX ? size : SMBIOS_TABLE_BYTES_MAX;
	if (__builtin_add_overflow(base, size, &end)) {
		return "the SMBIOS tables lie at an impossible address";
	}
	while (end - at >= sizeof(h) && get(p, at, &h, sizeof(h)) && h.length >= sizeof(h) && h.length <= end - at && h.type != TYPE_END) {
		if (h.type == TYPE_SYSTEM && h.length >= SYSTEM_UUID + SMBIOS_UUID_BYTES) {
			return get(p, at + SYSTEM_UUID, uuid, SMBIOS_UUID_BYTES) ? judge(uuid) : "the SMBIOS UUID cannot be read";
		}
		at = skip_strings(p, at + h.length, end);
	}
	return "the SMBIOS tables hold no UUID";
}

/* ---- entry points ---- */

/* That of version 3 or of version 2.1 at `at`: where its table is. False: there is none, or it is broken. */
static bool read_entry(const struct parser *p, uint64_t at, uint64_t *base, uint64_t *size)
{
	uint8_t e[ENTRY_BYTES_MAX] = { 0 };
	bool v3, v2;
	size_t length, bytes;

	if (!get(p, at, e, ENTRY3_BYTES)) {
		return false;
	}
	v3 = __builtin_memcmp(e, "_SM3_", 5) == 0;
	v2 = __builtin_memcmp(e, "_SM_", 4) == 0 && __builtin_memcmp(e + ENTRY2_DMI, "_DMI_", 5) == 0;
	length = e[v3 ? ENTRY3_LENGTH : ENTRY2_LENGTH];
	if ((!v3 && !v2) || length < (v3 ? ENTRY3_BYTES : ENTRY2_SHORT) || length > sizeof(e)) {
		return false;
	}
	bytes = v2 && length < ENTRY2_BYTES ? ENTRY2_BYTES : length;
	if (!get(p, at + ENTRY3_BYTES, e + ENTRY3_BYTES, bytes - ENTRY3_BYTES) || !sums_up(e, length) ||
	    (v2 && !sums_up(e + ENTRY2_DMI, ENTRY2_BYTES - ENTRY2_DMI))) {
		return false;
	}
	*base = v3 ? number(e + ENTRY3_TABLE, 8) : number(e + ENTRY2_TABLE, 4);
	*size = v3 ? number(e + ENTRY3_TABLE_SIZE, 4) : number(e + ENTRY2_TABLE_SIZE, 2);
	return true;
}

static const char *by_entry(const struct parser *p, uint64_t at, uint8_t uuid[SMBIOS_UUID_BYTES])
{
	uint64_t base, size;

	return read_entry(p, at, &base, &size) ? search(p, base, size, uuid) : nowhere;
}

/* ---- where to look ---- */

/* Some loaders copy the table, others the entry point. */
static const char *by_copy(const struct parser *p, const struct boot_smbios *from, uint8_t uuid[SMBIOS_UUID_BYTES])
{
	const char *why = by_entry(p, from->copy, uuid);

	return why == nowhere ? search(p, from->copy, from->copy_bytes, uuid) : why;
}

static const char *by_efi(const struct parser *p, uint64_t system_table, uint8_t uuid[SMBIOS_UUID_BYTES])
{
	static const uint8_t guid[2][16] = {     /* of the entry points of version 3, 2.1 */
		{ 0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a, 0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94 },
		{ 0x31, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d },
	};
	struct { uint8_t guid[16]; uint64_t at; } table;
	struct { uint64_t count, at; } list;
	uint64_t signature, entry[2] = { 0 };
	const char *why = nowhere;

	if (!get(p, system_table, &signature, sizeof(signature)) || signature != EFI_SIGNATURE ||
	    !get(p, system_table + EFI_COUNT, &list, sizeof(list))) {
		return nowhere;
	}
	for (uint64_t i = 0; i < list.count && i < SMBIOS_EFI_TABLES_MAX && get(p, list.at + i * sizeof(table), &table, sizeof(table)); i++) {
		for (unsigned v = 0; v < ARRAY_SIZE(guid); v++) {
			entry[v] = __builtin_memcmp(table.guid, guid[v], sizeof(table.guid)) == 0 ? table.at : entry[v];
		}
	}
	for (unsigned v = 0; v < ARRAY_SIZE(guid) && why == nowhere; v++) {
		why = entry[v] ? by_entry(p, entry[v], uuid) : nowhere;
	}
	return why;
}

static const char *by_bios(const struct parser *p, uint8_t uuid[SMBIOS_UUID_BYTES])
{
	const char *why = nowhere;

	for (uint64_t at = BIOS_START; at < BIOS_END && why == nowhere; at += PARAGRAPH) {
		why = by_entry(p, at, uuid);
	}
	return why;
}

const char *smbios_read_uuid(uint8_t uuid[SMBIOS_UUID_BYTES], const struct boot_smbios *from, acpi_read_fn *read, void *ctx)
{
	const struct parser p = { read, ctx };
	const char *why = from->copy_bytes ? by_copy(&p, from, uuid) : nowhere;

	if (why == nowhere && from->efi_system_table) {
		why = by_efi(&p, from->efi_system_table, uuid);
	}
	if (why == nowhere) {
		why = by_bios(&p, uuid);
	}
	if (why) {
		__builtin_memset(uuid, 0, SMBIOS_UUID_BYTES);
	}
	return why;
}
