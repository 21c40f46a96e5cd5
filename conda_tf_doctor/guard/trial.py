"""Solves on trial: other requests in the place of the user's, by the user's own solver, within a time.

Nothing of a trial is seen: what solvers print and log is about a request that nobody made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

from ..environment.solve import Plan
from ..safely import reason
from ..versions import parse_matchspec
from . import transaction
from .index import share_index


class Solved(NamedTuple):
    """What a trial gave: records that go and come, and the specs that conda's solver neutered."""

    unlink: Any
    link: Any
    neutered_specs: Any


@contextmanager
def _silence() -> Iterator[None]:
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.disable(disabled)


def _no_solution() -> tuple[type[Exception], ...]:
    """Return what a solver raises where a request has no solution."""
    from conda.exceptions import (
        CondaValueError,
        PackagesNotFoundError,
        ResolvePackageNotFound,
        SpecsConfigurationConflictError,
        UnsatisfiableError,
    )

    # A plain ValueError is what conda raises where two requests for one package exclude each other.
    return (
        UnsatisfiableError, SpecsConfigurationConflictError, PackagesNotFoundError, ResolvePackageNotFound,
        CondaValueError, ValueError,
    )  # fmt: skip


class Trials:
    """Solves other requests than the user's, each of them once.

    Attributes:
        pins: The user's own pins.
        ended: Why no more is tried (``was given up after 10 seconds``); empty while it is.
    """

    def __init__(
        self, solver: Any, arguments: dict[str, Any], planned: Plan, seconds: float, first: float = 0.0
    ) -> None:
        """Prepare.

        Args:
            solver: Conda's solver of the request.
            arguments: How its solve was called.
            planned: What it returned.
            seconds: For how long trials may go on.
            first: How long the user's own solve took, in seconds: none of the trials is expected to be faster.
        """
        self.solver = solver
        self.arguments = arguments
        self.planned = planned
        self.pins = transaction.pins(planned.prefix)
        self.ended = ""
        self._seconds = seconds
        self._start = time.monotonic()
        self._longest = first
        self._known: dict[Any, Solved | None] = {}

    def solve(self, specs: Sequence[str], pinned: bool = True, as_typed: bool = False) -> Solved | None:
        """Return what the solver makes of a request; ``None`` where it has no solution, or nothing is tried any more.

        Args:
            specs: The request.
            pinned: Whether the user's pins have to be kept.
            as_typed: Whether to leave it to the solver what a pin means, as it is when the request is typed.
        """
        as_typed = as_typed or not self.pins
        key = (frozenset(specs), pinned, as_typed)
        if key not in self._known and not self.ended:
            self._known[key] = self._in_turn(specs, pinned, as_typed)
        return self._known.get(key)

    def _in_turn(self, specs: Sequence[str], pinned: bool, as_typed: bool) -> Solved | None:
        """Try as conda does: each of its lists of packages, first with everything frozen and then not."""
        wanted = specs if as_typed else self._with_pins(specs, pinned)
        seen: set[Any] = set()
        for repodata in transaction.repodata_names():
            for modifier in transaction.update_modifiers(self.arguments):
                if self._is_late():
                    break
                attempt: Any = None
                try:
                    trial = self._trial(wanted, repodata)
                    attempt = (getattr(trial, "_repodata_fn", repodata), str(modifier))
                    solved = None if attempt in seen else self._run(trial, modifier, as_typed)
                except _no_solution() as error:
                    if not getattr(error, "allow_retry", True):
                        return None
                    continue
                except Exception as error:
                    self.ended = f"failed ({reason(error)})"
                    return None
                finally:
                    seen.add(attempt)
                if solved is not None:
                    return None if pinned and self._violated(solved) else solved
        return None

    def _is_late(self) -> bool:
        spent = time.monotonic() - self._start
        if spent + self._longest > self._seconds:
            self.ended = f"was given up after {spent:.0f} seconds"
        return bool(self.ended)

    def _with_pins(self, specs: Sequence[str], pinned: bool) -> list[str]:
        # A pin and a request for one package mean something else to each solver: as requests they all mean the same.
        held = [pin for pin in self.pins if pinned and self._is_present(pin)]
        return list(dict.fromkeys([*specs, *held]))

    def _trial(self, specs: Sequence[str], repodata: str) -> Any:
        solver = self.solver
        trial = type(solver)(
            solver.prefix,
            getattr(solver, "_channels", None) or solver.channels,
            solver.subdirs,
            specs_to_add=specs,
            repodata_fn=repodata,
            command=solver._command,
        )
        share_index(trial, solver)
        return trial

    def _run(self, trial: Any, modifier: Any, as_typed: bool) -> Solved:
        # That another attempt may follow spares the classic solver its long search for who is to blame.
        arguments = {**self.arguments, "update_modifier": modifier, "should_retry_solve": True}
        if not as_typed:
            arguments["ignore_pinned"] = True
        begun = time.monotonic()
        try:
            with _silence():
                unlink, link = trial.solve_for_diff(**arguments)
        finally:
            self._longest = max(self._longest, time.monotonic() - begun)
        return Solved(unlink, link, trial.neutered_specs)

    def final(self, unlink: Iterable[Any], link: Iterable[Any]) -> dict[str, Any]:
        """Return the prefix's records, by name, as a transaction leaves them."""
        from conda.core.prefix_data import PrefixData

        records = {record.name: record for record in PrefixData(self.planned.prefix).iter_records()}
        for record in unlink:
            records.pop(record.name, None)
        records.update({record.name: record for record in link})
        return records

    def _is_present(self, pin: str) -> bool:
        return parse_matchspec(pin).name in self.final(self.planned.unlink, self.planned.link)

    def _violated(self, solved: Solved) -> bool:
        """Tell whether a solution breaks a pin of the user's that the first one did not."""
        from conda.models.match_spec import MatchSpec

        if not self.pins:
            return False
        final, first = self.final(solved.unlink, solved.link), self.final(self.planned.unlink, self.planned.link)
        for pin in self.pins:
            spec = MatchSpec(pin)
            record, old = final.get(spec.name), first.get(spec.name)
            if record is not None and not spec.match(record) and (old is None or spec.match(old)):
                return True
        return False
