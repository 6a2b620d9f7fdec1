/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a panic over a warm reset: see keep.h. */
#include "init/keep.h"

#include "init/bootmap.h"
#include "init/log.h"
#include "init/physical.h"
#include "init/program.h"
#include "kernel/abi.h"
#include "lib/sum.h"
#include "lib/user/sys.h"

static void show(const struct panic_log *log, uint32_t length)
{
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
	struct boot_mem *m = bootmap_largest_free(info);
	struct extent area;
	uint32_t length;

	if (!m || m->size <= PANIC_LOG_BYTES || physical_take(m->base, PANIC_LOG_BYTES, &area) < 0) {
		return 0;
	}
	m->base += PANIC_LOG_BYTES;
	m->size -= PANIC_LOG_BYTES;
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
