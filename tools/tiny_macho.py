"""Mach-O libraries of a few hundred bytes: the load commands that name libraries, thin or universal.

Layout as in Apple's ``mach-o/loader.h`` and ``fat.h``. Nothing here is ever loaded by ``dyld``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

CPUS = {"x86_64": 0x01000007, "arm64": 0x0100000C}


def make_dylib(
    path: Path,
    libraries: Sequence[str] = (),
    weak: Sequence[str] = (),
    rpaths: Sequence[str] = (),
    install_name: str = "",
    machines: Sequence[str] = ("x86_64",),
) -> Path:
    """Write a dylib; with several machines a universal one.

    Args:
        path: Where to; folders are made.
        libraries: ``LC_LOAD_DYLIB``.
        weak: ``LC_LOAD_WEAK_DYLIB``.
        rpaths: ``LC_RPATH``.
        install_name: ``LC_ID_DYLIB``.
        machines: ``x86_64``, ``arm64``.

    Returns:
        The path.
    """
    commands = [_dylib(0xD, install_name)] if install_name else []
    commands += [_dylib(0xC, name) for name in libraries] + [_dylib(0x80000018, name) for name in weak]
    commands += [_command(0x8000001C, struct.pack("<I", 12), name) for name in rpaths]
    slices = [_thin(CPUS[machine], commands) for machine in machines]
    data = slices[0]
    if len(slices) > 1:
        data, place = struct.pack(">II", 0xCAFEBABE, len(slices)), 4096
        for machine, content in zip(machines, slices, strict=True):
            data += struct.pack(">IIIII", CPUS[machine], 0, place, len(content), 12)
            place += 4096
        data = data.ljust(4096, b"\0") + b"".join(content.ljust(4096, b"\0") for content in slices)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _command(kind: int, fields: bytes, text: str) -> bytes:
    body = fields + text.encode() + b"\0"
    body += bytes(-len(body) % 8)
    return struct.pack("<II", kind, 8 + len(body)) + body


def _dylib(kind: int, name: str) -> bytes:
    return _command(kind, struct.pack("<IIII", 24, 0, 0x10000, 0x10000), name)


def _thin(cpu: int, commands: Sequence[bytes]) -> bytes:
    segment = struct.pack("<II16sQQQQiiII", 0x19, 72, b"__TEXT", 0, 4096, 0, 4096, 5, 5, 0, 0)
    every = [segment, *commands]
    size = sum(map(len, every))
    header = struct.pack("<8I", 0xFEEDFACF, cpu, 0, 6, len(every), size, 0, 0)
    return (header + b"".join(every)).ljust(4096, b"\0")
