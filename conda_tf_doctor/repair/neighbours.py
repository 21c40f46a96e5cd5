"""What installed packages ask of each other: a plan must not leave more of it unmet than there was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

from .. import versions
from ..environment.facts import CONDA, PIP, Environment, Package
from ..environment.tensorflow import CONDA_PARTS, OWNERS
from ..findings import ERROR, Finding, Fix
from ..names import CONDA_TO_PIP, PIP_TO_CONDA, normalise
from ..specifiers import to_pip
from ..subdirs import marker_variables

if TYPE_CHECKING:
    from .plan import Edit, Edits


class Demand(NamedTuple):
    """What one package asks of another.

    Attributes:
        owner: The package that asks.
        name: Normalised name, as pip has it, of the one that is asked for.
        spec: Range in the owner's own syntax.
    """

    owner: Package
    name: str
    spec: str

    def admits(self, version: str) -> bool:
        """Tell whether a version satisfies it."""
        if self.owner.manager == PIP:
            return versions.contains(self.spec, version)
        return versions.conda_contains(self.spec, version)

    @property
    def text(self) -> str:
        """The demand for people: ``numpy<2``."""
        return f"{self.name}{self.spec if self.owner.manager == PIP else to_pip(self.spec)}"


def unmet_by(edits: Edits, before: Environment, after: Environment) -> list[Demand]:
    """Return the demands of packages that stay as they are which edits of pip's leave unmet, and were met before.

    Args:
        edits: What changes.
        before: The facts as they are.
        after: The facts as the edits leave them.
    """
    moving = [edit for edit in edits.values() if not edit.reinstall]
    changed = _names(edit for edit in moving if edit.manager == PIP)
    if before.kind != "prefix":
        return []
    everything = _names(moving)
    return [d for d in _demands(before, changed) if _is_new(d, everything, before, after)]


def _names(edits: Iterable[Edit]) -> frozenset[str]:
    """Return what some edits move, with the parts of TensorFlow that go along by themselves."""
    return frozenset(name for edit in edits for name in (edit.name, *edit.follows))


def _is_new(demand: Demand, moving: frozenset[str], before: Environment, after: Environment) -> bool:
    owner = demand.owner
    if owner.name in moving:
        return False  # what another version asks for is not known here
    old, new = before.package(demand.name), after.package(demand.name)
    if old is None or not demand.admits(old.version):
        return False
    if new is None:
        # A distribution of TensorFlow under another name brings the same module.
        return not (demand.name in OWNERS and owner.name in OWNERS)
    return not demand.admits(new.version)


class Unmet(NamedTuple):
    """A demand that is not met.

    Attributes:
        text: Who asks for what, for people; what tells it from others.
        requirement: What pip has to install for it.
        absent: Whether the package that is asked for is not there in any version.
    """

    text: str
    requirement: str
    absent: bool


def unmet(env: Environment) -> list[Unmet]:
    """Return every demand of pip's packages that is not met, as ``pip check`` finds them."""
    has_tensorflow = any(env.package(name) for name in OWNERS)
    found = []
    for package in env.packages if env.kind == "prefix" else ():
        for text in package.depends if package.manager == PIP else ():
            name, spec = requirement(text, env)
            there = env.package(name) or env.package(normalise(PIP_TO_CONDA.get(name, name)))
            # Under another name it is there all the same.
            met = there is not None and (not there.version or versions.contains(spec, there.version))
            if name and not met and not (there is None and has_tensorflow and name in OWNERS):
                text = f"{package.name} {package.version} asks for {name}{spec}"
                # That a package of the wrong version is gone is worse than before.
                text += ", which is not there" if there is None else ""
                found.append(Unmet(text, f"{name}{spec}", there is None))
    return found


def unmet_of_conda(env: Environment, edits: Edits | None = None) -> list[Demand]:
    """Return what conda's TensorFlow asks of packages that are there in another version.

    Args:
        env: The environment.
        edits: Of these packages alone; of all where left out.
    """
    looked_at = env.packages if edits is None else edits.values()
    names = frozenset(each.name for each in looked_at if each.manager == CONDA) - {"python"}
    return [
        demand
        for demand in _demands(env, names)
        if demand.owner.manager == CONDA
        and demand.owner.name in (*OWNERS, *CONDA_PARTS)
        and (there := env.conda(demand.name)) is not None
        and not demand.admits(there.version)
    ]


def _demands(env: Environment, names: frozenset[str]) -> Iterator[Demand]:
    for package in env.packages if names else ():
        for text in package.depends:
            name, spec = requirement(text, env) if package.manager == PIP else _of_conda(text)
            if name in names and name != package.name:
                yield Demand(package, name, spec)


def _of_conda(text: str) -> tuple[str, str]:
    spec = versions.parse_matchspec(text)
    name = normalise(spec.name)
    return CONDA_TO_PIP.get(name, name), spec.version


def requirement(text: str, env: Environment) -> tuple[str, str]:
    """Return name and range of what a package of pip's requires in an environment; empty where nothing."""
    requirement = _parsed(text)
    if requirement is None:
        return "", ""
    if requirement.marker is not None and not _holds(text, env.platform, env.python.version):
        return "", ""
    return normalise(requirement.name), str(requirement.specifier)


@lru_cache(maxsize=8192)
def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


@lru_cache(maxsize=8192)
def _holds(text: str, platform: str, python: str) -> bool:
    requirement = _parsed(text)
    assert requirement is not None and requirement.marker is not None
    facts = {"extra": "", "implementation_name": "cpython", **marker_variables(platform)}
    if python:
        facts |= {"python_full_version": python, "python_version": versions.minor(python)}
    return requirement.marker.evaluate(facts)


def findings(demands: list[Demand]) -> list[Finding]:
    """Return unmet demands in the form in which the search repairs them: as ranges of the package asked for."""
    found = []
    for demand in demands:
        fix = Fix(pip=(demand.text,))
        message = f"{demand.owner.name} {demand.owner.version} asks for {demand.text}."
        found.append(Finding("TFD611", ERROR, message, package=demand.name, fix=fix))
    return found
