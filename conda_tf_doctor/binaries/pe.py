"""PE images: what the Windows loader reads of a DLL or extension module.

Where the headers are as every linker writes them they are read here, else pefile reads them and says what is odd. The
import and export tables are walked here in any case, for three reasons that matter to a verdict: pefile takes names of
more than 512 bytes for invalid (TensorFlow's mangled names are longer), stops at 8,192 symbols (its largest DLL exports
44,875), and builds an object for each one, which takes longer than the loader itself.

Source of the layout: Microsoft Learn, "PE Format".
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from functools import partial
from itertools import accumulate

from .. import reading
from .._typing import NamedTuple
from .header import Header
from .image import MAX_LIBRARIES, MAX_NAME, MAX_NAME_BYTES, MAX_SYMBOLS, Exports, Image, Import, Ordinals, Symbol

EXPORT, IMPORT, RESOURCE, DELAY_IMPORT = 0, 1, 2, 13

# A section may be larger in memory than in the file; the loader rounds what it maps up to a page.
PAGE = 0x1000


class BadImageError(Exception):
    """The file is no image that Windows would load; the text says why."""


class Section(NamedTuple):
    """One entry of the section table: its name, where it is in memory and in the file, and its sizes there."""

    name: str
    address: int
    virtual: int
    start: int
    size: int


class Headers(NamedTuple):
    """What the headers of an image say.

    Attributes:
        magic: 0x10B for 32 bits, 0x20B for 64; 0 where there is no optional header.
        linker: Its version, two numbers.
        base: The address it prefers.
        size: Of all headers.
        declared: How many sections there should be.
        directories: Address and size of each data directory.
        sections: The sections.
    """

    magic: int = 0
    linker: tuple[int, int] = (0, 0)
    base: int = 0
    size: int = 0
    declared: int = 0
    directories: tuple[tuple[int, int], ...] = ()
    sections: tuple[Section, ...] = ()


def _plain(data: mmap.mmap) -> Headers | None:
    """Return the headers where they are as linkers write them; ``None`` where anything is odd."""
    try:
        (start,) = struct.unpack_from("<I", data, 0x3C)
        signature, declared, length = struct.unpack_from("<4s2xH12xH", data, start)
        magic, major, minor = struct.unpack_from("<HBB", data, start + 24)
        wide = magic == 0x20B
        at = start + 24 + (112 if wide else 96)
        (base,) = struct.unpack_from("<Q" if wide else "<I", data, start + (48 if wide else 52))
        (size,) = struct.unpack_from("<I", data, start + 84)
        (count,) = struct.unpack_from("<I", data, at - 4)
        if signature != b"PE\0\0" or magic not in (0x10B, 0x20B) or count != 16 or at + 128 > start + 24 + length:
            return None
        numbers = struct.unpack_from("<32I", data, at)
        rows = [struct.unpack_from("<8s4I", data, start + 24 + length + 40 * place) for place in range(declared)]
    except struct.error:
        return None
    sections = tuple(Section(_named(name), *(row[1], row[0], row[3], row[2])) for name, *row in rows)
    whole = all(section.start + section.size <= len(data) for section in sections if section.size)
    directories = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    return Headers(magic, (major, minor), base, size, declared, directories, sections) if whole else None


def _named(name: bytes) -> str:
    return name.rstrip(b"\0").decode("latin-1")


def _by_pefile(path: str) -> Headers:
    import pefile

    try:
        pe = pefile.PE(path, fast_load=True)
    except pefile.PEFormatError as error:
        raise BadImageError(str(error.value if hasattr(error, "value") else error).strip("'\".").lower()) from None
    except Exception as error:  # pefile promises nothing for damaged files: any failure means the file is bad
        raise BadImageError(f"unreadable headers ({type(error).__name__})") from None
    optional = getattr(pe, "OPTIONAL_HEADER", None)
    sections = tuple(
        Section(_named(s.Name), s.VirtualAddress, s.Misc_VirtualSize, s.PointerToRawData, s.SizeOfRawData)
        for s in pe.sections
    )
    # Not by pefile's own ``close``, which collects garbage each time: in a large process that costs more than all else.
    if hasattr(pe.__data__, "close"):
        pe.__data__.close()
    if optional is None:
        return Headers(declared=pe.FILE_HEADER.NumberOfSections, sections=sections)
    return Headers(
        optional.Magic,
        (optional.MajorLinkerVersion, optional.MinorLinkerVersion),
        optional.ImageBase,
        optional.SizeOfHeaders,
        pe.FILE_HEADER.NumberOfSections,
        tuple((entry.VirtualAddress, entry.Size) for entry in getattr(optional, "DATA_DIRECTORY", ())),
        sections,
    )


class View:
    """A mapped PE file with its section table, turned into something that can be asked by address."""

    def __init__(self, path: str) -> None:
        try:
            with reading.open_raw(path) as stream:
                self.data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise BadImageError(f"unreadable headers ({type(error).__name__})") from None
        self.size = len(self.data)
        try:
            self.headers = _plain(self.data) or _by_pefile(path)
        except BadImageError:
            self.close()
            raise
        self.sections: list[tuple[int, int, int]] = []
        for section in self.headers.sections:
            # Windows ignores the low bits of a section's place in the file.
            start = section.start & ~0x1FF if section.start >= 0x200 else section.start
            held = min(section.size, -(-(section.virtual or section.size) // PAGE) * PAGE)
            self.sections.append((section.address, section.address + held, start))

    def close(self) -> None:
        """Unmap the file."""
        self.data.close()

    def check(self) -> str:
        """Return what would make Windows refuse the file, or an empty string."""
        headers = self.headers
        if not headers.magic:
            return "truncated: the optional header is missing"
        if headers.magic not in (0x10B, 0x20B):
            return f"corrupt: optional header magic 0x{headers.magic:x}"
        if len(headers.sections) < headers.declared:
            return "truncated: the section table is cut"
        if headers.size > self.size:
            return "truncated: the headers are cut"
        for section in headers.sections:
            end = section.start + section.size
            if section.size and end > self.size:
                return f"truncated: section {section.name} ends at byte {end:,}, the file at {self.size:,}"
        return ""

    def directory(self, index: int) -> tuple[int, int]:
        """Return address and size of a data directory; zeros where there is none."""
        directories = self.headers.directories
        return directories[index] if index < len(directories) else (0, 0)

    def place(self, rva: int) -> tuple[int, int]:
        """Return where an address lies in the file, and where the part of the file that is mapped there ends."""
        for start, end, raw in self.sections:
            if start <= rva < end:
                return rva - start + raw, min(end - start + raw, self.size)
        if rva < min(self.headers.size, self.size):
            return rva, min(self.headers.size, self.size)
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
        if not view.headers.magic:
            return image
        major, minor = view.headers.linker
        image.linker_version = f"{major}.{minor:02d}"
        image.later(exports=partial(_exports_of, path), version=partial(file_version, path))
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
        base = 0 if attributes & 1 else view.headers.base
        yield Import(view.text(name - base), tuple(_thunks(view, table - base, budget)), delayed=True)


def _thunks(view: View, rva: int, budget: list[int]) -> Iterator[Symbol]:
    wide = view.headers.magic == 0x20B
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
    ordinals = Ordinals(base, addresses, forwarders)
    if not names:
        return Exports({}, ordinals)
    places = view.numbers("I", name_table, names)
    spelled = _in_a_row(view, places) or _one_by_one(view, places)
    table = dict.fromkeys(spelled, "")
    if forwarders:
        indices = view.numbers("H", ordinal_table, names)
        table |= {name: forwarders[i] for name, i in zip(spelled, indices, strict=True) if i in forwarders}
    return Exports(table, ordinals)


def _in_a_row(view: View, places: tuple[int, ...]) -> list[str]:
    """Return the names at some addresses where each begins behind the end of the one before, as linkers write them."""
    first, limit = view.place(places[0])
    if not first <= first + places[-1] - places[0] < limit:
        return []
    end = view.data.find(b"\0", first + places[-1] - places[0], limit)
    if not 0 <= end - first <= MAX_NAME_BYTES:
        return []
    names = str(view.data[first:end], "latin-1").split("\0")
    starts = accumulate((len(name) + 1 for name in names[:-1]), initial=places[0])
    return names if tuple(starts) == places else []


def _one_by_one(view: View, places: tuple[int, ...]) -> list[str]:
    names = []
    budget = MAX_NAME_BYTES
    data, find = view.data, view.data.find
    low, high, delta, end = 0, 0, 0, 0
    for place in places:
        if not low <= place < high:
            where, end = view.place(place)
            low, high, delta = place, place + end - where, where - place
        begin = place + delta
        stop = find(b"\0", begin, min(end, begin + MAX_NAME))
        budget -= stop - begin
        if stop < 0 or budget < 0:
            raise BadImageError(f"corrupt: export name at 0x{place:x}")
        names.append(str(data[begin:stop], "latin-1"))
    return names


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
