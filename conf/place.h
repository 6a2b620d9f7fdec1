/* SPDX-License-Identifier: Apache-2.0 */
/* The statements about the processors on which a VM runs. */
#pragma once

#include "conf/words.h"

/* cpus LIST: of the whole VM. */
void conf_set_cpus(struct parser *p, uint32_t *field);

/* vcpu LIST cpus LIST: of some of its virtual CPUs. */
void conf_add_vcpu(struct parser *p, struct conf_vm *vm);

/* At the end of a VM: reports virtual CPUs that are bound and not there, and forgets their lists. */
void conf_check_vcpus(struct parser *p);
