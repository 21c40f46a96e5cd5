"""Which finding is the root cause: what the user should repair first comes first.

The order of the families is the order in which a broken environment fails: a Python that cannot load the build at
all hides everything behind it, a package that stops the import hides the GPU, and so on. A text that the user saw
outweighs the order, for it is evidence of what really failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..findings import CERTAIN, ERROR, LIKELY, WARNING, Finding

_ORDER = (
    "TFD101", "TFD105", "TFD103", "TFD201", "TFD102", "TFD106", "TFD104",
    "TFD602", "TFD601", "TFD704", "TFD703",
    "TFD401", "TFD402", "TFD502", "TFD501", "TFD505", "TFD504", "TFD503", "TFD610",
    "TFD603", "TFD604", "TFD611", "TFD605", "TFD606", "TFD609", "TFD607",
    "TFD305", "TFD306", "TFD302", "TFD301", "TFD304", "TFD303", "TFD307", "TFD308",
    "TFD702", "TFD701", "TFD608", "TFD901", "TFD902",
)  # fmt: skip
_PLACE = {code: place for place, code in enumerate(_ORDER)}
_SEVERITY = {ERROR: 0, WARNING: 1}
_CONFIDENCE = {CERTAIN: 0, LIKELY: 1}
# How much a rule's finding weighs beside a text's cause (certain 90, likely 60, possible 25): both together outweigh
# everything, a fact alone outweighs what a text only makes possible.
_FACT = {CERTAIN: 45, LIKELY: 32}
_FACT_POSSIBLE = 18
# What stops everything before a message could be about anything else.
_BLOCKING = frozenset(("TFD101", "TFD102", "TFD103", "TFD105", "TFD201"))
_BLOCKING_WEIGHT = 30
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
            if finding.code in _BLOCKING and finding.confidence == CERTAIN:
                total += _BLOCKING_WEIGHT
        return total

    def order(finding: Finding) -> tuple[int, float, int, int]:
        return (
            _SEVERITY.get(finding.severity, 2),
            -weight(finding),
            _CONFIDENCE.get(finding.confidence, 2),
            _PLACE[finding.code],
        )

    return sorted(dict.fromkeys(findings), key=order)
