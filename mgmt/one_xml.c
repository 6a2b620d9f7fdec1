/* SPDX-License-Identifier: Apache-2.0 */
/* expat within limits: see one_xml.h. */
#include "mgmt/one_xml.h"

#include <expat.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/random.h"

enum { PIECE = 4096, WHY = 128 };            /* bytes that expat gets at once: it keeps no more than a piece and a token */

struct one_xml {
	const struct one_xml_reader *reader;
	void *context;
	XML_Parser parser;
	size_t heap;                 /* bytes that expat has of it                                   */
	size_t bytes, elements, depth;
	size_t skipped;              /* depth of the element whose content does not matter; 0: none  */
	size_t path_len[ONE_XML_DEPTH + 1];  /* of the path of the element at that depth             */
	char path[ONE_XML_PATH];
	size_t text_len;
	char text[ONE_XML_TEXT];
	bool too_long;               /* the text                                                     */
	int state;                   /* OK or E_PROTO                                                */
	char why[WHY];
};

static unsigned readers;
static size_t heap_all;                      /* bytes that they have together                                */
static struct one_xml *current;              /* expat's memory functions are not told for whom they work */

/* ---- expat's memory ---- */

/* Before each piece of memory. */
union head {
	size_t bytes;
	max_align_t align;
};

static bool take(size_t bytes)
{
	if (bytes > ONE_XML_HEAP - current->heap || bytes > ONE_XML_HEAP_ALL - heap_all) {
		return false;
	}
	current->heap += bytes;
	heap_all += bytes;
	return true;
}

static void give(size_t bytes)
{
	current->heap -= bytes;
	heap_all -= bytes;
}

static void *heap_alloc(size_t bytes)
{
	union head *head;

	if (bytes > ONE_XML_HEAP || !take(bytes)) {
		return NULL;
	}
	head = malloc(sizeof(*head) + bytes);
	if (!head) {
		give(bytes);
		return NULL;
	}
	head->bytes = bytes;
	return head + 1;
}

static void heap_free(void *at)
{
	union head *head = at;

	if (head) {
		give(head[-1].bytes);
		free(head - 1);
	}
}

static void *heap_again(void *at, size_t bytes)
{
	size_t had = at ? ((union head *)at)[-1].bytes : 0;
	void *now = heap_alloc(bytes);

	if (now && at) {
		memcpy(now, at, had < bytes ? had : bytes);
		heap_free(at);
	}
	return now;
}

void one_xml_entropy(void *at, size_t len);

/* mgmt/port/expat_config.h. mgmt hears nobody before its generator is seeded. */
void one_xml_entropy(void *at, size_t len)
{
	if (random_fill(at, len) < 0) {
		memset(at, 0, len);
	}
}

/* ---- what expat tells ---- */

static void refuse(struct one_xml *x, const char *why)
{
	if (x->state == OK) {
		x->state = E_PROTO;
		snprintf(x->why, sizeof(x->why), "%s", why);
		XML_StopParser(x->parser, XML_FALSE);
	}
}

/* Adds the name to the path. False: the path is longer than any that somebody reads. */
static bool enter(struct one_xml *x, const char *name)
{
	size_t at = x->depth > 1 ? x->path_len[x->depth - 1] : 0, len = x->depth > 1 ? strlen(name) : 0, slash = at > 0;

	if (at + slash + len >= sizeof(x->path)) {
		return false;
	}
	if (slash) {
		x->path[at] = '/';
	}
	memcpy(x->path + at + slash, name, len);
	x->path[at + slash + len] = '\0';
	x->path_len[x->depth] = at + slash + len;
	return true;
}

static void XMLCALL on_open(void *context, const XML_Char *name, const XML_Char **attributes)
{
	struct one_xml *x = context;

	(void)attributes;
	if (++x->elements > ONE_XML_ELEMENTS) {
		refuse(x, "more than 65536 elements");
	} else if (++x->depth > ONE_XML_DEPTH) {
		refuse(x, "more than 32 elements within each other");
	} else if (strlen(name) >= ONE_XML_NAME) {
		refuse(x, "an element's name is longer than 63 bytes");
	} else if (!x->skipped && (!enter(x, name) || !x->reader->open(x->context, x->path, name))) {
		x->skipped = x->depth;
	}
	x->text_len = 0;
	x->too_long = false;
}

static void XMLCALL on_close(void *context, const XML_Char *name)
{
	struct one_xml *x = context;

	(void)name;
	if (x->state != OK) {
		return;
	}
	if (!x->skipped) {
		x->text[x->text_len] = '\0';
		x->path[x->path_len[x->depth]] = '\0';
		x->reader->close(x->context, x->path, x->too_long ? NULL : x->text);
	} else if (x->skipped == x->depth) {
		x->skipped = 0;
	}
	x->depth--;
	x->text_len = 0;
	x->too_long = false;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int len)
{
	struct one_xml *x = context;

	if (x->skipped || x->too_long) {
		return;
	}
	if ((size_t)len >= sizeof(x->text) - x->text_len) {
		x->too_long = true;
		return;
	}
	memcpy(x->text + x->text_len, text, (size_t)len);
	x->text_len += (size_t)len;
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public, int subset)
{
	(void)name, (void)system, (void)public, (void)subset;
	refuse(context, "a document type (DOCTYPE) is not taken");
}

/* ---- outside ---- */

int one_xml_begin(struct one_xml **xml, const struct one_xml_reader *reader, void *context)
{
	static const XML_Memory_Handling_Suite memory = { heap_alloc, heap_again, heap_free };
	struct one_xml *x = readers < ONE_XML_READERS ? calloc(1, sizeof(*x)) : NULL;

	if (!x) {
		return E_NOMEM;
	}
	x->reader = reader;
	x->context = context;
	current = x;
	x->parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
	if (!x->parser) {
		free(x);
		return E_NOMEM;
	}
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_open, on_close);
	XML_SetCharacterDataHandler(x->parser, on_text);
	XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
	readers++;
	*xml = x;
	return OK;
}

/* Expat's own words where ours did not come first. */
static void fail(struct one_xml *x)
{
	enum XML_Error error = XML_GetErrorCode(x->parser);

	if (x->state != OK) {
		return;
	}
	x->state = E_PROTO;
	if (error == XML_ERROR_NO_MEMORY) {
		snprintf(x->why, sizeof(x->why), "line %lu: a name, a tag or all of it takes more memory than there is for it",
			 (unsigned long)XML_GetCurrentLineNumber(x->parser));
	} else {
		snprintf(x->why, sizeof(x->why), "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(x->parser), XML_ErrorString(error));
	}
}

static int parse(struct one_xml *x, const uint8_t *bytes, size_t len, bool last, const char **why)
{
	current = x;
	if (x->state == OK && XML_Parse(x->parser, (const char *)bytes, (int)len, last) != XML_STATUS_OK) {
		fail(x);
	}
	*why = x->why;
	return x->state;
}

int one_xml_data(struct one_xml *x, const uint8_t *bytes, size_t len, const char **why)
{
	if (x->state == OK && len > ONE_XML_BYTES - x->bytes) {
		refuse(x, "longer than 4 MiB");
	}
	x->bytes += x->state == OK ? len : 0;
	for (size_t n; len && x->state == OK; bytes += n, len -= n) {
		n = len < PIECE ? len : PIECE;
		(void)parse(x, bytes, n, false, why);
	}
	*why = x->why;
	return x->state;
}

int one_xml_end(struct one_xml *x, const char **why)
{
	return parse(x, (const uint8_t *)"", 0, true, why);
}

void one_xml_free(struct one_xml *x)
{
	if (x) {
		current = x;
		XML_ParserFree(x->parser);
		readers--;
		free(x);
	}
}
