"""The engine behind both doors, the guard and the repair: facts and matrix in, ranked findings out."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from .._typing import TYPE_CHECKING, Any, NamedTuple
from ..context.context import Context
from ..findings import ERROR, INFO, WARNING, Finding
from ..rules import REGISTRY
from ..shell import place_of
from .ranking import ranked

if TYPE_CHECKING:
    from ..environment.facts import Environment
    from ..environment.tensorflow import Installed
    from ..matrix.matrix import Matrix

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
    """

    env: Environment
    tensorflow: Installed | None
    findings: tuple[Finding, ...]
    checked: tuple[str, ...] = ()
    gpu_wanted: str = ""
    row: str = ""

    def count(self, severity: str) -> int:
        """Return how many findings have that severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether nothing is at severity ``error``."""
        return not self.count(ERROR)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of the contract."""
        return {
            "schema_version": SCHEMA_VERSION,
            "target": {"kind": self.env.kind, "path": self.env.path, "platform": self.env.platform or None},
            "tensorflow": self.tensorflow.to_json() if self.tensorflow else None,
            "findings": [finding.to_json(place_of(self.env)) for finding in self.findings],
            "summary": {
                "errors": self.count(ERROR),
                "warnings": self.count(WARNING),
                "infos": self.count(INFO),
            },
            "ok": self.ok,
        }


def _notes(env: Environment) -> Iterable[Finding]:
    for note in env.notes:
        yield Finding("TFD901", INFO, note.message, found=note.path, evidence=(note.path,))


def _from_rules(context: Context, examined: list[str]) -> Iterable[Finding]:
    for rule in REGISTRY:
        try:
            if not context.has(rule.when):
                continue
            module = import_module(f"..rules.{rule.module}", __package__)
            # A generator fails where it is consumed, so it is consumed here.
            yield from list(getattr(module, rule.function)(context))
            examined += rule.codes
        except Exception as error:
            # A rule of ours that fails must not take the verdict of the others with it; the failure is told.
            message = f"The rule {rule.function} failed ({type(error).__name__}: {error}); the others were checked."
            yield Finding("TFD902", INFO, message, found=", ".join(rule.codes), source=rule.module)


def diagnose(env: Environment, matrix: Matrix, ignore: Iterable[str] = ()) -> Diagnosis:
    """Check an environment against the matrix.

    Args:
        env: The facts.
        matrix: The compatibility matrix.
        ignore: Codes that the user silenced.
    """
    if env.kind == "file":
        from .ranges import diagnose_ranges, has_ranges

        if has_ranges(env):
            return diagnose_ranges(env, matrix, lambda narrowed: _diagnose(narrowed, matrix, ignore))
    return _diagnose(env, matrix, ignore)


def _closed_up(finding: Finding) -> Finding:
    """Close the gap that a version which nobody knows leaves in a sentence."""
    text = finding.message
    return finding._replace(message=" ".join(text.split())) if "  " in text else finding


def _diagnose(env: Environment, matrix: Matrix, ignore: Iterable[str]) -> Diagnosis:
    context = Context(env, matrix)
    silenced = set(ignore)
    if context.tensorflow is None and not context.signals:
        return Diagnosis(env, None, ())
    examined: list[str] = []
    found = [] if context.tensorflow is None else list(_from_rules(context, examined))
    if env.error_text:
        from .evidence import from_error_text

        found = list(from_error_text(context, found))
    # What `report` collected is all that could be seen: there is nobody to ask for more.
    if env.kind == "report" and not env.collected and context.tensorflow is not None:
        from .undecided import undecided

        # What a rule or the text decided is not open any more.
        decided = {finding.code for finding in found}
        found += [finding for finding in undecided(context) if finding.code not in decided]
    kept = [_closed_up(finding) for finding in found if finding.code not in silenced]
    fired = {finding.code for finding in found}
    return Diagnosis(
        env,
        context.tensorflow,
        # Last: rules read records, and find that some cannot be read.
        (*ranked(kept, context), *_notes(env)),
        tuple(dict.fromkeys(code for code in examined if code not in fired)),
        context.gpu_wanted,
        context.build.id if context.build else "",
    )
