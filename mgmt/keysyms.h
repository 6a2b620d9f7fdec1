/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keysyms of X11 as characters. A viewer has up to three names for a letter: that of ISO 8859-1, which is the character itself, an older one for
 * its own script, and 0x01000000 and its number in Unicode. noVNC and viewers under X11 send the older one where there is one. Pure.
 */
#pragma once

#include "lib/base.h"

/* The character that a key types, or 0: it types none. */
uint32_t keysym_character(uint32_t keysym);
