"""Finds what to ask of a solver in addition, so that what it returns works.

Every candidate is solved by the user's own solver and judged like any transaction; what is returned is proven. What
rules say of a finding is tried first (``numpy <2``), then to keep what is there now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

from ..environment.solve import Plan
from ..versions import parse_matchspec
from . import messages, transaction
from .strategies import (
    Constraints,
    by_all_rules,
    by_cpu_build,
    by_gpu_build,
    by_keeping,
    by_keeping_all,
    by_range,
    by_rules,
    by_stepping_down,
)
from .verdict import Verdict

Strategy = Callable[[Verdict, Plan], Constraints]
_STRATEGIES = (by_all_rules, by_rules, by_range, by_keeping, by_keeping_all, by_stepping_down, by_cpu_build)

_ROUNDS = 4
_REPODATA = "repodata.json"
# On a real channel a solve takes seconds to minutes, and whoever waits has to get an answer.
_SOLVES = 12


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
        tried: The constraints of the last attempt that failed.
        conflicts: The requests (or pins) that no consistent environment satisfies.
        instead: Constraints in place of the conflicting requests, where those work.
    """

    def __init__(
        self,
        solver: Any,
        arguments: dict[str, Any],
        planned: Plan,
        assess: Callable[[Plan], Verdict | None],
    ) -> None:
        self.solver = solver
        self.arguments = arguments
        self.planned = planned
        self.assess = assess
        self.found: Found | None = None
        self.tried: tuple[str, ...] = ()
        self.conflicts: tuple[str, ...] = ()
        self.instead: tuple[str, ...] = ()
        self.pins = transaction.pins(planned.prefix)
        self._pinned = True
        self._solves = 0
        self._known: dict[Any, tuple[Any, Any, Any] | None] = {}

    @property
    def requests(self) -> tuple[str, ...]:
        """What the user asked for, as MatchSpecs."""
        return tuple(sorted(str(spec) for spec in self.solver.specs_to_add))

    def run(self, verdict: Verdict, quiet: bool = False) -> Found | None:
        """Search, given what is wrong with the first solution; see the attributes for what came out."""
        if not quiet:
            messages.searching(verdict)
        first: tuple[str, ...] = ()
        for strategy in _STRATEGIES:
            self.found = self._follow(strategy, verdict, self.requests)
            if self.found is not None:
                return self.found
            if strategy is by_rules:
                first = self.tried
        self.tried = first
        self._explain(verdict)
        return None

    def improve(self, verdict: Verdict) -> Found | None:
        """Look for a GPU build where one is wanted and nothing is broken without; that costs one solve."""
        found = self._follow(by_gpu_build, verdict, self.requests)
        still = found is not None and found.verdict is not None and found.verdict.unused_cuda is not None
        self.found = None if still else found
        return self.found

    def _follow(self, strategy: Strategy, verdict: Verdict, requests: tuple[str, ...]) -> Found | None:
        constraints: Constraints = {}
        current: Verdict | None = verdict
        self.tried = ()
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
            solved = self._solve(requests, constraints)
            if solved is None:
                return None
            unlink, link, neutered = solved
            current = self.assess(transaction.plan(self.planned.prefix, unlink, link))
            if current is not None and current.tensorflow is None and current.losses:
                return None  # without TensorFlow nothing breaks it
            if strategy is by_cpu_build and current is not None and current.unused_cuda:
                return None  # who asks for CUDA does not want it to stand about
            if current is None or not current.stopping:
                return Found(unlink, link, constraints, current, neutered)
        return None

    def _solve(self, requests: Iterable[str], constraints: Iterable[str]) -> tuple[Any, Any, Any] | None:
        """Solve with more explicit specs; ``None`` where that has no solution that keeps the user's pins."""
        from conda.base.constants import UpdateModifier

        modifier = self.arguments.get("update_modifier")
        fast = str(modifier) in (str(UpdateModifier.FREEZE_INSTALLED), str(UpdateModifier.SPECS_SATISFIED_SKIP_SOLVE))
        modifiers = [modifier]
        # Conda itself first solves with everything frozen, and thaws when that fails; unless the user asked for ice.
        if fast and str(transaction.argument("update_modifier", "")) != str(modifier):
            modifiers.append(UpdateModifier.UPDATE_SPECS)
        specs = _unique([*requests, *constraints])
        key = (frozenset(specs), self._pinned)
        if key not in self._known:
            attempts = (self._attempt(specs, each) for each in modifiers)
            self._known[key] = next((solved for solved in attempts if solved is not None), None)
        return self._known[key]

    def _attempt(self, specs: list[str], modifier: Any) -> tuple[Any, Any, Any] | None:
        from conda.exceptions import (
            CondaValueError,
            PackagesNotFoundError,
            ResolvePackageNotFound,
            SpecsConfigurationConflictError,
            UnsatisfiableError,
        )

        self._solves += 1
        if self._solves > _SOLVES:
            return None
        solver = self.solver
        held = [pin for pin in self.pins if self._pinned and self._is_present(pin)]
        trial = type(solver)(
            solver.prefix,
            getattr(solver, "_channels", None) or solver.channels,
            solver.subdirs,
            specs_to_add=_unique([*specs, *held]),
            # Old versions are what is wanted, and the short list of packages leaves them out.
            repodata_fn=_REPODATA,
            command=solver._command,
        )
        # A pin and a request for one package mean something else to each solver: as requests they all mean the same.
        # That another attempt may follow spares the classic solver its long search for who is to blame.
        arguments = {**self.arguments, "update_modifier": modifier, "should_retry_solve": True}
        if self.pins:
            arguments["ignore_pinned"] = True
        try:
            # Solvers report their progress on standard output, and most of these solves are for nothing.
            with redirect_stdout(StringIO()):
                unlink, link = trial.solve_for_diff(**arguments)
        except (
            UnsatisfiableError,
            SpecsConfigurationConflictError,
            PackagesNotFoundError,
            ResolvePackageNotFound,
            CondaValueError,
            ValueError,
        ):
            return None
        if self._pinned and self._violated(unlink, link):
            return None
        return unlink, link, trial.neutered_specs

    def _final(self, unlink: Iterable[Any], link: Iterable[Any]) -> dict[str, Any]:
        from conda.core.prefix_data import PrefixData

        records = {record.name: record for record in PrefixData(self.planned.prefix).iter_records()}
        for record in unlink:
            records.pop(record.name, None)
        records.update({record.name: record for record in link})
        return records

    def _is_present(self, pin: str) -> bool:
        from conda.models.match_spec import MatchSpec

        return MatchSpec(pin).name in self._final(self.planned.unlink, self.planned.link)

    def _violated(self, unlink: Iterable[Any], link: Iterable[Any]) -> tuple[str, ...]:
        """Return the user's pins that a solution breaks and the first one did not."""
        from conda.models.match_spec import MatchSpec

        if not self.pins:
            return ()
        final, first = self._final(unlink, link), self._final(self.planned.unlink, self.planned.link)
        broken = []
        for pin in self.pins:
            spec = MatchSpec(pin)
            record, old = final.get(spec.name), first.get(spec.name)
            if record is not None and not spec.match(record) and (old is None or spec.match(old)):
                broken.append(pin)
        return tuple(broken)

    def _explain(self, verdict: Verdict) -> None:
        """Find out which request stands in the way, and what could be asked for in its place."""
        names = {parse_matchspec(spec).name for spec in self.tried}
        named = [spec for spec in self.requests if parse_matchspec(spec).name in names and _has_version(spec)]
        pinned = [pin for pin in self.pins if parse_matchspec(pin).name in names]
        if named:
            self.conflicts = tuple(named)
        elif pinned and self._without_pins():
            self.conflicts = tuple(f"{pin} (pinned)" for pin in pinned)
            return
        elif len(self.requests) <= 1:
            self.conflicts = self.requests
        else:
            alone = [spec for spec in self.requests if self._solve([spec], self.tried) is None]
            self.conflicts = tuple(alone) or self.requests
        rest = tuple(spec for spec in self.requests if spec not in self.conflicts)
        asked = {parse_matchspec(spec).name for spec in self.conflicts}
        kept = {parse_matchspec(spec).name for spec in by_keeping(verdict, self.planned)}
        # What is there already is an answer to a request for another version of it, and to no other.
        for strategy in (by_rules, by_keeping) if rest or asked & kept else (by_rules,):
            tried = self.tried
            other = self._follow(strategy, verdict, rest)
            self.tried = tried
            if other is not None:
                self.instead = (*rest, *other.constraints)
                return

    def _without_pins(self) -> bool:
        self._pinned = False
        try:
            return self._solve(self.requests, self.tried) is not None
        finally:
            self._pinned = True


def _has_version(spec: str) -> bool:
    parsed = parse_matchspec(spec)
    return bool(parsed.version or parsed.build)


def _unique(specs: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(specs))
