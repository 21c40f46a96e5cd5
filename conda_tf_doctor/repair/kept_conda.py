"""What conda owns, kept before a repair has conda change it: its records and history, and the files that may go.

Conda brings a package back whole; as it was (a file that was lost, another that pip wrote over) only what was kept can.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from ..binaries.records import read_text
from ..reading import load_json
from . import atomic
from .kept import below

_META, _LIST, _AFTER = "conda-meta", "files.json", "history-after"
# What conda renames aside before it takes it away, and leaves where it is killed.
_ASIDE = (".c~", ".conda_trash")


def keep(prefix: str, folder: str, changing: Collection[str]) -> None:
    """Keep conda's records and its history, and the files of some packages, as hard links where there can be any.

    Args:
        prefix: The environment.
        folder: Where to; whatever a killed run left there goes.
        changing: The packages that are to change, as ``name=version=build``.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for entry in os.listdir(os.path.join(prefix, _META)):
        # Conda writes a record anew, but the history on.
        if entry.endswith(".json"):
            _put(prefix, folder, f"{_META}/{entry}")
        elif entry == "history":
            os.makedirs(os.path.join(folder, _META), exist_ok=True)
            shutil.copy2(os.path.join(prefix, _META, entry), os.path.join(folder, _META, entry))
    absent: dict[str, list[str]] = {}
    for name in _recorded(prefix):
        files = _files(prefix, name)
        there = {path for path in files if os.path.lexists(below(prefix, path))}
        for path in there if name in changing else ():
            _put(prefix, folder, path)
        absent[name] = [path for path in files if path not in there]
    listing = json.dumps({"changing": sorted(changing), "absent": absent})
    atomic.write(os.path.join(folder, _LIST), listing.encode("utf-8", "surrogateescape"), follow=False)


def ended(prefix: str, folder: str) -> None:
    """The repair has come to its end: remember how far the history was then, and let go of what did not change."""
    if not os.path.isdir(folder):
        return
    with suppress(OSError):
        size = os.stat(os.path.join(prefix, _META, "history")).st_size
        atomic.write(os.path.join(folder, _AFTER), str(size).encode(), follow=False)
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = os.path.relpath(os.path.join(root, name), folder)
            if os.path.dirname(path) and _alike(os.path.join(root, name), os.path.join(prefix, path)):
                os.unlink(os.path.join(root, name))
        with suppress(OSError):
            os.rmdir(root)


def begin_back(prefix: str, folder: str) -> None:
    """The repair is about to be taken back: where conda did nothing since, its history goes back as well."""
    with suppress(OSError):
        if read_text(os.path.join(folder, _AFTER), 64) == str(os.stat(os.path.join(prefix, _META, "history")).st_size):
            os.unlink(os.path.join(folder, _AFTER))


def put_back(prefix: str, folder: str) -> None:
    """Put files and records back as they were kept, once conda has the packages again that there were.

    Raises:
        OSError: A file cannot be written.
    """
    changing, absent = _listing(folder)
    for name in changing:
        for path in _files(prefix, name):
            kept, now = below(folder, path), below(prefix, path)
            if path in absent.get(name, ()):
                with suppress(OSError):
                    os.unlink(now)
            elif os.path.lexists(kept) and not _alike(kept, now):
                _put(folder, prefix, path)
    meta, goes_on = os.path.join(folder, _META), os.path.exists(os.path.join(folder, _AFTER))
    for entry in os.listdir(meta) if os.path.isdir(meta) else ():
        kept, now = os.path.join(meta, entry), os.path.join(prefix, _META, entry)
        if os.path.isfile(now) and not _alike(kept, now) and not (entry == "history" and goes_on):
            atomic.write(now, atomic.read(kept) or b"", follow=False)


def lost(prefix: str, folder: str) -> list[str]:
    """Return conda's packages, as ``name=version=build``, of which a file is gone that was there before the repair."""
    absent = _listing(folder)[1]
    found = []
    for name in _recorded(prefix) if absent else ():
        before = absent.get(name, ())
        if any(path not in before and not os.path.lexists(below(prefix, path)) for path in _files(prefix, name)):
            found.append(name)
    return found


def addresses(prefix: str, folder: str, names: Collection[str]) -> list[str]:
    """Return where conda had packages from; nothing where that is not recorded of each."""
    found = [(_record(prefix, name) or _record(folder, name)).get("url") for name in names]
    return [url for url in found if isinstance(url, str)] if all(isinstance(url, str) for url in found) else []


def sweep(prefix: str) -> None:
    """Remove what a conda that was killed had renamed aside."""
    for root, folders, names in os.walk(prefix):
        if root == prefix:  # of a base: they are not its own
            folders[:] = [name for name in folders if name not in ("envs", "pkgs")]
        for name in names:
            if name.endswith(_ASIDE):
                with suppress(OSError):
                    os.unlink(os.path.join(root, name))


def _listing(folder: str) -> tuple[list[str], dict[str, set[str]]]:
    try:
        listing = load_json(read_text(os.path.join(folder, _LIST)) or "{}")
        return list(listing["changing"]), {name: set(paths) for name, paths in listing["absent"].items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return [], {}


def _recorded(prefix: str) -> list[str]:
    """Return every package that conda has recorded, as ``name=version=build``."""
    stems = (entry.removesuffix(".json") for entry in os.listdir(os.path.join(prefix, _META)) if entry[-5:] == ".json")
    return ["=".join(stem.rsplit("-", 2)) for stem in stems]


def _files(prefix: str, name: str) -> list[str]:
    """Return the files that conda has recorded of a package; none where it is not there."""
    files = _record(prefix, name).get("files") or ()
    return [file for file in files if isinstance(file, str) and ".." not in file.split("/")]


def _record(folder: str, name: str) -> dict[str, Any]:
    path = os.path.join(folder, _META, f"{name.replace('=', '-')}.json")
    try:
        record = load_json(read_text(path) or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _put(source: str, target: str, path: str) -> None:
    """Have a file of one folder in another as well, in the place of what is there."""
    old, new = below(source, path), below(target, path)
    os.makedirs(os.path.dirname(new), exist_ok=True)
    with suppress(FileNotFoundError):
        os.unlink(new)
    if os.path.islink(old):
        os.symlink(os.readlink(old), new)
        return
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)


def _alike(one: str, other: str) -> bool:
    try:
        if os.path.islink(one) or os.path.islink(other):
            return os.readlink(one) == os.readlink(other)
        first, second = os.stat(one), os.stat(other)
    except OSError:
        return False
    same_file = first.st_ino and (first.st_ino, first.st_dev) == (second.st_ino, second.st_dev)
    return bool(same_file) or (first.st_size, first.st_mtime_ns) == (second.st_size, second.st_mtime_ns)
