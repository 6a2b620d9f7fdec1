/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 (RFC 8446) and 1.2 (RFC 5246 with RFC 7905, 5289) over a stream: the server's side, with a client certificate that must be
 * signed by the node's authority. One thread.
 */
#pragma once

#include <mbedtls/ssl.h>

#include "mgmt/identity.h"
#include "mgmt/role.h"
#include "mgmt/stream.h"

enum { TLS_NAME_MAX = 64, TLS_REFUSALS = 5 };

struct tls_server {
	mbedtls_ssl_config config;
};

struct tls {
	mbedtls_ssl_context ssl;
	enum role role;              /* of the client, once it is known                              */
	char name[TLS_NAME_MAX];     /* its common name, printable                                   */
};

/* id must stay. E_NOMEM, E_INVAL: something mbedTLS does not take. An identity without authority is E_NOENT: nobody could come. */
int tls_server_init(struct tls_server *server, struct identity *id) MUST_CHECK;
void tls_server_free(struct tls_server *server);

/* A connection has come. stream must stay until tls_end(). E_NOMEM. */
int tls_begin(struct tls *t, struct tls_server *server, struct stream *stream) MUST_CHECK;

/* Drops all. Does not touch the stream. */
void tls_end(struct tls *t);

/* E_AGAIN: it goes on when the stream has moved; OK: role and name are known; E_PROTO, E_IO: it is over. */
int tls_handshake(struct tls *t) MUST_CHECK;

/* Which certificate it was that tls_handshake() did not take: number of a reason, below TLS_REFUSALS, and what it is; -1: none was shown. */
int tls_refusal(const struct tls *t, const char **why);

/* As those of struct stream_ops. A write that was E_AGAIN must be repeated with the same bytes. */
int tls_read(struct tls *t, void *to, size_t size) MUST_CHECK;
int tls_write(struct tls *t, const void *bytes, size_t len) MUST_CHECK;

/* Says goodbye. E_AGAIN: not all of it is sent. */
int tls_close(struct tls *t) MUST_CHECK;
