/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on machines and guests, for tests that have neither. */
#include "kernel/syscall.h"

int64_t sys_vm_slot(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vm_msi(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vm_doorbell(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vcpu_create(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vcpu_run(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vcpu_get(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vcpu_set(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vcpu_kick(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vcpu_extint(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_log(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_ports(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_vector_bind(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_machine_setup(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_halt(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_stats(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_cpu_start(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_trace(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_pci_config(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_device_create(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_device_read(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_device_master(const struct call *c) { (void)c; return E_NOSYS; }
int64_t sys_device_bind(const struct call *c) { (void)c; return E_NOSYS; }
