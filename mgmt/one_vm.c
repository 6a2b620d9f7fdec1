/* SPDX-License-Identifier: Apache-2.0 */
/* OpenNebula's requests: see one_vm.h. What stands in TEMPLATE goes to the table of attributes; of the rest little is for a hypervisor. */
#include "mgmt/one_vm.h"

#include <stdlib.h>
#include <string.h>

#include "mgmt/one_plan.h"
#include "mgmt/one_take.h"
#include "mgmt/one_xml.h"

#define TEMPLATE "VM/TEMPLATE/"

struct one_request {
	struct one_xml *xml;
	struct one_plan plan;
	const char *bad;             /* why it is no request; NULL: nothing wrong so far             */
};

/* Outside of TEMPLATE: these, and what is on the way to them. */
static const char *const outside[] = { "DEPLOY_ID", "VM/ID", "VM/HISTORY_RECORDS/HISTORY/DS_ID" };

static bool leads_to(const char *path, const char *wanted)
{
	size_t len = strlen(path);

	return strncmp(path, wanted, len) == 0 && (!wanted[len] || wanted[len] == '/' || !len);
}

static bool is_outside(const char *path)
{
	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
		if (leads_to(path, outside[i])) {
			return true;
		}
	}
	return strcmp(path, "VM/TEMPLATE") == 0;
}

static bool on_open(void *context, const char *path, const char *root)
{
	struct one_request *r = context;

	if (!*path && strcmp(root, "VMM_DRIVER_ACTION_DATA") != 0) {
		r->bad = "this is no VMM_DRIVER_ACTION_DATA";
		return false;
	}
	if (strncmp(path, TEMPLATE, strlen(TEMPLATE)) == 0) {
		return one_attribute_open(&r->plan, path + strlen(TEMPLATE));
	}
	return is_outside(path);
}

static void take_number(struct one_request *r, const char *text, uint32_t *field, const char *bad)
{
	uint64_t n;

	if (one_number(text, INT32_MAX, &n)) {
		*field = (uint32_t)n;
	} else {
		r->bad = bad;
	}
}

static void on_close(void *context, const char *path, const char *text)
{
	struct one_request *r = context;

	if (strncmp(path, TEMPLATE, strlen(TEMPLATE)) == 0) {
		one_attribute_take(&r->plan, path + strlen(TEMPLATE), text);
	} else if (strcmp(path, "VM/ID") == 0) {
		take_number(r, text ? text : "", &r->plan.id, "VM/ID is no number");
	} else if (strcmp(path, "VM/HISTORY_RECORDS/HISTORY/DS_ID") == 0) {
		take_number(r, text ? text : "", &r->plan.datastore, "HISTORY/DS_ID is no number");
	} else if (strcmp(path, "DEPLOY_ID") == 0 && (!text || strlen(text) >= sizeof(r->plan.deploy_id))) {
		r->bad = "DEPLOY_ID is longer than 31 bytes";
	} else if (strcmp(path, "DEPLOY_ID") == 0) {
		memcpy(r->plan.deploy_id, text, strlen(text) + 1);
	}
}

static const struct one_xml_reader reader = { .open = on_open, .close = on_close };

int one_request_begin(struct one_request **request, const struct conf_node *node, bool deploy)
{
	struct one_request *r = calloc(1, sizeof(*r));

	if (!r || one_xml_begin(&r->xml, &reader, r) < 0) {
		free(r);
		return E_NOMEM;
	}
	r->plan.node = node;
	r->plan.deploy = deploy;
	r->plan.id = r->plan.datastore = UINT32_MAX;
	*request = r;
	return OK;
}

/* What the reader found wrong counts as what the parser does. */
static int result_of(struct one_request *r, int result, const char **why)
{
	if (r->bad) {
		*why = r->bad;
		return E_PROTO;
	}
	return result;
}

int one_request_data(struct one_request *r, const uint8_t *bytes, size_t len, const char **why)
{
	return result_of(r, one_xml_data(r->xml, bytes, len, why), why);
}

int one_request_end(struct one_request *r, struct one_vm *vm, const char **why)
{
	int result = result_of(r, one_xml_end(r->xml, why), why);

	memset(vm, 0, sizeof(*vm));
	if (result < 0) {
		return result;
	}
	*why = r->plan.why;
	return one_plan_write(&r->plan, vm);
}

void one_request_free(struct one_request *r)
{
	if (r) {
		one_xml_free(r->xml);
		free(r);
	}
}
