/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a VM's disk, from the vmm to whoever asks. */
#pragma once

#include "lib/base.h"

/* Since the VM started. Requests that failed, flushes and discards do not count. */
struct disk_io {
	uint64_t read_requests, read_bytes, write_requests, write_bytes;
};
