/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as OpenNebula's request, in pieces whose size the first byte tells. A text that comes out must be one VM that conf takes without a word, with
 * the name and the disks of the request.
 * sources: mgmt/one_vm.c mgmt/one_xml.c mgmt/one_attributes.c mgmt/one_take.c mgmt/one_take_net.c mgmt/one_text.c lib/cpu_list.c lib/hex.c lib/fmt.c
 * sources: conf/parse.c conf/words.c conf/devices.c conf/address.c conf/place.c conf/uplink.c init/check.c
 * libraries: expat
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/parse.h"
#include "init/config.h"
#include "mgmt/one_vm.h"
#include "mgmt/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int random_fill(void *out, size_t len)
{
	memset(out, 0x5a, len);
	return OK;
}

static void check_text(const struct one_vm *vm)
{
	static struct conf_result result;
	char name[CONF_NAME_MAX];
	const char *why;

	conf_parse(vm->text, vm->text_bytes, "vm", &result);
	snprintf(name, sizeof(name), "one-%u", vm->id);
	if (result.message_count || result.vm_count != 1 || result.node_lines || !config_check(&result, &why) || strcmp(result.vm[0].name, name) != 0 ||
	    strncmp(result.vm[0].kernel, "one-", 4) != 0) {
		abort();
	}
	for (uint32_t i = 0; i < result.vm[0].disk_count; i++) {
		if (strncmp(result.vm[0].disk[i].module, "one-", 4) != 0) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct conf_node node = { .bridge_count = 2, .bridge = { { "br0", "default" }, { "onebr.12", "lab" } } };
	static const struct conf_node bare;
	static struct one_vm vm;
	struct one_request *r;
	const char *why = NULL;
	size_t piece;
	int result = OK;

	if (!len) {
		return 0;
	}
	piece = data[0] ? data[0] : 4096;
	if (one_request_begin(&r, data[0] & 1 ? &node : &bare, data[0] != 7) < 0) {
		abort();
	}
	for (size_t at = 1, n; at < len && result == OK; at += n) {
		n = len - at < piece ? len - at : piece;
		result = one_request_data(r, data + at, n, &why);
	}
	if (result == OK) {
		result = one_request_end(r, &vm, &why);
	}
	if (result < 0 && (!why || !*why)) {
		abort();
	}
	if (result == OK && vm.text_bytes) {
		check_text(&vm);
	}
	one_request_free(r);
	return 0;
}
