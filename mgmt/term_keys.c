/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a VNC viewer as bytes for a guest's terminal (term.h). Keysyms: RFC 6143, 7.5.4, and the X11 protocol's appendix A. */
#include "mgmt/keysyms.h"
#include "mgmt/term.h"

enum {
	KEY_SHIFT_L = 0xffe1, KEY_SHIFT_R = 0xffe2, KEY_CONTROL_L = 0xffe3, KEY_CONTROL_R = 0xffe4, KEY_META_L = 0xffe7,
	KEY_META_R = 0xffe8, KEY_ALT_L = 0xffe9, KEY_ALT_R = 0xffea, KEY_SHIFT_TAB = 0xfe20,
	KEY_F1 = 0xffbe, KEY_F12 = 0xffc9, KEY_PAD_F1 = 0xff91, KEY_PAD_F4 = 0xff94, KEY_PAD_0 = 0xffb0, KEY_PAD_9 = 0xffb9,
};

/* Keys of the terminal's own; those of the keypad without NumLock are the same. */
static const struct { uint32_t keysym; VTermKey key; } table[] = {
	{ 0xff08, VTERM_KEY_BACKSPACE }, { 0xff09, VTERM_KEY_TAB }, { 0xff0d, VTERM_KEY_ENTER }, { 0xff1b, VTERM_KEY_ESCAPE },
	{ 0xff50, VTERM_KEY_HOME }, { 0xff51, VTERM_KEY_LEFT }, { 0xff52, VTERM_KEY_UP }, { 0xff53, VTERM_KEY_RIGHT },
	{ 0xff54, VTERM_KEY_DOWN }, { 0xff55, VTERM_KEY_PAGEUP }, { 0xff56, VTERM_KEY_PAGEDOWN }, { 0xff57, VTERM_KEY_END },
	{ 0xff63, VTERM_KEY_INS }, { 0xffff, VTERM_KEY_DEL }, { 0xff8d, VTERM_KEY_ENTER }, { 0xff89, VTERM_KEY_TAB },
	{ 0xff95, VTERM_KEY_HOME }, { 0xff96, VTERM_KEY_LEFT }, { 0xff97, VTERM_KEY_UP }, { 0xff98, VTERM_KEY_RIGHT },
	{ 0xff99, VTERM_KEY_DOWN }, { 0xff9a, VTERM_KEY_PAGEUP }, { 0xff9b, VTERM_KEY_PAGEDOWN }, { 0xff9c, VTERM_KEY_END },
	{ 0xff9e, VTERM_KEY_INS }, { 0xff9f, VTERM_KEY_DEL }, { 0xffaa, VTERM_KEY_KP_MULT }, { 0xffab, VTERM_KEY_KP_PLUS },
	{ 0xffac, VTERM_KEY_KP_COMMA }, { 0xffad, VTERM_KEY_KP_MINUS }, { 0xffae, VTERM_KEY_KP_PERIOD }, { 0xffaf, VTERM_KEY_KP_DIVIDE },
	{ 0xffbd, VTERM_KEY_KP_EQUAL },
};

static VTermKey special(uint32_t keysym)
{
	if (keysym >= KEY_F1 && keysym <= KEY_F12) {
		return (VTermKey)VTERM_KEY_FUNCTION(keysym - KEY_F1 + 1);
	}
	if (keysym >= KEY_PAD_F1 && keysym <= KEY_PAD_F4) {
		return (VTermKey)VTERM_KEY_FUNCTION(keysym - KEY_PAD_F1 + 1);
	}
	if (keysym >= KEY_PAD_0 && keysym <= KEY_PAD_9) {
		return (VTermKey)(VTERM_KEY_KP_0 + (keysym - KEY_PAD_0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].keysym == keysym) {
			return table[i].key;
		}
	}
	return VTERM_KEY_NONE;
}

/* As a DEC terminal's keyboard: letters and what stands near them in ASCII; digits for those that are hard to type. */
static char control_of(uint32_t c)
{
	static const char digits[] = "\0\x1b\x1c\x1d\x1e\x1f\x7f";        /* 2 to 8 */

	if (c >= '@' && c < 0x7f) {
		return (char)(c & 0x1f);
	}
	return c >= '2' && c <= '8' ? digits[c - '2'] : c == ' ' ? '\0' : c == '?' ? '\x7f' : c == '/' ? '\x1f' : (char)c;
}

static bool set_modifier(struct term_keys *keys, uint32_t keysym, bool down)
{
	switch (keysym) {
	case KEY_SHIFT_L: case KEY_SHIFT_R:
		keys->shift = down;
		return true;
	case KEY_CONTROL_L: case KEY_CONTROL_R:
		keys->control = down;
		return true;
	case KEY_ALT_L: case KEY_ALT_R: case KEY_META_L: case KEY_META_R:
		keys->alt = down;
		return true;
	default:
		return false;
	}
}

static void type_character(struct term *t, const struct term_keys *keys, uint32_t c)
{
	char byte = control_of(c);

	if (keys->alt) {
		t->type(t->context, "\x1b", 1);
	}
	if (keys->control && c < 0x80) {
		t->type(t->context, &byte, 1);
	} else {
		vterm_keyboard_unichar(t->vt, c, VTERM_MOD_NONE);
	}
}

/* Guests behind a serial line know no modified Return, Tab or Backspace, but programs do know Ctrl-Left. */
static VTermModifier modifiers(const struct term_keys *keys, VTermKey key)
{
	bool plain = key <= VTERM_KEY_ESCAPE || key >= VTERM_KEY_KP_0;

	return (VTermModifier)((keys->alt ? VTERM_MOD_ALT : 0) | (keys->control && !plain ? VTERM_MOD_CTRL : 0) |
			       (keys->shift && (!plain || key == VTERM_KEY_TAB) ? VTERM_MOD_SHIFT : 0));
}

void term_key(struct term *t, struct term_keys *keys, uint32_t keysym, bool down)
{
	uint32_t c = keysym_character(keysym);
	VTermKey key = special(keysym);
	bool mute = t->mute;

	if (set_modifier(keys, keysym, down) || !down) {
		return;
	}
	t->mute = false;
	if (keysym == KEY_SHIFT_TAB) {
		vterm_keyboard_key(t->vt, VTERM_KEY_TAB, VTERM_MOD_SHIFT);
	} else if (c) {
		type_character(t, keys, c);
	} else if (key != VTERM_KEY_NONE) {
		vterm_keyboard_key(t->vt, key, modifiers(keys, key));
	}
	t->mute = mute;
}

void term_paste(struct term *t, const uint8_t *text, size_t len)
{
	bool mute = t->mute;

	t->mute = false;
	vterm_keyboard_start_paste(t->vt);
	for (size_t i = 0; i < len; i++) {
		bool second = i && text[i] == '\n' && text[i - 1] == '\r';

		if ((text[i] == '\n' || text[i] == '\r') && !second) {
			t->type(t->context, "\r", 1);
		} else if (text[i] == '\t' || (text[i] >= ' ' && text[i] < 0x7f) || text[i] >= 0xa0) {
			vterm_keyboard_unichar(t->vt, text[i], VTERM_MOD_NONE);
		}
	}
	vterm_keyboard_end_paste(t->vt);
	t->mute = mute;
}
