# SPDX-License-Identifier: Apache-2.0
"""What OpenNebula 7.5 and its drivers write to each other: lines on pipes, and template texts.

    TYPE STATUS ID [TIMESTAMP] PAYLOAD

Requests of oned have an empty STATUS, so two blanks stand behind TYPE; monitord writes "-" there. Payloads of monitord's family are
compressed (zlib) and then in base64; those of oned's other families are as they are.
"""
import base64
import binascii
import re
import zlib
from collections import namedtuple

Message = namedtuple("Message", "type status id time payload")

PIECE_MAX = 64 << 20           # what a packed payload may unfold to here


class Bad(Exception):
    """A line or a text that OpenNebula would not understand."""


def pack(text):
    """zlib, then base64, on one line."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpack(word):
    """The text behind base64 and zlib. No word at all is an empty text."""
    if not word:
        return ""
    try:
        unfold = zlib.decompressobj()
        text = unfold.decompress(base64.b64decode(word, validate=True), PIECE_MAX)
    except (zlib.error, binascii.Error) as error:
        raise Bad(f"not base64 of a zlib stream: {error}") from None
    if not unfold.eof:
        raise Bad("a zlib stream that does not end")
    return text.decode(errors="replace")


def plain(text):
    """base64 alone, as the payload of requests to oned's drivers."""
    return base64.b64encode(text.encode()).decode()


def request(kind, number, payload="", stamped=False):
    """A request's line: oned's, or with a timestamp of 0 and a packed payload monitord's."""
    if stamped:
        return f"{kind} - {number} 0 {pack(payload)}\n"
    return f"{kind}  {number} {plain(payload) if payload else ''}\n"


def parse(line, stamped=False):
    """A driver's line as oned (or, stamped, monitord) reads it: words divided by blanks, the rest is payload."""
    fields = line.split(None, 4 if stamped else 3)
    need = 4 if stamped else 3
    if len(fields) < need:
        raise Bad(f"{line!r} has less than {need} words")
    try:
        numbers = [int(word) for word in fields[2:need]]
    except ValueError:
        raise Bad(f"{line!r} has a word where a number belongs") from None
    payload = fields[need] if len(fields) > need else ""
    if stamped:
        payload = unpack(payload.strip())
    return Message(fields[0], fields[1], numbers[0], numbers[1] if stamped else 0, payload)


# ---- template texts: KEY = value, KEY = "value", VECTOR = [ A = "1", B = 2 ] ----

_TOKEN = re.compile(r"""\s*(?:(?P<name>[-.A-Za-z0-9_/]+)[ \t]*=[ \t]*
    (?:(?P<open>\[)|"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<word>[^\s\[\]",=][^\n\[\]",]*)?))""", re.VERBOSE)
_BETWEEN = re.compile(r"\s*(?:(,)|(\]))")


def _value(match):
    if match["quoted"] is not None:
        return re.sub(r'\\(["\\])', r"\1", match["quoted"])
    return (match["word"] or "").strip()


def _vector(text, at):
    pairs = {}
    end = re.compile(r"\s*\]").match(text, at)
    if end:
        return pairs, end.end()
    while True:
        match = _TOKEN.match(text, at)
        if not match or match["open"]:
            raise Bad(f"no NAME = value at {text[at:at + 40]!r}")
        pairs[match["name"]] = _value(match)
        between = _BETWEEN.match(text, match.end())
        if not between:
            raise Bad(f"neither a comma nor a bracket at {text[match.end():match.end() + 40]!r}")
        at = between.end()
        if between[2]:
            return pairs, at


def template(text):
    """A template text as a list of (name, text or dictionary), in its order. Bad where OpenNebula's parser stops."""
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if not match:
            raise Bad(f"no NAME = value at {text[at:at + 40]!r}")
        at = match.end()
        if match["open"]:
            value, at = _vector(text, at)
        else:
            value = _value(match)
        found.append((match["name"], value))
    return found


def vectors(text, name):
    """The vectors of that name in a template text."""
    return [value for key, value in template(text) if key == name and isinstance(value, dict)]


def quote(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_template(attributes):
    """The template text of a dictionary: a text, a dictionary (vector) or a list of those for each name."""
    lines = []
    for name, values in attributes.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict):
                inner = ", ".join(f"{key} = {quote(text)}" for key, text in value.items())
                lines.append(f"{name} = [ {inner} ]")
            else:
                lines.append(f"{name} = {quote(value)}")
    return "\n".join(lines) + "\n"
