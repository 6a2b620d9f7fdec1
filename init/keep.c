/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a panic over a warm reset: see keep.h. */
#include "init/keep.h"

#include <string.h>

#include "console/node.h"
#include "init/bootmap.h"
#include "init/log.h"
#include "init/physical.h"
#include "init/program.h"
#include "kernel/abi.h"
#include "lib/sum.h"
#include "lib/user/sys.h"

static char panic_text[NODE_REPORT];

const char *keep_panic(void)
{
	return panic_text;
}

/* The text may be a guest's who knows the form: it is lines of ASCII and nothing more when it leaves here. */
static void remember(const char *text, uint32_t length)
{
	static const char word[] = "PANIC: ";
	uint32_t line = 0, from = length, n = 0;

	for (uint32_t i = 0; i + sizeof(word) <= length && from == length; i++) {
		line = text[i] == '\n' ? i + 1 : line;
		from = !memcmp(text + i, word, sizeof(word) - 1) ? line : from;
	}
	for (; from < length && n < sizeof(panic_text) - 1; from++, n++) {
		char c = text[from];

		panic_text[n] = c == '\n' || (c >= ' ' && c < 0x7f) ? c : '?';
	}
	panic_text[n] = 0;
}

static void show(const struct panic_log *log, uint32_t length)
{
	remember(log->text, length);
	init_log("the run before this one ended in a panic; its log:");
	for (uint32_t done = 0; done < length;) {
		int n = sys_log(INIT_MACHINE, log->text + done, length - done);

		if (n <= 0) {
			break;
		}
		done += (uint32_t)n;
	}
	init_log("end of that log");
}

uint64_t keep_report(struct boot_info *info)
{
	struct panic_log *log = (struct panic_log *)INIT_WINDOW_ADDR;
	uint64_t at = bootmap_preserve(info, PANIC_LOG_BYTES);
	struct extent area;
	uint32_t length;

	if (!at || physical_take(at, PANIC_LOG_BYTES, &area) < 0) {
		return 0;
	}
	if (sys_map(INIT_SPACE, INIT_WINDOW_ADDR, area.handle, 0, area.size, PROT_R | PROT_W) < 0) {
		return 0;
	}
	length = log->length;
	if (log->magic == PANIC_LOG_MAGIC && length <= sizeof(log->text) && log->sum == checksum(log->text, length)) {
		show(log, length);
	}
	log->magic = 0;
	/* Ring 0 maps the area uncached: no old line may be written back over it. */
	__builtin_ia32_clflush(log);
	return sys_unmap(INIT_SPACE, INIT_WINDOW_ADDR, area.size) == OK ? area.base : 0;
}
