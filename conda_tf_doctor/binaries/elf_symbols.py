"""The dynamic symbols of an ELF image: what it needs, and whether it has what others need.

A library of TensorFlow's size offers 217,000 names in 71 MB of text, and its own modules ask for 5,000 of them. So
names are looked up as ``ld.so`` does it, through the hash table that the linker made, and no list is made of what
nobody asks for. A file without that table is read as a whole.

Sources: System V gABI, chapter 5 (symbol table, ``DT_HASH``); glibc ``elf/dl-lookup.c`` (``do_lookup_x``) and
``elf/dl-new-hash.h`` for the table that ``DT_GNU_HASH`` names.
"""

from __future__ import annotations

import io
import struct
import sys
from array import array
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from .. import reading
from .elf_file import DT_GNU_HASH, DT_HASH, DT_STRSZ, DT_STRTAB, DT_SYMTAB, BadElfError, Elf
from .image import MAX_NAME, MAX_SYMBOLS, Symbols

SHN_UNDEF, STB_LOCAL, STB_WEAK = 0, 0, 2
# The names of libtensorflow_cc.so.2 of 2.19 are 71 MB.
MAX_STRINGS = 256 * 1024 * 1024
# All names that one image needs: TensorFlow's need 200 KB at the most.
MAX_NEEDED = 8 * 1024 * 1024
# A text of this size is read at once; of a larger one only the names that are looked at.
SMALL_TEXT = 4 * 1024 * 1024
# Linkers make a bucket for every few symbols. Where they did not, a lookup proves nothing.
MAX_CHAIN = 256


class _Entry(NamedTuple):
    """One symbol: where its name begins, its binding, and the section that defines it."""

    name: int
    binding: int
    section: int


class _Table:
    """Where an image keeps its symbols and their names.

    Attributes:
        count: How many symbols there are.
        text: Where the names begin in the file.
        length: How many bytes of names there are.
    """

    def __init__(self, elf: Elf) -> None:
        symbols, strings = elf.tags.get(DT_SYMTAB), elf.tags.get(DT_STRTAB)
        if not symbols or not strings:
            raise BadElfError("no symbols, or no names for them")
        self.layout = elf.order + ("IBBHQQ" if elf.wide else "IIIBBH")
        self.size = struct.calcsize(self.layout)
        self.wide = elf.wide
        self.count = _symbol_count(elf)
        self.start = elf.place(symbols[0])
        self.text = elf.place(strings[0])
        self.length = elf.tags.get(DT_STRSZ, [0])[0]
        self.whole = (
            self.count <= MAX_SYMBOLS
            and self.length <= MAX_STRINGS
            and self.start + self.count * self.size <= elf.size
            and self.text + self.length <= elf.size
        )

    def entries(self, data: bytes) -> Iterable[_Entry]:
        """Return the symbols in a piece of the table."""
        for fields in struct.iter_unpack(self.layout, data[: len(data) - len(data) % self.size]):
            name, info, section = (fields[0], fields[1], fields[3]) if self.wide else (fields[0], fields[3], fields[5])
            yield _Entry(name, info >> 4, section)


class HashedSymbols(Symbols):
    """The symbols of an image that are found through its ``DT_GNU_HASH`` table.

    Args:
        path: The file, which is opened again for names to be compared.
        elf: Its headers.
        table: Where its symbols lie.
    """

    def __init__(self, path: str, elf: Elf, table: _Table) -> None:
        self._path = path
        self._table = table
        self._known: dict[bytes, bool] = {}
        offset = elf.place(elf.tags[DT_GNU_HASH][0])
        buckets, self._first, words, self._shift = struct.unpack(elf.order + "IIII", elf.at(offset, 16))
        self._bits = 64 if elf.wide else 32
        if not buckets or not words or words & (words - 1) or max(buckets, words) > MAX_SYMBOLS:
            raise BadElfError("corrupt: implausible hash table")
        width = self._bits // 8
        self._bloom = _words(elf, "Q" if elf.wide else "I", offset + 16, words)
        self._buckets = _words(elf, "I", offset + 16 + words * width, buckets)
        hashed = min(max(table.count - self._first, 0), MAX_SYMBOLS)
        self._chain = _words(elf, "I", offset + 16 + words * width + 4 * buckets, hashed)
        # Only what a library offers is hashed, and stands at the end. One that offers nothing has an empty bucket, and
        # its first symbol means nothing.
        needs = self._first if any(self._buckets) else table.count
        _, undefined, whole = _names(elf, table, needs, defined=False)
        whole = whole and (len(self._bloom), len(self._buckets), len(self._chain)) == (words, buckets, hashed)
        super().__init__(frozenset(), undefined, whole)

    def among(self, names: set[bytes]) -> set[bytes]:
        """Return those of the names that the image defines."""
        unsure: list[tuple[bytes, list[int]]] = []
        for name in names:
            if name not in self._known:
                places = self._places(name) if self.whole else None
                self._known[name] = places is None
                if places:
                    unsure.append((name, places))
        if unsure:
            try:
                with reading.open_raw(self._path) as stream:
                    for name, places in unsure:
                        self._known[name] = any(self._is_named(stream, place, name) for place in places)
            except (OSError, struct.error):
                self.whole = False
                self._known.update((name, True) for name, _ in unsure)
        return {name for name in names if self._known[name]}

    def _places(self, name: bytes) -> list[int] | None:
        """Return which symbols have the hash of a name; ``None`` where the table is too odd to tell."""
        value = gnu_hash(name)
        word = self._bloom[value // self._bits & len(self._bloom) - 1]
        if not word >> value % self._bits & word >> (value >> self._shift) % self._bits & 1:
            return []
        bucket = self._buckets[value % len(self._buckets)]
        index = bucket - self._first
        if not bucket or index < 0:
            return []
        found: list[int] = []
        for place in range(index, min(index + MAX_CHAIN, len(self._chain))):
            # The lowest bit of a hash says instead whether the chain ends.
            if (self._chain[place] ^ value) < 2:
                found.append(place + self._first)
            if self._chain[place] & 1:
                return found
        return None

    def _is_named(self, stream: io.FileIO, place: int, name: bytes) -> bool:
        table = self._table
        stream.seek(table.start + place * table.size)
        for entry in table.entries(stream.read(table.size)):
            if entry.section == SHN_UNDEF or entry.binding == STB_LOCAL or entry.name + len(name) >= table.length:
                return False
            stream.seek(table.text + entry.name)
            return stream.read(len(name) + 1) == name + b"\0"
        return False


@lru_cache(maxsize=1 << 16)
def gnu_hash(name: bytes) -> int:
    """Return the hash of a name in a ``DT_GNU_HASH`` table, 32 bits."""
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def _words(elf: Elf, kind: str, offset: int, count: int) -> array[int]:
    """Return a table of numbers, shorter where the file ends."""
    words: array[int] = array(kind)
    data = elf.at(offset, count * words.itemsize)
    words.frombytes(data[: len(data) - len(data) % words.itemsize])
    if (elf.order == "<") != (sys.byteorder == "little"):
        words.byteswap()
    return words


def read_symbols(path: str, elf: Elf) -> Symbols:
    """Read what an image needs, and what is needed to tell what it offers.

    Args:
        path: The file.
        elf: Its headers and dynamic section.

    Returns:
        Symbols that are not ``whole`` where the file cannot be read, or not to the end of its tables.
    """
    try:
        # Without a buffer: names lie all over megabytes, each but a few bytes long.
        with reading.open_raw(path) as stream:
            elf.reopened(stream)
            table = _Table(elf)
            if elf.tags.get(DT_GNU_HASH):
                return HashedSymbols(path, elf, table)
            return Symbols(*_names(elf, table, table.count))
    except (BadElfError, OSError, struct.error):
        return Symbols(whole=False)


def _names(
    elf: Elf, table: _Table, count: int, defined: bool = True
) -> tuple[frozenset[bytes], frozenset[bytes], bool]:
    """Return the defined and the undefined names among the first symbols, and whether that was all of them."""
    data = elf.at(table.start, min(count, MAX_SYMBOLS) * table.size)
    length = min(table.length, MAX_STRINGS)
    texts = elf.at(table.text, length) if defined or length <= SMALL_TEXT else b""
    offers: set[bytes] = set()
    needs: set[bytes] = set()
    needed = 0
    for name, binding, section in table.entries(data):
        if not name or binding == STB_LOCAL:
            continue
        if section != SHN_UNDEF:
            if defined and (end := texts.find(b"\0", name, name + MAX_NAME)) > 0:
                offers.add(texts[name:end])
        elif binding != STB_WEAK:
            if texts:
                text = texts[name : max(texts.find(b"\0", name, name + MAX_NAME), 0)]
            else:
                text = elf.text(table.text + name) if name < length else b""
            needed += len(text)
            if needed > MAX_NEEDED:
                return frozenset(offers), frozenset(needs), False
            if text:
                needs.add(text)
    return frozenset(offers), frozenset(needs), table.whole


def _symbol_count(elf: Elf) -> int:
    """Return how many dynamic symbols there are; the dynamic section does not say, the hash tables do."""
    for address in elf.tags.get(DT_HASH, ())[:1]:
        # nchain of the old hash table equals the number of symbols.
        return int(struct.unpack(elf.order + "II", elf.at(elf.place(address), 8))[1])
    for address in elf.tags.get(DT_GNU_HASH, ())[:1]:
        offset = elf.place(address)
        buckets, first, bloom, _ = struct.unpack(elf.order + "IIII", elf.at(offset, 16))
        if buckets > MAX_SYMBOLS or bloom > MAX_SYMBOLS:
            raise BadElfError("corrupt: implausible hash table")
        at = offset + 16 + bloom * (8 if elf.wide else 4)
        last = max(_words(elf, "I", at, buckets), default=0)
        if last < first:
            return int(first)
        chain = elf.at(at + 4 * buckets + 4 * (last - first), 4 * MAX_CHAIN)
        for index, (value,) in enumerate(struct.iter_unpack(elf.order + "I", chain[: len(chain) // 4 * 4])):
            if value & 1:
                return int(last) + index + 1
    raise BadElfError("no hash table, or one without an end: it cannot be told how many symbols there are")
