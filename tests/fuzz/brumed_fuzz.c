/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What brumed reads of oned, monitord and nodes: words of the transfer manager's commands, the XML of START_MONITOR and DEPLOY, and lists of VMs, cut in two at
 * a NUL. The first byte says which.
 * sources: opennebula/brumed/tm_path.c opennebula/brumed/names.c opennebula/brumed/monitor_xml.c opennebula/brumed/message.c
 * sources: opennebula/brumed/xml_walk.c opennebula/brumed/sizes_parse.c opennebula/brumed/states.c
 * sources: opennebula/lib/memory.c opennebula/lib/config.c opennebula/lib/files.c opennebula/lib/encode.c opennebula/lib/paths.c
 * system: expat jansson z
 */
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumed/monitor_xml.h"
#include "opennebula/brumed/sizes.h"
#include "opennebula/brumed/states.h"
#include "opennebula/brumed/tm_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good) {
		abort();
	}
}

/* A disk's name is one that the node takes, and leads back to its file. */
static void check_place(const struct tm_place *p)
{
	char name[TM_DISK_MAX + 1];

	must(p->path[0] == '/' && !strstr(p->path, "/../"));
	if (p->of_vm) {
		const char *file;

		tm_disk_name(p, name);
		must(strlen(name) < TM_DISK_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(name));
		file = tm_disk_file(p, name);
		must(*p->file ? file && strcmp(file, p->file) == 0 : !file);
	}
}

static void try_word(const char *word)
{
	char path[TM_PATH_MAX], name[TM_PATH_MAX];
	struct tm_place p;
	struct why why;
	int64_t bytes;

	if (tm_place_parse(word, "fe", &p, &why)) {
		check_place(&p);
	}
	if (tm_context_file(word, path, name, &why)) {
		must(path[0] == '/' && *name && !strchr(name, '/'));
	}
	if (tm_size_parse(word, &bytes)) {
		must(bytes > 0);
	}
}

static void try_xml(const char *xml, size_t len)
{
	struct monitor_wishes w;
	struct sizes sizes;
	struct why why;

	if (sizes_parse(xml, len, &sizes)) {
		must(sizes.count <= SIZES_MAX && sizes.vm >= 0 && sizes.store >= 0);
	}
	if (monitor_xml_parse(xml, len, &w, &why)) {
		must(node_name_ok(w.name) && w.port >= 0 && w.port <= 65535);
		for (size_t i = 0; i < MESSAGE_KINDS; i++) {
			must(w.period_s[i] >= 1 && w.period_s[i] <= MONITOR_PERIOD_MAX_S);
		}
	}
}

/* What was said of a list need not be said at once again, unless the list says two things of one VM. */
static void try_states(const char *text, size_t len)
{
	const char *other = text + strlen(text) + (strlen(text) < len);
	struct buffer first = { 0 }, second = { 0 };
	struct states states = { 0 };

	states_choose(&states, text, 1000, false, &first);
	states_said(&states, text, 1000);
	states_choose(&states, text, 1001, false, &second);
	must(second.len <= first.len && first.len <= len + 1);
	states_said(&states, other, 2000);
	states_said(&states, text, 1 << 20);
	states_forget(&states);
	buffer_free(&first);
	buffer_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0) {
		return 0;
	}
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = 0;
	if (data[0] & 1) {
		try_xml(text, size - 1);
	} else if (data[0] & 2) {
		try_states(text, size - 1);
	} else {
		try_word(text);
	}
	free(text);
	return 0;
}
