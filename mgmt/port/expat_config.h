/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of expat is built: XML 1.0 without namespaces, external entities and general entities of a document's own. The five that XML has and
 * character references stay. expat's sources include this by its name.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define BYTEORDER         1234
#define XML_GE            0
#define XML_CONTEXT_BYTES 0

/* The salt of its hash tables comes from us: one_vm.c. */
#define HAVE_ARC4RANDOM_BUF 1
#define writeRandomBytes_arc4random_buf one_xml_entropy

/* There is no environment that could ask for debug output. */
#define getenv(name)  NULL
#define fprintf(...)  ((void)0)
