/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's network cards: channels where init mapped them (vmm/launch.h), and the events to and from the switch. */
#include "lib/user/sys.h"
#include "vmm/backends.h"
#include "vmm/hooks.h"
#include "vmm/virtio_net.h"
#include "vmm/vm.h"

/* Owned by the device lock. */
static struct virtio_net nics[CONF_NICS_MAX];
static unsigned count;

/* The message into which the kernel turns the card's event (VMM_NIC_SENT). */
static struct {
	bool on;
	uint64_t address;
	uint32_t data;
} route[CONF_NICS_MAX];

void vm_switch_signal(void)
{
	vm.work |= VM_WORK_SWITCH;
}

void vm_nic_lingers(void)
{
	vm.work |= VM_WORK_LINGER;
}

bool vm_nic_route(struct virtio_net *n, unsigned queue)
{
	unsigned i = (unsigned)(n - nics);
	uint64_t address = 0;
	uint32_t data = 0;
	bool on = queue && virtio_queue_msi(&n->dev, queue, &address, &data) == OK;

	if (on != route[i].on || address != route[i].address || data != route[i].data) {
		route[i].on = on && sys_event_route(VMM_NIC_SENT + i, vm.space, address, data) == OK;
		route[i].address = address;
		route[i].data = data;
		if (!on) {
			(void)sys_event_route(VMM_NIC_SENT + i, SELF, 0, 0);
		}
	}
	return route[i].on;
}

void vm_nic_timer(struct virtio_net *n, uint64_t deadline_ns)
{
	(void)sys_event_timer(VMM_NIC_SENT + (unsigned)(n - nics), deadline_ns ? vm.start_ns + deadline_ns : 0);
}

/* One event for all cards. */
static void on_switch(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < count; i++) {
		virtio_net_poll(&nics[i]);
	}
}

int vm_nics_init(void)
{
	const struct conf_vm *conf = &vm.launch->conf;
	int r = OK;

	for (uint32_t i = 0; r == OK && i < conf->nic_count && i < CONF_NICS_MAX; i++) {
		virtio_net_init(&nics[i], (struct frames_channel *)VMM_NIC_ADDR(i), conf->nic[i].mac, vm.vcpu_count,
				vm.control->net_up);
		r = vm_virtio_add(&nics[i].dev);
		count = i + 1;
	}
	return r == OK && count ? vm_watch(VMM_NET_IN, on_switch, NULL) : r;
}

void vm_nics_link(void)
{
	for (unsigned i = 0; i < count; i++) {
		virtio_net_link(&nics[i], vm.control->net_up);
	}
}

static uint64_t interrupts(const struct virtio_net *n, unsigned direction)
{
	uint64_t sum = 0;

	for (unsigned queue = direction; queue < n->dev.queue_count - 1; queue += 2) {
		sum += n->dev.queue[queue].interrupts;
	}
	return sum;
}

void vm_nics_report(void)
{
	for (unsigned i = 0; i < count; i++) {
		const struct virtio_net *n = &nics[i];

		vm_log("card %u: %llu frames out, %llu interrupts of ours, %llu left to others, %llu of these needless", i,
		       (unsigned long long)n->sent, (unsigned long long)interrupts(n, 1), (unsigned long long)n->owings,
		       (unsigned long long)n->needless);
		vm_log("card %u: %llu frames in, %llu interrupts, %llu dropped", i, (unsigned long long)n->received,
		       (unsigned long long)interrupts(n, 0), (unsigned long long)n->dropped);
	}
}

bool vm_nics_linger(bool look)
{
	uint32_t lingers = 0;

	for (unsigned i = 0; i < count; i++) {
		if (look) {
			virtio_net_linger(&nics[i]);
		}
		lingers |= nics[i].lingers;
	}
	return lingers;
}
