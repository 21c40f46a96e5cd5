"""Mach-O libraries of a few hundred bytes: the load commands that name libraries, thin or universal.

Layout as in Apple's ``mach-o/loader.h`` and ``fat.h``. Nothing here is ever loaded by ``dyld``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

CPUS = {"x86_64": 0x01000007, "arm64": 0x0100000C}


def make_dylib(
    path: Path,
    libraries: Sequence[str] = (),
    weak: Sequence[str] = (),
    rpaths: Sequence[str] = (),
    install_name: str = "",
    machines: Sequence[str] = ("x86_64",),
    defines: Sequence[str] = (),
    asks: Mapping[str, int] | None = None,
    system: str = "",
) -> Path:
    """Write a dylib; with several machines a universal one.

    Args:
        path: Where to; folders are made.
        libraries: ``LC_LOAD_DYLIB``.
        weak: ``LC_LOAD_WEAK_DYLIB``.
        rpaths: ``LC_RPATH``.
        install_name: ``LC_ID_DYLIB``.
        machines: ``x86_64``, ``arm64``.
        defines: Symbols that it exports.
        asks: Symbols that it needs, each with the place of its library among `libraries` and `weak` (from 1 on).
        system: The oldest macOS, ``LC_BUILD_VERSION``.

    Returns:
        The path.
    """
    commands = [_dylib(0xD, install_name)] if install_name else []
    commands += [_dylib(0xC, name) for name in libraries] + [_dylib(0x80000018, name) for name in weak]
    commands += [_command(0x8000001C, struct.pack("<I", 12), name) for name in rpaths]
    if system:
        major, _, minor = system.partition(".")
        commands.append(struct.pack("<6I", 0x32, 24, 1, int(major) << 16 | int(minor or 0) << 8, 0, 0))
    symbols = [(name, 0x0F, 0) for name in defines] + [(name, 0x01, place << 8) for name, place in (asks or {}).items()]
    slices = [_thin(CPUS[machine], commands, symbols) for machine in machines]
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


def _thin(cpu: int, commands: Sequence[bytes], symbols: Sequence[tuple[str, int, int]] = ()) -> bytes:
    segment = struct.pack("<II16sQQQQiiII", 0x19, 72, b"__TEXT", 0, 4096, 0, 4096, 5, 5, 0, 0)
    names, entries = b"\0", b""
    for name, kind, description in symbols:
        entries += struct.pack("<IBBHQ", len(names), kind, int(kind != 1), description, 0)
        names += name.encode() + b"\0"
    # The names follow the entries at the end of the one page.
    place = 4096 - len(entries) - len(names)
    table = [struct.pack("<6I", 0x2, 24, place, len(symbols), place + len(entries), len(names))] if symbols else []
    every = [segment, *commands, *table]
    size = sum(map(len, every))
    header = struct.pack("<8I", 0xFEEDFACF, cpu, 0, 6, len(every), size, 0, 0)
    return (header + b"".join(every)).ljust(place if symbols else 4096, b"\0") + (entries + names if symbols else b"")
