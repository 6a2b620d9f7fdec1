/* SPDX-License-Identifier: Apache-2.0 */
/* The statements about what a VM has beside memory and vCPUs: modules, disks, network cards. A line each, made of words. */
#pragma once

#include "conf/words.h"

/* module NAME [TEXT] */
void conf_add_module(struct parser *p, struct conf_vm *vm);

/* disk MODULE [ro | room SIZE] */
void conf_add_disk(struct parser *p, struct conf_vm *vm);

/* nic [mac ADDRESS] [switch NAME] */
void conf_add_nic(struct parser *p, struct conf_vm *vm);
