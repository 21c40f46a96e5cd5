"""What pip installed: the ``*.dist-info`` folders of a site-packages, and whose they are.

A distribution is listed twice where a conda package carries it: as conda's record and as its dist-info. It is conda's,
unless pip has written over it; ``INSTALLER`` (PEP 376/627) tells, and where that is silent or conda's build itself ran
pip, the sizes that conda recorded for the dist-info's files.
"""

from __future__ import annotations

import os

from .. import reading
from .._light import re
from .._typing import TYPE_CHECKING, Any, NamedTuple
from ..errors import Ignored
from ..names import normalise
from ..versions import key
from .facts import CONDA, PIP, Environment, Note, Package
from .site import unreadable
from .stack import OWNERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_SUFFIXES = (".dist-info", ".egg-info")
_EGG_TAG = r"-py\d[\d.]*(?:-[\w.-]+)?\Z"


# What pip writes and conda's package would have listed, had it been there when it was built.
_BY_PIP = ("REQUESTED", "direct_url.json")
# Conda packages that carry a distribution of another name, beside a metapackage of its own name.
_CARRIERS = {"tensorflow": ("tensorflow-base", "tensorflow-gpu-base"), "numpy": ("numpy-base",)}


class DistInfo(NamedTuple):
    """One ``*.dist-info`` (or ``*.egg-info``) of a site-packages.

    Attributes:
        name: Normalised name.
        version: As the folder's name has it.
        folder: The site-packages that it lies in.
        file: Its name there.
    """

    name: str
    version: str
    folder: str
    file: str

    @property
    def path(self) -> str:
        """Its path, which of most is never asked for."""
        return os.path.join(self.folder, self.file)


def list_dist_infos(site_packages: str, entries: Collection[str] | None = None) -> Iterator[DistInfo]:
    """Yield every distribution of a site-packages folder, by the names of its metadata folders alone.

    Args:
        site_packages: The folder.
        entries: Names in it, where they are known.

    Raises:
        OSError: The folder cannot be read.
    """
    names = os.listdir(site_packages) if entries is None else entries
    for file in sorted(name for name in names if name.endswith(_SUFFIXES)):
        stem, _, kind = file.rpartition(".")
        if kind == "egg-info":
            stem = re.sub(_EGG_TAG, "", stem)
        name, _, version = stem.rpartition("-")
        if not name or not version[:1].isdigit():
            name, version = stem, ""  # develop eggs carry no version
        if name.strip("-_.") and not name.startswith("~"):  # what pip left behind when a file was in use
            yield DistInfo(normalise(name), version, site_packages, file)


# What conda writes into INSTALLER, and conda-pypi, which makes conda's packages of wheels or has conda install wheels.
_CONDAS = ("conda", "conda-pypi", "conda-via-whl")


def _installer(dist: DistInfo) -> str:
    try:
        return reading.read_start(os.path.join(dist.path, "INSTALLER"), 64).strip().lower()
    except OSError:
        return ""


def _built_for(path: str) -> list[str]:
    """Return the Pythons that a wheel was compiled for (``python ==3.13.*``), by its tags; none where nothing tells."""
    with Ignored(OSError):
        wheel = reading.read_start(os.path.join(path, "WHEEL"), 64 * 1024)
        tags = re.findall(r"^Tag: cp3(\d+)-cp3", wheel, re.MULTILINE)
        return [f"python ==3.{minor}.*" for minor in dict.fromkeys(tags)]
    return []


class _Lazy:
    __slots__ = ("dist", "env", "source")

    def __init__(self, env: Environment, dist: DistInfo, source: str) -> None:
        self.env, self.dist, self.source = env, dist, source

    def __call__(self) -> dict[str, Any]:
        from .requires import read_requirements

        try:
            required = read_requirements(self.dist.path)
            # Somebody may have built it for a Python that the index has no wheel for.
            return required | ({"constrains": _built_for(self.dist.path)} if self.dist.name in OWNERS else {})
        except OSError as error:
            if not self.dist.path.endswith(".egg-info"):
                reason = error.strerror or str(error)
                text = f"{self.source} has no readable METADATA ({reason}); its requirements are unknown."
                self.env.notes.append(Note(self.source, text))
            return {}


def _is_overwritten(env: Environment, prefix: str, dist: DistInfo) -> bool | None:
    """Tell whether a dist-info is no longer the one that conda recorded; ``None`` where no record lists it.

    Who installed it cannot tell alone: some of conda's packages were built with pip and say so.
    """
    for name in (dist.name, *_CARRIERS.get(dist.name, ())):
        record = env.conda(name)
        recorded = _recorded_sizes(os.path.join(prefix, record.source), dist) if record else {}
        if not recorded:
            continue
        if any(file not in recorded and _size(os.path.join(dist.path, file)) is not None for file in _BY_PIP):
            return True
        sizes = {file: _size(os.path.join(dist.path, file)) for file in recorded}
        return any(None not in (size, sizes[file]) and size != sizes[file] for file, size in recorded.items())
    return None


def _recorded_sizes(record: str, dist: DistInfo) -> dict[str, int | None]:
    """Return the files of a dist-info that a record lists, with the sizes of those that tell who wrote them last."""
    try:
        paths = (
            reading.load_json(reading.read_text(record, reading.RECORD, errors="strict"))
            .get("paths_data", {})
            .get("paths", ())
        )
    except (OSError, ValueError, AttributeError):
        return {}
    recorded: dict[str, int | None] = {}
    for entry in paths if isinstance(paths, list) else ():
        path = entry.get("_path") if isinstance(entry, dict) else ""
        folder, _, file = path.rpartition("/") if isinstance(path, str) else ("", "", "")
        if folder.rpartition("/")[2] == os.path.basename(dist.path):
            # What conda wrote the prefix into has another size than it had in the package.
            kept = file in ("RECORD", "INSTALLER", "WHEEL") and not entry.get("prefix_placeholder")
            size = entry.get("size_in_bytes") if kept else None
            recorded[file] = size if isinstance(size, int) else None
    return recorded


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def entries_of(site_packages: str) -> Collection[str]:
    """Return the names in a site-packages folder.

    Raises:
        UsageError: The folder cannot be read.
    """
    try:
        return frozenset(os.listdir(site_packages))
    except OSError as error:
        raise unreadable(site_packages, error) from None


def read_pip(
    env: Environment, prefix: str, site_packages: str, stack: frozenset[str], entries: Collection[str] | None = None
) -> Iterator[Package]:
    """Yield what pip installed into a prefix whose conda records are already in ``env``.

    Args:
        env: Receives notes, and the names of conda packages that pip has written over.
        prefix: The prefix.
        site_packages: Its site-packages folder.
        stack: Names for which it matters so much who owns them that ``INSTALLER`` is read even where conda has a
            record of the same version.
        entries: Names in that folder, where they are known.

    Raises:
        UsageError: The folder cannot be read.
    """
    by_name: dict[str, list[DistInfo]] = {}
    for dist in list_dist_infos(site_packages, entries_of(site_packages) if entries is None else entries):
        by_name.setdefault(dist.name, []).append(dist)
    for name, dists in by_name.items():
        record = env.conda(name)
        if record is None:
            yield from _without_record(env, prefix, dists, name in stack)
        elif name in stack or len(dists) > 1 or dists[0].version != record.version:  # else it is what conda recorded
            yield from _beside_record(env, prefix, record, dists, name in stack)


def _relative(prefix: str, path: str) -> str:
    # os.path.relpath asks the system for the working folder each time.
    return path[len(prefix) :].lstrip("/\\").replace(os.sep, "/") if path.startswith(prefix) else path


def _package(env: Environment, prefix: str, dist: DistInfo, manager: str = PIP) -> Package:
    source = _relative(prefix, dist.path)
    channel = "pypi" if manager == PIP else ""
    return Package(dist.name, dist.version, manager, "", channel, source, _Lazy(env, dist, source))


def _without_record(env: Environment, prefix: str, dists: list[DistInfo], in_stack: bool) -> Iterator[Package]:
    """Yield the distributions of one name that conda knows nothing of, what was installed last first."""
    if len(dists) > 1:
        dists = sorted(dists, key=_changed, reverse=True)
    for place, dist in enumerate(dists):
        installer = _installer(dist)
        by_conda = installer in _CONDAS
        if by_conda and not in_stack:
            continue  # conda's under another name (msgpack-python holds msgpack)
        if in_stack and installer and not by_conda:
            by_conda = _is_overwritten(env, prefix, dist) is False
        package = _package(env, prefix, dist, CONDA if by_conda else PIP)
        if not _has_metadata(dist):
            left_out = place > 0 or len(dists) > 1
            env.notes.append(Note(package.source, f"{package.source} {_why_not_whole(dist)}.", left_out))
            if left_out:
                continue  # the rest of an older one
        elif not dist.version:
            _read_name(env, package, dist)
        yield package


def _beside_record(
    env: Environment, prefix: str, record: Package, dists: list[DistInfo], in_stack: bool
) -> Iterator[Package]:
    """Yield the distributions of one name by which pip has replaced conda's."""
    same = [dist for dist in dists if _same_version(dist.version, record.version)]
    for dist in dists:
        if dist in same:
            if in_stack and _installer(dist) not in ("", *_CONDAS) and _is_overwritten(env, prefix, dist):
                env.overwritten.add(dist.name)
                yield _package(env, prefix, dist)
            continue
        if _installer(dist) in _CONDAS:
            continue  # conda's own, whose version is spelled another way
        package = _package(env, prefix, dist)
        if not dist.version:
            _read_name(env, package, dist)
            if not package.version or _same_version(package.version, record.version):
                continue
        if not _has_metadata(dist):
            text = f"{package.source} is the rest of an older {dist.name}: it has no METADATA; it is left out."
            env.notes.append(Note(package.source, text))
        elif not same or _changed(dist) > _changed(same[0]):
            env.overwritten.add(dist.name)
            yield package
        else:
            text = (
                f"{package.source} is left over from pip; conda's {dist.name} {record.version} was installed over it."
            )
            env.notes.append(Note(package.source, text))


def _has_metadata(dist: DistInfo) -> bool:
    return dist.path.endswith(".egg-info") or os.path.isfile(os.path.join(dist.path, "METADATA"))


def _why_not_whole(dist: DistInfo) -> str:
    """Return what is the matter with a dist-info whose METADATA was not found."""
    try:
        os.stat(os.path.join(dist.path, "METADATA"))
    except PermissionError as error:
        return f"cannot be read: {error.strerror}; its requirements are unknown"
    except OSError:
        pass
    return f"is not whole: it has no METADATA; reinstall {dist.name}"


def _changed(dist: DistInfo) -> float:
    try:
        return os.stat(dist.path).st_mtime
    except OSError:
        return 0.0


def _read_name(env: Environment, package: Package, dist: DistInfo) -> None:
    """Take the version from METADATA where the folder's name has none."""
    file = "PKG-INFO" if dist.path.endswith(".egg-info") else "METADATA"
    target = dist.path if os.path.isfile(dist.path) else os.path.join(dist.path, file)
    try:
        for line in reading.read_start(target, reading.MB).split("\n"):
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

    return key(left.replace("_", "-")) == key(right.replace("_", "-"))
