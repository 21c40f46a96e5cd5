"""Turns the file of one TensorFlow release into rows: one per distribution and platform that has a wheel.

Most of such a file is what the index and the wheels themselves say, as they say it; what a row makes of that is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from packaging.requirements import Requirement

from ..subdirs import marker_variables
from . import expand
from .expand import Row
from .model import EMPTY, PYPI, STUB, Build, canonical
from .source import Document, Path, Problem

CUDA_EXTRA = "and-cuda"
_SOURCE = "metadata of the {distribution} {version} wheels"
# Distributions that carry the binaries of another name's release.
_CARRIERS = ("tensorflow", "tensorflow-intel", "tensorflow-cpu-aws", "tensorflow-macos")


def rows_of(document: Document, shared: Mapping[str, Row], problems: list[Problem]) -> Iterator[tuple[Path, Row]]:
    """Yield every row of a file, of a release or of groups of builds, with the path it comes from.

    Args:
        document: A file that fits the schema.
        shared: Named blocks of fields, those of the file itself included.
        problems: Gets what is wrong beyond the schema.
    """
    if "release" in document.value:
        yield from _rows_of_release(document, shared, problems)
    else:
        yield from expand.rows_of(document, shared, problems)


def _rows_of_release(
    document: Document, shared: Mapping[str, Row], problems: list[Problem]
) -> Iterator[tuple[Path, Row]]:
    value = document.value
    release = str(value["release"])
    rows: dict[str, tuple[Path, Row]] = {}
    for distribution, wheels in value.get("wheels", {}).items():
        for platform, facts in wheels["platforms"].items():
            row = _row(release, distribution, platform) | {"date": str(wheels.get("date") or "")}
            row |= {name: expand.normalised(name, fact) for name, fact in facts.items()}
            rows[f"{distribution}/{platform}"] = (("wheels", distribution, "platforms", platform), row)
    declared = dict(_declared(document, rows, problems))
    for wheel, (_, row) in rows.items():
        row.update(_required(declared, wheel, row, release))
    for index, entry in enumerate(value.get("read", ())):
        for wheel in _named(entry["of"], rows, document, ("read", index, "of"), problems):
            rows[wheel][1].update({k: expand.normalised(k, v) for k, v in entry.items() if k in Build._fields})
    for index, entry in enumerate(value.get("builds", ())):
        path: Path = ("builds", index)
        layers: list[tuple[Path, Mapping[str, Any]]] = [(path, {"use": entry.get("use", ())})]
        layers.append(((*path, "facts"), entry.get("facts", {})))
        for wheel in _named(entry["of"], rows, document, (*path, "of"), problems):
            where, row = rows[wheel]
            rows[wheel] = where, expand.chain(layers, shared, document, problems, row)
    for where, row in rows.values():
        yield where, expand.finished(row)


def _row(release: str, distribution: str, platform: str) -> Row:
    return {
        "channel": PYPI,
        "distribution": distribution,
        "tensorflow": release,
        "platform": platform,
        "source": _SOURCE,
    }


def _named(
    names: Iterable[str], rows: Mapping[str, Any], document: Document, path: Path, problems: list[Problem]
) -> Iterator[str]:
    """Yield the wheels that are named: ``tensorflow/win-64``, or ``tensorflow`` for all of its platforms."""
    for index, name in enumerate(names):
        found = [wheel for wheel in rows if name in (wheel, wheel.partition("/")[0])]
        if not found:
            problems.append(document.problem((*path, index), f"there is no wheel {name} under wheels:"))
        yield from found


def _declared(
    document: Document, rows: Mapping[str, tuple[Path, Row]], problems: list[Problem]
) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Yield ``requires_python`` and the requirements of every wheel."""
    for index, entry in enumerate(document.value.get("requires", ())):
        for wheel in _named(entry["of"], rows, document, ("requires", index, "of"), problems):
            yield wheel, (entry.get("python", ""), entry["packages"])


def _required(declared: Mapping[str, tuple[str, list[str]]], wheel: str, row: Row, release: str) -> Row:
    """Return what a wheel requires, as the fields of its row."""
    distribution, _, platform = wheel.partition("/")
    requires_python, packages = declared.get(wheel, ("", []))
    made: Row = {"requires_python": requires_python} if requires_python else {}
    carrier = _carrier(packages, distribution, platform, row.get("python", []), release)
    if carrier:
        made |= {"kind": STUB if carrier != distribution else EMPTY}
        if carrier == distribution:
            return made
        made["stub_for"] = f"{carrier}=={release}"
        # Whoever installs it gets what its carrier requires.
        packages = declared.get(f"{carrier}/{platform}", ("", _first_with_numpy(declared)))[1]
    always, sometimes = requirements(packages, platform, row.get("python", []))
    if platform == "linux-64" and not carrier:
        nvidia = [item for item in packages if CUDA_EXTRA in item and item.startswith("nvidia-")]
        made |= {"nvidia": [re.sub(r"(?<!\s)\s*;.*", "", item) for item in nvidia]} if nvidia else {}
    return made | ({"requires": always} if always else {}) | ({"requires_if": sometimes} if sometimes else {})


def _first_with_numpy(declared: Mapping[str, tuple[str, list[str]]]) -> list[str]:
    return next((p for _, p in declared.values() if any(re.match(r"numpy\b", item) for item in p)), [])


def _carrier(packages: list[str], distribution: str, platform: str, pythons: list[str], release: str) -> str:
    """Return the distribution that a wheel without binaries stands for; its own name where it requires only itself."""
    always, _ = requirements(packages, platform, pythons, carriers=True)
    if "numpy" in always or not any(name in always for name in _CARRIERS):
        return ""
    pins = {name: spec.removeprefix("==") for name, spec in always.items() if name in _CARRIERS and spec[:2] == "=="}
    pinned = [name for name, pin in pins.items() if canonical(pin) == canonical(release)]
    return next((name for name in pinned if name != distribution), pinned[0] if pinned else "")


def requirements(
    packages: Iterable[str], platform: str, pythons: list[str], carriers: bool = False
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what wheels for a platform require: whatever the Python, and only for some of the Pythons.

    Args:
        packages: Requirements as declared (PEP 508).
        platform: Conda subdir.
        pythons: The minors that there are wheels for.
        carriers: Whether TensorFlow's own distributions count.

    Returns:
        Range by normalised name, and range with condition (``>=0.23.1 ; python_version < "3.12"``), alternatives
        joined by ``|``. What every Python requires in some range is among the first, too, with that of the oldest.
    """
    found: dict[str, list[tuple[str, str, list[str]]]] = {}
    for text in packages:
        required = _parsed(text)
        if not carriers and required.name in _CARRIERS:
            continue
        holds = [minor for minor in pythons if _holds(text, platform, minor)]
        if holds:
            condition = _condition(str(required.marker or ""), holds, pythons)
            found.setdefault(required.name, []).append((_range(text), condition, holds))
    always: dict[str, str] = {}
    sometimes: dict[str, str] = {}
    for name, entries in found.items():
        entries.sort(key=lambda entry: pythons.index(entry[2][0]))
        if {minor for entry in entries for minor in entry[2]} == set(pythons):
            always[name] = entries[0][0]
        if any(condition for _, condition, _ in entries):
            parts = [f"{spec} ; {condition}" if condition else spec for spec, condition, _ in entries]
            sometimes[name] = " | ".join(parts)
    return always, sometimes


def _condition(marker: str, holds: list[str], pythons: list[str]) -> str:
    if holds == pythons:
        return ""
    if re.fullmatch(r"python_version [<>=!]+ \"[\d.]+\"( and python_version [<>=!]+ \"[\d.]+\")*", marker):
        return marker
    if holds == pythons[: len(holds)]:
        return f'python_version <= "{holds[-1]}"'
    return f'python_version >= "{holds[0]}"'


@cache
def _parsed(text: str) -> Requirement:
    return Requirement(text)


@cache
def _range(text: str) -> str:
    return written(str(_parsed(text).specifier))


@cache
def _holds(text: str, platform: str, minor: str) -> bool:
    marker = _parsed(text).marker
    if marker is None:
        return True
    python = {"python_version": minor, "python_full_version": f"{minor}.0", "extra": ""}
    return marker.evaluate({**python, **marker_variables(platform)})


def written(spec: str) -> str:
    """Return a specifier set with its lower bound first, as people write it."""
    order = {">=": 0, "==": 0, "~=": 0, ">": 1, "!=": 2, "<": 3, "<=": 3}
    terms = [term.strip() for term in spec.split(",") if term.strip()]
    return ",".join(sorted(terms, key=lambda term: (order.get(re.match(r"[<>=!~]*", term)[0], 4), term)))  # type: ignore[index]
