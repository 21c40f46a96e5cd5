"""What pip could not install of a plan: wheels that do not exist, and pins that it refuses beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .. import versions
from ..context.context import Context
from ..context.promises import is_whole
from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.tensorflow import OWNERS
from ..findings import ERROR, Finding
from ..rules.packages.asked import refused

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix
    from .candidates import Catalogue
    from .plan import Edits


def unobtainable(edits: Edits, before: Environment, after: Environment, catalogue: Catalogue) -> Iterator[Finding]:
    """Yield what stands in pip's way when it carries a plan out.

    Args:
        edits: The plan.
        before: The facts as they are.
        after: The facts as the plan leaves them.
        catalogue: The versions that exist.
    """
    yield from _for_python(edits, before, after, catalogue)
    if any(e.manager == PIP and e.name in OWNERS and not e.removes for e in edits.values()):
        yield from _for_platform(after, catalogue.matrix)
        if after.kind == "file":
            yield from _refused(after, catalogue.matrix)


def _of_pip(env: Environment) -> list[Package]:
    return [package for package in env.packages if package.manager == PIP and package.version]


def _for_python(edits: Edits, before: Environment, after: Environment, catalogue: Catalogue) -> Iterator[Finding]:
    """What pip is to install has to exist for the Python; for another Python, that is all that pip owns."""
    edit = edits.get((CONDA, "python"))
    python = edit.version if edit is not None else before.python.version
    other = versions.minor(python) != before.python.minor
    names = {e.name for e in edits.values() if e.manager == PIP}
    for package in _of_pip(after) if python and (other or names) else ():
        concerned = package.name not in OWNERS and (other or package.name in names)
        if concerned and not catalogue.fits_python(package.name, package.version, python):
            text = f"There is no wheel of {package.name} {package.version} for Python {versions.minor(python)}."
            yield Finding("TFD201", ERROR, text, package=package.name)


def _for_platform(env: Environment, matrix: Matrix) -> Iterator[Finding]:
    """Every distribution of TensorFlow that stays has to exist for the platform, not only the one that is imported."""
    for package in _of_pip(env):
        rows = matrix.builds(package.name, package.version, "pypi") if package.name in OWNERS else []
        if rows and env.platform and not any(row.platform in (env.platform, "noarch") for row in rows):
            text = f"No build of {package.name} {package.version} exists for {env.platform} in pypi."
            yield Finding("TFD103", ERROR, text, package=package.name)


def _refused(env: Environment, matrix: Matrix) -> Iterator[Finding]:
    """Pip resolves a file as a whole, and refuses exact versions that the new TensorFlow's metadata exclude.

    Of a freeze, too, where the rule only warns while nothing is changed. Of an environment this is not asked: there pip
    itself brings along what the new version asks for.
    """
    context = Context(env, matrix)
    if is_whole(context):
        yield from (finding._replace(severity=ERROR) for finding in refused(context))
