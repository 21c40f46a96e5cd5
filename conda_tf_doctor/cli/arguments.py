"""The arguments that every verb may count on, and a short cut to them for the plainest commands.

Importing argparse and building the parsers costs as much as starting Python, and most calls are ``check -p PATH``: what
is spelled plainly is taken apart here, everything else by argparse. A test holds both to the same answers.
"""

from __future__ import annotations

import os
import sys

from .._typing import TYPE_CHECKING, Any, cast
from ..render.text import of_door

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

DEFAULTS: dict[str, Any] = {
    "verb": None, "name": None, "prefix": None, "json": False, "verbosity": 0, "quiet": False, "dry_run": False,
    "yes": False, "ignore": [], "matrix": "",
}  # fmt: skip

_VALUES = {
    "-p": "prefix", "--prefix": "prefix", "-n": "name", "--name": "name", "--matrix": "matrix", "--report": "report",
    "--file": "file", "--platform": "platform",
}  # fmt: skip
_FLAGS = {"--json": "json", "-q": "quiet", "--quiet": "quiet", "--all-envs": "all_envs"}


class _Arguments:
    """What ``argparse.Namespace`` is, without argparse."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def complete(args: Mapping[str, Any], door: str) -> Namespace:
    """Return the arguments with every default filled in.

    Flags that were not given are absent from what argparse returns, so that conda's context finds the user's own
    settings for them.

    Args:
        args: What argparse returned.
        door: ``conda`` or ``console``.
    """
    # conda marks flags that were not given with an object of its own; for us they are not given.
    values = {name: value for name, value in args.items() if value is not None and type(value).__name__ != "_Null"}
    return cast("Namespace", _Arguments({**DEFAULTS, **values, "door": door}))


def program(door: str) -> str:
    """Return how the program was called."""
    as_module = sys.argv[0].endswith(os.path.join("conda_tf_doctor", "__main__.py"))
    return "python -m conda_tf_doctor" if as_module and door != "conda" else " ".join(of_door(door))


def plain(words: Sequence[str]) -> Namespace | None:
    """Return the arguments of a plain ``check``; ``None`` leaves it to argparse.

    Plain are whole flags, each at most once, with their values as words of their own.
    """
    found: dict[str, Any] = {}
    waiting = iter(words)
    for word in waiting:
        name = _FLAGS.get(word) or _VALUES.get(word)
        if word == "check" and "verb" not in found:
            found["verb"] = "check"
        elif name is None or name in found:
            return None
        elif word in _FLAGS:
            found[name] = True
        else:
            value = next(waiting, "-")
            if value.startswith("-"):
                return None
            # Flags that may be given several times have a list.
            found[name] = [value] if name == "file" else value
    if "prefix" in found and "name" in found:
        return None
    return complete(found, "console")
