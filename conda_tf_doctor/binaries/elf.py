"""ELF images: what ``ld.so`` reads of a shared object before it looks at symbols.

Sources: System V gABI, chapter 5 (dynamic linking); Linux Standard Base, "Symbol Versioning".
"""

from __future__ import annotations

import struct
from functools import partial

from .. import reading
from .elf_file import DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_VERDEF, DT_VERNEED, BadElfError, Elf
from .elf_symbols import read_symbols
from .header import Header
from .image import MAX_LIBRARIES, Image, Import

VERSION_BASE = 1


def read_elf(path: str, header: Header) -> Image:
    """Read a shared object or executable.

    Args:
        path: The file.
        header: What :func:`.header.read_header` made of it.

    Returns:
        The image, with its symbols to be read on demand.
    """
    image = Image(path, header)
    try:
        with reading.open_raw(path) as stream:
            elf = Elf(stream, header)
            image.problem = elf.check()
            elf.read_dynamic()
            image.imports = tuple(Import(name) for name in elf.strings(DT_NEEDED))
            image.soname = next(iter(elf.strings(DT_SONAME)), "")
            image.rpath = _entries(elf.strings(DT_RPATH))
            image.runpath = _entries(elf.strings(DT_RUNPATH))
            image.version_needs = _version_needs(elf)
            image.version_defs = _version_defs(elf)
            image.later(symbols=partial(read_symbols, path, elf))
    except BadElfError as error:
        image.problem = image.problem or str(error)
    except (OSError, struct.error) as error:
        image.problem = image.problem or f"corrupt: {error}"
    return image


def _entries(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(entry for path in paths for entry in path.split(":") if entry)


def _version_needs(elf: Elf) -> dict[str, tuple[str, ...]]:
    needs: dict[str, tuple[str, ...]] = {}
    for address in elf.tags.get(DT_VERNEED, ())[:1]:
        offset = elf.place(address)
        for _ in range(MAX_LIBRARIES):
            _, count, file, auxiliary, following = elf.unpack("HHIII", offset)
            names, at = [], offset + auxiliary
            for _ in range(min(count, MAX_LIBRARIES)):
                _, flags, _, name, step = elf.unpack("IHHII", at)
                if not flags & 2:  # VER_FLG_WEAK: ld.so only warns
                    names.append(elf.string(name))
                if not step:
                    break
                at += step
            library = elf.string(file)
            needs[library] = needs.get(library, ()) + tuple(names)
            if not following:
                break
            offset += following
    return needs


def _version_defs(elf: Elf) -> frozenset[str]:
    names = set()
    for address in elf.tags.get(DT_VERDEF, ())[:1]:
        offset = elf.place(address)
        for _ in range(MAX_LIBRARIES):
            _, flags, _, _, _, auxiliary, following = elf.unpack("HHHHIII", offset)
            if not flags & VERSION_BASE:
                name, _ = elf.unpack("II", offset + auxiliary)
                names.add(elf.string(name))
            if not following:
                break
            offset += following
    return frozenset(names)
