"""TFD303 and TFD304: is the cuDNN beside TensorFlow what its build asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from ... import versions
from ...advice import advise
from ...context.context import Context
from ...context.gpu import came_along, gpu_in_question, no_native_gpu
from ...environment.facts import CONDA
from ...environment.gpu import CONDA_CUDNN, Library
from ...findings import ERROR, INFO, LIKELY, POSSIBLE, WARNING, Finding, open_question
from ...specifiers import plain_number, to_conda
from .asked import refused
from .runtime import of_its_record, of_this_machine, record_pin, record_promise


def system_cudnn(context: Context) -> list[str]:
    """Return the versions of cuDNN installed outside the environment."""
    return [plain for plain in map(plain_number, context.env.system.cudnn_installed) if plain]


def _may_be_in(accepted: str, version: str) -> bool:
    """Whether a version that a person wrote ("7", "8.4") may be one of those accepted."""
    return any(versions.contains(accepted, f"{version}.{minor}") for minor in range(10))


def cudnn(context: Context) -> Iterator[Finding]:
    """TFD303 and TFD304: cuDNN is not what the build asks for, or CUDA is there without it."""
    tensorflow, build, env = context.tensorflow, context.build, context.env
    if tensorflow is None or no_native_gpu(context) or env.os == "osx":
        return
    if context.cudnn and context.gpu_wanted and context.choices_for_gpu:
        yield from refused(context, "TFD303", context.cudnn[0])
        return
    if build is None or build.variant != "gpu" or not build.cudnn:
        return
    if context.cudnn:
        if context.gpu_wanted or came_along(env):
            yield from _judge_cudnn(context, context.cudnn[0])
        return
    installed = system_cudnn(context)
    if installed:
        if (context.cuda and not context.gpu_wanted) or any(versions.contains(build.cudnn, v) for v in installed):
            return
        if any(_may_be_in(build.cudnn, v) for v in installed):
            yield Finding(
                "TFD303",
                INFO,
                f"{context.label} was built with cuDNN {build.cudnn_built}; the report does not name the whole version "
                f"of what is there ({', '.join(installed)}).",
                found=f"cuDNN {', '.join(env.system.cudnn_installed)} (system)",
                expected=f"cuDNN {to_conda(build.cudnn)}",
                accepts=to_conda(build.cudnn),
                evidence=("system.cudnn_installed",),
                source=build.id,
                package="cudnn",
                confidence=POSSIBLE,
                needs=("cuDNN's whole version",),
            )
            return
        yield of_this_machine(context, "TFD303", "cuDNN", installed, env.system.cudnn_installed)
        return
    if context.cuda and context.gpu_wanted and not is_partial(context):
        yield Finding(
            "TFD304",
            ERROR,
            f"CUDA is in the environment ({context.cuda[0].label}), but cuDNN is not: "
            + ("`import tensorflow` fails." if build.load_time else f"{context.label} will not use the GPU."),
            found="no cuDNN package",
            expected=f"cuDNN {to_conda(build.cudnn)}",
            accepts=to_conda(build.cudnn),
            evidence=(context.cuda[0].package.source,),
            source=build.id,
            package="cudnn",
            confidence=LIKELY,
            needs=("whether cuDNN is installed outside the environment",),
            fix=advise("TFD303", context, {}),
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


def _judge_cudnn(context: Context, library: Library) -> Iterator[Finding]:
    tensorflow, build = context.tensorflow, context.build
    assert tensorflow is not None and build is not None
    promised = record_promise(context, library)
    if promised is False:
        finding = of_its_record(context, "TFD303", library)
        yield finding if context.gpu_wanted else finding._replace(severity=WARNING)
        return
    if promised or (tensorflow.manager == CONDA and record_pin(context, CONDA_CUDNN) is None):
        return
    if not library.version or versions.contains(build.cudnn, library.version):
        return
    wide = not build.cudnn_built or versions.release(library.version)[:1] == versions.release(build.cudnn_built)[:1]
    # What came along with something else TensorFlow may do without; but it is in the way of a GPU.
    yield Finding(
        "TFD303",
        ERROR if context.gpu_wanted else WARNING,
        f"{tensorflow.label} was built with cuDNN {build.cudnn_built or build.cudnn_pin}; "
        f"{library.version} is "
        + (
            "older, and it refuses an older one."
            if wide
            else "another major version, whose libraries have other names."
        ),
        found=library.label,
        expected=f"cuDNN {to_conda(build.cudnn)}",
        accepts=to_conda(build.cudnn),
        evidence=library.package.where,
        source=build.id,
        package=library.package.name,
        fix=advise("TFD303", context, {}),
    )


def open_cudnn(context: Context) -> Iterator[Finding]:
    """Ask for the cuDNN that a report does not tell, TFD303 and TFD304."""
    build = context.build
    if not gpu_in_question(context) or (build is not None and (context.cudnn or system_cudnn(context))):
        return
    for code in ("TFD304", "TFD303"):
        yield open_question(
            code, f"The report does not say which cuDNN {context.label} finds.",
            f"cuDNN {build.cudnn}" if build else "", "cuDNN's version", build.id if build else "", "cudnn",
        )  # fmt: skip
