"""Whether files are still what their packages recorded: conda's ``paths_data``, pip's RECORD.

Sizes are compared always. Hashes of small files too, for that costs milliseconds, and of larger ones that were written
after their record was; a gigabyte takes seconds, so it is read only when asked for. What this leaves out, a change of a
large file that keeps its size, is rare: what cuts a file in half (a full disk, an antivirus, a broken download) changes
its size.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from .. import reading
from .._typing import NamedTuple
from .records import Recorded
from .remembered import Remembered

# Of TensorFlow 2.10 for Windows 28 of 72 binaries are below the first, 4 MB in all; all but 8 are below the second,
# 121 MB, which take a tenth of a second.
SMALL, MIDDLE = 1 << 19, 4 << 20

GONE = "gone"
SHORTER = "shorter"
LONGER = "longer"
CHANGED = "changed"


class Damage(NamedTuple):
    """A file that is not what its package recorded.

    Attributes:
        recorded: The record's word.
        kind: ``gone``, ``shorter``, ``longer`` or ``changed``.
        found: Its size or hash now.
    """

    recorded: Recorded
    kind: str
    found: str = ""


def compare(files: Iterable[Recorded], thorough: bool = False, kept: Remembered | None = None) -> list[Damage]:
    """Compare files with what was recorded.

    Args:
        files: The records. Several may name one file (two distributions, or pip over conda): it is as recorded where
            it is as any of them says.
        thorough: Hash files of any size.
        kept: What is remembered of earlier runs, and remembers this one.

    Returns:
        The files that differ, each once; one that cannot be read counts as gone.
    """
    by_path: dict[str, list[Recorded]] = {}
    for entry in files:
        by_path.setdefault(os.path.normcase(entry.path), []).append(entry)
    damages = []
    for entries in by_path.values():
        found = []
        for entry in entries:
            damage = _compare(entry, thorough, kept)
            if damage is None:
                break
            found.append(damage)
        else:
            damages.append(found[0])
    return damages


def _compare(entry: Recorded, thorough: bool, kept: Remembered | None) -> Damage | None:
    try:
        facts = os.stat(entry.path)
        size = facts.st_size
        if entry.size >= 0 and size != entry.size:
            return Damage(entry, SHORTER if size < entry.size else LONGER, f"{size:,} bytes")
        most = MIDDLE if facts.st_mtime_ns > entry.written else SMALL
        if not entry.sha256 or (size > most and not thorough):
            return None
        found = kept.of("sha256", entry.path, facts) if kept else ""
        if not found or not isinstance(found, str):
            found = _sha256(entry.path)
            if kept:
                kept.remember("sha256", entry.path, facts, found)
    except OSError:
        return Damage(entry, GONE)
    return Damage(entry, CHANGED, found) if found != entry.sha256.lower() else None


def _sha256(path: str) -> str:
    import hashlib  # loads OpenSSL, and later runs remember what they need of it

    digest = hashlib.sha256()
    buffer = memoryview(bytearray(1 << 20))
    with reading.open_raw(path) as stream:
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()
