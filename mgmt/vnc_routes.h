/* SPDX-License-Identifier: Apache-2.0 */
/* VNC consoles by HTTP: /v1/vms/NAME/vnc (docs/management.md). Who asks is told at once, and each change is logged. */
#pragma once

#include "mgmt/exchange.h"

enum { VNC_BODY_MAX = 256 };

void vnc_route_get(struct exchange *e);

/* Body, a line each: `port NUMBER`, `password WORD`. */
void vnc_route_open(struct exchange *e);
void vnc_route_close(struct exchange *e);
