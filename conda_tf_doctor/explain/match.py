"""From an error text to what it says: the telling line, the causes it may have, what it names.

Needs nothing but the text. Which of the causes this environment has is for :mod:`.rank`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ..environment.libraries import parse_library
from ..findings import CERTAIN, LIKELY, POSSIBLE
from .catalogue import EXCLUDED, Signature, by_id, signatures
from .facts import holds
from .keras_names import asked
from .shown import normalise
from .subject import Subject, user_site
from .tracebacks import shadowing_frame

if TYPE_CHECKING:
    from ..context.context import Context

_PLACE = {CERTAIN: 0, LIKELY: 1, POSSIBLE: 2, EXCLUDED: 3}


class Match(NamedTuple):
    """A signature found in a text.

    Attributes:
        signature: Id of the signature.
        line: The telling line, without its indentation.
        captured: What the line names (``library``, ``needs``, ``has`` …).
        start: Offset of the line in the text, which orders what says equally much.
    """

    signature: str
    line: str
    captured: Mapping[str, str]
    start: int

    @property
    def meaning(self) -> str:
        """What the line means, in one or two sentences."""
        return fill(by_id()[self.signature].meaning, self.captured)


class Signal(NamedTuple):
    """One cause that a text speaks for.

    Attributes:
        code: The rule that stands for the cause.
        likelihood: ``certain``, ``likely`` or ``possible``, by the text alone.
        line: The telling line.
        captured: What the line names.
        why: One sentence.
        signature: Id of the signature that knows the line.
        strength: How much the line says (3 telling, 2 generic, 1 a log line).
    """

    code: str
    likelihood: str
    line: str
    captured: Mapping[str, str]
    why: str
    signature: str
    strength: int


class _Kept(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return {"library": "the library", "file": "the file", "wanted": "some version", "name": "the name"}.get(
            key, "?"
        )


def fill(text: str, captured: Mapping[str, str]) -> str:
    """Put what was captured into a sentence of the catalogue; a part in brackets goes where it has nothing to say."""
    values = _Kept({name: value for name, value in captured.items() if value})
    if "library" in values:
        values["wanted"] = parse_library(values["library"]).wanted or "another package"
    missing = {name for name in re.findall(r"\{(\w+)\}", text) if name not in values}
    for name in missing:
        text = re.sub(r"\s*\([^()]*\{" + name + r"\}[^()]*\)", "", text)
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], text)


def _line_at(text: str, place: int) -> str:
    start = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    return text[start : end if end >= 0 else len(text)].strip(" \t>|│")


def _special(signature: Signature, text: str) -> Match | None:
    if signature.special == "user-site":
        found = user_site(text)
        if found is None:
            return None
        return Match(signature.id, _line_at(text, found.start()), {"file": found["file"].strip()}, found.start())
    if signature.special.startswith("keras-names"):
        name = asked(text)
        fits = name is not None and ("never" in name[0]) == signature.special.endswith("-of-none")
        return Match(signature.id, _line_at(text, name[1]), *name) if name and fits else None
    shadowing = shadowing_frame(text)
    if shadowing is None or shadowing[1] != (signature.special == "shadowing"):
        return None
    frame = shadowing[0]
    return Match(signature.id, _line_at(text, frame.start), {"file": frame.file, "module": frame.module}, frame.start)


def _find(signature: Signature, text: str) -> Match | None:
    if signature.unless is not None and signature.unless.search(text):
        return None
    if signature.special:
        return _special(signature, text)
    found = [match for match in (pattern.search(text) for pattern in signature.patterns) if match]
    if not found:
        return None
    # The alternatives are in the order of what they tell; the first of them in the text is where it began.
    best = max(found, key=lambda match: (len([1 for value in match.groupdict().values() if value]), -match.start()))
    captured = {name: value.strip() for name, value in best.groupdict().items() if value}
    return Match(signature.id, _line_at(text, best.start()), captured, best.start())


# What a console cuts its lines at; shorter lines of one length are chance.
_CONSOLE = range(72, 260)
# So few lines, which say nothing as they stand, may be one that was cut anywhere.
_FEW = 4


def _unwrapped(text: str) -> str:
    """Return a text with those lines joined that a console cut in the middle of a word, at its width."""
    lines = text.split("\n")
    if len(lines) <= _FEW:
        return "".join(lines)
    width = max(map(len, lines))
    if width not in _CONSOLE or sum(len(line) == width for line in lines) < 2:
        return text
    return "".join(line if len(line) == width else line + "\n" for line in lines)


@lru_cache(maxsize=1)
def find(text: str) -> list[Match]:
    """Return every known message in a text, the most telling first; equally telling ones in the text's order."""
    text = normalise(text)
    table = by_id()
    found = [match for match in (_find(signature, text) for signature in signatures()) if match]
    if not any(table[match.signature].strength for match in found) and (whole := _unwrapped(text)) != text:
        found = [match for match in (_find(signature, whole) for signature in signatures()) if match]
    found = [match for match in found if table[match.signature].alone] or found
    ids = {match.signature for match in found}
    found = [match for match in found if not ids.intersection(table[match.signature].yields_to)]
    return sorted(found, key=lambda match: (-table[match.signature].strength, match.start))


def match(text: str, context: Context | None = None) -> list[Signal]:
    """Return the causes that a text speaks for by itself, the most probable first, each once.

    Args:
        text: What the user saw.
        context: The environment, which only tells what is harmless in it.
    """
    subject = Subject(normalise(text))
    there = Subject(subject.text, context)
    signals: dict[str, Signal] = {}
    fatal = False
    table = by_id()
    for found in find(text):
        signature = table[found.signature]
        answers = [] if is_harmless(signature, found, there) else judged(signature, found, subject)
        for candidate, likelihood, why in answers:
            if likelihood == EXCLUDED:
                continue
            if fatal and signature.strength < 2 and likelihood != CERTAIN:
                # A line of the log is not what stopped the program, an exception is.
                likelihood = POSSIBLE
            known = signals.get(candidate)
            if known is None or _PLACE[likelihood] < _PLACE[known.likelihood]:
                strength = known.strength if known else signature.strength
                signals[candidate] = Signal(
                    candidate,
                    likelihood,
                    found.line,
                    found.captured,
                    why,
                    found.signature,
                    max(strength, signature.strength),
                )
        fatal = fatal or (signature.strength >= 2 and bool(answers))
    return sorted(signals.values(), key=lambda signal: (_PLACE[signal.likelihood], -signal.strength))


def is_harmless(signature: Signature, found: Match, subject: Subject) -> bool:
    """Tell whether the facts make a message a harmless one."""
    return bool(signature.harmless_if) and holds(subject.with_captured(found.captured), signature.harmless_if)


def judged(signature: Signature, found: Match, subject: Subject) -> list[tuple[str, str, str]]:
    """Return code, likelihood and reason of each cause of a signature, given the facts of a subject."""
    asked = subject.with_captured(found.captured)
    answers = []
    for candidate in signature.causes:
        likelihood, why = candidate.likelihood, candidate.why
        for condition in candidate.conditions:
            if holds(asked, condition.facts):
                likelihood, why = condition.likelihood, condition.why or candidate.why
                break
        answers.append((candidate.code, likelihood, fill(why, found.captured)))
    return answers
