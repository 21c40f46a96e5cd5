"""What a Python project asks for: pyproject.toml (``[project]``, groups, Poetry's tables), Pipfile, setup.cfg."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ... import versions
from ...errors import UsageError
from ...names import normalise
from ..facts import IN_ITSELF, Environment
from ..tensorflow import OWNERS
from .platforms import chosen
from .requirements import Line, lines_of, packages
from .specs import python_package
from .text import as_list, as_mapping

_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
# The keys that lead to a project's own requirements, to its extras, and to its groups.
OWN, EXTRAS, GROUPS = ("project", "dependencies"), ("project", "optional-dependencies"), ("dependency-groups",)
# The tables of which a pyproject.toml has one.
PROJECT = {"project", "dependency-groups", "tool", "build-system"}
_NUMBER = re.compile(r"\d+(?:\.\d+)*")


class Section(NamedTuple):
    """A list of requirements that is installed by itself or with the project's own.

    Attributes:
        name: Its table, for messages.
        lines: The requirements.
    """

    name: str
    lines: list[Line]

    @property
    def has_tensorflow(self) -> bool:
        """Whether it asks for TensorFlow."""
        return has_tensorflow(self.lines)


def has_tensorflow(lines: Iterable[Line]) -> bool:
    """Tell whether requirements ask for TensorFlow."""
    names = (_NAME.match(line.text) for line in lines)
    return any(matched and normalise(matched.group(1)) in OWNERS for matched in names)


def told(base: Section, others: list[Section]) -> list[Line]:
    """Return a project's own requirements, and where they lack TensorFlow the first group or extra that has it."""
    with_it = next((section for section in others if section.has_tensorflow), None)
    return base.lines if base.has_tensorflow or with_it is None else [*base.lines, *with_it.lines]


def _read(env: Environment, base: Section, others: list[Section], requires: str, path: str, platform: str) -> None:
    env.platform = chosen(platform, (), path)
    env.partial = True
    python = python_package(requires, path)
    env.add([python] if python else [])
    exact = python.version if python and not python.spec else ""
    env.add(packages(told(base, others), env.platform, exact, requires))


def _texts(items: list[Any], path: str, where: str, first: int = 1) -> Iterator[Line]:
    for place, item in enumerate(items, first):
        if not isinstance(item, str):
            raise UsageError(
                f"The file {path} cannot be used: item {place} of {where} has to be a text such as 'tensorflow==2.15'."
            )
        yield Line(item, path, f"item {place} of {where}")


def _group(groups: dict[str, Any], name: str, path: str, seen: tuple[str, ...] = ()) -> Iterator[Line]:
    """Yield a dependency group's requirements (PEP 735), those of the groups that it includes among them."""
    where = f"dependency-groups.{name}"
    for place, item in enumerate(as_list(groups.get(name), path, where), 1):
        if isinstance(item, dict):
            other = str(item.get("include-group") or "")
            if other not in groups or other in seen:
                raise UsageError(f"The file {path} cannot be used: item {place} of {where} includes no group: {item}.")
            yield from _group(groups, other, path, (*seen, name))
        else:
            yield from _texts([item], path, where, place)


def poetry_range(text: str) -> str:
    """Return Poetry's constraint as a PEP 440 specifier set; empty for what leaves everything open.

    ``^2.15`` allows what keeps the first number that is not zero, ``~2.15`` what keeps the second one; a bare version
    is that version. Alternatives (``||``) have no such form and leave everything open.
    """
    if "|" in text:
        return ""
    terms = []
    for term in filter(None, (part.strip() for part in text.split(","))):
        matched = re.match(r"([\^~])\s*(\d+(?:\.\d+)*)", term)
        if matched and not term.startswith("~="):
            numbers = [versions.number(digits) for digits in matched.group(2).split(".")]
            kept = min(1, len(numbers) - 1)
            if matched.group(1) == "^":
                kept = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
            upper = ".".join(str(number) for number in [*numbers[:kept], numbers[kept] + 1])
            terms += [f">={term[1:].strip()}", f"<{upper}"]
        elif term != "*":
            terms.append(f"=={term}" if _NUMBER.match(term) else term.replace(" ", ""))
    return ",".join(terms)


def _keyed(table: Mapping[str, Any], path: str, where: str) -> Iterator[Line]:
    """Yield the requirements of a table of names to versions, as Poetry and Pipenv write them."""
    for name, value in table.items():
        place = f"{where}.{name}"
        # Poetry allows a list of alternatives, each with its own marker.
        for each in value if isinstance(value, list) else [value]:
            fields = as_mapping(each, path, place) if not isinstance(each, str) else {"version": each}
            extras = ",".join(str(extra) for extra in as_list(fields.get("extras"), path, f"{place}.extras"))
            markers = [str(fields[key]) for key in ("markers",) if fields.get(key)]
            markers += [
                f"{key} {fields[key]}" for key in ("sys_platform", "platform_machine", "os_name") if key in fields
            ]
            if fields.get("platform"):
                markers.append(f"sys_platform == '{fields['platform']}'")
            version = poetry_range(str(fields.get("version") or "*"))
            text = f"{name}{f'[{extras}]' if extras else ''}{version}"
            yield Line(f"{text} ; {' and '.join(f'({each})' for each in markers)}" if markers else text, path, place)


def _poetry(poetry: dict[str, Any], path: str) -> tuple[Section, list[Section], str]:
    tables = [("tool.poetry.dependencies", poetry.get("dependencies"))]
    groups = as_mapping(poetry.get("group"), path, "tool.poetry.group")
    for name, group in groups.items():
        where = f"tool.poetry.group.{name}"
        tables.append((f"{where}.dependencies", as_mapping(group, path, where).get("dependencies")))
    tables.append(("tool.poetry.dev-dependencies", poetry.get("dev-dependencies")))
    sections, requires = [], ""
    for where, value in tables:
        table = dict(as_mapping(value, path, where))
        python = table.pop("python", "")
        requires = requires or (poetry_range(python) if isinstance(python, str) else "")
        sections.append(Section(where, list(_keyed(table, path, where))))
    return sections[0], sections[1:], requires


def lists(data: dict[str, Any], path: str) -> dict[tuple[str, ...], list[Any]]:
    """Return the lists of requirements in a pyproject.toml, by the keys that lead to them: its own, extras, groups.

    uv, PDM and Hatch have groups in tables of their own.

    Raises:
        UsageError: One of them is no list.
    """

    def table(*keys: str) -> dict[str, Any]:
        found = data
        for depth, key in enumerate(keys, 1):
            found = as_mapping(found.get(key), path, ".".join(keys[:depth]))
        return found

    ways: list[tuple[str, ...]] = [OWN, ("tool", "uv", "dev-dependencies")]
    for above in (EXTRAS, GROUPS, ("tool", "pdm", "dev-dependencies")):
        ways += [(*above, name) for name in table(*above)]
    for name in table("tool", "hatch", "envs"):
        ways += [("tool", "hatch", "envs", name, field) for field in ("dependencies", "extra-dependencies")]
    return {way: as_list(table(*way[:-1]).get(way[-1]), path, ".".join(way)) for way in ways}


def requirements(data: dict[str, Any], path: str) -> dict[tuple[str, ...], list[Line]]:
    """Return what :func:`lists` finds, with what each group includes.

    Raises:
        UsageError: An item is no requirement, or names no group.
    """
    groups = as_mapping(data.get("dependency-groups"), path, "dependency-groups")
    return {
        way: list(_group(groups, way[1], path) if way[:-1] == GROUPS else _texts(items, path, ".".join(way)))
        for way, items in lists(data, path).items()
    }


def sections(data: dict[str, Any], path: str) -> tuple[Section, list[Section], str]:
    """Return a project's own requirements, those of its extras and groups, and the Pythons that it is for.

    Args:
        data: A pyproject.toml or a Pipfile.
        path: The file.

    Raises:
        UsageError: It lists no dependencies, or a field is not what it has to be.
    """
    if not PROJECT & set(data):
        return _of_pipfile(data, path)
    tool = as_mapping(data.get("tool"), path, "tool")
    project = as_mapping(data.get("project"), path, "project")
    base = Section("project.dependencies", list(_own(project, tool, path)))
    others = [Section(".".join(way), lines) for way, lines in requirements(data, path).items() if way != OWN]
    requires = project.get("requires-python", "")
    if not isinstance(requires, str):
        raise UsageError(f"The file {path} cannot be used: project.requires-python has to be a text such as '>=3.10'.")
    if "poetry" in tool:
        own, more, python = _poetry(as_mapping(tool["poetry"], path, "tool.poetry"), path)
        base = Section(base.name, [*base.lines, *own.lines])
        others, requires = [*others, *more], requires or python
    if not base.lines and not any(section.lines for section in others):
        raise UsageError(
            f"The file {path} lists no dependencies ([project], [dependency-groups] and the tables of Poetry, uv, PDM, "
            "Hatch, pixi and conda are read); name the lock file, environment.yml or requirements.txt that does."
        )
    return base, others, requires


def read_project(env: Environment, data: dict[str, Any], path: str, platform: str) -> None:
    """Read a pyproject.toml or a Pipfile: its own dependencies, and of its extras and groups the one with TensorFlow.

    Raises:
        UsageError: It lists no dependencies, or a field is not what it has to be.
    """
    _read(env, *sections(data, path), path, platform)
    tool = as_mapping(data.get("tool"), path, "tool")
    uv, pdm = (as_mapping(tool.get(name), path, f"tool.{name}") for name in ("uv", "pdm"))
    resolution = as_mapping(pdm.get("resolution"), path, "tool.pdm.resolution")
    env.overrides = bool(uv.get("override-dependencies") or resolution.get("overrides"))
    if "poetry" in tool:
        env.by_hand = IN_ITSELF


def _own(project: dict[str, Any], tool: dict[str, Any], path: str) -> Iterator[Line]:
    yield from _texts(as_list(project.get("dependencies"), path, "project.dependencies"), path, "project.dependencies")
    if "dependencies" not in as_list(project.get("dynamic"), path, "project.dynamic"):
        return
    # setuptools reads them from requirements files, which lie beside this one.
    setuptools = as_mapping(tool.get("setuptools"), path, "tool.setuptools")
    dynamic = as_mapping(setuptools.get("dynamic"), path, "tool.setuptools.dynamic")
    where = "tool.setuptools.dynamic.dependencies"
    files = as_mapping(dynamic.get("dependencies"), path, where).get("file")
    for file in [files] if isinstance(files, str) else as_list(files, path, f"{where}.file"):
        yield Line(f"-r {file}", path, where)


def _of_pipfile(data: dict[str, Any], path: str) -> tuple[Section, list[Section], str]:
    requires = as_mapping(data.get("requires"), path, "requires")
    version = str(requires.get("python_full_version") or requires.get("python_version") or "")
    base, dev = (
        Section(name, list(_keyed(as_mapping(data.get(name), path, name), path, name)))
        for name in ("packages", "dev-packages")
    )
    return base, [dev], f"=={version}{'' if version.count('.') > 1 else '.*'}" if version else ""


def is_setup_cfg(text: str) -> bool:
    """Tell whether a text is a setup.cfg: an INI file with the table of options that setuptools reads."""
    return re.search(r"^\[options(?:\.[\w.]+)?\]\s*$", text, re.M) is not None


def read_setup_cfg(env: Environment, text: str, path: str, platform: str) -> None:
    """Read ``install_requires`` and the extras of a setup.cfg.

    Raises:
        UsageError: It is no such file, or lists no requirements.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        problem = " ".join(str(error).split())
        raise UsageError(f"The file {path} is not a valid setup.cfg: {problem}; correct it there.") from None

    def section(table: str, key: str) -> Section:
        lines = lines_of(parser.get(table, key, fallback=""), path)
        return Section(f"{table}.{key}", [line._replace(where=f"{key} of [{table}]") for line in lines])

    extras = "options.extras_require"
    others = [section(extras, key) for key in (parser[extras] if parser.has_section(extras) else ())]
    base = section("options", "install_requires")
    if not base.lines and not any(other.lines for other in others):
        raise UsageError(
            f"The file {path} lists no install_requires; name the requirements.txt or environment.yml that does."
        )
    _read(env, base, others, parser.get("options", "python_requires", fallback=""), path, platform)
    env.by_hand = IN_ITSELF
