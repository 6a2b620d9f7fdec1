# SPDX-License-Identifier: Apache-2.0
"""Images with a program that was changed for a test."""
import os
import struct
import subprocess

from harness import BUILD, KERNEL, Failure, write_file

TRAP = b"\x0f\x0b"                                 # UD2


def patched(program, patch, base=KERNEL):
    """A copy of the image base in which patch(bytes of the program) has changed the program in place."""
    with open(os.path.join(BUILD, "programs", program), "rb") as stream:
        original = stream.read()
    with open(base, "rb") as stream:
        image = stream.read()
    if image.count(original) != 1:
        raise Failure(f"{program} is not once in the image")
    changed = bytes(patch(bytearray(original)))
    if len(changed) != len(original) or changed == original:
        raise Failure("not a patch")
    return write_file("brume.elf", image.replace(original, changed))


def changed_at(program, symbol, content, base=KERNEL):
    """An image whose program has these bytes at that function or constant."""
    names = subprocess.run(["nm", os.path.join(BUILD, program + ".sym.elf")], capture_output=True, text=True, check=True)
    address = next(int(line.split()[0], 16) for line in names.stdout.splitlines() if line.split()[-1] == symbol)

    def patch(data):
        (headers,) = struct.unpack_from("<Q", data, 32)
        (count,) = struct.unpack_from("<H", data, 56)
        for i in range(count):
            kind, _, offset, start, _, size = struct.unpack_from("<IIQQQQ", data, headers + 56 * i)
            if kind == 1 and start <= address < start + size:
                data[offset + address - start:offset + address - start + len(content)] = content
        return data

    return patched(program, patch, base)


def trap_at(program, symbol, base=KERNEL):
    """An image whose program traps when it calls that function."""
    return changed_at(program, symbol, TRAP, base)
