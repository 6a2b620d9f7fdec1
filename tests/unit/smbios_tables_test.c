/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's SMBIOS tables (DSP0134): both entry points, every structure with its strings, and the machine's UUID as init would read it.
 * sources: vmm/smbios_tables.c init/smbios.c
 */
#include "vmm/smbios_tables.h"

#include "init/smbios.h"
#include "tests/unit/check.h"
#include "vmm/platform.h"

enum { AT = 0xf0000 };

static const uint8_t uuid[16] = { 0x03, 0x23, 0x64, 0xd3, 0x6e, 0xf8, 0x48, 0xb7, 0xbb, 0x9e, 0x09, 0x21, 0x75, 0x80, 0x53, 0x3f };
static uint8_t t[SMBIOS_TABLES_MAX];
static int len;
static struct gmem mem;
static struct smbios_machine machine;

static uint64_t get(const uint8_t *p, size_t at, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, p + at, size);
	return v;
}

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--) {
		s = (uint8_t)(s + *p++);
	}
	return s;
}

static void build(unsigned vcpus)
{
	mem = (struct gmem){ .slot = { { .base = 0, .size = MIB(256) } }, .count = 1 };
	machine = (struct smbios_machine){
		.uuid = uuid, .mem = &mem, .vcpus = vcpus, .signature = 0x00800f12, .features = 0x178bfbff, .mhz = 2500,
		.vendor = "AuthenticAMD", .brand = "    A processor of 48 bytes with blanks before it",
	};
	memset(t, 0xee, sizeof(t));
	len = smbios_tables_build(t, sizeof(t), AT, &machine);
	CHECK(len > 0);
}

/* Behind a structure and its strings. */
static const uint8_t *behind(const uint8_t *s)
{
	const uint8_t *end = s + s[1];

	CHECK(s[1] >= 4);
	while (end[0] || end[1]) {
		end++;
		CHECK(end + 2 <= t + len);
	}
	return end + 2;
}

/* The nth structure of a type; NULL: there are fewer. */
static const uint8_t *find(unsigned type, unsigned nth)
{
	const uint8_t *s = t + (get(t, 16, 8) - AT);

	for (; s < t + len; s = behind(s)) {
		if (s[0] == type && nth-- == 0) {
			return s;
		}
	}
	return NULL;
}

/* The string that a field names. */
static const char *string(const uint8_t *s, size_t field)
{
	const char *text = (const char *)s + s[1];

	CHECK(s[field]);
	for (unsigned i = 1; i < s[field]; i++) {
		CHECK(*text);
		text += strlen(text) + 1;
	}
	CHECK(*text);
	return text;
}

TEST(both_entry_points_name_the_same_table)
{
	const uint8_t *old = t + 32, *s, *end;
	unsigned count = 0, largest = 0;

	build(8);
	CHECK_MEM(t, "_SM3_", 5);
	CHECK_EQ(t[6], 24);
	CHECK_EQ(sum(t, 24), 0);
	CHECK_MEM(old, "_SM_", 4);
	CHECK_EQ(old[5], 31);
	CHECK_EQ(sum(old, 31), 0);
	CHECK_MEM(old + 16, "_DMI_", 5);
	CHECK_EQ(sum(old + 16, 15), 0);
	CHECK_EQ(get(old, 24, 4), get(t, 16, 8));
	CHECK_EQ(get(old, 22, 2), get(t, 12, 4));
	CHECK_EQ(get(t, 16, 8) + get(t, 12, 4), AT + (uint64_t)len);
	s = t + (get(t, 16, 8) - AT);
	for (; s < t + len; s = end, count++) {
		end = behind(s);
		largest = (unsigned)(end - s) > largest ? (unsigned)(end - s) : largest;
		CHECK_EQ(s[0] == 127, end == t + len);
	}
	CHECK_EQ(get(old, 28, 2), count);
	CHECK_EQ(get(old, 8, 2), largest);
}

TEST(every_handle_is_another_one)
{
	const uint8_t *s, *other;

	build(8);
	for (s = t + (get(t, 16, 8) - AT); s < t + len; s = behind(s)) {
		for (other = behind(s); other < t + len; other = behind(other)) {
			CHECK(get(s, 2, 2) != get(other, 2, 2));
		}
	}
}

TEST(what_must_be_there_is_there)
{
	static const struct { unsigned type, count, length; } row[] = {
		{ 0, 1, 0x18 }, { 1, 1, 0x1b }, { 3, 1, 0x16 }, { 4, 3, 0x30 }, { 16, 1, 0x17 }, { 17, 1, 0x28 }, { 19, 1, 0x1f }, { 32, 1, 0x0b },
		{ 127, 1, 4 },
	};

	build(3);
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK(find(row[i].type, row[i].count - 1) && !find(row[i].type, row[i].count));
		CHECK_EQ(find(row[i].type, 0)[1], row[i].length);
	}
	CHECK_STR(string(find(1, 0), 4), "Brume");
	CHECK_STR(string(find(1, 0), 5), "Brume VM");
	CHECK_STR(string(find(0, 0), 4), "Brume");
	CHECK_EQ(find(0, 0)[19] & 0x10, 0x10);                       /* a virtual machine */
}

TEST(processors_are_as_cpuid_says)
{
	const uint8_t *p;

	build(8);
	p = find(4, 7);
	CHECK_STR(string(p, 4), "CPU 7");
	CHECK_STR(string(p, 7), "AuthenticAMD");
	CHECK_STR(string(p, 16), "A processor of 48 bytes with blanks before it");
	CHECK_EQ(get(p, 8, 4), 0x00800f12);
	CHECK_EQ(get(p, 12, 4), 0x178bfbff);
	CHECK_EQ(get(p, 22, 2), 2500);
	machine.brand[0] = '\0';
	CHECK(smbios_tables_build(t, sizeof(t), AT, &machine) > 0);
	CHECK_EQ(find(4, 0)[16], 0);
	machine.vendor[0] = '\0';
	machine.mhz = 70000;
	CHECK(smbios_tables_build(t, sizeof(t), AT, &machine) > 0);
	CHECK_EQ(find(4, 0)[7], 0);
	CHECK_EQ(get(find(4, 0), 22, 2), 0);
}

TEST(memory_is_as_large_as_it_is)
{
	static const struct {
		uint64_t low, high;
		uint16_t mib;
		uint32_t mib_more;
	} row[] = {
		{ MIB(2), 0, 2, 0 }, { MIB(32766), 0, 32766, 0 }, { MIB(3072), GIB(29) - MIB(1), 0x7fff, 32767 }, { MIB(3072), GIB(1021), 0x7fff, 1 << 20 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		build(1);
		mem.slot[0].size = row[i].low;
		mem.slot[1] = (struct gmem_slot){ .base = GIB(4), .size = row[i].high };
		mem.count = row[i].high ? 2 : 1;
		len = smbios_tables_build(t, sizeof(t), AT, &machine);
		CHECK(len > 0);
		CHECK_EQ(get(find(17, 0), 12, 2), row[i].mib);
		CHECK_EQ(get(find(17, 0), 28, 4), row[i].mib_more);
		CHECK_EQ(get(find(16, 0), 7, 4), (row[i].low + row[i].high) >> 10);
		CHECK_EQ(get(find(19, 0), 4, 4), 0);
		CHECK_EQ(get(find(19, 0), 8, 4), (row[i].low >> 10) - 1);
		CHECK_EQ(!find(19, 1), !row[i].high);
		CHECK(!row[i].high || get(find(19, 1), 8, 4) == ((GIB(4) + row[i].high) >> 10) - 1);
	}
}

static bool read_memory(void *ctx, uint64_t at, void *buf, size_t n)
{
	(void)ctx;
	if (at < AT || at + n > AT + 0x10000) {
		return false;
	}
	memset(buf, 0, n);
	for (size_t i = 0; i < n; i++) {
		((uint8_t *)buf)[i] = at + i < AT + (uint64_t)len ? t[at + i - AT] : 0;
	}
	return true;
}

/* As Brume reads the UUID of its own machine. */
TEST(the_uuid_is_found_where_firmware_has_it)
{
	static const uint8_t expected[16] = { 0xd3, 0x64, 0x23, 0x03, 0xf8, 0x6e, 0xb7, 0x48, 0xbb, 0x9e, 0x09, 0x21, 0x75, 0x80, 0x53, 0x3f };
	struct boot_smbios from = { 0 };
	uint8_t found[SMBIOS_UUID_BYTES];

	build(1);
	CHECK(!smbios_read_uuid(found, &from, read_memory, NULL));
	CHECK_MEM(found, expected, sizeof(found));
	memset(t, 0, 5);                                             /* by the entry point of 32 bits */
	CHECK(!smbios_read_uuid(found, &from, read_memory, NULL));
	CHECK_MEM(found, expected, sizeof(found));
}

TEST(limits)
{
	int whole;

	build(PLATFORM_VCPUS_MAX);
	whole = len;
	CHECK(whole < SMBIOS_TABLES_MAX);
	for (int size = 0; size < whole; size++) {
		CHECK_EQ(smbios_tables_build(t, (size_t)size, AT, &machine), E_NOMEM);
	}
	CHECK_EQ(smbios_tables_build(t, (size_t)whole, AT, &machine), whole);
	CHECK_EQ(smbios_tables_build(t, sizeof(t), AT + 8, &machine), E_INVAL);
	CHECK_EQ(smbios_tables_build(t, sizeof(t), MIB(1), &machine), E_INVAL);
	machine.vcpus = PLATFORM_VCPUS_MAX + 1;
	CHECK_EQ(smbios_tables_build(t, sizeof(t), AT, &machine), E_INVAL);
	machine.vcpus = 0;
	CHECK_EQ(smbios_tables_build(t, sizeof(t), AT, &machine), E_INVAL);
}
