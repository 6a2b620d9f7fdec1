/* SPDX-License-Identifier: Apache-2.0 */
/* printf's integer and string conversions. C11 7.21.6.1 without floating point. */
#include "lib/fmt.h"

struct out {
	char *buf;
	size_t size, len;      /* len counts what did not fit too */
};

struct spec {
	bool left, zero, alt, plus, space, upper, negative, has_precision;
	unsigned width, precision;
	unsigned length;       /* bytes of the integer argument   */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size) {
		o->buf[o->len] = c;
	}
	o->len++;
}

static void pad(struct out *o, char c, size_t count)
{
	while (count--) {
		put(o, c);
	}
}

static void put_text(struct out *o, const struct spec *s, const char *text, size_t len)
{
	size_t fill = s->width > len ? s->width - len : 0;

	pad(o, ' ', s->left ? 0 : fill);
	for (size_t i = 0; i < len; i++) {
		put(o, text[i]);
	}
	pad(o, ' ', s->left ? fill : 0);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	size_t len = 0;

	if (!text) {
		text = "(null)";
	}
	while ((!s->has_precision || len < s->precision) && text[len]) {
		len++;
	}
	put_text(o, s, text, len);
}

static const char *prefix_of(const struct spec *s, uint64_t v, unsigned base)
{
	if (base == 16) {
		return !s->alt || !v ? "" : s->upper ? "0X" : "0x";
	}
	return s->negative ? "-" : s->plus ? "+" : s->space ? " " : "";
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned base)
{
	const char *digit = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	const char *prefix = prefix_of(s, v, base);
	char text[20];
	size_t len = 0, prefix_len = 0, zeros, fill;

	for (uint64_t rest = v; rest; rest /= base) {
		text[len++] = digit[rest % base];
	}
	if (!len && !(s->has_precision && !s->precision)) {
		text[len++] = '0';
	}
	while (prefix[prefix_len]) {
		prefix_len++;
	}
	zeros = s->has_precision && s->precision > len ? s->precision - len : 0;
	fill = s->width > len + prefix_len + zeros ? s->width - len - prefix_len - zeros : 0;
	if (s->zero && !s->left && !s->has_precision) {
		zeros = fill;
		fill = 0;
	}
	pad(o, ' ', s->left ? 0 : fill);
	for (size_t i = 0; i < prefix_len; i++) {
		put(o, prefix[i]);
	}
	pad(o, '0', zeros);
	while (len) {
		put(o, text[--len]);
	}
	pad(o, ' ', s->left ? fill : 0);
}

static unsigned parse_number(const char **fmt)
{
	unsigned n = 0;

	while (**fmt >= '0' && **fmt <= '9') {
		n = n * 10 + (unsigned)(*(*fmt)++ - '0');
	}
	return n;
}

static void parse_flags(const char **fmt, struct spec *s)
{
	for (;; (*fmt)++) {
		switch (**fmt) {
		case '-': s->left = true; break;
		case '0': s->zero = true; break;
		case '#': s->alt = true; break;
		case '+': s->plus = true; break;
		case ' ': s->space = true; break;
		default: return;
		}
	}
}

static void parse_length(const char **fmt, struct spec *s)
{
	s->length = sizeof(int);
	if (**fmt == 'z') {
		(*fmt)++;
		s->length = sizeof(size_t);
	} else if (**fmt == 'l') {
		*fmt += (*fmt)[1] == 'l' ? 2 : 1;
		s->length = sizeof(long);
	} else if (**fmt == 'h') {
		s->length = (*fmt)[1] == 'h' ? 1 : 2;
		*fmt += (*fmt)[1] == 'h' ? 2 : 1;
	}
}

/* va_list is passed inside a structure: as an array parameter it could not be handed on by address. */
struct args { va_list list; };

static void parse_spec(const char **fmt, struct spec *s, struct args *a)
{
	parse_flags(fmt, s);
	if (**fmt == '*') {
		int width = va_arg(a->list, int);

		(*fmt)++;
		s->left |= width < 0;
		s->width = width < 0 ? 0u - (unsigned)width : (unsigned)width;
	} else {
		s->width = parse_number(fmt);
	}
	if (**fmt == '.') {
		(*fmt)++;
		s->has_precision = true;
		if (**fmt == '*') {
			int precision = va_arg(a->list, int);

			(*fmt)++;
			s->has_precision = precision >= 0;
			s->precision = precision >= 0 ? (unsigned)precision : 0;
		} else {
			s->precision = parse_number(fmt);
		}
	}
	parse_length(fmt, s);
}

static uint64_t take_unsigned(const struct spec *s, struct args *a)
{
	uint64_t v = s->length == 8 ? va_arg(a->list, uint64_t) : va_arg(a->list, unsigned);

	return s->length == 1 ? (uint8_t)v : s->length == 2 ? (uint16_t)v : v;
}

static void put_signed(struct out *o, struct spec *s, struct args *a)
{
	int64_t v = s->length == 8 ? va_arg(a->list, int64_t) : va_arg(a->list, int);

	v = s->length == 1 ? (int8_t)v : s->length == 2 ? (int16_t)v : v;
	s->negative = v < 0;
	put_number(o, s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
}

/* One conversion; fmt stands at its last character. */
static void convert(struct out *o, const char *fmt, struct spec *s, struct args *a)
{
	char c;

	switch (*fmt) {
	case 'd':
	case 'i':
		put_signed(o, s, a);
		break;
	case 'u':
		s->plus = s->space = false;
		put_number(o, s, take_unsigned(s, a), 10);
		break;
	case 'X':
		s->upper = true;
		put_number(o, s, take_unsigned(s, a), 16);
		break;
	case 'x':
		put_number(o, s, take_unsigned(s, a), 16);
		break;
	case 'p':
		s->alt = true;
		put_number(o, s, (uintptr_t)va_arg(a->list, void *), 16);
		break;
	case 's':
		put_string(o, s, va_arg(a->list, const char *));
		break;
	case 'c':
		c = (char)va_arg(a->list, int);
		put_text(o, s, &c, 1);
		break;
	default:
		put(o, *fmt);
	}
}

size_t fmt_vprint(char *out, size_t size, const char *fmt, va_list list)
{
	struct out o = { out, size, 0 };
	struct args a;

	va_copy(a.list, list);
	for (; *fmt; fmt++) {
		struct spec s = { 0 };

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt++;
		parse_spec(&fmt, &s, &a);
		if (!*fmt) {
			break;
		}
		convert(&o, fmt, &s, &a);
	}
	va_end(a.list);
	if (size) {
		out[o.len < size ? o.len : size - 1] = 0;
	}
	return o.len;
}

size_t fmt_print(char *out, size_t size, const char *fmt, ...)
{
	va_list list;
	size_t len;

	va_start(list, fmt);
	len = fmt_vprint(out, size, fmt, list);
	va_end(list);
	return len;
}
