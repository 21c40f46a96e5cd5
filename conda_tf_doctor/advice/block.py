"""The one block of commands that repairs several findings."""

from __future__ import annotations

import re

from .._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..findings import Fix

_INSTALL = (("python", "-m", "pip", "install"), ("conda", "install"))
_TAKES_VALUE = ("-c", "-n", "-p")


def together(fixes: Iterable[Fix]) -> list[tuple[str, ...]]:
    """Return the commands of several fixes, each once; what one installer is asked for is asked of it at once.

    Two installations one after the other may each undo what the other did: a solver, or pip, has to see both wishes.
    """
    merged: list[tuple[str, ...]] = []
    for command in dict.fromkeys(command for fix in fixes for command in fix.commands):
        head = next((head for head in _INSTALL if command[: len(head)] == head), ())
        place = next((place for place, other in enumerate(merged) if _same_call(other, command, head)), -1)
        # What follows an activation is for another environment.
        if place < 0 or any(other[:2] == ("conda", "activate") for other in merged):
            merged.append(command)
            continue
        asked = {_name(word) for word in merged[place]}
        merged[place] += tuple(word for word in command[len(head) :] if _name(word) not in asked and word[0] != "-")
    return merged


def _same_call(one: Sequence[str], other: Sequence[str], head: tuple[str, ...]) -> bool:
    return bool(head) and tuple(one[: len(head)]) == head and _options(one) == _options(other)


def _options(command: Sequence[str]) -> list[str]:
    """Return the options of an installer's command with their values."""
    pairs = zip(("", *command), command, strict=False)
    return [word for before, word in pairs if word in _TAKES_VALUE or word.startswith("--") or before in _TAKES_VALUE]


def _name(word: str) -> str:
    return re.split(r"[\[<>=!~ ]", word)[0].lower().replace("_", "-")
