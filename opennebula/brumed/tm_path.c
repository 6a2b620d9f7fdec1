/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the transfer manager's commands. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "opennebula/brumed/tm_path.h"
#include "opennebula/lib/config.h"

/* Absolute, printable, and no element is . or .. */
static bool path_ok(const char *path)
{
	if (path[0] != '/' || strlen(path) >= TM_PATH_MAX) {
		return false;
	}
	for (const char *p = path; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			return false;
		}
		if (p[0] == '/' && p[1] == '.' && (p[2] == 0 || p[2] == '/' || (p[2] == '.' && (p[3] == 0 || p[3] == '/')))) {
			return false;
		}
	}
	return true;
}

static bool file_ok(const char *file, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)file[i]) && !strchr("-_.", file[i])) {
			return false;
		}
	}
	return len > 0 && len <= TM_FILE_MAX && isalnum((unsigned char)file[0]);
}

/* The element of path that ends at *end; moves *end to its slash. */
static const char *last_element(const char *path, const char **end, size_t *len)
{
	const char *to = *end, *from;

	while (to > path && to[-1] == '/') {
		to--;
	}
	for (from = to; from > path && from[-1] != '/';) {
		from--;
	}
	*len = (size_t)(to - from);
	*end = from;
	return from;
}

static bool element_number(const char *at, size_t len, long *number)
{
	char text[16];

	if (len == 0 || len >= sizeof(text)) {
		return false;
	}
	memcpy(text, at, len);
	text[len] = 0;
	return config_number(text, 0, TM_ID_MAX, number);
}

/* DATASTORE/VM at the end of what ends at end. */
static bool take_numbers(const char *path, const char *end, struct tm_place *place)
{
	size_t len;
	const char *at = last_element(path, &end, &len);
	long store, vm;

	if (!element_number(at, len, &vm)) {
		return false;
	}
	at = last_element(path, &end, &len);
	if (!element_number(at, len, &store)) {
		return false;
	}
	place->store = store;
	place->vm = vm;
	return true;
}

static void take_vm(struct tm_place *place)
{
	const char *end = place->path + strlen(place->path), *whole = end, *file;
	size_t len;

	file = last_element(place->path, &end, &len);
	if (file_ok(file, len) && take_numbers(place->path, end, place)) {
		long number;

		/* 0/12/34 could be either; files of VMs are never mere numbers. */
		if (!element_number(file, len, &number)) {
			memcpy(place->file, file, len);
			place->file[len] = 0;
			place->of_vm = true;
			return;
		}
	}
	place->of_vm = take_numbers(place->path, whole, place);
}

bool tm_place_parse(const char *word, const char *front_end, struct tm_place *place, struct why *why)
{
	const char *colon = word[0] == '/' ? NULL : strchr(word, ':');
	size_t len = colon ? (size_t)(colon - word) : 0;
	const char *path = colon ? colon + 1 : word;

	*place = (struct tm_place){ .here = true };
	if (colon) {
		if (len > NODE_NAME_MAX) {
			return why_set(why, "the name of a host is too long");
		}
		memcpy(place->host, word, len);
		if (!node_name_ok(place->host)) {
			return why_set(why, "'%.64s' is no name of a host", place->host);
		}
		place->here = strcasecmp(place->host, front_end) == 0;
	}
	/* There is room for a file behind it. */
	if (!path_ok(path) || strlen(path) + TM_FILE_MAX + 2 > TM_PATH_MAX) {
		return why_set(why, "'%.200s' is no path that Brume takes", path);
	}
	snprintf(place->path, sizeof(place->path), "%s", path);
	take_vm(place);
	if (!place->here && !place->of_vm) {
		return why_set(why, "'%.200s' does not end in DATASTORE/VM/FILE", path);
	}
	return true;
}

/* Repeated slashes are one. */
static bool is_below(const char *path, const char *folder, size_t len)
{
	const char *end = folder + len;

	while (end > folder && end[-1] == '/') {
		end--;
	}
	for (; folder < end; path++, folder++) {
		if (*path != *folder) {
			return false;
		}
		while (*path == '/' && path[1] == '/') {
			path++;
		}
		while (*folder == '/' && folder[1] == '/') {
			folder++;
		}
	}
	return len > 0 && *path == '/' && path[strspn(path, "/")];
}

bool tm_path_below(const char *path, const char *folders)
{
	for (;;) {
		size_t len = strcspn(folders, ":");

		if (is_below(path, folders, len)) {
			return true;
		}
		if (!folders[len]) {
			return false;
		}
		folders += len + 1;
	}
}

void tm_disk_name(const struct tm_place *place, char name[TM_DISK_MAX + 1])
{
	snprintf(name, TM_DISK_MAX + 1, "one-%ld-%ld-%s", place->store, place->vm, place->file);
}

const char *tm_disk_file(const struct tm_place *place, const char *disk)
{
	struct tm_place folder = *place;
	char prefix[TM_DISK_MAX + 1];

	folder.file[0] = 0;
	tm_disk_name(&folder, prefix);
	return strncmp(disk, prefix, strlen(prefix)) == 0 && file_ok(disk + strlen(prefix), strlen(disk + strlen(prefix))) ?
		       disk + strlen(prefix) : NULL;
}

bool tm_file_read_only(const char *file)
{
	return strcmp(file, "kernel") == 0 || strcmp(file, "initrd") == 0;
}

bool tm_size_parse(const char *word, int64_t *bytes)
{
	long mb;

	if (!config_number(word, 1, 1L << 30, &mb)) {
		return false;
	}
	*bytes = (int64_t)mb << 20;
	return true;
}

bool tm_context_file(const char *word, char path[TM_PATH_MAX], char name[TM_PATH_MAX], struct why *why)
{
	const char *quote = strstr(word, ":'"), *slash;
	size_t len = quote ? (size_t)(quote - word) : strlen(word), name_len;

	if (len >= TM_PATH_MAX || strlen(word) >= TM_PATH_MAX) {
		return why_set(why, "a path of the context is too long");
	}
	memcpy(path, word, len);
	path[len] = 0;
	if (!path_ok(path)) {
		return why_set(why, "context: '%.200s' is no path of a file on the front-end", path);
	}
	slash = strrchr(path, '/');
	snprintf(name, TM_PATH_MAX, "%s", quote ? quote + 2 : slash + 1);
	name_len = strlen(name);
	if (quote && name_len > 0 && name[name_len - 1] == '\'') {
		name[name_len - 1] = 0;
	}
	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return why_set(why, "context: '%.200s' is no name of a file", name);
	}
	return true;
}
