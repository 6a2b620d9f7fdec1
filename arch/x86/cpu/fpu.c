/* SPDX-License-Identifier: Apache-2.0 */
/* Vector state by XSAVE, standard format. */
#include "arch/x86/cpu/fpu.h"

enum { MXCSR_OFFSET = 24, MXCSR_INIT = 0x1f80, FCW_INIT = 0x37f };   /* SDM 1 10.5.1 */

/* XRSTOR takes MXCSR from memory even where XSTATE_BV says initial state (SDM 1 13.8.1). */
void fpu_area_init(void *area)
{
	*(uint16_t *)area = FCW_INIT;
	*(uint32_t *)((char *)area + MXCSR_OFFSET) = MXCSR_INIT;
}
