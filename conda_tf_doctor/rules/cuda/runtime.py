"""TFD301, 302 and 305: is the CUDA beside TensorFlow what its build asks for?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ... import versions
from ...advice import advise
from ...advice.make import by_conda
from ...codes import ROWS
from ...context.context import Context
from ...context.gpu import DIRECTML, came_along, gpu_in_question, no_native_gpu, system_cuda
from ...environment.facts import CONDA, PIP, Package
from ...environment.gpu import (
    CONDA_CUDA,
    Library,
    cuda_of_unknown_version,
    cuda_runtimes,
    cudnn_libraries,
    serves_another,
)
from ...environment.tensorflow import conda_build
from ...findings import CERTAIN, ERROR, INFO, LIKELY, POSSIBLE, WARNING, Finding, Fix, open_question
from ...specifiers import to_conda
from .asked import refused


def record_pin(context: Context, names: tuple[str, ...]) -> tuple[str, str] | None:
    """Return what conda's own record of TensorFlow demands of one of these packages, and which record says so."""
    for record in (conda_build(context.env), context.env.conda("tensorflow"), context.env.conda("tensorflow-gpu")):
        if record is None:
            continue
        for text in record.depends:
            spec = versions.parse_matchspec(text)
            if spec.name in names and spec.version:
                return spec.version, record.source
    return None


def record_promise(context: Context, library: Library) -> bool | None:
    """Tell whether conda's TensorFlow itself accepts this package; ``None`` where its record says nothing."""
    if context.tensorflow is None or context.tensorflow.manager != CONDA:
        return None
    pin = record_pin(context, (library.package.name,))
    return None if pin is None else versions.conda_contains(pin[0], library.package.version)


def cuda_runtime(context: Context) -> Iterator[Finding]:
    """TFD301 and TFD302: the CUDA runtime is another one than the build asks for, or there is none."""
    tensorflow, build = context.tensorflow, context.build
    if tensorflow is None or no_native_gpu(context) or context.env.os == "osx":
        return
    if context.cuda:
        along = not context.gpu_wanted and came_along(context.env)
        if not context.gpu_wanted and not along:
            return  # another framework's
        if context.gpu_wanted and context.choices_for_gpu:
            yield from refused(context, "TFD301", context.cuda[0])
            return
        if build is not None and build.variant == "cpu" and build.kind == "build":
            yield from () if along else _cpu_build_beside_cuda(context)
            return
        # Where pip's and conda's CUDA are both there, TensorFlow's wheels find pip's first.
        for finding in _judge_cuda(context, context.cuda[0]):
            if not along:
                yield finding
            elif finding.severity == ERROR:
                # What came along with something else TensorFlow may do without; but it is in the way of a GPU.
                yield finding._replace(severity=WARNING)
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
        f"{tensorflow.label} ({tensorflow.build or build.variant_name or 'cpu'}) is a build "
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
    promised = record_promise(context, library)
    if promised:
        return
    if promised is False:
        yield of_its_record(context, "TFD301", library)
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
        f"{context.label} was built for CUDA {build.cuda_built}; beside CUDA {version} {consequence}",
        found=library.label,
        expected=f"CUDA {to_conda(build.cuda)}",
        evidence=library.package.where,
        source=build.id,
        package=library.package.name,
        fix=advise("TFD301", context, {}),
    )


def of_its_record(context: Context, code: str, library: Library) -> Finding:
    """Return that conda's record of TensorFlow demands another CUDA, or another cuDNN, than this package is."""
    package, tensorflow, pin = library.package, context.tensorflow, record_pin(context, (library.package.name,))
    assert tensorflow is not None and pin is not None
    return Finding(
        code,
        ERROR,
        f"{context.label} (build {tensorflow.build}) depends on {package.name} {pin[0]}, "
        f"but {package.version} is installed.",
        found=library.label,
        expected=f"{package.name} {pin[0]}",
        evidence=(package.source, pin[1]),
        source=pin[1],
        package=package.name,
        fix=by_conda([f"{package.name} {pin[0]}"]),
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
        f"{tensorflow.label} was built for CUDA {build.cuda_built}; CUDA {library.version} has "
        "libraries of the same names and usually works, but is not what it was tested with.",
        found=library.label,
        expected=f"CUDA {build.cuda_built} (loads: {to_conda(build.cuda)})",
        evidence=library.package.where,
        source=build.id,
        package=library.package.name,
        confidence=LIKELY,
        fix=advise("TFD301", context, {}),
    )


def _system_or_missing(context: Context) -> Iterator[Finding]:
    """No CUDA in the environment: is there one on the machine, and is one needed?"""
    tensorflow, build, env = context.tensorflow, context.build, context.env
    assert tensorflow is not None
    if build is None or build.variant != "gpu" or not build.cuda:
        return
    installed = system_cuda(context)
    wide = build.cuda_loads or build.cuda
    if installed:
        if any(versions.contains(wide, version) for version in installed):
            return
        yield of_this_machine(context, "TFD301", "CUDA", installed, context.env.system.cuda_installed)
        return
    if not context.gpu_wanted or cuda_of_unknown_version(env) or (env.partial and tensorflow.manager == CONDA):
        return  # there is one; and conda's TensorFlow brings the CUDA that its file does not name
    promised = (
        tensorflow.manager == CONDA and record_pin(context, CONDA_CUDA) is not None and env.kind in ("prefix", "solve")
    )
    unseen = next(iter(cuda_runtimes(env)), None)
    lacks = (
        rf"{unseen.label} lies in site-packages\nvidia, where nothing looks on Windows"
        if unseen
        else "the environment has no CUDA runtime"
    )
    yield Finding(
        "TFD302",
        ERROR if promised else WARNING,
        f"{context.label} is to use a GPU ({context.gpu_wanted}), but {lacks}: "
        + ("`import tensorflow` fails." if build.load_time else "it will run on the CPU."),
        found=f"{unseen.label}, not on the search path" if unseen else "no CUDA package in the environment",
        expected=f"CUDA {to_conda(build.cuda)}",
        source=build.id,
        package="cudatoolkit",
        confidence=CERTAIN if promised else POSSIBLE,
        needs=() if promised else ("whether a CUDA toolkit is installed outside the environment (nvcc --version)",),
        fix=advise("TFD302", context, {}),
    )


def of_this_machine(context: Context, code: str, what: str, installed: list[str], written: Sequence[str]) -> Finding:
    """Return that the machine has another CUDA, or another cuDNN, than the build asks for.

    Args:
        context: The environment; its build is known.
        code: The rule.
        what: ``CUDA`` or ``cuDNN``.
        installed: The versions that are there.
        written: The same as they were written down.
    """
    build, library = context.build, ROWS[code].library
    assert build is not None
    accepted = to_conda(getattr(build, library))
    return Finding(
        code,
        ERROR if context.gpu_wanted else WARNING,
        f"{context.label} was built for {what} {getattr(build, f'{library}_built')}; this machine has {what} "
        f"{', '.join(installed)}: "
        + ("`import tensorflow` fails." if build.load_time else "the GPU will not be used."),
        found=f"{what} {', '.join(written)} (system)",
        expected=f"{what} {accepted}",
        accepts=accepted,
        evidence=(f"system.{library}_installed",),
        source=build.id,
        package="cudatoolkit" if library == "cuda" else library,
        confidence=CERTAIN if context.gpu_wanted else LIKELY,
        fix=advise(code, context, {}),
    )


def gpu_unsupported_on_windows(context: Context) -> Iterator[Finding]:
    """TFD305: a GPU is wanted of a TensorFlow that cannot use one on native Windows."""
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or not no_native_gpu(context) or any(env.package(name) for name in DIRECTML):
        return
    packages: list[Package] = [library.package for library in (*cuda_runtimes(env), *cudnn_libraries(env))]
    wanted, installed = context.gpu_wanted, system_cuda(context)
    if not wanted and not (installed and not serves_another(env)):
        return
    found = ", ".join(f"{p.name} {p.version}".strip() for p in packages) or wanted
    found = found or f"CUDA {', '.join(env.system.cuda_installed)} (system)"
    yield Finding(
        "TFD305",
        ERROR if wanted else WARNING,
        f"{tensorflow.label} cannot use a GPU on native Windows (no release from 2.11 on can): "
        "CUDA is ignored and everything runs on the CPU.",
        found=found,
        expected="TensorFlow 2.10, or WSL2",
        evidence=tuple(place for package in packages for place in package.where) or ("system.cuda_installed",),
        source=context.build.id if context.build else "TensorFlow 2.11 release notes",
        package="tensorflow",
        confidence=CERTAIN if wanted else LIKELY,
        fix=advise("TFD305", context, {}),
    )


def open_cuda(context: Context) -> Iterator[Finding]:
    """Ask for the CUDA that a report does not tell, TFD301 and TFD302."""
    if not gpu_in_question(context):
        return
    env, build, cuda = context.env, context.build, system_cuda(context)
    source = build.id if build else ""
    if not (context.cuda or cuda):
        for code in ("TFD301", "TFD302"):
            yield open_question(
                code, f"The report does not say which CUDA {context.label} finds.",
                f"CUDA {build.cuda}" if build else "", "the version of CUDA", source, "cudatoolkit",
            )  # fmt: skip
        return
    if build is None:
        yield open_question(
            "TFD301", f"The version of {context.label} is not known, and so neither is the CUDA it was built for.",
            "", "TensorFlow's version: `pip show tensorflow`", "", "cudatoolkit",
        )  # fmt: skip
    where = "PATH" if env.os == "win" else "LD_LIBRARY_PATH"
    if where not in env.env_vars and context.channel == "pypi":
        which = context.cuda[0].label if context.cuda else f"CUDA {', '.join(cuda)}"
        yield open_question(
            "TFD302", f"{which} is there; the report does not say whether {where} leads pip's TensorFlow to it.",
            f"its library folder on {where}", f"the value of {where}", source, "cudatoolkit",
        )  # fmt: skip
