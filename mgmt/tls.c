/* SPDX-License-Identifier: Apache-2.0 */
/* TLS by mbedTLS: see tls.h. */
#include "mgmt/tls.h"

#include <string.h>
#include <mbedtls/oid.h>
#include <psa/crypto.h>

#include "mgmt/random.h"

/* Ephemeral keys and authenticated encryption only, what is quick in this build first. */
static const int suites[] = {
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
	MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	0
};

static const uint16_t groups[] = {
	MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_NONE
};

static const char *protocols[] = { "http/1.1", "http/1.0", NULL };

static int draw(void *context, unsigned char *out, size_t len)
{
	(void)context;
	return random_fill(out, len) < 0 ? MBEDTLS_ERR_SSL_NO_RNG : 0;
}

int tls_server_init(struct tls_server *server, struct identity *id)
{
	mbedtls_ssl_config *c = &server->config;

	mbedtls_ssl_config_init(c);
	if (!id->has_authority) {
		return E_NOENT;
	}
	if (psa_crypto_init() != PSA_SUCCESS ||
	    mbedtls_ssl_config_defaults(c, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
		return E_NOMEM;
	}
	mbedtls_ssl_conf_rng(c, draw, NULL);
	mbedtls_ssl_conf_min_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_ciphersuites(c, suites);
	mbedtls_ssl_conf_groups(c, groups);
	mbedtls_ssl_conf_authmode(c, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(c, &id->authority, NULL);
	if (mbedtls_ssl_conf_own_cert(c, &id->certificate, &id->key) != 0 || mbedtls_ssl_conf_alpn_protocols(c, protocols) != 0) {
		return E_INVAL;
	}
	return OK;
}

void tls_server_free(struct tls_server *server)
{
	mbedtls_ssl_config_free(&server->config);
}

/* ---- between mbedTLS and the stream ---- */

static int give(void *context, const unsigned char *bytes, size_t len)
{
	struct stream *s = context;
	int n = s->ops->write(s, bytes, len);

	return n >= 0 ? n : n == E_AGAIN ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_CONN_EOF;
}

static int take(void *context, unsigned char *to, size_t size)
{
	struct stream *s = context;
	int n = s->ops->read(s, to, size);

	return n > 0 ? n : n == E_AGAIN ? MBEDTLS_ERR_SSL_WANT_READ : n == 0 ? 0 : MBEDTLS_ERR_SSL_CONN_EOF;
}

/* What an error of mbedTLS is to our callers. */
static int result(int r)
{
	switch (r) {
	case MBEDTLS_ERR_SSL_WANT_READ:
	case MBEDTLS_ERR_SSL_WANT_WRITE:
		return E_AGAIN;
	case MBEDTLS_ERR_SSL_CONN_EOF:
		return E_IO;
	default:
		return E_PROTO;
	}
}

int tls_begin(struct tls *t, struct tls_server *server, struct stream *stream)
{
	memset(t, 0, sizeof(*t));
	mbedtls_ssl_init(&t->ssl);
	if (mbedtls_ssl_setup(&t->ssl, &server->config) != 0) {
		mbedtls_ssl_free(&t->ssl);
		return E_NOMEM;
	}
	mbedtls_ssl_set_bio(&t->ssl, stream, give, take, NULL);
	return OK;
}

void tls_end(struct tls *t)
{
	mbedtls_ssl_free(&t->ssl);
}

/* The first common name; what is not printable becomes '?', since it goes into the log. */
static void take_name(struct tls *t, const mbedtls_x509_crt *certificate)
{
	for (const mbedtls_x509_name *n = &certificate->subject; n; n = n->next) {
		size_t len = n->val.len < sizeof(t->name) - 1 ? n->val.len : sizeof(t->name) - 1;

		if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) == 0) {
			for (size_t i = 0; i < len; i++) {
				t->name[i] = n->val.p[i] > ' ' && n->val.p[i] <= '~' ? (char)n->val.p[i] : '?';
			}
			return;
		}
	}
}

int tls_handshake(struct tls *t)
{
	int r = mbedtls_ssl_handshake(&t->ssl);
	const mbedtls_x509_crt *certificate;

	if (r != 0) {
		return result(r);
	}
	certificate = mbedtls_ssl_get_peer_cert(&t->ssl);
	if (!certificate || mbedtls_ssl_get_verify_result(&t->ssl) != 0) {
		return E_PROTO;
	}
	t->role = role_of_certificate(certificate);
	take_name(t, certificate);
	return OK;
}

int tls_refusal(const struct tls *t, const char **why)
{
	static const struct {
		uint32_t flags;
		const char *why;
	} row[TLS_REFUSALS] = {
		{ MBEDTLS_X509_BADCERT_NOT_TRUSTED, "no authority of ca.crt has signed its certificate" },
		{ MBEDTLS_X509_BADCERT_FUTURE, "its certificate is not valid yet by this node's clock" },
		{ MBEDTLS_X509_BADCERT_EXPIRED, "its certificate has ended by this node's clock" },
		{ MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "its certificate is none of a client" },
		{ MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
		  "its certificate has a key or a hash that is too weak here" },
	};
	uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);

	for (int i = 0; flags != UINT32_MAX && i < TLS_REFUSALS; i++) {
		if (flags & row[i].flags) {
			*why = row[i].why;
			return i;
		}
	}
	return -1;
}

int tls_read(struct tls *t, void *to, size_t size)
{
	int r = mbedtls_ssl_read(&t->ssl, to, size);

	return r > 0 ? r : r == 0 || r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : result(r);
}

int tls_write(struct tls *t, const void *bytes, size_t len)
{
	int r = mbedtls_ssl_write(&t->ssl, bytes, len);

	return r > 0 ? r : r == 0 ? E_AGAIN : result(r);
}

int tls_close(struct tls *t)
{
	int r = mbedtls_ssl_close_notify(&t->ssl);

	return r == 0 ? OK : result(r);
}
