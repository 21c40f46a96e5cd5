"""The diagnoses of an environment as a plan's edits leave it, each made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine.diagnose import diagnose
from .simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..engine.diagnosis import Diagnosis
    from ..environment.facts import Environment
    from ..matrix.matrix import Matrix
    from .plan import Edit, Key


class Verdicts:
    """Diagnoses copies of an environment, and remembers them by the edits that were made on them.

    Args:
        env: The facts before any edit.
        matrix: The compatibility matrix.
        ignore: Codes that the user silenced.

    Attributes:
        count: How many diagnoses were made: what a search may cost is counted in them.
    """

    def __init__(self, env: Environment, matrix: Matrix, ignore: frozenset[str]) -> None:
        self._env, self._matrix, self._ignore = env, matrix, ignore
        self._made: dict[tuple[Edit, ...], Diagnosis] = {}

    @property
    def count(self) -> int:  # noqa: D102 - said above
        return len(self._made)

    def after(self, edits: Mapping[Key, Edit]) -> Diagnosis:
        """Return the diagnosis of the environment as the edits leave it."""
        signature = tuple(sorted(edits.values()))
        if signature not in self._made:
            after = simulate(self._env, edits, self._matrix)
            self._made[signature] = diagnose(after, self._matrix, self._ignore)
        return self._made[signature]
