/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on machines and guests, for tests that have neither. */
#include "kernel/sys.h"

int64_t sys_vm_slot(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_vm_msi(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_vm_doorbell(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_vcpu_create(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_vcpu_run(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_vcpu_get(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_vcpu_set(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_vcpu_kick(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_vcpu_extint(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_log(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_serial_write(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_serial_read(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_serial_notify(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_power(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_stats(const struct sys_args *a) { (void)a; return E_NOSYS; }
int64_t sys_trace(const struct sys_args *a) { (void)a; return E_NOSYS; }
