/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: see ctl.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumectl/ctl.h"

enum { COLUMNS_MAX = 12, GAP = 2, KEY_WIDTH = 16 };

void ctl_print_text(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		putchar(c < 0x20 || c == 0x7f ? '?' : c);
	}
}

const char *ctl_size(uint64_t bytes, char text[16])
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes;
	int unit = -1;

	while (value >= 1023.95 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	if (unit < 0) {
		snprintf(text, 16, "%" PRIu64, bytes);
	} else {
		snprintf(text, 16, "%.1f%c", value, units[unit]);
	}
	return text;
}

static void put_number(struct buffer *to, json_t *value)
{
	if (json_is_integer(value)) {
		buffer_printf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else if (json_is_real(value)) {
		buffer_printf(to, "%g", json_real_value(value));
	}
}

/* A value as people read it. */
static void put_value(struct buffer *to, json_t *object, const struct ctl_column *column)
{
	json_t *value = json_object_get(object, column->key);
	json_int_t of = column->of ? json_integer_value(json_object_get(object, column->of)) : 0;
	char text[16];

	switch (column->kind) {
	case CTL_SIZE:
		buffer_text(to, json_is_integer(value) && json_integer_value(value) >= 0 ? ctl_size((uint64_t)json_integer_value(value), text) : "-");
		break;
	case CTL_YES:
		buffer_text(to, json_is_true(value) || (json_is_string(value) && *json_string_value(value)) ? "yes" : "no");
		break;
	case CTL_PERCENT:
		buffer_printf(to, "%d%%", of > 0 ? (int)((double)json_integer_value(value) * 100 / (double)of) : 0);
		break;
	case CTL_NUMBER:
		put_number(to, value);
		break;
	case CTL_TEXT:
		buffer_text(to, json_is_string(value) && *json_string_value(value) ? json_string_value(value) : "-");
		break;
	}
}

/* Characters, of UTF-8. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++) {
		n += (*text & 0xc0) != 0x80;
	}
	return n;
}

static void put_cell(const char *text, size_t width, bool right, bool last)
{
	size_t pad = width > width_of(text) ? width - width_of(text) : 0;

	if (right) {
		printf("%*s", (int)pad, "");
	}
	ctl_print_text(text);
	if (!last) {
		printf("%*s", (int)(right ? GAP : pad + GAP), "");
	}
}

static bool is_right(const struct ctl_column *column)
{
	return column->kind == CTL_NUMBER || column->kind == CTL_SIZE || column->kind == CTL_PERCENT;
}

static void put_row(const struct ctl_column columns[], const char *const cells[], const size_t widths[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put_cell(cells[i], widths[i], is_right(&columns[i]), i + 1 == count);
	}
	putchar('\n');
}

static void put_table(json_t *rows, const struct ctl_column columns[])
{
	size_t count = 0, height = json_array_size(rows), widths[COLUMNS_MAX];
	const char *titles[COLUMNS_MAX];
	char **cells;

	for (; columns[count].title && count < COLUMNS_MAX; count++) {
		titles[count] = columns[count].title;
		widths[count] = strlen(titles[count]);
	}
	cells = memory_new((height * count + 1) * sizeof(*cells));
	for (size_t i = 0; i < height * count; i++) {
		struct buffer text = { 0 };

		put_value(&text, json_array_get(rows, i / count), &columns[i % count]);
		cells[i] = buffer_take(&text);
		widths[i % count] = width_of(cells[i]) > widths[i % count] ? width_of(cells[i]) : widths[i % count];
	}
	put_row(columns, titles, widths, count);
	for (size_t row = 0; row < height; row++) {
		put_row(columns, (const char *const *)cells + row * count, widths, count);
	}
	for (size_t i = 0; i < height * count; i++) {
		free(cells[i]);
	}
	free(cells);
}

/* NULL, with the reason told: it is no JSON. */
static json_t *parse(const struct local_answer *answer)
{
	json_t *json = json_loadb(answer->body, answer->len, 0, NULL);

	if (!json) {
		ctl_fail(CTL_REFUSED, "the answer is no JSON");
	}
	return json;
}

enum ctl_status ctl_table(const struct ctl *ctl, char *path, const struct ctl_column columns[])
{
	struct local_answer answer;
	enum ctl_status status = ctl_ask("GET", path, NULL, &answer);
	json_t *json;

	if (status != CTL_DONE) {
		return status;
	}
	if (ctl->json) {
		fwrite(answer.body, 1, answer.len, stdout);
	} else if ((json = parse(&answer)) == NULL) {
		status = CTL_REFUSED;
	} else {
		json_t *rows = json_is_array(json) ? json_incref(json) : json_pack("[O]", json);

		put_table(rows, columns);
		json_decref(rows);
		json_decref(json);
	}
	local_answer_free(&answer);
	return status;
}

static void put_member(const char *key, json_t *value)
{
	char *text = json_is_string(value) ? memory_copy_text(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	ctl_print_text(key);
	printf("%*s ", (int)(strlen(key) < KEY_WIDTH ? KEY_WIDTH - strlen(key) : 0), "");
	ctl_print_text(text ? text : "");
	putchar('\n');
	free(text);
}

enum ctl_status ctl_show(const struct ctl *ctl, char *path)
{
	struct local_answer answer;
	enum ctl_status status = ctl_ask("GET", path, NULL, &answer);
	const char *key;
	json_t *json, *value;

	if (status != CTL_DONE) {
		return status;
	}
	if (ctl->json) {
		fwrite(answer.body, 1, answer.len, stdout);
	} else if ((json = parse(&answer)) == NULL) {
		status = CTL_REFUSED;
	} else {
		json_object_foreach(json, key, value) {
			put_member(key, value);
		}
		json_decref(json);
	}
	local_answer_free(&answer);
	return status;
}
