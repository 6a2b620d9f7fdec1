/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest sends to its terminal, all of which libvterm is shown but for what the filter leaves out.
 * sources: mgmt/term.c mgmt/term_filter.c mgmt/term_keys.c mgmt/keysyms.c mgmt/pixels.c build/glyphs.c
 * libraries: libvterm
 */
#include <stdlib.h>

#include "mgmt/term.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct term term;

static void type(void *context, const char *bytes, size_t len)
{
	(void)context;
	(void)bytes;
	(void)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static cell_t cells[TERM_CELLS];

	term_init(&term, type, NULL);
	term_feed(&term, data, len);
	term_look(&term, cells);
	if (term.lost) {
		abort();
	}
	return 0;
}
