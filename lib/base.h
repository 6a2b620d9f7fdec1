/* SPDX-License-Identifier: Apache-2.0 */
/* What every layer shares: integer types, error numbers, typed addresses. Freestanding. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 is success; errors are negative so that "r < 0" reads the same everywhere. */
enum {
	OK = 0,
	E_INVAL = -1,   /* caller passed something the contract forbids      */
	E_NOMEM = -2,   /* the pool named in the contract is empty           */
	E_NOENT = -3,   /* no such object                                    */
	E_RANGE = -4,   /* address or length outside of what it may touch    */
	E_PROTO = -5,   /* the other side broke the protocol or the format   */
	E_IO = -6,      /* hardware said no                                  */
	E_BUSY = -7,    /* in use, or already there                          */
	E_AGAIN = -8,   /* not now; an event says when                       */
	E_PERM = -9,    /* the handle lacks the right                        */
	E_TIMEOUT = -10,/* the deadline passed first                         */
	E_FAULT = -11,  /* a user address was not accessible                 */
	E_NOSYS = -12,  /* no such call, or this machine cannot do it        */
};

#define MUST_CHECK      __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_SIZE(a)   (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define ALIGN_UP(x, a)   ALIGN_DOWN((x) + ((__typeof__(x))(a) - 1), (a))
#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

enum { PAGE_SIZE = 4096, PAGE_SHIFT = 12 };

/* One-field structs: passing an hpa where a gpa is due does not compile. */
typedef struct { uint64_t v; } gpa_t;   /* guest-physical */
typedef struct { uint64_t v; } hpa_t;   /* host-physical  */

static inline gpa_t gpa(uint64_t v) { return (gpa_t){ v }; }
static inline hpa_t hpa(uint64_t v) { return (hpa_t){ v }; }

/* Saturates: an address that would wrap becomes one that no VM has, so the bounds check still catches it. */
static inline gpa_t gpa_add(gpa_t a, uint64_t n)
{
	uint64_t v;

	return gpa(__builtin_add_overflow(a.v, n, &v) ? UINT64_MAX : v);
}

/* True when [off, off + len) lies inside [0, size). Never wraps. */
static inline bool range_within(uint64_t off, uint64_t len, uint64_t size)
{
	return len <= size && off <= size - len;
}
