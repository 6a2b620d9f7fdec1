/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets into struct cpu and struct trap_frame for the entry stubs; kernel/cpu.c and irq.c check them. */
#pragma once

#define CPU_USER_RSP     16
#define CPU_FRAME_TOP    24
#define CPU_STACK_TOP    32
#define CPU_NEED_RESCHED 40

#define FRAME_RAX        64
#define FRAME_VECTOR     120
#define FRAME_RIP        136
#define FRAME_SIZE       176
