/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of oned in pieces of any size: lines, requests, their XML and lines of the transfer manager. The first byte is the size of the pieces,
 * the second says whether a timestamp follows the id.
 * sources: opennebula/driver/line.c opennebula/driver/driver.c opennebula/driver/queue.c opennebula/driver/ask.c opennebula/driver/reply.c
 * sources: opennebula/one_vmm_brume/data.c opennebula/one_vmm_brume/transfer.c opennebula/lib/memory.c opennebula/lib/local.c
 * sources: opennebula/lib/paths.c opennebula/lib/log.c opennebula/lib/encode.c
 * system: curl jansson expat z
 */
#include <stdlib.h>
#include <string.h>

#include "opennebula/driver/driver.h"
#include "opennebula/lib/encode.h"
#include "opennebula/one_vmm_brume/data.h"
#include "opennebula/one_vmm_brume/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MOST = 2048, INFLATED = 1 << 20 };

static void try_transfer(const char *lines)
{
	struct buffer path = { 0 }, body = { 0 }, undo = { 0 };
	char *line = memory_copy_text(lines);
	struct why why;

	transfer_undo(line, &undo);
	if (transfer_parse(line, &path, &body, &why) && (strncmp(path.at, "/tm/", 4) != 0 || strpbrk(path.at + 4, "/. "))) {
		abort();
	}
	buffer_free(&path);
	buffer_free(&body);
	buffer_free(&undo);
	free(line);
}

static void try_request(struct line *line, bool timed)
{
	struct action_data read = { 0 };
	struct line_request request;
	struct buffer xml = { 0 };
	struct why why;

	if (line->len > MOST || line->text[line->len]) {
		abort();
	}
	line_parse(line->text, line->len, timed, &request);
	if (strlen(request.type) >= LINE_TYPE || request.id < -1 || request.payload[request.payload_len]) {
		abort();
	}
	try_transfer(request.payload);
	if (timed ? payload_decode(&xml, request.payload, request.payload_len, INFLATED) :
		    base64_decode(&xml, request.payload, request.payload_len)) {
		if (action_data_read(buffer_string(&xml), xml.len, &read, &why)) {
			try_transfer(data_text(&read, DATA_TRANSFER));
		}
		action_data_free(&read);
	}
	if (xml.len > INFLATED) {
		abort();
	}
	buffer_free(&xml);
	/* base64 is a wall for a fuzzer: what follows the number is tried as XML, too */
	if (!action_data_read(request.payload, request.payload_len, &read, &why) && strpbrk(why.text, "\n\r")) {
		abort();
	}
	action_data_free(&read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct line_reader reader;
	struct line line;
	size_t piece, room;

	if (len < 2) {
		return 0;
	}
	line_reader_init(&reader, MOST);
	piece = data[0] + 1u;
	for (size_t at = 2, n; at < len; at += n) {
		char *to = line_room(&reader, &room);

		n = len - at < piece ? len - at : piece;
		memcpy(to, data + at, n);
		line_take(&reader, n);
		while (line_next(&reader, &line)) {
			try_request(&line, data[1] & 1);
		}
	}
	line_reader_free(&reader);
	return 0;
}
