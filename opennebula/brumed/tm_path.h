/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the transfer manager's commands. A path on a node is only a name: data store, VM and file are taken out of it, and nothing
 * else of it counts. A path on the front-end is a file.
 */
#pragma once

#include "opennebula/brumed/names.h"
#include "opennebula/lib/memory.h"

enum { TM_FILE_MAX = 31, TM_DISK_MAX = 63, TM_PATH_MAX = 1024, TM_ID_MAX = 0x7fffffff };

/* One end of a transfer. */
struct tm_place {
	bool here;                       /* on the front-end */
	char host[NODE_NAME_MAX + 1];    /* "" where none was named, which is here */
	char path[TM_PATH_MAX];          /* absolute, without .. */
	bool of_vm;                      /* the path ends in DATASTORE/VM or DATASTORE/VM/FILE, and these are set: */
	long store, vm;
	char file[TM_FILE_MAX + 1];      /* "": the VM's whole folder */
};

/*
 * HOST:PATH or PATH. front_end: the host name that means here. False with the reason: no such path. On a node it must be a VM's.
 */
MUST_CHECK bool tm_place_parse(const char *word, const char *front_end, struct tm_place *place, struct why *why);

/* Whether a path lies below one of the folders, which stand in a list with : between them. Where links lead does not count. */
bool tm_path_below(const char *path, const char *folders);

/* The disk of a place on a node, or with file "" what the names of all its disks begin with. */
void tm_disk_name(const struct tm_place *place, char name[TM_DISK_MAX + 1]);

/* The file of a disk that is one of the place's VM, out of its name; NULL: it is not. */
const char *tm_disk_file(const struct tm_place *place, const char *disk);

/* Kernel and initrd are never written. */
bool tm_file_read_only(const char *file);

/* Megabytes of OpenNebula, which are MiB, as bytes. False: no number, 0, or too many. */
MUST_CHECK bool tm_size_parse(const char *word, int64_t *bytes);

/*
 * A file of a context: PATH, or PATH:'NAME' where the guest shall see another name than the path's last word. False with the reason.
 */
MUST_CHECK bool tm_context_file(const char *word, char path[TM_PATH_MAX], char name[TM_PATH_MAX], struct why *why);
