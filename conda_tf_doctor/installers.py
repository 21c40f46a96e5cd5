"""The command lines of installers: how pip's are written, and what a command line asks for, in one place.

A command is a list of arguments from the fix that advises it to the shell line that is printed. Whoever has to know
what it installs, or for whom, asks here.
"""

from __future__ import annotations

from ._light import re
from ._typing import TYPE_CHECKING
from .names import normalise, parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Command = tuple[str, ...]
# Python of the environment itself, so that it is its pip.
_PIP = ("python", "-m", "pip")
# What writes the files of a package anew, and nothing else.
ANEW = ("--force-reinstall", "--no-cache-dir", "--no-deps")
_AGAIN = {"--force-reinstall", "--ignore-installed"}
_TAKES_VALUE = ("-c", "-n", "-p", "--python", "--manifest-path")


def pip_install(requirements: Iterable[str], *options: str) -> Command:
    """Return the command by which pip installs PEP 508 requirements into the active environment."""
    return (*_PIP, "install", *options, *requirements)


def pip_uninstall(names: Iterable[str]) -> Command:
    """Return the command by which pip takes distributions away, without asking."""
    return (*_PIP, "uninstall", "-y", *names)


def is_pip(command: Sequence[str], *verbs: str) -> bool:
    """Tell whether a command is pip's, by whichever Python; one of some verbs, where any are given."""
    return tuple(command[1:3]) == _PIP[1:] and (not verbs or command[3] in verbs)


def asked_of_pip(command: Sequence[str]) -> dict[str, str]:
    """Return what a command has pip install with all that it requires: specifier sets by normalised name."""
    if not is_pip(command, "install") or "--no-deps" in command:
        return {}
    return {normalise(name): spec for name, spec in map(parse_requirement, packages(command[4:]))}


def writes_anew(command: Sequence[str]) -> bool:
    """Tell whether a command writes the files of packages anew that may be there in the same version."""
    return not _AGAIN.isdisjoint(command)


def packages(words: Sequence[str]) -> list[str]:
    """Return the words of a command that are neither options nor their values."""
    pairs = zip(("", *words), words, strict=False)
    return [word for before, word in pairs if word[0] != "-" and before not in _TAKES_VALUE]


def options(words: Sequence[str]) -> list[str]:
    """Return the options of a command with their values."""
    pairs = zip(("", *words), words, strict=False)
    return [word for before, word in pairs if word in _TAKES_VALUE or word.startswith("--") or before in _TAKES_VALUE]


def installer(command: Command) -> Command:
    """Return the words that call an installer, whoever's it is and wherever it runs; nothing for other commands."""
    end = next((place for place, word in enumerate(command[:9], 1) if word in ("install", "add")), 0)
    return command[:end] if end == 2 or command[end - 2 : end - 1] == ("pip",) else ()


def activates(command: Sequence[str]) -> bool:
    """Tell whether a command makes another environment the one that what follows is for."""
    return "activate" in command[:2] or command[0] == "source" or command[0].endswith("activate")


def name_of(word: str) -> str:
    """Return the normalised name of the package that a word of a command asks for; of an option itself."""
    return word if word[:1] == "-" else normalise(re.split(r"[\[<>=!~ ]", word)[0])
