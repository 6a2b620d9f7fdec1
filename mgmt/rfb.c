/* SPDX-License-Identifier: Apache-2.0 */
/* RFB for one viewer, what it says and is answered: see rfb.h. Pictures are made in rfb_draw.c. Numbers in comments: RFC 6143. */
#include "mgmt/rfb.h"

#include <string.h>

#include "lib/be.h"

enum { GREETING = 12, SECURITY_NONE = 1, SECURITY_VNC = 2, ENCODING_HEXTILE = 5, NAME_MAX_BYTES = 64 };
enum { WIDTH = TERM_COLUMNS * GLYPH_WIDTH, HEIGHT = TERM_ROWS * GLYPH_HEIGHT };
enum { ROOM_FOR_ANSWER = 256, MIDDLE_BUTTON = 2, KEY_INSERT = 0xff63, KEY_SHIFT_L = 0xffe1, KEY_SHIFT_R = 0xffe2 };

/* Messages of the client, 7.5. */
enum { SET_PIXEL_FORMAT = 0, SET_ENCODINGS = 2, UPDATE_REQUEST = 3, KEY_EVENT = 4, POINTER_EVENT = 5, CLIENT_CUT_TEXT = 6 };

static void put(struct rfb *r, const void *bytes, unsigned len)
{
	memcpy(r->out + r->out_len, bytes, len);                 /* there is ROOM_FOR_ANSWER */
	r->out_len += len;
}

static void put_u32(struct rfb *r, uint32_t value)
{
	uint8_t bytes[4];

	be_put32(bytes, value);
	put(r, bytes, sizeof(bytes));
}

static void put_reason(struct rfb *r, const char *why)
{
	put_u32(r, (uint32_t)strlen(why));
	put(r, why, (unsigned)strlen(why));
	r->state = RFB_OVER;
}

void rfb_init(struct rfb *r, const struct rfb_hooks *hooks, void *context, const char *name, const char *password, const char *refuse,
	      const uint8_t challenge[RFB_CHALLENGE])
{
	memset(r, 0, sizeof(*r));
	r->hooks = hooks;
	r->context = context;
	r->name = name;
	r->password = password;
	r->refuse = refuse;
	memcpy(r->challenge, challenge, RFB_CHALLENGE);
	pixels_init(&r->pixels);
	put(r, "RFB 003.008\n", GREETING);
}

void rfb_sent(struct rfb *r, size_t len)
{
	r->out_at += (unsigned)len;
	if (r->out_at == r->out_len) {
		r->out_at = r->out_len = 0;
	} else if (r->out_at >= RFB_OUT / 2) {
		memmove(r->out, r->out + r->out_at, r->out_len - r->out_at);
		r->out_len -= r->out_at;
		r->out_at = 0;
	}
}

/* ---- up to ServerInit ---- */

static void ask_password(struct rfb *r)
{
	put(r, r->challenge, RFB_CHALLENGE);
	r->state = RFB_ANSWER;
}

/* 7.1.1, 7.1.2. Up to 3.3 it is the server that says which security. */
static void take_version(struct rfb *r)
{
	uint8_t offer[2] = { 1, r->password[0] ? SECURITY_VNC : SECURITY_NONE };
	unsigned minor = (unsigned)(r->in[8] - '0') * 100 + (unsigned)(r->in[9] - '0') * 10 + (unsigned)(r->in[10] - '0');

	if (memcmp(r->in, "RFB 00", 6) != 0 || r->in[7] != '.' || r->in[11] != '\n') {
		r->state = RFB_OVER;
		return;
	}
	r->version = r->in[6] > '3' || minor >= 8 ? 8 : minor == 7 ? 7 : 3;
	if (r->refuse) {
		if (r->version == 3) {
			put_u32(r, 0);
		} else {
			put(r, "", 1);
		}
		put_reason(r, r->refuse);
	} else if (r->version > 3) {
		put(r, offer, sizeof(offer));
		r->state = RFB_SECURITY;
	} else {
		put_u32(r, offer[1]);
		r->state = RFB_INIT;
		if (r->password[0]) {
			ask_password(r);
		}
	}
}

/* 7.1.3. Without a password only 3.8 is told that it is in. */
static void take_security(struct rfb *r)
{
	if (r->in[0] != (r->password[0] ? SECURITY_VNC : SECURITY_NONE)) {
		r->state = RFB_OVER;
		return;
	}
	if (r->password[0]) {
		ask_password(r);
		return;
	}
	if (r->version == 8) {
		put_u32(r, 0);
	}
	r->state = RFB_INIT;
}

/* All of it is compared, whatever differs: how long it takes tells nothing. */
static void take_answer(struct rfb *r)
{
	uint8_t right[RFB_CHALLENGE], differ = 0;

	rfb_response(r->password, r->challenge, right);
	for (unsigned i = 0; i < RFB_CHALLENGE; i++) {
		differ = (uint8_t)(differ | (right[i] ^ r->in[i]));
	}
	put_u32(r, differ ? 1 : 0);
	if (!differ) {
		r->state = RFB_INIT;
		return;
	}
	r->state = RFB_OVER;
	if (r->version == 8) {
		put_reason(r, "the password is wrong");
	}
	r->hooks->denied(r->context);
}

/* 7.3. Others may always look, too. */
static void take_init(struct rfb *r)
{
	uint8_t head[4];
	size_t len = strlen(r->name);

	be_put16(head, WIDTH);
	be_put16(head + 2, HEIGHT);
	put(r, head, sizeof(head));
	put(r, r->pixels.wire, PIXELS_FORMAT);
	len = len < NAME_MAX_BYTES ? len : NAME_MAX_BYTES;
	put_u32(r, (uint32_t)len);
	put(r, r->name, (unsigned)len);
	r->state = RFB_OPEN;
	r->whole = true;
}

/* ---- messages ---- */

static void take_pixel_format(struct rfb *r)
{
	if (pixels_set(&r->next_pixels, r->in + 4) < 0) {
		r->state = RFB_OVER;
		return;
	}
	r->new_pixels = true;
}

static void take_encoding(struct rfb *r)
{
	r->next_hextile |= be_get32(r->in) == ENCODING_HEXTILE;
	r->encodings_left--;
}

/* What terminals have for it: the clipboard is typed when it is asked for, since viewers send theirs whenever it changes. */
static void paste(struct rfb *r)
{
	r->hooks->paste(r->context, r->clipboard, r->clipboard_len);
}

static void take_key(struct rfb *r)
{
	uint32_t keysym = be_get32(r->in + 4);
	bool down = r->in[1];

	if (keysym == KEY_SHIFT_L || keysym == KEY_SHIFT_R) {
		r->shift = down;
	}
	if (keysym == KEY_INSERT && r->shift) {
		if (down) {
			paste(r);
		}
		return;
	}
	r->hooks->key(r->context, keysym, down);
}

static void take_pointer(struct rfb *r)
{
	bool middle = r->in[1] & MIDDLE_BUTTON;

	if (middle && !r->middle) {
		paste(r);
	}
	r->middle = middle;
}

static void take_message(struct rfb *r)
{
	switch (r->in[0]) {
	case SET_PIXEL_FORMAT: take_pixel_format(r); break;
	case SET_ENCODINGS:
		r->next_hextile = false;
		r->encodings_left = be_get16(r->in + 2);
		break;
	case UPDATE_REQUEST:
		r->asked = true;
		r->whole |= !r->in[1];
		break;
	case KEY_EVENT:        take_key(r); break;
	case POINTER_EVENT:    take_pointer(r); break;
	case CLIENT_CUT_TEXT:
		r->text_left = be_get32(r->in + 4);
		r->clipboard_len = 0;
		break;
	default:
		break;
	}
}

/* Bytes of the present message's first part, whose first byte is there; 0: there is no such message. */
static unsigned need(const struct rfb *r)
{
	static const uint8_t lengths[] = {
		[SET_PIXEL_FORMAT] = 20, [SET_ENCODINGS] = 4, [UPDATE_REQUEST] = 10, [KEY_EVENT] = 8, [POINTER_EVENT] = 6, [CLIENT_CUT_TEXT] = 8,
	};

	switch (r->state) {
	case RFB_VERSION:  return GREETING;
	case RFB_SECURITY: return 1;
	case RFB_ANSWER:   return RFB_CHALLENGE;
	case RFB_INIT:     return 1;
	default:           break;
	}
	if (r->encodings_left) {
		return 4;
	}
	return r->in[0] < ARRAY_SIZE(lengths) ? lengths[r->in[0]] : 0;
}

static void take(struct rfb *r)
{
	switch (r->state) {
	case RFB_VERSION:  take_version(r); break;
	case RFB_SECURITY: take_security(r); break;
	case RFB_ANSWER:   take_answer(r); break;
	case RFB_INIT:     take_init(r); break;
	case RFB_OPEN:
		if (r->encodings_left) {
			take_encoding(r);
		} else {
			take_message(r);
		}
		break;
	case RFB_OVER:     break;
	}
	r->in_len = 0;
}

static size_t take_text(struct rfb *r, const uint8_t *bytes, size_t len)
{
	size_t n = len < r->text_left ? len : r->text_left, room = RFB_CLIPBOARD - r->clipboard_len, kept = n < room ? n : room;

	memcpy(r->clipboard + r->clipboard_len, bytes, kept);
	r->clipboard_len += (uint32_t)kept;
	r->text_left -= (uint32_t)n;
	return n;
}

size_t rfb_feed(struct rfb *r, const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && r->state != RFB_OVER) {
		unsigned wanted;

		if (r->text_left) {
			at += take_text(r, bytes + at, len - at);
			continue;
		}
		if (r->state != RFB_OPEN && RFB_OUT - r->out_len < ROOM_FOR_ANSWER) {
			break;
		}
		r->in[r->in_len++] = bytes[at++];
		wanted = need(r);
		if (!wanted) {
			r->state = RFB_OVER;
		} else if (r->in_len == wanted) {
			take(r);
		}
	}
	return at;
}
