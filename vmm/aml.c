/* SPDX-License-Identifier: Apache-2.0 */
/* AML encoder (ACPI 6.5, 20.2). */
#include "vmm/aml.h"

#include <string.h>

enum aml_op {
	AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME = 0x08, AML_BYTE = 0x0a, AML_WORD = 0x0b, AML_DWORD = 0x0c,
	AML_STRING = 0x0d, AML_SCOPE = 0x10, AML_BUFFER = 0x11, AML_PACKAGE = 0x12, AML_EXT = 0x5b, AML_EXT_DEVICE = 0x82,
};

enum { NAME_LEN = 4, PKG_LEN_BYTES = 3 };

void aml_bytes(struct aml *a, const void *bytes, size_t len)
{
	if (range_within(a->len, len, a->size)) {
		memcpy(a->buf + a->len, bytes, len);
	}
	a->len += len;
}

static void byte(struct aml *a, unsigned value)
{
	uint8_t b = (uint8_t)value;

	aml_bytes(a, &b, 1);
}

/* The length comes when the package closes: always the form of three bytes, good for 1 MiB (20.2.4). */
static size_t open_package_length(struct aml *a)
{
	size_t at = a->len;

	aml_bytes(a, "\0\0", PKG_LEN_BYTES);
	return at;
}

void aml_close(struct aml *a, size_t open)
{
	size_t len = a->len - open;

	if (a->len > a->size) {
		return;
	}
	a->buf[open] = (uint8_t)(0x80 | (len & 0xf));
	a->buf[open + 1] = (uint8_t)(len >> 4);
	a->buf[open + 2] = (uint8_t)(len >> 12);
}

size_t aml_open_scope(struct aml *a, const char *name)
{
	byte(a, AML_SCOPE);
	size_t at = open_package_length(a);

	aml_bytes(a, name, NAME_LEN);
	return at;
}

size_t aml_open_device(struct aml *a, const char *name)
{
	byte(a, AML_EXT);
	byte(a, AML_EXT_DEVICE);
	size_t at = open_package_length(a);

	aml_bytes(a, name, NAME_LEN);
	return at;
}

static void open_name(struct aml *a, const char *name)
{
	byte(a, AML_NAME);
	aml_bytes(a, name, NAME_LEN);
}

size_t aml_open_package(struct aml *a, const char *name, uint8_t elements)
{
	open_name(a, name);
	byte(a, AML_PACKAGE);
	size_t at = open_package_length(a);

	byte(a, elements);
	return at;
}

size_t aml_open_element(struct aml *a, uint8_t elements)
{
	byte(a, AML_PACKAGE);
	size_t at = open_package_length(a);

	byte(a, elements);
	return at;
}

void aml_integer(struct aml *a, uint32_t value)
{
	if (value <= 1) {
		byte(a, value ? AML_ONE : AML_ZERO);
	} else if (value <= 0xff) {
		byte(a, AML_BYTE);
		byte(a, value);
	} else {
		byte(a, value <= 0xffff ? AML_WORD : AML_DWORD);
		aml_bytes(a, &value, value <= 0xffff ? 2 : 4);
	}
}

void aml_name_integer(struct aml *a, const char *name, uint32_t value)
{
	open_name(a, name);
	aml_integer(a, value);
}

void aml_name_string(struct aml *a, const char *name, const char *value)
{
	open_name(a, name);
	byte(a, AML_STRING);
	aml_bytes(a, value, strlen(value) + 1);
}

static unsigned hex_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

static unsigned letter(char c)
{
	return (unsigned)(c - 'A' + 1);
}

/* Three letters of five bits each, then four hexadecimal digits, in big-endian order (19.3.4). */
void aml_name_eisaid(struct aml *a, const char *name, const char *id)
{
	unsigned l0 = letter(id[0]), l1 = letter(id[1]), l2 = letter(id[2]);

	open_name(a, name);
	byte(a, AML_DWORD);
	byte(a, l0 << 2 | l1 >> 3);
	byte(a, (l1 & 7) << 5 | l2);
	byte(a, hex_digit(id[3]) << 4 | hex_digit(id[4]));
	byte(a, hex_digit(id[5]) << 4 | hex_digit(id[6]));
}

void aml_name_buffer(struct aml *a, const char *name, const uint8_t *bytes, uint8_t len)
{
	open_name(a, name);
	byte(a, AML_BUFFER);
	size_t at = open_package_length(a);

	aml_integer(a, len);
	aml_bytes(a, bytes, len);
	aml_close(a, at);
}
