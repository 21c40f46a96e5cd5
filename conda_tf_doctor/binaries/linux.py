"""Where ``ld.so`` looks for a shared object.

Sources: ``ld.so(8)`` ("Rpath token expansion", search order) and glibc ``elf/dl-load.c``; the cache's layout is that
of ``sysdeps/generic/dl-cache.h`` (magic ``glibc-ld.so.cache1.1``).
"""

from __future__ import annotations

import os
import struct
import sys
from functools import cache

from .. import reading

CACHE = "/etc/ld.so.cache"
MAGIC = b"glibc-ld.so.cache1.1"
OLD_MAGIC = b"ld.so-1.7.0"

RPATH = "RPATH"
RUNPATH = "RUNPATH"
LIBRARY_PATH = "LD_LIBRARY_PATH"
IN_CACHE = "ld.so.cache"
DEFAULT = "default folders"
LOADED = "already loaded"
SYSTEM = "system library"

# What every Linux with glibc brings, and GCC's runtime, which any of them has that runs C++ programs.
SYSTEM_LIBRARIES = frozenset(
    f"lib{name}"
    for name in (
        *("c.so.6", "m.so.6", "dl.so.2", "pthread.so.0", "rt.so.1", "util.so.1", "resolv.so.2", "nsl.so.1"),
        *("anl.so.1", "crypt.so.1", "mvec.so.1", "BrokenLocale.so.1", "thread_db.so.1"),
        *("stdc++.so.6", "gcc_s.so.1"),
    )
) | {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "ld64.so.2", "ld64.so.1", "ld-linux.so.2"}

_MULTIARCH = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu", "ppc64le": "powerpc64le-linux-gnu"}
_MULTIARCH |= {"x86": "i386-linux-gnu", "s390x": "s390x-linux-gnu"}

MAX_CACHE = 64 * 1024 * 1024


def default_folders(machine: str) -> tuple[str, ...]:
    """Return the folders that ``ld.so`` searches last, for Debian's layout and for everyone else's."""
    triple = _MULTIARCH.get(machine)
    multiarch = (f"/lib/{triple}", f"/usr/lib/{triple}") if triple else ()
    return (*multiarch, "/lib64", "/usr/lib64", "/lib", "/usr/lib")


def runs_here(machine: str) -> bool:
    """Tell whether this machine is a Linux of that architecture, so that its own libraries count."""
    return sys.platform.startswith("linux") and os.uname().machine in {machine, "i686" if machine == "x86" else ""}


@cache
def read_cache(path: str = CACHE) -> dict[str, tuple[str, ...]]:
    """Return the libraries that ``ldconfig`` knows: their paths by name, in the cache's order.

    Args:
        path: The cache file.

    Returns:
        An empty table where there is no cache or it is in no known format.
    """
    try:
        with reading.open_regular(path) as stream:
            data = stream.read(MAX_CACHE)
    except OSError:
        return {}
    start = data.find(MAGIC)
    if start < 0 or (start and not data.startswith(OLD_MAGIC)):
        return {}
    if len(data) < start + 48:
        return {}
    count, _ = struct.unpack_from("<II", data, start + 20)
    table: dict[str, list[str]] = {}
    for index in range(min(count, (len(data) - start - 48) // 24)):
        _, key, value, _, _ = struct.unpack_from("<iIIIQ", data, start + 48 + index * 24)
        name, file = _text(data, start + key), _text(data, start + value)
        if name and file:
            table.setdefault(name, []).append(file)
    return {name: tuple(files) for name, files in table.items()}


def _text(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset, offset + 4096)
    return data[offset:end].decode("utf-8", "surrogateescape") if 0 <= offset < end else ""


def expand(entry: str, origin: str, machine: str) -> str:
    """Return an RPATH entry with ``$ORIGIN``, ``$LIB`` and ``$PLATFORM`` replaced."""
    library = "lib64" if machine in ("x86_64", "aarch64", "ppc64le", "s390x") else "lib"
    if machine in _MULTIARCH and os.path.isdir(f"/usr/lib/{_MULTIARCH[machine]}"):
        library = f"lib/{_MULTIARCH[machine]}"
    for token, value in (("ORIGIN", origin), ("LIB", library), ("PLATFORM", machine)):
        entry = entry.replace("${" + token + "}", value).replace("$" + token, value)
    return entry
