# SPDX-License-Identifier: Apache-2.0
"""The console on a screen: by UEFI as pixels, which are compared with the font's, by BIOS as text of a VGA."""
import os
import re

from harness import BUILD, Failure, Machine, make_iso, test, vm_config, work_dir
from patch import trap_at

SMALL = {"small-2.elf": os.path.join(BUILD, "guest/small-2.elf")}
CONFIG = vm_config("small", memory="4M", kernel="small-2.elf", initrd=None, cmdline="hello on the screen")
LINES = [r"\[brume\] console of vm 'small' \(Ctrl-\] \? for keys\)", "small: multiboot 2", "small: command line hello on the screen",
         "small: done"]
PANIC = [r"^\[brume\] The run before this one ended in a panic:$", r"PANIC: init ended: ", r"  cr0 [0-9a-f]{16} cr2 ",
         r"   from ffffffff8[0-9a-f]{7} \w+\+0x[0-9a-f]+"]
TRIES = 200


def glyphs():
    """Pixels of each character, 16 bytes, as they are in the image."""
    with open(os.path.join(BUILD, "font.c"), encoding="ascii") as stream:
        rows = [bytes(int(word, 16) for word in re.findall(r"0x([0-9a-f]{2})", line)) for line in stream]
    return {row: chr(0x20 + code) for code, row in enumerate(row for row in rows if row)}


def pixels(node):
    """Width, height and lit pixels of the screen."""
    path = os.path.join(work_dir(), "screen.ppm")
    node.qmp("screendump", filename=path)
    with open(path, "rb") as stream:
        _, size, _, data = stream.read().split(b"\n", 3)
    width, height = map(int, size.split())
    return width, height, data


def screen_text(node, font):
    """What stands on the screen, read glyph by glyph; what is none is a blot."""
    width, height, data = pixels(node)
    lines = []
    for top in range(0, height - 15, 16):
        line = ""
        for left in range(0, width - 7, 8):
            rows = []
            for y in range(top, top + 16):
                at = (y * width + left) * 3
                rows.append(sum(0x80 >> x for x in range(8) if data[at + 3 * x] > 0x40))
            line += font.get(bytes(rows), "\N{FULL BLOCK}")
        lines.append(line.rstrip())
    return "\n".join(lines)


def vga_text(node, _):
    dump = node.monitor("xp /2000hx 0xb8000")
    cells = [int(word, 16) & 0xff for word in re.findall(r" 0x([0-9a-f]{4})", dump)]
    return "\n".join("".join(map(chr, cells[at:at + 80])).rstrip() for at in range(0, len(cells), 80))


def expect_on_screen(node, read, lines):
    font, text = glyphs(), ""
    for _ in range(TRIES):
        text = read(node, font)
        if all(re.search(line, text, re.MULTILINE) for line in lines):
            print(text)
            return text
    raise Failure(f"on the screen stands:\n{text}")


def shows(uefi, read):
    with Machine(iso=make_iso(CONFIG, SMALL, uefi=uefi), memory="512m", uefi=uefi, extra=["-vga", "std"]) as node:
        node.expect(r"small: done", 120)
        expect_on_screen(node, read, LINES)
        node.escape("q")
        assert node.wait_exit(30) == 0


# The key that shows the trace ends this image's init. No key is typed in the boot after that, until the report has been read.
def shows_panic(uefi, read):
    iso = make_iso(CONFIG, SMALL, uefi=uefi, arguments="panic=1", image=trap_at("init", "counters_show_trace"))
    with Machine(iso=iso, memory="512m", uefi=uefi, extra=["-vga", "std", "-action", "reboot=reset"]) as node:
        node.expect(r"small: done", 120)
        node.escape("t")
        node.expect(r"PANIC: init ended", 60)
        node.expect(r"reset in 1 seconds")
        node.expect(r"small: done", 120)
        text = expect_on_screen(node, read, PANIC)
        if "small: " in text:
            raise Failure("the report of the panic does not stand alone")
        node.escape("l")
        text = expect_on_screen(node, read, LINES)
        if "PANIC" in text:
            raise Failure("the report of the panic stays")
        node.escape("q")
        assert node.wait_exit(30) == 0


@test
def uefi_leaves_a_framebuffer():
    shows(True, screen_text)


@test
def bios_leaves_text():
    shows(False, vga_text)


@test
def panic_is_reported_by_the_next_boot_on_a_framebuffer():
    shows_panic(True, screen_text)


@test
def panic_is_reported_by_the_next_boot_in_text():
    shows_panic(False, vga_text)
