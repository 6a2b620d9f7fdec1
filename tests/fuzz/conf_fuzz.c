/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as configuration; what comes out must be what init accepts.
 * sources: conf/address.c conf/parse.c conf/words.c conf/devices.c conf/place.c conf/uplink.c lib/cpu_list.c lib/hex.c lib/fmt.c init/check.c
 */
#include <stdlib.h>

#include "conf/parse.h"
#include "init/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct conf_result result;
	const char *why;

	conf_parse((const char *)data, len, "brume.conf", &result);
	if (!config_check(&result, &why)) {
		abort();
	}
	return 0;
}
