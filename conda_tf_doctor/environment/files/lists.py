"""What package managers list: explicit files, ``conda list`` in its three forms, ``pip list``."""

from __future__ import annotations

import re
from typing import Any

from ...errors import UsageError
from ..channels import PLATFORMS, channel_name
from ..facts import CONDA, PIP, Environment, Package
from .platforms import chosen, told_by
from .specs import conda_file, conda_url, subdir_of

_HEADER = re.compile(r"^#?[ \t]*Name[ \t]+Version[ \t]+Build(?:[ \t]+Channel)?", re.M)
_PREFIX = re.compile(
    r"^(?:# packages in environment at|[ \t]*List of packages in environment:)[ \t]*\"?([^\"\n]*?)\"?:?[ \t]*$", re.M
)
# Name, version, build, channel; more columns are other tools' (size, timestamp).
_ROW = re.compile(r"[A-Za-z0-9_][\w.-]*\s+\S*\d\S*(?:\s+[\w<][^\s,;]*){0,3}\Z")
# What `conda info` prints beside it.
_OF_INFO = re.compile(r"^[ \t]*platform[ \t]*:[ \t]*(\S+)[ \t]*$", re.M)
_PLATFORM = re.compile(r"^#\s*platform:\s*(\S+)", re.M)
# A line of `conda list --export`; people cut its build off.
EXPORTED = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.\-]*)=([^=\s]+)(?:=([^=\s]+))?\Z")
_FOR_CONDA = re.compile(r"^#.*\bconda create --name <env> --file <this file>", re.M)
_PIP_HEADER = re.compile(r"^Package\s+Version[^\n]*\n-+\s+-+", re.M)
_PIP_ROW = re.compile(r"[A-Za-z0-9][\w.-]*[ \t]+\d\S*(?:[ \t]+\S+)?\Z")
_PIXI_HEADER = re.compile(r"^Package[ \t]+Version[ \t]+Build[ \t]+(?:\w+[ \t]+)*Kind[ \t]+Source[ \t]*$", re.M)


def is_explicit(text: str) -> bool:
    """Tell whether a text is an explicit list."""
    return re.search(r"^@EXPLICIT\s*$", text, re.M | re.I) is not None


def is_conda_list(text: str) -> bool:
    """Tell whether a text is what ``conda list`` (or micromamba's) printed."""
    if _HEADER.search(text) is not None or text.startswith("# packages in environment at"):
        return True
    # Its rows alone, as people copy them: three or four columns, the second a version.
    lines = [line for _, line in _lines(text)]
    return len(lines) > 1 and all(_ROW.match(line) and len(line.split()) > 2 for line in lines)


def is_conda_export(text: str) -> bool:
    """Tell whether a text is what ``conda list --export`` printed, some or all builds cut off or not.

    Without a build a line may be a requirement for pip with one sign too few: conda's own words above it, a Python
    among them or a build of another line tell that it is not.
    """
    rows = [EXPORTED.match(line) for _, line in _lines(text)]
    if not rows or _FOR_CONDA.search(text) is not None:
        return bool(rows) and all(rows)
    return all(rows) and any(row is not None and (row[3] or row[1] == "python") for row in rows)


def is_pip_list(text: str) -> bool:
    """Tell whether a text is what ``pip list`` printed, or its rows alone."""
    lines = [line for _, line in _lines(text)]
    return _PIP_HEADER.search(text) is not None or (len(lines) > 1 and all(map(_PIP_ROW.match, lines)))


def is_pixi_list(text: str) -> bool:
    """Tell whether a text is the table that ``pixi list`` printed."""
    return _PIXI_HEADER.search(text) is not None


def _lines(text: str) -> list[tuple[int, str]]:
    numbered = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def read_explicit(env: Environment, text: str, path: str, platform: str) -> None:
    """Read an explicit list: one URL or file of a conda package in each line, with or without its hash.

    Raises:
        UsageError: A line names no conda package, or the platforms disagree.
    """
    found, subdirs = [], set()
    for number, line in _lines(text):
        if line.upper() == "@EXPLICIT":
            continue
        package = conda_url(line, f"{path}: line {number}")
        if package is None:
            raise UsageError(
                f"The file {path} cannot be used: line {number} is not the URL of a conda package: {line[:120]!r}."
            )
        found.append(package)
        if subdir_of(line) in PLATFORMS:
            subdirs.add(subdir_of(line))
    stated = _PLATFORM.search(text)
    if not subdirs and stated and stated.group(1) in PLATFORMS:
        subdirs = {stated.group(1)}
    env.platform = chosen(platform, subdirs, path)
    env.listed = True
    env.add(found)


def _list_package(name: str, version: str, build: str, channel: str, source: str) -> Package:
    if channel in ("pypi", "<pip>") or build in ("pypi_0", "<pip>", "pypi"):
        return Package(name, version, PIP, "", "pypi", source)
    # conda list shows nothing for defaults, newer ones the name; an empty channel is the default ones.
    return Package(name, version, CONDA, build, channel_name(channel) or "defaults", source)


def read_conda_list(env: Environment, text: str, path: str, platform: str) -> None:
    """Read the table that ``conda list`` or ``micromamba list`` prints.

    Raises:
        UsageError: A line is no row of it.
    """
    header = _HEADER.search(text)
    begin = text[: header.end()].count("\n") + 1 if header else 0
    lines = [(n, line) for n, line in _lines(text) if n > begin and not set(line) <= set("-─═ ")]
    # A list is pasted between sentences; a line among its rows that is none is a list that was damaged.
    rows = [place for place, (_, line) in enumerate(lines) if _ROW.match(line)]
    found = []
    for number, line in lines[rows[0] if rows and header is None else 0 : rows[-1] + 1 if rows else None]:
        if not _ROW.match(line):
            raise UsageError(
                f"The file {path} cannot be used: line {number} is no row of `conda list`: {line[:120]!r}."
            )
        name, version, build, channel = (*line.split(), "", "")[:4]
        found.append(_list_package(name, version, build, channel, f"{path}: line {number}"))
    prefix, stated = _PREFIX.search(text), _OF_INFO.search(text)
    told = told_by(found, prefix.group(1) if prefix else "")
    told = told or (stated.group(1) if stated and stated.group(1) in PLATFORMS else "")
    env.platform = platform or told or chosen("", (), path)
    env.listed = True
    env.add(found)


def read_conda_export(env: Environment, text: str, path: str, platform: str) -> None:
    """Read what ``conda list --export`` prints: ``name=version=build`` lines without channels."""
    found = []
    for number, line in _lines(text):
        matched = EXPORTED.match(line)
        assert matched is not None  # is_conda_export has looked at every line
        name, version, build = matched.groups("")
        manager_channel = ("pypi", PIP) if build == "pypi_0" else ("", CONDA)
        channel, manager = manager_channel
        found.append(
            Package(name, version, manager, "" if manager == PIP else build, channel, f"{path}: line {number}")
        )
    stated = _PLATFORM.search(text)
    offered = {stated.group(1)} & set(PLATFORMS) if stated else set()
    env.platform = chosen(platform or ("" if offered else told_by(found)), offered, path)
    env.add(found)


def read_pip_list(env: Environment, text: str, path: str, platform: str) -> None:
    """Read the table that ``pip list`` prints; sentences may stand around it."""
    header = _PIP_HEADER.search(text)
    begin = text[: header.end()].count("\n") + 1 if header else 0
    found = []
    for number, line in _lines(text):
        columns = line.split()
        if number > begin and _PIP_ROW.match(line):
            found.append(Package(columns[0], columns[1], PIP, "", "pypi", f"{path}: line {number}"))
    env.platform = platform or told_by(found) or chosen("", (), path)
    env.partial = True  # what conda brought in without a dist-info is not in it
    env.listed = True
    env.add(found)


def read_pixi_list(env: Environment, text: str, path: str, platform: str) -> None:
    """Read the table that ``pixi list`` prints: a column is empty where a package has none of it."""
    header = _PIXI_HEADER.search(text)
    assert header is not None  # is_pixi_list has found it
    starts = [(word.group().lower(), word.start()) for word in re.finditer(r"\S+", header.group())]
    ends = [*(start for _, start in starts[1:]), None]
    rows = [
        {name: line[start:end].strip() for (name, start), end in zip(starts, ends, strict=True)}
        for line in text[header.end() :].split("\n")
    ]
    rows = [{**row, "name": row["package"]} for row in rows if row["kind"] in ("conda", "pypi")]
    read_json_list(env, rows, path, platform)


def _field(row: dict[str, Any], names: tuple[str, ...], path: str, place: int) -> str:
    for name in names:
        value = row.get(name)
        if value is not None:
            if not isinstance(value, str):
                raise UsageError(f"The file {path} cannot be used: {name} of entry {place} has to be a text.")
            return value
    return ""


def read_json_list(env: Environment, rows: list[Any], path: str, platform: str) -> None:
    """Read the lists that ``--json`` of conda, micromamba and pixi, and ``pip list --format=json``, print.

    Raises:
        UsageError: An entry is no object with a name.
    """
    found, subdirs, conda = [], set(), False
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            raise UsageError(
                f"The file {path} cannot be used: entry {place} of the list has to be an object with a name."
            )
        source = f"{path}: entry {place}"
        version = _field(row, ("version",), path, place)
        build = _field(row, ("build_string", "build"), path, place)
        channel = _field(row, ("channel", "base_url", "source"), path, place)
        kind = _field(row, ("kind",), path, place)
        subdir = _field(row, ("platform", "subdir"), path, place)
        if kind == "pypi" or channel == "pypi" or not (build or channel or subdir or kind):
            found.append(Package(row["name"], version, PIP, "", "pypi", source))
            continue
        conda = True
        if subdir in PLATFORMS:
            subdirs.add(subdir)
        parts = conda_file(channel)
        found.append(_list_package(row["name"], version, build, subdir_free(channel, parts), source))
    if not platform and not subdirs:
        platform = told_by(found)
    env.platform = chosen(platform, subdirs, path)
    env.partial = not conda
    env.listed = True
    env.add(found)


def subdir_free(channel: str, parts: tuple[str, str, str] | None) -> str:
    """Return a channel without the file name that some tools put behind it."""
    return channel.rsplit("/", 1)[0] if parts else channel
