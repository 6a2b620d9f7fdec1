/* SPDX-License-Identifier: Apache-2.0 */
/* DISK/SIZE of a VM's XML. */
#include <string.h>

#include "opennebula/brumed/sizes.h"
#include "opennebula/brumed/xml_walk.h"
#include "opennebula/lib/config.h"

struct parse {
	struct sizes *sizes;
	long disk;                       /* of the DISK that is open; -1: not said yet */
	int64_t bytes;                   /* 0: not said yet */
};

#define ROOT "/VMM_DRIVER_ACTION_DATA/VM/"

static void take(void *context, const char *path, const char *value)
{
	struct parse *p = context;
	struct sizes *s = p->sizes;

	if (strcmp(path, ROOT "ID") == 0) {
		s->vm = config_number(value, 0, TM_ID_MAX, &s->vm) ? s->vm : -1;
	} else if (strcmp(path, ROOT "HISTORY_RECORDS/HISTORY/DS_ID") == 0) {
		/* The last one counts. */
		s->store = config_number(value, 0, TM_ID_MAX, &s->store) ? s->store : -1;
	} else if (strcmp(path, ROOT "TEMPLATE/DISK/DISK_ID") == 0) {
		p->disk = config_number(value, 0, TM_ID_MAX, &p->disk) ? p->disk : -1;
	} else if (strcmp(path, ROOT "TEMPLATE/DISK/SIZE") == 0) {
		p->bytes = tm_size_parse(value, &p->bytes) ? p->bytes : 0;
	} else if (strcmp(path, ROOT "TEMPLATE/DISK") == 0) {
		if (p->disk >= 0 && p->bytes > 0 && s->count < SIZES_MAX) {
			s->row[s->count].disk = p->disk;
			s->row[s->count++].bytes = p->bytes;
		}
		p->disk = -1;
		p->bytes = 0;
	}
}

bool sizes_parse(const char *xml, size_t len, struct sizes *sizes)
{
	struct parse p = { .sizes = sizes, .disk = -1 };
	struct why why;

	*sizes = (struct sizes){ .store = -1, .vm = -1 };
	return xml_walk(xml, len, take, &p, &why) && sizes->store >= 0 && sizes->vm >= 0;
}
