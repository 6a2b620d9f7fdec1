# SPDX-License-Identifier: Apache-2.0
"""A VNC viewer for tests (RFC 6143): logs in, types, and reads the terminal off the picture by the font that is in the image."""
import os
import re
import socket
import struct
import subprocess

from harness import TOP, Failure, work_dir, write_file

COLUMNS, ROWS, CELL_WIDTH, CELL_HEIGHT = 80, 25, 8, 16
RAW, HEXTILE = 0, 5
RETURN, ESCAPE, LEFT, F1, CONTROL, SHIFT, ALT, INSERT = 0xff0d, 0xff1b, 0xff51, 0xffbe, 0xffe3, 0xffe1, 0xffe9, 0xff63

# bits, depth, big-endian, true colour, three maxima, three shifts
TRUE_32 = (32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
TRUE_32_BIG = (32, 24, 1, 1, 255, 255, 255, 0, 8, 16)
TRUE_16 = (16, 16, 0, 1, 31, 63, 31, 11, 5, 0)
TRUE_16_BIG = (16, 16, 1, 1, 31, 63, 31, 11, 5, 0)
TRUE_8 = (8, 8, 0, 1, 7, 7, 3, 0, 3, 6)
MAPPED_8 = (8, 8, 0, 0, 0, 0, 0, 0, 0, 0)


def glyphs():
    """{16 rows: character} of the font in the image."""
    with open(os.path.join(TOP, "build/glyphs.c"), encoding="ascii") as stream:
        text = stream.read()
    bits, _, codes = text.partition("glyph_codes")
    rows = [bytes(int(word, 16) for word in re.findall(r"0x([0-9a-f]{2})\b", line)) for line in bits.splitlines() if "{ 0x" in line]
    found = {}
    for code, glyph in re.findall(r"\{ 0x([0-9a-f]{4}), (\d+) \}", codes):
        found.setdefault(rows[int(glyph)], chr(int(code, 16)))
    del found[b"\xff" * CELL_HEIGHT]                              # a full block, which is also the cursor where there is nothing
    return found


def des(key, data):
    """By openssl; each byte of the key with its bits reversed, as VNC has it."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in key.ljust(8, b"\0")[:8])
    command = ["openssl", "enc", "-des-ecb", "-provider", "legacy", "-provider", "default", "-nopad", "-K", key.hex()]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def snapshot(port, password):
    """The text on the picture that vncsnapshot takes. Its password stands in a file, DES by a key that everybody knows."""
    known = bytes((23, 82, 107, 6, 35, 78, 88, 7))
    secret, picture = write_file("passwd", des(known, password.encode().ljust(8, b"\0"))), os.path.join(work_dir(), "vnc.jpg")
    subprocess.run(["vncsnapshot", "-passwd", secret, "-quality", "100", f"127.0.0.1::{port}", picture], check=True, timeout=120,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    data = subprocess.run(["djpeg", "-grayscale", "-pnm", picture], stdout=subprocess.PIPE, check=True).stdout
    match = re.match(rb"P5\s(\d+) (\d+)\s255\s", data)
    width, font, grey, lines = int(match[1]), glyphs(), data[match.end():], []
    for top in range(0, int(match[2]), CELL_HEIGHT):
        line = ""
        for left in range(0, width, CELL_WIDTH):
            rows = bytes(sum(0x80 >> x for x in range(8) if grey[(top + y) * width + left + x] > 100) for y in range(CELL_HEIGHT))
            line += font.get(rows, "?")
        lines.append(line.replace("\xa0", " ").rstrip())
    return "\n".join(lines)


class Viewer:
    """Connected and past the greeting; the picture is all zero until update() fetched it."""

    def __init__(self, port, password="", version=8, encodings=(HEXTILE, RAW), pixels=TRUE_32, host="127.0.0.1", source=""):
        self.link = socket.create_connection((host, port), 60, (source, 0))
        self.version, self.font, self.colours, self.bells = version, glyphs(), {}, 0
        self.log_in(password)
        self.link.sendall(b"\1")
        width, height, *pixel_format = struct.unpack("!HHBBBBHHHBBB3x", self.take(20))
        self.name = self.take(struct.unpack("!I", self.take(4))[0]).decode()
        if (width, height) != (COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT):
            raise Failure(f"the screen has {width} x {height} pixels")
        self.format = tuple(pixel_format)
        if pixels != self.format:
            self.link.sendall(b"\0\0\0\0" + struct.pack("!BBBBHHHBBB3x", *pixels))
            self.format = pixels
        self.link.sendall(struct.pack("!BxH", 2, len(encodings)) + b"".join(struct.pack("!i", e) for e in encodings))
        self.lit = [bytearray(width) for _ in range(height)]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.link.close()

    def take(self, count):
        data = b""
        while len(data) < count:
            piece = self.link.recv(count - len(data))
            if not piece:
                raise EOFError(f"the connection ended within {count} bytes")
            data += piece
        return data

    def reason(self):
        return self.take(struct.unpack("!I", self.take(4))[0]).decode()

    def log_in(self, password):
        greeting = self.take(12)
        if greeting != b"RFB 003.008\n":
            raise Failure(f"greeted by {greeting!r}")
        self.link.sendall(f"RFB 003.00{self.version}\n".encode())
        if self.version == 3:
            kind = struct.unpack("!I", self.take(4))[0]
        else:
            kinds = self.take(self.take(1)[0])
            kind = kinds[0] if kinds else 0
            if kind:
                self.link.sendall(bytes([kind]))
        if kind == 0:
            raise PermissionError(self.reason())
        if kind != (2 if password else 1):
            raise Failure(f"security {kind}")
        if kind == 2:
            self.link.sendall(des(password.encode(), self.take(16)))
        if (kind == 2 or self.version == 8) and struct.unpack("!I", self.take(4))[0]:
            raise PermissionError(self.reason() if self.version == 8 else "")

    # ---- pictures ----

    def background(self, pixel):
        """A pixel is lit when it is not black; in a map, not number 0."""
        return not any(pixel)

    def ask(self, incremental=True):
        self.link.sendall(struct.pack("!BBHHHH", 3, incremental, 0, 0, COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT))

    def update(self):
        """Takes messages up to the end of a picture. Returns its rectangles."""
        while True:
            kind = self.take(1)[0]
            if kind == 2:
                self.bells += 1
            elif kind == 1:
                first, count = struct.unpack("!xHH", self.take(5))
                self.colours = {first + i: self.take(6) for i in range(count)}
            elif kind == 0:
                break
            else:
                raise Failure(f"message {kind}")
        rectangles = []
        for _ in range(struct.unpack("!xH", self.take(3))[0]):
            *place, encoding = struct.unpack("!HHHHi", self.take(12))
            rectangles.append(tuple(place))
            {RAW: self.raw, HEXTILE: self.hextile}[encoding](*place)
        return rectangles

    def fill(self, x, y, width, height, pixel):
        for row in range(y, y + height):
            self.lit[row][x:x + width] = bytes([not self.background(pixel)]) * width

    def raw(self, x, y, width, height):
        size = self.format[0] // 8
        data = self.take(width * height * size)
        for row in range(height):
            line = data[row * width * size:][:width * size]
            for column in range(width):
                self.lit[y + row][x + column] = not self.background(line[column * size:][:size])

    def hextile(self, x, y, width, height):
        size, back, front = self.format[0] // 8, None, None
        for top in range(y, y + height, 16):
            for left in range(x, x + width, 16):
                across, down = min(16, x + width - left), min(16, y + height - top)
                flags = self.take(1)[0]
                if flags & 1:
                    self.raw(left, top, across, down)
                    continue
                back = self.take(size) if flags & 2 else back
                front = self.take(size) if flags & 4 else front
                self.fill(left, top, across, down, back)
                for _ in range(self.take(1)[0] if flags & 8 else 0):
                    pixel = self.take(size) if flags & 16 else front
                    place, extent = self.take(2)
                    self.fill(left + (place >> 4), top + (place & 15), (extent >> 4) + 1, (extent & 15) + 1, pixel)

    def text(self):
        """The screen's lines. Of a cell in inverse the character is meant, too; what is no glyph is a blot."""
        lines = []
        for top in range(0, ROWS * CELL_HEIGHT, CELL_HEIGHT):
            line = ""
            for left in range(0, COLUMNS * CELL_WIDTH, CELL_WIDTH):
                rows = bytes(sum(0x80 >> x for x in range(8) if self.lit[y][left + x]) for y in range(top, top + CELL_HEIGHT))
                line += self.font.get(rows) or self.font.get(bytes(255 - row for row in rows)) or "\N{FULL BLOCK}"
            lines.append(line.rstrip().replace("\xa0", " ").rstrip())
        return "\n".join(lines).rstrip()

    def expect(self, pattern, updates=400):
        """Asks for pictures until the screen's text matches."""
        for _ in range(updates):
            match = re.search(pattern, self.text(), re.MULTILINE)
            if match:
                return match
            self.ask()
            try:
                self.update()
            except TimeoutError:
                break
        raise Failure(f"{pattern!r} did not come; there is:\n{self.text()}")

    # ---- keys ----

    def key(self, keysym, down):
        self.link.sendall(struct.pack("!BBxxI", 4, down, keysym))

    def press(self, *keysyms):
        """Pressed in that order and let go in the other."""
        for keysym in keysyms:
            self.key(keysym, 1)
        for keysym in reversed(keysyms):
            self.key(keysym, 0)

    def type(self, text):
        for character in text:
            self.press(RETURN if character == "\n" else ord(character) if ord(character) < 0x100 else 0x01000000 + ord(character))

    def clipboard(self, text):
        data = text.encode("latin-1")
        self.link.sendall(struct.pack("!BxxxI", 6, len(data)) + data)

    def ended(self):
        """True when the node has ended the connection, after what it may still say."""
        try:
            while self.link.recv(65536):
                pass
        except ConnectionError:
            pass
        return True
