/* SPDX-License-Identifier: Apache-2.0 */
/* The decision about a node's certificate, in OpenSSL's verification. */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/tls.h"

enum { HASH_BYTES = 32 };

bool fingerprint_parse(const char *text, char plain[FINGERPRINT_MAX])
{
	char *to = plain;

	for (int i = 0; i < HASH_BYTES; i++) {
		if (i > 0 && *text == ':') {
			text++;
		}
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1])) {
			plain[0] = 0;
			return false;
		}
		to += sprintf(to, "%s%c%c", i > 0 ? ":" : "", toupper((unsigned char)text[0]), toupper((unsigned char)text[1]));
		text += 2;
	}
	if (*text) {
		plain[0] = 0;
	}
	return !*text;
}

static void fingerprint_of(X509 *cert, char plain[FINGERPRINT_MAX])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char *to = plain;

	plain[0] = 0;
	if (!X509_digest(cert, EVP_sha256(), hash, &len) || len != HASH_BYTES) {
		return;
	}
	for (unsigned int i = 0; i < len; i++) {
		to += sprintf(to, "%s%02X", i > 0 ? ":" : "", hash[i]);
	}
}

/* ---- words about a certificate ---- */

static void add_bio(struct buffer *to, BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	for (long i = 0; i < len; i++) {
		char c = text[i] >= ' ' && text[i] < 0x7f ? text[i] : ' ';

		buffer_add(to, &c, 1);
	}
}

static void describe(struct buffer *to, X509 *cert)
{
	BIO *bio[4];

	for (size_t i = 0; i < ARRAY_SIZE(bio); i++) {
		bio[i] = BIO_new(BIO_s_mem());
	}
	if (bio[0] && bio[1] && bio[2] && bio[3]) {
		X509_NAME_print_ex(bio[0], X509_get_subject_name(cert), 0, XN_FLAG_ONELINE);
		X509_NAME_print_ex(bio[1], X509_get_issuer_name(cert), 0, XN_FLAG_ONELINE);
		ASN1_TIME_print(bio[2], X509_get0_notBefore(cert));
		ASN1_TIME_print(bio[3], X509_get0_notAfter(cert));
		for (size_t i = 0; i < ARRAY_SIZE(bio); i++) {
			static const char *const words[] = { "subject ", "\nissuer ", "\nfrom ", "\nuntil " };

			buffer_text(to, words[i]);
			add_bio(to, bio[i]);
		}
		buffer_text(to, "\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bio); i++) {
		BIO_free(bio[i]);
	}
}

/* What is wrong with it, after X509_verify_cert said so. */
static void explain(struct tls_check *check, X509_STORE_CTX *store, X509 *cert)
{
	int error = X509_STORE_CTX_get_error(store);
	char issuer[200] = "";

	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		why_set(&check->why, "its certificate has expired");
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		why_set(&check->why, "its certificate is not valid yet: is a clock wrong?");
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		why_set(&check->why, "its certificate is signed by itself: compare %s with the node's console and approve it",
			check->fingerprint);
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		X509_NAME_oneline(X509_get_issuer_name(cert), issuer, sizeof(issuer));
		why_set(&check->why, "its certificate is not signed by an authority of %s, but by %s", settings.ca, issuer);
		break;
	default:
		why_set(&check->why, "its certificate: %s", X509_verify_cert_error_string(error));
	}
}

static bool name_matches(X509 *cert, const char *name)
{
	return X509_check_host(cert, name, 0, 0, NULL) == 1 || X509_check_ip_asc(cert, name, 0) == 1;
}

static bool accepts(struct tls_check *check, X509_STORE_CTX *store, X509 *cert)
{
	if (check->look) {
		describe(&check->described, cert);
		return why_set(&check->why, "it is only looked at");
	}
	if (*check->pin) {
		return strcmp(check->pin, check->fingerprint) == 0 ||
		       why_set(&check->why, "it shows the certificate %s, not the one that was approved", check->fingerprint);
	}
	if (X509_verify_cert(store) != 1) {
		explain(check, store, cert);
		return false;
	}
	if (!name_matches(cert, check->name) && !name_matches(cert, check->address)) {
		return strcmp(check->name, check->address) == 0 ?
			       why_set(&check->why, "its certificate is for another name than %s", check->name) :
			       why_set(&check->why, "its certificate is for another name than %s or %s", check->name, check->address);
	}
	return true;
}

/* In place of OpenSSL's verification. */
static int verify(X509_STORE_CTX *store, void *context)
{
	struct tls_check *check = context;
	X509 *cert = X509_STORE_CTX_get0_cert(store);

	check->refused = true;
	if (!cert) {
		why_set(&check->why, "it shows no certificate");
		return 0;
	}
	fingerprint_of(cert, check->fingerprint);
	if (!accepts(check, store, cert)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	check->refused = false;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static CURLcode on_context(CURL *curl, void *context, void *check)
{
	(void)curl;
	/* A connection is decided on once: check may be gone when a node wants a second handshake. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_cert_verify_callback(context, verify, check);
	return CURLE_OK;
}

void tls_set_up(CURL *curl, struct tls_check *check)
{
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* Its chain and its name are checked by verify. A resumed session would not be. */
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(curl, CURLOPT_CAINFO, *check->pin || check->look ? NULL : settings.ca);
	/* An authority that was replaced counts from the next connection on. */
	curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	if (!check->look) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, settings.cert);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, settings.key);
	}
	curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_context);
	curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, check);
}
