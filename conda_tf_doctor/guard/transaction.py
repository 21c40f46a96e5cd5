"""What conda is about to do, asked of conda itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .. import reading
from ..environment.solve import Plan
from ..versions import parse_matchspec
from .calls import argument, environment_files, packages, wished

if TYPE_CHECKING:
    from ..environment.files.requirements import Line
    from .losses import Asked


def requested(solver: Any) -> tuple[str, ...]:
    """Return the MatchSpecs that the user asked a solver for, spelled as on the command line where they are from there.

    ``--all`` and ``--update-deps`` put into the solver's request what is installed; then the command line counts. With
    ``--only-deps`` the classic solver puts dependencies there while it solves; what was there before it counts.
    """
    from conda.models.match_spec import MatchSpec

    typed: dict[str, list[str]] = {}
    for text in (*packages(), *conda_section()):
        with suppress(Exception):  # conda itself has said, or will say, what is wrong with it
            typed.setdefault(str(MatchSpec(text.strip("\"'")).name), []).append(text.strip("\"'"))
    if str(argument("update_modifier", "")) in ("update_all", "update_deps"):
        return tuple(sorted(text for texts in typed.values() for text in texts))
    found = [text for spec in wished(solver) for text in typed.get(str(spec.name), [str(spec)])]
    return tuple(sorted(dict.fromkeys(found)))


def asked(solver: Any) -> Asked:
    """Return what the user asked of a solver: to install, and to remove."""
    from .losses import Asked

    removals = tuple(sorted(str(spec.name) for spec in solver.specs_to_remove))
    # With --prune the solver is asked for whatever something else needs, too.
    return Asked(() if argument("prune") else requested(solver), removals)


def repodata_names() -> tuple[str, ...]:
    """Return conda's lists of packages in the order in which it tries them."""
    from conda.base.constants import REPODATA_FN
    from conda.base.context import context

    return tuple(dict.fromkeys([*(argument("repodata_fns") or context.repodata_fns), REPODATA_FN]))


def update_modifiers(arguments: dict[str, Any]) -> tuple[Any, ...]:
    """Return in which ways conda tries a request, given how the running solve was called.

    It first freezes what is installed, and thaws it when that fails; unless the user asked for one of the two.
    """
    from conda.base.constants import UpdateModifier

    frozen, thawed = UpdateModifier.FREEZE_INSTALLED, UpdateModifier.UPDATE_SPECS
    modifier = arguments.get("update_modifier")
    installing = str(argument("func", "")).endswith(("main_install.execute", "main_env_update.execute"))
    if not argument("update_modifier") and (installing or str(modifier) == str(frozen)):
        return frozen, thawed
    return (modifier,)


def _entries(field: str) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a list in the environment files that conda was given, each with its file."""
    for path in environment_files():
        document = reading.load_yaml(reading.read_text(path), path)
        entries = document.get(field) if isinstance(document, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            yield path, entry


def conda_section() -> list[str]:
    """Return what the environment files ask of conda."""
    return [entry for _, entry in _entries("dependencies") if isinstance(entry, str)]


def pip_section() -> tuple[Line, ...]:
    """Return the requirements in the ``pip:`` sections of the environment files that conda was given, as written."""
    found: list[Line] = []
    for path, entry in _entries("dependencies"):
        section = entry.get("pip") if isinstance(entry, dict) else None
        for item in section if isinstance(section, list) else ():
            found += _requirement(item, path)
    return tuple(found)


def _requirement(item: Any, path: str) -> list[Line]:
    from ..environment.files import requirements
    from ..errors import UsageError

    try:
        return list(requirements.pip_section([item], path))
    except UsageError:
        return []  # pip itself will say so


def _virtual_packages() -> dict[str, str] | None:
    """Return conda's virtual packages, or ``None`` where this conda tells them otherwise."""
    from conda.base.context import context

    manager = context.plugin_manager
    if hasattr(manager, "get_virtual_package_records"):
        return {record.name: str(record.version or "") for record in manager.get_virtual_package_records()}
    if hasattr(manager, "get_virtual_packages"):
        return {f"__{package.name}": str(package.version or "") for package in manager.get_virtual_packages()}
    return None


def plan(prefix: str, unlink: Any, link: Any, solver: Any = None) -> Plan:
    """Return the transaction between two sets of records in a prefix.

    Args:
        prefix: The environment.
        unlink: Records that go.
        link: Records that come.
        solver: Conda's solver, which knows what was asked for; ``None`` where that is no packages, but a state.
    """
    from conda.base.context import context

    names = None if solver is None else frozenset(parse_matchspec(spec).name for spec in requested(solver))
    return Plan(prefix, str(context.subdir), tuple(unlink or ()), tuple(link or ()), pip_section(), None, names)


def with_virtual_packages(planned: Plan) -> Plan:
    """Add conda's virtual packages, which cost something to find out."""
    return planned._replace(virtual_packages=_virtual_packages())


def pins(prefix: str) -> tuple[str, ...]:
    """Return the user's own pins: those of the settings and those of ``conda-meta/pinned``."""
    from conda.base.context import context

    from ..repair.pinned import decode

    if context.ignore_pinned:
        return ()
    found = [str(spec) for spec in context.pinned_packages]
    path = os.path.join(prefix, "conda-meta", "pinned")
    if os.path.isfile(path):
        text = decode(reading.read_bytes(path, reading.SETTINGS)).lstrip("\ufeff")
        lines = [line.strip() for line in text.splitlines()]
        found += [line for line in lines if line and not line.startswith("#")]
    return tuple(found)
