"""CUDA that is no longer what TensorFlow was built for, though it may load.

``check`` is content with what works somewhere. A transaction that takes an environment away from what its TensorFlow
was built and tested with is another matter: the user can still say no. (cuDNN promises more: any later minor works.)
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import versions
from ..context.context import Context
from ..environment.facts import CONDA, Environment
from ..environment.gpu import CONDA_CUDA, conda_cuda
from ..environment.tensorflow import conda_build
from ..findings import POSSIBLE, WARNING, Finding, Fix
from ..matrix.matrix import Matrix


def _chosen_by_record(context: Context) -> bool:
    """Tell whether TensorFlow's own conda record names CUDA: then the solver knows what fits."""
    records = (conda_build(context.env), context.env.conda("tensorflow"), context.env.conda("tensorflow-gpu"))
    depends = (text for record in records if record is not None for text in record.depends)
    return any(versions.parse_matchspec(text).name in CONDA_CUDA for text in depends)


def drift(env: Environment, matrix: Matrix) -> Iterator[Finding]:
    """Yield a warning for conda's CUDA where TensorFlow was built for another.

    Args:
        env: The environment.
        matrix: The compatibility matrix.
    """
    context = Context(env, matrix)
    build, tensorflow = context.build, context.tensorflow
    if build is None or tensorflow is None or build.variant != "gpu" or not build.cuda_built or env.os == "osx":
        return
    if not context.gpu_wanted or not context.cuda or _chosen_by_record(context):
        return
    library = context.cuda[0]
    wanted = ".".join(build.cuda_built.split(".")[:2])
    if library.package.manager != CONDA or versions.minor(library.version) == versions.minor(wanted):
        return
    name = conda_cuda(wanted)
    yield Finding(
        "TFD301",
        WARNING,
        f"{tensorflow.label} was built for CUDA {wanted}; {library.label} may load, but nobody "
        "tested the two together.",
        found=library.label,
        expected=f"CUDA {wanted}",
        evidence=(library.package.source,),
        source=build.id,
        package=library.package.name,
        confidence=POSSIBLE,
        fix=Fix(pins=(f"{name} {wanted}.*",), commands=(("conda", "install", f"{name}={wanted}"),)),
    )
