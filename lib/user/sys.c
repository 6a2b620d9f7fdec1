/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that take more than one instruction: repetition of those that work in pieces. */
#include "lib/user/sys.h"

int sys_process_destroy(uint32_t process)
{
	int64_t r;

	do {
		r = sys_call3(SYS_PROCESS_DESTROY, process, 0, 0).value;
	} while (r == E_AGAIN);
	return (int)r;
}

int sys_region_reclaim(uint32_t region)
{
	int64_t r;

	do {
		r = sys_call3(SYS_REGION_RECLAIM, region, 0, 0).value;
	} while (r > 0 || r == E_AGAIN);
	return (int)r;
}

int64_t sys_region_clean_some(uint32_t region, uint64_t offset)
{
	return sys_call3(SYS_REGION_CLEAN, region, offset, 0).value;
}

int sys_region_clean(uint32_t region, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		int64_t r = sys_region_clean_some(region, done);

		if (r == 0) {
			return OK;
		}
		if (r < 0 && r != E_AGAIN) {
			return (int)r;
		}
		done += r > 0 ? (uint64_t)r : 0;
	}
	return OK;
}

int sys_unmap(uint32_t space, uint64_t address, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		int64_t r = sys_call3(SYS_UNMAP, space, address + done, size - done).value;

		if (r <= 0) {
			return r < 0 ? (int)r : E_INVAL;
		}
		done += (uint64_t)r;
	}
	return OK;
}

int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	for (uint64_t done = 0; done < size;) {
		int64_t r = sys_call6(SYS_MAP, space, address + done, region, offset + done, size - done, prot).value;

		if (r <= 0) {
			if (done && sys_unmap(space, address, size) < 0) {
				return E_IO;
			}
			return r < 0 ? (int)r : E_INVAL;
		}
		done += (uint64_t)r;
	}
	return OK;
}
