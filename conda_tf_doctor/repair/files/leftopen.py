"""What a file leaves open, and an installer would fill with a version that does not work.

That is no finding of the file, for another version in the range works; but who installs from it today should know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ... import versions
from ...context.context import Context
from ...engine.diagnose import diagnose
from ...engine.ranges import admits
from ...environment.facts import CONDA, PIP, Environment
from ...environment.files.requirements import BY_PYTHON
from ...environment.files.specs import READABLE, UNREADABLE
from ...environment.tensorflow import find_tensorflow
from ...findings import ERROR, WARNING, Finding, Fix
from ..plan import Edit
from ..simulate import simulate

if TYPE_CHECKING:
    from ...matrix.matrix import Matrix
    from ..candidates import Catalogue

# What TensorFlow does not import without, and whose newest releases are often too new for it.
_NAMES = ("numpy", "protobuf", "keras", "h5py")


def not_for_pip(env: Environment) -> list[Finding]:
    """Return a warning for each requirement that pip does not understand, and conda would (``tensorflow=2.15``).

    A list that names Python is for conda.
    """
    found = []
    for package in env.packages if env.kind == "file" and env.pip("python") is None else ():
        text = str(package.metadata.get(UNREADABLE, ""))
        if text:
            right = str(package.metadata[READABLE])
            who, why = ("pip from 24.1 on", "a bound is one version, and a comma stands between two of them")
            if re.search(r"(?<![<>=!~])=(?!=)", text.partition(";")[0]):
                who, why = "pip", "pip asks for one version with two signs"
            found.append(
                Finding(
                    "TFD901",
                    WARNING,
                    f"{who} does not read `{text}`, and installs nothing of the file.",
                    found=text,
                    expected=right,
                    evidence=(package.source,),
                    source="PEP 508",
                    package=package.name,
                    accepts=package.spec or f"=={package.version}",
                    fix=Fix(note=f"Write `{right}`: {why}."),
                )
            )
    return found


def left_open(env: Environment, matrix: Matrix, catalogue: Catalogue) -> list[Finding]:
    """Return a warning for each package of which an installer would take a version that does not work.

    Only beside an exact TensorFlow of pip's: conda's own packages say what they need, and conda's solver keeps to it.

    Args:
        env: A file's facts.
        matrix: The compatibility matrix.
        catalogue: The versions that exist.
    """
    tensorflow = find_tensorflow(env)
    if env.kind != "file" or tensorflow is None or tensorflow.manager != PIP or not tensorflow.version:
        return []
    build = Context(env, matrix).build
    if build is None or not build.python:
        return []
    python = env.python.version or max(build.python, key=versions.key)
    requires = matrix.resolve_stub(build).required(python)
    found = []
    for name in _NAMES:
        manager, version = _taken(env, name, python, requires.get(name, ""), catalogue)
        if not version:
            continue
        edit = Edit(manager, name, name, (f"=={version}",), version)
        after = simulate(env, {edit.key: edit}, matrix)
        after.python = env.python._replace(version=python)
        problem = next((f for f in diagnose(after, matrix).findings if f.package == name and f.severity == ERROR), None)
        if problem is not None:
            text = (
                f"{name} is left open: unless another package holds it back, an installer takes {version}. "
                f"{problem.message}"
            )
            found.append(problem._replace(severity=WARNING, message=text))
    return found


def _taken(env: Environment, name: str, python: str, declared: str, catalogue: Catalogue) -> tuple[str, str]:
    """Return who installs a package and the version that is taken; an empty one where the file names it."""
    package = env.package(name)
    if package is not None and (package.version or BY_PYTHON in package.metadata):
        return PIP, ""
    known = catalogue.versions(PIP, name, name, python)
    by_pip = next((v for v in known if versions.contains(declared, v)), "") if declared else ""
    if package is None:
        return PIP, by_pip
    manager = PIP if package.manager == PIP else CONDA
    fitting = [v for v in catalogue.versions(manager, name, name, python) if admits(package, v)]
    if manager == CONDA:
        # pip takes what conda installed before it, unless TensorFlow declares otherwise; then it writes over it.
        newest = next(iter(fitting), "")
        return (CONDA, newest) if versions.contains(declared, newest or "0") else (PIP, by_pip)
    return PIP, next((v for v in fitting if versions.contains(declared, v)), "")
