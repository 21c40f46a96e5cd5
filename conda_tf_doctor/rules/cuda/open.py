"""What a report leaves open of CUDA, cuDNN and the driver."""

from __future__ import annotations

from collections.abc import Iterator

from ...context.context import Context
from ...context.gpu import system_cuda
from ...environment.facts import CONDA
from ...environment.gpu import has_nvidia
from ...findings import Finding, open_question
from .cudnn import system_cudnn


def open_cuda(context: Context) -> Iterator[Finding]:
    """Yield what is open of CUDA, cuDNN and the driver."""
    env, build = context.env, context.build
    cuda, cudnn = system_cuda(context), system_cudnn(context)
    nvidia = has_nvidia(env)
    perhaps = bool(context.tensorflow and not context.tensorflow.version and nvidia is not False)
    wanted = bool(context.gpu_wanted or cuda or nvidia or perhaps)
    if env.os == "osx" or (build is not None and build.variant != "gpu") or (build is None and not wanted):
        return
    source = build.id if build else ""
    if build is None and (context.cuda or cuda):
        yield open_question(
            "TFD301", f"The version of {context.label} is not known, and so neither is the CUDA it was built for.",
            "", "TensorFlow's version: `pip show tensorflow`", "", "cudatoolkit",
        )  # fmt: skip
    if context.cuda or cuda:
        where = "PATH" if env.os == "win" else "LD_LIBRARY_PATH"
        if where not in env.env_vars and context.channel == "pypi":
            which = context.cuda[0].label if context.cuda else f"CUDA {', '.join(cuda)}"
            yield open_question(
                "TFD302", f"{which} is there; the report does not say whether {where} leads pip's TensorFlow to it.",
                f"its library folder on {where}", f"the value of {where}", source, "cudatoolkit",
            )  # fmt: skip
    else:
        for code in ("TFD301", "TFD302"):
            yield open_question(
                code, f"The report does not say which CUDA {context.label} finds.",
                f"CUDA {build.cuda}" if build else "", "the version of CUDA", source, "cudatoolkit",
            )  # fmt: skip
    if (not context.cudnn and not cudnn) or build is None:
        for code in ("TFD304", "TFD303"):
            yield open_question(
                code, f"The report does not say which cuDNN {context.label} finds.",
                f"cuDNN {build.cudnn}" if build else "", "cuDNN's version", source, "cudnn",
            )  # fmt: skip
    on_gpu = env.os == "linux" or context.is_before("2.11")  # the last for native Windows
    if on_gpu and not any("nvcc" in package.name for package in env.packages):
        yield open_question(
            "TFD308", f"The report does not say whether {context.label} finds ptxas and libdevice, which XLA needs.",
            "nvvm/libdevice and bin/ptxas", "the value of XLA_FLAGS, and whether a CUDA toolkit is installed",
            source, "cuda-nvcc",
        )  # fmt: skip
    if wanted and not env.system.cuda_driver and "__cuda" not in env.virtual_packages:
        yield _driver(context, build.driver if build else "")
    elif _is_conda(context) and not context.cuda:
        have = env.system.cuda_driver or env.virtual_packages.get("__cuda", "")
        if have:
            yield open_question(
                "TFD306", f"The report names the driver ({have}), but not the CUDA runtime that conda put beside it.",
                "", "cudatoolkit's (or cuda-version's) version: `conda list cuda`", source, "nvidia-driver",
            )  # fmt: skip


def _is_conda(context: Context) -> bool:
    """Tell whether TensorFlow is conda's, which brings its CUDA along."""
    return bool(context.tensorflow and context.tensorflow.manager == CONDA)


def _driver(context: Context, floor: str) -> Finding:
    return open_question(
        "TFD306", "If a GPU is to be used: the report does not name its display driver.",
        f"driver {floor}" if floor else "", "the driver's version: `nvidia-smi`",
        context.build.id if context.build else "", "nvidia-driver",
    )  # fmt: skip
