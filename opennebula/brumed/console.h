/* SPDX-License-Identifier: Apache-2.0 */
/* A console of a node's VM: a GET with Upgrade, after whose 101 bytes go both ways until either side ends it. */
#pragma once

#include "opennebula/brumed/request.h"

/* Whether the request asks for it. */
bool console_wanted(const struct request *request);

/* Connects to the node and answers with 101, or with what the node said. */
enum MHD_Result console_answer(struct request *request);

/* The request ends: a client that left before it had its answer holds no console of the node. */
void console_leave(struct request *request);
