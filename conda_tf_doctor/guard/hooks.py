"""The doors that conda opens: before a solve, after it, and at the transaction.

Each returns what conda is to raise (or, for an action, to be given) and raises nothing on purpose; whatever goes wrong
in here is caught by whoever calls, is said in one line, and conda goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..environment.facts import PIP, Environment
from ..environment.solve import Plan, add_surroundings, after, read_before
from ..environment.stack import has_tensorflow, touches
from ..safely import guarded, reason
from ..settings import BLOCK, DISABLED, REPAIR, Settings
from . import messages, transaction
from .settings import ignored_codes, is_quiet, read_settings

if TYPE_CHECKING:
    from conda import CondaError

    from .constraints import Search
    from .verdict import Verdict

# When the running solve began (time.monotonic).
_began = 0.0
# Transactions that the solve hooks have judged: the transaction's own hook, which comes later, does not repeat it.
_judged: set[Any] = set()


def assess(planned: Plan, settings: Settings, solver: Any = None) -> Verdict | None:
    """Judge a transaction; ``None`` where it cannot concern TensorFlow, and then the matrix is not even opened.

    Args:
        planned: The transaction.
        settings: The user's settings.
        solver: Conda's solver, which knows what was asked for; ``None`` where that is no packages, but a state.
    """
    changed = planned.changed
    if not changed:
        return None
    source = transaction.cloned()
    # A clone is new, whatever of pip's files conda has copied already: those are judged where they come from.
    before = (
        Environment("solve", planned.prefix, planned.platform)
        if source
        else read_before(planned.prefix, planned.platform)
    )
    then = after(before, planned)
    if source:
        then.add([package for package in read_before(source, planned.platform).packages if package.manager == PIP])
    if not (has_tensorflow(before) or has_tensorflow(then)) or not touches(changed, before, then):
        return None
    from .losses import dangling, losses, without_cuda
    from .verdict import Verdict, judge

    wishes = None if solver is None else transaction.asked(solver)
    lost = () if wishes is None else losses(before, then, wishes)
    # Without Python nothing works, and that is no finding: the environment is being taken apart.
    if not has_tensorflow(then) or (before.python.version and not then.python.version):
        return Verdict((), None, before, then, lost)
    from ..matrix.load import load_matrix

    planned = transaction.with_virtual_packages(planned)
    for env in (before, then):
        add_surroundings(env, planned.virtual_packages)
    verdict = judge(before, then, load_matrix(settings.matrix), ignored_codes(settings))
    if wishes is not None:
        told = {finding.package for finding in verdict.findings}
        lost += without_cuda(before, then, wishes) if not verdict.findings else ()
        lost += tuple(sentence for name, sentence in dangling(before, then).items() if name not in told)
    return verdict._replace(losses=lost)


def _say(verdict: Verdict) -> None:
    quiet = is_quiet()
    messages.warn(verdict.findings, quiet)
    messages.lost(verdict.losses, quiet)


def pre_solve() -> None:
    """Prepare the running solve: in the mode ``repair`` its result passes through here before conda sees it."""
    global _began
    _began = time.monotonic()
    mode = read_settings().mode
    if mode not in (BLOCK, REPAIR):
        return
    asked = transaction.request()
    if asked.solver is None or asked.removing:
        return
    from .trial import share_index

    share_index(asked.solver)
    if mode == REPAIR:
        _watch(asked.solver)


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
        arguments = {**dict(zip(transaction.PARAMETERS, args, strict=False)), **kwargs}
        outcome = guarded(lambda: _repaired(solver, solved, arguments))
        if isinstance(outcome, Exception):
            raise outcome
        return solved if outcome is None else outcome

    solver.solve_for_diff = solve_for_diff


def _repaired(solver: Any, solved: Any, arguments: dict[str, Any]) -> Any:
    """Return the records to unlink and to link, changed where that is needed, or the refusal."""
    settings = read_settings()
    prefix = os.path.abspath(str(solver.prefix))
    planned = transaction.plan(prefix, *solved)
    verdict = assess(planned, settings, solver)
    _judged.add(planned.key)
    if verdict is None:
        return solved
    if verdict.stopping or verdict.unused_cuda:
        first = verdict
        search = _search(solver, arguments, planned, settings)
        if not isinstance(search, str):
            if first.stopping:
                search.run(first, is_quiet())
            else:
                search.improve(first)
        found = None if isinstance(search, str) else search.found
        if found is not None:
            messages.constrained(found.constraints)
            solver.neutered_specs = found.neutered_specs
            solved, verdict = (found.unlink, found.link), found.verdict
            _judged.add(transaction.plan(prefix, *solved).key)
        elif first.stopping:
            return _refusal(first, prefix, search)
    if verdict is not None:
        _say(verdict)
    return solved


def _search(solver: Any, arguments: dict[str, Any], planned: Plan, settings: Settings) -> Search | str:
    """Return a search that has not begun, or why there cannot be one: a refusal then names no command."""
    if solver is None:
        return ""
    try:
        from .constraints import Search

        own = solver if settings.mode == REPAIR else None
        return Search(solver, arguments, planned, lambda plan: assess(plan, settings, own), settings.mode, _began)
    except Exception as error:
        return f"failed ({reason(error)})"


def _refusal(verdict: Verdict, prefix: str, search: Search | str = "") -> CondaError:
    """Return the exception that refuses; whatever went wrong in looking for something better, it does refuse."""
    command: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    note = ""
    if isinstance(search, str):
        ended = search
    else:
        ended, tried, conflicts = search.trials.ended, search.tried, search.conflicts
        try:
            from .command import working

            command, note = working(search, prefix)
        except Exception as error:
            ended = f"failed ({reason(error)})"
    if not command and not note:
        note = next((finding.fix.note for finding in verdict.stopping if finding.fix.note), "")
        if ended:
            note = f"{note} The search for a request that would work {ended}.".lstrip()
        elif not isinstance(search, str) and not conflicts:
            note = note or "None of the requests that were tried in its place works."
    return messages.refusal(messages.named(verdict), prefix, verdict.stopping, command, tried, conflicts, note)


def post_solve(unlink: Iterable[Any], link: Iterable[Any]) -> CondaError | None:
    """Judge what a solver returned, before conda asks and downloads; return the refusal, if any."""
    settings = read_settings()
    if settings.mode == DISABLED:
        return None
    asked = transaction.request()
    if not asked.prefix:
        return None  # the transaction itself will tell
    planned = transaction.plan(asked.prefix, unlink, link)
    if planned.key in _judged:
        return None
    verdict = assess(planned, settings, asked.solver)
    _judged.add(planned.key)
    if verdict is None:
        return None
    if settings.mode in (BLOCK, REPAIR) and verdict.stopping and not asked.removing:
        search = _search(asked.solver, transaction.solve_arguments(), planned, settings)
        if not isinstance(search, str):
            search.run(verdict, is_quiet())
        return _refusal(verdict, asked.prefix, search)
    _say(verdict)
    return None


def verify(
    prefix: str, unlink: Iterable[Any], link: Iterable[Any], removing: bool, may_refuse: bool
) -> CondaError | None:
    """Judge a transaction that no solve hook has seen: explicit files, clones, revisions.

    Args:
        prefix: The environment.
        unlink: Records that go.
        link: Records that come.
        removing: Whether packages were asked to be removed.
        may_refuse: Whether the transaction can still be stopped.
    """
    settings = read_settings()
    if settings.mode == DISABLED or transaction.is_rename():
        return None
    planned = transaction.plan(os.path.abspath(str(prefix)), unlink, link)
    if planned.key in _judged:
        _judged.discard(planned.key)
        return None
    verdict = assess(planned, settings)
    if verdict is None or not verdict.findings:
        return None
    if settings.mode in (BLOCK, REPAIR) and verdict.stopping and planned.link and not removing and may_refuse:
        return _refusal(verdict, planned.prefix)
    messages.warn(verdict.findings, is_quiet())
    return None
