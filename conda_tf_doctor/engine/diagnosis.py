"""What the engine returns."""

from __future__ import annotations

from .._typing import TYPE_CHECKING, Any, NamedTuple
from ..findings import ERROR, INFO, WARNING, Finding, by_cause

if TYPE_CHECKING:
    from ..environment.facts import Environment
    from ..environment.tensorflow import Installed

SCHEMA_VERSION = 1


class Diagnosis(NamedTuple):
    """What the engine found in one environment.

    Attributes:
        env: The environment.
        tensorflow: Its TensorFlow, or ``None``.
        findings: The most probable root cause first.
        checked: Codes that were examined and are fine.
        gpu_wanted: Why a GPU is wanted; empty where nothing says so.
        row: Id of the matrix row that applies; empty where none does.
        ignored: How many findings the user has silenced.
        has_plan: Whether `fix` finds other versions for what a file asks for, where that was tried.
    """

    env: Environment
    tensorflow: Installed | None
    findings: tuple[Finding, ...]
    checked: tuple[str, ...] = ()
    gpu_wanted: str = ""
    row: str = ""
    ignored: int = 0
    has_plan: bool = True

    def count(self, severity: str) -> int:
        """Return how many findings have that severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing is at severity ``error``, every rule could be asked, and no failure is left unexplained."""
        left = any(finding.code == "TFD903" for finding in self.findings)
        return not self.count(ERROR) and not self.failed and not left

    @property
    def has_commands(self) -> bool:
        """Whether an error or a warning comes with something to type."""
        return any(finding.fix.commands for finding in self.findings if finding.severity in (ERROR, WARNING))

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The rules that failed: what they check is not known, so nothing is said to be fine."""
        return tuple(finding for finding in self.findings if finding.code == "TFD902")

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of the contract."""
        causes = {finding: cause.code for cause, follow in by_cause(self.findings) for finding in follow}
        return {
            "schema_version": SCHEMA_VERSION,
            "target": {"kind": self.env.kind, "path": self.env.path, "platform": self.env.platform or None},
            "tensorflow": self.tensorflow.to_json() if self.tensorflow else None,
            "findings": [
                {**finding.to_json(self.env.platform), "comes_of": causes.get(finding)} for finding in self.findings
            ],
            "summary": {
                "errors": self.count(ERROR),
                "warnings": self.count(WARNING),
                "infos": self.count(INFO),
                "ignored": self.ignored,
            },
            "ok": self.ok,
        }


def unread(kind: str, path: str, error: str) -> dict[str, Any]:
    """Return the document of a target that could not be read.

    Args:
        kind: ``prefix`` or ``file``.
        path: Its path.
        error: One sentence.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "target": {"kind": kind, "path": path, "platform": None},
        "tensorflow": None,
        "findings": [],
        "summary": {"errors": 0, "warnings": 0, "infos": 0, "ignored": 0},
        "ok": False,
        "error": error,
    }
