/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in hexadecimal digits, as people write them. Context: any. */
#pragma once

#include "lib/base.h"

/* 0 to 15; negative: c is no such digit, which NUL is not either. */
static inline int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* An Ethernet address like 02:00:00:00:00:01 and nothing behind it. False: it is none, one of many stations, or all zero. */
bool hex_read_mac(const char *text, uint8_t mac[6]);

/* A UUID like 032364d3-6ef8-48b7-bb9e-09217580533f and nothing behind it, in that order (RFC 9562, 4). False: it is none, or all zeros or ones. */
bool hex_read_uuid(const char *text, uint8_t uuid[16]);
