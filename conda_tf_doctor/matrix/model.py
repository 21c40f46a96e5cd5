"""One row of the compatibility matrix: what is known about one build of TensorFlow for one platform."""

from __future__ import annotations

import os

from .._typing import Any, NamedTuple
from ..versions import contains, glob_match, key, minor

# The YAML, and beside it the derived form, whose layout has a number.
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
FILE_NAME = "matrix.compiled.json"
FORMAT = 6
# The tables of knowledge about pairs of packages.
KNOWLEDGE = ("works", "works_plugins", "works_symbols")
PYPI = "pypi"
CONDA_FORGE = "conda-forge"
DEFAULTS = "defaults"
CHANNELS = (PYPI, CONDA_FORGE, DEFAULTS)
# Channels without a TensorFlow; what any other of conda's has beside conda-forge and defaults is not known.
WITHOUT_TENSORFLOW = frozenset({"nodefaults", "pytorch", "nvidia", "bioconda"})

CPU = "cpu"
GPU = "gpu"

# What a row stands for: TensorFlow itself, a wheel without binaries that only requires another distribution, a
# pluggable device that needs TensorFlow beside it, or a name whose installation fails or brings nothing.
BUILD = "build"
STUB = "stub"
PLUGIN = "plugin"
EMPTY = "empty"


class Build(NamedTuple):
    """One build; what is empty or ``None`` is unknown or does not apply, and an unknown never makes an error.

    Version ranges are PEP 440 specifier sets. Versions of CUDA are those of the toolkit (``11.2``), not of its parts.

    Attributes:
        id: Stable name (``pypi/tensorflow/2.10.0/win-64``, ``conda-forge/tensorflow/2.11.0-0/linux-64/cuda112``).
        channel: ``pypi``, ``conda-forge``, ``defaults``, or another of a user's own rows.
        distribution: Normalised name of the wheel or conda package.
        tensorflow: Version of that distribution.
        platform: Conda subdir; ``noarch`` for what has no platform.
        kind: ``build``, ``stub``, ``plugin`` or ``empty``.
        variant: ``cpu`` or ``gpu``.
        variant_name: The channel's own word for it: ``cuda112``, ``mkl``, ``eigen``, ``directml`` …
        packages: All conda packages that carry this build string, and the metapackages that choose it.
        build: Globs on the conda build string, alternatives joined by ``|``; empty for wheels.
        build_number: Conda's; -1 for wheels.
        hashes: Hash parts of tensorflow-base's build strings that belong to this row and to no other.
        python: The exact minors there are builds for.
        requires_python: As declared.
        cuda: Runtime versions this build works with.
        cuda_loads: Runtime versions whose libraries have the names that this build asks for. Between this and
            ``cuda`` lies what loads but nobody tested.
        cuda_built: What it was built and tested with.
        cuda_pin: The conda dependency that says so.
        cudnn: Versions of cuDNN that work: TensorFlow asks for the same major and at least the minor it was built with.
        cudnn_built: What it was built and tested with.
        cudnn_pin: The conda dependency that says so.
        driver: Display driver that its CUDA family needs at least.
        libraries: CUDA and cuDNN libraries that it loads, by file name.
        load_time: Whether these are imports, so that without them nothing imports at all.
        compute_capabilities: GPU architectures it carries code for.
        gpu_functional: Whether the GPU can be used; ``None`` for CPU builds.
        nvidia: Wheels that its ``and-cuda`` extra installs.
        requires_cuda_virtual: Whether the conda package depends on ``__cuda``.
        vc_runtime: Visual C++ runtime it needs.
        vc_basis: ``dlls`` (the runtime that first has them all), ``toolset`` (the oldest that its compiler's year has),
            ``inferred`` (from a change of the runtime's ABI) or ``measured`` (imported with older and newer ones).
        vc_toolset: MSVC toolset it was linked with, which Microsoft wants the runtime not to be older than; empty for
            builds made with clang, whose linker version says nothing.
        vc_dlls: Runtime DLLs its binaries import.
        preloads: DLLs that TensorFlow loads by name before anything else, and stops without.
        mtx_in_situ: Whether it imports ``_Mtx_init_in_situ``, which builds for runtimes from 14.40 on do not.
        glibc: Oldest glibc.
        glibc_by_python: Where the wheels of one Python ask for a newer one (``{"3.7": "2.23"}``).
        macos: Oldest macOS.
        avx: Whether the CPU must have AVX.
        microarch_level: x86-64 level that it was built for, where known (conda's packages depend on it); 0 else.
        numpy: Declared range.
        protobuf: Declared range.
        keras: Declared range.
        h5py: Declared range.
        ml_dtypes: Declared range.
        requires: Every declared requirement that always applies, by normalised name.
        requires_if: Declared requirements under a marker (``>=0.23.1 ; python_version < "3.12"``).
        stub_for: Distribution that carries the binaries, with its version (``tensorflow-intel==2.11.0``).
        for_tensorflow: For a plugin: the TensorFlow it goes with.
        prerelease: Whether it is one.
        yanked: Whether it was withdrawn.
        date: Day of upload, or of the recipe's commit (ISO).
        source: Where the row comes from.
        notes: What else one should know.
        review: Whether a person has still to look at it.
    """

    id: str
    channel: str
    distribution: str
    tensorflow: str
    platform: str
    kind: str = BUILD
    variant: str = CPU
    variant_name: str = ""
    packages: tuple[str, ...] = ()
    build: str = ""
    build_number: int = -1
    hashes: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    requires_python: str = ""
    cuda: str = ""
    cuda_loads: str = ""
    cuda_built: str = ""
    cuda_pin: str = ""
    cudnn: str = ""
    cudnn_built: str = ""
    cudnn_pin: str = ""
    driver: str = ""
    libraries: tuple[str, ...] = ()
    load_time: bool = False
    compute_capabilities: tuple[str, ...] = ()
    gpu_functional: bool | None = None
    nvidia: tuple[str, ...] = ()
    requires_cuda_virtual: bool = False
    vc_runtime: str = ""
    vc_basis: str = ""
    vc_toolset: str = ""
    vc_dlls: tuple[str, ...] = ()
    preloads: tuple[str, ...] = ()
    mtx_in_situ: bool | None = None
    glibc: str = ""
    glibc_by_python: dict[str, str] = {}
    macos: str = ""
    avx: bool | None = None
    microarch_level: int = 0
    numpy: str = ""
    protobuf: str = ""
    keras: str = ""
    h5py: str = ""
    ml_dtypes: str = ""
    requires: dict[str, str] = {}
    requires_if: dict[str, str] = {}
    stub_for: str = ""
    for_tensorflow: str = ""
    prerelease: bool = False
    yanked: bool = False
    date: str = ""
    source: str = ""
    notes: str = ""
    review: bool = False

    def has_build_string(self, build: str) -> bool:
        """Tell whether a conda record's build string is one of this row's (a wheel's row has none)."""
        return any(glob_match(glob, build) for glob in self.build.split("|")) if self.build else False

    def required(self, python: str) -> dict[str, str]:
        """Return what is required with a Python, range by normalised name; without one, what always is.

        What differs from Python to Python is always required in the range alone that holds the others.
        """
        found = dict(self.requires)
        for name, text in self.requires_if.items():
            alternatives = [alternative.partition(" ; ") for alternative in text.split(" | ")]
            if not python:
                from ..specifiers import within

                ranges = [spec for spec, _, _ in alternatives]
                if name in found and not all(spec == found[name] or within(spec, found[name]) for spec in ranges):
                    del found[name]
                continue
            for spec, _, condition in alternatives:
                terms = [term.replace('"', "").split()[1:] for term in condition.split(" and ")]
                if all(contains("".join(term), minor(python)) for term in terms):
                    found[name] = spec
        return found

    def required_of_any(self, python: str) -> list[dict[str, str]]:
        """Return what is required with a Python; where that is not known, with each that there is a build for."""
        return [self.required(minor) for minor in ([python] if python else self.python or ("",))]

    def to_json(self) -> dict[str, Any]:
        """Return the row as ``matrix --json`` has it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self._asdict().items()}


def minors(text: str) -> list[str]:
    """Return the exact minors of ``2.7, 3.5-3.7`` (a range stays within one major), each once."""
    found: dict[str, None] = {}
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first:
            continue
        major, low = first.split(".")
        high = last.split(".")[1] if last else low
        found |= dict.fromkeys(f"{major}.{number}" for number in range(int(low), int(high) + 1))
    return list(found)


def canonical(version: str) -> str:
    """Return one text for all spellings of a version: ``2.10`` for ``2.10.0``, ``2a0`` for ``2.0.0-alpha0``."""
    epoch, release, (pre, number), post, dev = key(version)
    text = (f"{epoch}!" if epoch else "") + ".".join(map(str, release))
    if 0 <= pre < 3:
        text += ("a", "b", "rc")[pre] + str(number)
    if post >= 0:
        text += f".post{post}"
    if dev < 1 << 60:
        text += f".dev{dev}"
    return text


def summary(row: dict[str, Any]) -> list[Any]:
    """Return what is listed of every row: enough to name versions without reading them all."""
    return [
        row["tensorflow"],
        row["platform"],
        row.get("kind", BUILD),
        row.get("python", []),
        [row["distribution"], *row.get("packages", [])],
        row["id"],
    ]


def from_row(row: dict[str, Any]) -> Build:
    """Make a build of a compiled row, which has lists where the class has tuples."""
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Build(**fields)
