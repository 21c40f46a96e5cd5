"""Planning for a file that leaves versions open.

What an installer will pick from a range is not known, and :mod:`conda_tf_doctor.engine.ranges` tries every pick: too
slow for a search. So the search runs with one pick for each range that takes part in an error, and its result is held
against the real verdict; a range that stands in the way then is given a pick too, and what is not needed is taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import versions
from ...engine.diagnose import diagnose
from ...engine.ranges import admits, has_ranges, picks, releases_in_range, with_packages
from ...environment.facts import CONDA, PIP, Environment, Package
from ...environment.tensorflow import find_tensorflow
from ...findings import ERROR
from ..candidates import derived
from ..demands import Demands
from ..plan import Change, Edit, Edits, Key, Plan
from ..planner import Planner
from ..verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ...engine.diagnosis import Diagnosis
    from ...matrix.matrix import Matrix
    from ..candidates import Catalogue

_ROUNDS = 5


def plan_for(
    env: Environment,
    matrix: Matrix,
    ignore: Iterable[str],
    demands: Demands,
    catalogue: Catalogue,
    managers: Iterable[str] = (CONDA, PIP),
) -> Plan:
    """Return the plan for the facts of a file.

    Args:
        env: The facts.
        matrix: The compatibility matrix.
        ignore: Codes that the user silenced.
        demands: What the user asked for.
        catalogue: The versions that exist.
        managers: Whose packages the file has a place for.

    Raises:
        UsageError: It asks for no TensorFlow.
    """
    ignore = frozenset(ignore)
    if not has_ranges(env):
        return Planner(env, matrix, ignore, demands, catalogue, managers).plan()
    before = diagnose(env, matrix, ignore)
    # Every pick of every range is tried for each, so each is asked about once.
    after = Verdicts(env, matrix, ignore).after
    planner = Planner(_narrowed(env, set(), catalogue), matrix, ignore, demands, catalogue, managers)
    blamed = {f.package for f in planner.amiss(before, {})}
    plan = None
    for _ in range(_ROUNDS):
        planner = Planner(_narrowed(env, blamed, catalogue), matrix, ignore, demands, catalogue, managers)
        plan = planner.plan()
        if plan.conflict is not None:
            return plan._replace(before=before)
        left = planner.amiss(after(plan.edits), plan.edits)
        more = {finding.package for finding in left} - blamed
        if not more:
            break
        blamed |= more
    assert plan is not None
    edits = _minimal(dict(plan.edits), planner, after)
    kept = tuple(
        _as_asked(env, change, edit)
        for change in plan.changes
        for edit in edits.values()
        if change.package == edit.spelled and change.where == edit.manager
    )
    # Whatever is left of errors is said, also what one version out of a range did not show.
    announced = tuple(f for f in after(edits).findings if f.severity == ERROR)
    return plan._replace(before=before, after=after(edits), edits=edits, changes=kept, announced=announced)


def _as_asked(env: Environment, change: Change, edit: Edit) -> Change:
    """Say what the file asks for now, where the search went on with one version out of that range."""
    package = env.pip(edit.name) if edit.manager == PIP else env.conda(edit.name)
    return change._replace(before=package.version or package.spec) if package is not None and package.spec else change


def _minimal(edits: dict[Key, Edit], planner: Planner, after: Callable[[Edits], Diagnosis]) -> dict[Key, Edit]:
    """Take back every change without which nothing more is wrong; that TensorFlow is gone counts as wrong."""

    def left(option: dict[Key, Edit]) -> set[tuple[str, str]]:
        return {(f.code, f.package) for f in planner.amiss(after(option), option)}

    remains = left(edits)
    for edit in list(edits.values()):
        fewer = planner.without(edit, edits)
        if fewer is not None and left(fewer) <= remains:
            edits = fewer
    return edits


def _narrowed(env: Environment, blamed: set[str], catalogue: Catalogue) -> Environment:
    """Return a copy with one version for each range that takes part in an error; the others are unknown."""
    tensorflow = find_tensorflow(env)
    elsewhere = _elsewhere(tensorflow.package, env, catalogue) if tensorflow and tensorflow.package.spec else ""
    found: list[Package] = []
    for package in env.packages:
        if not package.spec or package.is_asked_in_vain:
            found.append(package)
        elif elsewhere and tensorflow is not None and package is tensorflow.package:
            found.append(package.at(elsewhere))
        elif package.version:
            found.append(package.at(package.version))
        elif package.name in blamed or (tensorflow is not None and package is tensorflow.package):
            found.append(package.at(_pick(package, env, catalogue)))
        else:
            found.append(package.at(""))
    return with_packages(env, found)


def _elsewhere(package: Package, env: Environment, catalogue: Catalogue) -> str:
    """Return the release in a range of TensorFlow's that other platforms alone have; empty where this one has any."""
    known = catalogue.versions(PIP if package.manager == PIP else CONDA, package.name, package.name)
    if any(admits(package, version) for version in known):
        return ""
    return next(iter(releases_in_range(env, package, catalogue.matrix)), "")


def _pick(package: Package, env: Environment, catalogue: Catalogue) -> str:
    manager = PIP if package.manager == PIP else CONDA
    # What there is for this Python, and what there is at all: what a file asks for may be for older ones alone.
    for python in dict.fromkeys((env.python.version, "")):
        for version in catalogue.versions(manager, package.name, package.name, python):
            if admits(package, version) and not versions.is_prerelease(version):
                return version
    # The table has the last patch of each Python; a range may end before it.
    return derived(manager, (package.spec,)) or next(picks(package, catalogue.matrix, env), "")
