/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a panic over a warm reset: see keep.h. */
#include "arch/x86/boot/keep.h"

#include "arch/x86/boot/memmap.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/log.h"

#define KEEP_MAGIC 0x676f4c6d75724221ull

struct kept {
	uint64_t magic;
	uint32_t length, sum;           /* of text                                                  */
	char text[KEEP_SIZE - 16];
};
_Static_assert(sizeof(struct kept) == KEEP_SIZE && LOG_SIZE <= KEEP_SIZE - 16, "the whole log fits");

static hpa_t place;              /* 0: no room */
static struct kept *area;

/* Fletcher-like: order matters, zeroes do not vanish. */
static uint32_t checksum(const char *text, uint32_t length)
{
	uint32_t a = 1, b = 0;

	for (uint32_t i = 0; i < length; i++) {
		a += (uint8_t)text[i];
		b += a;
	}
	return b ^ a << 16;
}

void keep_report(struct boot_info *info)
{
	struct boot_mem *m = memmap_largest_free(info);
	struct kept *k;

	if (!m || m->size <= KEEP_SIZE) {
		return;
	}
	place = hpa(m->base);
	m->base += KEEP_SIZE;
	m->size -= KEEP_SIZE;
	k = (struct kept *)(uintptr_t)place.v;
	if (k->magic != KEEP_MAGIC || k->length > sizeof(k->text) || k->sum != checksum(k->text, k->length)) {
		return;
	}
	log_printf("the run before this one ended in a panic; its log:");
	log_write(k->text, k->length);
	log_printf("end of that log");
	k->magic = 0;
	/* From keep_init on the area is mapped uncached: no old line may be written back over it. */
	__asm__ volatile("clflush %0" : "+m"(k->magic));
}

void keep_init(void)
{
	area = place.v ? (struct kept *)(uintptr_t)mmio_map(place, KEEP_SIZE) : NULL;
}

void keep_log(void)
{
	uint64_t pos = 0;

	if (area) {
		area->length = (uint32_t)log_read(&pos, area->text, sizeof(area->text));
		area->sum = checksum(area->text, area->length);
		area->magic = KEEP_MAGIC;
	}
}
