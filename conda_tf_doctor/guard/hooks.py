"""The doors that conda opens: before a solve, after it, and at the transaction.

Each returns what conda is to raise (or, for an action, to be given) and raises nothing on purpose; whatever goes wrong
in here is caught by whoever calls, is said in one line, and conda goes on. Every solve of every environment passes
here, so only what looks at names is imported, until a name has to do with TensorFlow.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from ..modes import BLOCK, DISABLED, MODES, REPAIR
from ..safely import guarded
from .calls import PARAMETERS, calling_solver, cloned, environment_files, is_rename, remember, request
from .index import share_index

if TYPE_CHECKING:
    from conda import CondaError

# When the running solve began (time.monotonic).
_began = 0.0


def _mode() -> str:
    """Return the user's mode; what is none is said, once."""
    from conda.base.context import context

    try:
        mode = str(context.plugins.tf_doctor_mode).strip().lower()
    except Exception:
        mode = ""
    if mode in MODES:
        return mode
    from .settings import read_settings

    return read_settings().mode


def _concerns(prefix: str, unlink: Collection[Any], link: Collection[Any]) -> bool:
    """Tell whether a transaction may concern TensorFlow."""
    before = {(record.name, str(record.version), record.build) for record in unlink}
    names = {name for name, _, _ in before ^ {(record.name, str(record.version), record.build) for record in link}}
    # Of what pip is to install, and of what a clone copies, the records do not tell.
    if environment_files() or cloned():
        return True
    if not names:
        return False
    from ..environment.glance import may_concern_tensorflow

    try:
        return may_concern_tensorflow(prefix, names)
    except (OSError, ValueError, RecursionError):
        return True  # the whole of the reading will tell


def pre_solve() -> None:
    """Prepare the running solve: in the mode ``repair`` its result passes through here before conda sees it."""
    global _began
    _began = time.monotonic()
    mode = _mode()
    if mode == DISABLED:
        return
    solver = calling_solver()
    if solver is None:
        return
    remember(solver)
    if mode not in (BLOCK, REPAIR) or solver.specs_to_remove:
        return
    share_index(solver)
    if mode == REPAIR:
        _watch(solver)


def _watch(solver: Any) -> None:
    """Let one solve of this one object be looked at, and be repeated with constraints where that is needed.

    Conda has no hook that could change a solve. Pins in its context work, but each solver means something else by a
    pin, and they have to be taken back; what is asked for explicitly means the same to all, and leaves no trace
    because it is asked of another solver object.
    """
    vars(solver).pop("solve_for_diff", None)
    original: Callable[..., Any] = solver.solve_for_diff

    def solve_for_diff(*args: Any, **kwargs: Any) -> Any:
        vars(solver).pop("solve_for_diff", None)
        solved = original(*args, **kwargs)
        arguments = {**dict(zip(PARAMETERS, args, strict=False)), **kwargs}
        outcome = guarded(lambda: _changed(solver, solved, arguments))
        if isinstance(outcome, Exception):
            raise outcome
        return solved if outcome is None else outcome

    solver.solve_for_diff = solve_for_diff


def _changed(solver: Any, solved: Any, arguments: dict[str, Any]) -> Any:
    """Return what is to be had in the place of what was solved, or the refusal; ``None`` to leave it as it is."""
    if not _concerns(os.path.abspath(str(solver.prefix)), *solved):
        return None
    from .judging import repaired

    return repaired(solver, solved, arguments, _began)


def post_solve(unlink: Collection[Any], link: Collection[Any]) -> CondaError | None:
    """Judge what a solver returned, before conda asks and downloads; return the refusal, if any."""
    if _mode() == DISABLED:
        return None
    asked = request()
    # Where the prefix is not known, the transaction itself will tell.
    if not asked.prefix or not _concerns(asked.prefix, unlink, link):
        return None
    from .judging import solved

    return solved(asked, unlink, link, _began)


def verify(
    prefix: str, unlink: Collection[Any], link: Collection[Any], removing: bool, may_refuse: bool
) -> CondaError | None:
    """Judge a transaction that no solve hook has seen: explicit files, clones, revisions.

    Args:
        prefix: The environment.
        unlink: Records that go.
        link: Records that come.
        removing: Whether packages were asked to be removed.
        may_refuse: Whether the transaction can still be stopped.
    """
    prefix = os.path.abspath(str(prefix))
    if _mode() == DISABLED or is_rename() or not _concerns(prefix, unlink, link):
        return None
    from .judging import unsolved

    return unsolved(prefix, unlink, link, removing, may_refuse)
