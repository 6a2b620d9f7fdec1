/* SPDX-License-Identifier: Apache-2.0 */
/* ANY /nodes/NAME/v1/...: a request that goes to the node as it is, and its answer; both streamed, neither kept. */
#pragma once

#include "opennebula/brumed/request.h"

/* The head of such a request is here. */
struct proxy *proxy_start(struct request *request);

/* Some of its body; waits while the node is slower. */
void proxy_take(struct proxy *proxy, const char *bytes, size_t len);

/* All of it is here: waits for the node's answer and begins to hand it on. */
enum MHD_Result proxy_answer(struct proxy *proxy, struct MHD_Connection *connection);

/* The request is over, in whatever way. */
void proxy_leave(struct proxy *proxy);

/* The path of the request as the node is asked for it: from /v1 on, with the query. */
const char *proxy_path(const struct request *request);
