"""The one block of commands that repairs several findings."""

from __future__ import annotations

from .._typing import TYPE_CHECKING
from ..installers import activates, installer, name_of, options, packages, writes_anew
from ..names import parse_requirement
from ..specifiers import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..findings import Fix


def together(fixes: Iterable[Fix]) -> list[tuple[str, ...]]:
    """Return the commands of several fixes, each once; what one installer is asked for is asked of it at once.

    Two installations one after the other may each undo what the other did: a solver, or pip, has to see both wishes.
    """
    merged: list[tuple[str, ...]] = []
    for command in dict.fromkeys(command for fix in fixes for command in fix.commands):
        head = installer(command)
        place = next((place for place, other in enumerate(merged) if _same_call(other, command, head)), -1)
        # What follows an activation is for another environment.
        if place < 0 or any(activates(other) for other in merged):
            merged.append(command)
            continue
        merged[place] = _both(merged[place], command[len(head) :])
    return _without_moved(merged)


def _without_moved(commands: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the commands without pip bringing back what goes to conda, or writing anew what the block puts in."""
    left = {name_of(word) for command in commands if "uninstall" in command for word in packages(command)}
    by_conda = {name_of(word) for c in commands if c[1:2] == ("install",) for word in packages(c[2:])}
    by_pip = {
        name_of(word)
        for command in commands
        if "pip" in command and not writes_anew(command)
        for word in packages(command[len(installer(command)) :])
    }
    kept = []
    for command in commands:
        head = installer(command) if "pip" in command else ()
        needless = left & (by_conda | by_pip if writes_anew(command) else by_conda) if head else frozenset()
        rest = tuple(word for word in command[len(head) :] if name_of(word) not in needless)
        if len(head) + len(rest) == len(command) or packages(rest):
            kept.append((*head, *rest))
    return kept


def _both(one: tuple[str, ...], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return a command with what another one wants too; what both want, in the range that satisfies both."""
    asked = {name_of(word): word for word in one}
    for word in wanted:
        name = name_of(word)
        first, second = parse_requirement(asked.get(name, name))[1], parse_requirement(word)[1]
        if name not in asked and word[0] != "-":
            asked[name] = word
        elif first and second and first != second and "[" not in word:
            asked[name] = f"{name}{joined(first, second)}"
    return (*(asked.pop(name_of(word), word) for word in one), *asked.values())


def _same_call(one: Sequence[str], other: Sequence[str], head: tuple[str, ...]) -> bool:
    return bool(head) and tuple(one[: len(head)]) == head and options(one) == options(other)
