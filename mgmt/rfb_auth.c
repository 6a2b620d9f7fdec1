/* SPDX-License-Identifier: Apache-2.0 */
/* VNC authentication (RFC 6143, 7.2.2), the one use of DES: what every viewer can, not what keeps anybody out who hears the network. */
#include <mbedtls/des.h>
#include <string.h>

#include "mgmt/rfb.h"

enum { KEY = 8, BLOCK = 8 };

static uint8_t reversed(uint8_t byte)
{
	uint8_t out = 0;

	for (unsigned i = 0; i < 8; i++) {
		out = (uint8_t)(out | (byte >> i & 1) << (7 - i));
	}
	return out;
}

void rfb_response(const char *password, const uint8_t challenge[RFB_CHALLENGE], uint8_t response[RFB_CHALLENGE])
{
	mbedtls_des_context des;
	uint8_t key[KEY] = { 0 };

	for (unsigned i = 0; i < KEY && password[i]; i++) {
		key[i] = reversed((uint8_t)password[i]);
	}
	memset(response, 0, RFB_CHALLENGE);
	mbedtls_des_init(&des);
	mbedtls_des_setkey_enc(&des, key);
	for (unsigned i = 0; i < RFB_CHALLENGE; i += BLOCK) {
		mbedtls_des_crypt_ecb(&des, challenge + i, response + i);
	}
	mbedtls_des_free(&des);
}
