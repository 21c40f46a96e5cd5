"""The entries of a pixi.toml, or of the ``[tool.pixi]`` tables of a pyproject.toml, each with its place in the text."""

from __future__ import annotations

import re

from ...environment.facts import CONDA, PIP
from ...errors import UsageError
from ...names import normalise
from ...reading import load_toml
from .entry import Entry, line_spans

_TABLE = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?\Z")
_KEY = re.compile(r"(\s*)(?:\"([^\"]+)\"|'([^']+)'|([\w.\-]+))\s*=\s*(.*)\Z", re.S)
_STRING = re.compile(r"\"([^\"\\]*)\"|'([^']*)'")
_VERSION = re.compile(r"\bversion\s*=\s*(?:\"([^\"\\]*)\"|'([^']*)')")
_DEPENDENCIES = {"dependencies": CONDA, "host-dependencies": CONDA, "pypi-dependencies": PIP}


def _parts(header: str) -> list[str]:
    return [a or b or c for a, b, c in re.findall(r"\"([^\"]+)\"|'([^']+)'|([\w\-]+)", header)]


def _target_applies(parts: list[str], platform: str) -> bool:
    if "target" not in parts or not platform:
        return True
    system = platform.split("-")[0]
    name = parts[parts.index("target") + 1] if parts.index("target") + 1 < len(parts) else ""
    return name in (platform, system) or (name == "unix" and system in ("linux", "osx"))


def entries_of_toml(text: str, path: str, platform: str, python: str) -> tuple[list[Entry], dict[str, tuple[str, int]]]:
    """Find the dependencies of pixi's tables.

    Raises:
        UsageError: It is not valid TOML, or has no tables of pixi's.
    """
    data = load_toml(text.lstrip("\ufeff").replace("\r\n", "\n"), path)
    nested = "tool" in data and "pixi" in data["tool"] and "workspace" not in data
    entries: list[Entry] = []
    templates: dict[str, tuple[str, int]] = {}
    parts: list[str] = []
    for number, (begin, end) in enumerate(line_spans(text), 1):
        line = text[begin:end].rstrip("\r\n")
        header = _TABLE.match(line)
        if header:
            parts = _parts(header.group(1))
            parts = parts[2:] if nested and parts[:2] == ["tool", "pixi"] else [] if nested else parts
            manager = _DEPENDENCIES.get(parts[-1], "") if parts else ""
            if manager and _target_applies(parts, platform):
                templates[f"{manager} {'.'.join(parts)}"] = ('{name} = "{version}"', end)
            continue
        found = _entry(line, begin, number, parts)
        if found is None:
            continue
        group = f"{found.manager} {'.'.join(parts if parts[-1] in _DEPENDENCIES else parts[:-1])}"
        entries.append(found._replace(first=begin, last=end, group=group, applies=_target_applies(parts, platform)))
        if group in templates:
            templates[group] = (templates[group][0], end)
    if not entries and not templates:
        raise UsageError(f"{path} has no tables of pixi's dependencies that could be edited.")
    return entries, templates


def _entry(line: str, begin: int, number: int, parts: list[str]) -> Entry | None:
    matched = _KEY.match(line)
    if matched is None or not parts:
        return None
    key = matched.group(2) or matched.group(3) or matched.group(4)
    value, offset = matched.group(5), begin + matched.start(5)
    if parts[-1] in _DEPENDENCIES:
        manager, name = _DEPENDENCIES[parts[-1]], key
        found = _VERSION.search(value) if value.startswith("{") else _STRING.match(value)
    elif len(parts) > 1 and parts[-2] in _DEPENDENCIES and key == "version":
        # [dependencies.numpy] with a line version = "…"
        manager, name = _DEPENDENCIES[parts[-2]], parts[-1]
        found = _STRING.match(value)
    else:
        return None
    if found is None:
        return Entry(
            manager,
            normalise(name),
            number,
            0,
            0,
            0,
            0,
            "",
            bare=True,
            fixed="it names no version here; change it by hand",
        )
    index = 1 if found.group(1) is not None else 2
    return Entry(
        manager, normalise(name), number, offset + found.start(index), offset + found.end(index), 0, 0, "", bare=True
    )
