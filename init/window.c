/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is filled in: see window.h. */
#include "init/window.h"

#include <string.h>

#include "init/program.h"
#include "lib/user/sys.h"

int window_write(uint32_t region, uint64_t offset, const void *bytes, size_t len)
{
	int r = range_within(offset, len, PAGE_SIZE)
		? sys_map(INIT_SPACE, INIT_WINDOW_ADDR, region, 0, PAGE_SIZE, PROT_R | PROT_W) : E_RANGE;

	if (r < 0) {
		return r;
	}
	memcpy((uint8_t *)INIT_WINDOW_ADDR + offset, bytes, len);
	return sys_unmap(INIT_SPACE, INIT_WINDOW_ADDR, PAGE_SIZE);
}
