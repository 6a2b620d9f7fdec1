/* SPDX-License-Identifier: Apache-2.0 */
/* The transfer manager's commands. Bytes go between a file of the front-end and a disk of a node; between nodes by way of the front-end. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "opennebula/brumed/fetch.h"
#include "opennebula/brumed/image.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/tar.h"
#include "opennebula/brumed/tm.h"
#include "opennebula/brumed/tm_here.h"
#include "opennebula/brumed/tm_path.h"
#include "opennebula/brumed/watch.h"
#include "opennebula/lib/config.h"
#include "opennebula/lib/files.h"
#include "opennebula/lib/log.h"
#include "opennebula/lib/paths.h"

enum { ARGS_MAX = 256, CONTEXT_MAX = 64 << 20 };

/* One command as it is carried out. */
struct job {
	const char *name;
	const char *args[ARGS_MAX];
	size_t count;
	struct buffer output;
	struct why why;
};

typedef image_result job_fn(struct job *job);

static image_result refuse(struct job *job, const char *text)
{
	why_set(&job->why, "%s", text);
	return 400;
}

/* ---- words ---- */

/* What is here must be in a datastore: nothing else is read or written for a disk, whoever asks. */
static bool place(struct job *job, const char *word, struct tm_place *p)
{
	return tm_place_parse(word, settings.hostname, p, &job->why) &&
	       (!p->here || tm_path_below(p->path, settings.datastores) ||
		why_set(&job->why, "%.200s is in no datastore: `datastores` of brumed.conf says where they are, %.150s", p->path, settings.datastores));
}

/* The VM of a path must be the one that oned means. */
static bool belongs(struct job *job, const struct tm_place *p, const char *vm)
{
	long number;

	if (!config_number(vm, 0, TM_ID_MAX, &number)) {
		return why_set(&job->why, "'%.32s' is no number of a VM", vm);
	}
	return p->here || p->vm == number || why_set(&job->why, "%.200s is not of VM %ld", p->path, number);
}

/* The node of a disk there; NULL with the reason. */
static struct node *disk_node(struct job *job, const char *word, const char *vm, struct tm_place *p)
{
	if (!place(job, word, p) || !belongs(job, p, vm)) {
		return NULL;
	}
	if (p->here || !*p->file) {
		why_set(&job->why, "%.200s is no disk on a node", word);
		return NULL;
	}
	return nodes_get(p->host, &job->why);
}

/* ---- requests about one disk ---- */

/* Sends one; 0 where the status is 2xx. */
static image_result ask(struct job *job, struct node *node, const char *method, const char *disk, const char *more, const char *body)
{
	char path[TM_DISK_MAX + 32];
	struct client_call call;
	image_result result = 0;

	snprintf(path, sizeof(path), "/v1/disks/%s%s", disk, more);
	call = (struct client_call){ .method = method, .path = path, .body = body, .len = body ? strlen(body) : 0,
				     .timeout_s = settings.request_s };
	if (!client_call(node, CLIENT_REQUEST, &call)) {
		result = 502;
	} else if (call.status < 200 || call.status > 299) {
		result = (image_result)call.status;
		client_explain(node, &call);
	}
	if (result != 0) {
		job->why = call.why;
	}
	buffer_free(&call.answer);
	return result;
}

static image_result delete_disk(struct job *job, struct node *node, const char *disk)
{
	image_result result = ask(job, node, "DELETE", disk, "", NULL);

	return result == 404 ? 0 : result;
}

/* ---- making disks ---- */

/* A file into a disk of which nobody else needs the content, but for kernels, which many VMs have. any: as of image_send_disk(). */
static image_result fill_disk(struct job *job, struct node *node, const struct tm_place *to, const char *path, bool any)
{
	char disk[TM_DISK_MAX + 1];

	tm_disk_name(to, disk);
	return tm_file_read_only(to->file) ? image_make_disk(node, disk, path, true, &job->why) : image_send_disk(node, disk, path, any, &job->why);
}

/* clone, ln: SOURCE HOST:DISK VM STORE. An image that is to be linked is one VM's alone, and another one when it comes back. */
static image_result do_clone(struct job *job)
{
	bool alone = strncasecmp(job->name, "ln", 2) == 0;
	struct tm_place from, to;
	char disk[TM_DISK_MAX + 1];
	struct node *node = disk_node(job, job->args[1], job->args[2], &to);

	if (!node || !place(job, job->args[0], &from)) {
		return 400;
	}
	if (!from.here) {
		return refuse(job, "an image must be on the front-end: its datastore needs DS_MAD=fs");
	}
	if (alone) {
		return fill_disk(job, node, &to, from.path, false);
	}
	tm_disk_name(&to, disk);
	return image_make_disk(node, disk, from.path, tm_file_read_only(to.file), &job->why);
}

static image_result make_empty(struct job *job, const char *size, const char *target, const char *vm, const char *more)
{
	char disk[TM_DISK_MAX + 1], words[64];
	struct tm_place to;
	struct node *node;
	int64_t bytes;

	if (!tm_size_parse(size, &bytes)) {
		return refuse(job, "the size is no number of MB");
	}
	node = disk_node(job, target, vm, &to);
	if (!node) {
		return 400;
	}
	tm_disk_name(&to, disk);
	snprintf(words, sizeof(words), "size %lld\n%s", (long long)bytes, more);
	return image_post_disk(node, disk, words, &job->why);
}

/* mkimage: SIZE FORMAT HOST:DISK VM STORE */
static image_result do_mkimage(struct job *job)
{
	if (strcmp(job->args[1], "raw") != 0) {
		why_set(&job->why, "Brume makes disks of FORMAT raw, not '%.32s'", job->args[1]);
		return 400;
	}
	return make_empty(job, job->args[0], job->args[2], job->args[3], "");
}

/* mkswap: SIZE HOST:DISK VM STORE */
static image_result do_mkswap(struct job *job)
{
	return make_empty(job, job->args[0], job->args[1], job->args[2], "swap\n");
}

/* Adds one file of the front-end to the context. */
static bool add_file(struct job *job, struct buffer *tar, const char *word)
{
	char path[TM_PATH_MAX], name[TM_PATH_MAX];
	struct buffer bytes = { 0 };
	struct stat st;
	bool good;

	if (!tm_context_file(word, path, name, &job->why)) {
		return false;
	}
	good = (stat(path, &st) == 0 || why_set(&job->why, "%s: %s", path, strerror(errno))) &&
	       (S_ISREG(st.st_mode) || why_set(&job->why, "context: %.200s is no plain file", path)) &&
	       file_read(path, CONTEXT_MAX, &bytes, &job->why);
	if (good && !tar_add(tar, name, bytes.at, bytes.len)) {
		good = why_set(&job->why, "context: the name %.120s is too long", name);
	}
	buffer_free(&bytes);
	if (good && tar->len > CONTEXT_MAX) {
		good = why_set(&job->why, "the files of the context are more than %d MiB", CONTEXT_MAX >> 20);
	}
	return good;
}

/*
 * Adds the file that begins at word i of the first `files`; returns how many words it took, 0 with the reason. A quoted name may have blanks, at which the
 * driver has cut oned's line.
 */
static size_t add_words(struct job *job, struct buffer *tar, size_t i, size_t files)
{
	struct buffer word = { 0 };
	const char *quote = strstr(job->args[i], ":'");
	size_t count = 1;
	bool good;

	buffer_text(&word, job->args[i]);
	while (quote && word.at[word.len - 1] != '\'' && i + count < files) {
		buffer_printf(&word, " %s", job->args[i + count++]);
	}
	good = add_file(job, tar, word.at);
	buffer_free(&word);
	return good ? count : 0;
}

/* context: FILE.. HOST:DISK VM STORE */
static image_result do_context(struct job *job)
{
	size_t files = job->count - 3;
	char path[TM_DISK_MAX + 32], disk[TM_DISK_MAX + 1];
	struct buffer tar = { 0 };
	struct client_call call;
	image_result result = 400;
	struct tm_place to;
	struct node *node = disk_node(job, job->args[files], job->args[files + 1], &to);
	bool good = node != NULL;

	for (size_t i = 0, count; good && i < files; i += count) {
		count = add_words(job, &tar, i, files);
		good = count > 0;
	}
	if (good) {
		tar_end(&tar);
		tm_disk_name(&to, disk);
		snprintf(path, sizeof(path), "/v1/contexts/%s", disk);
		call = (struct client_call){ .method = "PUT", .path = path, .body = tar.at, .len = tar.len };
		client_call(node, CLIENT_BULK, &call);
		client_explain(node, &call);
		job->why = call.why;
		result = call.status == 0 ? 502 : call.status < 300 ? 0 : (image_result)call.status;
		buffer_free(&call.answer);
	}
	buffer_free(&tar);
	return result;
}

/* resize: HOST:DISK SIZE VM STORE */
static image_result do_resize(struct job *job)
{
	char disk[TM_DISK_MAX + 1], text[32];
	struct tm_place p;
	struct node *node;
	int64_t bytes;

	if (!tm_size_parse(job->args[1], &bytes)) {
		return refuse(job, "the size is no number of MB");
	}
	if (!place(job, job->args[0], &p)) {
		return 400;
	}
	if (p.here) {
		return tm_here_resize(p.path, bytes, &job->why) ? 0 : 500;
	}
	node = disk_node(job, job->args[0], job->args[2], &p);
	if (!node) {
		return 400;
	}
	tm_disk_name(&p, disk);
	snprintf(text, sizeof(text), "%lld", (long long)bytes);
	return ask(job, node, "POST", disk, "/size", text);
}

/* ---- deleting ---- */

/* Every disk of the VM on that store. */
static image_result delete_all(struct job *job, struct node *node, const struct tm_place *p)
{
	json_t *disks = client_list(node, "/v1/disks", &job->why);
	image_result result = disks ? 0 : 502;

	for (size_t i = 0; i < json_array_size(disks) && result == 0; i++) {
		const char *name = json_string_value(json_object_get(json_array_get(disks, i), "name"));

		if (name && tm_disk_file(p, name)) {
			result = delete_disk(job, node, name);
		}
	}
	json_decref(disks);
	return result;
}

/* delete: HOST:PATH VM STORE */
static image_result do_delete(struct job *job)
{
	char disk[TM_DISK_MAX + 1];
	struct tm_place p;
	struct node *node;

	if (!place(job, job->args[0], &p) || !belongs(job, &p, job->args[1])) {
		return 400;
	}
	if (p.here) {
		if (!p.of_vm) {
			return refuse(job, "only files of a VM are deleted");
		}
		return tm_here_delete(p.path, &job->why) ? 0 : 500;
	}
	node = nodes_get(p.host, &job->why);
	if (!node) {
		return 400;
	}
	if (!*p.file) {
		return delete_all(job, node, &p);
	}
	tm_disk_name(&p, disk);
	return delete_disk(job, node, disk);
}

/* ---- bringing back ---- */

/* A disk of a node into a file here. */
static image_result bring(struct job *job, const char *from, const char *to, const char *vm)
{
	char disk[TM_DISK_MAX + 1];
	struct tm_place source, target;
	struct node *node;

	if (!place(job, from, &source) || !place(job, to, &target)) {
		return 400;
	}
	if (!target.here) {
		return refuse(job, "a disk comes back to the front-end only");
	}
	if (source.here) {
		return tm_here_copy(source.path, target.path, &job->why) ? 0 : 500;
	}
	node = disk_node(job, from, vm, &source);
	if (!node) {
		return 400;
	}
	tm_disk_name(&source, disk);
	return fetch_disk(node, disk, target.path, &job->why);
}

/* mvds: HOST:DISK TARGET VM STORE. The disk stays until oned deletes the VM's folder, so that this may be repeated. */
static image_result do_mvds(struct job *job)
{
	return bring(job, job->args[0], job->args[1], job->args[2]);
}

/* cpds: HOST:DISK TARGET SNAPSHOT VM STORE */
static image_result do_cpds(struct job *job)
{
	if (strcmp(job->args[2], "-1") != 0) {
		return refuse(job, "Brume has no snapshots of disks");
	}
	return bring(job, job->args[0], job->args[1], job->args[3]);
}

/* ---- moving ---- */

/* Whether the node has all of that disk: then a command that is given once more finds it moved. */
static bool is_there(struct node *node, const char *disk)
{
	struct why why;
	json_t *disks = client_list(node, "/v1/disks", &why);
	bool there = false;

	for (size_t i = 0; i < json_array_size(disks) && !there; i++) {
		const char *name = json_string_value(json_object_get(json_array_get(disks, i), "name"));
		const char *state = json_string_value(json_object_get(json_array_get(disks, i), "state"));

		there = name && strcmp(name, disk) == 0 && (!state || strcmp(state, "partial") != 0);
	}
	json_decref(disks);
	return there;
}

/* A disk to a file here, then it is deleted. */
static image_result move_here(struct job *job, struct node *node, const char *disk, const char *path)
{
	image_result result = tm_here_folder(path, &job->why) ? fetch_disk(node, disk, path, &job->why) : 500;

	if (result == 404 && access(path, F_OK) == 0) {
		return 0;
	}
	return result == 0 ? delete_disk(job, node, disk) : result;
}

/* A file here to a disk, then it is deleted. */
static image_result move_there(struct job *job, const char *path, struct node *node, const struct tm_place *to)
{
	char disk[TM_DISK_MAX + 1];
	image_result result;

	tm_disk_name(to, disk);
	if (access(path, F_OK) < 0 && errno == ENOENT && is_there(node, disk)) {
		return 0;
	}
	result = fill_disk(job, node, to, path, true);
	return result == 0 && !tm_here_delete(path, &job->why) ? 500 : result;
}

/* From node to node. */
static image_result move_across(struct job *job, const struct tm_place *from, struct node *source, const struct tm_place *to,
				struct node *target)
{
	char old[TM_DISK_MAX + 1], new[TM_DISK_MAX + 1];
	struct buffer path = { 0 };
	struct why left;
	image_result result;

	tm_disk_name(from, old);
	tm_disk_name(to, new);
	if (source == target) {
		result = strcmp(old, new) == 0 ? 0 : ask(job, source, "POST", old, "/rename", new);
		return result == 404 && is_there(target, new) ? 0 : result;
	}
	buffer_printf(&path, "%s/%s", settings.state, old);
	result = fetch_disk(source, old, path.at, &job->why);
	if (result == 404 && is_there(target, new)) {
		result = 0;
	} else if (result == 0) {
		result = move_there(job, path.at, target, to);
	}
	if (result == 0) {
		result = delete_disk(job, source, old);
	} else {
		(void)!tm_here_delete(path.at, &left);   /* it comes anew when this is tried again */
	}
	buffer_free(&path);
	return result;
}

/* One disk; either end may be here. */
static image_result move_one(struct job *job, const struct tm_place *from, const struct tm_place *to)
{
	struct node *source = from->here ? NULL : nodes_get(from->host, &job->why);
	struct node *target = to->here ? NULL : nodes_get(to->host, &job->why);
	char disk[TM_DISK_MAX + 1];

	if ((!from->here && !source) || (!to->here && !target)) {
		return 400;
	}
	if (from->here && to->here) {
		return tm_here_move(from->path, to->path, &job->why) ? 0 : 500;
	}
	if (to->here) {
		tm_disk_name(from, disk);
		return move_here(job, source, disk, to->path);
	}
	return from->here ? move_there(job, from->path, target, to) : move_across(job, from, source, to, target);
}

/* The place of a file in the folder of a VM. */
static void enter_folder(const struct tm_place *folder, const char *file, struct tm_place *p)
{
	*p = *folder;
	snprintf(p->file, sizeof(p->file), "%s", file);
	snprintf(p->path, sizeof(p->path), "%.*s/%s", (int)(sizeof(p->path) - sizeof(p->file) - 1), folder->path, file);
}

/* The folder's files, of whichever end; NULL with the reason. */
static json_t *list_files(struct job *job, const struct tm_place *folder)
{
	json_t *files = json_array(), *disks;
	struct node *node;

	if (folder->here) {
		return tm_here_list(folder->path, files, &job->why) ? files : NULL;
	}
	node = nodes_get(folder->host, &job->why);
	disks = node ? client_list(node, "/v1/disks", &job->why) : NULL;
	for (size_t i = 0; i < json_array_size(disks); i++) {
		const json_t *disk = json_array_get(disks, i);
		const char *name = json_string_value(json_object_get(disk, "name"));
		const char *file = name ? tm_disk_file(folder, name) : NULL;

		/* A context is made anew wherever the VM begins. */
		if (file && (tm_file_read_only(file) || !json_is_true(json_object_get(disk, "read_only")))) {
			json_array_append_new(files, json_string(file));
		}
	}
	if (!disks) {
		json_decref(files);
		files = NULL;
	}
	json_decref(disks);
	return files;
}

/* What oned has not named is moved, too: kernel and initrd. Then the old folder goes. */
static image_result move_folder(struct job *job, const struct tm_place *from, const struct tm_place *to)
{
	json_t *files = list_files(job, from);
	image_result result = files ? 0 : 500;
	struct tm_place a, b;
	struct node *node;

	for (size_t i = 0; i < json_array_size(files) && result == 0; i++) {
		const char *file = json_string_value(json_array_get(files, i));

		enter_folder(from, file, &a);
		enter_folder(to, file, &b);
		result = move_one(job, &a, &b);
	}
	json_decref(files);
	if (result != 0 || (!from->here && !to->here && strcasecmp(from->host, to->host) == 0 && from->store == to->store)) {
		return result;
	}
	if (to->here) {
		enter_folder(to, "x", &a);
		result = tm_here_folder(a.path, &job->why) ? 0 : 500;
	}
	if (result == 0 && from->here) {
		return tm_here_delete(from->path, &job->why) ? 0 : 500;
	}
	node = nodes_get(from->host, &job->why);
	return result == 0 && node ? delete_all(job, node, from) : result;
}

/* mv: HOST:PATH HOST:PATH VM STORE */
static image_result do_mv(struct job *job)
{
	struct tm_place from, to;

	if (!place(job, job->args[0], &from) || !place(job, job->args[1], &to) || !belongs(job, &from, job->args[2]) ||
	    !belongs(job, &to, job->args[2])) {
		return 400;
	}
	if (!from.of_vm || !to.of_vm || !*from.file != !*to.file) {
		return refuse(job, "both ends must be a disk, or the folder, of the VM");
	}
	if (from.here == to.here && strcasecmp(from.host, to.host) == 0 && strcmp(from.path, to.path) == 0) {
		return 0;
	}
	return *from.file ? move_one(job, &from, &to) : from.here && to.here ?
			     (tm_here_move(from.path, to.path, &job->why) ? 0 : 500) : move_folder(job, &from, &to);
}

/* ---- the rest ---- */

/* monitor: STORE. What the front-end has for a datastore's files. */
static image_result do_monitor(struct job *job)
{
	char file[64], path[ONE_PATH_MAX];
	struct statvfs s;
	uint64_t total, left;
	long store;

	if (job->count < 1 || !config_number(job->args[0], 0, TM_ID_MAX, &store)) {
		return refuse(job, "monitor takes the number of a datastore");
	}
	snprintf(file, sizeof(file), "datastores/%ld", store);
	if (!one_path(path, ONE_VAR, file) || (statvfs(path, &s) < 0 && (!one_path(path, ONE_VAR, "") || statvfs(path, &s) < 0))) {
		why_set(&job->why, "%s cannot be asked how full it is", path);
		return 500;
	}
	total = (uint64_t)s.f_blocks * s.f_frsize >> 20;
	left = (uint64_t)s.f_bavail * s.f_frsize >> 20;
	buffer_printf(&job->output, "USED_MB=%llu\nTOTAL_MB=%llu\nFREE_MB=%llu\n", (unsigned long long)(total - left),
		      (unsigned long long)total, (unsigned long long)left);
	return 0;
}

static const char no_snapshots[] = "Brume has no snapshots of disks";
static const char no_migration[] = "Brume cannot move a VM while it runs: power it off first";
static const char no_backup[] = "Brume cannot back up a VM";

/*
 * What clears up after something that Brume refuses has nothing to do: its first half never happened. postmigrate,
 * failmigrate and postbackup are such.
 */
static const struct command {
	const char *name;
	size_t least, most;              /* words */
	job_fn *run;                     /* NULL: refused by refusal, or nothing to do */
	const char *refusal;
} commands[] = {
	{ "clone", 4, 4, do_clone, NULL },
	{ "ln", 4, 4, do_clone, NULL },
	{ "mkimage", 5, 5, do_mkimage, NULL },
	{ "mkswap", 4, 4, do_mkswap, NULL },
	{ "context", 4, ARGS_MAX, do_context, NULL },
	{ "delete", 3, 3, do_delete, NULL },
	{ "mv", 4, 4, do_mv, NULL },
	{ "mvds", 4, 4, do_mvds, NULL },
	{ "cpds", 5, 5, do_cpds, NULL },
	{ "resize", 4, 4, do_resize, NULL },
	{ "monitor", 0, ARGS_MAX, do_monitor, NULL },
	{ "snap_create", 0, ARGS_MAX, NULL, no_snapshots },
	{ "snap_create_live", 0, ARGS_MAX, NULL, no_snapshots },
	{ "snap_delete", 0, ARGS_MAX, NULL, no_snapshots },
	{ "snap_revert", 0, ARGS_MAX, NULL, no_snapshots },
	{ "premigrate", 0, ARGS_MAX, NULL, no_migration },
	{ "postmigrate", 0, ARGS_MAX, NULL, NULL },
	{ "failmigrate", 0, ARGS_MAX, NULL, NULL },
	{ "prebackup", 0, ARGS_MAX, NULL, no_backup },
	{ "prebackup_live", 0, ARGS_MAX, NULL, no_backup },
	{ "postbackup", 0, ARGS_MAX, NULL, NULL },
	{ "postbackup_live", 0, ARGS_MAX, NULL, NULL },
	{ "restore", 0, ARGS_MAX, NULL, "Brume cannot restore a VM from a backup" },
};

/* oned writes the name in capitals, with the driver behind a dot where datastores mix. */
static const struct command *find_command(const char *name)
{
	size_t len = strcspn(name, ".");

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strlen(commands[i].name) == len && strncasecmp(commands[i].name, name, len) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

/* False: args is no array of few texts. */
static bool take_args(const json_t *json, struct job *job)
{
	const json_t *args = json_object_get(json, "args");

	if (!json_is_array(args) || json_array_size(args) > ARGS_MAX) {
		return false;
	}
	for (job->count = 0; job->count < json_array_size(args); job->count++) {
		job->args[job->count] = json_string_value(json_array_get(args, job->count));
		if (!job->args[job->count]) {
			return false;
		}
	}
	return true;
}

/* Nodes that were named in it may have more or less room now. */
static void tell_nodes(const struct job *job)
{
	struct tm_place p;
	struct why why;

	for (size_t i = 0; i < job->count; i++) {
		if (job->args[i][0] != '/' && strchr(job->args[i], ':') && tm_place_parse(job->args[i], settings.hostname, &p, &why)) {
			struct node *node = p.here ? NULL : nodes_find(p.host);

			if (node) {
				watch_tell(node->watch);
			}
		}
	}
}

static void run(const struct command *command, struct job *job, struct reply *reply)
{
	image_result result = command->run ? command->run(job) : command->refusal ? refuse(job, command->refusal) : 0;

	if (result != 0) {
		log_warning("tm %s %s: %s", command->name, job->count > 0 ? job->args[0] : "", job->why.text);
		reply_error(reply, result >= 400 && result <= 599 ? result : 500, "%s", job->why.text);
	} else {
		log_info("tm %s %s %s: done", command->name, job->count > 0 ? job->args[0] : "", job->count > 1 ? job->args[1] : "");
		reply_json(reply, 200, job->output.len > 0 ? json_pack("{s:s}", "output", job->output.at) : json_object());
	}
	if (command->run) {
		tell_nodes(job);
	}
}

void tm_answer(struct request *request, struct reply *reply)
{
	const struct command *command = find_command(request->words[0]);
	json_t *json = json_loadb(buffer_string(&request->body), request->body.len, 0, NULL);
	struct job job = { .name = request->words[0] };

	if (!command) {
		reply_error(reply, 404, "the transfer manager has no command '%.32s'", request->words[0]);
	} else if (!take_args(json, &job)) {
		reply_error(reply, 400, "the body is {\"args\": [\"...\"]}");
	} else if (job.count < command->least || job.count > command->most) {
		reply_error(reply, 400, "%s takes %zu words", command->name, command->least);
	} else {
		run(command, &job, reply);
	}
	buffer_free(&job.output);
	json_decref(json);
}

void tm_free(void)
{
	image_free();
}
