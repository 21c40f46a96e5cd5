"""Finds what to ask of a solver in addition, so that what it returns works.

Every candidate is solved by the user's own solver and judged like any transaction; what is returned is proven. What
rules say of a finding is tried first (``numpy <2``), then to keep what is there now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..environment.solve import Plan
from ..modes import BLOCK, REPAIR
from ..safely import reason
from ..versions import parse_matchspec
from . import messages, transaction
from .budget import OutOfTimeError
from .specs import arguments as typed
from .strategies import (
    Constraints,
    by_all_rules,
    by_cpu_build,
    by_driver,
    by_gpu_build,
    by_keeping,
    by_keeping_all,
    by_range,
    by_rules,
    by_stepping_down,
)
from .trial import Trials
from .verdict import Verdict

Strategy = Callable[[Verdict, Plan], Constraints]
_STRATEGIES = (by_all_rules, by_rules, by_range, by_keeping, by_keeping_all, by_stepping_down, by_cpu_build, by_driver)

_ROUNDS = 4
# On a real channel a solve takes seconds to minutes, and whoever waits has to get an answer: a refusal is settled
# already, and its search may take as long as the user's own solve did, or this long, in seconds. Who wants a repair
# wants the search.
_SECONDS = {BLOCK: 10.0, REPAIR: 60.0}
_TIMES = {BLOCK: 1, REPAIR: 4}


class Found(NamedTuple):
    """A solution that works.

    Attributes:
        unlink: Records that go.
        link: Records that come.
        constraints: What was asked for in addition, and the finding it answers.
        verdict: What remains to be said; ``None`` where the solution no longer touches TensorFlow.
        neutered_specs: As conda's solver has them.
    """

    unlink: Any
    link: Any
    constraints: Constraints
    verdict: Verdict | None
    neutered_specs: Any


class Search:
    """One search for a consistent environment.

    Attributes:
        solver: Conda's solver of the request.
        found: The solution; ``None`` where there is none.
        tried: The constraints of the first attempt that failed.
        conflicts: The requests (or pins) that no consistent environment satisfies; only what solves have shown.
        instead: What to ask for in place of the conflicting requests, as arguments, where that works.
        changed: Of a request that works, the arguments that differ from what was asked for.
        trials: The solves.
    """

    def __init__(
        self,
        solver: Any,
        arguments: dict[str, Any],
        planned: Plan,
        assess: Callable[[Plan], Verdict | None],
        mode: str = BLOCK,
        begun: float = 0.0,
        seconds: float = 0.0,
    ) -> None:
        """Prepare.

        Args:
            solver: Conda's solver of the request.
            arguments: How its solve was called.
            planned: What it returned.
            assess: Judges a transaction.
            mode: ``block`` or ``repair``, which has more patience.
            begun: When the user's own solve began (``time.monotonic``); 0 where that is not known.
            seconds: For how long it may go on; 0 for the measure of the mode.
        """
        self.solver = solver
        self.planned = planned
        self.assess = assess
        self.found: Found | None = None
        self.tried: tuple[str, ...] = ()
        self.conflicts: tuple[str, ...] = ()
        self.instead: tuple[str, ...] = ()
        first = time.monotonic() - begun if begun else 0.0
        seconds = seconds or max(_SECONDS[mode], _TIMES[mode] * first)
        self.trials = Trials(solver, arguments, planned, seconds, first)
        self.requests = transaction.requested(solver)
        """What the user asked for, as MatchSpecs."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What to ask for, as arguments of a command; empty where nothing is known to work."""
        if self.found is not None:
            return typed(self.requests, self.found.constraints) or ()
        return self.instead

    @property
    def changed(self) -> tuple[str, ...]:
        """Of the arguments those that were not asked for like that."""
        asked = typed(self.requests) or ()
        return tuple(argument for argument in self.arguments if argument not in asked)

    def run(self, verdict: Verdict, quiet: bool = False) -> None:
        """Search, given what is wrong with the first solution; see the attributes for what came out.

        Whatever goes wrong here, Ctrl-C included, the verdict on the first solution stands: nothing is raised.
        """
        try:
            if not quiet:
                messages.searching(verdict)
            self._run(verdict)
        except KeyboardInterrupt:
            self.trials.ended = "was interrupted"
        except OutOfTimeError:
            self.trials.ended = "was given up: the guard's own time (tf_doctor_seconds) is over"
        except Exception as error:
            self.trials.ended = f"failed ({reason(error)})"

    def _run(self, verdict: Verdict) -> None:
        first: tuple[str, ...] = ()
        proven = False
        for strategy in _STRATEGIES:
            self.found = self._follow(strategy, verdict, self.requests)
            if self.found is not None:
                return
            if strategy is by_rules:
                first, proven = self.tried, self._unsolvable
        self.tried = first
        if self.trials.ended:
            return
        if not first:
            # What takes another TensorFlow of pip's, or no version at all would do, no solve can show.
            hopeless = {parse_matchspec(p).name for f in verdict.stopping for p in (f.package, *f.fix.pins)}
            self.conflicts = tuple(spec for spec in self.requests if parse_matchspec(spec).name in hopeless)
        elif proven:
            self._explain(verdict)

    def improve(self, verdict: Verdict) -> None:
        """Look for a GPU build where one is wanted and nothing is broken without; that costs one solve."""
        try:
            found = self._follow(by_gpu_build, verdict, self.requests)
        except Exception as error:
            self.trials.ended = f"failed ({reason(error)})"
            return
        still = found is not None and found.verdict is not None and found.verdict.unused_cuda is not None
        self.found = None if still else found

    def _follow(self, strategy: Strategy, verdict: Verdict, requests: tuple[str, ...]) -> Found | None:
        constraints: Constraints = {}
        current: Verdict | None = verdict
        self.tried = ()
        self._unsolvable = False
        for _ in range(_ROUNDS):
            assert current is not None
            added = {spec: f for spec, f in strategy(current, self.planned).items() if spec not in constraints}
            if not added:
                return None
            if strategy is by_stepping_down:
                steps = {parse_matchspec(spec).name for spec in added}
                constraints = {s: f for s, f in constraints.items() if parse_matchspec(s).name not in steps}
            constraints.update(added)
            self.tried = tuple(constraints)
            arguments = typed(requests, constraints)
            solved = None if arguments is None else self.trials.solve(arguments)
            if solved is None:
                self._unsolvable = not self.trials.ended
                return None
            unlink, link, neutered = solved
            current = self.assess(self._plan(unlink, link, arguments or ()))
            if current is not None and current.tensorflow is None and current.losses:
                return None  # without TensorFlow nothing breaks it
            if strategy is by_cpu_build and current is not None and current.unused_cuda:
                return None  # who asks for CUDA does not want it to stand about
            if current is None or not current.stopping:
                return Found(unlink, link, constraints, current, neutered)
        return None

    def _plan(self, unlink: Any, link: Any, arguments: Iterable[str]) -> Plan:
        """Return a transaction as it is once its arguments are typed: then all of them are asked for."""
        names = frozenset(parse_matchspec(argument.rpartition("::")[2]).name for argument in arguments)
        return transaction.plan(self.planned.prefix, unlink, link)._replace(asked=names)

    def as_typed(self) -> bool:
        """Tell whether what was found works as the user would type it, when the solver reads the pins itself."""
        if not self.trials.pins:
            return True
        solved = self.trials.solve(self.arguments, as_typed=True)
        if solved is None:
            return False
        verdict = self.assess(self._plan(solved.unlink, solved.link, self.arguments))
        return verdict is None or not verdict.stopping

    def _explain(self, verdict: Verdict) -> None:
        """Find out which request stands in the way, and what could be asked for in its place."""
        names = {parse_matchspec(spec).name for spec in self.tried}
        named = [spec for spec in self.requests if parse_matchspec(spec).name in names and _has_version(spec)]
        pinned = [pin for pin in self.trials.pins if parse_matchspec(pin).name in names]
        if named:
            # Of several, one that goes with what has to hold of it is not in the way.
            self.conflicts = tuple(self._failing(named) if named[1:] else named)
        elif pinned and self._solves(self.requests, pinned=False):
            self.conflicts = tuple(f"{pin} (pinned)" for pin in pinned)
            return
        elif len(self.requests) <= 1:
            self.conflicts = self.requests
        else:
            alone = [spec for spec in self.requests if not self._solves([spec])]
            # Where what has to hold has no solution, whatever is asked for: whose part of it has none?
            self.conflicts = tuple(self._failing(alone) if alone == list(self.requests) else alone) or self.requests
        rest = tuple(spec for spec in self.requests if spec not in self.conflicts)
        asked = {parse_matchspec(spec).name for spec in self.conflicts}
        kept = {parse_matchspec(spec).name for spec in by_keeping(verdict, self.planned)}
        # What is there already is an answer to a request for another version of it, and to no other.
        strategies = (by_rules, by_keeping) if rest or asked & kept else (by_rules,)
        # Whoever named a channel wants what is asked for instead from there, too, if it has that.
        there = tuple(f"{_channel(spec)}::{parse_matchspec(spec).name}" for spec in self.conflicts if _channel(spec))
        for requests in dict.fromkeys([(*rest, *there), rest]):
            for strategy in strategies:
                tried = self.tried
                other = self._follow(strategy, verdict, requests)
                self.tried = tried
                if other is not None:
                    self.instead = typed(requests, other.constraints) or ()
                    return

    def _failing(self, requests: list[str]) -> list[str]:
        """Return the requests that have no solution with what has to hold of them; all of them where each has one."""
        found = [spec for spec in requests if not self._solves([spec], only=parse_matchspec(spec).name)]
        return requests if self.trials.ended else found or requests

    def _solves(self, requests: Iterable[str], pinned: bool = True, only: str = "") -> bool:
        tried = [spec for spec in self.tried if not only or parse_matchspec(spec).name == only]
        arguments = typed(requests, tried)
        return arguments is not None and self.trials.solve(arguments, pinned) is not None


def _channel(spec: str) -> str:
    return spec.rpartition("::")[0]


def _has_version(spec: str) -> bool:
    parsed = parse_matchspec(spec)
    return bool(parsed.version or parsed.build)
