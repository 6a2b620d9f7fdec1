/* SPDX-License-Identifier: Apache-2.0 */
/* Why something was refused, in words for a user. */
#pragma once

#include "lib/base.h"

/* Both set *why and return error. What why_print() made stands until its next call: who keeps it copies it at once. */
int why_say(int error, const char **why, const char *what);
int why_print(int error, const char **why, const char *format, ...) __attribute__((format(printf, 3, 4)));
