"""What conda is about to do, asked of conda itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import reading
from ..environment.solve import Plan

if TYPE_CHECKING:
    from types import FrameType

    from ..environment.files.requirements import Line
    from .losses import Asked

_YAML = (".yml", ".yaml")
# The parameters of a solver's solve_for_transaction and solve_for_diff, the same in every conda.
PARAMETERS = (
    "update_modifier", "deps_modifier", "prune", "ignore_pinned", "force_remove", "force_reinstall",
    "should_retry_solve",
)  # fmt: skip


class Request(NamedTuple):
    """A solve that conda was asked for.

    Attributes:
        solver: Conda's solver object; ``None`` where it cannot be had.
        prefix: The environment's folder; empty where only the transaction itself will tell.
        removing: Whether packages were asked to be removed.
    """

    solver: Any
    prefix: str
    removing: bool


def calling_solver() -> Any:
    """Return the solver whose ``solve_for_transaction`` is running, or ``None``.

    A hook is told neither the prefix nor the solver, and ``context.target_prefix`` names another environment for
    ``conda env update`` and, before conda 26.7, ``conda env create`` with a name in the file. Every solver of every
    conda runs the hooks from this one method, so its own frame is the only witness that is always right.
    """
    return _solving().get("self")


def _solving() -> dict[str, Any]:
    """Return the variables of the running ``solve_for_transaction``; empty where none is found."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(40):
        if frame is None:
            break
        if frame.f_code.co_name == "solve_for_transaction":
            values = dict(frame.f_locals)
            if hasattr(values.get("self"), "prefix") and hasattr(values["self"], "specs_to_add"):
                return values
        frame = frame.f_back
    return {}


def solve_arguments() -> dict[str, Any]:
    """Return how the running solve was called (``update_modifier``, ``prune`` …)."""
    return {name: value for name, value in _solving().items() if name in PARAMETERS}


def _arguments() -> dict[str, Any]:
    from conda.base.context import context

    return dict(getattr(context, "_argparse_args", None) or {})


def argument(name: str, default: Any = None) -> Any:
    """Return one of conda's own command-line arguments."""
    value = _arguments().get(name, default)
    return default if value is None else value


def request() -> Request:
    """Return what the running solve was asked for."""
    from conda.base.context import context

    solver = calling_solver()
    if solver is not None:
        return Request(solver, os.path.abspath(str(solver.prefix)), bool(solver.specs_to_remove))
    # A conda whose frames look different: its context is right unless an environment file names the environment.
    function = str(argument("func", ""))
    named = argument("name") or argument("prefix")
    known = named or not function.endswith(("main_env_update.execute", "main_env_create.execute"))
    return Request(None, os.path.abspath(str(context.target_prefix)) if known else "", False)


def requested(solver: Any) -> tuple[str, ...]:
    """Return the MatchSpecs that the user asked a solver for, spelled as on the command line where they are from there.

    ``--all`` and ``--update-deps`` put into the solver's request what is installed; then the command line counts.
    """
    from conda.models.match_spec import MatchSpec

    typed: dict[str, list[str]] = {}
    for text in (*argument("packages", ()), *conda_section()):
        if isinstance(text, str):
            try:
                typed.setdefault(str(MatchSpec(text.strip("\"'")).name), []).append(text.strip("\"'"))
            except Exception:
                continue  # conda itself has said, or will say, what is wrong with it
    if str(argument("update_modifier", "")) in ("update_all", "update_deps"):
        return tuple(sorted(text for texts in typed.values() for text in texts))
    found = [text for spec in solver.specs_to_add for text in typed.get(str(spec.name), [str(spec)])]
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


def is_update() -> bool:
    """Tell whether the command is ``conda update``."""
    return str(argument("func", "")).endswith("main_update.execute")


def is_rename() -> bool:
    """Tell whether an environment is moved: to conda that is a clone, and a removal of the old one."""
    return str(argument("func", "")).endswith("main_rename.execute")


def cloned() -> str:
    """Return the prefix that ``create --clone`` copies; empty for any other command."""
    source = argument("clone")
    if not isinstance(source, str) or not source:
        return ""
    from conda.base.context import locate_prefix_by_name

    if os.sep in source or "/" in source:
        return os.path.abspath(os.path.expanduser(source))
    return str(locate_prefix_by_name(source))


def environment_files() -> list[str]:
    """Return the environment files that conda was given."""
    given = argument("file", [])
    names = [given] if isinstance(given, str) else [name for name in given if isinstance(name, str)]
    remote = argument("remote_definition")
    names += [remote] if isinstance(remote, str) else []
    return [name for name in names if name.lower().endswith(_YAML) and os.path.isfile(name)]


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


def plan(prefix: str, unlink: Any, link: Any) -> Plan:
    """Return the transaction between two sets of records in a prefix."""
    from conda.base.context import context

    return Plan(prefix, str(context.subdir), tuple(unlink or ()), tuple(link or ()), pip_section())


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
