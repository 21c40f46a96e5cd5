"""Files ask for ranges; what an installer will pick from them is not known, so a finding has to hold for every pick.

For each TensorFlow that a file admits (of the matrix, for the Python and platform at hand) every other range is given
the version that fits it best. What is then still found is found whatever is installed. A range that leaves a way out
therefore makes no error, and ``tensorflow>=2.11`` beside CUDA on Windows makes one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from .. import versions
from ..codes import ROWS
from ..environment.facts import PIP, Environment, Package, reader_of
from ..environment.gpu import TOOLKITS
from ..environment.tensorflow import find_tensorflow
from ..findings import INFO, RANKS
from ..matrix.model import PYPI

if TYPE_CHECKING:
    from ..findings import Finding
    from ..matrix.matrix import Matrix
    from .diagnosis import Diagnosis

Judge = Callable[[Environment], "Diagnosis"]

_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_PYTHONS = tuple(f"3.{minor}" for minor in range(5, 16))


class World(NamedTuple):
    """One TensorFlow that a file admits: its version, as a channel spells it, and that channel."""

    version: str
    channel: str


def has_ranges(env: Environment) -> bool:
    """Tell whether an environment is a file that leaves versions open."""
    return env.kind == "file" and any(package.spec or not package.version for package in env.packages)


def admits(package: Package, version: str) -> bool:
    """Tell whether a version lies in the range that a file asks for."""
    if not package.spec:
        return not package.version or versions.key(version) == versions.key(package.version)
    return reader_of(package.manager)(package.spec, version)


def diagnose_ranges(env: Environment, matrix: Matrix, judge: Judge) -> Diagnosis:
    """Return what is found whatever an installer picks.

    Args:
        env: A file's facts.
        matrix: The compatibility matrix.
        judge: Diagnoses an environment without ranges.

    Returns:
        The findings of the newest TensorFlow that the file admits, without those that another one, or another pick
        within a range, does not have. Where every one has an error, but not the same, those of the newest.
    """
    installed = find_tensorflow(env)
    if installed is None:
        return judge(env)
    package = installed.package
    first: Diagnosis | None = None
    common: Diagnosis | None = None
    hopeless = True
    for world in _worlds(env, package, matrix):
        found = _best(env, judge, {package: package.at(world.version, world.channel)}, matrix)
        first = first or found
        common = found if common is None else _common(common, found)
        hopeless = hopeless and not found.ok
        if not hopeless and not any(finding.severity != INFO for finding in common.findings):
            break
    if common is None or first is None:
        common = judge(env)
    elif hopeless and common.ok:
        common = first  # each has another error, and none has none
    findings = tuple(_as_asked(env, finding) for finding in common.findings)
    if installed.channel and common.tensorflow is not None:
        installed = installed._replace(channel=common.tensorflow.channel)
    return common._replace(env=env, tensorflow=installed, findings=findings)


def _as_asked(env: Environment, finding: Finding) -> Finding:
    """Say what the file asks for where a finding speaks of one version out of that range."""
    package = env.package(finding.package)
    if package is None or not package.spec or not _NUMBER.fullmatch(finding.found):
        return finding
    return finding._replace(found=f"{package.name} {package.spec}")


def releases_in_range(env: Environment, package: Package, matrix: Matrix) -> list[str]:
    """Return the TensorFlows that a file admits, the newest first; those of other platforms where this one has none."""
    return [world.version for world in _worlds(env, package, matrix)]


def _worlds(env: Environment, package: Package, matrix: Matrix) -> list[World]:
    """Return the TensorFlows that the file admits, the newest first."""
    if package.manager == PIP or not package.manager:
        channels = [package.channel or PYPI]
    else:
        channels = [package.channel] if package.channel else ["conda-forge", "defaults"]
    pinned = bool(package.version) and not package.spec
    found: list[World] = []
    for channel in channels:
        listed = [package.version] if pinned else _listed(env, package, matrix, channel)
        if not listed and package.version:
            listed = [package.version]
        found += [World(version, channel) for version in listed]
    if env.python.minor:
        # A release of which nobody knows the Pythons is no way out where others are known not to have this one.
        known = [world for world in found if _knows_python(env, package, matrix, world)]
        found = known or found
    return sorted(found, key=lambda world: versions.key(world.version), reverse=True)


def _knows_python(env: Environment, package: Package, matrix: Matrix, world: World) -> bool:
    name = _distribution(package, matrix, world.channel)
    return any(row.python for row in matrix.builds(name, world.version, world.channel, env.platform))


def _distribution(package: Package, matrix: Matrix, channel: str) -> str:
    """Return the name under which the matrix has the releases: conda's tensorflow-gpu only picks a build of them."""
    return package.name if matrix.versions(package.name, channel) else "tensorflow"


def _listed(env: Environment, package: Package, matrix: Matrix, channel: str) -> list[str]:
    """Return the releases in the range that an installer would consider; where none fits, those it cannot use."""
    minors, name = _minors(env), _distribution(package, matrix, channel)
    if channel == PYPI and package.manager == PIP and (last := _last(package, matrix)):
        return [last]
    for platform in (env.platform, ""):
        for pythons in (minors, [""]):
            known = {v for minor in pythons for v in matrix.versions(name, channel, platform, minor)}
            inside = [version for version in known if admits(package, version)]
            final = [version for version in inside if not versions.is_prerelease(version)]
            if final or inside:
                return final or inside
    return []


def _last(package: Package, matrix: Matrix) -> str:
    """Return the newest release in the range where installing it fails on purpose: pip takes no other one instead."""
    inside = [each.version for each in matrix.wheels.releases(package.name) if admits(package, each.version)]
    last = max((version for version in inside if not versions.is_prerelease(version)), key=versions.key, default="")
    return last if matrix.refusal(package.name, last) is not None else ""


def _minors(env: Environment) -> list[str]:
    python = env.conda("python")
    if env.python.minor:
        return [env.python.minor]
    if python is None or not python.spec:
        return [""]
    return [minor for minor in _PYTHONS if admits(python, minor)] or [""]


class _Choice:
    """An environment with one version chosen for each range, and what is found in it."""

    def __init__(self, env: Environment, judge: Judge, chosen: dict[Package, Package], matrix: Matrix) -> None:
        self.env, self.judge, self.chosen, self.matrix = env, judge, chosen, matrix
        self.found = judge(_replaced(env, chosen))

    @property
    def cost(self) -> tuple[int, ...]:
        """How much is found; less is a better fit."""
        return tuple(self.found.count(severity) for severity in RANKS)

    def improved(self, package: Package) -> _Choice:
        """Return the best choice that differs in one package at most."""
        best = self
        if not _concerns(self.found, package.name):
            return best
        for version in _candidates(package, self.found, self.matrix, self.env):
            if best.cost == (0, 0, 0):
                break
            other = _Choice(self.env, self.judge, {**self.chosen, package: package.at(version)}, self.matrix)
            if other.cost < best.cost:
                best = other
        return best


def _replaced(env: Environment, replacements: dict[Package, Package]) -> Environment:
    """Return a copy of an environment with other packages in the place of some."""
    return with_packages(env, [replacements.get(package, package) for package in env.packages])


def with_packages(env: Environment, packages: list[Package]) -> Environment:
    """Return a copy of an environment with other packages, of which one may be another Python."""
    new = env.having(packages)
    python = new.conda("python")
    if python is not None and python.version:
        new.python = env.python._replace(version=python.version)
    return new


def _best(env: Environment, judge: Judge, tensorflow: dict[Package, Package], matrix: Matrix) -> Diagnosis:
    """Give every range the version with the fewest findings, one after the other, and return that diagnosis."""
    ranged = [package for package in env.packages if package.spec and package not in tensorflow]
    ranged.sort(key=lambda package: package.name != "python")
    chosen = dict(tensorflow)
    for package in ranged:
        if not package.version:
            first = next(picks(package, matrix, env), "")
            chosen[package] = package.at(first) if first else package
    choice = _Choice(env, judge, chosen, matrix)
    for _ in range(2):  # the second round is for packages that depend on each other
        for package in ranged:
            choice = choice.improved(package)
    return choice.found


def _concerns(found: Diagnosis, name: str) -> bool:
    """Tell whether another version of a package could change what is found: judging each would take seconds."""
    return any(
        name == "python"
        or name.startswith(ROWS[finding.code].kin)
        or any(name == other for other, _ in finding.concerns)
        for finding in found.findings
    )


def picks(package: Package, matrix: Matrix, env: Environment) -> Iterator[str]:
    """Yield versions out of a package's range that could make a difference by themselves."""
    return _candidates(package, None, matrix, env)


def _candidates(package: Package, found: Diagnosis | None, matrix: Matrix, env: Environment) -> Iterator[str]:
    """Yield versions of a range that could make a difference: the numbers that specs speak of, and their neighbours.

    The last is the one that pip takes where nothing else bounds it.
    """
    if package.name == "python":
        yield from (minor for minor in _PYTHONS if admits(package, minor))
        return
    if package.name == "cudatoolkit":
        # There will be no other, so what a range admits is known.
        known = [version for version in TOOLKITS if admits(package, version)]
        if known:
            yield from known
            return
    texts = [package.spec, *(spec for finding in (found.findings if found else ()) for _, spec in finding.concerns)]
    numbers = dict.fromkeys(number for text in texts for number in _NUMBER.findall(text))
    inside = [v for v in dict.fromkeys(each for number in numbers for each in _around(number)) if admits(package, v)]
    if package.manager == PIP:
        # What no release is, no installer picks.
        released = [version for version in inside if matrix.wheels.has(package.name, version) is not False]
        newest = matrix.wheels.newest(package.name, package.spec, env.platform, env.python.minor)
        inside = list(dict.fromkeys((*released, newest))) if newest else released or inside
    yield from inside


def _around(number: str) -> Iterator[str]:
    """Yield a version, one just above and one just below it."""
    yield number
    yield f"{number}.1"
    parts = [versions.number(part) for part in number.split(".")]
    last = max((place for place, part in enumerate(parts) if part), default=0)
    if parts[last]:
        below = [*parts[:last], parts[last] - 1]
        yield ".".join(map(str, below if len(below) > 1 else [*below, 99]))


def _common(one: Diagnosis, other: Diagnosis) -> Diagnosis:
    """Return the findings that both have, each at the milder severity."""
    there = {(finding.code, finding.package): finding for finding in other.findings}
    kept = []
    for finding in one.findings:
        match = there.get((finding.code, finding.package))
        if match is not None:
            kept.append(_milder(finding, match))
    return one._replace(findings=tuple(kept))


def _milder(one: Finding, other: Finding) -> Finding:
    return one if RANKS[one.severity] >= RANKS[other.severity] else one._replace(severity=other.severity)
