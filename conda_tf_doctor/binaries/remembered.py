"""Hashes of files that were read once, kept for later runs: a private cache, safe to delete at any time.

A file is the one that was hashed where its size, inode and times, of content and of state, are the same: whoever
writes to it, or puts another in its place, changes one of them. The folder is used only where it is the user's own and
nobody else may write there, so that nobody can plant a hash.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
import zlib

from .. import reading
from .._typing import Any
from ..errors import Ignored

FORMAT = 1
# What changed so lately may change again within the resolution of the clock.
SETTLED = 2_000_000_000


def cache_folder() -> str:
    """Return where this program's cache is, whether or not it is there."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "") or os.path.expanduser("~/.cache")
    return os.path.join(base, "conda-tf-doctor") if os.path.isabs(base) else ""


def _is_private(folder: str) -> bool:
    """Tell whether a folder is the user's own, no link, and closed to the writing of others."""
    facts = os.lstat(folder)
    if not stat.S_ISDIR(facts.st_mode):
        return False
    return sys.platform == "win32" or (facts.st_uid == os.geteuid() and not facts.st_mode & 0o022)


def _identity(facts: os.stat_result) -> list[int]:
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev]


class Hashes:
    """The hashes that are remembered of one environment's files.

    Args:
        prefix: The environment's folder.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.folder = cache_folder()
        self._known: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        self._path = os.path.join(self.folder, f"hashes-{zlib.crc32(os.fsencode(prefix)):08x}.json")
        with Ignored(OSError, ValueError):
            if self.folder and _is_private(self.folder):
                kept = reading.load_json(reading.read_bytes(self._path))
                if isinstance(kept, dict) and (kept.get("format"), kept.get("prefix")) == (FORMAT, prefix):
                    self._known = kept["files"] if isinstance(kept.get("files"), dict) else {}

    def of(self, path: str, facts: os.stat_result) -> str:
        """Return the hash of a file as it is now; empty where it is not remembered."""
        kept = self._known.get(path)
        if not isinstance(kept, list) or len(kept) != 6 or kept[:5] != _identity(facts) or not isinstance(kept[5], str):
            return ""
        self._used[path] = kept
        return kept[5]

    def remember(self, path: str, facts: os.stat_result, digest: str) -> None:
        """Keep a hash that was just made of a file whose facts were taken before."""
        if max(facts.st_mtime_ns, facts.st_ctime_ns) < time.time_ns() - SETTLED:
            self._used[path] = [*_identity(facts), digest]

    def save(self) -> None:
        """Write down what this run used, where that is something else than what was there; a full disk is no error."""
        if not self.folder or self._used == self._known:
            return
        text = json.dumps({"format": FORMAT, "prefix": self.prefix, "files": self._used})
        scratch = f"{self._path}.{os.getpid()}"
        with Ignored(OSError, ValueError):
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            if not _is_private(self.folder):
                return
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    stream.write(text)
                os.replace(scratch, self._path)
            except OSError:
                os.unlink(scratch)
