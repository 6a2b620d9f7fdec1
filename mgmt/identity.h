/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this node is and whom it believes: its key and certificate, and the authority that signs its clients'. They come as boot
 * modules, PEM or DER; without a key of its own the node makes one, which lasts until it goes off.
 */
#pragma once

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include "lib/base.h"

/* Bytes of a boot module. len 0: there is none. */
struct blob {
	const uint8_t *at;
	size_t len;
};

enum { FINGERPRINT_TEXT = 32 * 3 };  /* "AA:BB:..", with the NUL                                     */

struct identity {
	mbedtls_pk_context key;
	mbedtls_x509_crt certificate;        /* and what leads from it to its authority              */
	mbedtls_x509_crt authority;
	bool has_authority, self_made;
	char fingerprint[FINGERPRINT_TEXT];  /* SHA-256 of the certificate                           */
};

/*
 * Needs random.h ready. On an error *why says in words what is wrong: E_INVAL: a module is no key or certificate, or they do not
 * belong together; E_IO: a key could not be made. An authority that cannot be read is an error, too: nobody gets in by mistake.
 */
int identity_init(struct identity *id, struct blob key, struct blob certificate, struct blob authority, const char *name,
		  const char **why) MUST_CHECK;
void identity_free(struct identity *id);
