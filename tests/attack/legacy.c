/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the 32-bit part of the suite (tests/attack/legacy) on the second processor and prints what it found: hardware
 * tasks, virtual-8086 mode, segments and gates.
 */
#include "tests/attack/at.h"
#include "tests/attack/legacy_results.h"

extern const char legacy_image[], legacy_image_end[];

static struct legacy_results *const results = (struct legacy_results *)LEGACY_RESULTS;

static void legacy(enum legacy_group group)
{
	if (cpu_count < 2) {
		skip("all", "one processor");
		return;
	}
	cpus_start();
	memset(results, 0, sizeof(*results));
	results->group = group;
	memcpy((void *)LEGACY_IMAGE, legacy_image, (size_t)(legacy_image_end - legacy_image));
	cpu_sipi(1, LEGACY_IMAGE);
	for (uint64_t end = rdtsc() + 2000 * tsc_per_ms(); results->done != LEGACY_DONE && rdtsc() < end;) {
		__asm__ volatile("pause");
	}
	for (unsigned i = 0; i < results->count && i < LEGACY_CHECKS; i++) {
		if (results->check[i].skipped) {
			skip(results->check[i].name, "not offered");
		} else {
			equal(results->check[i].name, results->check[i].got, results->check[i].want);
		}
	}
	equal("reached the end", results->done, LEGACY_DONE);
	cpu_restart(1);
}

void group_tasks(void)
{
	legacy(LEGACY_TASKS);
}

void group_taskfaults(void)
{
	legacy(LEGACY_TASK_FAULTS);
}

void group_v86(void)
{
	legacy(LEGACY_V86);
}

void group_segments(void)
{
	legacy(LEGACY_SEGMENTS);
}
