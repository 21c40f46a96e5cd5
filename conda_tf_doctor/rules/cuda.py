"""TFD301–305: is the CUDA and cuDNN beside TensorFlow what its build asks for?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .. import versions
from ..environment.facts import CONDA, PIP, Package
from ..environment.gpu import CONDA_CUDA, Library, cuda_of_unknown_version, is_gpu_build, serves_another
from ..environment.tensorflow import conda_build
from ..findings import CERTAIN, ERROR, INFO, LIKELY, POSSIBLE, WARNING, Finding, Fix
from .context import Context

_DIRECTML = ("tensorflow-directml", "tensorflow-directml-plugin")
_CUDNN_NAMES = ("cudnn", "libcudnn")


def _plain(version: str) -> str:
    """Return the leading number of what reports call a version (``10.1 Update 2``, ``10.0 (leftovers)``)."""
    matched = re.match(r"\D*(\d+(?:\.\d+)*)", version)
    return matched.group(1) if matched else ""


def system_cuda(context: Context) -> list[str]:
    """Return the versions of CUDA toolkits installed outside the environment.

    On a machine that was looked at they count only beside a driver: without one there is no GPU that TensorFlow could
    miss.
    """
    env = context.env
    if (env.this_machine or env.collected) and not env.system.cuda_driver and "__cuda" not in env.virtual_packages:
        return []
    return [plain for plain in map(_plain, context.env.system.cuda_installed) if plain]


def system_cudnn(context: Context) -> list[str]:
    """Return the versions of cuDNN installed outside the environment."""
    return [plain for plain in map(_plain, context.env.system.cudnn_installed) if plain]


def _may_be_in(accepted: str, version: str) -> bool:
    """Whether a version that a person wrote is, or ("7") may be, one of those accepted."""
    if "." in version:
        return versions.contains(accepted, version)
    return any(versions.contains(accepted, f"{version}.{minor}") for minor in range(10))


def _pin(context: Context, names: tuple[str, ...]) -> tuple[str, str] | None:
    """Return what conda's own record of TensorFlow demands of one of these packages, and which record says so."""
    for record in (conda_build(context.env), context.env.conda("tensorflow"), context.env.conda("tensorflow-gpu")):
        if record is None:
            continue
        for text in record.depends:
            spec = versions.parse_matchspec(text)
            if spec.name in names and spec.version:
                return spec.version, record.source
    return None


def _promised(context: Context, library: Library) -> bool | None:
    """Tell whether conda's TensorFlow itself accepts this package; ``None`` where its record says nothing."""
    tensorflow = context.tensorflow
    if tensorflow is None or tensorflow.manager != CONDA or library.package.manager == PIP:
        return None
    pin = _pin(context, (library.package.name,))
    return None if pin is None else versions.conda_contains(pin[0], library.package.version)


def _major_minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _conda_range(spec: str) -> str:
    """Return a PEP 440 range as conda writes it."""
    return spec.replace("==", "").replace(" ", "").replace("||", "|")


def _cuda_fix(context: Context, library: Library | None) -> Fix:
    build = context.build
    if build is None or not build.cuda_built:
        return Fix()
    built = _major_minor(build.cuda_built)
    if library is not None and library.package.manager == PIP:
        return Fix(
            pip=build.nvidia,
            note=f"Install TensorFlow with its own CUDA wheels: tensorflow[and-cuda]=={build.tensorflow}.",
        )
    name = "cuda-version" if versions.release(built)[0] >= 12 else "cudatoolkit"
    return Fix(pins=(f"{name} {built}.*",), commands=(("conda", "install", f"{name}={built}"),))


def cuda_runtime(context: Context) -> Iterator[Finding]:
    """TFD301 and TFD302: the CUDA runtime is another one than the build asks for, or there is none."""
    tensorflow, build = context.tensorflow, context.build
    if tensorflow is None or _no_native_gpu(context) or tensorflow.name in _DIRECTML or context.env.os == "osx":
        return
    if context.cuda:
        if not context.gpu_wanted:
            return  # another framework's
        if build is not None and build.variant == "cpu" and build.kind == "build":
            yield from _cpu_build_beside_cuda(context)
            return
        # Where pip's and conda's CUDA are both there, TensorFlow's wheels find pip's first.
        verdicts = [finding for library in context.cuda[:1] for finding in _judge_cuda(context, library)]
        yield from verdicts
        return
    yield from _system_or_missing(context)


def _cpu_build_beside_cuda(context: Context) -> Iterator[Finding]:
    tensorflow, build = context.tensorflow, context.build
    if tensorflow is None or build is None or tensorflow.name == "tensorflow-cpu":
        return  # a CPU distribution was chosen by name
    library = context.cuda[0]
    yield Finding(
        "TFD301",
        WARNING,
        f"{tensorflow.name} {tensorflow.version} ({tensorflow.build or build.variant_name or 'cpu'}) is a build "
        f"without CUDA; {library.label} beside it will not be used.",
        found=library.label,
        expected="a GPU build of TensorFlow, or no CUDA packages",
        evidence=(library.package.source,),
        source=build.id,
        package=library.package.name,
        confidence=LIKELY,
        fix=Fix(note="Install the GPU build (tensorflow-gpu, or a build string with cuda or gpu), or remove CUDA."),
    )


def _judge_cuda(context: Context, library: Library) -> Iterator[Finding]:
    tensorflow, build = context.tensorflow, context.build
    assert tensorflow is not None
    promised = _promised(context, library)
    if promised:
        return
    name = f"{tensorflow.name} {tensorflow.version}"
    if promised is False:
        pin = _pin(context, (library.package.name,))
        assert pin is not None
        yield Finding(
            "TFD301",
            ERROR,
            f"{name} (build {tensorflow.build}) depends on {library.package.name} {pin[0]}, "
            f"but {library.package.version} is installed.",
            found=library.label,
            expected=f"{library.package.name} {pin[0]}",
            evidence=(library.package.source, pin[1]),
            source=pin[1],
            package=library.package.name,
            fix=Fix(
                pins=(f"{library.package.name} {pin[0]}",),
                commands=(("conda", "install", f"{library.package.name}{pin[0]}"),),
            ),
        )
        return
    if build is None or not build.cuda:
        return
    version = library.version
    if version.startswith(f"{build.cuda_built}.") or version == build.cuda_built:
        return
    if versions.contains(build.cuda, version):
        yield from _untested(context, library)
        return
    loads = bool(build.cuda_loads) and versions.contains(build.cuda_loads, version)
    stops = build.load_time and not loads
    consequence = (
        "its libraries have the names that TensorFlow asks for, but nobody tested them together."
        if loads
        else "`import tensorflow` fails."
        if stops
        else "the GPU will not be used."
    )
    yield Finding(
        "TFD301",
        WARNING if loads else ERROR,
        f"{name} was built for CUDA {build.cuda_built}; beside CUDA {version} {consequence}",
        found=library.label,
        expected=f"CUDA {_conda_range(build.cuda)}",
        evidence=(library.package.source,) if library.package.source else (),
        source=build.id,
        package=library.package.name,
        fix=_cuda_fix(context, library),
    )


def _untested(context: Context, library: Library) -> Iterator[Finding]:
    """Another minor of the right family: the libraries have the right names, which is all the loader asks for."""
    tensorflow, build = context.tensorflow, context.build
    assert tensorflow is not None and build is not None
    if tensorflow.manager == CONDA or not build.cuda_built:
        return
    # NVIDIA names and tests 12 and later as one family; before, a toolkit of the built minor can still be had.
    quiet = versions.release(build.cuda_built)[0] >= 12 or library.package.manager == PIP
    yield Finding(
        "TFD301",
        INFO if quiet else WARNING,
        f"{tensorflow.name} {tensorflow.version} was built for CUDA {build.cuda_built}; CUDA {library.version} has "
        "libraries of the same names and usually works, but is not what it was tested with.",
        found=library.label,
        expected=f"CUDA {build.cuda_built} (loads: {_conda_range(build.cuda)})",
        evidence=(library.package.source,) if library.package.source else (),
        source=build.id,
        package=library.package.name,
        confidence=LIKELY,
        fix=_cuda_fix(context, library),
    )


def _system_or_missing(context: Context) -> Iterator[Finding]:
    """No CUDA in the environment: is there one on the machine, and is one needed?"""
    tensorflow, build, env = context.tensorflow, context.build, context.env
    assert tensorflow is not None
    if build is None or build.variant != "gpu" or not build.cuda:
        return
    installed = system_cuda(context)
    name = f"{tensorflow.name} {tensorflow.version}"
    wide = build.cuda_loads or build.cuda
    if installed:
        if any(versions.contains(wide, version) or versions.contains(build.cuda, version) for version in installed):
            return
        wanted = bool(context.gpu_wanted)
        yield Finding(
            "TFD301",
            ERROR if wanted else WARNING,
            f"{name} was built for CUDA {build.cuda_built}; this machine has CUDA {', '.join(installed)}: "
            + ("`import tensorflow` fails." if build.load_time else "the GPU will not be used."),
            found=f"CUDA {', '.join(env.system.cuda_installed)} (system)",
            expected=f"CUDA {_conda_range(build.cuda)}",
            evidence=("system.cuda_installed",),
            source=build.id,
            package="cudatoolkit",
            confidence=CERTAIN if wanted else LIKELY,
            fix=_cuda_fix(context, None),
        )
        return
    if not context.gpu_wanted or cuda_of_unknown_version(env) or (env.partial and tensorflow.manager == CONDA):
        return  # there is one; and conda's TensorFlow brings the CUDA that its file does not name
    promised = tensorflow.manager == CONDA and _pin(context, CONDA_CUDA) is not None and env.kind in ("prefix", "solve")
    yield Finding(
        "TFD302",
        ERROR if promised else WARNING,
        f"{name} is to use a GPU ({context.gpu_wanted}), but the environment has no CUDA runtime: "
        + ("`import tensorflow` fails." if build.load_time else "it will run on the CPU."),
        found="no CUDA package in the environment",
        expected=f"CUDA {_conda_range(build.cuda)}",
        source=build.id,
        package="cudatoolkit",
        confidence=CERTAIN if promised else POSSIBLE,
        needs=() if promised else ("whether a CUDA toolkit is installed outside the environment (nvcc --version)",),
        fix=_cuda_fix(context, None),
    )


def _no_native_gpu(context: Context) -> bool:
    """Tell whether this TensorFlow has no GPU support on native Windows (2.11 and later)."""
    tensorflow = context.tensorflow
    return (
        tensorflow is not None
        and context.env.os == "win"
        and tensorflow.name not in _DIRECTML
        and bool(tensorflow.version)
        and versions.key(tensorflow.version) >= versions.key("2.11.0rc0")
    )


def gpu_unsupported_on_windows(context: Context) -> Iterator[Finding]:
    """TFD305: a GPU is wanted of a TensorFlow that cannot use one on native Windows."""
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or not _no_native_gpu(context) or any(env.package(name) for name in _DIRECTML):
        return
    packages: list[Package] = [library.package for library in (*context.cuda, *context.cudnn)]
    wanted, installed = context.gpu_wanted, system_cuda(context)
    if not wanted and not (installed and not serves_another(env)):
        return
    found = ", ".join(f"{p.name} {p.version}".strip() for p in packages) or wanted
    found = found or f"CUDA {', '.join(env.system.cuda_installed)} (system)"
    yield Finding(
        "TFD305",
        ERROR if wanted else WARNING,
        f"{tensorflow.name} {tensorflow.version} cannot use a GPU on native Windows (no release from 2.11 on can): "
        "CUDA is ignored and everything runs on the CPU.",
        found=found,
        expected="TensorFlow 2.10, or WSL2",
        evidence=tuple(p.source for p in packages if p.source) or ("system.cuda_installed",),
        source=context.build.id if context.build else "TensorFlow 2.11 release notes",
        package="tensorflow",
        confidence=CERTAIN if wanted else LIKELY,
        fix=Fix(
            pip=("tensorflow<2.11", "numpy<2"),
            pins=("python >=3.7,<3.11", "cudatoolkit 11.2.*", "cudnn 8.1.*"),
            note="Take TensorFlow 2.10 with CUDA 11.2 and cuDNN 8.1, use WSL2, or remove CUDA and stay on the CPU.",
        ),
    )


def cudnn(context: Context) -> Iterator[Finding]:
    """TFD303 and TFD304: cuDNN is not what the build asks for, or CUDA is there without it."""
    tensorflow, build, env = context.tensorflow, context.build, context.env
    if tensorflow is None or _no_native_gpu(context) or tensorflow.name in _DIRECTML or env.os == "osx":
        return
    if build is None or build.variant != "gpu" or not build.cudnn:
        return
    if context.cudnn:
        if context.gpu_wanted:
            yield from _judge_cudnn(context, context.cudnn[0])
        return
    installed = system_cudnn(context)
    name = f"{tensorflow.name} {tensorflow.version}"
    if installed:
        if (context.cuda and not context.gpu_wanted) or any(versions.contains(build.cudnn, v) for v in installed):
            return
        if any(_may_be_in(build.cudnn, v) for v in installed):
            yield Finding(
                "TFD303",
                INFO,
                f"{name} was built with cuDNN {build.cudnn_built}; the report names only the major version of what is "
                f"there ({', '.join(installed)}).",
                found=f"cuDNN {', '.join(env.system.cudnn_installed)} (system)",
                expected=f"cuDNN {_conda_range(build.cudnn)}",
                evidence=("system.cudnn_installed",),
                source=build.id,
                package="cudnn",
                confidence=POSSIBLE,
                needs=("cuDNN's minor version",),
            )
            return
        wanted = bool(context.gpu_wanted)
        yield Finding(
            "TFD303",
            ERROR if wanted else WARNING,
            f"{name} was built with cuDNN {build.cudnn_built}; this machine has {', '.join(installed)}, "
            "which it does not accept.",
            found=f"cuDNN {', '.join(env.system.cudnn_installed)} (system)",
            expected=f"cuDNN {_conda_range(build.cudnn)}",
            evidence=("system.cudnn_installed",),
            source=build.id,
            package="cudnn",
            confidence=CERTAIN if wanted else LIKELY,
            fix=_cudnn_fix(context),
        )
        return
    if context.cuda and context.gpu_wanted and not is_partial(context):
        yield Finding(
            "TFD304",
            ERROR,
            f"CUDA is in the environment ({context.cuda[0].label}), but cuDNN is not: "
            + ("`import tensorflow` fails." if build.load_time else f"{name} will not use the GPU."),
            found="no cuDNN package",
            expected=f"cuDNN {_conda_range(build.cudnn)}",
            evidence=(context.cuda[0].package.source,),
            source=build.id,
            package="cudnn",
            confidence=LIKELY,
            needs=("whether cuDNN is installed outside the environment",),
            fix=_cudnn_fix(context),
        )


def is_partial(context: Context) -> bool:
    """Tell whether the list of packages may be cut short, so that what is not listed may be there all the same."""
    env = context.env
    if env.whole:
        return False
    if env.partial:
        return True
    # Where Python's own companions are listed, the list is a whole one.
    return sum(env.package(name) is not None for name in ("pip", "setuptools", "wheel", "python", "six")) < 3


def _cudnn_fix(context: Context) -> Fix:
    build = context.build
    if build is None or not build.cudnn_built:
        return Fix()
    built = _major_minor(build.cudnn_built)
    beside = (context.cudnn or context.cuda)[:1]
    if beside and beside[0].package.manager == PIP:
        own = tuple(wheel for wheel in build.nvidia if wheel.startswith("nvidia-cudnn"))
        family = versions.release(build.cuda_built)[0] if build.cuda_built else 12
        return Fix(pip=own or (f"nvidia-cudnn-cu{family}=={built}.*",))
    return Fix(pins=(f"cudnn {built}.*",), commands=(("conda", "install", f"cudnn={built}"),))


def _judge_cudnn(context: Context, library: Library) -> Iterator[Finding]:
    tensorflow, build = context.tensorflow, context.build
    assert tensorflow is not None and build is not None
    promised = _promised(context, library)
    if promised or (promised is None and tensorflow.manager == CONDA and _pin(context, _CUDNN_NAMES) is None):
        return
    if promised is None and (not library.version or versions.contains(build.cudnn, library.version)):
        return
    wide = not build.cudnn_built or versions.release(library.version)[:1] == versions.release(build.cudnn_built)[:1]
    yield Finding(
        "TFD303",
        ERROR,
        f"{tensorflow.name} {tensorflow.version} was built with cuDNN {build.cudnn_built or build.cudnn_pin}; "
        f"{library.version} is "
        + (
            "older, and it refuses an older one."
            if wide
            else "another major version, whose libraries have other names."
        ),
        found=library.label,
        expected=f"cuDNN {_conda_range(build.cudnn)}",
        evidence=(library.package.source,) if library.package.source else (),
        source=build.id,
        package=library.package.name,
        fix=_cudnn_fix(context),
    )


def is_gpu(context: Context) -> bool:
    """Tell whether the installed TensorFlow is a GPU build by its own name or build string."""
    return context.tensorflow is not None and is_gpu_build(context.tensorflow, context.build)
