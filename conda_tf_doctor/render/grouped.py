"""What is wrong in many environments, for people: by cause, the worst first, and where."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..safely import safe

if TYPE_CHECKING:
    from ..fleet.tally import Tally
    from .text import Style

_TITLES = {"unread": "UNREADABLE", "none": "No TensorFlow", "ok": "OK"}
_COLOURS = {"error": "error", "unread": "error", "warning": "warning", "none": "dim", "ok": "good"}


def groups(tally: Tally, style: Style, what: str, most: int = 0, quiet: bool = False) -> Iterator[str]:
    """Yield the lines of a screen.

    Args:
        tally: What was counted.
        style: How to write.
        what: What a place is, in the plural (``environments``).
        most: How many places are named for a cause; 0 for all that the tally knows.
        quiet: Whether what is fine is left out.
    """
    for state, code, count in tally.ordered():
        if quiet and state in ("ok", "none"):
            continue
        title = _TITLES.get(state, state.upper())
        name = f" {code} {tally.names[code]}" if code else ""
        yield f"{style.paint(_COLOURS[state], title)}{name} ({count})"
        places = list(tally.places[state, code].items())
        if most and state in ("ok", "none"):
            continue
        shown = places[: most or None]
        width = min(
            max((len(place) for place, _ in shown), default=0), max(shutil.get_terminal_size().columns - 30, 20)
        )
        for place, word in shown:
            yield f"  {safe(place):{width}}  {safe(word)}".rstrip()
        if count > len(shown):
            yield f"  … and {count - len(shown):,} more"
    if not quiet:
        yield summary(tally, what)


def summary(tally: Tally, what: str) -> str:
    """Return the count of each state in a sentence."""
    words = {
        "error": "with errors",
        "unread": "not readable",
        "warning": "with warnings",
        "none": "without TensorFlow",
        "ok": "OK",
    }
    parts = [f"{tally.states[state]:,} {words[state]}" for state in words if tally.states[state] or state == "error"]
    return f"{tally.total:,} {what[:-1] if tally.total == 1 else what}: {', '.join(parts)}."


def first_place(tally: Tally) -> str:
    """Return the first environment of the most frequent error; empty where there is none."""
    worst = next((cause for cause in tally.ordered() if cause[0] == "error"), None)
    return next(iter(tally.places[worst[0], worst[1]]), "") if worst else ""
