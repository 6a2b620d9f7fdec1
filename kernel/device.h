/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices: PCI functions of the machine in the hands of a program, which owns and pays the object. The owner's end is the
 * function's: it reaches no memory and interrupts nobody any more when the object is gone, and so before the arena, or a
 * region that only its creator can give away, is reused.
 */
#pragma once

#include "kernel/abi.h"
#include "kernel/object.h"

struct device {
	struct object object;
	struct device_setup setup;
	uint32_t vectors;            /* bit n: messages of it come by DEVICE_VECTOR_FIRST + n         */
};

struct event;

/* Bus mastering is off then. E_PROTO: it is not what setup says. E_NOMEM: owner's arena is empty. */
int device_create(struct process *owner, const struct device_setup *setup, struct device **out) MUST_CHECK;
void device_destroy(struct object *o);    /* of object_destroy() */

/* As SYS_DEVICE_BIND. */
int device_bind(struct device *d, struct event *e, uint32_t first, uint32_t count) MUST_CHECK;
