/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may do, by a URI among its certificate's alternative names: brume:role:NAME. */
#pragma once

#include <mbedtls/x509_crt.h>

#include "lib/base.h"

/* Each may what those before it may. */
enum role {
	ROLE_NONE,                   /* nothing                                                      */
	ROLE_MONITOR,                /* read                                                         */
	ROLE_OPERATOR,               /* start and stop VMs, use their consoles, move images          */
	ROLE_FRONTEND,               /* an OpenNebula front-end: all                                 */
};

/* One URI. ROLE_NONE: not a role's. */
enum role role_of_uri(const char *uri, size_t len);

/* Of a verified certificate. One that names several different roles has none: nobody should have to guess which counts. */
enum role role_of_certificate(const mbedtls_x509_crt *certificate);

const char *role_name(enum role role);
