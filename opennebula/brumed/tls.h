/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom brumed believes to be a node: a certificate that the authority signed for the node's name or address, or exactly the
 * one that was approved by its fingerprint. It is decided within the handshake, before brumed has shown its own certificate or sent a byte.
 */
#pragma once

#include <curl/curl.h>

#include "opennebula/lib/memory.h"

enum { FINGERPRINT_MAX = 96 };           /* 32 bytes as AA:BB:.. and a NUL */

/* One handshake: what is asked for, and what came of it. */
struct tls_check {
	const char *name, *address;      /* either will do as the certificate's name */
	const char *pin;                 /* the approved fingerprint, or "" */
	bool look;                       /* refuse anything: it is only about what the certificate is */

	char fingerprint[FINGERPRINT_MAX]; /* what the other side showed; "": nothing yet */
	struct buffer described;         /* with look: subject, issuer, names and dates, a line each. The caller frees */
	bool refused;
	struct why why;                  /* of the refusal, without the node's name */
};

/* Makes a handle check by it; the check lives as long as the handle does requests. */
void tls_set_up(CURL *curl, struct tls_check *check);

/* Hexadecimal of either case, with : between the bytes or without, to AA:BB:..; false: it is not 32 bytes. */
MUST_CHECK bool fingerprint_parse(const char *text, char plain[FINGERPRINT_MAX]);
