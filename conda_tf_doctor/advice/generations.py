"""Which GPU has code in which build: what is too new for it, and what is too old."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..environment.gpu import first_cuda
from ..findings import Fix
from ..matrix.model import PYPI
from .make import fresh, pair
from .nvidia import asks_in_vain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context
    from ..matrix.model import Build


def gpu_rows(context: Context) -> list[Build]:
    """Return the wheels with CUDA that this Python, on this platform, may have, oldest first."""
    minor = context.env.python.minor
    found: dict[str, Build] = {}
    for name in ("tensorflow-gpu", "tensorflow"):
        for row in context.matrix.builds(name, channel=PYPI, platform=context.env.platform):
            fits = not minor or not row.python or minor in row.python
            if fits and row.variant == "gpu" and row.cuda_built and not row.prerelease:
                found.setdefault(row.tensorflow, row)
    return sorted(found.values(), key=lambda row: versions.key(row.tensorflow))


def cuda_for_gpu(context: Context, said: Mapping[str, str]) -> str:
    """Return the first CUDA that has code for this GPU, by its name or by what TensorFlow says of it."""
    text, gpu = context.env.error_text, context.env.system.gpu
    new = re.search(r"CUDA_ERROR_INVALID_PTX|compute capability 12|sm_12\d|Blackwell", text)
    if new or said.get("has", "").startswith("12."):
        return "12.8"
    return first_cuda(gpu or text)


def older_build(context: Context, said: Mapping[str, str]) -> Fix | None:
    """Return the last release that has code for a GPU which TensorFlow itself calls too old; ``None`` for others."""
    has, least = said.get("has", ""), said.get("needs", "")
    if not re.fullmatch(r"\d\.\d", has) or not re.fullmatch(r"\d\.\d", least) or has >= least:
        return None
    for row in reversed(gpu_rows(context)):
        numbers = [int(name[3:]) for name in row.compute_capabilities if name.startswith("sm_")]
        if numbers and min(numbers) <= int(has.replace(".", "")):
            minor = versions.minor(row.tensorflow)
            name = "tensorflow[and-cuda]" if row.nvidia else "tensorflow"
            note = f"{minor} is the last whose wheels have code for a GPU of compute capability {has}"
            besides = "." if row.nvidia else f"; it uses CUDA {row.cuda_built} with cuDNN {row.cudnn_built}."
            if row.nvidia and asks_in_vain(row.tensorflow, context.env.python.minor):
                pip = (f"{name}=={minor}.*",)
                return Fix((), pip, fresh("3.10", pip=pip), note + besides)
            return pair(context, {name: f"=={minor}.*"}, note + besides)
    return Fix(note=f"No wheel has code for a GPU of compute capability {has}: use the CPU, or another GPU.")
