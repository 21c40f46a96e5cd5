"""Lock files: ``conda-lock.yml`` (version 1) and ``pixi.lock`` (versions 4 to 7)."""

from __future__ import annotations

import re
from typing import Any

from ...errors import UsageError
from ...reading import load_yaml
from ..channels import PLATFORMS, channel_name
from ..facts import CONDA, PIP, Environment, Package
from .platforms import chosen
from .specs import conda_file, conda_url, subdir_of, wheel_file
from .text import as_list, as_mapping, as_text, as_texts

_CONDA_LOCK = re.compile(r"^package:", re.M)
_PIXI_LOCK = re.compile(r"^environments:\s*$", re.M)
_PIXI_VERSIONS = range(4, 8)


def is_conda_lock(text: str) -> bool:
    """Tell whether a text is a conda-lock.yml."""
    return _CONDA_LOCK.search(text) is not None and re.search(r"^version:", text, re.M) is not None


def is_pixi_lock(text: str) -> bool:
    """Tell whether a text is a pixi.lock."""
    return _PIXI_LOCK.search(text) is not None and re.search(r"^version:", text, re.M) is not None


def _depends(dependencies: Any, path: str, where: str) -> dict[str, Any]:
    """Return what an entry depends on, as metadata: a mapping of names to ranges, or a list."""
    if isinstance(dependencies, dict):
        ranges = {name: as_text(spec or "", path, f"{name} of {where}") for name, spec in dependencies.items()}
        return {"depends": [f"{name} {spec}".strip() for name, spec in ranges.items()]}
    return {"depends": as_texts(dependencies, path, where)}


def read_conda_lock(env: Environment, text: str, path: str, platform: str) -> None:
    """Read one platform of a conda-lock.yml.

    Raises:
        UsageError: It is of another version, lacks the platform, or an entry lacks a field.
    """
    data = as_mapping(load_yaml(text, path, by_a_program=True), path, "the document")
    if str(data.get("version")) != "1":
        raise UsageError(f"The file {path} is of version {data.get('version')!r} of conda-lock; version 1 can be read.")
    env.by_hand = ("the environment.yml that it is made from", "conda-lock lock")
    rows = as_list(data.get("package"), path, "package")
    offered = {str(row.get("platform")) for row in rows if isinstance(row, dict) and row.get("platform")}
    env.platform = chosen(platform, offered, path)
    found = []
    for place, row in enumerate(rows, 1):
        row = as_mapping(row, path, f"entry {place} of package")
        if lacking := [field for field in ("name", "version", "platform") if not row.get(field)]:
            raise UsageError(f"The file {path} cannot be used: entry {place} of package lacks its {lacking[0]}.")
        if row["platform"] != env.platform or row.get("category", "main") not in ("main", "dev"):
            continue
        name, version, url = (as_text(row.get(f), path, f"{f} of entry {place}") for f in ("name", "version", "url"))
        source = f"{path}: entry {place} of package"
        metadata = _depends(row.get("dependencies"), path, f"dependencies of entry {place}")
        if row.get("manager") == "pip":
            found.append(Package(name, version, PIP, "", "pypi", source, metadata))
            continue
        by_url = conda_url(url, source)
        build = by_url.build if by_url else as_text(row.get("build"), path, f"build of entry {place}")
        found.append(Package(name, version, CONDA, build, by_url.channel if by_url else "", source, metadata))
    env.add(found)


def _names_tensorflow(environment: Any) -> bool:
    by_platform = environment.get("packages") if isinstance(environment, dict) else None
    lists = by_platform.values() if isinstance(by_platform, dict) else ()
    rows = (row for each in lists if isinstance(each, list) for row in each if isinstance(row, dict))
    return any("tensorflow" in str(row.get("conda") or row.get("pypi") or "")[:1000] for row in rows)


def _environment_of(data: dict[str, Any], path: str) -> tuple[str, dict[str, Any]]:
    """Return the environment that counts: ``default``, else the only one, else the one with TensorFlow."""
    environments = as_mapping(data.get("environments"), path, "environments")
    if not environments:
        raise UsageError(f"The file {path} cannot be used: it has no environments.")
    names = list(environments)
    telling = [n for n in names if _names_tensorflow(environments[n])]
    name = "default" if "default" in environments and (not telling or "default" in telling) else (telling or names)[0]
    return name, as_mapping(environments[name], path, f"environments.{name}")


class _Details:
    """The ``packages`` section of a pixi.lock, parsed entry by entry: it is thousands of lines, of which few count."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.entries: dict[str, str] = {}
        for chunk in re.split(r"(?m)^- ", text)[1:]:
            located = re.search(r"(?m)^(?:  )?(?:conda|pypi|url|path):\s*(\S+)", chunk)
            if located:
                self.entries[located.group(1).strip("'\"")] = "- " + chunk

    def of(self, location: str) -> dict[str, Any]:
        """Return the entry of a location; empty where there is none."""
        text = self.entries.get(location, "")
        if not text:
            return {}
        parsed = load_yaml(text, self.path)
        return parsed[0] if isinstance(parsed, list) and parsed and isinstance(parsed[0], dict) else {}


class _Lazy:
    """Reads what a locked conda package depends on when a rule first asks."""

    __slots__ = ("details", "location")

    def __init__(self, details: _Details, location: str) -> None:
        self.details, self.location = details, location

    def __call__(self) -> dict[str, Any]:
        entry = self.details.of(self.location)
        return {
            name: as_texts(entry.get(name), self.details.path, f"{name} of {self.location}")
            for name in ("depends", "constrains")
        }


def read_pixi_lock(env: Environment, text: str, path: str, platform: str) -> None:
    """Read one environment and platform of a pixi.lock.

    Raises:
        UsageError: It is of another version, lacks the platform, or an entry names nothing.
    """
    head, _, tail = text.partition("\npackages:")
    data = as_mapping(load_yaml(head, path, by_a_program=True), path, "the document")
    version = str(data.get("version"))
    if version not in map(str, _PIXI_VERSIONS):
        wanted = f"{_PIXI_VERSIONS[0]} to {_PIXI_VERSIONS[-1]}"
        raise UsageError(f"The file {path} is of version {version} of pixi.lock; versions {wanted} can be read.")
    env.by_hand = ("the manifest (pixi.toml)", "pixi lock")
    name, environment = _environment_of(data, path)
    by_platform = as_mapping(environment.get("packages"), path, f"environments.{name}.packages")
    if not by_platform:
        raise UsageError(f"The file {path} cannot be used: its environment {name} has no packages.")
    env.platform = chosen(platform, (p for p in by_platform if p in PLATFORMS), path)
    where = f"environments.{name}.packages.{env.platform}"
    details = _Details(tail, path)
    found = []
    for place, row in enumerate(as_list(by_platform.get(env.platform), path, where), 1):
        row = as_mapping(row, path, f"entry {place} of {where}")
        package = _locked(row, details, f"{path}: entry {place} of {where}")
        if package is None:
            raise UsageError(f"The file {path} cannot be used: entry {place} of {where} names no package.")
        found.append(package)
    env.add(found)


def _locked(row: dict[str, Any], details: _Details, source: str) -> Package | None:
    if row.get("conda"):
        location = str(row["conda"])
        parts = conda_file(location)
        if parts is not None:
            channel = channel_name(location.rsplit("/", 1)[0], subdir_of(location)) if "://" in location else ""
            return Package(parts[0], parts[1], CONDA, parts[2], channel, source, _Lazy(details, location))
        entry = details.of(location)  # a package that pixi builds from source
        name = str(entry.get("name") or location.rstrip("/").rsplit("/", 1)[-1])
        return Package(name, str(entry.get("version") or ""), CONDA, str(entry.get("build") or ""), "", source)
    if row.get("pypi"):
        location = str(row["pypi"])
        entry = details.of(location)
        by_file = wheel_file(location)
        name = str(entry.get("name") or (by_file[0] if by_file else ""))
        version = str(entry.get("version") or (by_file[1] if by_file else ""))
        depends = as_texts(entry.get("requires_dist"), details.path, f"requires_dist of {location}")
        return Package(name, version, PIP, "", "pypi", source, {"depends": depends}) if name else None
    return None
