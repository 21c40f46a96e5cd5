"""Comments in a file that silence a rule there: ``# tf-doctor: ignore TFD603``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..codes import RULES, codes_of
from ..errors import UsageError, meant
from ..render.located import lines_of, place_of_finding

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis

_COMMENT = re.compile(r"#\s*tf-doctor\s*:?\s*ignore\b[ \t]*([^#]*)", re.I)


def silenced(diagnosis: Diagnosis) -> Diagnosis:
    """Return a file's diagnosis without the findings that its own comments silence, and with their number.

    A comment behind an entry is about the findings at that line, one on a line of its own about the whole file. Without
    a code it is about every rule.

    Raises:
        UsageError: A comment names no rule.
    """
    lines = lines_of(diagnosis.env.path)
    at: dict[int, frozenset[str]] = {}
    for number, line in enumerate(lines, 1):
        matched = _COMMENT.search(line) if "tf-doctor" in line.lower() else None
        if matched is not None:
            alone = not line[: matched.start()].strip()
            at[0 if alone else number] = at.get(0 if alone else number, frozenset()) | _codes(
                matched, diagnosis, number
            )
    if not at:
        return diagnosis
    kept = tuple(
        finding
        for finding in diagnosis.findings
        if finding.code not in at.get(0, frozenset()) | at.get(place_of_finding(diagnosis, finding).line, frozenset())
    )
    return diagnosis._replace(findings=kept, ignored=diagnosis.ignored + len(diagnosis.findings) - len(kept))


def _codes(matched: re.Match[str], diagnosis: Diagnosis, number: int) -> frozenset[str]:
    words = matched.group(1).replace(",", " ").split() or ["TFD"]
    found: frozenset[str] = frozenset()
    for word in words:
        codes = codes_of(word)
        if not codes:
            raise UsageError(
                f"The file {diagnosis.env.path} silences {word} in line {number}, but there is no such rule"
                f"{meant(word, (*RULES, *RULES.values()))}; `conda-tf-doctor explain` lists them."
            )
        found |= codes
    return found
