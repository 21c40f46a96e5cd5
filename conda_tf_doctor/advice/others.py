"""Advice about packages made of TensorFlow whose requirements leave few Pythons."""

from __future__ import annotations

from .._typing import TYPE_CHECKING, NamedTuple
from ..findings import Fix
from ..names import normalise
from .make import by_pip, fresh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context


class Other(NamedTuple):
    """A package that few Pythons can have.

    Attributes:
        python: The newest minor that can.
        why: Which requirement says so.
        follows: What to take in its place where it is not to be had.
        platform: The one platform that it is for; empty for several.
    """

    python: str
    why: str
    follows: str
    platform: str = ""


_MAKER = Other(
    "3.9",
    "it requires scann 1.2.6, whose wheels are for Linux and Python up to 3.9",
    "mediapipe-model-maker",
    "linux-64",
)
# By what their wheels and those of what they require declare.
OTHERS = {
    "tflite-model-maker": _MAKER,
    "tflite-model-maker-nightly": _MAKER,
    "scann": _MAKER,
    "mediapipe-model-maker": Other("3.11", "it requires tensorflow before 2.16, which is for Python up to 3.11", ""),
    "tflite-runtime": Other("3.11", "its last wheels, of 2.14, are for Python up to 3.11", "ai-edge-litert"),
    "tflite-support": Other("3.11", "its last wheels, of 0.4.4, are for Python up to 3.11", "mediapipe"),
}  # fmt: skip


def for_older_python(context: Context, said: Mapping[str, str]) -> Fix | None:
    """Return what to do where such a package is asked for, by the text or the request; ``None`` where none is."""
    asked = [normalise(said.get("name", "")), *(package.name for package in context.env.requested)]
    name = next((each for each in asked if each in OTHERS), "")
    if not name:
        return None
    known = OTHERS[name]
    whole = "tflite-model-maker" if known is _MAKER else name
    instead = f" {known.follows} is what follows it." if known.follows else ""
    note = f"{whole} has no newer Python: {known.why}.{instead}"
    if known.platform and context.env.platform not in ("", known.platform):
        return by_pip(
            [known.follows], f"{whole} is for {known.platform} alone: {known.why}. {known.follows} follows it."
        )
    return Fix((f"python {known.python}.*",), (whole,), fresh(known.python, pip=(whole,)), note)
