"""What pip installed, as files: kept aside before a repair as hard links, removed whole, and put back as it was.

A link costs no space and no time, and holds the old content after pip has written a new file in its place. Where the
file system has no links, what the repair changes is copied.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from ..binaries.integrity import Damage, compare
from ..binaries.records import Recorded, hexadecimal, read_text
from ..environment.facts import PIP, Environment
from ..environment.prefix import read_prefix
from ..environment.site import find_site_packages, site_minor
from ..environment.unrecorded import files_of
from ..names import normalise
from ..reading import load_json
from . import atomic

_LIST = "files.json"
_BELOW_SITE = re.compile(r'"_path":\s*"[^"]*?site-packages/([^"]+)"')


class Owned(NamedTuple):
    """The files of one distribution.

    Attributes:
        version: Its version.
        files: Paths relative to the prefix, with forward slashes, those that Python compiled included.
    """

    version: str
    files: tuple[str, ...]

    @property
    def own(self) -> list[str]:
        """The files without what Python compiled."""
        return [path for path in self.files if not path.endswith(".pyc")]


def below(folder: str, path: str) -> str:
    """Return where a recorded path, which has forward slashes, lies below a folder."""
    return os.path.join(folder, *path.split("/"))


def site_of(prefix: str) -> str:
    """Return the site-packages folder that pip writes to; empty where there is none."""
    return find_site_packages(prefix, site_minor(read_prefix(prefix, with_machine=False)))


def recorded(record: str) -> list[tuple[str, str, int]]:
    """Return the paths (relative to the folder above), SHA-256 (hexadecimal) and sizes that a RECORD lists.

    A hash that is not there is empty, a size that is not there -1.
    """
    rows = []
    for row in csv.reader(read_text(record).splitlines()):
        if row and row[0]:
            digest = row[1].removeprefix("sha256=") if len(row) > 1 and row[1].startswith("sha256=") else ""
            size = int(row[2]) if len(row) > 2 and re.fullmatch("[0-9]{1,18}", row[2]) else -1
            rows.append((row[0], hexadecimal(digest), size))
    return rows


def owned(prefix: str, env: Environment) -> dict[str, Owned]:
    """Return what pip owns in an environment, by normalised name, as far as a RECORD or a folder tells its files."""
    found: dict[str, Owned] = {}
    for package in env.packages:
        if package.manager != PIP or not package.source or package.name in found:
            continue
        folder = below(prefix, package.source)
        site = os.path.dirname(folder)
        files = {_relative(prefix, site, path) for path, _, _ in recorded(os.path.join(folder, "RECORD"))}
        if not files and not os.path.isabs(package.source):
            files = {_relative(prefix, site, path) for path in files_of(site, package.name)}
            files |= {_relative(prefix, root, name) for root, _, names in os.walk(folder) for name in names}
        files.discard("")
        if not files:
            continue
        files |= {_relative(prefix, folder, name) for name in _listed(folder)}
        files |= set(_compiled(prefix, files))
        found[package.name] = Owned(package.version, tuple(sorted(files)))
    return found


def is_recorded(prefix: str, name: str) -> bool:
    """Tell whether pip could uninstall a distribution, or has none of that name."""
    site = site_of(prefix)
    infos = [e for e in os.listdir(site) if normalise(e.split("-")[0]) == name] if site else []
    records = [os.path.isfile(os.path.join(site, e, "RECORD")) for e in infos if e.endswith(".dist-info")]
    return all(records)


def _relative(prefix: str, base: str, path: str) -> str:
    full = os.path.normpath(below(base, path))
    return os.path.relpath(full, prefix).replace(os.sep, "/") if full.startswith(prefix + os.sep) else ""


def _listed(folder: str) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError:
        return []


def _compiled(prefix: str, files: Iterable[str]) -> Iterable[str]:
    """Yield what Python compiled of the modules among some files."""
    folders: dict[str, set[str]] = {}
    for path in files:
        folder, _, name = path.rpartition("/")
        if name.endswith(".py"):
            folders.setdefault(folder, set()).add(name[:-3])
    for folder, modules in folders.items():
        cache = f"{folder}/__pycache__" if folder else "__pycache__"
        for name in _listed(below(prefix, cache)):
            if name.split(".")[0] in modules:
                yield f"{cache}/{name}"


def keep(prefix: str, folder: str, packages: Mapping[str, Owned], changing: Iterable[str]) -> None:
    """Keep the files of packages aside.

    Args:
        prefix: The environment.
        folder: Where to; whatever a killed run left there goes.
        packages: What pip owns.
        changing: The packages that the plan changes: without hard links, only these are copied.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    named = {normalise(name) for name in changing}
    linked = True
    kept: dict[str, Owned] = {}
    for name in sorted(packages, key=lambda name: name not in named):
        if not linked and name not in named:
            continue
        files = {*packages[name].files, *(_among(prefix, name, packages[name].files) if name in named else ())}
        present = sorted(path for path in files if os.path.isfile(below(prefix, path)))
        for path in present:
            linked = _copied(prefix, folder, path, linked)
        kept[name] = packages[name]._replace(files=tuple(present))
    site = site_of(prefix)
    kept[""] = Owned("", tuple(sorted(os.listdir(site))) if site else ())
    _write(folder, kept)


def _among(prefix: str, name: str, files: Iterable[str]) -> Iterable[str]:
    """Yield what lies in the folders of a distribution that are its alone, recorded or not: it goes with them."""
    site = site_of(prefix)
    start = os.path.relpath(site, prefix).replace(os.sep, "/") + "/"
    own = {path[len(start) :] for path in files if path.startswith(start)}
    for folder in _alone(own, _below_site(prefix, site, name)):
        for root, _, names in os.walk(below(site, folder)):
            for each in names:
                yield os.path.relpath(os.path.join(root, each), prefix).replace(os.sep, "/")


def remove_new(prefix: str, folder: str) -> None:
    """Remove what came into site-packages since the files were kept and no distribution owns: a killed pip left it."""
    site = site_of(prefix)
    before = set(load(folder, entries=True).get("", Owned("", ())).files)
    if not site or not before:
        return
    tops = {path.split("/")[0] for path in _below_site(prefix, site, "")}
    for entry in os.listdir(site):
        if entry not in before and entry not in tops and entry != "__pycache__":
            _remove(os.path.join(site, entry))


def _copied(source: str, target: str, path: str, linked: bool) -> bool:
    """Put one file from below a folder below another; tell whether links can be made."""
    old, new = below(source, path), below(target, path)
    os.makedirs(os.path.dirname(new), exist_ok=True)
    if linked:
        try:
            os.link(old, new)
            return True
        except FileExistsError:
            return True
        except OSError:
            pass
    shutil.copy2(old, new)
    return False


def load(folder: str, entries: bool = False) -> dict[str, Owned]:
    """Return what a folder keeps; empty where it keeps nothing, or was not finished.

    Args:
        folder: The folder.
        entries: With what else was in site-packages, under an empty name.
    """
    try:
        listing = load_json(read_text(os.path.join(folder, _LIST)) or "{}")
        return {name: Owned(version, tuple(files)) for name, (version, files) in listing.items() if name or entries}
    except (ValueError, TypeError, AttributeError):
        return {}


def drop_unchanged(prefix: str, folder: str) -> None:
    """Forget what is in the environment as it was kept: the same files stand in both."""
    kept, now = load(folder, entries=True), owned_now(prefix)
    if not kept:
        return
    lasting = {n: each for n, each in kept.items() if not n or not _is_there(prefix, folder, now, n, each)}
    needed = {path for name, each in lasting.items() if name for path in each.files}
    # The list first: killed in between, it names nothing that is not there.
    _write(folder, lasting)
    for path in {path for name, each in kept.items() if name for path in each.files} - needed:
        with suppress(OSError):
            os.unlink(below(folder, path))
    for root, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            os.rmdir(root)


def _write(folder: str, kept: Mapping[str, Owned]) -> None:
    listing = {name: [each.version, list(each.files)] for name, each in kept.items()}
    atomic.write(os.path.join(folder, _LIST), json.dumps(listing).encode("utf-8", "surrogateescape"), follow=False)


def _is_there(prefix: str, folder: str, now: Mapping[str, Owned], name: str, package: Owned) -> bool:
    """Tell whether a distribution stands in the environment as it was kept; what Python compiled since is no change."""
    there = now.get(name)
    if there is None:
        return False
    # What a RECORD lists and is not there was not there when it was kept, either.
    listed, own = there.own, package.own
    alike = listed == own or [path for path in listed if os.path.isfile(below(prefix, path))] == own
    return alike and _same(prefix, folder, package)


def _same(prefix: str, folder: str, package: Owned) -> bool:
    return all(_alike(below(prefix, path), below(folder, path)) for path in package.own)


def _alike(one: str, other: str) -> bool:
    try:
        first, second = os.stat(one), os.stat(other)
    except OSError:
        return False
    same_file = first.st_ino and (first.st_ino, first.st_dev) == (second.st_ino, second.st_dev)
    return bool(same_file) or (first.st_size, int(first.st_mtime)) == (second.st_size, int(second.st_mtime))


def sweep(prefix: str) -> None:
    """Remove what pip renamed aside and left (``~umpy``, ``~umpy-2.2.6.dist-info``): Python imports none of it.

    Metadata of a package that has no other gets its name back: it tells whose the files are that were left.
    """
    site = site_of(prefix)
    entries = os.listdir(site) if site else []
    named = {normalise(e.split("-")[0]) for e in entries if e.endswith(".dist-info") and not e.startswith("~")}
    for entry in (e for e in entries if e.startswith("~")):
        path = os.path.join(site, entry)
        text = read_text(os.path.join(path, "METADATA"), 1 << 16) if entry.endswith(".dist-info") else ""
        told = dict(re.findall(r"^(Name|Version): *(\S+)", text.split("\n\n")[0], re.M))
        if len(told) == 2 and normalise(told["Name"]) not in named:
            name = f"{re.sub(r'[-_.]+', '_', told['Name'])}-{told['Version']}.dist-info"
            os.rename(path, os.path.join(site, name))
        else:
            _remove(path)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            os.unlink(path)


def remove(prefix: str, name: str, kept: Mapping[str, Owned]) -> bool:
    """Remove a distribution of pip's whole: what it recorded, what was kept of it, and the folders that are its alone.

    Args:
        prefix: The environment.
        name: Normalised name.
        kept: What was kept before the repair.

    Returns:
        Whether anything told which files are its own.
    """
    site = site_of(prefix)
    if not site:
        return False
    infos = [e for e in os.listdir(site) if e.endswith(".dist-info") and normalise(e.split("-")[0]) == name]
    # Where conda installed it, it is conda's to take away.
    infos = [e for e in infos if read_text(os.path.join(site, e, "INSTALLER"), 64).strip().lower() != "conda"]
    files = set(kept[name].files) if name in kept else set()
    for entry in infos:
        files |= {_relative(prefix, site, path) for path, _, _ in recorded(os.path.join(site, entry, "RECORD"))}
    files.discard("")
    if not files and not infos:
        return name in kept
    others = _below_site(prefix, site, name)
    for path in files | set(_compiled(prefix, files)):
        _remove(below(prefix, path))
    for entry in infos:
        shutil.rmtree(os.path.join(site, entry), ignore_errors=True)
    start = os.path.relpath(site, prefix).replace(os.sep, "/") + "/"
    for folder in _alone({p[len(start) :] for p in files if p.startswith(start)}, others):
        shutil.rmtree(below(site, folder), ignore_errors=True)
    for folder in sorted({os.path.dirname(path) for path in files}, key=len, reverse=True):
        with suppress(OSError):
            os.removedirs(below(prefix, folder)) if folder.startswith(start) else None
    return bool(files)


def _below_site(prefix: str, site: str, name: str) -> set[str]:
    """Return the files and folders below site-packages that any other package recorded."""
    found: set[str] = set()
    for entry in os.listdir(site):
        if entry.endswith(".dist-info") and normalise(entry.split("-")[0]) != name:
            found |= {path for path, _, _ in recorded(os.path.join(site, entry, "RECORD"))}
    meta = os.path.join(prefix, "conda-meta")
    for entry in os.listdir(meta) if os.path.isdir(meta) else ():
        if entry.endswith(".json"):
            found.update(_BELOW_SITE.findall(read_text(os.path.join(meta, entry))))
    return {"/".join(parts[:i]) for parts in (path.split("/") for path in found) for i in range(1, len(parts) + 1)}


def _alone(files: set[str], others: set[str]) -> list[str]:
    """Return the outermost folders that hold these files and nobody else's."""
    folders: set[str] = set()
    for path in files:
        parts = path.split("/")
        for length in range(1, len(parts)):
            folder = "/".join(parts[:length])
            if folder not in others:
                if folder != "__pycache__":
                    folders.add(folder)
                break
    return sorted(folders)


def put_back(prefix: str, folder: str, names: Iterable[str]) -> list[str]:
    """Put distributions back as they were kept; return those that are not whole then.

    Raises:
        OSError: A file cannot be written.
    """
    kept, now = load(folder), owned_now(prefix)
    wanted = [name for name in names if name in kept]
    changed = [name for name in wanted if not _is_there(prefix, folder, now, name, kept[name])]
    # All of them go first: distributions may share files.
    for name in changed:
        remove(prefix, name, kept)
    linked = True
    for name in wanted:
        for path in kept[name].files if name in changed else kept[name].own:
            there = os.path.exists(below(prefix, path))
            if not there and os.path.isfile(below(folder, path)):
                linked = _copied(folder, prefix, path, linked)
    return [name for name in wanted if not _same(prefix, folder, kept[name])]


def owned_now(prefix: str) -> dict[str, Owned]:
    """Return what pip owns in the environment as it is on the disk."""
    return owned(prefix, read_prefix(prefix, with_machine=False))


def damages(prefix: str, name: str) -> list[Damage]:
    """Return the files of a distribution that are not what its RECORD says: sizes always, hashes of small ones."""
    site, found = site_of(prefix), []
    for entry in os.listdir(site) if site else ():
        if entry.endswith(".dist-info") and normalise(entry.split("-")[0]) == name:
            for path, digest, size in recorded(os.path.join(site, entry, "RECORD")):
                full = os.path.normpath(below(site, path))
                # What Python compiled is nobody's loss, and scripts may be written anew for another folder.
                if full.startswith(site + os.sep) and not path.endswith(".pyc") and (digest or size >= 0):
                    found.append(Recorded(full, digest, size, f"{entry}/RECORD", name, PIP))
    return compare(found)
