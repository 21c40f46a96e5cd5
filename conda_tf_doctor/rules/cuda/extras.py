"""TFD301, TFD307 to TFD309: the GPU that CUDA is too old for, and what CUDA and cuDNN need besides themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ... import versions
from ...advice import advise
from ...advice.make import by_pip
from ...context.context import Context
from ...context.gpu import gpu_in_question
from ...environment.facts import CONDA, PIP
from ...environment.gpu import NEEDS_ZLIB, find_dll, first_cuda
from ...findings import ERROR, INFO, LIKELY, POSSIBLE, WARNING, Finding, open_question
from .cudnn import is_partial, system_cudnn


def gpu_newer_than_cuda(context: Context) -> Iterator[Finding]:
    """TFD301: the GPU came out after the CUDA that this build was made for, and holds code for."""
    tensorflow, env, build = context.tensorflow, context.env, context.build
    if tensorflow is None or build is None or build.variant != "gpu" or not build.cuda_built:
        return
    needs = first_cuda(env.system.gpu)
    if not needs or versions.key(build.cuda_built) >= versions.key(needs):
        return
    yield Finding(
        "TFD301",
        WARNING if context.gpu_wanted else INFO,
        f"{tensorflow.label} was built for CUDA {build.cuda_built}, and {env.system.gpu} is newer: "
        "its first operation takes minutes or does not end, or cuBLAS and cuDNN fail.",
        found=env.system.gpu,
        expected=f"a build for CUDA {needs} or later",
        evidence=("system.gpu",),
        source=build.id,
        package=tensorflow.name,
        confidence=LIKELY,
        fix=advise("TFD301", context, {}),
    )


def cuda_incomplete(context: Context) -> Iterator[Finding]:
    """TFD309: some of CUDA's wheels are there, and one whose library TensorFlow loads before it uses a GPU is not."""
    tensorflow, env, build = context.tensorflow, context.env, context.build
    runtime = context.cuda[0] if context.cuda else None
    if tensorflow is None or build is None or runtime is None or runtime.package.manager != PIP:
        return
    elsewhere = env.system.cuda_installed or env.env_vars.get("LD_LIBRARY_PATH") or context.has("binaries")
    if elsewhere or is_partial(context) or not versions.contains(build.cuda, runtime.version):
        return
    missing = []
    for pin in build.nvidia:
        # nvidia-cublas-cu12 holds libcublas.so.12; cuSPARSE loads nvJitLink, and whether there is a cuDNN is TFD304.
        name = re.split("[<>=~]", pin)[0]
        part = name.removeprefix("nvidia-").rpartition("-")[0]
        loaded = part == "nvjitlink" or any(library.startswith(f"lib{part}.") for library in build.libraries)
        present = bool(env.beginning(name.rpartition("-")[0]))
        if loaded and part != "cudnn" and not present:
            missing.append(pin)
    if missing:
        names = ", ".join(re.split("[<>=~]", pin)[0] for pin in missing)
        yield Finding(
            "TFD309",
            WARNING,
            f"{tensorflow.label} opens all of CUDA's libraries before it uses a GPU, and beside "
            f"{runtime.label} there is no {names}: it will run on the CPU.",
            found=runtime.label,
            expected=", ".join(missing),
            evidence=(runtime.package.source,),
            source=build.id,
            package=re.split("[<>=~]", missing[0])[0],
            confidence=LIKELY,
            needs=("whether a CUDA toolkit outside the environment is on LD_LIBRARY_PATH",),
            fix=by_pip(missing),
        )


def zlibwapi_missing(context: Context) -> Iterator[Finding]:
    """TFD307: cuDNN 8.3 to 8.9 on Windows without zlibwapi.dll."""
    tensorflow, env, build = context.tensorflow, context.env, context.build
    if tensorflow is None or env.os != "win" or (build is not None and build.variant != "gpu"):
        return
    if not context.cudnn:
        yield from _system(context)
        return
    if not context.gpu_wanted:
        return
    library = context.cudnn[0]
    if not versions.contains(NEEDS_ZLIB, library.version) or env.conda("libzlib-wapi"):
        return
    on_disk = find_dll(env, "zlibwapi.dll")
    if on_disk or (on_disk is None and (env.kind == "report" or is_partial(context))):
        return
    yield Finding(
        "TFD307",
        ERROR,
        f"cuDNN {library.version} on Windows loads zlibwapi.dll, and nothing brings it: the first convolution stops "
        "with error code 126.",
        found="no zlibwapi.dll, no libzlib-wapi package",
        expected="zlibwapi.dll on the search path",
        evidence=(library.package.source,),
        source="cuDNN installation guide for Windows; cuDNN 8.3 to 8.9",
        package="libzlib-wapi",
        fix=advise("TFD307", context, {}),
    )


def _system(context: Context) -> Iterator[Finding]:
    installed = [version for version in system_cudnn(context) if versions.contains(NEEDS_ZLIB, version)]
    if installed and not context.env.package("libzlib-wapi"):
        yield Finding(
            "TFD307",
            INFO,
            f"cuDNN {installed[0]} on Windows also needs zlibwapi.dll on PATH.",
            found=f"cuDNN {installed[0]} (system)",
            expected="zlibwapi.dll on PATH",
            source="cuDNN installation guide for Windows; cuDNN 8.3 to 8.9",
            package="libzlib-wapi",
            confidence=POSSIBLE,
            needs=("whether `where zlibwapi.dll` finds one",),
        )


def ptxas_libdevice_missing(context: Context) -> Iterator[Finding]:
    """TFD308: XLA compiles with ptxas and libdevice, which conda's cudatoolkit and pip's runtime wheels lack."""
    tensorflow, env, build = context.tensorflow, context.env, context.build
    if tensorflow is None or env.os != "linux" or not context.gpu_wanted or not context.cuda:
        return
    if (build is not None and build.variant != "gpu") or env.system.cuda_installed:
        return
    # Keras' optimizers are compiled by XLA from 2.11 on; before, only who asks for XLA needs it.
    always = bool(tensorflow.version) and versions.key(tensorflow.version) >= versions.key("2.11")
    carriers = ("cuda-nvcc", "cuda-nvcc-tools", "cuda-nvcc-impl", "cudatoolkit-dev", "cuda-toolkit", "cuda-compiler")
    if any(env.conda(name) for name in carriers) or env.beginning("nvidia-cuda-nvcc"):
        return
    library = context.cuda[0]
    yield Finding(
        "TFD308",
        WARNING if always and tensorflow.manager != CONDA else INFO,
        f"{library.label} holds neither ptxas nor nvvm/libdevice where XLA looks for them: what TensorFlow "
        f"{tensorflow.version or ''} compiles with XLA (Keras optimizers, jit_compile) may stop with 'libdevice not "
        "found'.",
        found=library.label,
        expected="cuda-nvcc beside it, or XLA_FLAGS=--xla_gpu_cuda_data_dir=…",
        evidence=(library.package.source,),
        source="file lists of conda's cudatoolkit: no ptxas, libdevice.10.bc in lib only",
        package="cuda-nvcc",
        confidence=POSSIBLE,
        needs=("whether a CUDA toolkit outside the environment provides ptxas",),
        fix=advise("TFD308", context, {}),
    )


def open_compiler(context: Context) -> Iterator[Finding]:
    """Ask whether XLA finds its compiler, TFD308."""
    env, build = context.env, context.build
    on_gpu = env.os == "linux" or context.is_before("2.11")  # the last for native Windows
    if gpu_in_question(context) and on_gpu and not any("nvcc" in package.name for package in env.packages):
        yield open_question(
            "TFD308", f"The report does not say whether {context.label} finds ptxas and libdevice, which XLA needs.",
            "nvvm/libdevice and bin/ptxas", "the value of XLA_FLAGS, and whether a CUDA toolkit is installed",
            build.id if build else "", "cuda-nvcc",
        )  # fmt: skip
