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
from ..environment.facts import CONDA, PIP, Environment, Package, Python, System
from ..environment.gpu import conda_cuda
from ..matrix.model import CPU, GPU, PLUGIN, PYPI, STUB, Build
from ..names import PIP_TO_CONDA, normalise, parse_requirement
from ..shell import quoted
from ..specifiers import to_conda
from .candidates import Catalogue, derived, releases
from .demands import Demands
from .planner import Planner
from .simulate import build_string, promises

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix

_GPU_NAMES = ("tensorflow", "tensorflow-gpu")
_CPU_NAMES = ("tensorflow-cpu", "tensorflow", "tensorflow-intel", "tensorflow-macos")
_MAC_NAMES = ("tensorflow", "tensorflow-macos")
_LAST_NATIVE = "2.11"
# What TensorBoard's requirements bring along, and before which release of TensorFlow.
_INDIRECT = {"cryptography": "2.16"}


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
        notes: What one should know.
    """

    wanted: Wanted
    build: Build
    conda: tuple[str, ...]
    pip: tuple[str, ...]
    notes: tuple[str, ...] = ()

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
            *(f"# {note}" for note in self.notes),
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
    reasons: list[str] = []
    for build in _rows(wanted, matrix):
        for python in _pythons(build, wanted):
            recipe, reason = _tried(build, python, wanted, matrix, machine)
            if recipe is not None:
                return recipe
            reasons.append(f"{build.distribution} {build.tensorflow}: {reason}")
    raise _nothing(wanted, matrix, machine, reasons)


def _impossible(wanted: Wanted) -> NoRecipeError | None:
    if wanted.platform.endswith("-32"):
        return NoRecipeError(
            "No release of TensorFlow exists for a 32-bit platform; name a 64-bit one with --platform."
        )
    first = wanted.tensorflow.split(",")[0].lstrip("<>=!~").rstrip("*").rstrip(".")
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
    """Yield the rows to try: wheels before conda packages, newest first, the plain name first."""
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
    return row.channel == PYPI and any(_metals(matrix, wanted.platform, row.tensorflow))


def _metals(matrix: Matrix, platform: str, tensorflow: str) -> Iterator[Build]:
    """Yield the releases of Apple's plugin for a TensorFlow, newest first."""
    for row in reversed(matrix.builds("tensorflow-metal", channel=PYPI, platform=platform)):
        if row.kind == PLUGIN and row.for_tensorflow and versions.contains(row.for_tensorflow, tensorflow):
            yield row


def _pythons(build: Build, wanted: Wanted) -> list[str]:
    """Return the Pythons to try, newest first."""
    there = {versions.minor(version) for version in releases()["python"]["conda"]}
    fitting = [minor for minor in build.python if minor in there and (not wanted.python or minor == wanted.python)]
    return sorted(fitting, key=versions.key, reverse=True)[:2]


class _Draft:
    """An environment that is being laid out, and what has to be written to get it."""

    def __init__(self, wanted: Wanted, build: Build, python: str, matrix: Matrix) -> None:
        self.wanted, self.build, self.matrix = wanted, build, matrix
        self.catalogue = Catalogue(matrix, wanted.platform, build.channel if build.channel != PYPI else "conda-forge")
        full = next(v for v in self.catalogue.versions(CONDA, "python", "python") if versions.minor(v) == python)
        self.env = Environment("file", wanted.name, wanted.platform)
        self.env.python = Python(full, 64)
        self.python = full
        self.conda: list[str] = [f"python={python}"]
        self.pip: list[str] = []
        self.notes: list[str] = []
        self.env.add([Package("python", full, CONDA, "", "conda-forge", "python")])

    def add_conda(self, spelled: str, version: str, text: str = "") -> None:
        """Add a conda package, and the spec that brings it where the file has to name it."""
        self.env.add([Package(spelled, version, CONDA, "", "conda-forge", spelled)])
        if text:
            self.conda.append(text)

    def add_pip(self, name: str, version: str, text: str = "") -> None:
        """Add a wheel, and the requirement that brings it where the file has to name it."""
        self.env.add([Package(name, version, PIP, "", "pypi", name)])
        if text:
            self.pip.append(text)

    def lacks_wheel(self, name: str, spec: str) -> bool:
        """Tell whether it is known that the index has no wheel in a range for this platform and Python."""
        wheels, where = self.matrix.wheels, (self.wanted.platform, self.python)
        known = wheels.installable(name, *where)
        return bool(known) and not wheels.newest(name, spec, *where)

    def newest(self, manager: str, spelled: str, spec: str) -> str:
        """Return the newest version that exists within a range; empty where none is known."""
        contains = versions.contains
        known = self.catalogue.versions(manager, normalise(spelled), spelled, self.python)
        return next((version for version in known if contains(spec, version)), "")


def _tried(
    build: Build, python: str, wanted: Wanted, matrix: Matrix, machine: Environment | None
) -> tuple[Recipe | None, str]:
    """Lay an environment out and judge it; return the recipe, or why it will not do."""
    draft = _Draft(wanted, build, python, matrix)
    reason = _with_wheels(draft) if build.channel == PYPI else _with_conda(draft)
    if reason:
        return None, reason
    if machine is not None:
        draft.env.system, draft.env.virtual_packages = machine.system, machine.virtual_packages
    else:
        draft.env.system = System()
    keep = frozenset({"python", build.distribution, "cudatoolkit", "cudnn"})
    planner = Planner(draft.env, matrix, (), Demands(keep=keep), draft.catalogue)
    edits = planner.search()
    left = list(planner.announced.values()) or ([] if edits is not None else planner.errors({}))
    if edits is None or left:
        return None, left[0].message
    for edit in edits.values():
        if edit.removes:
            return None, f"{edit.spelled} does not go with it"
        if edit.manager == PIP:
            draft.pip.append(edit.pin)
        else:
            draft.conda.append(f"{edit.spelled}={edit.spec}" if edit.spec[:1].isdigit() else edit.pin)
    return Recipe(wanted, build, tuple(draft.conda), tuple(draft.pip), tuple(draft.notes)), ""


def _with_wheels(draft: _Draft) -> str:
    build, wanted = draft.build, draft.wanted
    extra = ""
    if wanted.variant == GPU and not wanted.platform.startswith("osx"):
        by_wheels = bool(build.nvidia) and versions.key(build.cuda_built) >= versions.key("12")
        extra = "[and-cuda]" if by_wheels else ""
        reason = "" if by_wheels else _with_cuda(draft)
        if reason:
            return reason
        for text in build.nvidia if by_wheels else ():
            name, spec = parse_requirement(text)
            draft.add_pip(name, derived(PIP, (spec,)))
    draft.add_pip(build.distribution, build.tensorflow, f"{build.distribution}{extra}=={build.tensorflow}")
    real = draft.matrix.resolve_stub(build)
    if build.stub_for:
        draft.add_pip(*build.stub_for.split("==")[:2])
    for name, spec in build.requires.items():
        if draft.env.all_named(name):
            continue
        if draft.lacks_wheel(name, spec):
            version = draft.newest(CONDA, PIP_TO_CONDA.get(name, name), spec)
            if not version:
                return f"neither pip nor conda has {name} {spec} for {wanted.platform} and Python {build.python}"
            draft.add_conda(PIP_TO_CONDA.get(name, name), version, f"{PIP_TO_CONDA.get(name, name)}={version}")
            continue
        version = draft.newest(PIP, name, spec)
        if version:
            draft.add_pip(name, version)
    _with_older_indirect(draft)
    if wanted.platform == "win-64":
        _with_vc_runtime(draft, real)
    if wanted.variant == GPU and wanted.platform.startswith("osx"):
        return _with_metal(draft)
    return ""


def _with_older_indirect(draft: _Draft) -> None:
    """Keep pip from what it would have to compile: of what comes indirectly, the newest may have no wheel here."""
    wheels, build = draft.matrix.wheels, draft.build
    for name, before in _INDIRECT.items():
        own = wheels.newest(name, "", draft.wanted.platform, draft.python)
        comes = "tensorboard" in build.requires and versions.key(build.tensorflow) < versions.key(before)
        if comes and own and own != wheels.newest(name, "", "linux-64", draft.python):
            draft.add_pip(name, own, f"{name}<={own}")


def _with_cuda(draft: _Draft) -> str:
    """Add conda's CUDA and cuDNN: what the build was made with where there is such a package, else what works."""
    build = draft.build
    if not build.cuda_built:
        return "it is not known which CUDA it was built with"
    for spelled, built, works in (
        ("cudatoolkit", build.cuda_built, build.cuda),
        ("cudnn", build.cudnn_built, build.cudnn),
    ):
        if not built:
            return f"it is not known which {spelled} it was built with"
        minor = versions.minor(built)
        version = draft.newest(CONDA, spelled, f"=={minor}.*") or draft.newest(CONDA, spelled, works)
        if not version:
            return f"no channel has {spelled} {to_conda(works)}"
        draft.add_conda(spelled, version, f"{spelled}={versions.minor(version)}")
    return ""


def _with_vc_runtime(draft: _Draft, real: Build) -> None:
    version = draft.newest(CONDA, "vc14_runtime", real.vc_runtime)
    if version:
        # Conda's Python brings a runtime of 14.29 or later; only more has to be asked for.
        low = real.vc_runtime.lstrip(">=")
        asked = bool(low) and versions.key(low) > versions.key("14.29")
        draft.add_conda("vc14_runtime", version, f"vc14_runtime {real.vc_runtime}" if asked else "")


def _with_metal(draft: _Draft) -> str:
    """Add Apple's plugin, which is what uses the GPU there."""
    for row in _metals(draft.matrix, draft.wanted.platform, draft.build.tensorflow):
        if versions.minor(draft.python) in row.python:
            draft.add_pip("tensorflow-metal", row.tensorflow, f"tensorflow-metal=={row.tensorflow}")
            return ""
    return f"no tensorflow-metal for it has a wheel for Python {versions.minor(draft.python)}"


def _with_conda(draft: _Draft) -> str:
    build, minor = draft.build, versions.minor(draft.python)
    string = build_string(build, minor)
    metadata = {"depends": promises(build)}
    names = [
        name
        for name in dict.fromkeys((build.distribution, *build.packages))
        if name in ("tensorflow", "tensorflow-base")
    ]
    draft.env.add([Package(n, build.tensorflow, CONDA, string, build.channel, n, metadata) for n in names])
    glob = build.build.split("|")[0]
    variant = glob.split("py*")[0]
    draft.conda.append(f"tensorflow={build.tensorflow}" + (f"={variant}*" if variant else ""))
    if draft.wanted.variant == GPU and build.cuda:
        # The package depends on them; the facts need to have them.
        name = conda_cuda(build.cuda_built)
        for spelled, works, pin in ((name, build.cuda, build.cuda_pin), ("cudnn", build.cudnn, build.cudnn_pin)):
            known = draft.catalogue.versions(CONDA, spelled, spelled)
            promised = versions.parse_matchspec(pin)
            exact = promised.version if promised.name == spelled else ""
            fitting = [v for v in known if versions.conda_contains(exact, v) and versions.contains(works, v)]
            if works and fitting:
                draft.add_conda(spelled, fitting[0])
    return ""


def _nothing(wanted: Wanted, matrix: Matrix, machine: Environment | None, reasons: list[str]) -> NoRecipeError:
    what = f"TensorFlow {wanted.tensorflow.removesuffix('.*')}".strip() + (
        f" with Python {wanted.python}" if wanted.python else ""
    )
    ways = []
    known = {row.tensorflow for row in _rows(wanted._replace(tensorflow=""), matrix) if _has(row, wanted.python)}
    stable = sorted((v for v in known if not versions.is_prerelease(v)), key=versions.key)
    if stable:
        kind = "GPU builds of " if wanted.variant == GPU else ""
        with_python = f" for Python {wanted.python}" if wanted.python else ""
        ways.append(f"For {wanted.platform}{with_python} there are {kind}TensorFlow {stable[0]} to {stable[-1]}.")
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


def _has(row: Build, python: str) -> bool:
    return not python or python in row.python


def _without(wanted: Wanted, given_up: str, matrix: Matrix, machine: Environment | None) -> Recipe | None:
    fewer = wanted._replace(**{given_up: ""})
    if _impossible(fewer) is not None:
        return None
    for build in _rows(fewer, matrix):
        for python in _pythons(build, fewer):
            recipe, _ = _tried(build, python, fewer, matrix, machine)
            if recipe is not None:
                return recipe
    return None
