/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoder for the few AML objects of the guest's DSDT (ACPI 6.5, chapter 20). A writer that runs out of room goes on
 * counting and stores nothing, so that only the end needs a check.
 */
#pragma once

#include "lib/base.h"

struct aml {
	uint8_t *buf;
	size_t size;
	size_t len;                  /* bytes wanted so far; more than size: it did not fit          */
};

/* Appends raw bytes. */
void aml_bytes(struct aml *a, const void *bytes, size_t len);

/* Scope, device and package; body follows, then aml_close() with what open returned. name: four characters. */
size_t aml_open_scope(struct aml *a, const char *name);
size_t aml_open_device(struct aml *a, const char *name);
size_t aml_open_package(struct aml *a, const char *name, uint8_t elements);
size_t aml_open_element(struct aml *a, uint8_t elements);     /* a package without a name, inside of another */
void aml_close(struct aml *a, size_t open);

/* Name(name, value). */
void aml_name_integer(struct aml *a, const char *name, uint32_t value);
void aml_name_string(struct aml *a, const char *name, const char *value);
void aml_name_eisaid(struct aml *a, const char *name, const char *id);
void aml_name_buffer(struct aml *a, const char *name, const uint8_t *bytes, uint8_t len);

/* An integer alone, such as an element of a package. */
void aml_integer(struct aml *a, uint32_t value);
