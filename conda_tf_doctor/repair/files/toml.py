"""The entries of TOML files (manifests of pixi and conda, pyproject.toml, Pipfile), each with its place in the text.

tomlkit keeps every character of a document, but tells no places: where a value stands shows when a mark is put there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tomlkit

from ...environment.facts import CONDA, PIP
from ...environment.files.pixi import manifest, own_lines, with_project
from ...environment.files.projects import PROJECT, lists, sections, told
from ...errors import UsageError
from ...names import normalise
from ...reading import load_toml
from .entry import HEAD, NEW_SECTION, Entry, line_spans
from .requirements import entry_of_requirement

_MARK = "~stands-here~"
_MANAGERS = {"dependencies": CONDA, "host-dependencies": CONDA, "pypi-dependencies": PIP}
_ESCAPED = "it is written with escapes; change it by hand"
_LINE = '{name} = "{version}"'

# What stands between the quotes of a text.
_BASIC, _LITERAL = re.compile(r'(?:[^"\\\n]|\\.)*'), re.compile(r"[^'\n]*")

# The keys that lead to a value, from the document down.
_Way = tuple[Any, ...]


class _Value(NamedTuple):
    """A version, or a whole requirement.

    Attributes:
        way: Where it is.
        text: What it says; ``None`` where there is no text to edit.
        manager: Whose package it is.
        name: The package's whose version it is; empty for a requirement.
        applies: Whether it counts.
    """

    way: _Way
    text: str | None
    manager: str = PIP
    name: str = ""
    applies: bool = True


def entries_of_toml(text: str, path: str, platform: str, python: str) -> tuple[list[Entry], dict[str, tuple[str, int]]]:
    """Find the dependencies of a file.

    Raises:
        UsageError: It is not valid TOML.
    """
    skip = len(text) - len(text.lstrip("\ufeff"))
    data = load_toml(text[skip:].replace("\r\n", "\n"), path)
    tables = dict(_tables(data, path))
    values = [*_in_tables(data, tables, platform), *_in_lists(data, path)]
    places = _places(text[skip:], [value for value in values if value.text is not None], path)
    spans, newline = line_spans(text), "\r\n" if "\r\n" in text else "\n"
    entries: list[Entry] = []
    templates: dict[str, tuple[str, int]] = {}
    for way, manager in tables.items():
        if _target_applies(way, platform):
            templates[_group(manager, way)] = (_LINE, _below_header(text[skip:], way) + skip)
    for value in values:
        place, end = (skip + at for at in places.get(value.way, _named(text[skip:], value.name)))
        number = sum(first <= place for first, _ in spans)
        first, last = spans[number - 1]
        before = text[first:place]
        fixed = _fixed(before, value, text[place:end])
        if value.name:
            group = _group(value.manager, next(way for way in tables if value.way[: len(way)] == way))
            entry: Entry | None = Entry(
                value.manager, normalise(value.name), number, place, end, first, last, group, value.applies,
                bare=True, fixed=fixed,
            )  # fmt: skip
            if group in templates and not fixed and not _is_of_subtable(before):
                templates[group] = (_LINE, last)
        else:
            group = _group(PIP, value.way[:-1])
            # A further one goes before the first, so that whatever of them goes takes nothing of it along.
            if group not in templates and before[:-1].strip():
                templates[group] = ('"{name}{version}", ', place - 1)
            elif group not in templates:
                templates[group] = (f'{before[:-1]}"{{name}}{{version}}",{newline}', first)
            entry = entry_of_requirement(str(value.text), place, number, platform, python)
            if entry is not None:
                first, last = _item(text, place - 1, end + 1)
                applies = entry.applies and value.applies
                # A marker may have escapes: it stands behind the version.
                same = str(value.text).startswith(text[place : entry.end]) or bool(entry.fixed)
                fixed = entry.fixed if same else _ESCAPED
                entry = entry._replace(first=first, last=last, group=group, applies=applies, fixed=fixed)
        if entry is not None:
            entries.append(entry)
    if not any(group.startswith(PIP) for group in templates):
        templates |= _new_section(tables, values, platform, len(text))
    return entries, templates


def _new_section(
    tables: Mapping[_Way, str], values: Sequence[_Value], platform: str, end: int
) -> dict[str, tuple[str, int]]:
    """Return how pip's packages get a table of their own, beside the one of conda's that has TensorFlow.

    They need a Python of conda's, which nobody brings any more once TensorFlow has left the other table.
    """
    mine = [way for way, manager in tables.items() if manager == CONDA and _target_applies(way, platform)]
    if not mine or not any(value.name == "python" and value.manager == CONDA for value in values):
        return {}
    beside = [way for value in values for way in mine if "tensorflow" in value.name and value.way[: len(way)] == way]
    keys = (*(beside or mine)[0][:-1], "pypi-dependencies")
    head = ".".join(tomlkit.key(key).as_string() for key in keys)
    return {NEW_SECTION: (_LINE, end), HEAD: (f"\n[{head}]", end)}


def _group(manager: str, way: _Way) -> str:
    return f"{manager} {'.'.join(map(str, way))}"


def _tables(data: dict[str, Any], path: str) -> Iterator[tuple[_Way, str]]:
    """Yield the tables of names and versions, and whose packages are in each."""
    root = manifest(data, path)
    if root is not None:
        above = () if root is data else ("tool", next(name for name in ("pixi", "conda") if name in data["tool"]))
        yield from _of_manifest(root, above)
    for name in ("packages", "dev-packages"):
        if root is None and isinstance(data.get(name), dict):
            yield (name,), PIP


def _of_manifest(table: Mapping[str, Any], above: _Way) -> Iterator[tuple[_Way, str]]:
    for key, value in table.items():
        if isinstance(value, dict) and key in _MANAGERS:
            yield (*above, key), _MANAGERS[key]
        elif isinstance(value, dict) and key in ("feature", "target"):
            for name, each in value.items():
                if isinstance(each, dict):
                    yield from _of_manifest(each, (*above, key, name))


def _target_applies(way: _Way, platform: str) -> bool:
    if "target" not in way or not platform:
        return True
    system = platform.split("-")[0]
    name = way[way.index("target") + 1]
    return name in (platform, system) or (name == "unix" and system in ("linux", "osx"))


def _in_tables(data: dict[str, Any], tables: Mapping[_Way, str], platform: str) -> Iterator[_Value]:
    for way, manager in tables.items():
        table: Any = data
        for key in way:
            table = table[key]
        for name, value in table.items():
            nested = isinstance(value, dict) and isinstance(value.get("version"), str)
            text = value["version"] if nested else value if isinstance(value, str) else None
            place = (*way, name, "version") if nested else (*way, name)
            yield _Value(place, text, manager, name, _target_applies(way, platform))


def _in_lists(data: dict[str, Any], path: str) -> Iterator[_Value]:
    """Yield the requirements of a pyproject.toml; those count that `check` reads."""
    root = manifest(data, path)
    if root is data or not PROJECT & set(data):
        return
    read = own_lines(with_project(root, data, path), path) if root else told(*sections(data, path)[:2])
    places = {line.where for line in read}
    for way, items in lists(data, path).items():
        for place, item in enumerate(items):
            if isinstance(item, str):
                yield _Value((*way, place), item, applies=f"item {place + 1} of {'.'.join(way)}" in places)


def _marked(text: str, marks: Mapping[_Way, str]) -> str:
    document = tomlkit.parse(text)
    for way, mark in marks.items():
        holder: Any = document
        for key in way[:-1]:
            holder = holder[key]
        holder[way[-1]] = mark
    return tomlkit.dumps(document)


def _places(text: str, values: Sequence[_Value], path: str) -> dict[_Way, tuple[int, int]]:
    """Return where each value begins, behind its quote, and where it ends.

    Raises:
        UsageError: One of them stands over several lines.
    """
    marks = {value.way: f"{_MARK}{number}~" for number, value in enumerate(values)}
    # Text, number, text, number, …, text.
    before, *parts = re.split(rf"{_MARK}(\d+)~", _marked(text, marks))
    places: dict[_Way, tuple[int, int]] = {}
    at = 0
    for number, after in zip((None, *parts[::2]), (before, *parts[1::2]), strict=True):
        if number is not None:
            raw = _BASIC if text[at - 1] == '"' else _LITERAL
            end = raw.match(text, at).end()  # type: ignore[union-attr]
            places[values[int(number)].way] = at, end
            at = end
        # The quotes of a mark are tomlkit's own.
        if text[at : at + len(after)].replace("'", '"') != after.replace("'", '"'):
            line = text.count("\n", 0, at) + 1
            raise UsageError(f"{path}, line {line}: a text over several lines is not edited; change it by hand.")
        at += len(after)
    return places


def _below_header(text: str, way: _Way) -> int:
    """Return where a table's first line goes."""
    before = _marked(text, {(*way, _MARK): ""}).partition(_MARK)[0]
    return min(before.rfind("\n") + 1, len(text))


def _named(text: str, name: str) -> tuple[int, int]:
    """Return where a package is named that has no version; zeros where it is not at the beginning of a line."""
    found = re.search(rf"""^[ \t]*["']?{re.escape(name)}["']?\s*[=.]""", text, re.M)
    return (found.end(), found.end()) if found else (0, 0)


def _is_of_subtable(before: str) -> bool:
    return re.fullmatch(r"""\s*version\s*=\s*["']""", before) is not None


def _fixed(before: str, value: _Value, raw: str) -> str:
    """Return why a version is not edited, by what stands before it in its line; empty where it is."""
    if value.text is None:
        return "it names no version here; change it by hand"
    if raw != value.text:
        return _ESCAPED
    own = re.match(r"""\s*["']?([\w.-]+?)["']?\s*(?:\.\s*version\s*)?=""", before)
    if (own and own[1] == value.name) or _is_of_subtable(before):
        return ""
    return "it stands with others in one line; change it by hand"


def _item(text: str, start: int, end: int) -> tuple[int, int]:
    """Return what goes where an item of an array goes: its comma too, and its line where it has one for itself."""
    after = re.compile(r"[ \t]*,[ \t]*").match(text, end)
    last = after.end() if after else end
    begin = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", last)
    rest = text[last : line_end if line_end >= 0 else len(text)].strip()
    if not text[begin:start].strip() and (not rest or rest.startswith("#")) and line_end >= 0:
        return begin, line_end + 1
    before = None if after else re.search(r",\s*\Z", text[:start])
    return before.start() if before else start, last
