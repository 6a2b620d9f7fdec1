/* SPDX-License-Identifier: Apache-2.0 */
/* Key, certificate and authority: see identity.h. RFC 5280; P-256 for a key that is made here. */
#include "mgmt/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <mbedtls/ecp.h>
#include <mbedtls/sha256.h>

#include "mgmt/clock.h"
#include "mgmt/random.h"

enum { SERIAL = 16, CERTIFICATE_MAX = 1024, SUBJECT_MAX = 96 };

static int draw(void *context, unsigned char *out, size_t len)
{
	(void)context;
	return random_fill(out, len) < 0 ? MBEDTLS_ERR_ECP_RANDOM_FAILED : 0;
}

/* PEM is text and must end in a NUL, which modules do not. The copy is the caller's to wipe and free. */
static uint8_t *with_nul(struct blob b)
{
	uint8_t *copy = malloc(b.len + 1);

	if (copy) {
		memcpy(copy, b.at, b.len);
		copy[b.len] = '\0';
	}
	return copy;
}

static bool is_pem(struct blob b)
{
	static const char mark[] = "-----BEGIN";

	for (size_t i = 0; i + sizeof(mark) - 1 <= b.len; i++) {
		if (memcmp(b.at + i, mark, sizeof(mark) - 1) == 0) {
			return true;
		}
	}
	return false;
}

static int read_certificates(mbedtls_x509_crt *to, struct blob b)
{
	uint8_t *copy = with_nul(b);
	int r = copy ? mbedtls_x509_crt_parse(to, copy, is_pem(b) ? b.len + 1 : b.len) : E_NOMEM;

	free(copy);
	return r == 0 ? OK : E_INVAL;
}

static int read_key(mbedtls_pk_context *to, struct blob b)
{
	uint8_t *copy = with_nul(b);
	int r = copy ? mbedtls_pk_parse_key(to, copy, is_pem(b) ? b.len + 1 : b.len, NULL, 0, draw, NULL) : E_NOMEM;

	if (copy) {
		mbedtls_platform_zeroize(copy, b.len);
	}
	free(copy);
	return r == 0 ? OK : E_INVAL;
}

static int make_key(mbedtls_pk_context *key)
{
	if (mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) != 0) {
		return E_IO;
	}
	return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), draw, NULL) == 0 ? OK : E_IO;
}

static int describe(mbedtls_x509write_cert *c, struct identity *id, const char *name)
{
	char subject[SUBJECT_MAX];
	uint8_t serial[SERIAL];

	if (random_fill(serial, sizeof(serial)) < 0) {
		return E_IO;
	}
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 1);          /* positive, and not zero */
	snprintf(subject, sizeof(subject), "CN=%s", name);
	mbedtls_x509write_crt_set_subject_key(c, &id->key);
	mbedtls_x509write_crt_set_issuer_key(c, &id->key);
	mbedtls_x509write_crt_set_md_alg(c, MBEDTLS_MD_SHA256);
	if (mbedtls_x509write_crt_set_subject_name(c, subject) != 0 || mbedtls_x509write_crt_set_issuer_name(c, subject) != 0 ||
	    mbedtls_x509write_crt_set_serial_raw(c, serial, sizeof(serial)) != 0 ||
	    /* RFC 5280, 4.1.2.5: no date by which it would end. Who trusts it does so by its fingerprint. */
	    mbedtls_x509write_crt_set_validity(c, "20260101000000", "99991231235959") != 0) {
		return E_IO;
	}
	return OK;
}

static int make_certificate(struct identity *id, const char *name)
{
	mbedtls_x509write_cert c;
	uint8_t der[CERTIFICATE_MAX];
	int r, len = 0;

	mbedtls_x509write_crt_init(&c);
	mbedtls_x509write_crt_set_version(&c, MBEDTLS_X509_CRT_VERSION_3);
	r = describe(&c, id, name);
	if (r == OK) {
		len = mbedtls_x509write_crt_der(&c, der, sizeof(der), draw, NULL);       /* it stands at the end */
		r = len > 0 ? OK : E_IO;
	}
	if (r == OK) {
		r = mbedtls_x509_crt_parse_der(&id->certificate, der + sizeof(der) - len, (size_t)len) == 0 ? OK : E_IO;
	}
	mbedtls_x509write_crt_free(&c);
	return r;
}

static void tell_fingerprint(struct identity *id)
{
	uint8_t hash[32];

	mbedtls_sha256(id->certificate.raw.p, id->certificate.raw.len, hash, 0);
	for (size_t i = 0; i < sizeof(hash); i++) {
		snprintf(id->fingerprint + 3 * i, 4, i + 1 < sizeof(hash) ? "%02X:" : "%02X", hash[i]);
	}
}

static int bring(struct identity *id, struct blob key, struct blob certificate, const char **why)
{
	*why = "the module node.key is no private key without password";
	if (read_key(&id->key, key) < 0) {
		return E_INVAL;
	}
	*why = "the module node.crt is no certificate";
	if (!certificate.len || read_certificates(&id->certificate, certificate) < 0) {
		return E_INVAL;
	}
	*why = "node.key does not belong to node.crt";
	return mbedtls_pk_check_pair(&id->certificate.pk, &id->key, draw, NULL) == 0 ? OK : E_INVAL;
}

static int make(struct identity *id, const char *name, const char **why)
{
	*why = "no key could be made";
	id->self_made = true;
	return make_key(&id->key) < 0 || make_certificate(id, name) < 0 ? E_IO : OK;
}

int identity_init(struct identity *id, struct blob key, struct blob certificate, struct blob authority, const char *name,
		  const char **why)
{
	int r;

	memset(id, 0, sizeof(*id));
	mbedtls_pk_init(&id->key);
	mbedtls_x509_crt_init(&id->certificate);
	mbedtls_x509_crt_init(&id->authority);
	r = key.len ? bring(id, key, certificate, why) : make(id, name, why);
	if (r == OK && authority.len) {
		*why = "the module ca.crt is no certificate";
		r = read_certificates(&id->authority, authority);
		id->has_authority = r == OK;
	}
	if (r < 0) {
		identity_free(id);
		return r;
	}
	tell_fingerprint(id);
	return OK;
}

void identity_free(struct identity *id)
{
	mbedtls_pk_free(&id->key);
	mbedtls_x509_crt_free(&id->certificate);
	mbedtls_x509_crt_free(&id->authority);
}
