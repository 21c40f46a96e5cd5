"""An ELF file that can be asked by virtual address: its segments, its dynamic section, its strings.

Everything is read in place, in blocks: an object for each of its symbols would take seconds for a library of
TensorFlow's size, and a call of the system for each of its names half of that.

Sources: System V gABI, chapters 4 (ELF header), 5 (program header, dynamic linking).
"""

from __future__ import annotations

import io
import os
import struct
from functools import partial

from .._typing import Any, NamedTuple
from .header import Header
from .image import MAX_LIBRARIES, MAX_NAME

DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 4, 5, 6, 10, 14, 15, 29
DT_GNU_HASH, DT_VERDEF, DT_VERNEED = 0x6FFFFEF5, 0x6FFFFFFC, 0x6FFFFFFE
PT_LOAD, PT_DYNAMIC = 1, 2
MAX_SEGMENTS = 512
EI_DATA = 5
SHORT_NAME = 256
# Small pieces are taken out of blocks of this size, of which an image keeps a few.
BLOCK, MAX_BLOCKS = 1 << 15, 64


class BadElfError(Exception):
    """The file is no object that ``ld.so`` would load; the text says why."""


class Segment(NamedTuple):
    """One entry of the program header."""

    type: int
    offset: int
    address: int
    size: int


class Elf:
    """An open ELF file that can be asked by virtual address."""

    def __init__(self, stream: io.FileIO, header: Header) -> None:
        self.stream = stream
        self.size = stream.seek(0, io.SEEK_END)
        self.wide = header.bits == 64
        self._forms: dict[str, struct.Struct] = {}
        self._blocks: dict[int, bytes] = {}
        self.order = "<" if self.at(EI_DATA, 1) == b"\1" else ">"
        # e_phoff, e_phentsize and e_phnum; p_type, p_offset, p_vaddr and p_filesz
        layout, places, entry = ("QQIHHH", 32, "IIQQQQ") if self.wide else ("IIIHHH", 28, "IIIIII")
        try:
            at, _, _, _, step, count = self.unpack(layout, places)
            if count > MAX_SEGMENTS:
                raise BadElfError("corrupt: more segments than any object has")
            # What follows in an entry is not asked for; one that is shorter is none.
            entry = f"{self.order}{entry}{step - struct.calcsize('=' + entry)}x"
            rows = [*struct.iter_unpack(entry, self.at(at, count * step))]
        except struct.error:
            raise BadElfError("truncated or corrupt headers") from None
        self.segments = [
            Segment(r[0], r[2], r[3], r[5]) if self.wide else Segment(r[0], r[1], r[2], r[4]) for r in rows
        ]
        self.loads = [segment for segment in self.segments if segment.type == PT_LOAD]
        self.tags: dict[int, list[int]] = {}
        # Where the dynamic strings begin in the file, once that was asked for.
        self._strings = -1

    def __getstate__(self) -> dict[str, Any]:
        """Pickled, it is closed: whoever reads it opens the file again."""
        return {**self.__dict__, "stream": None, "_blocks": {}}

    def reopened(self, stream: io.FileIO) -> Elf:
        """Return the same object on a newly opened file."""
        self.stream = stream
        self._blocks.clear()
        return self

    def check(self) -> str:
        """Return what would make ``ld.so`` refuse the file or crash on it, or an empty string."""
        if not self.loads:
            return "corrupt: no loadable segment"
        end = max(load.offset + load.size for load in self.loads)
        if end > self.size:
            return f"truncated: its segments end at byte {end:,}, the file at {self.size:,}"
        if not any(segment.type == PT_DYNAMIC for segment in self.segments):
            return "corrupt: no dynamic section"
        return ""

    def read_dynamic(self) -> None:
        """Read the dynamic section into ``tags``."""
        layout = self.order + ("qQ" if self.wide else "iI")
        for segment in self.segments:
            if segment.type == PT_DYNAMIC:
                data = self.at(segment.offset, min(segment.size, 1 << 20))
                data = data[: len(data) - len(data) % struct.calcsize(layout)]
                for tag, value in struct.iter_unpack(layout, data):
                    if tag == 0:
                        return
                    self.tags.setdefault(tag & 0xFFFFFFFF, []).append(value)

    def at(self, offset: int, size: int) -> bytes:
        """Return bytes of the file, fewer at its end."""
        if offset < 0 or offset > self.size:
            raise BadElfError(f"corrupt: offset {offset:,} outside the file")
        size = min(size, self.size - offset)
        if offset % BLOCK + size <= BLOCK:
            block, start = self._block(offset)
            return block[start : start + size]
        self.stream.seek(offset)
        return self.stream.read(size)

    def unpack(self, layout: str, offset: int) -> tuple[Any, ...]:
        """Return numbers of the file; ``struct.error`` where it ends before they do."""
        form = self._forms.get(layout)
        if form is None:
            form = self._forms[layout] = struct.Struct(self.order + layout)
        if 0 <= offset < self.size:
            block, start = self._block(offset)
            if start + form.size <= len(block):
                return form.unpack_from(block, start)
        return form.unpack(self.at(offset, form.size))

    def _block(self, offset: int) -> tuple[bytes, int]:
        """Return the block of the file in which a place lies, and where in it."""
        number, start = divmod(offset, BLOCK)
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= MAX_BLOCKS:
                self._blocks.clear()
            self.stream.seek(number * BLOCK)
            block = self._blocks[number] = self.stream.read(BLOCK)
        return block, start

    def place(self, address: int) -> int:
        """Return where a virtual address lies in the file."""
        for load in self.loads:
            if load.address <= address < load.address + load.size:
                return address - load.address + load.offset
        raise BadElfError(f"corrupt: address 0x{address:x} lies in no segment")

    def string(self, index: int) -> str:
        """Return a string of the dynamic string table."""
        if self._strings < 0:
            table = self.tags.get(DT_STRTAB)
            if not table:
                raise BadElfError("corrupt: no string table")
            self._strings = self.place(table[0])
        return self.text(self._strings + index).decode("utf-8", "surrogateescape")

    def text(self, offset: int) -> bytes:
        """Return the bytes up to the next zero."""
        block, start = self._block(offset) if 0 <= offset < self.size else (b"", 0)
        end = block.find(b"\0", start, start + MAX_NAME)
        if end >= 0:
            return block[start:end]
        text, there, _ = self.at(offset, MAX_NAME).partition(b"\0")
        if there:
            return text
        raise BadElfError("corrupt: string without an end")

    def names(self, offsets: list[int]) -> list[bytes]:
        """Return the bytes up to the next zero at some places that lie far from each other."""
        read = partial(os.pread, self.stream.fileno(), SHORT_NAME) if hasattr(os, "pread") else self._read_short
        parts = [read(offset).partition(b"\0") for offset in offsets]
        return [text if end else self.text(at) for (text, end, _), at in zip(parts, offsets, strict=True)]

    def _read_short(self, offset: int) -> bytes:
        self.stream.seek(offset)
        return self.stream.read(SHORT_NAME)

    def strings(self, tag: int) -> tuple[str, ...]:
        """Return the strings that a tag names, bounded."""
        return tuple(self.string(index) for index in self.tags.get(tag, ())[:MAX_LIBRARIES])
