"""TFD301 and TFD303 of files that ask conda for TensorFlow: no GPU build of it goes with the CUDA beside it."""

from __future__ import annotations

from collections.abc import Iterator

from ...advice.make import by_conda
from ...codes import ROWS
from ...context.context import Context
from ...environment.facts import PIP
from ...environment.gpu import Library
from ...findings import ERROR, Finding
from ...specifiers import to_conda
from ...versions import contains


def refused(context: Context, code: str, library: Library) -> Iterator[Finding]:
    """Report CUDA or cuDNN that none of the GPU builds goes with: the solver takes one without CUDA, or none.

    Args:
        context: A file's, without ranges.
        code: ``TFD301`` or ``TFD303``.
        library: What the file asks for.
    """
    package, accepted = library.package, context.accepted_for_gpu(ROWS[code].library)
    if package.manager == PIP or not accepted or not library.version:
        return
    if any(contains(spec, library.version) for spec in accepted):
        return
    wanted = " or ".join(map(to_conda, accepted))
    alone = all(row.variant == "gpu" for row in ([context.build] if context.build else context.to_be_had))
    yield Finding(
        code,
        ERROR,
        f"No GPU build of {context.label} goes with {library.label}: conda "
        + ("refuses them together." if alone else "takes a build without CUDA, and the GPU will not be used."),
        found=library.label,
        expected=f"{package.name} {wanted}",
        accepts=accepted[0] if len(accepted) == 1 else "",
        evidence=package.where,
        source=context.choices_for_gpu[0].id,
        package=package.name,
        fix=by_conda([f"{package.name} {to_conda(accepted[0])}"]),
    )
