"""Shared objects of a few kilobytes, written byte by byte: any imports, symbols and versions, no compiler.

They are real: ``ld.so`` of the machine named loads them. Layout as in the System V gABI and the LSB's chapter on
symbol versions.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

# e_machine, and the relocation that makes ld.so look a symbol up (R_*_GLOB_DAT).
MACHINES = {"x86_64": (62, 6), "aarch64": (183, 1025)}
PAGE = 0x10000


class _Strings:
    def __init__(self) -> None:
        self.data = bytearray(b"\0")
        self.places: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        if text not in self.places:
            self.places[text] = len(self.data)
            self.data += text.encode() + b"\0"
        return self.places[text]


def make_so(
    path: Path,
    needed: Sequence[str] = (),
    soname: str = "",
    rpath: str = "",
    runpath: str = "",
    defines: Sequence[str] = (),
    undefined: Sequence[str] = (),
    weak: Sequence[str] = (),
    versions: Sequence[str] = (),
    version_needs: Mapping[str, Sequence[str]] | None = None,
    machine: str = "x86_64",
    hashes: str = "gnu",
) -> Path:
    """Write a shared object.

    Args:
        path: Where to; folders are made.
        needed: ``DT_NEEDED``.
        soname: ``DT_SONAME``.
        rpath: ``DT_RPATH``.
        runpath: ``DT_RUNPATH``.
        defines: Functions that it offers.
        undefined: Symbols that it needs.
        weak: Symbols that it would take.
        versions: Symbol versions that it defines.
        version_needs: Symbol versions that it needs, by library (which has to be in ``needed``).
        machine: ``x86_64`` or ``aarch64``.
        hashes: How symbols are found: ``gnu`` as linkers do it today, or ``sysv``, the gABI's own table.

    Returns:
        The path.
    """
    number, relocation = MACHINES[machine]
    strings = _Strings()
    tags: list[tuple[int, int]] = [(1, strings(name)) for name in needed]
    tags += [(tag, strings(text)) for tag, text in ((14, soname), (15, rpath), (29, runpath)) if text]
    symbols = [(0, 0, 0)] + [(strings(name), 0x10, 0) for name in undefined]
    symbols += [(strings(name), 0x20, 0) for name in weak]
    wanted = range(1, len(symbols))
    # What is offered stands last, in the order of its buckets.
    offered = sorted(defines, key=lambda name: _gnu_hash(name) % _buckets(defines))
    symbols += [(strings(name), 0x12, 1) for name in offered]
    definitions = _definitions(strings, soname or path.name, versions) if versions else b""
    needs, count = _needs(strings, version_needs or {})
    body = bytearray(64 + 3 * 56)
    places: dict[str, int] = {}

    def add(name: str, data: bytes) -> None:
        body.extend(bytes(-len(body) % 16))
        places[name] = len(body)
        body.extend(data)

    add("strings", bytes(strings.data))
    code = len(body) + (-len(body) % 16)
    add("code", b"\xc3" * 16 if machine == "x86_64" else bytes.fromhex("c0035fd6") * 4)
    rows = (
        struct.pack("<IBBHQQ", name, info, 0, section, code if section else 0, 16 * section)
        for name, info, section in symbols
    )
    add("symbols", b"".join(rows))
    add("hash", _gnu_table(offered, len(symbols)) if hashes == "gnu" else _sysv_table(len(symbols)))
    add("slots", bytes(8 * max(1, len(undefined) + len(weak))))
    slots = places["slots"]
    add(
        "relocations",
        b"".join(struct.pack("<QQq", slots + 8 * i, s << 32 | relocation, 0) for i, s in enumerate(wanted)),
    )
    tags += [(5, places["strings"]), (10, len(strings.data)), (6, places["symbols"]), (11, 24)]
    tags.append((0x6FFFFEF5 if hashes == "gnu" else 4, places["hash"]))
    if len(wanted):
        tags += [(7, places["relocations"]), (8, 24 * len(wanted)), (9, 24)]
    if definitions or needs:
        # Everything at the global version: what counts at load time is whether the versions exist.
        add("versym", struct.pack(f"<{len(symbols)}H", *([0] + [1] * (len(symbols) - 1))))
        tags.append((0x6FFFFFF0, places["versym"]))
    if definitions:
        add("definitions", definitions)
        tags += [(0x6FFFFFFC, places["definitions"]), (0x6FFFFFFD, len(versions) + 1)]
    if needs:
        add("needs", needs)
        tags += [(0x6FFFFFFE, places["needs"]), (0x6FFFFFFF, count)]
    add("dynamic", b"".join(struct.pack("<QQ", *tag) for tag in (*tags, (0, 0))))
    size = len(body)
    identity = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    head = identity + struct.pack("<HHIQQQIHHHHHH", 3, number, 1, 0, 64, 0, 0, 64, 56, 3, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, size, size, PAGE)
    at, length = places["dynamic"], size - places["dynamic"]
    dynamic = struct.pack("<IIQQQQQQ", 2, 6, at, at, at, length, length, 8)
    # PT_GNU_STACK, readable and writable: without it glibc takes the library for one that wants an executable stack,
    # which it refuses from 2.41 on.
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    body[: 64 + 3 * 56] = head + load + dynamic + stack
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


@cache
def _gnu_hash(name: str) -> int:
    value = 5381
    for char in name.encode():
        value = (value * 33 + char) % 2**32
    return value


def _buckets(names: Sequence[str]) -> int:
    return max(1, len(names) // 2)


def _gnu_table(names: Sequence[str], count: int) -> bytes:
    """Return the table of ``DT_GNU_HASH`` for names in the order of their buckets, the last of ``count`` symbols."""
    hashes, size, shift = [_gnu_hash(name) for name in names], _buckets(names), 6
    bloom, first = 0, count - len(names)
    for value in hashes:
        bloom |= 1 << value % 64 | 1 << (value >> shift) % 64
    places = [value % size for value in hashes]
    starts = {place: first + index for index, place in reversed(list(enumerate(places)))}
    buckets = [starts.get(bucket, 0) for bucket in range(size)]
    last = [place != following for place, following in zip(places, [*places, -1][1:], strict=True)]
    chain = [value & ~1 | ends for value, ends in zip(hashes, last, strict=True)]
    return struct.pack(f"<4IQ{size + len(chain)}I", size, first, 1, shift, bloom, *buckets, *chain)


def _sysv_table(count: int) -> bytes:
    """Return the table of ``DT_HASH`` with one bucket, whose chain runs through all symbols."""
    chain = [*range(2, count), 0] if count > 1 else []
    return struct.pack(f"<{4 + len(chain)}I", 1, count, 1 if chain else 0, 0, *chain)


def _hash(name: str) -> int:
    """Return the hash of the gABI, by which versions are compared."""
    value = 0
    for char in name.encode():
        value = (value << 4) + char
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high & 0xFFFFFFFF
    return value


def _definitions(strings: _Strings, base: str, versions: Sequence[str]) -> bytes:
    data = b""
    names = (base, *versions)
    for index, name in enumerate(names, 1):
        following = 28 if index < len(names) else 0
        data += struct.pack("<HHHHIII", 1, index == 1, index, 1, _hash(name), 20, following)
        data += struct.pack("<II", strings(name), 0)
    return data


def _needs(strings: _Strings, needs: Mapping[str, Sequence[str]]) -> tuple[bytes, int]:
    data, index = b"", 2
    for place, (library, versions) in enumerate(needs.items()):
        size = 16 + 16 * len(versions)
        following = size if place < len(needs) - 1 else 0
        data += struct.pack("<HHIII", 1, len(versions), strings(library), 16, following)
        for number, version in enumerate(versions):
            step = 16 if number < len(versions) - 1 else 0
            data += struct.pack("<IHHII", _hash(version), 0, index, strings(version), step)
            index += 1
    return data, len(needs)
