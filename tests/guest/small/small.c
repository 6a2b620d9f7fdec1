/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small kernel: says on COM1 what a Multiboot loader told it. "off" on its command line ends the machine, else it halts
 * for ever. 32 bits, no interrupts, no paging. Multiboot 0.6.96, 3.3; Multiboot 2, 3.6.
 */
#include "lib/base.h"

void small_main(uint32_t magic, uint32_t info);

static uint64_t ram_kib;
static unsigned modules;

static void outb(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static void outw(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }

static void put(const char *s)
{
	for (; *s; s++) {
		outb(0x3f8, (uint8_t)*s);
	}
}

static void put_number(uint32_t v)
{
	char text[12], *p = text + sizeof(text) - 1;

	*p = 0;
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put(p);
}

static const char *at(uint32_t address)
{
	return (const char *)(uintptr_t)address;
}

static uint32_t word(uint32_t address)
{
	return *(const uint32_t *)(uintptr_t)address;
}

static void line(const char *what, const char *text)
{
	put("small: ");
	put(what);
	put(" ");
	put(text);
	put("\r\n");
}

/* Its size, a checksum, and what it is called. */
static void module(uint32_t start, uint32_t end, const char *text)
{
	uint32_t sum = 0;

	for (const char *p = at(start); p < at(end); p++) {
		sum = sum * 31 + (uint8_t)*p;
	}
	put("small: module ");
	put_number(modules++);
	put(", ");
	put_number(end - start);
	put(" bytes, sum ");
	put_number(sum);
	put(start & 4095 ? ", not at a page: " : ": ");
	put(text);
	put("\r\n");
}

static void memory(uint32_t entry, uint32_t type)
{
	if (type == 1) {
		ram_kib += word(entry + 8) >> 10 | (uint64_t)word(entry + 12) << 22;
	}
}

static const char *version1(uint32_t info)
{
	for (uint32_t i = 0; i < word(info + 20); i++) {
		uint32_t m = word(info + 24) + i * 16;

		module(word(m), word(m + 4), at(word(m + 8)));
	}
	for (uint32_t m = word(info + 48); m < word(info + 48) + word(info + 44); m += word(m) + 4) {
		memory(m + 4, word(m + 20));
	}
	line("loader", at(word(info + 64)));
	return at(word(info + 16));
}

static const char *version2(uint32_t info)
{
	const char *cmdline = "";

	for (uint32_t tag = info + 8; word(tag); tag += (word(tag + 4) + 7) & ~7u) {
		switch (word(tag)) {
		case 1:
			cmdline = at(tag + 8);
			break;
		case 2:
			line("loader", at(tag + 8));
			break;
		case 3:
			module(word(tag + 8), word(tag + 12), at(tag + 16));
			break;
		case 6:
			for (uint32_t m = tag + 16; m < tag + word(tag + 4); m += word(tag + 8)) {
				memory(m, word(m + 16));
			}
			break;
		case 15:
			line("rsdp", *at(tag + 8) == 'R' ? "found" : "broken");
			break;
		}
	}
	return cmdline;
}

static bool starts_with(const char *text, const char *word_)
{
	while (*word_ && *text == *word_) {
		text++;
		word_++;
	}
	return !*word_;
}

void small_main(uint32_t magic, uint32_t info)
{
	const char *cmdline = "";

	if (magic == 0x2badb002) {
		line("multiboot", "1");
		cmdline = version1(info);
	} else if (magic == 0x36d76289) {
		line("multiboot", "2");
		cmdline = version2(info);
	} else {
		line("multiboot", "unknown");
	}
	line("command line", cmdline);
	put("small: RAM in KiB ");
	put_number((uint32_t)ram_kib);
	put("\r\nsmall: done\r\n");
	if (starts_with(cmdline, "off")) {
		outw(0x604, 0x3400);                     /* ACPI: S5 */
	}
}
