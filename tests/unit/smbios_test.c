/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's UUID from SMBIOS tables: where they may be, what counts as none, and what is refused with which words.
 * sources: init/smbios.c
 */
#include "init/smbios.h"

#include "tests/fake/ram.h"
#include "tests/unit/check.h"

enum { RAM_SIZE = 0x101000, BIOS = 0xf0000, TABLE = 0x1000, EFI = 0x3000, EFI_LIST = 0x3100, ENTRY = 0x4000 };

static uint8_t ram[RAM_SIZE];
static struct fake_ram fake = { ram, RAM_SIZE };
static struct boot_smbios from;
static uint8_t uuid[SMBIOS_UUID_BYTES];
static uint32_t used;                    /* bytes of the table */

static const uint8_t ours[SMBIOS_UUID_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const char nowhere[] = "the firmware shows no SMBIOS tables", empty[] = "the SMBIOS tables hold no UUID";

static void put(uint64_t at, uint64_t value, size_t len)
{
	memcpy(ram + at, &value, len);
}

static void fix_sum(uint64_t at, size_t len, uint64_t sum_at)
{
	uint8_t sum = 0;

	ram[sum_at] = 0;
	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + ram[at + i]);
	}
	ram[sum_at] = (uint8_t)-sum;
}

/* A structure with its strings, which end with two zeros. */
static void structure(uint8_t type, uint8_t length, const char *strings, size_t strings_len)
{
	put(TABLE + used, type | (uint64_t)length << 8, 4);
	memcpy(ram + TABLE + used + length, strings, strings_len);
	used += length + (uint32_t)strings_len;
}

static void system_with(const uint8_t id[SMBIOS_UUID_BYTES])
{
	memcpy(ram + TABLE + used + 8, id, SMBIOS_UUID_BYTES);
	structure(1, 27, "maker\0model\0", 13);
}

/* A table as firmwares make it: the BIOS first. */
static void fresh(const uint8_t id[SMBIOS_UUID_BYTES])
{
	memset(ram, 0, sizeof(ram));
	from = (struct boot_smbios){ 0 };
	used = 0;
	structure(0, 24, "vendor\0version\0", 16);
	structure(32, 11, "\0", 2);
	system_with(id);
	structure(127, 4, "\0", 2);
}

static void entry3(uint64_t at)
{
	memcpy(ram + at, "_SM3_", 5);
	put(at + 6, 24, 1);
	put(at + 12, used, 4);
	put(at + 16, TABLE, 8);
	fix_sum(at, 24, at + 5);
}

static void entry2(uint64_t at, uint8_t length)
{
	memcpy(ram + at, "_SM_", 4);
	put(at + 5, length, 1);
	memcpy(ram + at + 16, "_DMI_", 5);
	put(at + 22, used, 2);
	put(at + 24, TABLE, 4);
	fix_sum(at + 16, 15, at + 21);
	fix_sum(at, length, at + 4);
}

static void efi(unsigned count)
{
	static const uint8_t v3[] = { 0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a, 0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94 };

	memcpy(ram + EFI, "IBI SYST", 8);
	put(EFI + 104, count, 8);
	put(EFI + 112, EFI_LIST, 8);
	memcpy(ram + EFI_LIST + 2 * 24, v3, sizeof(v3));
	put(EFI_LIST + 2 * 24 + 16, ENTRY, 8);
	from.efi_system_table = EFI;
}

static void found(void)
{
	memset(uuid, 0xcc, sizeof(uuid));
	CHECK(smbios_read_uuid(uuid, &from, fake_ram_read, &fake) == NULL);
	CHECK(memcmp(uuid, ours, sizeof(uuid)) == 0);
}

static void none(const char *words)
{
	static const uint8_t zeros[SMBIOS_UUID_BYTES];
	const char *why;

	memset(uuid, 0xcc, sizeof(uuid));
	why = smbios_read_uuid(uuid, &from, fake_ram_read, &fake);
	CHECK_STR(why ? why : "", words);
	CHECK(memcmp(uuid, zeros, sizeof(uuid)) == 0);
}

TEST(a_bios_has_an_entry_point_of_either_kind)
{
	fresh(ours);
	none(nowhere);
	entry3(BIOS + 0x5430);
	found();
	fresh(ours);
	entry2(BIOS + 0xffe0, 31);
	found();
	fresh(ours);
	entry2(BIOS, 30);                                /* as an old edition had it */
	found();
	fresh(ours);
	entry3(BIOS + 0x5438);                           /* on no paragraph */
	none(nowhere);
}

TEST(a_loader_copies_the_table_or_the_entry_point)
{
	fresh(ours);
	from = (struct boot_smbios){ .copy = TABLE, .copy_bytes = used };
	found();
	entry3(ENTRY);
	from = (struct boot_smbios){ .copy = ENTRY, .copy_bytes = 24 };
	found();
	memset(ram + ENTRY, 0, 24);
	entry2(ENTRY, 31);
	from.copy_bytes = 31;
	found();
}

TEST(efi_tells_of_the_entry_point)
{
	fresh(ours);
	efi(3);
	none(nowhere);
	entry3(ENTRY);
	found();
	efi(2);
	none(nowhere);                                   /* it is the third */
	efi(3);
	ram[EFI] ^= 1;
	none(nowhere);
	ram[EFI] ^= 1;
	put(EFI + 112, UINT64_MAX - 8, 8);
	none(nowhere);
	put(EFI + 104, UINT64_MAX, 8);
	none(nowhere);
}

TEST(a_uuid_that_is_not_set_is_none)
{
	static const uint8_t zeros[SMBIOS_UUID_BYTES], common[] = { 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9 };
	uint8_t ones[SMBIOS_UUID_BYTES];

	memset(ones, 0xff, sizeof(ones));
	fresh(zeros);
	entry3(BIOS);
	none("the SMBIOS UUID is not set");
	fresh(ones);
	entry3(BIOS);
	none("the SMBIOS UUID is not set");
	fresh(common);
	entry3(BIOS);
	none("the SMBIOS UUID is one that many machines have");
}

TEST(a_broken_entry_point_is_none)
{
	for (unsigned at = 0; at < 24; at++) {
		fresh(ours);
		entry3(BIOS);
		ram[BIOS + at] ^= 0x40;
		none(nowhere);
	}
	for (unsigned at = 0; at < 31; at++) {
		fresh(ours);
		entry2(BIOS, 31);
		ram[BIOS + at] ^= 0x40;
		none(nowhere);
	}
	fresh(ours);
	entry2(BIOS, 31);
	ram[BIOS + 20] ^= 1;                             /* both sums make up for it */
	ram[BIOS + 21] = (uint8_t)(ram[BIOS + 21] + ('_' ^ 1) - '_');
	none(nowhere);
}

TEST(structures_that_do_not_fit_end_the_table)
{
	fresh(ours);
	entry3(BIOS);
	ram[TABLE + 1] = 3;                              /* shorter than its head */
	none(empty);
	fresh(ours);
	used = 24 + 16 + 11 + 2 + 26;
	entry3(BIOS);
	none(empty);                                     /* the table ends within the structure */
	fresh(ours);
	ram[TABLE + 24 + 16 + 11 + 2 + 1] = 8;           /* version 2.0: no UUID */
	entry3(BIOS);
	none(empty);
	fresh(ours);
	memset(ram + TABLE + 24, 'x', 0x800);            /* strings without end */
	entry3(BIOS);
	none(empty);
	fresh(ours);
	ram[TABLE] = 127;                                /* the end, in front */
	entry3(BIOS);
	none(empty);
}

TEST(tables_that_lie_nowhere)
{
	fresh(ours);
	from = (struct boot_smbios){ .copy = UINT64_MAX - 3, .copy_bytes = 100 };
	none("the SMBIOS tables lie at an impossible address");
	from = (struct boot_smbios){ .copy = RAM_SIZE - 2, .copy_bytes = 100 };
	none(empty);
	fresh(ours);
	used = 0;
	entry3(BIOS);
	none(empty);
}

TEST(only_the_beginning_of_a_long_table_counts)
{
	fresh(ours);
	memset(ram + TABLE, 0, used);
	used = 0;
	for (unsigned i = 0; used < SMBIOS_TABLE_BYTES_MAX; i++) {
		structure(11, 200, "a\0", 3);
	}
	system_with(ours);
	entry3(BIOS);
	none(empty);
}
