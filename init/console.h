/* SPDX-License-Identifier: Apache-2.0 */
/* init's side of the console program: starts it again when it dies, shows it the node, takes its commands. */
#pragma once

#include "lib/base.h"

struct vm;

/* Makes the shared pages. False: no memory; the node runs without console then. After vms_init(). */
bool console_init(void);

/* Shows the node's state to another program, too, read-only in its space, and the relays. E_NOENT: there are no such pages. */
int console_share(uint32_t space, uint64_t status_at, uint64_t relays_at) MUST_CHECK;

/*
 * Events of the relays: `in` of init's is signalled by the console, and the console's own is put into the process's slot out_slot.
 * Anew after each start of either. E_NOENT: the console does not run.
 */
int console_connect_relays(uint32_t process, uint32_t in, uint32_t out_slot) MUST_CHECK;

/* Starts the program, now and after each death. */
void console_start(void);

/* Tells the program that something changed. */
void console_wake(void);

/* A VM is new: number vm_count() - 1. */
void console_add_vm(const struct vm *vm);

/* Shows a VM's state. */
void console_show_vm(const struct vm *vm);

/* Lends a VM that is about to run to the console: events both ways. E_NOENT: no console, which is no error of the VM. */
int console_connect(const struct vm *vm);

/* True when the console has dealt with the end of this generation of the VM, or there is no console. */
bool console_has_drained(const struct vm *vm);

/* Who has which PCI function. After they were given out. */
void console_show_devices(void);

/* The program died. */
void console_died(void);

/* The program asks for something. */
void console_requests(void);

/* Starts the console again when it is time. Returns the next deadline. */
uint64_t console_tick(uint64_t now_ns);

/* Asks for all output to be sent; console_flushed() says when that is done. */
void console_flush(void);
bool console_flushed(void);
