"""PE images: what the Windows loader reads of a DLL or extension module.

pefile reads the headers, the sections and the version resource. The import and export tables are walked here, for
three reasons that matter to a verdict: pefile takes names of more than 512 bytes for invalid (TensorFlow's mangled
names are longer), stops at 8,192 symbols (its largest DLL exports 44,875), and builds an object for each one, which
takes longer than the loader itself.

Source of the layout: Microsoft Learn, "PE Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from .header import Header
from .image import MAX_LIBRARIES, MAX_NAME, MAX_NAME_BYTES, MAX_SYMBOLS, Exports, Image, Import, Symbol

EXPORT, IMPORT, RESOURCE, DELAY_IMPORT = 0, 1, 2, 13

# A section may be larger in memory than in the file; the loader rounds what it maps up to a page.
PAGE = 0x1000


class BadImageError(Exception):
    """The file is no image that Windows would load; the text says why."""


class View:
    """A mapped PE file with its section table, turned into something that can be asked by address."""

    def __init__(self, path: str) -> None:
        import pefile

        try:
            self.pe: Any = pefile.PE(path, fast_load=True)
        except pefile.PEFormatError as error:
            raise BadImageError(str(error.value if hasattr(error, "value") else error).strip("'\"").lower()) from None
        except Exception as error:  # pefile promises nothing for damaged files: any failure means the file is bad
            raise BadImageError(f"unreadable headers ({type(error).__name__})") from None
        self.data = self.pe.__data__
        self.size = len(self.data)
        self.sections: list[tuple[int, int, int, str]] = []
        for section in self.pe.sections:
            # Windows ignores the low bits of a section's place in the file.
            start = section.PointerToRawData & ~0x1FF if section.PointerToRawData >= 0x200 else section.PointerToRawData
            held = min(section.SizeOfRawData, -(-(section.Misc_VirtualSize or section.SizeOfRawData) // PAGE) * PAGE)
            name = section.Name.rstrip(b"\0").decode("latin-1")
            self.sections.append((section.VirtualAddress, section.VirtualAddress + held, start, name))

    def close(self) -> None:
        """Unmap the file.

        Not by pefile's own ``close``, which collects garbage each time: in a large process that costs more than
        everything else.
        """
        if hasattr(self.data, "close"):
            self.data.close()

    def check(self) -> str:
        """Return what would make Windows refuse the file, or an empty string."""
        optional = getattr(self.pe, "OPTIONAL_HEADER", None)
        if optional is None:
            return "truncated: the optional header is missing"
        if optional.Magic not in (0x10B, 0x20B):
            return f"corrupt: optional header magic 0x{optional.Magic:x}"
        if len(self.pe.sections) < self.pe.FILE_HEADER.NumberOfSections:
            return "truncated: the section table is cut"
        if optional.SizeOfHeaders > self.size:
            return "truncated: the headers are cut"
        for section in self.pe.sections:
            end = section.PointerToRawData + section.SizeOfRawData
            if section.SizeOfRawData and end > self.size:
                name = section.Name.rstrip(b"\0").decode("latin-1")
                return f"truncated: section {name} ends at byte {end:,}, the file at {self.size:,}"
        return ""

    def directory(self, index: int) -> tuple[int, int]:
        """Return address and size of a data directory; zeros where there is none."""
        directories = getattr(self.pe.OPTIONAL_HEADER, "DATA_DIRECTORY", ())
        if index >= len(directories):
            return 0, 0
        entry = directories[index]
        return entry.VirtualAddress, entry.Size

    def place(self, rva: int) -> tuple[int, int]:
        """Return where an address lies in the file, and where the part of the file that is mapped there ends."""
        for start, end, raw, _ in self.sections:
            if start <= rva < end:
                return rva - start + raw, min(end - start + raw, self.size)
        if rva < min(self.pe.OPTIONAL_HEADER.SizeOfHeaders, self.size):
            return rva, min(self.pe.OPTIONAL_HEADER.SizeOfHeaders, self.size)
        raise BadImageError(f"corrupt: address 0x{rva:x} lies in no section")

    def text(self, rva: int) -> str:
        """Return the zero-terminated text at an address."""
        start, limit = self.place(rva)
        end = self.data.find(b"\0", start, min(limit, start + MAX_NAME))
        if end < 0:
            raise BadImageError(f"corrupt: name without an end at 0x{rva:x}")
        return str(self.data[start:end], "latin-1")

    def unpack(self, layout: str, rva: int) -> tuple[int, ...]:
        """Return the numbers at an address."""
        start, limit = self.place(rva)
        if start + struct.calcsize(layout) > limit:
            raise BadImageError(f"corrupt: table at 0x{rva:x} leaves its section")
        return struct.unpack_from(layout, self.data, start)

    def numbers(self, code: str, rva: int, count: int) -> tuple[int, ...]:
        """Return an array of numbers at an address.

        Raises:
            BadImageError: If it does not fit into its section.
        """
        if count > MAX_SYMBOLS:
            raise BadImageError(f"corrupt: a table of {count:,} entries")
        return self.unpack(f"<{count}{code}", rva)


def read_pe(path: str, header: Header) -> Image:
    """Read a DLL, extension module or executable of Windows.

    Args:
        path: The file.
        header: What :func:`.header.read_header` made of it.

    Returns:
        The image, with exports and file version to be read on demand.
    """
    image = Image(path, header)
    try:
        view = View(path)
    except BadImageError as error:
        image.problem = _as_problem(str(error))
        return image
    try:
        image.problem = view.check()
        if not hasattr(view.pe, "OPTIONAL_HEADER"):
            return image
        optional = view.pe.OPTIONAL_HEADER
        image.linker_version = f"{optional.MajorLinkerVersion}.{optional.MinorLinkerVersion:02d}"
        image.later(exports=lambda: _exports_of(path), version=lambda: file_version(path))
        image.imports = tuple(_imports(view)) + tuple(_delayed(view))
    except (BadImageError, struct.error) as error:
        image.problem = image.problem or _as_problem(str(error))
    finally:
        view.close()
    return image


def _as_problem(text: str) -> str:
    return text if text.startswith(("truncated", "corrupt")) else f"corrupt: {text}"


def _imports(view: View) -> Iterator[Import]:
    rva, _ = view.directory(IMPORT)
    budget = [MAX_SYMBOLS, MAX_NAME_BYTES]
    for index in range(MAX_LIBRARIES if rva else 0):
        lookup, _, _, name, address = view.unpack("<5I", rva + index * 20)
        if not name or not address:
            return
        yield Import(view.text(name), tuple(_thunks(view, lookup or address, budget)))


def _delayed(view: View) -> Iterator[Import]:
    rva, _ = view.directory(DELAY_IMPORT)
    budget = [MAX_SYMBOLS, MAX_NAME_BYTES]
    for index in range(MAX_LIBRARIES if rva else 0):
        attributes, name, _, _, table, _, _, _ = view.unpack("<8I", rva + index * 32)
        if not name:
            return
        # Without the lowest bit the fields are addresses, not offsets from the image's base (Visual C++ 6).
        base = 0 if attributes & 1 else view.pe.OPTIONAL_HEADER.ImageBase
        yield Import(view.text(name - base), tuple(_thunks(view, table - base, budget)), delayed=True)


def _thunks(view: View, rva: int, budget: list[int]) -> Iterator[Symbol]:
    wide = view.pe.OPTIONAL_HEADER.Magic == 0x20B
    size, by_ordinal = (8, 1 << 63) if wide else (4, 1 << 31)
    start, limit = view.place(rva)
    data, find = view.data, view.data.find
    # Names lie together: the section of the last one is tried first, which saves the search for each.
    low, high, delta, end = 0, 0, 0, 0
    for offset in range(start, limit - size + 1, size):
        entry = int.from_bytes(data[offset : offset + size], "little")
        if not entry:
            return
        budget[0] -= 1
        if budget[0] < 0:
            raise BadImageError("corrupt: more imported symbols than any image has")
        if entry & by_ordinal:
            yield entry & 0xFFFF
            continue
        hint = entry & 0x7FFFFFFF
        if not low <= hint < high:
            where, end = view.place(hint)
            low, high, delta = hint, hint + end - where, where - hint
        begin = hint + delta + 2
        stop = find(b"\0", begin, min(end, begin + MAX_NAME))
        if stop < 0:
            raise BadImageError(f"corrupt: name without an end at 0x{hint:x}")
        budget[1] -= stop - begin
        if budget[1] < 0:
            raise BadImageError("corrupt: longer imported names than any image has")
        yield str(data[begin:stop], "latin-1")
    raise BadImageError(f"corrupt: import table without an end at 0x{rva:x}")


def _exports_of(path: str) -> Exports:
    try:
        view = View(path)
    except BadImageError:
        return Exports()
    try:
        return _exports(view)
    except (BadImageError, struct.error):
        return Exports()
    finally:
        view.close()


def _exports(view: View) -> Exports:
    rva, size = view.directory(EXPORT)
    if not rva:
        return Exports()
    base, functions, names, function_table, name_table, ordinal_table = view.unpack("<6I", rva + 16)
    addresses = view.numbers("I", function_table, functions) if functions else ()
    forwarders = {
        index: view.text(address) for index, address in enumerate(addresses) if address and rva <= address < rva + size
    }
    ordinals = {base + index: forwarders.get(index, "") for index, address in enumerate(addresses) if address}
    table: dict[str, str] = {}
    if names:
        budget = MAX_NAME_BYTES
        hints = view.numbers("I", name_table, names)
        indices = view.numbers("H", ordinal_table, names)
        data, find = view.data, view.data.find
        low, high, delta, end = 0, 0, 0, 0
        for hint, index in zip(hints, indices, strict=True):
            if not low <= hint < high:
                where, end = view.place(hint)
                low, high, delta = hint, hint + end - where, where - hint
            begin = hint + delta
            stop = find(b"\0", begin, min(end, begin + MAX_NAME))
            budget -= stop - begin
            if stop < 0 or budget < 0:
                raise BadImageError(f"corrupt: export name at 0x{hint:x}")
            table[str(data[begin:stop], "latin-1")] = forwarders.get(index, "")
    return Exports(table, ordinals)


def file_version(path: str) -> str:
    """Return the file version (``14.29.30133.0``) of a DLL or executable; empty where it has none.

    The fixed part of the resource is found by its magic number, as pefile itself does after walking the resource
    tree; for a large DLL that walk costs more than its closure.
    """
    try:
        view = View(path)
    except BadImageError:
        return ""
    try:
        rva, size = view.directory(RESOURCE)
        if not rva or not size:
            return ""
        start, limit = view.place(rva)
        at = view.data.find(b"\xbd\x04\xef\xfe\x00\x00\x01\x00", start, min(limit, start + size))
        if at < 0 or at + 16 > limit:
            return ""
        high, low = struct.unpack_from("<II", view.data, at + 8)
        return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"
    except (BadImageError, struct.error):
        return ""
    finally:
        view.close()
