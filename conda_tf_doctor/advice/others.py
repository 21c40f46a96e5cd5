"""Advice about packages made of TensorFlow whose requirements leave few Pythons."""

from __future__ import annotations

import re

from .. import versions
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
        beside: What it is to be installed with.
        oldest: The oldest minor that can have its newest release; empty where that is no question.
    """

    python: str
    why: str
    follows: str
    platform: str = ""
    beside: tuple[str, ...] = ()
    oldest: str = ""


_MAKER = Other(
    "3.9",
    "it requires scann 1.2.6, whose wheels are for Linux and Python up to 3.9",
    "mediapipe-model-maker",
    "linux-64",
)
_OF_MAKER = re.compile(r"(?:tflite|model)[-_ ]model[-_ ]maker", re.IGNORECASE)
# By what their wheels and those of what they require declare.
OTHERS = {
    "tflite-model-maker": _MAKER,
    "tflite-model-maker-nightly": _MAKER,
    "mediapipe-model-maker": Other("3.11", "it requires tensorflow before 2.16, which is for Python up to 3.11", ""),
    "tflite-runtime": Other("3.11", "its last wheels, of 2.14, are for Python up to 3.11", "ai-edge-litert"),
    "tensorflow-directml-plugin": Other(
        "3.10", "its last wheels are for Python up to 3.10", "", beside=("tensorflow-cpu==2.10.0",)
    ),
    "dm-reverb": Other("3.11", "its wheels are for Linux on x86-64 and Python up to 3.11", "", "linux-64"),
    "tensorflow-federated": Other(
        "3.11", "it requires TensorFlow 2.14, which is for Python 3.9 to 3.11", "", "linux-64", oldest="3.9"
    ),
    "tflite-support": Other("3.11", "its last wheels, of 0.4.4, are for Python up to 3.11", "mediapipe"),
}  # fmt: skip


def for_older_python(context: Context, said: Mapping[str, str]) -> Fix | None:
    """Return what to do where such a package is asked for, by the text or the request; ``None`` where none is."""
    env = context.env
    asked = [normalise(said.get("name", "")), *(package.name for package in env.requested)]
    if "scann" in asked and (said.get("wanted_version") == "==1.2.6" or _OF_MAKER.search(env.error_text)):
        asked = ["tflite-model-maker"]
    if "newer" in said:
        # Who asks for another Python is what is there.
        asked += [package.name for package in env.packages]
    name = next((each for each in asked if each in OTHERS), "")
    if not name:
        return None
    known, minor = OTHERS[name], env.python.minor
    here = not known.platform or env.platform in ("", known.platform)
    old = known.oldest and minor and versions.key(minor) < versions.key(known.oldest)
    if here and minor and not old and versions.key(minor) <= versions.key(known.python):
        ended = known.follows and known is not _MAKER and asked[0] == name
        return by_pip([known.follows], f"{name} has ended: {known.follows} follows it.") if ended else None
    whole = "tflite-model-maker" if known is _MAKER else name
    instead = f" {known.follows} is what follows it." if known.follows else ""
    note = f"{whole} has no newer Python: {known.why}.{instead}"
    if not here and not known.follows:
        return Fix(note=f"{whole} is for {known.platform} alone: {known.why}. Use it there, or do without.")
    if old:
        wanted = (*known.beside, whole)
        note = f"The newest {whole} is for Python {known.oldest} to {known.python}."
        return Fix((f"python {known.python}.*",), wanted, fresh(known.python, pip=wanted), note)
    if not here:
        return by_pip(
            [known.follows], f"{whole} is for {known.platform} alone: {known.why}. {known.follows} follows it."
        )
    wanted = (*known.beside, whole)
    return Fix((f"python {known.python}.*",), wanted, fresh(known.python, pip=wanted), note)
