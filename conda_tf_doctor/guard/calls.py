"""The running command and the running solve, asked of conda itself; as little as every solve has to pay for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._typing import NamedTuple

if TYPE_CHECKING:
    from types import FrameType

_YAML = (".yml", ".yaml")
_WISHED = "_tf_doctor_wished"
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


def remember(solver: Any) -> None:
    """Keep what a solver is asked for, before it solves: the classic one adds to that."""
    vars(solver).setdefault(_WISHED, tuple(solver.specs_to_add))


def wished(solver: Any) -> Iterable[Any]:
    """Return what a solver was asked for."""
    specs: Iterable[Any] = vars(solver).get(_WISHED, solver.specs_to_add)
    return specs


def argument(name: str, default: Any = None) -> Any:
    """Return one of conda's own command-line arguments."""
    from conda.base.context import context

    value = (getattr(context, "_argparse_args", None) or {}).get(name, default)
    return default if value is None else value


def packages() -> list[str]:
    """Return the packages that were typed; another plugin's command may mean something else by the word."""
    given = argument("packages", ())
    return [text for text in given if isinstance(text, str)] if isinstance(given, (list, tuple)) else []


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
