"""Windows DLLs of a few kilobytes, written byte by byte: any machine, any imports and exports, no compiler; a program.

They are real: Windows and Wine load them. Layout as in Microsoft Learn, "PE Format".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

MACHINES = {"x86": 0x014C, "x86_64": 0x8664, "arm64": 0xAA64}
# DllMain that returns TRUE; on 32-bit it also takes its three arguments off the stack.
_CODE = {
    "x86": bytes.fromhex("b801000000c20c00"),
    "x86_64": bytes.fromhex("b801000000c3"),
    "arm64": bytes.fromhex("20008052c0035fd6"),
}
RVA, FILE_ALIGNMENT = 0x1000, 0x200
Symbol = str | int


def make_dll(
    path: Path,
    exports: Sequence[str] | Mapping[str, str] = (),
    imports: Mapping[str, Sequence[Symbol]] | None = None,
    delayed: Mapping[str, Sequence[Symbol]] | None = None,
    machine: str = "x86_64",
    version: str = "",
    linker: tuple[int, int] = (14, 29),
    base_ordinal: int = 1,
) -> Path:
    """Write a DLL.

    Args:
        path: Where to; folders are made.
        exports: Exported names; a mapping gives forwarders (``OTHER.name``) to some of them.
        imports: Names, or ordinals as numbers, by DLL.
        delayed: The same for delay imports.
        machine: ``x86``, ``x86_64`` or ``arm64``.
        version: File version of four numbers; no resource where empty.
        linker: Linker version.
        base_ordinal: Of the first export.

    Returns:
        The path.
    """
    body = _Body(machine)
    code = body.add(_CODE[machine])
    directories = [(0, 0)] * 16
    if exports:
        table = dict(exports) if isinstance(exports, Mapping) else dict.fromkeys(exports, "")
        directories[0] = body.exports(path.name, table, code, base_ordinal)
    if imports:
        directories[1] = body.imports(imports)
    if version:
        directories[2] = body.version(version)
    if delayed:
        directories[13] = body.delayed(delayed, code)
    relocations = body.add(struct.pack("<II", RVA, 8))
    directories[5] = (relocations, 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_headers(machine, body, directories, code, linker, path.name) + body.padded())
    return path


def program() -> bytes:
    """Return a console program for x86-64 that ends with status 0 whatever it is given."""
    body = _Body("x86_64")
    directories = [(0, 0)] * 16
    directories[1] = body.imports({"KERNEL32.dll": ["ExitProcess"]})
    (address,) = struct.unpack_from("<I", body.data, directories[1][0] - RVA + 16)
    start = body.add(b"")
    # sub rsp, 40; xor ecx, ecx; call [address]
    code = body.add(bytes.fromhex("4883ec28 31c9 ff15") + struct.pack("<i", address - start - 12))
    directories[5] = (body.add(struct.pack("<II", RVA, 8)), 8)
    return _headers("x86_64", body, directories, code, (14, 29), "", library=False) + body.padded()


def _headers(
    machine: str,
    body: _Body,
    directories: list[tuple[int, int]],
    entry: int,
    linker: tuple[int, int],
    name: str,
    library: bool = True,
) -> bytes:
    wide = machine != "x86"
    size = len(body.padded())
    memory = -(-size // 0x1000) * 0x1000
    # Another base for each name: no image has to move, though all can.
    slot = zlib.crc32(name.encode()) % 0x2000
    base = 0x1_8000_0000 + slot * 0x10_0000 if wide else 0x1000_0000 + slot * 0x1_0000
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    flags, kind = (0x2000, 2) if library else (0, 3)
    flags |= 0x0022 if wide else 0x0102
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", MACHINES[machine], 1, 0, 0, 0, 240 if wide else 224, flags)
    optional = struct.pack("<HBBIIIII", 0x20B if wide else 0x10B, *linker, size, 0, 0, entry, RVA)
    optional += struct.pack("<Q", base) if wide else struct.pack("<II", 0, base)
    optional += struct.pack(
        "<IIHHHHHHIIIIHH", 0x1000, FILE_ALIGNMENT, 6, 0, 0, 0, 6, 0, 0, RVA + memory, 0x400, 0, kind, 0x140
    )
    optional += struct.pack("<QQQQII" if wide else "<IIIIII", 0x10000, 0x1000, 0x10000, 0x1000, 0, 16)
    optional += b"".join(struct.pack("<II", *entry) for entry in directories)
    section = struct.pack("<8sIIIIIIHHI", b".all", size, RVA, size, 0x400, 0, 0, 0, 0, 0xE0000060)
    return (dos + coff + optional + section).ljust(0x400, b"\0")


class _Body:
    """The one section: everything is appended, and known by its address."""

    def __init__(self, machine: str) -> None:
        self.data = bytearray()
        self.wide = machine != "x86"

    def add(self, data: bytes, alignment: int = 8) -> int:
        self.data += bytes(-len(self.data) % alignment)
        self.data += data
        return RVA + len(self.data) - len(data)

    def text(self, text: str) -> int:
        return self.add(text.encode("latin-1") + b"\0", 2)

    def padded(self) -> bytes:
        return bytes(self.data).ljust(-(-len(self.data) // FILE_ALIGNMENT) * FILE_ALIGNMENT, b"\0")

    def thunks(self, symbols: Sequence[Symbol]) -> bytes:
        flag, layout = (1 << 63, "<Q") if self.wide else (1 << 31, "<I")
        entries = [s | flag if isinstance(s, int) else self.add(b"\0\0" + s.encode() + b"\0", 2) for s in symbols]
        return b"".join(struct.pack(layout, entry) for entry in (*entries, 0))

    def imports(self, libraries: Mapping[str, Sequence[Symbol]]) -> tuple[int, int]:
        table = b""
        for name, symbols in libraries.items():
            thunks = self.thunks(symbols)
            lookup, address = self.add(thunks), self.add(thunks)
            table += struct.pack("<5I", lookup, 0, 0, self.text(name), address)
        table += bytes(20)
        return self.add(table), len(table)

    def delayed(self, libraries: Mapping[str, Sequence[Symbol]], code: int) -> tuple[int, int]:
        table = b""
        for name, symbols in libraries.items():
            names = self.add(self.thunks(symbols))
            addresses = self.add(struct.pack("<Q" if self.wide else "<I", 0) * (len(symbols) + 1))
            table += struct.pack("<8I", 1, self.text(name), self.add(bytes(8)), addresses, names, 0, 0, 0)
        table += bytes(32)
        return self.add(table), len(table)

    def exports(self, name: str, table: Mapping[str, str], code: int, base: int) -> tuple[int, int]:
        start = self.add(bytes(40))
        names = sorted(table)
        functions = [self.text(table[key]) if table[key] else code for key in names]
        function_table = self.add(struct.pack(f"<{len(names)}I", *functions))
        name_table = self.add(struct.pack(f"<{len(names)}I", *(self.text(key) for key in names)))
        ordinals = self.add(struct.pack(f"<{len(names)}H", *range(len(names))))
        own = self.text(name)
        end = RVA + len(self.data)
        counts = (base, len(names), len(names), function_table, name_table, ordinals)
        self.data[start - RVA : start - RVA + 40] = struct.pack("<IIHHI6I", 0, 0, 0, 0, own, *counts)
        return start, end - start

    def version(self, text: str) -> tuple[int, int]:
        major, minor, build, private = (int(part) for part in text.split("."))
        numbers = (major << 16 | minor, build << 16 | private)
        fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, *numbers, *numbers, 0x3F, 0, 0x40004, 2, 0, 0, 0)
        key = "VS_VERSION_INFO\0".encode("utf-16-le")
        block = struct.pack("<HHH", 6 + len(key) + 2 + len(fixed), len(fixed), 0) + key + b"\0\0" + fixed
        start = self.add(bytes(3 * 24 + 16))
        data = self.add(block)
        tree = b""
        for level, identity in enumerate((16, 1, 1033)):
            below = (level + 1) * 24 | (1 << 31 if level < 2 else 0)
            tree += struct.pack("<IIHHHHII", 0, 0, 0, 0, 0, 1, identity, below)
        tree += struct.pack("<IIII", data, len(block), 0, 0)
        self.data[start - RVA : start - RVA + len(tree)] = tree
        return start, RVA + len(self.data) - start
