/* SPDX-License-Identifier: Apache-2.0 */
/* Statements about the node's own place in the network: `node name`, `node address`. */
#pragma once

#include "conf/words.h"

/* From p->value; what is wrong is reported, and the field stays as it was. */
void conf_set_node_name(struct parser *p, struct conf_node *node);
void conf_set_address(struct parser *p, struct conf_node *node);

/* Dotted decimal (RFC 6943, 3.1.1: four numbers of one to three digits, no leading zero); 10.0.0.1 is 0a000001h. False: it is none. */
bool conf_read_ip4(const char *word, uint32_t *address);
