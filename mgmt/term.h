/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal of 80 x 25 characters (libvterm, as an xterm understands ECMA-48), for the serial console of a VM: the guest's bytes become cells,
 * keys of a VNC viewer become bytes for the guest. Pure; all its memory is in the struct.
 */
#pragma once

#include <vterm.h>

#include "mgmt/pixels.h"
#include "mgmt/term_filter.h"

enum { TERM_CELLS = TERM_COLUMNS * TERM_ROWS, TERM_MEMORY = 8192 };

struct term {
	VTerm *vt;
	VTermState *state;
	struct term_filter filter;
	bool mute;                   /* what the guest asks of the terminal stays without an answer  */
	unsigned bells, changes;     /* so far; changes: times that something may look otherwise     */
	void (*type)(void *context, const char *bytes, size_t len);  /* for the guest               */
	void *context;
	unsigned lost;               /* times that its cursor was nowhere, and it began anew         */
	int row, column;             /* of the cursor                                                */
	bool visible, inverse;       /* cursor; whole screen                                         */
	unsigned page;               /* which cells are shown: 1 for the alternate screen            */
	struct { uint8_t foreground, background; bool bold, underline, inverse, hidden; } pen;
	cell_t cell[2][TERM_CELLS];
	size_t used;
	_Alignas(16) uint8_t memory[TERM_MEMORY];
};

/* Modifiers that a viewer holds down. Zeroed at the start. */
struct term_keys {
	bool shift, control, alt;
};

/* An empty screen. type may be called by term_feed(), term_key() and term_paste(). t must not move. */
void term_init(struct term *t, void (*type)(void *context, const char *bytes, size_t len), void *context);

/* Bytes of the guest. */
void term_feed(struct term *t, const uint8_t *bytes, size_t len);

/* What is to be seen, with the cursor; TERM_CELLS of them, row by row. */
void term_look(const struct term *t, cell_t *cells);

/* A key went down or up: a keysym of X11 (RFC 6143, 7.5.4). What no terminal has is ignored. */
void term_key(struct term *t, struct term_keys *keys, uint32_t keysym, bool down);

/* Types text (ISO 8859-1): line ends become Return, controls other than Tab are left out. */
void term_paste(struct term *t, const uint8_t *text, size_t len);
