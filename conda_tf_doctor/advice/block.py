"""The one block of commands that repairs several findings."""

from __future__ import annotations

import re

from .._typing import TYPE_CHECKING
from ..names import parse_requirement
from ..specifiers import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..findings import Fix

_AGAIN = "--force-reinstall"
_TAKES_VALUE = ("-c", "-n", "-p", "--python", "--manifest-path")


def together(fixes: Iterable[Fix]) -> list[tuple[str, ...]]:
    """Return the commands of several fixes, each once; what one installer is asked for is asked of it at once.

    Two installations one after the other may each undo what the other did: a solver, or pip, has to see both wishes.
    """
    merged: list[tuple[str, ...]] = []
    for command in dict.fromkeys(command for fix in fixes for command in fix.commands):
        head = _installer(command)
        place = next((place for place, other in enumerate(merged) if _same_call(other, command, head)), -1)
        # What follows an activation is for another environment.
        if place < 0 or any(activates(other) for other in merged):
            merged.append(command)
            continue
        merged[place] = _both(merged[place], command[len(head) :])
    return _without_moved(merged)


def _without_moved(commands: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the commands without pip bringing back what goes to conda, or writing anew what the block puts in."""
    left = {_name(word) for command in commands if "uninstall" in command for word in _packages(command)}
    by_conda = {_name(word) for c in commands if c[1:2] == ("install",) for word in _packages(c[2:])}
    by_pip = {_name(w) for c in commands if "pip" in c and _AGAIN not in c for w in _packages(c[len(_installer(c)) :])}
    kept = []
    for command in commands:
        head = _installer(command) if "pip" in command else ()
        needless = left & (by_conda | by_pip if _AGAIN in command else by_conda) if head else frozenset()
        rest = tuple(word for word in command[len(head) :] if _name(word) not in needless)
        if len(head) + len(rest) == len(command) or _packages(rest):
            kept.append((*head, *rest))
    return kept


def _packages(words: Sequence[str]) -> list[str]:
    """Return the words of a command that are neither options nor their values."""
    pairs = zip(("", *words), words, strict=False)
    return [word for before, word in pairs if word[0] != "-" and before not in _TAKES_VALUE]


def _both(one: tuple[str, ...], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return a command with what another one wants too; what both want, in the range that satisfies both."""
    asked = {_name(word): word for word in one}
    for word in wanted:
        name = _name(word)
        first, second = parse_requirement(asked.get(name, name))[1], parse_requirement(word)[1]
        if name not in asked and word[0] != "-":
            asked[name] = word
        elif first and second and first != second and "[" not in word:
            asked[name] = f"{name}{joined(first, second)}"
    return (*(asked.pop(_name(word), word) for word in one), *asked.values())


def activates(command: Sequence[str]) -> bool:
    """Tell whether a command makes another environment the one that what follows is for."""
    return "activate" in command[:2] or command[0] == "source" or command[0].endswith("activate")


def _installer(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that call an installer, whoever's it is and wherever it runs; nothing for other commands."""
    end = next((place for place, word in enumerate(command[:9], 1) if word in ("install", "add")), 0)
    return command[:end] if end == 2 or command[end - 2 : end - 1] == ("pip",) else ()


def _same_call(one: Sequence[str], other: Sequence[str], head: tuple[str, ...]) -> bool:
    return bool(head) and tuple(one[: len(head)]) == head and _options(one) == _options(other)


def _options(command: Sequence[str]) -> list[str]:
    """Return the options of an installer's command with their values."""
    pairs = zip(("", *command), command, strict=False)
    return [word for before, word in pairs if word in _TAKES_VALUE or word.startswith("--") or before in _TAKES_VALUE]


def _name(word: str) -> str:
    return re.split(r"[\[<>=!~ ]", word)[0].lower().replace("_", "-")
