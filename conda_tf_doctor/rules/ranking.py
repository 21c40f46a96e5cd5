"""Which finding is the root cause: what the user should repair first comes first.

The order of the families is the order in which a broken environment fails: a Python that cannot load the build at
all hides everything behind it, a package that stops the import hides the GPU, and so on. A text that the user saw
outweighs the order, for it is evidence of what really failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..findings import CERTAIN, ERROR, LIKELY, WARNING, Finding

if TYPE_CHECKING:
    from .context import Context

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


def ranked(findings: Iterable[Finding], context: Context) -> list[Finding]:
    """Sort findings, the most probable root cause first, equal ones once."""
    spoken = {signal.code: place for place, signal in reversed(list(enumerate(context.signals)))}

    def order(finding: Finding) -> tuple[int, int, int, int]:
        return (
            _SEVERITY.get(finding.severity, 2),
            spoken.get(finding.code, len(spoken) + 99),
            _CONFIDENCE.get(finding.confidence, 2),
            _PLACE[finding.code],
        )

    return sorted(dict.fromkeys(findings), key=order)
