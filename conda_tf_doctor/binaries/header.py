"""Which machine a binary is for, from its first kilobytes; and nothing imported for it.

``check`` reads every environment's Python this way, so it must cost one ``open`` and one ``read``.

Sources: the PE format specification (Microsoft Learn, "PE Format", machine types), the ELF gABI (``e_machine``), and
``mach-o/loader.h`` / ``mach-o/fat.h`` of Apple's xnu.
"""

from __future__ import annotations

from .. import reading
from .._typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Literal

PE = "pe"
ELF = "elf"
MACHO = "macho"

# The DOS stub of a real file is at most some hundred bytes; a fat Mach-O's table is shorter still.
HEAD = 4096

PE_MACHINES = {
    0x014C: ("x86", 32),
    0x8664: ("x86_64", 64),
    0xAA64: ("arm64", 64),
    0xA641: ("arm64", 64),  # ARM64EC: loadable by arm64 processes
    0xA64E: ("arm64", 64),  # ARM64X
    0x01C0: ("arm", 32),
    0x01C4: ("arm", 32),
    0x0200: ("ia64", 64),
}
ELF_MACHINES = {
    3: "x86",
    20: "ppc",
    21: "ppc64",
    22: "s390x",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    258: "loongarch64",
}
MACHO_MACHINES = {7: "x86", 0x01000007: "x86_64", 12: "arm", 0x0100000C: "arm64", 18: "ppc", 0x01000012: "ppc64"}

# Java class files share the fat magic; no real universal binary has more slices than this.
MAX_SLICES = 30


class Header(NamedTuple):
    """What the first bytes of a binary tell.

    Attributes:
        format: ``pe``, ``elf``, ``macho``, or empty where it is none of them (a script, a text file, a cut file).
        machine: ``x86``, ``x86_64``, ``arm64`` (Windows, macOS), ``aarch64`` (Linux) …; of a universal Mach-O binary
            the first slice's, see ``machines``. Empty where unknown.
        bits: 32, 64, or 0 where unknown.
        machines: Every slice's machine.
    """

    format: str = ""
    machine: str = ""
    bits: int = 0
    machines: tuple[str, ...] = ()


def read_header(path: str) -> Header:
    """Return what the first 4 KB of a file tell; links are followed.

    Args:
        path: The file.

    Returns:
        The header; all empty where the file is no binary.

    Raises:
        OSError: If the file cannot be opened or read.
    """
    with reading.open_raw(path) as stream:
        head = stream.read(HEAD)
        if head[:2] == b"MZ" and len(head) >= 64:
            offset = _number(head, 0x3C)
            if offset + 6 > len(head):
                # A launcher may have a large stub; one more small read decides.
                stream.seek(offset)
                return parse_header(head, stream.read(24))
        return parse_header(head)


def _number(data: bytes, place: int, size: int = 4, order: Literal["little", "big"] = "little") -> int:
    """Return the unsigned number at a place; ``struct`` would be one more library to load."""
    return int.from_bytes(data[place : place + size], order)


def parse_header(head: bytes, coff: bytes | None = None) -> Header:
    """Return what the first bytes of a file tell.

    Args:
        head: The first bytes (64 at least for PE).
        coff: The bytes at the PE header where they lie beyond ``head``.

    Returns:
        The header; all empty where they are no binary's.
    """
    magic = head[:4]
    if magic[:2] == b"MZ":
        return _pe(head, coff)
    if magic == b"\x7fELF":
        return _elf(head)
    if len(head) < 8:
        return Header()
    if magic in (b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"):
        return _macho((_number(head, 4),))
    if magic in (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf"):
        return _macho((_number(head, 4, order="big"),))
    if magic in (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"):
        size = 20 if magic[3] == 0xBE else 32
        count = _number(head, 4, order="big")
        if 0 < count <= MAX_SLICES and 8 + count * size <= len(head):
            return _macho(tuple(_number(head, 8 + i * size, order="big") for i in range(count)))
    return Header()


def _pe(head: bytes, coff: bytes | None) -> Header:
    if coff is None:
        if len(head) < 64:
            return Header()
        offset = _number(head, 0x3C)
        coff = head[offset : offset + 24]
    if coff[:4] != b"PE\0\0" or len(coff) < 6:
        return Header()
    machine, bits = PE_MACHINES.get(_number(coff, 4, 2), ("", 0))
    return Header(PE, machine, bits, (machine,) if machine else ())


def _elf(head: bytes) -> Header:
    if len(head) < 20 or head[4] not in (1, 2) or head[5] not in (1, 2):
        return Header()
    number = _number(head, 18, 2, "little" if head[5] == 1 else "big")
    machine = ELF_MACHINES.get(number, "")
    if number == 21 and head[5] == 1:
        machine = "ppc64le"
    return Header(ELF, machine, 32 * head[4], (machine,) if machine else ())


def _macho(types: tuple[int, ...]) -> Header:
    machines = tuple(MACHO_MACHINES[kind] for kind in types if kind in MACHO_MACHINES)
    first = types[0]
    bits = 64 if first & 0x01000000 else 32
    return Header(MACHO, MACHO_MACHINES.get(first, ""), bits, machines)
