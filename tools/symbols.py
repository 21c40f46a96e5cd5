"""What a compiled add-on asks of TensorFlow, and TensorFlow does not have: libraries and symbols of two wheels.

Mach-O binds each symbol to a library, and so does PE; of ELF's flat names those count that are TensorFlow's by their
namespace. Whether the missing symbol is bound at load or at the first call is not told apart: a call comes.

Source of the layout: Apple's ``mach-o/loader.h`` and ``nlist.h``.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from conda_tf_doctor.binaries.header import read_header
from conda_tf_doctor.binaries.image import Image
from conda_tf_doctor.binaries.read import read_image

BINARY = re.compile(r"\.(?:pyd|dll|dylib|so(?:\.\d+)*)\Z")
# Test modules, and codecs for a system's ffmpeg of several versions, of which one is used.
LEFT_OUT = re.compile(r"(?:ffmpeg|test)[^/]*\Z")
SYSTEM = re.compile(r"/usr/lib/|/System/|.*Python(?:\.framework|3)")
# Namespaces (of mangled names) that nothing but TensorFlow's own libraries define.
OURS = re.compile(rb"\d(?:tensorflow|tsl|tflite|xla|stream_executor)|4absl\d+lts|\bTF_|\bTFE_")
LC_SYMTAB = 0x2
LIBRARIES = (0xC, 0x80000018, 0x8000001F, 0x80000023)
WEAK_LIBRARY = 0x80000018
N_STAB, N_PRIVATE, N_TYPE, N_EXTERNAL, N_WEAK_REF = 0xE0, 0x10, 0x0E, 0x01, 0x40
SELF, DYNAMIC = 0x00, 0xFE


class Asked(NamedTuple):
    """Symbols that a file asks of one library.

    Attributes:
        library: As the file spells it; empty where any will do.
        symbols: Names, as they are in the file.
        needed: Whether the file is not loaded without the library.
    """

    library: str
    symbols: frozenset[bytes]
    needed: bool = True


class Tables(NamedTuple):
    """The symbols of a Mach-O file.

    Attributes:
        asked: What it asks of each library.
        offered: What others may use of it.
    """

    asked: tuple[Asked, ...]
    offered: frozenset[bytes]


def read_tables(path: Path, machine: str) -> Tables:
    """Return the symbols of a Mach-O file, of the slice for a machine where it has several."""
    data = path.read_bytes()
    if data[:4] == b"\xca\xfe\xba\xbe":
        machines = read_header(str(path)).machines
        place = machines.index(machine) if machine in machines else 0
        start, size = struct.unpack_from(">II", data, 8 + place * 20 + 8)
        data = data[start : start + size]
    count, offset = struct.unpack_from("<I", data, 16)[0], 32
    libraries: list[tuple[str, bool]] = []
    table = (0, 0, 0)
    for _ in range(count):
        command, length = struct.unpack_from("<II", data, offset)
        if command in LIBRARIES:
            name = data[offset + struct.unpack_from("<I", data, offset + 8)[0] : offset + length]
            libraries.append((name.split(b"\0")[0].decode(), command != WEAK_LIBRARY))
        elif command == LC_SYMTAB:
            table = struct.unpack_from("<III", data, offset + 8)
        offset += length
    asked: dict[int, set[bytes]] = {}
    offered = set()
    for kind, description, name in _entries(data, *table):
        if kind & N_STAB or not kind & N_EXTERNAL:
            continue
        if kind & N_TYPE:
            if not kind & N_PRIVATE:
                offered.add(name)
        elif not description & N_WEAK_REF:
            asked.setdefault(description >> 8, set()).add(name)
    found = [Asked(name, frozenset(asked.get(place, ())), needed) for place, (name, needed) in enumerate(libraries, 1)]
    loose = asked.get(DYNAMIC, set()) | asked.get(SELF, set())
    return Tables((*found, Asked("", frozenset(loose))), frozenset(offered))


def _entries(data: bytes, symbols: int, count: int, strings: int) -> Iterator[tuple[int, int, bytes]]:
    for kind_at in range(symbols, symbols + count * 16, 16):
        name, kind, _, description = struct.unpack_from("<IBBH", data, kind_at)
        start = strings + name
        yield kind, description, data[start : data.index(b"\0", start)]


class Wheel:
    """The libraries of an unpacked wheel, each read once.

    Args:
        folder: Laid out as site-packages.
        machine: Which slice of universal files.
    """

    def __init__(self, folder: Path, machine: str) -> None:
        self.folder = folder
        self.machine = machine
        self.files = sorted(p for p in folder.rglob("*") if BINARY.search(p.name) and not LEFT_OUT.search(p.name))
        self._tables: dict[Path, Tables] = {}
        self._images: dict[Path, Image] = {}

    def image(self, path: Path) -> Image:
        """Return one of its files as the loader sees it."""
        if path not in self._images:
            self._images[path] = read_image(str(path), self.machine)
        return self._images[path]

    def tables(self, path: Path) -> Tables:
        """Return the symbols of one of its files, of whatever format."""
        if path not in self._tables:
            self._tables[path] = self._read(path)
        return self._tables[path]

    def _read(self, path: Path) -> Tables:
        image = self.image(path)
        if image.format == "macho":
            return read_tables(path, self.machine)
        if image.format == "pe":
            asked = [
                Asked(each.name, frozenset(str(symbol).encode() for symbol in each.symbols), not each.delayed)
                for each in image.imports
            ]
            return Tables(tuple(asked), frozenset(name.encode() for name in image.exports.names))
        loose = frozenset(name for name in image.symbols.undefined if OURS.search(name))
        libraries = [Asked(each.name, frozenset()) for each in image.imports]
        return Tables((*libraries, Asked("", loose)), frozenset())

    def offers(self, path: Path, names: frozenset[bytes]) -> frozenset[bytes]:
        """Return those of the names that one of its files offers."""
        image = self.image(path)
        if image.format == "elf":
            return frozenset(image.symbols.among(set(names)))
        return names & self.tables(path).offered


def first_missing(addon: Wheel, tensorflow: Wheel) -> str:
    """Return the first library or symbol that an add-on asks for and neither it nor TensorFlow has; empty where none.

    Args:
        addon: The add-on's wheel.
        tensorflow: TensorFlow's.
    """
    for path in addon.files:
        for asked in addon.tables(path).asked:
            providers = _providers(asked, path, addon, tensorflow)
            if providers is None:
                if asked.needed:
                    return asked.library
                continue
            left = asked.symbols
            for wheel, provider in providers:
                left -= wheel.offers(provider, left) if left else left
            # Without a library that they are bound to, the names of the system and of Python are among them.
            left = left if asked.library else frozenset(name for name in left if OURS.search(name))
            if left and providers:
                return min(left).decode(errors="replace")
    return ""


def _providers(asked: Asked, path: Path, addon: Wheel, tensorflow: Wheel) -> list[tuple[Wheel, Path]] | None:
    """Return the files that may have what is asked for: none for the system's own, ``None`` for a missing library."""
    both = [(wheel, file) for wheel in (addon, tensorflow) for file in wheel.files]
    if not asked.library:
        return both
    if SYSTEM.match(asked.library):
        return []
    image = addon.image(path)
    base = os.path.basename(asked.library)
    if image.format != "macho":
        found = [(wheel, file) for wheel, file in both if file.name.lower() == base.lower()]
        return found or (None if re.search(r"tensorflow|pywrap", base) else [])
    inside = path.parent.relative_to(addon.folder)
    places = [entry.replace("@loader_path", "", 1).lstrip("/") for entry in image.rpath if "@loader_path" in entry]
    tails = {
        "@rpath/": [os.path.join(place, asked.library[7:]) for place in places],
        "@loader_path/": [asked.library[13:]],
    }
    for start, relative in tails.items():
        if asked.library.startswith(start):
            wanted = {os.path.normpath(inside / each) for each in relative}
            found = [(w, f) for w, f in both if str(f.relative_to(w.folder)) in wanted]
            # What is loaded already is found by the very name that it gives itself.
            found += [(w, f) for w, f in both if w.image(f).soname == asked.library]
            return found or None
    return []
