"""Which finding is the root cause: what the user should repair first comes first.

The order of the codes (see :mod:`conda_tf_doctor.codes`) is that in which a broken environment fails. A text that the
user saw outweighs the order, for it is evidence of what really failed.
"""

from __future__ import annotations

from .._typing import TYPE_CHECKING
from ..codes import codes_where, place
from ..findings import CERTAIN, ERROR, LIKELY, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SEVERITY = {ERROR: 0, WARNING: 1}
_CONFIDENCE = {CERTAIN: 0, LIKELY: 1}
# How much a rule's finding weighs beside a text's cause (certain 90, likely 60, possible 25): both together outweigh
# everything, a fact alone outweighs what a text only makes possible.
_FACT = {CERTAIN: 45, LIKELY: 32}
_FACT_POSSIBLE = 18
# What stops everything before a message could be about anything else.
_FIRST, _FIRST_WEIGHT = codes_where(first=True), 30
_FROM_TEXT = "error_text"


def ranked(findings: Iterable[Finding], causes: Mapping[str, float]) -> list[Finding]:
    """Sort findings, the most probable root cause first, equal ones once.

    Args:
        findings: What the rules found, joined with what the error text establishes.
        causes: How probable the text makes each code, in hundredths; empty where there is no text.
    """

    def weight(finding: Finding) -> float:
        if not causes:
            return 0
        total = causes.get(finding.code, 0)
        if finding.evidence != (_FROM_TEXT,):
            total += _FACT.get(finding.confidence, _FACT_POSSIBLE)
            if finding.code in _FIRST and finding.confidence == CERTAIN:
                total += _FIRST_WEIGHT
        return total

    def order(finding: Finding) -> tuple[int, float, int, int]:
        return (
            _SEVERITY.get(finding.severity, 2),
            -weight(finding),
            _CONFIDENCE.get(finding.confidence, 2),
            # Open questions come in an order of their own, which sorting keeps.
            0 if finding.is_open else place(finding.code),
        )

    return sorted(dict.fromkeys(findings), key=order)
