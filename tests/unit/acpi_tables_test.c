/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's ACPI tables: every checksum, every link, and the AML read back by a small parser.
 * sources: vmm/acpi_tables.c vmm/acpi_dsdt.c vmm/aml.c vmm/pci_host.c vmm/pci.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "vmm/acpi_tables.h"

#include "tests/unit/check.h"
#include "vmm/platform.h"

enum { AT = 0xe0000 };

static uint8_t t[ACPI_TABLES_MAX];
static int len;

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

static struct acpi_platform with;

static int build_in(size_t size, uint64_t at, unsigned vcpus)
{
	with.vcpus = vcpus;
	return acpi_tables_build(t, size, at, &with);
}

static void build(unsigned vcpus)
{
	memset(t, 0xee, sizeof(t));
	len = build_in(sizeof(t), AT, vcpus);
	CHECK(len > 0);
}

/* The table at a guest-physical address; checks its place, signature and checksum. */
static const uint8_t *table(uint64_t at, const char *signature)
{
	const uint8_t *p;

	CHECK(at >= AT && at + 36 <= AT + (uint64_t)len);
	p = t + (at - AT);
	CHECK_MEM(p, signature, 4);
	CHECK(at + get(p, 4, 4) <= AT + (uint64_t)len);
	CHECK_EQ(sum(p, get(p, 4, 4)), 0);
	return p;
}

static const uint8_t *nth(unsigned i, const char *signature)
{
	const uint8_t *xsdt = table(get(t, 24, 8), "XSDT");

	CHECK_EQ(get(xsdt, 4, 4), 36 + (3u + with.hpet) * 8);
	return table(get(xsdt, 36 + i * 8u, 8), signature);
}

TEST(rsdp_is_sound)
{
	build(1);
	CHECK_MEM(t, "RSD PTR ", 8);
	CHECK_EQ(sum(t, 20), 0);
	CHECK_EQ(sum(t, 36), 0);
	CHECK_EQ(t[15], 2);
}

TEST(fadt_names_the_fixed_hardware)
{
	const uint8_t *f, *facs;

	build(1);
	f = nth(0, "FACP");
	CHECK_EQ(get(f, 4, 4), 276);
	CHECK_EQ(get(f, 46, 2), 9);
	CHECK_EQ(get(f, 48, 4), 0);
	CHECK_EQ(get(f, 56, 4), PORT_PM1A_EVT);
	CHECK_EQ(get(f, 64, 4), PORT_PM1A_CNT);
	CHECK_EQ(get(f, 76, 4), PORT_PM_TIMER);
	CHECK_EQ(get(f, 80, 4), PORT_GPE0);
	CHECK_EQ(get(f, 88, 1), 4);
	CHECK_EQ(get(f, 89, 1), 2);
	CHECK_EQ(get(f, 91, 1), 4);
	CHECK_EQ(get(f, 92, 1), 4);
	CHECK_EQ(get(f, 112, 4) & 1 << 4, 0);        /* fixed power button */
	CHECK(get(f, 112, 4) & 1 << 5);              /* no sleep button    */
	CHECK(get(f, 112, 4) & 1 << 8);              /* 32-bit timer       */
	CHECK(get(f, 112, 4) & 1 << 10);             /* reset register     */
	CHECK_EQ(get(f, 112, 4) & 1 << 20, 0);       /* not hardware-reduced */
	CHECK_EQ(get(f, 120, 8), PORT_RESET);
	CHECK_EQ(f[128], RESET_VALUE);
	CHECK_EQ(get(f, 140, 8), get(f, 40, 4));
	CHECK_EQ(get(f, 152, 8), PORT_PM1A_EVT);
	CHECK_EQ(get(f, 176, 8), PORT_PM1A_CNT);
	CHECK_EQ(get(f, 212, 8), PORT_PM_TIMER);
	CHECK_EQ(get(f, 224, 8), PORT_GPE0);

	CHECK_EQ(get(f, 36, 4) & 63, 0);
	facs = t + (get(f, 36, 4) - AT);
	CHECK_MEM(facs, "FACS", 4);
	CHECK_EQ(get(facs, 4, 4), 64);
}

TEST(madt_lists_processors_and_lines)
{
	for (unsigned vcpus = 1; vcpus <= PLATFORM_VCPUS_MAX; vcpus++) {
		const uint8_t *m, *p, *end;
		unsigned apics = 0, ioapics = 0, overrides = 0;

		build(vcpus);
		m = nth(1, "APIC");
		end = m + get(m, 4, 4);
		CHECK_EQ(get(m, 36, 4), PLATFORM_LAPIC);
		for (p = m + 44; p < end; p += p[1]) {
			CHECK(p[1] >= 2 && p + p[1] <= end);
			if (p[0] == 0) {
				CHECK_EQ(p[3], apics);
				CHECK_EQ(get(p, 4, 4), 1);
				apics++;
			} else if (p[0] == 1) {
				CHECK_EQ(get(p, 4, 4), PLATFORM_IOAPIC);
				CHECK_EQ(get(p, 8, 4), 0);
				ioapics++;
			} else if (p[0] == 2) {
				CHECK_EQ(get(p, 4, 4), p[3] == 0 ? 2 : p[3]);
				CHECK_EQ(get(p, 8, 2), p[3] == 0 ? 0 : 0xd);
				overrides++;
			}
		}
		CHECK(p == end);
		CHECK_EQ(apics, vcpus);
		CHECK_EQ(ioapics, 1);
		CHECK_EQ(overrides, 2 + 4);          /* PIT, SCI, PCI's lines */
	}
}

/* Length of the AML package at p, in bytes behind p (ACPI 6.5, 20.2.4). */
static size_t package_length(const uint8_t *p)
{
	unsigned more = p[0] >> 6;
	size_t n = more ? p[0] & 0xf : p[0] & 0x3f;

	for (unsigned i = 1; i <= more; i++) {
		n |= (size_t)p[i] << (8 * i - 4);
	}
	return n;
}

static const uint8_t *find(const uint8_t *p, const uint8_t *end, const char *name)
{
	for (; p + 4 <= end; p++) {
		if (!memcmp(p, name, 4)) {
			return p;
		}
	}
	return NULL;
}

TEST(dsdt_nests_and_holds_the_devices)
{
	const uint8_t *fadt, *d, *end, *scope, *p;
	unsigned devices = 0;

	build(3);
	fadt = nth(0, "FACP");
	d = table(get(fadt, 40, 4), "DSDT");
	end = d + get(d, 4, 4);

	p = d + 36;
	CHECK_EQ(p[0], 0x08);
	CHECK_MEM(p + 1, "_S5_", 4);
	CHECK_EQ(p[5], 0x12);
	CHECK_EQ(p[9], 4);
	CHECK_EQ(p[10], 0x0a);
	CHECK_EQ(p[11], S5_SLP_TYP);

	scope = p + 6 + package_length(p + 6);
	CHECK_EQ(scope[0], 0x10);
	CHECK(scope + 1 + package_length(scope + 1) == end);
	for (p = scope + 8; p < end; p += 2 + package_length(p + 2)) {
		CHECK_EQ(p[0], 0x5b);
		CHECK_EQ(p[1], 0x82);
		devices++;
	}
	CHECK(p == end);
	CHECK_EQ(devices, 3 + 3 + 2);
	p = find(scope, end, "COM1");
	CHECK(p != NULL);
	CHECK_MEM(p + 4, "\x08_HID\x0c\x41\xd0\x05\x01", 10);
	p = find(scope, end, "CPU2");
	CHECK(p != NULL);
	CHECK_MEM(p + 4, "\x08_HID\x0d" "ACPI0007", 15);
}

TEST(mcfg_names_the_configuration_window)
{
	const uint8_t *m;

	build(1);
	m = nth(2, "MCFG");
	CHECK_EQ(get(m, 4, 4), 60);
	CHECK_EQ(get(m, 44, 8), PLATFORM_ECAM);
	CHECK_EQ(get(m, 52, 4), 0);          /* segment 0, bus 0 only */
}

/* Each row of _PRT: package of slot, pin, 0, line; the last slot must be there, on the line of its wire. */
TEST(pci_root_routes_and_reserves)
{
	static const uint8_t last[] = { 0x0c, 0xff, 0xff, 0x1f, 0x00, 0x00, 0x00, 0x0a, 3 };      /* 1Fh, any; INTA#; 0; 3 */
	const uint8_t *fadt, *d, *end, *p;

	build(1);
	fadt = nth(0, "FACP");
	d = table(get(fadt, 40, 4), "DSDT");
	end = d + get(d, 4, 4);
	p = find(d, end, "PCI0");
	CHECK(p && find(p, end, "_CRS") && find(p, end, "_OSC"));
	p = find(p, end, "_PRT");
	CHECK(p && p[-1] == 0x08 && p[4] == 0x12);
	end = p + 5 + package_length(p + 5);
	CHECK_MEM(end - 9, last, sizeof(last));
}

TEST(hpet_and_virtio_devices_as_configured)
{
	const uint8_t *h, *fadt, *d, *end;

	with = (struct acpi_platform){ .hpet = true, .virtio_mmio = 2 };
	build(1);
	h = nth(3, "HPET");
	CHECK_EQ(get(h, 44, 8), PLATFORM_HPET);
	fadt = nth(0, "FACP");
	d = table(get(fadt, 40, 4), "DSDT");
	end = d + get(d, 4, 4);
	CHECK(find(d, end, "HPET") && find(d, end, "VR00") && find(d, end, "VR01") && !find(d, end, "VR02"));
	CHECK(find(d, end, "LNRO"));
	with = (struct acpi_platform){ .virtio_mmio = VIRTIO_MMIO_MAX + 1 };
	CHECK_EQ(build_in(sizeof(t), AT, 1), E_INVAL);
	with = (struct acpi_platform){ 0 };
}

TEST(limits)
{
	with = (struct acpi_platform){ .hpet = true, .virtio_mmio = VIRTIO_MMIO_MAX };
	build(PLATFORM_VCPUS_MAX);
	for (size_t size = 0; size < (size_t)len; size++) {
		CHECK_EQ(build_in(size, AT, PLATFORM_VCPUS_MAX), E_NOMEM);
	}
	CHECK_EQ(build_in(sizeof(t), AT, 0), E_INVAL);
	CHECK_EQ(build_in(sizeof(t), AT, PLATFORM_VCPUS_MAX + 1), E_INVAL);
	CHECK_EQ(build_in(sizeof(t), AT + 1, 1), E_INVAL);
	CHECK_EQ(build_in(sizeof(t), PLATFORM_HIGH, 1), E_INVAL);
}
