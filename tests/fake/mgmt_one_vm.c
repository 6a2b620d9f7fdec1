/* SPDX-License-Identifier: Apache-2.0 */
/* OpenNebula's requests, made up: a body "ID DATASTORE DEPLOY-ID", then the VM's text. "-" is no deploy id. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/one_vm.h"

struct one_request {
	char body[MGMT_TEXT_MAX];
	size_t len;
	bool deploy;
};

int one_request_begin(struct one_request **request, const struct conf_node *node, bool deploy)
{
	(void)node;
	*request = calloc(1, sizeof(**request));
	if (*request) {
		(*request)->deploy = deploy;
	}
	return *request ? OK : E_NOMEM;
}

int one_request_data(struct one_request *request, const uint8_t *bytes, size_t len, const char **why)
{
	*why = "too long";
	if (len >= sizeof(request->body) - request->len) {
		return E_PROTO;
	}
	memcpy(request->body + request->len, bytes, len);
	request->len += len;
	return OK;
}

int one_request_end(struct one_request *request, struct one_vm *vm, const char **why)
{
	int at = 0;

	*why = "no request";
	if (sscanf(request->body, "%9u %9u %31s %n", &vm->id, &vm->datastore, vm->deploy_id, &at) != 3) {
		return E_PROTO;
	}
	if (strcmp(vm->deploy_id, "-") == 0) {
		vm->deploy_id[0] = '\0';
	}
	vm->text_bytes = request->deploy ? (uint32_t)(request->len - (size_t)at) : 0;
	memcpy(vm->text, request->body + at, vm->text_bytes);
	return OK;
}

void one_request_free(struct one_request *request)
{
	free(request);
}
