"""The dynamic symbols of an ELF image: what it needs, and whether it has what others need.

A library of TensorFlow's size offers 217,000 names in 71 MB of text, and its own modules ask for 5,000 of them. So
names are looked up as ``ld.so`` does it, through the hash table that the linker made, and no list is made of what
nobody asks for. A file without that table is read as a whole.

Sources: System V gABI, chapter 5 (symbol table, ``DT_HASH``); glibc ``elf/dl-lookup.c`` (``do_lookup_x``) and
``elf/dl-new-hash.h`` for the table that ``DT_GNU_HASH`` names.
"""

from __future__ import annotations

import struct
import sys
from array import array
from functools import lru_cache

from .. import reading
from .elf_file import DT_GNU_HASH, DT_HASH, DT_STRSZ, DT_STRTAB, DT_SYMTAB, BadElfError, Elf
from .image import MAX_NAME, MAX_SYMBOLS, Symbols

STB_LOCAL, STB_WEAK = 0, 2
# The names of libtensorflow_cc.so.2 of 2.19 are 71 MB.
MAX_STRINGS = 256 * 1024 * 1024
# All names that one image needs: TensorFlow's need 200 KB at the most.
MAX_NEEDED = 8 * 1024 * 1024
# A text of this size is read at once; of a larger one only the names that are looked at.
SMALL_TEXT = 4 * 1024 * 1024
# Linkers make a bucket for every few symbols. Where they did not, a lookup proves nothing.
MAX_CHAIN = 256


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
        # Where a symbol has its binding and the number of its section, and how long it is; its name comes first.
        self.info, self.section, self.size = (4, 6, 24) if elf.wide else (12, 14, 16)
        self.swapped = (elf.order == "<") != (sys.byteorder == "little")
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

    def names(self, data: bytes, needed: bool) -> list[int]:
        """Return where the names begin of those symbols in a piece of the table that are needed, or that are offered.

        Local ones are neither, weak ones may stay unresolved. Taken in columns, for there are tens of thousands.
        """
        data = data[: len(data) - len(data) % self.size]
        begins = array("I", data)
        if self.swapped:
            begins.byteswap()
        columns = (begins[:: self.size // 4], data[self.info :: self.size], data[self.section :: self.size],
                   data[self.section + 1 :: self.size])  # fmt: skip
        # The binding is in the upper half of a byte.
        if needed:
            return [
                begin for begin, info, low, high in zip(*columns, strict=True)
                if not low and not high and begin and info > STB_LOCAL << 4 | 15 and info >> 4 != STB_WEAK
            ]  # fmt: skip
        return [
            begin for begin, info, low, high in zip(*columns, strict=True)
            if (low or high) and begin and info > STB_LOCAL << 4 | 15
        ]  # fmt: skip


class HashedSymbols(Symbols):
    """The symbols of an image that are found through its ``DT_GNU_HASH`` table.

    Args:
        path: The file.
        elf: Its headers.
        table: Where its symbols lie.
    """

    def __init__(self, path: str, elf: Elf, table: _Table) -> None:
        self._path, self._table = path, table
        offset = elf.place(elf.tags[DT_GNU_HASH][0])
        buckets, self._first, words, self._shift = elf.unpack("IIII", offset)
        if not buckets or not words or words & (words - 1) or max(buckets, words) > MAX_SYMBOLS:
            raise BadElfError("corrupt: implausible hash table")
        self._bits = 64 if elf.wide else 32
        self._bloom = _words(elf, offset + 16, words, "Q" if elf.wide else "I")
        offset += 16 + words * self._bits // 8
        self._buckets = _words(elf, offset, buckets)
        self.count = min(max(table.count - self._first, 0), MAX_SYMBOLS)
        self._chain = _words(elf, offset + 4 * buckets, self.count)
        # Only what a library offers is hashed, and stands at the end. One that offers nothing has an empty bucket, and
        # its first symbol means nothing.
        undefined, whole = _needed(elf, table, self._first if any(self._buckets) else table.count)
        self.undefined = undefined
        self.whole = whole and (words, buckets, self.count) == (
            len(self._bloom), len(self._buckets), len(self._chain),
        )  # fmt: skip

    def among(self, names: set[bytes]) -> set[bytes]:
        """Return those of the names that the image defines.

        A name counts as defined where its bucket has its hash. For one that is not there that happens once in a
        thousand million times, and to compare the names would be to read them all. Where there is but one bucket they
        are compared, for the lowest bit of a hash is not kept: ``name_1`` and ``name_2`` differ by their buckets.
        """
        if not self.whole:
            return set(names)
        bloom, buckets, chain, first = self._bloom, self._buckets, self._chain, self._first
        bits, shift, mask, count, end = self._bits, self._shift, len(bloom) - 1, len(buckets), len(chain)
        found = set()
        for name in names:
            value = gnu_hash(name)
            word = bloom[value // bits & mask]
            if not word >> value % bits & word >> (value >> shift) % bits & 1:
                continue
            place = buckets[value % count] - first
            if place < 0:
                continue
            last = min(place + MAX_CHAIN, end)
            while place < last:
                # The lowest bit of a hash says instead whether the chain ends.
                hashed = chain[place]
                if hashed ^ value < 2 and (count > 1 or self._is_named(place + first, name)):
                    found.add(name)
                    break
                if hashed & 1:
                    break
                place += 1
            else:
                found.add(name)  # a chain without an end tells nothing
        return found

    def _is_named(self, place: int, name: bytes) -> bool:
        table = self._table
        try:
            with reading.open_raw(self._path) as stream:
                stream.seek(table.start + place * table.size)
                (begin,) = table.names(stream.read(table.size), needed=False) or (0,)
                stream.seek(table.text + begin)
                return 0 < begin < table.length - len(name) and stream.read(len(name) + 1) == name + b"\0"
        except OSError:
            self.whole = False
            return True


# A byte as two digits with base 33, as ``int`` reads them; it reads no more of them at once than that.
_DIGITS = b"0123456789abcdefghijklmnopqrstuvw"
_LOW, _HIGH = bytes(_DIGITS[byte % 33] for byte in range(256)), bytes(_DIGITS[byte // 33] for byte in range(256))
_START, MAX_DIGITS = b"4v2", 600  # 5381


@lru_cache(maxsize=1 << 16)
def gnu_hash(name: bytes) -> int:
    """Return the hash of a name in a ``DT_GNU_HASH`` table, 32 bits."""
    if len(name) > MAX_DIGITS:
        value = 5381
        for byte in name:
            value = (value * 33 + byte) & 0xFFFFFFFF
        return value
    # The letters are the digits of a number with base 33, which is read in C: those above 32 are carried apart.
    low, high = int(_START + name.translate(_LOW), 33), int(b"0" + name.translate(_HIGH), 33)
    return low + 33 * high & 0xFFFFFFFF


def _words(elf: Elf, offset: int, count: int, kind: str = "I") -> array[int]:
    """Return a table of numbers, of 32 bits each if not told otherwise, shorter where the file ends."""
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
            return _as_a_whole(elf, table)
    except (BadElfError, OSError, struct.error):
        return Symbols(whole=False)


def _read(elf: Elf, table: _Table, count: int) -> bytes:
    return elf.at(table.start, min(count, MAX_SYMBOLS) * table.size)


def _cut(texts: bytes, begins: list[int]) -> list[bytes]:
    """Return the names that begin at some places of a text, without those that have no end."""
    find = texts.find
    return [texts[begin:end] for begin in begins if (end := find(b"\0", begin, begin + MAX_NAME)) > begin]


def _needed(elf: Elf, table: _Table, count: int) -> tuple[frozenset[bytes], bool]:
    """Return what is needed among the first symbols, and whether that was all of it."""
    begins = table.names(_read(elf, table, count), needed=True)
    if table.length <= SMALL_TEXT:
        names = _cut(elf.at(table.text, table.length), begins)
    else:
        names = elf.names([table.text + begin for begin in begins if begin < min(table.length, MAX_STRINGS)])
    if sum(map(len, names)) > MAX_NEEDED:
        return frozenset(), False
    return frozenset(filter(None, names)), table.whole


def _as_a_whole(elf: Elf, table: _Table) -> Symbols:
    data, texts = _read(elf, table, table.count), elf.at(table.text, min(table.length, MAX_STRINGS))
    offered = frozenset(_cut(texts, table.names(data, needed=False)))
    needed = _cut(texts, table.names(data, needed=True))
    if sum(map(len, needed)) > MAX_NEEDED:
        return Symbols(offered, frozenset(), False)
    return Symbols(offered, frozenset(needed), table.whole)


def _symbol_count(elf: Elf) -> int:
    """Return how many dynamic symbols there are; the dynamic section does not say, the hash tables do."""
    for address in elf.tags.get(DT_HASH, ())[:1]:
        # nchain of the old hash table equals the number of symbols.
        return int(elf.unpack("II", elf.place(address))[1])
    for address in elf.tags.get(DT_GNU_HASH, ())[:1]:
        offset = elf.place(address)
        buckets, first, bloom, _ = elf.unpack("IIII", offset)
        if buckets > MAX_SYMBOLS or bloom > MAX_SYMBOLS:
            raise BadElfError("corrupt: implausible hash table")
        at = offset + 16 + bloom * (8 if elf.wide else 4)
        last = max(_words(elf, at, buckets), default=0)
        if last < first:
            return int(first)
        chain = elf.at(at + 4 * buckets + 4 * (last - first), 4 * MAX_CHAIN)
        for index, (value,) in enumerate(struct.iter_unpack(elf.order + "I", chain[: len(chain) // 4 * 4])):
            if value & 1:
                return int(last) + index + 1
    raise BadElfError("no hash table, or one without an end: it cannot be told how many symbols there are")
