"""What was read of files once, kept for later runs: a private cache, safe to delete at any time.

Only facts are kept, never a verdict. A file is the one that was read where its size, inode and times, of content and of
state, are the same: whoever writes to it, or puts another in its place, changes one of them. The folder is used only
where it is the user's own and nobody else may write there, so that nobody can plant a fact.
"""

from __future__ import annotations

import os
import stat
import sys
import time

from .. import __version__, is_installed, reading
from .._typing import TYPE_CHECKING, Any
from ..errors import Ignored

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT = 2
# What changed so lately may change again within the resolution of the clock.
SETTLED = 2_000_000_000
# Code that decides what is kept: what other code has read is read again.
_CODE = ("binaries", "binaries/data", "context")


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


def identity(facts: os.stat_result) -> list[int]:
    """Return what changes whenever a file does, or another is put in its place."""
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev]


def is_settled(facts: os.stat_result) -> bool:
    """Tell whether a file has been as it is for so long that the next change shows in its times."""
    return max(facts.st_mtime_ns, facts.st_ctime_ns) < time.time_ns() - SETTLED


def _now(path: str) -> list[int] | None:
    """Return what a file or folder is now, ``None`` where there is none."""
    try:
        return identity(os.stat(path))
    except (OSError, ValueError):
        return None


def _made_by() -> list[object]:
    """Return which program keeps the facts: its version, and how new its code is."""
    above = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = [os.path.join(above, *name.split("/")) for name in _CODE]
    if is_installed():  # whoever installs another one puts other files there
        files = [os.stat(folder) for folder in folders]
    else:
        files = [entry.stat() for folder in folders for entry in os.scandir(folder) if entry.is_file()]
    newest = max((facts.st_mtime_ns for facts in files), default=0)
    return [FORMAT, __version__, sum(facts.st_size for facts in files), newest]


def _name(prefix: str) -> str:
    """Return a name for an environment's file (Bernstein's hash); two that share one take turns."""
    value = 5381
    for byte in os.fsencode(prefix):
        value = (value * 33 + byte) & 0xFFFFFFFF
    return f"facts-{value:08x}.json"


class Remembered:
    """The facts that are remembered of one environment's files, of several kinds.

    Args:
        prefix: The environment's folder.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.folder = cache_folder()
        self._known: dict[str, dict[str, Any]] = {}
        self._used: dict[str, dict[str, Any]] = {}
        self._path = os.path.join(self.folder, _name(prefix))
        with Ignored(OSError, ValueError):
            if self.folder and _is_private(self.folder):
                kept = reading.load_json(reading.read_text(self._path, errors="strict"))
                files = kept.get("files") if isinstance(kept, dict) else None
                if isinstance(files, dict) and (kept["prefix"], kept["made_by"]) == (prefix, _made_by()):
                    self._known = {kind: facts for kind, facts in files.items() if isinstance(facts, dict)}

    def of(self, kind: str, path: str, facts: os.stat_result) -> Any:
        """Return what is remembered of a file as it is now; ``None`` for nothing."""
        kept = self._known.get(kind, {}).get(path)
        if not isinstance(kept, list) or len(kept) != 6 or kept[:5] != identity(facts):
            return None
        self._used.setdefault(kind, {})[path] = kept
        return kept[5]

    def remember(self, kind: str, path: str, facts: os.stat_result, value: Any) -> None:
        """Keep what was just read of a file whose facts were taken before."""
        if is_settled(facts):
            self._used.setdefault(kind, {})[path] = [*identity(facts), value]

    def of_several(self, kind: str, key: str) -> Any:
        """Return what is remembered of several files and folders, all of them as they are now; ``None`` for nothing."""
        kept = self._known.get(kind, {}).get(key)
        if not isinstance(kept, list) or len(kept) != 2 or not isinstance(kept[0], dict):
            return None
        if any(_now(path) != facts for path, facts in kept[0].items()):
            return None
        self._used.setdefault(kind, {})[key] = kept
        return kept[1]

    def remember_several(self, kind: str, key: str, paths: Iterable[str], value: Any) -> None:
        """Keep what was just read of several files and folders, of which some may not be there."""
        now: dict[str, list[int] | None] = {}
        for path in paths:
            try:
                facts = os.stat(path)
            except (OSError, ValueError):
                now[path] = None
                continue
            if not is_settled(facts):
                return
            now[path] = identity(facts)
        self._used.setdefault(kind, {})[key] = [now, value]

    def save(self) -> None:
        """Write down what this run used, where that is something else than what was there; a full disk is no error.

        Of a kind that was asked for only what was used is kept, so that what is gone does not stay for ever.
        """
        kept = {**self._known, **self._used}
        if not self.folder or kept == self._known:
            return
        import json

        scratch = f"{self._path}.{os.getpid()}"
        with Ignored(OSError, ValueError):
            text = json.dumps({"made_by": _made_by(), "prefix": self.prefix, "files": kept})
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            if not _is_private(self.folder):
                return
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    stream.write(text)
                os.replace(scratch, self._path)
                self._known = kept
            except OSError:
                os.unlink(scratch)
                raise
