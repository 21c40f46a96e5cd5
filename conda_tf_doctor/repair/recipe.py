"""A fresh environment from a known-good row of the matrix.

The rules that check environments also choose here: each release is laid out as the facts that its installation would
give, newest first, and the first one without an error on this platform and machine is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .. import versions
from ..environment.facts import PIP, Environment, System
from ..matrix.model import CPU, GPU, PYPI, STUB, Build
from ..shell import quoted
from ..specifiers import first_version
from .candidates import releases
from .demands import Demands
from .draft import Draft, metals, needs_variables, with_conda, with_wheels
from .planner import Planner

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix

_GPU_NAMES = ("tensorflow", "tensorflow-gpu")
_CPU_NAMES = ("tensorflow-cpu", "tensorflow", "tensorflow-intel", "tensorflow-macos")
_MAC_NAMES = ("tensorflow", "tensorflow-macos")
_LAST_NATIVE = "2.11"


class Wanted(NamedTuple):
    """What the new environment is to be.

    Attributes:
        name: Its name.
        platform: Conda subdir.
        tensorflow: Version part of a MatchSpec; empty for the newest.
        variant: ``gpu`` or ``cpu``.
        python: A minor, or empty for the newest that goes with it.
        channel: ``pypi``, ``conda-forge``, ``defaults``, or empty for whatever fits, wheels first.
    """

    name: str
    platform: str
    tensorflow: str = ""
    variant: str = CPU
    python: str = ""
    channel: str = ""


class Recipe(NamedTuple):
    """How to make it.

    Attributes:
        wanted: What was asked for.
        build: The matrix row.
        conda: MatchSpecs as environment.yml has them (``python=3.10``).
        pip: Requirements.
        variables: What has to be set in the environment, with ``$CONDA_PREFIX`` for its folder.
    """

    wanted: Wanted
    build: Build
    conda: tuple[str, ...]
    pip: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def _name(self) -> str:
        """The name as YAML reads it back: what looks like a number or a flag gets quotes."""
        name = self.wanted.name
        plain = re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.A)
        word = name.lower() in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
        return name if plain and not word else json.dumps(name, ensure_ascii=False)

    def to_yaml(self) -> str:
        """Return the environment.yml."""
        kind = "for the GPU" if self.wanted.variant == GPU else "for the CPU"
        channel = "defaults" if self.build.channel == "defaults" else "conda-forge"
        lines = [
            f"# TensorFlow {self.build.tensorflow} {kind} on {self.wanted.platform}, by conda-tf-doctor",
            f"# from the row {self.build.id} of its matrix.",
            *(
                ["# It finds CUDA with these; `create` sets them, else type them when it is active:"]
                * bool(self.variables)
            ),
            *(f"# export {name}={value}" for name, value in self.variables),
            f"name: {self._name}",
            "channels:",
            f"  - {channel}",
            "dependencies:",
            *(f"  - {spec}" for spec in self.conda),
        ]
        if self.pip:
            lines += ["  - pip", "  - pip:", *(f"      - {requirement}" for requirement in self.pip)]
        return "\n".join(lines) + "\n"


class NoRecipeError(Exception):
    """There is no such environment; the message says why, and what there is instead.

    Attributes:
        ways: What can be had instead, one sentence each.
    """

    def __init__(self, message: str, ways: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.ways = ways


def make(wanted: Wanted, matrix: Matrix, machine: Environment | None = None) -> Recipe:
    """Return the recipe for an environment.

    Args:
        wanted: What it is to be.
        matrix: The compatibility matrix.
        machine: Facts about the machine it is for (system, virtual packages); ``None`` where that is another one.

    Raises:
        NoRecipeError: None fits.
    """
    refused = _impossible(wanted)
    if refused is not None:
        raise refused
    recipe, reasons = _first(wanted, matrix, machine)
    if recipe is None:
        raise _nothing(wanted, matrix, machine, reasons)
    return recipe


def _first(wanted: Wanted, matrix: Matrix, machine: Environment | None) -> tuple[Recipe | None, list[str]]:
    """Return the first recipe that can be laid out, and why those before it cannot."""
    reasons: list[str] = []
    for build in _rows(wanted, matrix):
        for python in _pythons(build, wanted):
            recipe, reason = _tried(build, python, wanted, matrix, machine)
            if recipe is not None:
                return recipe, reasons
            reasons.append(f"{build.distribution} {build.tensorflow}: {reason}")
    return None, reasons


def _impossible(wanted: Wanted) -> NoRecipeError | None:
    if wanted.platform.endswith("-32"):
        return NoRecipeError(
            "No release of TensorFlow exists for a 32-bit platform; name a 64-bit one with --platform."
        )
    first = first_version(wanted.tensorflow)
    after = bool(first) and "<" not in wanted.tensorflow and versions.key(first) >= versions.key(_LAST_NATIVE)
    if wanted.variant == GPU and wanted.platform == "win-64" and after:
        create = f"conda tf-doctor create {quoted(wanted.name)} --tensorflow"
        return NoRecipeError(
            f"TensorFlow {first} cannot use a GPU on native Windows: 2.10 was the last release that could.",
            (
                f"{create} 2.10 --gpu makes one with TensorFlow 2.10.",
                f"In WSL2, {create} {first} --gpu makes one for Linux.",
                f"{create} {first} --cpu makes one for the CPU.",
            ),
        )
    return None


def _rows(wanted: Wanted, matrix: Matrix) -> Iterator[Build]:
    """Yield the rows to try; what finds its CUDA by itself comes before a wheel that has to be told where it is."""
    asked = set()
    for row in _listed(wanted, matrix):
        minor = versions.minor(row.tensorflow)
        if not wanted.channel and wanted.variant == GPU and needs_variables(row) and minor not in asked:
            asked.add(minor)
            of_minor = wanted._replace(tensorflow=",".join(filter(None, (wanted.tensorflow, f"{minor}.*"))))
            for channel in ("conda-forge", "defaults"):
                yield from _listed(of_minor._replace(channel=channel), matrix)
        yield row


def _listed(wanted: Wanted, matrix: Matrix) -> Iterator[Build]:
    """Yield the rows that suit: wheels before conda packages, newest first, the plain name first."""
    for channel in (wanted.channel,) if wanted.channel else (PYPI, "conda-forge", "defaults"):
        names = _names(wanted) if channel == PYPI else ("tensorflow",)
        known = {name: set(matrix.versions(name, channel, wanted.platform)) for name in names}
        every = sorted({version for found in known.values() for version in found}, key=versions.key, reverse=True)
        for version in every:
            if versions.is_prerelease(version) and version not in wanted.tensorflow:
                continue
            if wanted.tensorflow and not versions.conda_contains(wanted.tensorflow, version):
                continue
            for name in names:
                rows = matrix.builds(name, version, channel, wanted.platform)
                suitable = [row for row in rows if _suits(row, wanted, name) and _gpu_goes_with(row, wanted, matrix)]
                yield from sorted(suitable, key=lambda row: -row.build_number)


def _names(wanted: Wanted) -> tuple[str, ...]:
    if wanted.platform.startswith("osx"):
        return _MAC_NAMES
    return _GPU_NAMES if wanted.variant == GPU else _CPU_NAMES


def _suits(row: Build, wanted: Wanted, name: str) -> bool:
    if row.yanked or row.kind not in ("build", STUB) or not row.python:
        return False
    if row.channel == PYPI and row.distribution != name:
        return False
    if wanted.platform.startswith("osx"):
        return True
    if wanted.variant == GPU:
        return row.variant == GPU and row.gpu_functional is not False
    return row.channel == PYPI or row.variant == CPU


def _gpu_goes_with(row: Build, wanted: Wanted, matrix: Matrix) -> bool:
    """Tell whether a build can use the GPU of a Mac, where that is wanted: by Apple's plugin, made for the wheels."""
    if wanted.variant != GPU or not wanted.platform.startswith("osx"):
        return True
    return row.channel == PYPI and any(metals(matrix, wanted.platform, row.tensorflow))


def _pythons(build: Build, wanted: Wanted) -> list[str]:
    """Return the Pythons to try, newest first."""
    there = {versions.minor(version) for version in releases()["python"]["conda"]}
    fitting = [minor for minor in build.python if minor in there and (not wanted.python or minor == wanted.python)]
    return sorted(fitting, key=versions.key, reverse=True)[:2]


def _tried(
    build: Build, python: str, wanted: Wanted, matrix: Matrix, machine: Environment | None
) -> tuple[Recipe | None, str]:
    """Lay an environment out and judge it; return the recipe, or why it will not do."""
    draft = Draft(wanted, build, python, matrix)
    reason = with_wheels(draft) if build.channel == PYPI else with_conda(draft)
    if reason:
        return None, reason
    if machine is not None:
        draft.env.system, draft.env.virtual_packages = machine.system, machine.virtual_packages
    else:
        draft.env.system = System()
    # Whatever else may use it (TensorFlow 2.12 requires jax): the GPU is what was asked for.
    draft.env.requested = [package for package in draft.env.packages if "cudnn" in package.name]
    keep = frozenset({"python", build.distribution, "cudatoolkit", "cudnn"})
    planner = Planner(draft.env, matrix, (), Demands(keep=keep), draft.catalogue)
    edits = planner.search()
    left = [*planner.before.failed, *planner.announced.values()] or ([] if edits is not None else planner.errors({}))
    if edits is None or left:
        return None, left[0].message
    for edit in edits.values():
        if edit.removes:
            return None, f"{edit.spelled} does not go with it"
        if edit.manager == PIP:
            draft.pip.append(edit.pin)
        else:
            draft.conda.append(f"{edit.spelled}={edit.spec}" if edit.spec[:1].isdigit() else edit.pin)
    return Recipe(wanted, build, tuple(draft.conda), tuple(draft.pip), tuple(draft.variables.items())), ""


def _nothing(wanted: Wanted, matrix: Matrix, machine: Environment | None, reasons: list[str]) -> NoRecipeError:
    what = f"TensorFlow {wanted.tensorflow.removesuffix('.*')}".strip() + (
        f" with Python {wanted.python}" if wanted.python else ""
    )
    ways = []
    known = {row.tensorflow for row in _rows(wanted._replace(tensorflow=""), matrix) if _has(row, wanted.python)}
    stable = [v for v in known if not versions.is_prerelease(v)]
    if stable:
        kind = "GPU builds of " if wanted.variant == GPU else ""
        with_python = f" for Python {wanted.python}" if wanted.python else ""
        there = _spans(stable, matrix)
        ways.append(f"For {wanted.platform}{with_python} there are {kind}TensorFlow {there}.")
    # What giving up one of the wishes makes possible; of the version last, as it is what one came for.
    for given_up, flag in (("channel", "--channel"), ("python", "--python"), ("tensorflow", "--tensorflow")):
        if getattr(wanted, given_up):
            found = _without(wanted, given_up, matrix, machine)
            if found is not None:
                python = found.conda[0].partition("=")[2]
                ways.append(f"Without {flag}: TensorFlow {found.build.tensorflow} with Python {python}.")
    if wanted.platform == "win-arm64":
        ways.append("In WSL2 there is TensorFlow for it: there, Linux is the platform (linux-aarch64).")
    elif wanted.variant == GPU:
        ways.append("--cpu makes an environment for the CPU.")
    first = f" {reasons[0]}" if reasons else ""
    if wanted.variant == GPU and wanted.platform.startswith("osx") and not reasons:
        first = " What uses a Mac's GPU is tensorflow-metal, and no release of it goes with that."
    message = f"There is no known-good row for {what} ({wanted.variant}) on {wanted.platform}.{first}"
    return NoRecipeError(message.rstrip(".") + ".", tuple(ways))


def _spans(known: list[str], matrix: Matrix) -> str:
    """Return versions as spans in which no minor is missing (``2.5 to 2.10, 2.12``)."""
    released = [versions.minor(v) for v in matrix.versions("tensorflow") if not versions.is_prerelease(v)]
    every = sorted({*released, *map(versions.minor, known)}, key=versions.key)
    there = {versions.minor(version) for version in known}
    spans: list[list[str]] = []
    for before, minor in zip(["", *every], every, strict=False):
        if minor in there and before in there:
            spans[-1].append(minor)
        elif minor in there:
            spans.append([minor])
    texts = [f"{span[0]} to {span[-1]}" if len(span) > 1 else span[0] for span in spans]
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def _has(row: Build, python: str) -> bool:
    return not python or python in row.python


def _without(wanted: Wanted, given_up: str, matrix: Matrix, machine: Environment | None) -> Recipe | None:
    fewer = wanted._replace(**{given_up: ""})
    return None if _impossible(fewer) is not None else _first(fewer, matrix, machine)[0]
