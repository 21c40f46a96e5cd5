"""Lock files of pip's world: uv.lock, poetry.lock, pdm.lock, pylock.toml (PEP 751), Pipfile.lock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import UsageError
from ...names import normalise
from ..facts import PIP, Environment, Package
from ..tensorflow import OWNERS
from .platforms import chosen
from .projects import poetry_range
from .requirements import Entry, possible_pythons, pythons_of, settled
from .specs import python_package
from .text import as_list, as_mapping

Row = dict[str, Any]


def _rows(data: Row, field: str, path: str) -> list[tuple[str, Row]]:
    """Return the packages of a lock file, each with its place for messages.

    Raises:
        UsageError: One has no name.
    """
    found = []
    for place, item in enumerate(as_list(data.get(field), path, field), 1):
        row = as_mapping(item, path, f"entry {place} of {field}")
        if not isinstance(row.get("name"), str) or not row["name"]:
            raise UsageError(f"The file {path} cannot be used: entry {place} of {field} lacks its name.")
        if not isinstance(row.get("version", ""), str):
            raise UsageError(f"The file {path} cannot be used: version of entry {place} of {field} has to be a text.")
        found.append((f"{path}: entry {place} of {field}", row))
    return found


def _package(row: Row, source: str) -> Package:
    return Package(row["name"], row.get("version", ""), PIP, "", "pypi", source)


class _Lock:
    """One lock file on one platform, with the Pythons that it is for.

    Attributes:
        pythons: The minors it may be installed for, or its one version.
    """

    def __init__(self, env: Environment, requires: Any, path: str, platform: str) -> None:
        requires = requires if isinstance(requires, str) else ""
        env.platform = chosen(platform, (), path)
        self.env = env
        env.by_hand = ("the file that it is made from", "")
        self.python = python_package(requires, path)
        exact = self.python.version if self.python and not self.python.spec else ""
        self.pythons = possible_pythons(exact, requires)

    def where(self, marker: Any) -> frozenset[str]:
        """Return the Pythons for which a marker holds here; all of them where there is none."""
        return pythons_of(marker if isinstance(marker, str) else "", self.env.platform, self.pythons)

    def take(self, found: Iterable[tuple[Package, frozenset[str]]]) -> None:
        """Put what is installed for some of the Pythons into the environment."""
        entries: dict[str, list[Entry]] = {}
        for package, pythons in found:
            entries.setdefault(package.name, []).append(Entry(package, pythons))
        self.env.add([self.python] if self.python else [])
        self.env.add(settled(entries, {}, self.pythons))


def read_uv_lock(env: Environment, data: Row, path: str, platform: str) -> None:
    """Read a uv.lock: what the project in it needs on a platform, followed from package to package.

    Raises:
        UsageError: An entry is not what it has to be.
    """
    lock = _Lock(env, data.get("requires-python"), path, platform)
    env.by_hand = ("pyproject.toml", "uv lock")
    rows = _rows(data, "package", path)
    roots = [pair for pair in rows if {"editable", "virtual"} & set(as_mapping(pair[1].get("source"), path, "source"))]
    named: dict[str, list[int]] = {}
    for place, (_, row) in enumerate(rows):
        named.setdefault(normalise(row["name"]), []).append(place)
    # A package and each of its extras are reached by themselves, for the Pythons of the markers on the way.
    reached: dict[tuple[int, str], frozenset[str]] = {}
    waiting = [
        (edge, lock.pythons) for _, row in roots for edges in _uv_choice(row, path) for edge in _edges(edges, path)
    ]
    while waiting:
        edge, pythons = waiting.pop()
        pythons &= lock.where(edge.get("marker"))
        for place in named.get(normalise(str(edge.get("name"))), ()):
            row = rows[place][1]
            if edge.get("version") not in (None, row.get("version")):
                continue
            optional = as_mapping(row.get("optional-dependencies"), path, "optional-dependencies")
            parts = {"": row.get("dependencies")}
            parts |= {str(extra): optional.get(str(extra)) for extra in as_list(edge.get("extra"), path, "extra")}
            for extra, edges in parts.items():
                before = reached.get((place, extra), frozenset())
                if pythons - before:
                    reached[place, extra] = before | pythons
                    waiting += [(each, pythons) for each in _edges(edges, path)]
    if not roots:
        reached = {(place, ""): lock.pythons for place in range(len(rows))}
    found = sorted(((place, p) for (place, extra), p in reached.items() if not extra), key=lambda pair: pair[0])
    lock.take((_package(rows[place][1], rows[place][0]), pythons) for place, pythons in found)


def _edges(value: Any, path: str) -> list[Row]:
    return [as_mapping(edge, path, "an entry of dependencies") for edge in as_list(value, path, "dependencies")]


def _uv_choice(row: Row, path: str) -> Iterator[Any]:
    """Yield a project's dependencies, and those of a group or extra that alone has TensorFlow."""

    def has_tensorflow(edges: Any) -> bool:
        return any(normalise(str(edge.get("name"))) in OWNERS for edge in _edges(edges, path))

    yield row.get("dependencies")
    if not has_tensorflow(row.get("dependencies")):
        groups = as_mapping(row.get("dev-dependencies"), path, "dev-dependencies")
        extras = as_mapping(row.get("optional-dependencies"), path, "optional-dependencies")
        yield from [edges for edges in [*groups.values(), *extras.values()] if has_tensorflow(edges)][:1]


def read_poetry_lock(env: Environment, data: Row, path: str, platform: str) -> None:
    """Read a poetry.lock, or a pdm.lock, which has the same form.

    Raises:
        UsageError: An entry is not what it has to be.
    """
    metadata = as_mapping(data.get("metadata"), path, "metadata")
    targets = [t for t in as_list(metadata.get("targets"), path, "metadata.targets") if isinstance(t, dict)]
    requires = metadata.get("python-versions") or next((t.get("requires_python") for t in targets), "")
    lock = _Lock(env, poetry_range(requires) if isinstance(requires, str) else "", path, platform)
    env.by_hand = ("pyproject.toml", "poetry lock" if "lock-version" in metadata else "pdm lock")
    rows = _rows(data, "package", path)
    asking = _asking(rows)
    files = as_mapping(metadata.get("files"), path, "metadata.files")
    wheels = {row["name"]: _file_names(row.get("files") or files.get(row["name"])) for _, row in rows}
    here = {row["name"] for _, row in rows if _is_for(wheels[row["name"]], lock.env.platform)}
    another = {normalise(name) for name in here} & set(OWNERS)

    def where(row: Row) -> frozenset[str]:
        markers = row.get("markers") or row.get("marker")
        if isinstance(markers, dict):  # one for each group
            return frozenset().union(*map(lock.where, markers.values()))
        if markers:
            return lock.where(markers)
        # Before Poetry 2 a lock has the markers of what a package asks for, and none of what the project does.
        asked = asking.get(normalise(row["name"]))
        if asked and not any(map(lock.where, asked)):
            return frozenset()
        is_owner = normalise(row["name"]) in OWNERS
        if not asked and is_owner and another and wheels[row["name"]] and row["name"] not in here:
            return frozenset()
        return lock.pythons

    lock.take((_package(row, source), where(row)) for source, row in rows)


def _asking(rows: list[tuple[str, Row]]) -> dict[str, list[str]]:
    """Return by the name of a package the markers under which others of a poetry.lock ask for it."""
    found: dict[str, list[str]] = {}
    for _, row in rows:
        edges = row.get("dependencies")
        for name, value in edges.items() if isinstance(edges, dict) else ():
            for each in value if isinstance(value, list) else [value]:
                field = each.get("markers", "") if isinstance(each, dict) and not each.get("optional") else ""
                found.setdefault(normalise(str(name)), []).append(field if isinstance(field, str) else "")
    return found


# The end of a wheel's name, and what stands in it of each platform that TensorFlow has wheels for.
_OF_PLATFORM = {
    "linux-64": r"linux\w*_x86_64", "linux-aarch64": r"linux\w*_aarch64", "win-64": r"win_amd64",
    "osx-64": r"macosx_\w*(?:x86_64|universal2)", "osx-arm64": r"macosx_\w*(?:arm64|universal2)",
}  # fmt: skip


def _file_names(value: Any) -> list[str]:
    return [str(each.get("file", "")) for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _is_for(names: list[str], platform: str) -> bool:
    """Tell whether one of these files can be installed on a platform: a wheel for it, for any, or a source."""
    pattern = rf"-(?:any|[\w.]*{_OF_PLATFORM.get(platform, '')}[\w.]*)\.whl\Z"
    return any(not name.endswith(".whl") or re.search(pattern, name) for name in names)


def read_pylock(env: Environment, data: Row, path: str, platform: str) -> None:
    """Read a pylock.toml (PEP 751).

    Raises:
        UsageError: An entry is not what it has to be.
    """
    lock = _Lock(env, data.get("requires-python"), path, platform)
    rows = _rows(data, "packages", path)
    lock.take((_package(row, source), lock.where(row.get("marker"))) for source, row in rows)


def read_pipfile_lock(env: Environment, data: Row, path: str, platform: str) -> None:
    """Read a Pipfile.lock; ``develop`` counts where ``default`` has no TensorFlow.

    Raises:
        UsageError: An entry is not what it has to be.
    """
    meta = as_mapping(data.get("_meta"), path, "_meta")
    requires = as_mapping(meta.get("requires"), path, "_meta.requires")
    python = str(requires.get("python_full_version") or requires.get("python_version") or "")
    lock = _Lock(env, f"=={python}{'' if python.count('.') > 1 else '.*'}" if python else "", path, platform)
    env.by_hand = ("Pipfile", "pipenv lock")
    tables = [as_mapping(data.get(name), path, name) for name in ("default", "develop")]
    chosen_tables = tables[:1] if set(map(normalise, tables[0])) & set(OWNERS) else tables
    found = []
    for table in chosen_tables:
        for name, value in table.items():
            fields = as_mapping(value, path, name)
            version = str(fields.get("version") or "").lstrip("=")
            found.append(
                (Package(name, version, PIP, "", "pypi", f"{path}: {name}"), lock.where(fields.get("markers")))
            )
    lock.take(found)
