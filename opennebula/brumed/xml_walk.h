/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of an XML document in its order, by expat. No DTD, few levels, short texts: what oned and monitord write. */
#pragma once

#include "opennebula/lib/memory.h"

enum { XML_DEPTH_MAX = 16, XML_PATH_MAX = 256, XML_VALUE_MAX = 254 };

/*
 * An element ended. path: /ROOT/A/B, "" where it would be longer than XML_PATH_MAX. value: its text after its last child, "" where it is not shorter
 * than XML_VALUE_MAX.
 */
typedef void xml_walk_fn(void *context, const char *path, const char *value);

/* Calls at_end for each element. False with the reason: no XML, a DOCTYPE, or too deep; what came before was called. */
MUST_CHECK bool xml_walk(const char *xml, size_t len, xml_walk_fn *at_end, void *context, struct why *why);
