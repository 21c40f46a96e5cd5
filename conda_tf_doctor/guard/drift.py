"""CUDA and cuDNN that are no longer what TensorFlow was built for, though they may load.

``check`` is content with what works somewhere. A transaction that takes a working environment away from what its
TensorFlow was built and tested with is another matter: the user can still say no.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import versions
from ..environment.facts import CONDA, Environment
from ..environment.gpu import Library
from ..environment.tensorflow import conda_build
from ..findings import POSSIBLE, WARNING, Finding, Fix
from ..matrix.load import Matrix
from ..rules.context import Context

_CUDA = ("cudatoolkit", "cuda-cudart", "cuda-version", "cuda-toolkit", "cuda-runtime")
_CUDNN = ("cudnn", "libcudnn")


def _chosen_by_record(context: Context, names: tuple[str, ...]) -> bool:
    """Tell whether TensorFlow's own conda record names these packages: then the solver knows what fits."""
    records = (conda_build(context.env), context.env.conda("tensorflow"), context.env.conda("tensorflow-gpu"))
    depends = (text for record in records if record is not None for text in record.depends)
    return any(versions.parse_matchspec(text).name in names for text in depends)


def _drifted(context: Context, library: Library, built: str, code: str, label: str, pin: str) -> Iterator[Finding]:
    tensorflow = context.tensorflow
    wanted = ".".join(built.split(".")[:2])
    if tensorflow is None or not wanted or versions.minor(library.version) == versions.minor(wanted):
        return
    yield Finding(
        code,
        WARNING,
        f"{tensorflow.name} {tensorflow.version} was built for {label} {wanted}, and {library.label} takes its place: "
        "it may load, but nobody tested the two together.",
        found=library.label,
        expected=f"{label} {wanted}",
        evidence=(library.package.source,),
        source=context.build.id if context.build else "",
        package=library.package.name,
        confidence=POSSIBLE,
        fix=Fix(pins=(f"{pin} {wanted}.*",), commands=(("conda", "install", f"{pin}={wanted}"),)),
    )


def drift(env: Environment, matrix: Matrix) -> Iterator[Finding]:
    """Yield a warning for CUDA, and one for cuDNN, of conda that TensorFlow was not built for.

    Args:
        env: The environment.
        matrix: The compatibility matrix.
    """
    context = Context(env, matrix)
    build = context.build
    if build is None or build.variant != "gpu" or not context.gpu_wanted or env.os == "osx":
        return
    if context.cuda and context.cuda[0].package.manager == CONDA and not _chosen_by_record(context, _CUDA):
        modern = versions.release(build.cuda_built)[:1] >= (12,) if build.cuda_built else False
        yield from _drifted(
            context, context.cuda[0], build.cuda_built, "TFD301", "CUDA", "cuda-version" if modern else "cudatoolkit"
        )
    if context.cudnn and context.cudnn[0].package.manager == CONDA and not _chosen_by_record(context, _CUDNN):
        yield from _drifted(context, context.cudnn[0], build.cudnn_built, "TFD303", "cuDNN", "cudnn")
