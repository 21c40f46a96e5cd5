"""What is known of the processor: its flags, else what its model is known to have."""

from __future__ import annotations

import re

from .._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .context import Context


def has_avx(context: Context) -> bool | None:
    """Tell whether the processor has AVX; ``None`` where neither its flags nor its model tell."""
    told, model = context.env.system.cpu_features.get("avx"), context.env.system.cpu_model
    if told is not None or not model:
        return told
    return any(re.search(row["model"], model, re.IGNORECASE) for row in context.matrix.table("cpu")["with_avx"]) or None
