/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML 1.0 in UTF-8, in pieces, through expat, with limits on everything: elements by the path that leads to them, and the text right in
 * each. Declarations of a document type are refused, so there are no entities but XML's own.
 */
#pragma once

#include "lib/base.h"

enum {
	ONE_XML_BYTES = 4 << 20,     /* of a document                                                */
	ONE_XML_ELEMENTS = 65536,
	ONE_XML_DEPTH = 32,          /* elements within each other                                   */
	ONE_XML_NAME = 64,           /* bytes of an element's name, with a NUL                       */
	ONE_XML_PATH = 256,          /* bytes of a path that somebody reads, with the NUL            */
	ONE_XML_TEXT = 1536,         /* bytes of a text that somebody reads, with the NUL            */
	ONE_XML_HEAP = 256 << 10,    /* bytes of the heap that expat may take for a document: it keeps each name that there is, some 130 bytes */
	ONE_XML_HEAP_ALL = 768 << 10,        /* for all of them together                                 */
	ONE_XML_READERS = 16,        /* at the same time                                             */
};

struct one_xml;

/* Who reads. path: names from the root on, A/B/C, without the root's own for what is in it; "" is the root. */
struct one_xml_reader {
	/* An element begins; root: the name where path is "". False: what is in it does not matter, nor is its end told. */
	bool (*open)(void *context, const char *path, const char *root);

	/* It ends; text: what stood right in it, NUL-terminated. NULL: longer than ONE_XML_TEXT. */
	void (*close)(void *context, const char *path, const char *text);
};

/* reader and context must stay. E_NOMEM: no memory, or too many readers. */
int one_xml_begin(struct one_xml **xml, const struct one_xml_reader *reader, void *context) MUST_CHECK;

/* Further bytes. E_PROTO: it breaks a rule or a limit; *why says which and stays until one_xml_free(). Sticks. */
int one_xml_data(struct one_xml *xml, const uint8_t *bytes, size_t len, const char **why) MUST_CHECK;

/* There are no more. E_PROTO as above. */
int one_xml_end(struct one_xml *xml, const char **why) MUST_CHECK;

/* NULL is allowed. */
void one_xml_free(struct one_xml *xml);
