"""Error text and facts together: which of a text's causes this environment has.

The text alone may establish a cause, the facts may refute it, and where both speak of the same cause it comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..findings import CERTAIN, LIKELY, POSSIBLE, Finding
from .catalogue import EXCLUDED, by_id
from .match import find, is_harmless, judged
from .shown import normalise
from .subject import Subject

if TYPE_CHECKING:
    from ..context.context import Context

_SCORE = {CERTAIN: 90, LIKELY: 60, POSSIBLE: 25, EXCLUDED: -40}
_LOG_ONLY_SCORE = {CERTAIN: 70, LIKELY: 45, POSSIBLE: 20, EXCLUDED: -40}


class Cause(NamedTuple):
    """A cause that a text has in an environment.

    Attributes:
        code: The rule that stands for it.
        likelihood: ``certain``, ``likely`` or ``possible``, given text and facts.
        why: One sentence.
        line: The telling line.
        captured: What the line names.
        signature: Id of the signature that knows the line.
        strength: How much the line says (3 telling, 2 generic, 1 a log line).
        score: For ranking beside what the rules found; higher is more probable.
        finding: What a rule found in the environment for the same cause, or ``None``.
    """

    code: str
    likelihood: str
    why: str
    line: str
    captured: Mapping[str, str]
    signature: str
    strength: int
    score: int
    finding: Finding | None = None


class Verdict(NamedTuple):
    """What a text says about an environment.

    Attributes:
        causes: The most probable first.
        refuted: Codes that the text could mean, and the facts exclude.
    """

    causes: tuple[Cause, ...]
    refuted: frozenset[str]


def rank(text: str, context: Context | None = None, findings: Iterable[Finding] = ()) -> Verdict:
    """Return the causes of a text, given the facts.

    Args:
        text: What the user saw.
        context: The environment; ``None`` where only the text is known.
        findings: What the rules found in that environment.
    """
    findings = list(findings)
    subject = Subject(normalise(text), context, findings)
    by_code: dict[str, Finding] = {}
    for finding in findings:
        by_code.setdefault(finding.code, finding)
    table = by_id()
    best: dict[str, Cause] = {}
    refuted: set[str] = set()
    fatal = False
    for place, found in enumerate(find(text)):
        signature = table[found.signature]
        scores = _LOG_ONLY_SCORE if fatal and signature.strength < 2 else _SCORE
        answers = [] if is_harmless(signature, found, subject) else judged(signature, found, subject)
        for order, (code, likelihood, why) in enumerate(answers):
            if likelihood == EXCLUDED:
                refuted.add(code)
                continue
            # What says more, and what is named first, comes first among equals.
            score = scores[likelihood] * 100 + signature.strength * 20 - place * 2 - order
            cause = Cause(
                code,
                likelihood,
                why,
                found.line,
                found.captured,
                found.signature,
                signature.strength,
                score,
                by_code.get(code),
            )
            if code not in best or score > best[code].score:
                best[code] = cause
        fatal = fatal or (signature.strength >= 2 and bool(answers))
    ordered = sorted(best.values(), key=lambda cause: -cause.score)
    return Verdict(tuple(ordered), frozenset(refuted - set(best)))
