/* SPDX-License-Identifier: Apache-2.0 */
/* What init says, kept for a test: init_log() of init/log.h. */
#pragma once

/* The last line; and all of them, each with an LF, since a test made it empty. */
extern char fake_said[512];
extern char fake_logged[8192];
