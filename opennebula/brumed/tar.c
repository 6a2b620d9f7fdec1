/* SPDX-License-Identifier: Apache-2.0 */
/* Writes ustar. Owner, group and time are 0: the same files make the same archive. */
#include <stdio.h>
#include <string.h>

#include "opennebula/brumed/tar.h"

enum { BLOCK = 512 };

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "ustar header");

static void octal(char *field, size_t size, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", (int)(size - 1), (unsigned long long)value);
	memcpy(field, text, size);
}

bool tar_add(struct buffer *tar, const char *name, const void *bytes, size_t len)
{
	static const char zeros[BLOCK];
	size_t name_len = strlen(name);
	struct header h = { .type = '0', .magic = "ustar", .version = { '0', '0' } };
	unsigned int sum = 0;

	if (name_len == 0 || name_len > TAR_NAME_MAX || len > 077777777777u) {
		return false;
	}
	memcpy(h.name, name, name_len);
	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), len);
	octal(h.mtime, sizeof(h.mtime), 0);
	/* The sum counts its own field as blanks. */
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++) {
		sum += ((const unsigned char *)&h)[i];
	}
	octal(h.checksum, 7, sum);
	buffer_add(tar, &h, sizeof(h));
	buffer_add(tar, bytes, len);
	buffer_add(tar, zeros, (BLOCK - len % BLOCK) % BLOCK);
	return true;
}

void tar_end(struct buffer *tar)
{
	static const char zeros[2 * BLOCK];

	buffer_add(tar, zeros, sizeof(zeros));
}
