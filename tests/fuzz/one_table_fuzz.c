/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a broken mgmt may have left in the table of OpenNebula's actions: the next one goes on with it without a fault, keeps what it says of itself,
 * and comes to an end with each action. Input: pieces of an offset (two bytes), a length and so many bytes, written over a table that was good.
 * sources: mgmt/one_actions.c mgmt/one_table.c tests/fake/mgmt_node.c tests/fake/mgmt_init.c tests/fake/mgmt_vnc.c
 */
#include <stdlib.h>
#include <string.h>

#include "mgmt/one_actions.h"
#include "tests/fake/mgmt_node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { ROUNDS = 400 };

static void must(bool good)
{
	if (!good) {
		abort();
	}
}

/* One action of each kind and step, with VM numbers that are there and that are not. */
static void fill(struct mgmt_one *one)
{
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		struct mgmt_action *a = &one->action[i];

		*a = (struct mgmt_action){ .state = i < ONE_KINDS * ONE_STEPS ? ONE_RUNS : ONE_SUCCESS, .kind = i / ONE_STEPS % ONE_KINDS,
					   .step = i % ONE_STEPS, .vm = i, .order = i, .until_ns = fake_now_ns };
		a->key[0] = 'a';
		a->key[1] = (char)('0' + i / 10);
		a->key[2] = (char)('0' + i % 10);
		one->vm[i] = (struct mgmt_one_vm){ .used = i & 1, .vm = i, .node_id = i };
	}
}

static void patch(uint8_t *table, const uint8_t *data, size_t len)
{
	while (len > 3) {
		size_t at = ((size_t)data[0] << 8 | data[1]) % sizeof(struct mgmt_one), n = data[2];

		n = n < len - 3 ? n : len - 3;
		n = n < sizeof(struct mgmt_one) - at ? n : sizeof(struct mgmt_one) - at;
		memcpy(table + at, data + 3, n);
		data += 3 + n;
		len -= 3 + n;
	}
}

static void check(void)
{
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		const struct mgmt_action *a = one_table_action(i);

		must(a->state == ONE_NONE ||
		     (one_kind_name(a->kind) && a->step < ONE_STEPS && one_table_find(a->key) == a && memchr(a->info, '\0', sizeof(a->info))));
		must(a->state != ONE_RUNS || one_table_running(a->vm) == a);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	bool runs = true;

	fake_node_reset();
	for (uint32_t i = 0; i < fake_node.vm_count; i++) {
		fake_node.vm[i].id = i;
		one_vm_name(i, fake_node.vm[i].name);
	}
	fill(platform_one());
	patch((uint8_t *)platform_one(), data, len);
	one_actions_init(fake_now_ns);
	for (int i = 0; i < ROUNDS && runs; i++) {
		check();
		one_actions_run(fake_now_ns);
		fake_now_ns += 10000000000;
		runs = false;
		for (uint32_t k = 0; k < MGMT_ACTIONS; k++) {
			runs |= one_table_action(k)->state == ONE_RUNS;
		}
	}
	must(!runs);                     /* each has its deadline within an hour */
	return 0;
}
