/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a VNC viewer. The first byte says whether there is a password and how much of the answers is read at a time, the second the
 * size of the pieces; what comes is also what the guest sends.
 * sources: mgmt/rfb.c mgmt/rfb_auth.c mgmt/rfb_draw.c mgmt/pixels.c mgmt/term.c mgmt/term_filter.c mgmt/term_keys.c mgmt/keysyms.c build/glyphs.c
 * libraries: libvterm mbedtls
 */
#include <string.h>

#include "mgmt/rfb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct term term;
static struct rfb rfb;
static struct term_keys keys;

static void type(void *context, const char *bytes, size_t len)
{
	(void)context;
	(void)bytes;
	(void)len;
}

static void key(void *context, uint32_t keysym, bool down)
{
	(void)context;
	term_key(&term, &keys, keysym, down);
}

static void paste(void *context, const uint8_t *text, size_t len)
{
	(void)context;
	term_paste(&term, text, len);
}

static void denied(void *context)
{
	(void)context;
}

static const struct rfb_hooks hooks = { .key = key, .paste = paste, .denied = denied };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t challenge[RFB_CHALLENGE] = { 0 };
	size_t piece, taken;
	unsigned reads;

	if (len < 2) {
		return 0;
	}
	reads = (data[0] & 0x7fu) * 64 + 1;
	piece = data[1] % 64 + (size_t)1;
	keys = (struct term_keys){ 0 };
	term_init(&term, type, NULL);
	rfb_init(&rfb, &hooks, NULL, "vm", data[0] & 0x80 ? "secret" : "", NULL, challenge);
	for (data += 2, len -= 2; len && rfb.state != RFB_OVER; data += taken, len -= taken) {
		unsigned left;

		piece = piece < len ? piece : len;
		taken = rfb_feed(&rfb, data, piece);
		term_feed(&term, data, taken);
		rfb_draw(&rfb, &term);
		left = rfb.out_len - rfb.out_at;
		rfb_sent(&rfb, left < reads ? left : reads);
	}
	return 0;
}
