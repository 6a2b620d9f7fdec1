/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NUMA nodes from SRAT and SLIT: what they say, and what is refused with which words.
 * sources: init/numa.c
 */
#include "init/numa.h"
#include "tests/fake/ram.h"
#include "tests/unit/check.h"

enum { SRAT_AT = 0x1000, SLIT_AT = 0x2000, RAM_SIZE = 0x3000, MADE_UP = 7 };

static uint8_t ram[RAM_SIZE];
static struct acpi_info acpi;
static struct numa n;

static struct fake_ram fake = { ram, RAM_SIZE };

static void put(uint32_t off, uint64_t value, size_t len)
{
	memcpy(ram + SRAT_AT + off, &value, len);
}

/* An empty SRAT of revision 3 for processors with APIC ids 0, 2, 4, ... */
static void fresh(uint32_t cpus)
{
	memset(ram, 0, sizeof(ram));
	acpi = (struct acpi_info){ .cpu_count = cpus };
	for (uint32_t i = 0; i < cpus && i < ACPI_CPU_MAX; i++) {
		acpi.apic_id[i] = 2 * i;
	}
	acpi.table[ACPI_SRAT] = (struct acpi_table){ hpa(SRAT_AT), 48 };
	put(8, 3, 1);
}

static uint32_t entry(uint8_t type, uint8_t length)
{
	uint32_t at = acpi.table[ACPI_SRAT].length;

	acpi.table[ACPI_SRAT].length += length;
	put(at, type, 1);
	put(at + 1, length, 1);
	return at;
}

static void cpu(uint32_t apic_id, uint32_t domain)
{
	uint32_t at = entry(0, 16);

	put(at + 2, domain, 1);
	put(at + 3, apic_id, 1);
	put(at + 4, 1, 4);
	put(at + 9, domain >> 8, 3);
}

static void x2apic(uint32_t apic_id, uint32_t domain, uint32_t flags)
{
	uint32_t at = entry(2, 24);

	put(at + 4, domain, 4);
	put(at + 8, apic_id, 4);
	put(at + 12, flags, 4);
}

static void memory(uint64_t base, uint64_t size, uint32_t domain, uint32_t flags)
{
	uint32_t at = entry(1, 40);

	put(at + 2, domain, 4);
	put(at + 8, base, 8);
	put(at + 16, size, 8);
	put(at + 28, flags, 4);
}

static void slit(uint64_t count, const uint8_t *distance, size_t len)
{
	acpi.table[ACPI_SLIT] = (struct acpi_table){ hpa(SLIT_AT), (uint32_t)(44 + len) };
	memcpy(ram + SLIT_AT + 36, &count, 8);
	memcpy(ram + SLIT_AT + 44, distance, len);
}

static void parse(void)
{
	numa_parse(&n, &acpi, fake_ram_read, &fake);
}

static void refused(const char *why)
{
	parse();
	CHECK_STR(n.srat_why, why);
	CHECK_EQ(n.node_count, 1);
	CHECK_EQ(n.range_count, 0);
	CHECK_EQ(n.cpu_count, 0);
}

/* As QEMU tells of two nodes. */
static void two_nodes(void)
{
	fresh(2);
	cpu(0, 0);
	x2apic(2, 1, 1);
	memory(0, 0xa0000, 0, 1);
	memory(MIB(1), MIB(511), 0, 1);
	memory(MIB(512), MIB(512), 1, 1);
	memory(0, 0, 0, 0);
}

TEST(without_tables_there_is_one_node)
{
	uint64_t end;

	acpi = (struct acpi_info){ .cpu_count = 2 };
	parse();
	CHECK_EQ(n.node_count, 1);
	CHECK(!n.srat_why[0] && !n.slit_why[0]);
	CHECK_EQ(numa_node_at(&n, 0x12345000, &end), 0);
	CHECK_EQ(end, UINT64_MAX);
	CHECK_EQ(numa_node_of_cpu(&n, 77), 0);
}

TEST(memory_and_processors_of_two_nodes)
{
	uint64_t end;

	two_nodes();
	parse();
	CHECK_STR(n.srat_why, "");
	CHECK_EQ(n.node_count, 2);
	CHECK_EQ(numa_node_of_cpu(&n, 0), 0);
	CHECK_EQ(numa_node_of_cpu(&n, 2), 1);
	CHECK_EQ(numa_node_at(&n, 0x9f000, &end), 0);
	CHECK_EQ(end, 0xa0000);
	CHECK_EQ(numa_node_at(&n, 0xa0000, &end), 0);                  /* a hole */
	CHECK_EQ(end, MIB(1));
	CHECK_EQ(numa_node_at(&n, MIB(512) - 1, &end), 0);
	CHECK_EQ(end, MIB(512));
	CHECK_EQ(numa_node_at(&n, MIB(512), &end), 1);
	CHECK_EQ(end, GIB(1));
	CHECK_EQ(numa_node_at(&n, GIB(1), &end), 0);
	CHECK_EQ(end, UINT64_MAX);
	CHECK_EQ(n.distance[0][0], NUMA_LOCAL);
	CHECK_EQ(n.distance[0][1], NUMA_REMOTE);
}

TEST(nodes_are_numbered_in_the_firmwares_order)
{
	uint64_t end;

	fresh(1);
	memory(GIB(1), MIB(1), 200, 1);
	memory(0, GIB(1), 7, 1);
	cpu(0, 90);                                                    /* a node without memory */
	parse();
	CHECK_EQ(n.node_count, 3);
	CHECK_EQ(n.domain[0], 7);
	CHECK_EQ(n.domain[1], 90);
	CHECK_EQ(n.domain[2], 200);
	CHECK_EQ(numa_node_at(&n, 0, &end), 0);
	CHECK_EQ(numa_node_at(&n, GIB(1), &end), 2);
	CHECK_EQ(numa_node_of_cpu(&n, 0), 1);
}

TEST(revision_one_has_domains_of_a_byte)
{
	fresh(1);
	put(8, 1, 1);
	cpu(0, 0xabcd02);
	memory(0, GIB(1), 0x12345602, 1);
	parse();
	CHECK_EQ(n.node_count, 1);
	CHECK_EQ(n.domain[0], 2);
}

TEST(what_is_not_enabled_is_not_there)
{
	two_nodes();
	memory(0, GIB(4), 5, 0);
	x2apic(99, 5, 0);
	entry(MADE_UP, 2);
	parse();
	CHECK_STR(n.srat_why, "");
	CHECK_EQ(n.node_count, 2);
	CHECK_EQ(n.cpu_count, 2);
}

TEST(pieces_of_one_node_may_overlap)
{
	uint64_t end;

	fresh(1);
	memory(0, GIB(1), 3, 1);
	memory(MIB(1), MIB(1), 3, 1);
	memory(GIB(1), GIB(1), 4, 1);
	parse();
	CHECK_EQ(n.node_count, 2);
	CHECK_EQ(numa_node_at(&n, MIB(100), &end), 0);
	CHECK_EQ(end, GIB(1));
}

TEST(nonsense_is_refused_as_a_whole)
{
	two_nodes();
	memory(MIB(511), MIB(2), 2, 1);
	refused("memory at 0x1ff00000 is in two nodes");
	two_nodes();
	memory(GIB(8), GIB(1), 256, 1);
	refused("it numbers a node 256");
	two_nodes();
	memory(GIB(8), GIB(1), 0xfffffffe, 1);
	refused("it numbers a node 4294967294");
	two_nodes();
	cpu(4, 1);
	refused("it tells of a processor 4 that the MADT does not have");
	two_nodes();
	cpu(0, 1);
	refused("it puts processor 0 into two nodes");
	two_nodes();
	memory(UINT64_MAX - 4095, 8192, 1, 1);
	refused("its memory at 0xfffffffffffff000 goes beyond the last address");
	fresh(1);
	refused("it tells of no memory");
	fresh(1);
	for (uint32_t i = 0; i <= NUMA_NODES_MAX; i++) {
		memory(GIB(i), GIB(1), i, 1);
	}
	refused("it has more than 8 nodes");
	fresh(1);
	for (uint32_t i = 0; i <= NUMA_RANGES_MAX; i++) {
		memory(GIB(2 * i), GIB(1), 0, 1);
	}
	refused("it has more than 64 pieces of memory");
}

TEST(lengths_that_lie)
{
	static const struct { uint8_t type, length; int missing; } rows[] = {
		{ 0, 0, 0 }, { 0, 1, 0 }, { 0, 15, 0 }, { 1, 39, 0 }, { 2, 23, 0 }, { 1, 40, 1 }, { MADE_UP, 1, 0 }, { MADE_UP, 200, 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		two_nodes();
		uint32_t at = acpi.table[ACPI_SRAT].length;

		entry(rows[i].type, rows[i].length ? rows[i].length : 2);
		put(at + 1, rows[i].length, 1);
		acpi.table[ACPI_SRAT].length -= (uint32_t)rows[i].missing;
		refused("its entry at offset 248 has a wrong length");
	}
	two_nodes();
	acpi.table[ACPI_SRAT].length++;
	refused("its entry at offset 248 has a wrong length");
	acpi.table[ACPI_SRAT].length = 8;
	refused("it is too short");
}

TEST(more_processors_than_are_kept)
{
	fresh(100);
	for (uint32_t i = 0; i < 100; i++) {
		cpu(2 * i, i / 50);
	}
	memory(0, GIB(1), 0, 1);
	parse();
	CHECK_STR(n.srat_why, "");
	CHECK_EQ(n.cpu_count, ACPI_CPU_MAX);
}

TEST(distances)
{
	static const uint8_t good[] = { 10, 31, 21, 10 };
	static const struct { uint8_t distance[4]; uint64_t count; size_t len; const char *why; } bad[] = {
		{ { 10, 10, 20, 10 }, 2, 4, "its distances make no sense" },
		{ { 11, 20, 20, 10 }, 2, 4, "its distances make no sense" },
		{ { 10, 20, 20, 0 }, 2, 4, "its distances make no sense" },
		{ { 10, 20, 20, 10 }, 1, 4, "it does not have all nodes" },
		{ { 10, 20, 20, 10 }, 0, 4, "it does not have all nodes" },
		{ { 10, 20, 20, 10 }, 3, 4, "it is shorter than it says" },
		{ { 10, 20, 20, 10 }, UINT64_MAX, 4, "it is shorter than it says" },
		{ { 10, 20, 20, 10 }, 1ull << 32, 4, "it is shorter than it says" },
	};

	two_nodes();
	slit(2, good, sizeof(good));
	parse();
	CHECK_STR(n.slit_why, "");
	CHECK_EQ(n.distance[0][1], 31);
	CHECK_EQ(n.distance[1][0], 21);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		two_nodes();
		slit(bad[i].count, bad[i].distance, bad[i].len);
		parse();
		CHECK_STR(n.slit_why, bad[i].why);
		CHECK_EQ(n.node_count, 2);
		CHECK_EQ(n.distance[1][0], NUMA_REMOTE);
		CHECK_EQ(n.distance[1][1], NUMA_LOCAL);
	}
	acpi.table[ACPI_SLIT].length = 43;
	parse();
	CHECK_STR(n.slit_why, "it is shorter than it says");
}

TEST(order_of_nodes)
{
	static const uint8_t far[] = { 10, 20, 40, 30, 20, 10, 30, 40, 40, 30, 10, 20, 30, 40, 20, 10 };
	static const struct { uint32_t near; uint64_t free[NUMA_NODES_MAX]; uint8_t want[4]; } rows[] = {
		{ 1, { 1, 1, 1, 1 }, { 0, 1, 3, 2 } },
		{ 4, { 9, 9, 0, 9 }, { 2, 3, 1, 0 } },
		{ 0x9, { 1, 9, 9, 2 }, { 3, 0, 2, 1 } },                 /* two homes: the emptier first, then by distance from it */
		{ 0xf, { 1, 4, 2, 3 }, { 1, 3, 2, 0 } },
		{ 0, { 1, 4, 2, 3 }, { 1, 0, 2, 3 } },
	};
	struct memory_order order;

	fresh(1);
	for (uint32_t i = 0; i < 4; i++) {
		memory(GIB(i), GIB(1), i, 1);
	}
	slit(4, far, sizeof(far));
	parse();
	CHECK_STR(n.slit_why, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		numa_order(&n, rows[i].near, rows[i].free, &order);
		CHECK_EQ(order.count, 4);
		CHECK_MEM(order.node, rows[i].want, 4);
	}
}
