/* SPDX-License-Identifier: Apache-2.0 */
/* Roles in certificates: see role.h. RFC 5280, 4.2.1.6. */
#include "mgmt/role.h"

#include <string.h>

#define PREFIX "brume:role:"

enum { SAN_URI = 6 };                /* uniformResourceIdentifier [6]                                */

static const char *const names[] = {
	[ROLE_NONE] = "none", [ROLE_MONITOR] = "monitor", [ROLE_OPERATOR] = "operator", [ROLE_FRONTEND] = "frontend",
};

const char *role_name(enum role role)
{
	return names[role];
}

enum role role_of_uri(const char *uri, size_t len)
{
	size_t skip = sizeof(PREFIX) - 1;

	if (len <= skip || memcmp(uri, PREFIX, skip) != 0) {
		return ROLE_NONE;
	}
	for (int role = ROLE_MONITOR; role <= ROLE_FRONTEND; role++) {
		if (strlen(names[role]) == len - skip && memcmp(names[role], uri + skip, len - skip) == 0) {
			return (enum role)role;
		}
	}
	return ROLE_NONE;
}

enum role role_of_certificate(const mbedtls_x509_crt *certificate)
{
	enum role found = ROLE_NONE;

	for (const mbedtls_x509_sequence *name = &certificate->subject_alt_names; name; name = name->next) {
		enum role role = ROLE_NONE;

		if (name->buf.tag == (MBEDTLS_ASN1_CONTEXT_SPECIFIC | SAN_URI)) {
			role = role_of_uri((const char *)name->buf.p, name->buf.len);
		}
		if (role != ROLE_NONE && found != ROLE_NONE && role != found) {
			return ROLE_NONE;
		}
		found = role != ROLE_NONE ? role : found;
	}
	return found;
}
