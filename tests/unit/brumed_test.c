/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of brumed that need no node: words of the transfer manager, tar, monitord's XML and messages, which image goes, bytes between threads.
 * sources: opennebula/brumed/tm_path.c opennebula/brumed/names.c opennebula/brumed/tar.c opennebula/brumed/monitor_xml.c
 * sources: opennebula/brumed/message.c opennebula/brumed/image_choice.c opennebula/brumed/flow.c opennebula/brumed/work.c
 * sources: opennebula/brumed/hash.c opennebula/brumed/tm_here.c
 * sources: opennebula/brumed/xml_walk.c opennebula/brumed/sizes_parse.c opennebula/brumed/states.c
 * sources: opennebula/lib/memory.c opennebula/lib/config.c opennebula/lib/files.c opennebula/lib/encode.c opennebula/lib/paths.c
 * system: expat jansson z crypto
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opennebula/brumed/flow.h"
#include "opennebula/brumed/hash.h"
#include "opennebula/brumed/image_choice.h"
#include "opennebula/brumed/message.h"
#include "opennebula/brumed/monitor_xml.h"
#include "opennebula/brumed/sizes.h"
#include "opennebula/brumed/states.h"
#include "opennebula/brumed/tar.h"
#include "opennebula/brumed/tm_here.h"
#include "opennebula/brumed/tm_path.h"
#include "opennebula/lib/encode.h"
#include "opennebula/lib/files.h"
#include "tests/unit/check.h"

/* ---- words of the transfer manager ---- */

static const struct {
	const char *word;
	bool good, here, of_vm;
	long store, vm;
	const char *file;
} place_rows[] = {
	{ "x1:/var/lib/one//datastores/102/12/disk.3", true, false, true, 102, 12, "disk.3" },
	{ "x1:/d/102/12", true, false, true, 102, 12, "" },
	{ "x1:/d/102/12/", true, false, true, 102, 12, "" },
	{ "x1:/0/7/102/12", true, false, true, 102, 12, "" },
	{ "x1:/d/102/12/kernel", true, false, true, 102, 12, "kernel" },
	{ "FE:/var/lib/one/datastores/1/abcdef", true, true, false, 0, 0, "" },
	{ "/var/lib/one/vms/12/context.sh", true, true, false, 0, 0, "" },
	{ "fe:/d/102/12/disk.0", true, true, true, 102, 12, "disk.0" },
	{ "x1:/d/102/12/disk 3", false, false, false, 0, 0, "" },
	{ "x1:/d/102/12/../13/disk.0", false, false, false, 0, 0, "" },
	{ "x1:/d/102/../12", false, false, false, 0, 0, "" },
	{ "x1:/d/102/99999999999/disk.0", false, false, false, 0, 0, "" },
	{ "x1:/d/-1/12/disk.0", false, false, false, 0, 0, "" },
	{ "x1:/d/102/12/a2345678901234567890123456789012", false, false, false, 0, 0, "" },
	{ "x1:/d/102/12/.hidden", false, false, false, 0, 0, "" },
	{ "x1:relative/102/12/disk.0", false, false, false, 0, 0, "" },
	{ "x 1:/d/102/12/disk.0", false, false, false, 0, 0, "" },
	{ "x1:/d/disk.0", false, false, false, 0, 0, "" },
	{ "x1:/disk.0", false, false, false, 0, 0, "" },
	{ "x1:/", false, false, false, 0, 0, "" },
	{ "x1:", false, false, false, 0, 0, "" },
	{ ":/d/1/2/disk.0", false, false, false, 0, 0, "" },
	{ "", false, false, false, 0, 0, "" },
	{ "x1:/d/1/2/disk.0\n", false, false, false, 0, 0, "" },
};

TEST(a_path_is_only_a_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(place_rows); i++) {
		struct tm_place p;
		struct why why;

		CHECK_EQ(tm_place_parse(place_rows[i].word, "fe", &p, &why), place_rows[i].good);
		if (place_rows[i].good) {
			CHECK_EQ(p.here, place_rows[i].here);
			CHECK_EQ(p.of_vm, place_rows[i].of_vm);
			CHECK_EQ(p.store, place_rows[i].store);
			CHECK_EQ(p.vm, place_rows[i].vm);
			CHECK_STR(p.file, place_rows[i].file);
		}
	}
}

TEST(disks_are_named_by_store_vm_and_file)
{
	struct tm_place p;
	char name[TM_DISK_MAX + 1];
	struct why why;

	CHECK(tm_place_parse("x1:/d/102/12/disk.3", "fe", &p, &why));
	tm_disk_name(&p, name);
	CHECK_STR(name, "one-102-12-disk.3");
	CHECK(tm_place_parse("x1:/d/2147483647/2147483647/a234567890123456789012345678901", "fe", &p, &why));
	tm_disk_name(&p, name);
	CHECK_EQ(strlen(name), 57);
	CHECK(tm_place_parse("x1:/d/102/12", "fe", &p, &why));
	CHECK_STR(tm_disk_file(&p, "one-102-12-kernel"), "kernel");
	CHECK(!tm_disk_file(&p, "one-102-121-kernel"));
	CHECK(!tm_disk_file(&p, "one-102-12-"));
	CHECK(!tm_disk_file(&p, "one-1-102-12-kernel"));
	CHECK(tm_file_read_only("initrd") && !tm_file_read_only("disk.0"));
}

TEST(sizes_are_mebibytes)
{
	int64_t bytes;

	CHECK(tm_size_parse("100", &bytes));
	CHECK_EQ(bytes, 104857600);
	CHECK(!tm_size_parse("0", &bytes) && !tm_size_parse("-1", &bytes) && !tm_size_parse("1.5", &bytes) && !tm_size_parse("", &bytes));
	CHECK(!tm_size_parse("99999999999", &bytes));
}

static const struct {
	const char *word, *path, *name;  /* path NULL: refused */
} context_rows[] = {
	{ "/var/lib/one/vms/1/context.sh", "/var/lib/one/vms/1/context.sh", "context.sh" },
	{ "/d/2/abc:'my file.sh'", "/d/2/abc", "my file.sh" },
	{ "/d/2/abc:'../x'", NULL, NULL },
	{ "/d/2/abc:''", NULL, NULL },
	{ "/d/2/abc:'..'", NULL, NULL },
	{ "/d/2/", NULL, NULL },
	{ "http://example.org/file", NULL, NULL },
	{ "/d/../etc/passwd", NULL, NULL },
};

TEST(files_of_a_context_have_names_of_their_own)
{
	for (size_t i = 0; i < ARRAY_SIZE(context_rows); i++) {
		char path[TM_PATH_MAX], name[TM_PATH_MAX];
		struct why why;

		CHECK_EQ(tm_context_file(context_rows[i].word, path, name, &why), context_rows[i].path != NULL);
		if (context_rows[i].path) {
			CHECK_STR(path, context_rows[i].path);
			CHECK_STR(name, context_rows[i].name);
		}
	}
}

/* ---- tar ---- */

TEST(tar_is_what_tar_reads)
{
	struct buffer tar = { 0 };
	char long_name[102], folder[] = "/tmp/brume-tar-XXXXXX", path[64], command[200];
	struct buffer out = { 0 };
	struct why why;

	memset(long_name, 'n', 101);
	long_name[101] = 0;
	CHECK(tar_add(&tar, "context.sh", "A='1'\n", 6) && tar_add(&tar, "empty", "", 0));
	CHECK(!tar_add(&tar, long_name, "x", 1) && !tar_add(&tar, "", "x", 1));
	CHECK(tar_add(&tar, long_name + 1, "x", 1));
	tar_end(&tar);
	CHECK_EQ(tar.len % 512, 0);
	CHECK_EQ(tar.len, 512 * (2 + 1 + 2 + 2));
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/t.tar", folder);
	CHECK(file_replace(path, tar.at, tar.len, 0600, &why));
	snprintf(command, sizeof(command), "cd %s && tar xf t.tar && tar tf t.tar | wc -l | grep -qx 3 && test ! -s empty", folder);
	CHECK_EQ(system(command), 0);
	snprintf(path, sizeof(path), "%s/context.sh", folder);
	CHECK(file_read(path, 100, &out, &why));
	CHECK_STR(out.at, "A='1'\n");
	CHECK(tm_here_delete(folder, &why) && access(folder, F_OK) < 0);
	buffer_free(&out);
	buffer_free(&tar);
}

/* ---- monitord ---- */

static const char request[] =
	"<MONITOR_DRIVER_ACTION><HOST><ID>7</ID><NAME>x1</NAME><STATE>0</STATE><IM_MAD><![CDATA[brume]]></IM_MAD></HOST>"
	"<MONITOR_CONFIGURATION><DB><CONNECTIONS>15</CONNECTIONS></DB><NETWORK><ADDRESS><![CDATA[::]]></ADDRESS>"
	"<MONITOR_ADDRESS><![CDATA[auto]]></MONITOR_ADDRESS><PORT>4125</PORT><THREADS>8</THREADS></NETWORK>"
	"<PROBES_PERIOD><BEACON_HOST>31</BEACON_HOST><MONITOR_HOST>121</MONITOR_HOST><MONITOR_VM>0</MONITOR_VM>"
	"<STATE_VM>6</STATE_VM><SYNC_STATE_VM>181</SYNC_STATE_VM><SYSTEM_HOST>601</SYSTEM_HOST></PROBES_PERIOD>"
	"<IM_MAD><NAME>other</NAME></IM_MAD></MONITOR_CONFIGURATION></MONITOR_DRIVER_ACTION>";

TEST(what_monitord_wishes_is_read)
{
	struct monitor_wishes w;
	struct why why;

	CHECK(monitor_xml_parse(request, sizeof(request) - 1, &w, &why));
	CHECK_EQ(w.host, 7);
	CHECK_STR(w.name, "x1");
	CHECK_STR(w.address, "::");
	CHECK_EQ(w.port, 4125);
	CHECK_EQ(w.period_s[MESSAGE_BEACON_HOST], 31);
	CHECK_EQ(w.period_s[MESSAGE_SYSTEM_HOST], 601);
	CHECK_EQ(w.period_s[MESSAGE_MONITOR_HOST], 121);
	CHECK_EQ(w.period_s[MESSAGE_STATE_VM], 6);
	CHECK_EQ(w.period_s[MESSAGE_MONITOR_VM], 30);    /* 0 is no period */
	CHECK_EQ(w.sync_s, 181);
}

static const char *const bad_requests[] = {
	"", "no xml", "<MONITOR_DRIVER_ACTION>", "<OTHER/>", "<OTHER><HOST><NAME>x1</NAME></HOST></OTHER>", "<MONITOR_DRIVER_ACTION/>",
	"<MONITOR_DRIVER_ACTION><HOST><NAME>x 1</NAME></HOST></MONITOR_DRIVER_ACTION>",
	"<!DOCTYPE a [<!ENTITY b 'c'>]><MONITOR_DRIVER_ACTION><HOST><NAME>x1</NAME></HOST></MONITOR_DRIVER_ACTION>",
	"<MONITOR_DRIVER_ACTION><HOST><NAME>x1</NAME></HOST><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>",
};

TEST(other_requests_are_refused_in_words)
{
	struct monitor_wishes w;
	struct why why;
	char *long_name = malloc(130000);

	for (size_t i = 0; i < ARRAY_SIZE(bad_requests); i++) {
		why.text[0] = 0;
		CHECK(!monitor_xml_parse(bad_requests[i], strlen(bad_requests[i]), &w, &why));
		CHECK(strlen(why.text) > 10);
	}
	snprintf(long_name, 130000, "<MONITOR_DRIVER_ACTION><HOST><NAME>%060000d</NAME></HOST></MONITOR_DRIVER_ACTION>", 1);
	CHECK(!monitor_xml_parse(long_name, strlen(long_name), &w, &why));
	snprintf(long_name, 130000, "<MONITOR_DRIVER_ACTION><X%060000d><HOST/></X%060000d></MONITOR_DRIVER_ACTION>", 1, 1);
	CHECK(!monitor_xml_parse(long_name, strlen(long_name), &w, &why));
	free(long_name);
}

TEST(the_version_told_is_that_of_the_remotes)
{
	static const struct { const char *file, *told; } rows[] = {
		{ NULL, "A=1" }, { "7.5.80\n", "A=1\nVERSION=\"7.5.80\"\n" }, { "7.1.0-rc.1", "A=1\nVERSION=\"7.1.0-rc.1\"\n" }, { "7\"\nX=1\n", "A=1\nVERSION=\"7\"\n" },
		{ "\n", "A=1" }, { "0123456789012345678901234567890123456789012345678901234567890123456789", "A=1" },
	};
	char folder[] = "/tmp/brume-version-XXXXXX", path[64];
	struct why why;

	CHECK(mkdtemp(folder));
	setenv("ONE_LOCATION", folder, 1);
	snprintf(path, sizeof(path), "%s/var", folder);
	CHECK_EQ(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/var/remotes", folder);
	CHECK_EQ(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/var/remotes/VERSION", folder);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buffer text = { 0 };

		CHECK(!rows[i].file || file_replace(path, rows[i].file, strlen(rows[i].file), 0600, &why));
		buffer_text(&text, "A=1");
		message_add_version(&text);
		CHECK_STR(buffer_string(&text), rows[i].told);
		buffer_free(&text);
	}
	unsetenv("ONE_LOCATION");
}

TEST(messages_are_one_line_without_its_end)
{
	struct buffer m = { 0 }, text = { 0 };

	message_format(&m, MESSAGE_BEACON_HOST, true, 1, 0, "1");
	CHECK(strncmp(m.at, "BEACON_HOST SUCCESS 1 0 ", 24) == 0);
	CHECK(payload_decode(&text, m.at + 24, m.len - 24, 10));
	CHECK_STR(text.at, "1");
	buffer_free(&m);
	message_format(&m, MESSAGE_MONITOR_HOST, false, 12, 1795163263, "connection refused\n");
	CHECK(strncmp(m.at, "MONITOR_HOST FAILURE 12 1795163263 ", 35) == 0);
	CHECK(!strchr(m.at, '\n'));
	buffer_free(&m);
	message_add_element(&m, MESSAGE_STATE_VM, "foo");
	CHECK_STR(m.at, "<STATE_VM>Zm9v</STATE_VM>");
	buffer_free(&m);
	buffer_free(&text);
	message_add_sync(&text);
	CHECK_STR(text.at, "SYNC_STATE=yes\nMISSING_STATE=UNKNOWN\n");
	buffer_free(&text);
}

/* ---- sizes ---- */

#define VM(disks, history) "<VMM_DRIVER_ACTION_DATA><HOST>x1</HOST><VM><ID>12</ID><TEMPLATE>" disks "</TEMPLATE>" \
	"<HISTORY_RECORDS>" history "</HISTORY_RECORDS></VM></VMM_DRIVER_ACTION_DATA>"
#define DISK(id, size) "<DISK><DISK_ID>" id "</DISK_ID><ORIGINAL_SIZE>1</ORIGINAL_SIZE><SIZE><![CDATA[" size "]]></SIZE></DISK>"
#define STORE(id) "<HISTORY><DS_ID>" id "</DS_ID></HISTORY>"

TEST(sizes_of_disks_are_read_out_of_a_deployment)
{
	static const char good[] = VM(DISK("0", "100") "<DISK><DISK_ID>1</DISK_ID></DISK>" DISK("2", "x") DISK("3", "5"), STORE("7") STORE("102"));
	static const char *const bad[] = { "", "<a/>", VM(DISK("0", "1"), ""), VM(DISK("0", "1"), STORE("7") STORE("-1")) };
	struct sizes sizes;

	CHECK(sizes_parse(good, sizeof(good) - 1, &sizes));
	CHECK_EQ(sizes.vm, 12);
	CHECK_EQ(sizes.store, 102);
	CHECK_EQ(sizes.count, 2);
	CHECK_EQ(sizes.row[0].disk, 0);
	CHECK_EQ(sizes.row[0].bytes, 100 << 20);
	CHECK_EQ(sizes.row[1].disk, 3);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(!sizes_parse(bad[i], strlen(bad[i]), &sizes));
	}
}

/* ---- images ---- */

static int64_t used_of(void *context, const char *name)
{
	const json_t *used = context;

	return json_integer_value(json_object_get(used, name));
}

TEST(the_image_goes_that_was_not_used_for_longest)
{
	json_t *images = json_loads("[{\"name\": \"admins.img\"}, {\"name\": \"one.a\"}, {\"name\": \"one.b\"}, {\"name\": \"one.c\"},"
				    " {\"name\": \"one.d\"}, {\"x\": 1}, 7]", 0, NULL);
	json_t *disks = json_loads("[{\"name\": \"one-1-2-disk.0\", \"image\": \"one.a\"}, {\"image\": \"\"}, {}, 3]", 0, NULL);
	json_t *used = json_loads("{\"one.a\": 1, \"one.b\": 30, \"one.c\": 20, \"one.d\": -1}", 0, NULL);

	CHECK_EQ(image_choose(images, disks, used_of, used, "one.x"), 3);
	CHECK_EQ(image_choose(images, disks, used_of, used, "one.c"), 2);
	json_object_del(used, "one.b");                  /* never used by this brumed */
	CHECK_EQ(image_choose(images, disks, used_of, used, ""), 2);
	json_array_remove(images, 3);
	json_array_remove(images, 2);
	CHECK_EQ(image_choose(images, disks, used_of, used, ""), -1);
	CHECK_EQ(image_choose(NULL, NULL, used_of, used, ""), -1);
	json_decref(images);
	json_decref(disks);
	json_decref(used);
}

TEST(a_file_is_hashed_again_when_it_changed)
{
	char path[] = "/tmp/brume-hash-XXXXXX", text[HASH_TEXT_MAX];
	int fd = mkstemp(path);
	struct why why;

	CHECK(fd >= 0 && write(fd, "abc", 3) == 3);
	CHECK(hash_file(fd, path, text, &why));
	CHECK_STR(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK(hash_file(fd, path, text, &why));
	CHECK_STR(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(hash_file(fd, path, text, &why));
	CHECK_STR(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	close(fd);
	unlink(path);
}

TEST(a_file_that_was_just_written_is_read_again)
{
	char path[] = "/tmp/brume-hash-XXXXXX", first[HASH_TEXT_MAX], text[HASH_TEXT_MAX];
	int fd = mkstemp(path);
	struct why why;

	/* Within a tick of the clock its times stay the same. */
	for (int i = 0; i < 20; i++) {
		CHECK(fd >= 0 && pwrite(fd, "abc", 3, 0) == 3);
		CHECK(hash_file(fd, path, first, &why));
		CHECK(pwrite(fd, "abd", 3, 0) == 3);
		CHECK(hash_file(fd, path, text, &why));
		CHECK(strcmp(first, text) != 0);
	}
	close(fd);
	unlink(path);
}

/* ---- files of the front-end ---- */

TEST(files_of_datastores_are_told_from_others)
{
	static const struct {
		const char *path, *folders;
		bool below;
	} rows[] = {
		{ "/var/lib/one/datastores/1/abc", "/var/lib/one/datastores", true },
		{ "/var/lib/one//datastores/1/abc", "/var/lib/one/datastores/", true },
		{ "/var/lib/one/datastores/1/abc", "/var//lib/one/datastores", true },
		{ "/b/x", "/a:/b", true },
		{ "/x", "/", true },
		{ "/var/lib/one/datastores", "/var/lib/one/datastores", false },
		{ "/var/lib/one/datastores/", "/var/lib/one/datastores", false },
		{ "/var/lib/one/datastores2/x", "/var/lib/one/datastores", false },
		{ "/var/lib/one/.one/one_auth", "/var/lib/one/datastores", false },
		{ "/etc/passwd", "/a::/b:", false },
		{ "/etc/passwd", "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_EQ(tm_path_below(rows[i].path, rows[i].folders), rows[i].below);
	}
}

static void put_file(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) > 0 && fclose(f) == 0);
}

/* The second is another file system on most machines. */
static void check_folder_moves(const char *where)
{
	char from[] = "/tmp/brume-move-XXXXXX", to[64], path[128];
	struct stat st;
	struct why why;

	snprintf(to, sizeof(to), "%s/brume-moved-XXXXXX", where);
	CHECK(mkdtemp(from) && mkdtemp(to));
	put_file(from, "kernel", "kernel");
	put_file(to, "disk.0", "disk");
	snprintf(path, sizeof(path), "%s/more", from);
	CHECK(mkdir(path, 0700) == 0);
	put_file(path, "x", "y");
	CHECK(tm_here_move(from, to, &why));
	CHECK(stat(from, &st) < 0);
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = { "kernel", "disk.0", "more/x" };

		snprintf(path, sizeof(path), "%s/%s", to, names[i]);
		CHECK(stat(path, &st) == 0 && st.st_size > 0);
	}
	CHECK(tm_here_move(from, to, &why));
	CHECK(tm_here_delete(to, &why));
}

TEST(what_oned_did_not_name_moves_with_the_folder)
{
	check_folder_moves("/tmp");
	check_folder_moves("/dev/shm");
}

TEST(a_copy_is_sparse_and_whole)
{
	char folder[] = "/tmp/brume-copy-XXXXXX", from[64], to[64], moved[64];
	struct stat st;
	struct why why;
	FILE *f;

	CHECK(mkdtemp(folder) != NULL);
	snprintf(from, sizeof(from), "%s/from", folder);
	snprintf(to, sizeof(to), "%s/to", folder);
	snprintf(moved, sizeof(moved), "%s/new/1/moved", folder);
	f = fopen(from, "w");
	CHECK(f && fseek(f, 8 << 20, SEEK_SET) == 0 && fputs("end", f) > 0 && fclose(f) == 0 && truncate(from, 16 << 20) == 0);
	CHECK(tm_here_copy(from, to, &why));
	CHECK(stat(to, &st) == 0);
	CHECK_EQ(st.st_size, 16 << 20);
	CHECK(st.st_blocks < 1000);
	CHECK(tm_here_resize(to, 17 << 20, &why) && !tm_here_resize(to, 1 << 20, &why));
	CHECK(tm_here_move(to, moved, &why) && tm_here_move(to, moved, &why));
	CHECK(stat(moved, &st) == 0 && st.st_size == 17 << 20);
	CHECK(!tm_here_copy("/nonexistent", to, &why) && !tm_here_move("/nonexistent/a", to, &why));
	CHECK(tm_here_delete(folder, &why) && tm_here_delete(folder, &why));
}

/* ---- states of VMs ---- */

#define LINE(id, state) "VM = [ ID=\"" id "\", DEPLOY_ID=\"one-" id "\", STATE=\"" state "\" ]\n"

/* What is said of a list at a time, and taken. */
static void check_said(struct states *states, const char *text, int64_t now, bool whole, const char *wanted)
{
	struct buffer to = { 0 };

	states_choose(states, text, now, whole, &to);
	CHECK_STR(buffer_string(&to), wanted);
	states_said(states, text, now);
	buffer_free(&to);
}

TEST(a_state_is_said_when_it_is_new_and_once_more_when_oned_believes_it)
{
	static const char both[] = LINE("1", "RUNNING") LINE("12", "RUNNING"), off[] = LINE("12", "POWEROFF") LINE("1", "RUNNING");
	struct states s = { 0 };

	check_said(&s, both, 1000, false, both);
	check_said(&s, both, 6000, false, "");
	check_said(&s, both, 7000, true, both);
	check_said(&s, both, 1000 + STATES_AGAIN_MS - 1, false, "");
	check_said(&s, off, 1000 + STATES_AGAIN_MS, false, off);                /* 12 is news, of 1 it is time */
	check_said(&s, off, 90000, false, LINE("12", "POWEROFF"));
	check_said(&s, off, 900000, false, "");
	check_said(&s, LINE("12", "POWEROFF"), 900001, false, "");              /* nothing of 1, which the node does not tell of */
	check_said(&s, off, 900002, false, LINE("1", "RUNNING"));
	check_said(&s, "", 900003, true, "");
	states_forget(&s);
	check_said(&s, LINE("1", "RUNNING"), 900004, false, LINE("1", "RUNNING"));
	states_forget(&s);
}

TEST(what_monitord_did_not_take_is_said_again)
{
	struct states s = { 0 };
	struct buffer to = { 0 };

	check_said(&s, LINE("1", "RUNNING"), 1000, false, LINE("1", "RUNNING"));
	states_choose(&s, LINE("1", "POWEROFF"), 2000, false, &to);             /* it does not hear this */
	CHECK_STR(buffer_string(&to), LINE("1", "POWEROFF"));
	buffer_free(&to);
	check_said(&s, LINE("1", "POWEROFF"), 3000, false, LINE("1", "POWEROFF"));
	states_forget(&s);
}

TEST(only_lines_about_vms_are_said)
{
	struct states s = { 0 };

	check_said(&s, "SYNC_STATE=yes\nMISSING_STATE=POWEROFF\nVM = [ ID=\nVM\n\n" LINE("1", "RUNNING"), 1, true, LINE("1", "RUNNING"));
	check_said(&s, "VM = [ ID=\"2\"", 2, false, "VM = [ ID=\"2\"\n");          /* the last line may have no end */
	states_forget(&s);
}

/* ---- between threads ---- */

static void *write_all(void *context)
{
	struct flow *flow = context;
	char piece[10007];

	for (int i = 0; i < 200; i++) {
		memset(piece, i, sizeof(piece));
		if (!flow_write(flow, piece, sizeof(piece))) {
			return NULL;
		}
	}
	flow_end(flow);
	return NULL;
}

TEST(bytes_come_in_order_and_end)
{
	struct flow flow;
	pthread_t thread;
	char piece[4096];
	size_t total = 0;
	long n;

	flow_init(&flow);
	CHECK_EQ(pthread_create(&thread, NULL, write_all, &flow), 0);
	while ((n = flow_read(&flow, piece, sizeof(piece))) > 0) {
		CHECK_EQ((unsigned char)piece[0], total / 10007);
		total += (size_t)n;
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(total, 200 * 10007);
	pthread_join(thread, NULL);
	flow_free(&flow);
}

TEST(who_writes_is_not_left_waiting_for_who_left)
{
	struct flow flow;
	pthread_t thread;
	char byte;

	flow_init(&flow);
	CHECK_EQ(pthread_create(&thread, NULL, write_all, &flow), 0);
	CHECK_EQ(flow_read(&flow, &byte, 1), 1);
	flow_break(&flow);
	pthread_join(thread, NULL);
	CHECK_EQ(flow_read(&flow, &byte, 1), -1);
	flow_free(&flow);
}
