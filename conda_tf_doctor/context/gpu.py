"""Whether a GPU is wanted at all."""

from __future__ import annotations

from .. import versions
from .._typing import TYPE_CHECKING
from ..environment.facts import PIP, Environment
from ..environment.gpu import (
    CONDA_CUDA,
    GPU_DISTRIBUTIONS,
    PIP_CUDNN,
    cuda_of_unknown_version,
    cuda_runtimes,
    cudnn_libraries,
    has_nvidia,
    is_wheel,
    serves_another,
    was_asked_for,
)

if TYPE_CHECKING:
    from ..environment.tensorflow import Installed
    from ..matrix.model import Build
    from .context import Context


DIRECTML = ("tensorflow-directml", "tensorflow-directml-plugin")


def is_gpu_build(installed: Installed, build: Build | None) -> bool:
    """Tell whether this very package is a GPU build by its name or its conda build string."""
    if installed.name in GPU_DISTRIBUTIONS:
        return True
    if installed.manager == PIP:
        return False
    text = f"{installed.build} {build.variant if build and build.channel != 'pypi' else ''}"
    return any(part.startswith(("gpu", "cuda")) for part in text.replace("_", " ").split(" "))


def wanted(env: Environment, installed: Installed | None, build: Build | None) -> str:
    """Say why a GPU is wanted, or nothing.

    A GPU build or tensorflow-gpu, a request for CUDA packages, or CUDA packages that no other framework explains are
    a wish; a driver, or a CUDA toolkit somewhere on the machine, is not.
    """
    if installed is not None and is_gpu_build(installed, build):
        return f"{installed.name} {installed.version} is a GPU build".replace("  ", " ")
    for name in GPU_DISTRIBUTIONS:
        if env.package(name):
            return f"{name} is installed"
    for package in env.requested:
        if package.name in (*GPU_DISTRIBUTIONS, "cudnn", *CONDA_CUDA) or is_wheel(package, PIP_CUDNN):
            return f"{package.name} was asked for"
    brought = cuda_runtimes(env) or cudnn_libraries(env)
    if serves_another(env):
        return ""
    if came_along(env):
        return ""
    if brought:
        return f"{brought[0].label} is {'installed' if not env.partial else 'asked for'}".replace("  ", " ")
    unknown = cuda_of_unknown_version(env)
    return f"{unknown.name} is {'installed' if not env.partial else 'asked for'}" if unknown else ""


def came_along(env: Environment) -> bool:
    """Tell whether CUDA or cuDNN is there, no other framework explains it, and conda notes that nobody asked for it."""
    brought = [*cuda_runtimes(env), *cudnn_libraries(env)]
    return bool(brought) and not serves_another(env) and all(was_asked_for(each.package) is False for each in brought)


def system_cuda(context: Context) -> list[str]:
    """Return the versions of CUDA toolkits installed outside the environment.

    On a machine that was looked at they count only beside a driver: without one there is no GPU that TensorFlow could
    miss.
    """
    if context.without_driver:
        return []
    from ..specifiers import plain_number

    return [plain for plain in map(plain_number, context.env.system.cuda_installed) if plain]


def no_native_gpu(context: Context) -> bool:
    """Tell whether this TensorFlow has no GPU support on native Windows (2.11 and later)."""
    tensorflow = context.tensorflow
    return (
        tensorflow is not None
        and context.env.os == "win"
        and tensorflow.name not in DIRECTML
        and bool(tensorflow.version)
        and versions.key(tensorflow.version) >= versions.key("2.11.0rc0")
    )


def gpu_in_question(context: Context) -> bool:
    """Tell whether CUDA, cuDNN and the driver matter to an environment, as far as a report of it tells."""
    env, build = context.env, context.build
    if env.os == "osx" or (build is not None and build.variant != "gpu"):
        return False
    return build is not None or gpu_may_be_wanted(context)


def gpu_may_be_wanted(context: Context) -> bool:
    """Tell whether a GPU is wanted, or something around the environment makes it probable."""
    nvidia = has_nvidia(context.env)
    unknown = bool(context.tensorflow and not context.tensorflow.version and nvidia is not False)
    return bool(context.gpu_wanted or system_cuda(context) or nvidia or unknown)
