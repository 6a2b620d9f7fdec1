/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMBIOS tables of the guest: see smbios_tables.h. The structures are those that DSP0134 6.2 requires, but for what a VM has none of
 * (caches of the board, slots). Both entry points: guests without EFI look for either between F0000h and FFFFFh (5.2).
 */
#include "vmm/smbios_tables.h"

#include <string.h>

#include "vmm/platform.h"

enum { ENTRY_32_AT = 32, TABLE_AT = 64, REVISION_MAJOR = 3, REVISION_MINOR = 0 };
enum { KIB_SHIFT = 10, MIB_SHIFT = 20 };

struct entry_64 {
	char anchor[5];
	uint8_t checksum, length, major, minor, docrev, revision, reserved;
	uint32_t table_max;
	uint64_t table;
} __attribute__((packed));

struct entry_32 {
	char anchor[4];
	uint8_t checksum, length, major, minor;
	uint16_t largest;
	uint8_t revision, formatted[5];
	char anchor_table[5];
	uint8_t checksum_table;
	uint16_t table_length;
	uint32_t table;
	uint16_t count;
	uint8_t bcd;
} __attribute__((packed));

struct header {
	uint8_t type, length;
	uint16_t handle;
} __attribute__((packed));

enum type { FIRMWARE = 0, SYSTEM = 1, CHASSIS = 3, PROCESSOR = 4, ARRAY = 16, DEVICE = 17, MAPPED = 19, BOOT = 32, END = 127 };
enum { HANDLE_ARRAY = ARRAY << 8, HANDLE_NONE = 0xfffe, NO_CACHE = 0xffff };

/* 7.1 */
enum { CHARACTERISTICS_UNKNOWN = 1 << 3, HAS_ACPI = 1 << 0, IS_VIRTUAL = 1 << 4, NO_RELEASE = 0xff };

struct firmware {
	struct header h;
	uint8_t vendor, version;
	uint16_t segment;
	uint8_t date, size;
	uint64_t characteristics;
	uint8_t more[2], release[4];
} __attribute__((packed));

/* 7.2 */
struct system {
	struct header h;
	uint8_t maker, product, version, serial, uuid[16], wake_up, sku, family;
} __attribute__((packed));

/* 7.4 */
struct chassis {
	struct header h;
	uint8_t maker, form, version, serial, tag, boot_state, power_state, thermal_state, security;
	uint32_t oem;
	uint8_t height, cords, elements, element_length, sku;
} __attribute__((packed));

/* 7.5 */
struct processor {
	struct header h;
	uint8_t socket, kind, family, maker;
	uint32_t signature, features;
	uint8_t version, voltage;
	uint16_t clock, mhz_max, mhz;
	uint8_t status, upgrade;
	uint16_t cache[3];
	uint8_t serial, tag, part, cores, cores_on, threads;
	uint16_t characteristics, family2, cores2, cores2_on, threads2;
} __attribute__((packed));

/* 7.17 */
struct array {
	struct header h;
	uint8_t place, use, correction;
	uint32_t capacity_kib;
	uint16_t error, devices;
	uint64_t capacity;
} __attribute__((packed));

/* 7.18 */
struct device {
	struct header h;
	uint16_t array, error, width, data_width, mib;
	uint8_t form, set, locator, bank, kind;
	uint16_t detail, speed;
	uint8_t maker, serial, tag, part, rank;
	uint32_t mib_more;
	uint16_t speed_set, millivolt[3];
} __attribute__((packed));

/* 7.20 */
struct mapped {
	struct header h;
	uint32_t first_kib, last_kib;
	uint16_t array;
	uint8_t devices;
	uint64_t first, last;
} __attribute__((packed));

/* 7.33 */
struct boot {
	struct header h;
	uint8_t reserved[6], status;
} __attribute__((packed));

_Static_assert(sizeof(struct entry_64) == 0x18, "DSP0134 3.0.0, 5.2.2");
_Static_assert(sizeof(struct entry_32) == 0x1f && sizeof(struct entry_32) <= TABLE_AT - ENTRY_32_AT, "DSP0134 3.0.0, 5.2.1");
_Static_assert(sizeof(struct firmware) == 0x18 && sizeof(struct system) == 0x1b && sizeof(struct chassis) == 0x16, "DSP0134 3.0.0, 7.1 to 7.4");
_Static_assert(sizeof(struct processor) == 0x30 && sizeof(struct boot) == 0x0b, "DSP0134 3.0.0, 7.5, 7.33");
_Static_assert(sizeof(struct array) == 0x17 && sizeof(struct device) == 0x28 && sizeof(struct mapped) == 0x1f, "DSP0134 3.0.0, 7.17 to 7.20");

/* The values that say "other" and "unknown" are the same in most lists; the rest is named where it stands. */
enum { OTHER = 1, UNKNOWN = 2 };

/* The structures under construction. Beyond size nothing is written, and len still counts. */
struct tables {
	uint8_t *buf;
	size_t size, len, largest;
	uint16_t count;
};

static uint8_t checksum(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + at[i]);
	}
	return (uint8_t)-sum;
}

static void put(struct tables *t, const void *bytes, size_t len)
{
	if (t->len + len <= t->size) {
		memcpy(t->buf + t->len, bytes, len);
	}
	t->len += len;
}

static struct header header(enum type type, unsigned index, size_t length)
{
	return (struct header){ .type = (uint8_t)type, .length = (uint8_t)length, .handle = (uint16_t)((unsigned)type << 8 | index) };
}

/* A structure and its strings, which fields name by 1, 2, 3; text ends with an empty one (6.1.3). */
static void add(struct tables *t, const void *fields, size_t length, const char *const text[])
{
	size_t start = t->len;

	put(t, fields, length);
	for (; *text[0]; text++) {
		put(t, text[0], strlen(text[0]) + 1);
	}
	put(t, "\0", t->len == start + length ? 2 : 1);
	t->largest = t->len - start > t->largest ? t->len - start : t->largest;
	t->count++;
}

#define ADD(t, fields, ...) add(t, fields, sizeof(*(fields)), (const char *const[]){ __VA_ARGS__, "" })

/* Some guests mistrust what they find in firmware of another century, so there is a date; it is that of this layout. */
static void add_firmware(struct tables *t)
{
	struct firmware f = {
		.h = header(FIRMWARE, 0, sizeof(f)), .vendor = 1, .version = 2, .date = 3, .segment = 0xf000,
		.characteristics = CHARACTERISTICS_UNKNOWN, .more = { HAS_ACPI, IS_VIRTUAL },
		.release = { NO_RELEASE, NO_RELEASE, NO_RELEASE, NO_RELEASE },
	};

	ADD(t, &f, "Brume", "1", "11/21/2026");
}

/* The first three parts of a UUID are numbers, and stand as such (7.2.1). */
static void add_system(struct tables *t, const uint8_t uuid[16])
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	enum { POWER_SWITCH = 6 };
	struct system s = { .h = header(SYSTEM, 0, sizeof(s)), .maker = 1, .product = 2, .version = 3, .wake_up = POWER_SWITCH };

	for (unsigned i = 0; i < sizeof(s.uuid); i++) {
		s.uuid[i] = uuid[order[i]];
	}
	ADD(t, &s, "Brume", "Brume VM", "1");
}

static void add_chassis(struct tables *t)
{
	enum { SAFE = 3 };
	struct chassis c = {
		.h = header(CHASSIS, 0, sizeof(c)), .maker = 1, .form = OTHER, .version = 2, .boot_state = SAFE, .power_state = SAFE,
		.thermal_state = SAFE, .security = UNKNOWN,
	};

	ADD(t, &c, "Brume", "1");
}

static void add_processor(struct tables *t, const struct smbios_machine *m, unsigned index)
{
	enum { CENTRAL = 3, POPULATED_ENABLED = 0x41, IS_64_BIT = 1 << 2 };
	const char socket[] = { 'C', 'P', 'U', ' ', (char)('0' + index), '\0' };
	const char *brand = m->brand + strspn(m->brand, " ");
	uint16_t mhz = (uint16_t)(m->mhz > 0xffff ? 0 : m->mhz);
	struct processor p = {
		.h = header(PROCESSOR, index, sizeof(p)), .socket = 1, .kind = CENTRAL, .family = OTHER, .maker = *m->vendor ? 2 : 0,
		.signature = m->signature, .features = m->features, .version = *m->vendor && *brand ? 3 : 0, .mhz_max = mhz, .mhz = mhz,
		.status = POPULATED_ENABLED, .upgrade = OTHER, .cache = { NO_CACHE, NO_CACHE, NO_CACHE }, .cores = 1, .cores_on = 1,
		.threads = 1, .characteristics = IS_64_BIT, .family2 = OTHER, .cores2 = 1, .cores2_on = 1, .threads2 = 1,
	};

	ADD(t, &p, socket, m->vendor, brand);
}

static uint64_t total(const struct gmem *mem)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < mem->count; i++) {
		bytes += mem->slot[i].size;
	}
	return bytes;
}

/* One array with one device; it appears in each range of addresses that has RAM. */
static void add_memory(struct tables *t, const struct gmem *mem)
{
	enum { SYSTEM_BOARD = 3, SYSTEM_MEMORY = 3, KIND_RAM = 7, DETAIL_OTHER = 1 << 1, SEE_MORE = 0x7fff, WIDTH_UNKNOWN = 0xffff };
	uint64_t bytes = total(mem), mib = bytes >> MIB_SHIFT;
	struct array a = {
		.h = header(ARRAY, 0, sizeof(a)), .place = SYSTEM_BOARD, .use = SYSTEM_MEMORY, .correction = UNKNOWN,
		.capacity_kib = (uint32_t)(bytes >> KIB_SHIFT), .error = HANDLE_NONE, .devices = 1,
	};
	struct device d = {
		.h = header(DEVICE, 0, sizeof(d)), .array = HANDLE_ARRAY, .error = HANDLE_NONE, .width = WIDTH_UNKNOWN,
		.data_width = WIDTH_UNKNOWN, .mib = (uint16_t)(mib < SEE_MORE ? mib : SEE_MORE), .form = OTHER, .locator = 1,
		.kind = KIND_RAM, .detail = DETAIL_OTHER, .maker = 2, .mib_more = mib < SEE_MORE ? 0 : (uint32_t)mib,
	};

	ADD(t, &a, "");
	ADD(t, &d, "RAM 0", "Brume");
	for (unsigned i = 0; i < mem->count; i++) {
		uint64_t first = mem->slot[i].base, end = first + mem->slot[i].size;
		struct mapped p = {
			.h = header(MAPPED, i, sizeof(p)), .first_kib = (uint32_t)(first >> KIB_SHIFT),
			.last_kib = (uint32_t)((end >> KIB_SHIFT) - 1), .array = HANDLE_ARRAY, .devices = 1,
		};

		ADD(t, &p, "");
	}
}

static void add_end(struct tables *t)
{
	struct boot b = { .h = header(BOOT, 0, sizeof(b)) };
	struct header end = header(END, 0, sizeof(end));

	ADD(t, &b, "");
	ADD(t, &end, "");
}

static void put_entries(const struct tables *t, uint64_t at)
{
	size_t length = t->len - TABLE_AT;
	struct entry_64 e64 = {
		.anchor = { '_', 'S', 'M', '3', '_' }, .length = sizeof(e64), .major = REVISION_MAJOR, .minor = REVISION_MINOR,
		.revision = 1, .table_max = (uint32_t)length, .table = at + TABLE_AT,
	};
	struct entry_32 e32 = {
		.anchor = { '_', 'S', 'M', '_' }, .length = sizeof(e32), .major = REVISION_MAJOR, .minor = REVISION_MINOR,
		.largest = (uint16_t)t->largest, .anchor_table = { '_', 'D', 'M', 'I', '_' }, .table_length = (uint16_t)length,
		.table = (uint32_t)(at + TABLE_AT), .count = t->count, .bcd = REVISION_MAJOR << 4 | REVISION_MINOR,
	};

	e64.checksum = checksum(&e64, sizeof(e64));
	e32.checksum_table = checksum(e32.anchor_table, sizeof(e32) - offsetof(struct entry_32, anchor_table));
	e32.checksum = checksum(&e32, sizeof(e32));
	memset(t->buf, 0, TABLE_AT);
	memcpy(t->buf, &e64, sizeof(e64));
	memcpy(t->buf + ENTRY_32_AT, &e32, sizeof(e32));
}

int smbios_tables_build(uint8_t *buf, size_t size, uint64_t at, const struct smbios_machine *m)
{
	struct tables t = { .buf = buf, .size = size, .len = TABLE_AT };

	if (!m->vcpus || m->vcpus > PLATFORM_VCPUS_MAX || (at & 15) || at > MIB(1) - SMBIOS_TABLES_MAX) {
		return E_INVAL;
	}
	add_firmware(&t);
	add_system(&t, m->uuid);
	add_chassis(&t);
	for (unsigned i = 0; i < m->vcpus; i++) {
		add_processor(&t, m, i);
	}
	add_memory(&t, m->mem);
	add_end(&t);
	if (t.len > size || t.len > SMBIOS_TABLES_MAX) {
		return E_NOMEM;
	}
	put_entries(&t, at);
	return (int)t.len;
}
