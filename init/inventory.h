/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel handed to init: RAM, boot modules, programs, and the options on the kernel's command line. */
#pragma once

#include "init/memory.h"
#include "kernel/abi.h"

extern struct memory memory;             /* all RAM that is free; init has one thread                */

/* The page of facts. Its strings are checked by inventory_init(). */
static inline const struct init_info *inventory(void)
{
	return (const struct init_info *)INIT_INFO_ADDR;
}

/* Takes over all RAM regions. E_PROTO: the page is not one of this kernel's. */
int inventory_init(void) MUST_CHECK;

/* The boot module of that name, the path that some loaders put before it apart. NULL: none. */
const struct init_region *inventory_module(const char *name);

/* The packed program of that name. NULL: none. */
const struct init_region *inventory_program(const char *name);

/* Copies the value of option "key=value" of the command line. False: not given, or longer than size - 1. */
bool inventory_option(const char *key, char *value, size_t size);

/* Gives an extent back; says so if the kernel refuses. */
void memory_give_back(struct extent *extent);
