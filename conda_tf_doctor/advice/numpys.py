"""Advice about numpy: TFD603, in the direction that the message tells."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..context.promises import find
from ..findings import Fix
from ..installers import ANEW
from ..specifiers import joined
from .make import asking, before, by_pip, change, is_conda, needed, working

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

# The first numpy with each version of its C API (numpy's own cversions.txt).
_NUMPY_API = {
    0x9: "1.9", 0xA: "1.10", 0xB: "1.13", 0xC: "1.14", 0xD: "1.16", 0xE: "1.20", 0xF: "1.22", 0x10: "1.23",
    0x11: "1.25", 0x12: "2.0", 0x13: "2.1", 0x14: "2.3",
}  # fmt: skip


def numpy(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD603: a numpy that the compiled modules were made for."""
    env, name = context.env, said.get("name", "")
    text, works = env.error_text, working(context, "numpy") or needed(said, "numpy")
    compiled = re.search(r"compiled against A[PB]I version (?:0x)?([0-9a-f]{1,8})", text)
    floor = _NUMPY_API.get(int(compiled[1], 16), "") if compiled else ""
    if re.search(r"numpy\.ndarray size changed[^\n]*Expected 96 from C header, got (?:80|88)", text):
        # An array has that size from 1.22 on.
        floor = "1.22"
    if floor:
        # Older ones have no wheels for the Pythons that are left.
        floor = max(floor, "1.16", key=versions.key)
        below = "" if versions.key(floor) >= versions.key("2") else ",<2"
        known = context.matrix.wheels.installable("numpy", env.platform, env.python.minor)
        both = joined(works, f">={floor}{below}")
        fits = any(versions.contains(works, v) and versions.contains(f">={floor}{below}", v) for v in known)
        # What was compiled for a newer numpy than TensorFlow asks for does not load with any that it asks for.
        return change(context, {"numpy": both if fits else f">={floor}{below}"})
    two = "using NumPy 1.x" in text or "_ARRAY_API" in text
    if not two and re.search(r"Expected (?:96|80) from C header, got 88", text):
        note = "What was built for another numpy (the traceback names it) has to be installed again with it."
        asks, there = asking(context), find(context, "numpy")
        if asks not in ("", "numpy", "tensorflow") and there and there.version and _fits(works, there.version):
            return by_pip([asks, f"numpy=={there.version}"], note, ANEW[:2])
        return change(context, {"numpy": works or ">=1.26"}, note)
    there = find(context, "numpy")
    if name in _NEWER_NAMES:
        # Of a TensorFlow that is not known, numpy 1 is for every one; the newest Pythons have none.
        within = works or ("<2" if context.matrix.wheels.newest("numpy", "<2", env.platform, env.python.minor) else "")
        return change(context, {"numpy": joined(within, f">={_NEWER_NAMES[name]}")})
    if name in _OLD_ALIASES:
        return _old_alias(context, name, works)
    if not two and there and there.version and versions.contains("<2", there.version) and _fits(works, there.version):
        # What was compiled for a newer numpy says the same.
        newest = context.matrix.wheels.newest("numpy", works or "<2", env.platform, env.python.minor)
        if newest and versions.key(newest) > versions.key(there.version):
            note = f"numpy {there.version} is of the range, and older than what asks for it."
            return change(context, {"numpy": joined(works or "<2", f">{there.version}")}, note)
        return by_pip(
            [f"numpy=={there.version}"], "This numpy is of the range: its files are to be written anew.", ANEW
        )
    python = env.python.minor if not two and not (there and there.version) and not is_conda(context) else ""
    if python and not context.matrix.wheels.newest("numpy", ">=2", env.platform, python):
        note = f"Python {python} has no numpy 2: the numpy here is older than what was compiled, or not whole."
        return by_pip([f"numpy{works}"], note, ("--upgrade", *ANEW))
    note = "" if before(context, "2.18") is False else "Or take tensorflow>=2.18, which is built for numpy 2."
    oldest = next((floor for line, floor in _OF_THE_LINE if line in text), "")
    return change(context, {"numpy": works or f"{oldest}<2"}, note)


# Where TensorFlow itself stops, it may be an older numpy as well: what its releases with that line were compiled with.
_OF_THE_LINE = (("_pywrap_bfloat16.TF_bfloat16_type", ">=1.20,"), ("pywrap_ml_dtypes", ">=1.22,"))


def _fits(spec: str, version: str) -> bool:
    return not spec or versions.contains(spec, version)


def _old_alias(context: Context, name: str, works: str) -> Fix:
    """Return what to do where code asks for an alias that numpy 1.24 took away, and no later release gives back."""
    asks = asking(context)
    note = f"Or take a newer {asks}."
    if asks in ("", "numpy"):
        new = "np.sctypeDict" if name == "typeDict" else name
        note = f"Or write {new} for np.{name}, where the code is yours."
    spec, env = joined(works, "<1.24"), context.env
    if context.matrix.wheels.newest("numpy", spec, env.platform, env.python.minor):
        return change(context, {"numpy": spec}, note)
    return Fix(note=f"numpy before 1.24 had it, and this Python has none of those: {note[3:]}")


# What numpy 1.24 removed; the other names went with 2.0.
_OLD_ALIASES = frozenset(("object", "bool", "int", "float", "complex", "str", "typeDict"))
# What came with a release; who asks for it was made for that one or a later one.
_NEWER_NAMES = {"dtypes": "1.25", "exceptions": "1.25", "_core": "1.26", "typing": "1.20"}
