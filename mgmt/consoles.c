/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles of VMs over HTTP connections: see consoles.h. */
#include "mgmt/consoles.h"

#include <string.h>

#include "mgmt/node_routes.h"
#include "mgmt/relays.h"

void console_open(struct exchange *e)
{
	int vm = node_find_vm(e), relay;

	if (vm < 0) {
		return;
	}
	if (e->request->method != HTTP_GET || strcmp(e->request->field[FIELD_UPGRADE], "brume-console") != 0) {
		text_printf(&e->headers, "Upgrade: brume-console\r\n");
		exchange_refuse(e, 426, "a console needs Upgrade: brume-console");
		return;
	}
	relay = relay_open(vm, RELAY_CONSOLES);
	if (relay < 0) {
		exchange_refuse(e, 503, "too many consoles are open");
		return;
	}
	e->relay = relay + 1;
	e->status = 101;
	exchange_audit(e, "open console", "open");
}

void console_close(struct exchange *e)
{
	if (e->relay) {
		relay_close(e->relay - 1);
		exchange_audit(e, "close console", "closed");
	}
	e->relay = 0;
}

size_t console_read(struct exchange *e, uint8_t *to, size_t size)
{
	return relay_read(e->relay - 1, to, size);
}

size_t console_write(struct exchange *e, const uint8_t *bytes, size_t len)
{
	return relay_write(e->relay - 1, bytes, len);
}

bool console_is_over(struct exchange *e)
{
	return relay_is_over(e->relay - 1);
}
