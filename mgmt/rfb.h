/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of RFB 3.3, 3.7 and 3.8 (RFC 6143) for one viewer of a terminal: bytes in, bytes out, no memory but the struct's. Pure.
 *
 *   RFB_VERSION --> RFB_SECURITY (3.7, 3.8) --> RFB_ANSWER (with a password) --> RFB_INIT --> RFB_OPEN
 *   Any of them --it is no RFB, or the wrong password--> RFB_OVER: the rest of `out` is sent, then the connection ends.
 *
 * A viewer gets what has changed since its last picture, when it asks for it; a picture is made piece by piece as `out` has room, so that one
 * that reads slowly takes no more memory, and skips what was there meanwhile.
 */
#pragma once

#include "mgmt/term.h"

enum { RFB_OUT = 8192, RFB_IN = 20, RFB_CHALLENGE = 16, RFB_CLIPBOARD = 4096 };

struct rfb_hooks {
	void (*key)(void *context, uint32_t keysym, bool down);
	void (*paste)(void *context, const uint8_t *text, size_t len);       /* ISO 8859-1 */
	void (*denied)(void *context);               /* the password was wrong                       */
};

struct rfb {
	enum { RFB_VERSION, RFB_SECURITY, RFB_ANSWER, RFB_INIT, RFB_OPEN, RFB_OVER } state;
	const struct rfb_hooks *hooks;
	void *context;
	const char *name, *password; /* password: "" is none                                         */
	const char *refuse;          /* not NULL: what to answer in place of security                */
	unsigned version;            /* 3, 7 or 8                                                    */
	uint8_t challenge[RFB_CHALLENGE];

	uint8_t in[RFB_IN];          /* of the present message                                       */
	unsigned in_len;
	uint32_t encodings_left, text_left;  /* of the message's second part                         */
	uint8_t clipboard[RFB_CLIPBOARD];
	uint32_t clipboard_len;
	bool middle, shift;          /* are down                                                     */

	struct pixels pixels, next_pixels;   /* next: from the next picture on                       */
	bool new_pixels, hextile, next_hextile, send_map;

	bool asked, whole;           /* a picture; all of it                                         */
	unsigned looked;             /* the terminal's count of changes when it was last looked at   */
	unsigned bells;              /* that the viewer heard                                        */
	struct { uint8_t row, from, to; } part[TERM_ROWS];   /* of the picture that is being sent: cells of a row */
	unsigned parts, part_at, step;       /* step: tile or line within the part                   */
	bool part_begun;
	cell_t shown[TERM_CELLS];    /* as the viewer knows them, or is being told                   */

	uint8_t out[RFB_OUT];
	unsigned out_at, out_len;    /* bytes from out_at to out_len are to be sent                  */
};

/* The greeting is in out. All that is pointed to must outlive it. challenge: random. refuse: NULL, or why nobody gets in now. */
void rfb_init(struct rfb *r, const struct rfb_hooks *hooks, void *context, const char *name, const char *password, const char *refuse,
	      const uint8_t challenge[RFB_CHALLENGE]);

/* Takes bytes of the viewer; returns how many: less than len only when out has no room for an answer, or it is over. */
size_t rfb_feed(struct rfb *r, const uint8_t *bytes, size_t len);

/* Puts what the viewer asked for into out, as far as there is room. bells: how often the terminal's bell has rung. */
void rfb_draw(struct rfb *r, const struct term *term);

/* len bytes of out were sent. */
void rfb_sent(struct rfb *r, size_t len);

/* What VNC authentication answers to a challenge: DES by the password's first 8 bytes, each with its bits reversed (7.2.2). */
void rfb_response(const char *password, const uint8_t challenge[RFB_CHALLENGE], uint8_t response[RFB_CHALLENGE]);
