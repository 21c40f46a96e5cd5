"""``requirements.txt``, ``pip freeze`` and the ``pip:`` section of an environment.yml."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from ... import versions
from ...errors import UsageError
from ..facts import Environment, Note, Package
from ..tensorflow import OWNERS
from .platforms import marker_environment
from .specs import all_of, pip_package, relative
from .text import read_text

# Minors that markers are tried with where the file does not say which Python it is for.
_PYTHONS = tuple(f"3.{minor}" for minor in range(5, 16))
_REFERENCE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=)?\s*(.+)\Z")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)\s*(.+)\Z")
_MOST_FILES = 200
# What is said of a package whose version a file names, another one for another Python.
BY_PYTHON = "by python"
_FROZEN = re.compile(r"[A-Za-z0-9][\w.-]*==\S+\Z")
# Of several words, or with a sign that no name has; and nothing of what compares versions.
_SENTENCE = re.compile(r"(?!-)(?![A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\Z)(?=.*(?:\s|[^\w./\\:+-]))[^=<>~@]+\Z")


class Line(NamedTuple):
    """One requirement as written.

    Attributes:
        text: The requirement, without comment, hashes and per-requirement options.
        path: The file it is in.
        where: Its line or field, for messages.
        constraint: Whether it only bounds what something else asks for.
    """

    text: str
    path: str
    where: str
    constraint: bool = False


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a requirements file with continued lines joined and comments removed."""
    held, start = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        start = start or number
        line = re.sub(r"(?:^|\s)#.*\Z", "", raw)
        if line.rstrip().endswith("\\") and line == raw:
            held += line.rstrip()[:-1] + " "
            continue
        whole = (held + line).strip()
        if whole:
            yield start, whole
        held, start = "", 0
    if held.strip():
        yield start, held.strip()


def expand(
    lines: Iterable[Line], seen: tuple[str, ...] = (), read: set[tuple[str, bool]] | None = None
) -> Iterator[Line]:
    """Yield requirements, those of files that are named by ``-r`` and ``-c`` included; options are left out.

    Args:
        lines: Of a file.
        seen: That file.
        read: What was read already, each as requirements or as constraints: once is enough, however often it is named.

    Raises:
        UsageError: A file that is named cannot be read, or too many are.
    """
    read = {(path, as_constraint) for path in seen for as_constraint in (False, True)} if read is None else read
    for line in lines:
        reference = _REFERENCE.match(line.text)
        if reference:
            named = os.path.expandvars(reference.group(2).strip().strip("\"'"))
            address = re.match(r"file:(?:/{1,3}(?=[A-Za-z]:)|//(?=/))?", named)
            other = relative(line.path, unquote(named[address.end() :]) if address else named)
            constraint = line.constraint or reference.group(1) in ("-c", "--constraint")
            place = (os.path.abspath(other), constraint)
            if "://" in other or place in read:
                continue  # nothing is downloaded
            if len(read) > _MOST_FILES:
                raise UsageError(f"{line.path} and what it names come to more than {_MOST_FILES} files; check one.")
            read.add(place)
            try:
                text = read_text(other)
            except UsageError as error:
                raise UsageError(f"{error} {line.path} names it in {line.where}.") from None
            yield from expand(lines_of(text, other, constraint), read=read)
            continue
        editable = _EDITABLE.match(line.text)
        text = editable.group(1) if editable else line.text
        if text.startswith("-"):
            continue
        # --hash=…, --install-option and the like
        text = re.sub(r"\s--?[A-Za-z][\w-]*(?:[= ].*)?\Z", "", text).strip()
        yield line._replace(text=text)


def lines_of(text: str, path: str, constraint: bool = False) -> Iterator[Line]:
    """Yield the requirements of a file's text as written."""
    for number, line in _logical(text):
        yield Line(line, path, f"line {number}", constraint)


class Entry(NamedTuple):
    """A package that is asked for, and for which Pythons.

    Attributes:
        package: The package.
        pythons: Minors, or the one version that is known.
    """

    package: Package
    pythons: frozenset[str]


def possible_pythons(python: str, requires: str = "") -> frozenset[str]:
    """Return the Pythons that a file may be for.

    Args:
        python: Its version where that is known.
        requires: PEP 440 specifier set of a project (``>=3.10``); may be empty.
    """
    if python:
        return frozenset((python,))
    # A bound within a minor (>=3.9.2) leaves some release of it.
    fitting = (m for m in _PYTHONS if any(versions.contains(requires, f"{m}.{patch}") for patch in (0, 99)))
    return frozenset(fitting if requires else _PYTHONS) or frozenset(_PYTHONS)


def pythons_of(marker: str, platform: str, possible: frozenset[str]) -> frozenset[str]:
    """Return the Pythons for which a marker holds on a platform, out of those that are possible."""
    if not marker:
        return possible
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    try:
        parsed = Marker(marker)
        return frozenset(p for p in possible if parsed.evaluate(dict(marker_environment(platform, p))))
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return possible


def packages(lines: Iterable[Line], platform: str, python: str, requires: str = "") -> list[Package]:
    """Return what these requirements install on a platform.

    Where the Python is unknown, those Pythons count for which the file asks for a TensorFlow at all. A requirement
    that holds for none of them is left out; one that holds for some of them only is of unknown version.

    Args:
        lines: The requirements.
        platform: Conda subdir.
        python: Version of Python; may be empty.
        requires: The Pythons that a project allows, as a PEP 440 specifier set; may be empty.

    Raises:
        UsageError: A line is no requirement, or a file that is named cannot be read.
    """
    entries: dict[str, list[Entry]] = {}
    constraints: dict[str, list[Entry]] = {}
    allowed = possible_pythons(python, requires)
    for line in expand(lines):
        parsed = pip_package(line.text, line.path, line.where)
        if parsed is not None:
            package, marker = parsed
            target = constraints if line.constraint else entries
            target.setdefault(package.name, []).append(Entry(package, pythons_of(marker, platform, allowed)))
    return settled(entries, constraints, allowed)


def settled(
    entries: dict[str, list[Entry]], constraints: dict[str, list[Entry]], allowed: frozenset[str]
) -> list[Package]:
    """Return one package for each name that is installed for the Pythons for which TensorFlow is.

    Args:
        entries: What is asked for, by name.
        constraints: What only bounds it, by name.
        allowed: The Pythons that are possible at all.
    """
    possible: frozenset[str] = frozenset()
    for name in OWNERS:
        possible = possible.union(*(entry.pythons for entry in entries.get(name, ())))
    possible = possible or allowed
    found = []
    for name, given in entries.items():
        asked = _merged([entry for entry in given if entry.pythons & possible], possible)
        if asked is not None:
            bound = _merged([entry for entry in constraints.get(name, ()) if entry.pythons & possible], possible)
            found.append(_bounded(asked, bound))
    return found


def _merged(entries: list[Entry], possible: frozenset[str]) -> Package | None:
    if not entries:
        return None
    first = entries[0].package
    if len(entries) == 1:
        return first if possible <= entries[0].pythons else _by_python(first)
    if all(possible <= entry.pythons for entry in entries):
        return all_of([entry.package for entry in entries])
    same = {(entry.package.version, entry.package.spec) for entry in entries}
    covered = frozenset().union(*(entry.pythons for entry in entries))
    return first if len(same) == 1 and possible <= covered else _by_python(first)


def _by_python(package: Package) -> Package:
    """Return a package whose version is not left open, and differs from Python to Python."""
    return Package(package.name, "", package.manager, "", package.channel, package.source, {BY_PYTHON: True})


def _bounded(package: Package, constraint: Package | None) -> Package:
    return package if constraint is None else all_of([package, constraint])


def read_requirements(env: Environment, text: str, path: str, platform: str) -> None:
    """Read a requirements file, or what ``pip freeze`` printed.

    Raises:
        UsageError: A line is no requirement, or a file that is named cannot be read.
    """
    env.platform = platform
    env.partial = True
    seen = (os.path.abspath(path),)
    lines = list(lines_of(text, path))
    if sum(_FROZEN.match(line.text) is not None for line in lines) > 1:
        # A list is pasted between sentences; what is passed over is told.
        for line in lines:
            if _SENTENCE.match(line.text):
                env.notes.append(
                    Note(path, f"In {path} {line.where} was passed over: {line.text[:120]!r}.", hides=True)
                )
        lines = [line for line in lines if not _SENTENCE.match(line.text)]
    env.add(packages(list(expand(lines, seen)), platform, ""))


def pip_section(items: Iterable[object], path: str) -> Iterator[Line]:
    """Yield the requirements of the ``pip:`` section of an environment.yml.

    Raises:
        UsageError: An item is no text.
    """
    for place, item in enumerate(items, 1):
        where = f"item {place} of the pip section"
        if not isinstance(item, str):
            raise UsageError(f"The file {path} cannot be used: {where} has to be a text such as 'tensorflow==2.15'.")
        text = re.sub(r"(?:^|\s)#.*\Z", "", item).strip()
        if text.startswith("-") and " " in text:
            # "-r requirements.txt --no-deps"
            try:
                words = shlex.split(text, posix=os.name != "nt")
            except ValueError as error:
                raise UsageError(f"The file {path} cannot be used: {where} has {error}: {text!r}.") from None
            text = " ".join(words[:2])
        if text:
            yield Line(text, path, where)
