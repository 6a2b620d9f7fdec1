/* SPDX-License-Identifier: Apache-2.0 */
/* See walk.h. */
#include "tests/fake/walk.h"
#include "arch/x86/mm/kmap.h"

#define ADDR_MASK 0x000ffffffffff000ull

bool pt_lookup(const struct pt *pt, uint64_t addr, hpa_t *pa, uint32_t *prot, uint64_t *size)
{
	const struct pt_format *f = pt->format;
	const uint64_t *table = kmap_ptr(pt->root);

	for (unsigned level = PT_LEVELS - 1;; level--) {
		uint64_t e = table[addr >> (12 + 9 * level) & (PT_ENTRIES - 1)];

		if (!(e & f->present)) {
			return false;
		}
		if (!(level == 0 || (e & f->large))) {
			table = kmap_ptr(hpa(e & ADDR_MASK));
			continue;
		}
		if (pa) {
			*pa = hpa((e & ADDR_MASK & ~((1ull << (12 + 9 * level)) - 1)) | (addr & ((1ull << (12 + 9 * level)) - 1)));
		}
		if (prot) {
			bool exec = !(e & f->noexec) && (e & f->exec) == f->exec;

			*prot = PROT_R | (e & f->write ? PROT_W : 0) | (exec ? PROT_X : 0);
		}
		if (size) {
			*size = (1ull << (12 + 9 * level));
		}
		return true;
	}
}
