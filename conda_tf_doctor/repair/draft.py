"""An environment that is being laid out: which packages a release of TensorFlow comes with, and what the file names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .. import versions
from ..advice.nvidia import asks_in_vain
from ..environment.facts import CONDA, PIP, Environment, Package, Python
from ..environment.gpu import conda_cuda
from ..matrix.model import GPU, PLUGIN, PYPI, Build
from ..names import PIP_TO_CONDA, normalise, parse_requirement
from ..specifiers import first_version, to_conda
from .candidates import Catalogue, derived
from .simulate import build_string, promises

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix
    from .recipe import Wanted


# What TensorBoard's requirements bring along, and before which release of TensorFlow.
_INDIRECT = {"cryptography": "2.16"}


def metals(matrix: Matrix, platform: str, tensorflow: str) -> Iterator[Build]:
    """Yield the releases of Apple's plugin for a TensorFlow, newest first."""
    for row in reversed(matrix.builds("tensorflow-metal", channel=PYPI, platform=platform)):
        if row.kind == PLUGIN and row.for_tensorflow and versions.contains(row.for_tensorflow, tensorflow):
            yield row


class Draft:
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
        self.variables: dict[str, str] = {}
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


def with_wheels(draft: Draft) -> str:
    """Lay out what pip installs for a wheel of TensorFlow; return why that cannot be, or nothing."""
    build, wanted = draft.build, draft.wanted
    extra = ""
    if wanted.variant == GPU and not wanted.platform.startswith("osx"):
        by_wheels = bool(build.nvidia) and versions.key(build.cuda_built) >= versions.key("12")
        extra = "[and-cuda]" if by_wheels and not asks_in_vain(build.tensorflow, draft.python) else ""
        reason = "" if by_wheels else _with_cuda(draft)
        if reason:
            return reason
        for text in build.nvidia if by_wheels else ():
            name, spec = parse_requirement(text)
            draft.add_pip(name, derived(PIP, (spec,)), "" if extra else text)
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


def _with_older_indirect(draft: Draft) -> None:
    """Keep pip from what it would have to compile: of what comes indirectly, the newest may have no wheel here."""
    wheels, build = draft.matrix.wheels, draft.build
    for name, before in _INDIRECT.items():
        own = wheels.newest(name, "", draft.wanted.platform, draft.python)
        comes = "tensorboard" in build.requires and versions.key(build.tensorflow) < versions.key(before)
        if comes and own and own != wheels.newest(name, "", "linux-64", draft.python):
            draft.add_pip(name, own, f"{name}<={own}")


def _with_cuda(draft: Draft) -> str:
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
    if needs_variables(build):
        draft.variables["LD_LIBRARY_PATH"] = "$CONDA_PREFIX/lib"
        _with_compiler(draft)
    return ""


def needs_variables(build: Build) -> bool:
    """Tell whether a build is one of Linux wheels that look for conda's CUDA 11 nowhere by themselves."""
    linux = build.channel == PYPI and build.platform.startswith("linux")
    return linux and build.cuda_built.startswith("11.")


def _with_compiler(draft: Draft) -> None:
    """Add ptxas and libdevice, with which XLA compiles: conda's cudatoolkit 11 has the one not, the other elsewhere."""
    name = "nvidia-cuda-nvcc-cu11"
    version = draft.newest(PIP, name, "")
    if version:
        draft.add_pip(name, version, f"{name}=={version}")
        site = f"$CONDA_PREFIX/lib/python{versions.minor(draft.python)}/site-packages"
        draft.variables["XLA_FLAGS"] = f"--xla_gpu_cuda_data_dir={site}/nvidia/cuda_nvcc"


def _with_vc_runtime(draft: Draft, real: Build) -> None:
    version = draft.newest(CONDA, "vc14_runtime", real.vc_runtime)
    if version:
        # Conda's Python brings a runtime of 14.29 or later; only more has to be asked for.
        low = first_version(real.vc_runtime)
        asked = bool(low) and versions.key(low) > versions.key("14.29")
        draft.add_conda("vc14_runtime", version, f"vc14_runtime {real.vc_runtime}" if asked else "")


def _with_metal(draft: Draft) -> str:
    """Add Apple's plugin, which is what uses the GPU there."""
    for row in metals(draft.matrix, draft.wanted.platform, draft.build.tensorflow):
        if versions.minor(draft.python) in row.python:
            draft.add_pip("tensorflow-metal", row.tensorflow, f"tensorflow-metal=={row.tensorflow}")
            return ""
    return f"no tensorflow-metal for it has a wheel for Python {versions.minor(draft.python)}"


def with_conda(draft: Draft) -> str:
    """Lay out what conda installs for a build of its TensorFlow; return why that cannot be, or nothing."""
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
        if (
            name == "cudatoolkit"
            and build.platform == "linux-64"
            and versions.key(build.tensorflow) >= versions.key("2.5")
        ):
            _with_compiler(draft)
    return ""
