"""What to do about a cause: one place that makes it, whoever found the cause.

A rule that read it from a record and the text that a user saw ask the same function, with the same facts; what only
the text says comes along as what its signature captured.
"""

from __future__ import annotations

from .._typing import TYPE_CHECKING
from ..codes import ROWS
from ..findings import Fix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context


def advise(code: str, context: Context, said: Mapping[str, str]) -> Fix:
    """Return what to do about a cause.

    Args:
        code: The rule that stands for it.
        context: The environment, and the text if there is one.
        said: What the text's signature captured (``library``, ``needs``, ``has``, ``name``, ``symbol`` …).
    """
    module, _, function = ROWS[code].advice.partition(".")
    if not module:
        return Fix()
    fix: Fix = getattr(__import__(f"{__package__}.{module}", fromlist=[function]), function)(context, said)
    return fix
