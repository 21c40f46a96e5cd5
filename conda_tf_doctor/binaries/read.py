"""Which reader a file needs: PE, ELF, Mach-O, or none."""

from __future__ import annotations

from .. import reading
from .header import ELF, MACHO, PE, read_header
from .image import Image


def read_image(path: str, machine: str = "") -> Image:
    """Read a binary of any kind.

    Args:
        path: The file.
        machine: Which slice to read of a universal Mach-O binary; the first where empty or absent.

    Returns:
        The image; its ``problem`` says what is wrong with a file that no loader would take.
    """
    try:
        header = read_header(path)
    except OSError as error:
        return Image(path, problem=f"cannot be read: {error.strerror or error}")
    if header.format == PE:
        from .pe import read_pe

        return read_pe(path, header)
    if header.format == ELF:
        from .elf import read_elf

        return read_elf(path, header)
    if header.format == MACHO:
        from .macho import read_macho

        return read_macho(path, header, machine)
    return Image(path, header, problem=_not_an_image(path))


def _not_an_image(path: str) -> str:
    try:
        with reading.open_raw(path) as stream:
            head = stream.read(64)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if not head:
        return "empty file"
    if head[:2] == b"MZ":
        return "truncated: the PE header is missing"
    if head[:4] == b"\x7fELF":
        return "truncated: the ELF header is cut"
    if head.startswith(b"version https://git-lfs"):
        return "not a binary: a Git LFS pointer"
    if not any(head):
        return "not a binary: filled with zeros"
    return "not a binary"
