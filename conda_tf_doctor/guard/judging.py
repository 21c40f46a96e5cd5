"""The verdict on a transaction and what follows from it, once it is known that it may concern TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..codes import CUDA, ROWS
from ..environment.facts import PIP, Environment
from ..environment.solve import Plan, add_surroundings, after, read_before
from ..environment.stack import has_tensorflow, touches
from ..modes import BLOCK, REPAIR
from ..safely import reason
from ..settings import Settings
from . import calls, messages, transaction
from .budget import within
from .settings import ignored_codes, is_quiet, own_seconds, read_settings, seconds

if TYPE_CHECKING:
    from conda import CondaError

    from .constraints import Search
    from .verdict import Verdict

# Transactions that the solve hooks have judged: the transaction's own hook, which comes later, does not repeat it.
_judged: set[Any] = set()


def assess(planned: Plan, settings: Settings, solver: Any = None) -> Verdict | None:
    """Judge a transaction; ``None`` where it cannot concern TensorFlow, and then the matrix is not even opened.

    Args:
        planned: The transaction.
        settings: The user's settings.
        solver: Conda's solver, which knows what was asked for; ``None`` where that is no packages, but a state.

    Raises:
        OutOfTimeError: It took longer than the user's setting.
    """
    verdict: Verdict | None = within(own_seconds(settings), lambda: _assess(planned, settings, solver))
    return verdict


def _assess(planned: Plan, settings: Settings, solver: Any) -> Verdict | None:
    changed = planned.changed
    if not changed:
        return None
    source = calls.cloned()
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
        of_gpu = any(ROWS[finding.code].family == CUDA for finding in verdict.findings)
        lost += () if of_gpu else without_cuda(before, then, wishes)
        lost += tuple(sentence for name, sentence in dangling(before, then).items() if name not in told)
    return verdict._replace(losses=lost)


def _say(verdict: Verdict) -> None:
    quiet = is_quiet()
    messages.warn(verdict.findings, quiet)
    messages.lost(verdict.losses, quiet)


def repaired(solver: Any, solved: Any, arguments: dict[str, Any], began: float) -> Any:
    """Return the records to unlink and to link, changed where that is needed, or the refusal.

    Args:
        solver: Conda's solver.
        solved: What it returned.
        arguments: How it was called.
        began: When it began (``time.monotonic``).
    """
    settings = read_settings()
    prefix = os.path.abspath(str(solver.prefix))
    planned = transaction.plan(prefix, solved[0], solved[1], solver)
    verdict = assess(planned, settings, solver)
    _judged.add(planned.key)
    if verdict is None:
        return solved
    if verdict.stopping or verdict.unused_cuda:
        first = verdict
        search = _search(solver, arguments, planned, settings, began)
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


def _search(solver: Any, arguments: dict[str, Any], planned: Plan, settings: Settings, began: float) -> Search | str:
    """Return a search that has not begun, or why there cannot be one: a refusal then names no command."""
    if solver is None:
        return ""
    try:
        from .constraints import Search

        own = solver if settings.mode == REPAIR else None
        limit = seconds(settings.search_seconds, "tf_doctor_search_seconds", 0.0)
        return Search(solver, arguments, planned, lambda plan: assess(plan, settings, own), settings.mode, began, limit)
    except Exception as error:
        return f"failed ({reason(error)})"


def _refusal(verdict: Verdict, prefix: str, search: Search | str = "") -> CondaError:
    """Return the exception that refuses; whatever went wrong in looking for something better, it does refuse."""
    command: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    note = ""
    ended = search if isinstance(search, str) else search.trials.ended
    try:
        from .command import of_manifest, of_pips_part, working

        if not isinstance(search, str):
            tried, conflicts = search.tried, search.conflicts
            command, note = working(search, prefix)
        command = command or of_pips_part(verdict)
        note = f"{note} {of_manifest(verdict, prefix)}".strip()
        if calls.cloned() and any(package.manager == PIP for package in verdict.after.packages):
            # Before its transaction, and it takes nothing of that away.
            note = f"What conda has copied already is in {prefix}: remove that folder."
    except Exception as error:
        ended = f"failed ({reason(error)})"
    if not command and not note:
        note = _by_hand(verdict.stopping[0].fix.note)
        if ended:
            note = f"{note} The search for a request that would work {ended}.".lstrip()
        elif not isinstance(search, str) and not conflicts:
            note = note or "None of the requests that were tried in its place works."
    exists = bool(verdict.before.packages)
    return messages.refusal(messages.named(verdict), prefix, verdict.stopping, command, tried, conflicts, note, exists)


def _by_hand(note: str) -> str:
    """Return what a rule says that no command can do, without what it says of its commands."""
    other = note.partition("Or ")[2] if note.startswith(("Or ", "Then ")) else note
    return other[:1].upper() + other[1:]


def solved(asked: calls.Request, unlink: Iterable[Any], link: Iterable[Any], began: float) -> CondaError | None:
    """Judge what a solver returned; return the refusal, if any.

    Args:
        asked: What it was asked for.
        unlink: Records that go.
        link: Records that come.
        began: When it began (``time.monotonic``).
    """
    settings = read_settings()
    planned = transaction.plan(asked.prefix, unlink, link, asked.solver)
    if planned.key in _judged:
        return None
    verdict = assess(planned, settings, asked.solver)
    _judged.add(planned.key)
    if verdict is None:
        return None
    if settings.mode in (BLOCK, REPAIR) and verdict.stopping and not asked.removing:
        search = _search(asked.solver, calls.solve_arguments(), planned, settings, began)
        if not isinstance(search, str):
            search.run(verdict, is_quiet())
        return _refusal(verdict, asked.prefix, search)
    _say(verdict)
    return None


def unsolved(
    prefix: str, unlink: Iterable[Any], link: Iterable[Any], removing: bool, may_refuse: bool
) -> CondaError | None:
    """Judge a transaction that perhaps no solve hook has seen; see :func:`.hooks.verify`."""
    settings = read_settings()
    planned = transaction.plan(prefix, unlink, link)
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
