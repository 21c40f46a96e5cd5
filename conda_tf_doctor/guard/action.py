"""The guard as an action of a transaction, for conda 25.5 and later."""

from __future__ import annotations

from typing import Any

from conda.core.path_actions import Action

from ..safely import guarded
from . import hooks


class GuardAction(Action):  # type: ignore[misc]
    """Judges a transaction when everything else about it is certain, and changes nothing itself.

    ``verify`` returns the refusal: conda cleans up after what is returned, not after what is raised. ``execute`` never
    raises: conda would unlink the old packages all the same.
    """

    def _judge(self, may_refuse: bool) -> Any:
        return guarded(
            lambda: hooks.verify(
                self.target_prefix, self.unlink_precs or (), self.link_precs or (), bool(self.remove_specs), may_refuse
            )
        )

    def verify(self) -> Exception | None:
        """Return the refusal, or ``None``."""
        refusal: Exception | None = self._judge(may_refuse=True)
        self._verified = True
        return refusal

    def execute(self) -> None:
        """Say what ``verify`` could not: conda leaves it out where ``safety_checks`` is ``disabled``."""
        if not self._verified:
            self._judge(may_refuse=False)

    def reverse(self) -> None:
        """Do nothing: nothing was done."""

    def cleanup(self) -> None:
        """Do nothing: nothing was left behind."""
