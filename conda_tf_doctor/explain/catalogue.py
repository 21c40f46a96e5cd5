"""The catalogue of error texts (``data/*.yaml``): signatures, their causes, and the facts that confirm or exclude each.

A signature is a set of regular expressions that know one message of a loader, of TensorFlow or of a package beside
it. A cause starts with a likelihood that the text alone gives it; its conditions are tried in order, the first whose
facts all hold decides.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any, NamedTuple

from ..codes import RULES
from ..findings import CONFIDENCES
from .compiled import load

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
SHARED = "shared.yaml"
NEEDS = "needs.yaml"
FREQUENCIES = "frequencies.yaml"
NAMES = "names.yaml"
EXCLUDED = "excluded"
LIKELIHOODS = (*CONFIDENCES, EXCLUDED)

# How much a message says: an exception that names its cause, a failure that has several, a line of a log, noise.
TELLING, GENERIC, LOG, NOISE = 3, 2, 1, 0


class Condition(NamedTuple):
    """What facts make of a cause.

    Attributes:
        facts: Facts that all have to hold (see :mod:`.facts`).
        likelihood: What the cause becomes then.
        why: Replaces the cause's own sentence where given.
    """

    facts: tuple[str, ...]
    likelihood: str
    why: str = ""


class Candidate(NamedTuple):
    """A cause that a signature has.

    Attributes:
        code: The rule that stands for it.
        likelihood: What the text alone says.
        why: One sentence; names in braces are what the signature's groups captured.
        conditions: Tried in order; the first that holds decides.
    """

    code: str
    likelihood: str
    why: str
    conditions: tuple[Condition, ...] = ()


class Signature(NamedTuple):
    """A message that is known.

    Attributes:
        id: Stable name.
        patterns: Alternatives; empty where ``special`` finds it.
        unless: Where this is found in the text, the signature does not apply; ``None`` where nothing forbids it.
        strength: How much the message says (3 telling, 2 generic, 1 a log line, 0 noise).
        meaning: What it means, in one or two sentences.
        causes: In the order of their likelihood where all else is equal; empty where the message is harmless, or the
            environment is not at fault.
        special: Name of the function that finds it in the frames of a traceback.
        yields_to: Ids of signatures that say more; where one of them is found, this one is not told.
        harmless_if: Where these facts hold, the message means no harm, and has none of its causes.
        alone: Whether it says that what failed was no program of the environment's: no other message is told then.
    """

    id: str
    patterns: tuple[re.Pattern[str], ...]
    unless: re.Pattern[str] | None
    strength: int
    meaning: str
    causes: tuple[Candidate, ...]
    special: str = ""
    yields_to: tuple[str, ...] = ()
    harmless_if: tuple[str, ...] = ()
    alone: bool = False


class CatalogueError(ValueError):
    """The catalogue itself is wrong; a test holds the bundled one to its form."""


def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern; a space in it matches any white space, for consoles and mail programs wrap lines."""
    spaced = re.sub(r"(?<!\[)(?<!\[\^)(?<!\\) (?![?*+{\]])", r"\\s+", text)
    try:
        return re.compile(spaced, re.IGNORECASE | re.MULTILINE)
    except re.error as error:
        raise CatalogueError(f"{text}: {error}") from None


def _candidate(item: dict[str, Any], where: str) -> Candidate:
    code, likelihood = item["code"], item["likelihood"]
    if code not in RULES or likelihood not in LIKELIHOODS:
        raise CatalogueError(f"{where}: {code} {likelihood}")
    conditions = []
    for when in item.get("when") or ():
        if when["then"] not in LIKELIHOODS:
            raise CatalogueError(f"{where}: {code}: then: {when['then']}")
        conditions.append(Condition(tuple(when["if"]), when["then"], when.get("why", "")))
    return Candidate(code, likelihood, item["why"], tuple(conditions))


def _signature(item: dict[str, Any], shared: dict[str, Any]) -> Signature:
    name = item["id"]
    patterns = item.get("pattern") or ()
    causes = item["causes"]
    if isinstance(causes, str):
        causes = shared[causes]
    return Signature(
        name,
        tuple(_pattern(text) for text in ([patterns] if isinstance(patterns, str) else patterns)),
        _pattern(item["unless"]) if item.get("unless") else None,
        item.get("strength", TELLING),
        item["meaning"],
        tuple(_candidate(cause, name) for cause in causes),
        item.get("special", ""),
        tuple(item.get("yields_to") or ()),
        tuple(item.get("harmless_if") or ()),
        bool(item.get("alone")),
    )


@lru_cache(maxsize=1)
def signatures() -> tuple[Signature, ...]:
    """Return every signature.

    Raises:
        CatalogueError: A file of the catalogue is not of its form.
    """
    documents = load(DATA)
    shared = documents.pop(SHARED)
    documents.pop(NEEDS, None)
    documents.pop(FREQUENCIES, None)
    documents.pop(NAMES, None)
    found = [_signature(item, shared) for items in documents.values() for item in items]
    names = [signature.id for signature in found]
    if len(set(names)) != len(names):
        raise CatalogueError("two signatures have one id")
    return tuple(found)


@lru_cache(maxsize=1)
def by_id() -> dict[str, Signature]:
    """Return the signatures by their id."""
    return {signature.id: signature for signature in signatures()}


@lru_cache(maxsize=1)
def _needs() -> dict[str, str]:
    table: dict[str, str] = load(DATA)[NEEDS]
    return table


def need(code: str) -> str:
    """Return which fact would make a cause certain that a text alone establishes; empty where nothing would.

    Args:
        code: The rule that stands for the cause.
    """
    return _needs().get(code, "")


class Name(NamedTuple):
    """What Keras had, under a name or in a way that a message tells.

    Attributes:
        name: Dotted, and all that begins with it; empty where ``text`` tells.
        text: What the message says.
        keras: PEP 440 range of the releases of keras that have it; empty for none.
        legacy: Whether every release of tf-keras has it.
        inner: Whether only the package keras itself has had it, never TensorFlow as ``tensorflow.keras``.
        package: The distribution that has it today.
        instead: What to write today.
    """

    name: str = ""
    text: re.Pattern[str] | None = None
    keras: str = ""
    legacy: bool = False
    inner: bool = False
    package: str = ""
    instead: str = ""


@lru_cache(maxsize=1)
def names() -> tuple[Name, ...]:
    """Return what Keras had under names that it has no more, or has not always had."""
    rows = load(DATA)[NAMES]
    return tuple(Name(**{**row, "text": _pattern(row["text"]) if "text" in row else None}) for row in rows)


@lru_cache(maxsize=1)
def _frequencies() -> dict[str, dict[str, dict[str, int]]]:
    table: dict[str, dict[str, dict[str, int]]] = load(DATA)[FREQUENCIES]
    return table


def frequencies(system: str, gpu: bool) -> dict[str, int]:
    """Return how often each code was the cause, in reports whose end is known.

    Args:
        system: ``win``, ``linux`` or ``osx``.
        gpu: Whether CUDA or a GPU is in the report.
    """
    of_system = _frequencies().get(system, {})
    return of_system.get("gpu" if gpu else "cpu", {}) or of_system.get("cpu", {})
