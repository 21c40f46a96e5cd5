"""An ELF file that can be asked by virtual address: its segments, its dynamic section, its strings.

pyelftools reads the header and the segments. What the dynamic section points to (strings, version tables) is read in
place, the symbols by :mod:`.elf_symbols`: an object for each of them would take seconds for a library of TensorFlow's
size.

Sources: System V gABI, chapter 5 (dynamic linking).
"""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any

from .header import Header
from .image import MAX_LIBRARIES, MAX_NAME

DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 4, 5, 6, 10, 14, 15, 29
DT_GNU_HASH, DT_VERDEF, DT_VERNEED = 0x6FFFFEF5, 0x6FFFFFFC, 0x6FFFFFFE
MAX_SEGMENTS = 512
EI_DATA = 5
SHORT_NAME = 256


class BadElfError(Exception):
    """The file is no object that ``ld.so`` would load; the text says why."""


@cache
def _structs(little_endian: bool, bits: int) -> Any:
    """Return pyelftools' layouts; made once, for its ``ELFFile`` makes all of them for each file."""
    from elftools.elf.structs import ELFStructs

    structs = ELFStructs(little_endian, bits)
    structs.create_basic_structs()
    structs.create_advanced_structs()
    return structs


class Elf:
    """An open ELF file that can be asked by virtual address."""

    def __init__(self, stream: io.BufferedReader | io.FileIO, header: Header) -> None:
        from elftools.common.exceptions import ELFError
        from elftools.common.utils import struct_parse

        self.stream = stream
        self.size = stream.seek(0, io.SEEK_END)
        self.wide = header.bits == 64
        try:
            little = self.at(EI_DATA, 1) == b"\1"
            self.order = "<" if little else ">"
            structs = _structs(little, header.bits)
            elf: Any = struct_parse(structs.Elf_Ehdr, stream, 0)
            if elf["e_phnum"] > MAX_SEGMENTS:
                raise BadElfError("corrupt: more segments than any object has")
            places = (elf["e_phoff"] + index * elf["e_phentsize"] for index in range(elf["e_phnum"]))
            self.segments = [struct_parse(structs.Elf_Phdr, stream, place) for place in places]
        except BadElfError:
            raise
        except (ELFError, UnicodeDecodeError, ValueError, OverflowError, KeyError, AttributeError) as error:
            raise BadElfError(f"truncated or corrupt headers ({type(error).__name__})") from None
        self.loads = [s for s in self.segments if s.p_type == "PT_LOAD"]
        self.tags: dict[int, list[int]] = {}

    def reopened(self, stream: io.FileIO) -> Elf:
        """Return the same object on a newly opened file."""
        self.stream = stream
        return self

    def check(self) -> str:
        """Return what would make ``ld.so`` refuse the file or crash on it, or an empty string."""
        if not self.loads:
            return "corrupt: no loadable segment"
        end = max(load.p_offset + load.p_filesz for load in self.loads)
        if end > self.size:
            return f"truncated: its segments end at byte {end:,}, the file at {self.size:,}"
        if not any(segment.p_type == "PT_DYNAMIC" for segment in self.segments):
            return "corrupt: no dynamic section"
        return ""

    def read_dynamic(self) -> None:
        """Read the dynamic section into ``tags``."""
        layout = self.order + ("qQ" if self.wide else "iI")
        for segment in self.segments:
            if segment.p_type == "PT_DYNAMIC":
                data = self.at(segment.p_offset, min(segment.p_filesz, 1 << 20))
                data = data[: len(data) - len(data) % struct.calcsize(layout)]
                for tag, value in struct.iter_unpack(layout, data):
                    if tag == 0:
                        return
                    self.tags.setdefault(tag & 0xFFFFFFFF, []).append(value)

    def at(self, offset: int, size: int) -> bytes:
        """Return bytes of the file, fewer at its end."""
        if offset < 0 or offset > self.size:
            raise BadElfError(f"corrupt: offset {offset:,} outside the file")
        self.stream.seek(offset)
        return self.stream.read(min(size, self.size - offset))

    def place(self, address: int) -> int:
        """Return where a virtual address lies in the file."""
        for load in self.loads:
            if load.p_vaddr <= address < load.p_vaddr + load.p_filesz:
                return int(address - load.p_vaddr + load.p_offset)
        raise BadElfError(f"corrupt: address 0x{address:x} lies in no segment")

    def string(self, index: int) -> str:
        """Return a string of the dynamic string table."""
        table = self.tags.get(DT_STRTAB)
        if not table:
            raise BadElfError("corrupt: no string table")
        return self.text(self.place(table[0]) + index).decode("utf-8", "surrogateescape")

    def text(self, offset: int) -> bytes:
        """Return the bytes up to the next zero."""
        # Nearly all names are short, and there are thousands of them.
        for size in (SHORT_NAME, MAX_NAME):
            text, end, _ = self.at(offset, size).partition(b"\0")
            if end:
                return text
        raise BadElfError("corrupt: string without an end")

    def strings(self, tag: int) -> tuple[str, ...]:
        """Return the strings that a tag names, bounded."""
        return tuple(self.string(index) for index in self.tags.get(tag, ())[:MAX_LIBRARIES])
