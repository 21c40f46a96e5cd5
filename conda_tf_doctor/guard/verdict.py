"""What a transaction makes worse: the findings after it that were not there before.

An environment that was broken before is not this transaction's fault, and one that gets better is nobody's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..codes import PATHS, ROWS
from ..context.context import Context
from ..engine.diagnose import diagnose
from ..engine.diagnosis import Diagnosis
from ..engine.ranges import diagnose_ranges
from ..environment.facts import PIP, Environment, Package
from ..environment.tensorflow import find_tensorflow
from ..findings import ERROR, INFO, RANKS, WARNING, Finding, Fix
from ..installers import pip_install
from ..rules.cuda.driver import first_too_new
from ..versions import contains
from .drift import drift

if TYPE_CHECKING:
    from ..environment.tensorflow import Installed
    from ..matrix.matrix import Matrix


class Verdict(NamedTuple):
    """What the guard thinks of a transaction.

    Attributes:
        findings: What it makes worse, errors first.
        tensorflow: The TensorFlow they are about.
        before: The environment as it is.
        after: The environment as it would be.
        losses: What it takes away that nobody asked to lose, a sentence each.
        cpu_build: Whether its TensorFlow is a build for the CPU.
        cuda_below: The first CUDA that the display driver cannot run; empty where that is nobody's trouble.
    """

    findings: tuple[Finding, ...]
    tensorflow: Installed | None
    before: Environment
    after: Environment
    losses: tuple[str, ...] = ()
    cpu_build: bool = False
    cuda_below: str = ""

    @property
    def stopping(self) -> tuple[Finding, ...]:
        """The findings for which ``block`` refuses and ``repair`` repairs."""
        return tuple(f for f in self.findings if f.severity == ERROR or self._is_about_a_package(f))

    @property
    def unused_cuda(self) -> Finding | None:
        """The finding that CUDA stands beside a build for the CPU: nothing breaks, though a GPU seems to be wanted."""
        return next((f for f in self.findings if self.cpu_build and f.code == "TFD301"), None)

    def _is_about_a_package(self, finding: Finding) -> bool:
        if finding == self.unused_cuda:
            return False
        return ROWS[finding.code].stops and self.after.package(finding.package) is not None


def _is_the_machines(finding: Finding, env: Environment) -> bool:
    """Tell whether a warning is about what lies around an environment, which no transaction changes."""
    return finding.severity == WARNING and ROWS[finding.code].around and env.package(finding.package) is None


def _is_worse(finding: Finding, before: Iterable[Finding]) -> bool:
    if finding.severity == INFO or ROWS[finding.code].family == PATHS:
        return False
    if finding.code == "TFD902":
        return True  # what was not judged is said, each time
    for old in before:
        if old.severity == INFO:
            continue
        if finding.code in ROWS[old.code].hides:
            return False
        same = old.code == finding.code and old.package == finding.package
        if same and RANKS[old.severity] <= RANKS[finding.severity]:
            return False
    return True


def _left_behind(before: Environment, after: Environment, found: Iterable[Finding]) -> Finding | None:
    """Return the finding that pip's TensorFlow stays in the folder of the Python that goes, where that is so."""
    old, new = before.python.minor, after.python.minor
    tensorflow = find_tensorflow(before)
    if tensorflow is None or tensorflow.manager != PIP or not old or not new or old == new:
        return None
    kept = after.pip(tensorflow.name)
    if kept is None or kept.source != tensorflow.package.source or any(f.code == "TFD201" for f in found):
        return None
    return Finding(
        "TFD201",
        WARNING,
        f"{tensorflow.label} was installed by pip for Python {old} and stays behind when Python "
        f"becomes {new}: install it again with pip afterwards.",
        found=after.python.version,
        expected=f"{old}.*",
        evidence=(tensorflow.package.source,),
        source=tensorflow.package.source,
        package="python",
        fix=Fix(
            pins=(f"python {old}.*",),
            commands=(pip_install([f"{tensorflow.name}=={tensorflow.version}"]),),
        ),
    )


def _as_pip_leaves_it(env: Environment, matrix: Matrix) -> Environment:
    """Return what will be there once pip has installed the TensorFlow that was asked of it.

    It replaces what does not meet the wheel's requirements, unless that is asked of it, too: then it refuses both. It
    brings CUDA itself where its extra was asked for.
    """
    tensorflow = find_tensorflow(env)
    if not env.partial or tensorflow is None or tensorflow.manager != PIP or not tensorflow.version:
        return env

    rows = matrix.builds(tensorflow.name, tensorflow.version, "pypi", env.platform)
    declared: dict[str, str] = {}
    for row in rows:
        declared.update(row.required(env.python.minor))
    left = env.having(
        [
            p
            for p in env.packages
            if not p.version
            or p.name in env.asked_of_pip
            or p.name not in declared
            or contains(declared[p.name], p.version)
        ]
    )
    if "and-cuda" in tensorflow.package.metadata.get("extras", ()):
        pins = (pin.partition("==") for row in rows for pin in row.nvidia)
        left.add([Package(name, version, PIP, "", "pypi", tensorflow.package.source) for name, _, version in pins])
    return left


def _diagnose(env: Environment, matrix: Matrix, silenced: frozenset[str]) -> Diagnosis:
    """Diagnose what will be there once pip has done its part, whatever it picks within the ranges it is given."""

    def exactly(world: Environment) -> Diagnosis:
        return diagnose(_as_pip_leaves_it(world, matrix), matrix, silenced)

    if env.partial and any(package.manager == PIP and package.spec for package in env.packages):
        return diagnose_ranges(env, matrix, exactly)
    return exactly(env)


def judge(before: Environment, after: Environment, matrix: Matrix, ignore: Iterable[str] = ()) -> Verdict:
    """Judge a transaction by the environments on its two sides.

    Args:
        before: The environment as it is.
        after: The environment as it would be.
        matrix: The compatibility matrix.
        ignore: Codes that the user silenced.
    """
    silenced = frozenset(ignore)
    then = _diagnose(after, matrix, silenced)
    found = [
        finding
        for finding in then.findings
        if finding.severity != INFO and not (finding.severity == WARNING and _is_the_machines(finding, after))
    ]
    told = {finding.code for finding in found} | silenced
    found += [finding for finding in drift(_as_pip_leaves_it(after, matrix), matrix) if finding.code not in told]
    left = _left_behind(before, after, found)
    if left is not None and left.code not in silenced:
        found.append(left)
    if not found:
        return Verdict((), then.tensorflow, before, after)
    # What is wrong with the machine's own CUDA is not what is wrong with the one that comes.
    now = [f for f in diagnose(before, matrix, silenced).findings if not _is_the_machines(f, before)]
    now += drift(before, matrix)
    worse = [finding for finding in found if _is_worse(finding, now)]
    worse.sort(key=lambda finding: finding.severity != ERROR)
    build = Context(after, matrix).build if any(finding.code == "TFD301" for finding in worse) else None
    cpu = build is not None and build.variant == "cpu"
    too_old = any(finding.code == "TFD306" for finding in worse)
    limit = first_too_new(Context(after, matrix)) if too_old else ""
    return Verdict(tuple(worse), then.tensorflow, before, after, cpu_build=cpu, cuda_below=limit)
