"""What pip would take wrongly beside the TensorFlow that advice installs anew: named in the same command.

A release from before numpy 2 declares no upper bound on it, and one from before protobuf 4 none on that: pip takes the
newest. The recipe for such an environment, which the rules have tried, tells what has to be held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment.tensorflow import OWNERS
from ..findings import ERROR, Finding
from ..matrix.model import CPU, PYPI
from ..names import parse_requirement
from ..specifiers import to_conda
from .recipe import NoRecipeError, Wanted, make

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..engine.diagnosis import Diagnosis
    from ..matrix.matrix import Matrix

_PIP = ("python", "-m", "pip", "install")


def accompanied(diagnosis: Diagnosis, matrix: Matrix) -> Diagnosis:
    """Return the diagnosis with errors whose commands name all that a new TensorFlow needs beside it.

    Args:
        diagnosis: What was found, with what is advised.
        matrix: The compatibility matrix.
    """
    env = diagnosis.env
    there = diagnosis.tensorflow is not None and not diagnosis.tensorflow.requested
    found = []
    for finding in diagnosis.findings:
        commands = finding.fix.commands if finding.severity == ERROR else ()
        made = next((command for command in commands if command[:2] == ("conda", "create")), ())
        if commands and (made or not there):
            named = next((word[len("python=") :] for word in made if word.startswith("python=")), "")
            python = named or ("" if made else env.python.minor)
            place = made.index("--platform") + 1 if "--platform" in made else 0
            platform = made[place] if place else env.platform
            finding = _with(finding, [_whole(command, platform, python, matrix) for command in commands])
        found.append(finding)
    return diagnosis._replace(findings=tuple(found))


def _with(finding: Finding, commands: Iterable[tuple[str, ...]]) -> Finding:
    return finding._replace(fix=finding.fix._replace(commands=tuple(commands)))


def _whole(command: tuple[str, ...], platform: str, python: str, matrix: Matrix) -> tuple[str, ...]:
    if command[: len(_PIP)] != _PIP:
        return command
    asked = dict(map(parse_requirement, (word for word in command[4:] if word[:1] != "-")))
    owner = next((name for name in asked if name in OWNERS), "")
    if not owner or not platform:
        return command
    try:
        recipe = make(Wanted("new", platform, to_conda(asked[owner]), CPU, python, PYPI), matrix)
    except NoRecipeError:
        return command
    known = matrix.table("works")
    names = {text: parse_requirement(text)[0] for text in recipe.pip}
    return (*command, *(t for t, name in names.items() if name in known and name not in (*OWNERS, *asked)))
