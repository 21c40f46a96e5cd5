"""What pip installed: the ``*.dist-info`` folders of a site-packages, and whose they are.

A distribution is listed twice where a conda package carries it: as conda's record and as its dist-info. It is conda's,
unless pip has written over it; ``INSTALLER`` (PEP 376/627) tells, and where that is silent or conda's build itself ran
pip, the sizes that conda recorded for the dist-info's files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from .facts import PIP, Environment, Note, Package, normalise

_SUFFIXES = (".dist-info", ".egg-info")


class DistInfo(NamedTuple):
    """One ``*.dist-info`` (or ``*.egg-info``) of a site-packages.

    Attributes:
        name: Normalised name.
        version: As the folder's name has it.
        path: Absolute path.
    """

    name: str
    version: str
    path: str


def list_dist_infos(site_packages: str) -> Iterator[DistInfo]:
    """Yield every distribution of a site-packages folder, by the names of its metadata folders alone."""
    try:
        with os.scandir(site_packages) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(_SUFFIXES))
    except OSError:
        return
    for file in names:
        stem = file.rsplit(".", 1)[0]
        name, _, version = stem.partition("-")
        if name.startswith("~"):
            continue  # what pip left behind when a file was in use
        if file.endswith(".egg-info"):
            version = version.split("-py")[0]
        yield DistInfo(normalise(name), version, os.path.join(site_packages, file))


def _installer(dist: DistInfo) -> str:
    try:
        with open(os.path.join(dist.path, "INSTALLER"), encoding="utf-8", errors="replace") as handle:
            return handle.read(64).strip().lower()
    except OSError:
        return ""


def read_requirements(path: str) -> dict[str, Any]:
    """Read what a dist-info requires, as the metadata of a :class:`Package`.

    Raises:
        OSError: METADATA cannot be read.
    """
    depends, python = [], ""
    with open(os.path.join(path, "METADATA"), encoding="utf-8", errors="replace") as handle:
        for line in handle:
            if not line.strip():
                break  # the description follows
            key, _, value = line.partition(":")
            if key == "Requires-Dist":
                depends.append(value.strip())
            elif key == "Requires-Python":
                python = value.strip()
    return {"depends": depends, "requires_python": python}


class _Lazy:
    __slots__ = ("dist", "env", "source")

    def __init__(self, env: Environment, dist: DistInfo, source: str) -> None:
        self.env, self.dist, self.source = env, dist, source

    def __call__(self) -> dict[str, Any]:
        try:
            return read_requirements(self.dist.path)
        except OSError as error:
            if not self.dist.path.endswith(".egg-info"):
                reason = error.strerror or str(error)
                text = f"{self.source} has no readable METADATA ({reason}); its requirements are unknown."
                self.env.notes.append(Note(self.source, text))
            return {}


def _is_overwritten(prefix: str, record: Package, dist: DistInfo) -> bool:
    """Tell whether the dist-info on disk is no longer the one that conda's record lists."""
    try:
        with open(os.path.join(prefix, record.source), encoding="utf-8") as handle:
            paths = json.load(handle).get("paths_data", {}).get("paths", ())
    except (OSError, ValueError, AttributeError):
        return False
    recorded = {}
    for entry in paths:
        path = entry.get("_path", "") if isinstance(entry, dict) else ""
        folder, _, file = path.rpartition("/")
        if folder.endswith(os.path.basename(dist.path)) and file in ("RECORD", "INSTALLER", "WHEEL"):
            recorded[file] = entry.get("size_in_bytes")
    if not recorded:
        return False
    sizes = {file: _size(os.path.join(dist.path, file)) for file in recorded}
    return any(None not in (size, sizes[file]) and size != sizes[file] for file, size in recorded.items())


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def read_pip(env: Environment, prefix: str, site_packages: str, stack: frozenset[str]) -> Iterator[Package]:
    """Yield what pip installed into a prefix whose conda records are already in ``env``.

    Args:
        env: Receives notes, and the names of conda packages that pip has written over.
        prefix: The prefix.
        site_packages: Its site-packages folder.
        stack: Names for which it matters so much who owns them that ``INSTALLER`` is read even where conda has a
            record of the same version.
    """
    by_name: dict[str, list[DistInfo]] = {}
    for dist in list_dist_infos(site_packages):
        by_name.setdefault(dist.name, []).append(dist)
    for name, dists in by_name.items():
        record = env.conda(name)
        same = [d for d in dists if record is not None and _same_version(d.version, record.version)]
        for dist in dists:
            source = os.path.relpath(dist.path, prefix).replace(os.sep, "/")
            package = Package(name, dist.version, PIP, "", "pypi", source, _Lazy(env, dist, source))
            if not dist.version:
                _read_name(env, package, dist)
            if record is None:
                if name in stack or _installer(dist) != "conda":
                    if _installer(dist) == "conda":
                        # conda's under another name (python-flatbuffers holds flatbuffers)
                        package = Package(name, dist.version, "conda", "", "", source, _Lazy(env, dist, source))
                    yield package
            elif dist in same:
                if name in stack and _installer(dist) == "pip" and _is_overwritten(prefix, record, dist):
                    env.overwritten.add(name)
                    yield package
            else:
                if not same or _newer(dist, same[0]):
                    env.overwritten.add(name)
                    yield package
                else:
                    text = (
                        f"{source} is left over from pip's {name} {dist.version}; conda's {record.version} was "
                        "installed over it."
                    )
                    env.notes.append(Note(source, text))


def _read_name(env: Environment, package: Package, dist: DistInfo) -> None:
    """Take the version from METADATA where the folder's name has none."""
    file = "PKG-INFO" if dist.path.endswith(".egg-info") else "METADATA"
    target = dist.path if os.path.isfile(dist.path) else os.path.join(dist.path, file)
    try:
        with open(target, encoding="utf-8", errors="replace") as handle:
            for line in handle:
                if line.startswith("Version:"):
                    package.version = line.partition(":")[2].strip()
                    return
                if not line.strip():
                    break
        reason = "it names no version"
    except OSError as error:
        reason = error.strerror or str(error)
    env.notes.append(Note(package.source, f"{package.source} cannot be used: {reason}; its version is unknown."))


def _same_version(left: str, right: str) -> bool:
    if left == right:
        return True
    from ..versions import key

    return key(left.replace("_", "-")) == key(right.replace("_", "-"))


def _newer(left: DistInfo, right: DistInfo) -> bool:
    try:
        return os.stat(left.path).st_mtime > os.stat(right.path).st_mtime
    except OSError:
        return False
