"""Mach-O images: the load commands that name libraries.

Source of the layout: Apple's xnu, ``EXTERNAL_HEADERS/mach-o/loader.h`` and ``fat.h``.
"""

from __future__ import annotations

import os
import struct

from .. import reading
from .._typing import BinaryIO
from .header import HEAD, MACHO_MACHINES, MAX_SLICES, Header
from .image import MAX_LIBRARIES, Image, Import

LC_REQ_DYLD = 0x80000000
LC_LOAD_DYLIB, LC_ID_DYLIB, LC_RPATH = 0xC, 0xD, 0x1C | LC_REQ_DYLD
LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB, LC_LOAD_UPWARD_DYLIB = 0x18 | LC_REQ_DYLD, 0x1F | LC_REQ_DYLD, 0x23 | LC_REQ_DYLD
LC_SEGMENT, LC_SEGMENT_64 = 0x1, 0x19
LC_VERSION_MIN_MACOSX, LC_BUILD_VERSION, PLATFORM_MACOS = 0x24, 0x32, 1
LIBRARIES = (LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB, LC_LOAD_UPWARD_DYLIB)

MAX_COMMANDS_SIZE = 16 * 1024 * 1024


class BadMachoError(Exception):
    """The file is no image that ``dyld`` would load; the text says why."""


def read_macho(path: str, header: Header, machine: str = "") -> Image:
    """Read a dylib, bundle or executable of macOS.

    Args:
        path: The file.
        header: What :func:`.header.read_header` made of it.
        machine: Which slice of a universal binary; the first where empty or absent.

    Returns:
        The image of that slice.
    """
    image = Image(path, header)
    try:
        with reading.open_regular(path) as stream:
            size = stream.seek(0, 2)
            start, end = _slice(stream, header, machine, size)
            if start and _is_hole(stream, start):
                return image
            _read_commands(image, stream, start, min(end, size))
            if end > size:
                image.problem = f"truncated: its slice ends at byte {end:,}, the file at {size:,}"
    except BadMachoError as error:
        image.problem = str(error)
    except (OSError, struct.error) as error:
        image.problem = f"truncated or corrupt: {error}"
    return image


def _is_hole(stream: BinaryIO, start: int) -> bool:
    """Tell whether a slice was left out of a thin copy: nothing was ever written there, and nothing can be told."""
    stream.seek(start)
    status = os.fstat(stream.fileno())
    thin = getattr(status, "st_blocks", 0) * 512 < status.st_size
    return thin and not stream.read(HEAD).strip(b"\0")


def _slice(stream: BinaryIO, header: Header, machine: str, size: int) -> tuple[int, int]:
    stream.seek(0)
    head = stream.read(HEAD)
    if head[:4] not in (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"):
        return 0, size
    wide = head[3] == 0xBF
    layout = ">IIQQII" if wide else ">IIIII"
    slices = []
    for index in range(min(struct.unpack_from(">I", head, 4)[0], MAX_SLICES)):
        fields = struct.unpack_from(layout, head, 8 + index * struct.calcsize(layout))
        slices.append((MACHO_MACHINES.get(fields[0], ""), fields[2], fields[2] + fields[3]))
    if not slices:
        raise BadMachoError("corrupt: universal binary without slices")
    _, start, end = next((entry for entry in slices if entry[0] == machine), slices[0])
    return start, end


def _read_commands(image: Image, stream: BinaryIO, start: int, end: int) -> None:
    stream.seek(start)
    head = stream.read(32)
    orders = {b"\xcf\xfa\xed\xfe": ("<", 32), b"\xce\xfa\xed\xfe": ("<", 28)}
    orders |= {b"\xfe\xed\xfa\xcf": (">", 32), b"\xfe\xed\xfa\xce": (">", 28)}
    if head[:4] not in orders:
        raise BadMachoError("corrupt: the slice is no Mach-O image")
    order, header_size = orders[head[:4]]
    kind, _, _, count, commands_size = struct.unpack_from(order + "5I", head, 4)
    image.machine = MACHO_MACHINES.get(kind, "")
    image.bits = 64 if kind & 0x01000000 else 32
    stream.seek(start + header_size)
    data = stream.read(min(commands_size, MAX_COMMANDS_SIZE))
    if len(data) < commands_size:
        raise BadMachoError("truncated: the load commands are cut")
    imports: list[Import] = []
    rpaths: list[str] = []
    offset = 0
    for _ in range(min(count, len(data) // 8)):
        command, length = struct.unpack_from(order + "II", data, offset)
        if length < 8 or offset + length > len(data):
            raise BadMachoError("corrupt: a load command leaves the table")
        body = data[offset : offset + length]
        if command in LIBRARIES and len(imports) < MAX_LIBRARIES:
            imports.append(Import(_text(body, order), weak=command == LC_LOAD_WEAK_DYLIB))
        elif command == LC_ID_DYLIB:
            image.soname = _text(body, order)
        elif command == LC_RPATH and len(rpaths) < MAX_LIBRARIES:
            rpaths.append(_text(body, order))
        elif command in (LC_VERSION_MIN_MACOSX, LC_BUILD_VERSION):
            # With LC_BUILD_VERSION, the platform that it is of comes first.
            fields = struct.unpack_from(order + "II", body, 8)
            if command == LC_VERSION_MIN_MACOSX or fields[0] == PLATFORM_MACOS:
                packed = fields[command == LC_BUILD_VERSION]
                image.minimum_system = f"{packed >> 16}.{packed >> 8 & 0xFF}"
        elif command in (LC_SEGMENT, LC_SEGMENT_64):
            place, held = struct.unpack_from(order + ("QQ" if command == LC_SEGMENT_64 else "II"), body, _at(command))
            if start + place + held > end:
                image.problem = image.problem or f"truncated: its segments end at byte {start + place + held:,}"
        offset += length
    image.imports, image.rpath = tuple(imports), tuple(rpaths)


def _at(command: int) -> int:
    """Return where a segment command has its file offset: after the name and two addresses."""
    return 40 if command == LC_SEGMENT_64 else 32


def _text(body: bytes, order: str) -> str:
    (offset,) = struct.unpack_from(order + "I", body, 8)
    if offset >= len(body):
        raise BadMachoError("corrupt: a load command without its text")
    return body[offset:].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
