"""How the guard speaks: on standard error, in single lines, and by one exception."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from conda import CondaError

from ..findings import ERROR, Finding
from ..safely import safe
from ..shell import command_line
from ..versions import parse_matchspec

if TYPE_CHECKING:
    from .verdict import Verdict

# Not "conda.…": conda prefixes its own loggers' lines. Ours goes to standard error as it is, whatever the command's
# flags, so that standard output stays conda's.
_LOGGER = logging.getLogger("conda_tf_doctor")


class TensorFlowConflictError(CondaError):  # type: ignore[misc]
    """The transaction was refused: it would break the environment's TensorFlow.

    Public attributes are what ``--json`` shows.

    Attributes:
        findings: What it would break, as ``check --json`` has findings.
        command: A command that would work; empty where there is none.
        constraints: What was asked of the solver in vain (mode ``repair``).
        conflicts: The requests that no consistent environment satisfies.
    """

    def __init__(
        self,
        text: str,
        findings: Iterable[Finding] = (),
        command: Sequence[str] = (),
        constraints: Iterable[str] = (),
        conflicts: Iterable[str] = (),
    ) -> None:
        super().__init__(text)
        self.findings = [finding.to_json() for finding in findings]
        self.command = list(command)
        self.constraints = list(constraints)
        self.conflicts = list(conflicts)

    # Conda before 26.7 puts every message through the % operator.
    def __str__(self) -> str:
        return str(self.message)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.message}"


def say(text: str) -> None:
    """Write one line to standard error; names come from packages, and may hold anything."""
    _LOGGER.warning("%s", safe(" ".join(text.split())))


def line(finding: Finding) -> str:
    """Return a finding as one line: what, and where it is explained."""
    return f"{finding.code} {finding.name}: {finding.message.rstrip('.')}."


def warn(findings: Iterable[Finding], quiet: bool = False) -> None:
    """Say what a transaction breaks, a line each; with ``--quiet`` only what really stops working."""
    for finding in findings:
        if finding.severity == ERROR or not quiet:
            say(f"tf-doctor: {finding.severity}: {line(finding)} See: conda tf-doctor explain {finding.code}")


def lost(sentences: Iterable[str], quiet: bool = False) -> None:
    """Say what a transaction takes away, a line each; none with ``--quiet``."""
    for sentence in () if quiet else sentences:
        say(f"tf-doctor: warning: {sentence}")


def searching(verdict: Verdict) -> None:
    """Say that solving goes on, for it may take as long again."""
    codes = ", ".join(dict.fromkeys(finding.code for finding in verdict.stopping))
    say(f"tf-doctor: what was solved would break {named(verdict)} ({codes}); looking for what would not …")


def named(verdict: Verdict) -> str:
    """Return the TensorFlow of a verdict with its version."""
    tensorflow = verdict.tensorflow
    return tensorflow.label if tensorflow else "TensorFlow"


def constrained(constraints: dict[str, Finding]) -> None:
    """Say what was asked of the solver in addition, and why."""
    for spec, finding in constraints.items():
        say(f"tf-doctor: solved again with {spec!r} because of {line(finding)}")


def refusal(
    name: str,
    prefix: str,
    findings: Sequence[Finding],
    command: Sequence[str] = (),
    constraints: Iterable[str] = (),
    conflicts: Sequence[str] = (),
    note: str = "",
    exists: bool = True,
) -> TensorFlowConflictError:
    """Return the exception that refuses a transaction.

    Args:
        name: The TensorFlow that would break (``tensorflow 2.10.0``).
        prefix: The environment.
        findings: What would break.
        command: A command that would work; empty where there is none.
        constraints: What was asked of the solver in vain.
        conflicts: The requests that stand in the way.
        note: One more sentence.
        exists: Whether there is an environment already.
    """
    # To make an environment where there is one, conda has removed that one already.
    done = "changed" if exists else "installed"
    lines = [f"this would break {name} in {prefix}; nothing was {done}."]
    lines += [f"  - {line(finding)}" for finding in findings]
    asked = sorted(set(constraints))
    if conflicts:
        names = {parse_matchspec(spec).name for spec in conflicts}
        needed = [spec for spec in asked if parse_matchspec(spec).name in names] or asked
        needs = f": {name} needs {', '.join(needed)}" if needed else ""
        lines.append(f"No consistent environment honours the request {' and '.join(conflicts)}{needs}.")
    if note:
        lines.append(note)
    if command:
        lines.append(f"This would work: {command_line(command)}")
    codes = " ".join(dict.fromkeys(finding.code for finding in findings))
    lines.append(f"Why: conda tf-doctor explain {codes.split()[0] if codes else ''}".rstrip())
    lines.append("To go on all the same: set CONDA_PLUGINS_TF_DOCTOR_MODE=warn for this command.")
    return TensorFlowConflictError("\n".join(map(safe, lines)), findings, command, asked, conflicts)
