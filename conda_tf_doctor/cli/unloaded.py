"""What to say where Python cannot load a module: one that is not installed, is damaged, or is hidden by another's.

What tells it may not count on any module but those that every Python has loaded when it starts.
"""

from __future__ import annotations

import os
import sys

from .._typing import TYPE_CHECKING, Any
from ..safely import reason
from ..shell import quoted

if TYPE_CHECKING:
    from types import TracebackType

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PYTHONS = os.path.dirname(os.__file__) + os.sep
# Those of the modules that we need whose distribution has another name.
_DISTRIBUTIONS = {"ruamel": "ruamel.yaml"}


def places(error: BaseException) -> list[tuple[str, int, str]]:
    """Return file, line and function of what an error passed; what raised it comes last."""
    found: list[tuple[str, int, str]] = []
    at: TracebackType | None = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        found.append((code.co_filename, at.tb_lineno, code.co_name))
        at = at.tb_next
    return found


def unloaded(error: Exception) -> str:
    """Return the sentence for an error of loading a module, or a file of ours; empty for any other error."""
    if isinstance(error, OSError):
        if not str(error.filename).startswith(_OWN):
            return ""
        told = f"A part of conda-tf-doctor's own installation cannot be read ({error.strerror}: {error.filename})"
        return f"{told}; install it anew, in folders: it does not run out of a zip file."
    found, file = _culprit(error)
    if not found:
        return ""
    name = (getattr(error, "name", None) or "").split(".")[0]
    what = f"This Python ({sys.executable}) cannot load what conda-tf-doctor needs ({reason(error)})"
    if sys.flags.no_site:
        return f"{what}: it was started with -S, which hides what is installed; start it without."
    if name in sys.stdlib_module_names and name not in sys.modules:
        return f"{what}: it was built without that; use another one."
    if file := file or _file_of(sys.modules.get(name)):
        return f"{what}: {file} is damaged, or hides another of its name; take it out of the way, or install it anew."
    missing = _DISTRIBUTIONS.get(name, name) or "conda-tf-doctor"
    return f"{what}: install it, `{quoted(sys.executable)} -m pip install {missing}`."


def _culprit(error: Exception) -> tuple[bool, str]:
    """Tell whether an error is one of loading a module, and which file is not what it should be, if any."""
    module = getattr(error, "obj", None)
    if isinstance(error, AttributeError) and isinstance(module, type(sys)):
        # Another module than the one that is meant has not what that has.
        file = _file_of(module)
        return not file.startswith((_OWN, _PYTHONS)), file
    passed = places(error)
    last = max((place for place, (file, *_) in enumerate(passed) if file.startswith(_OWN)), default=-1)
    # Python takes its own importer's frames out; what a module runs when it is loaded has this name.
    ran = [file for file, _, function in passed[last + 1 :] if function == "<module>"]
    file = (isinstance(error, ImportError) and error.path) or (isinstance(error, SyntaxError) and error.filename) or ""
    file = "" if file.startswith("<") else file
    found = isinstance(error, ImportError) or bool(ran) or (bool(file) and not passed[last + 1 :])
    return found, file or (ran[-1] if ran else "")


def _file_of(module: Any) -> str:
    return getattr(module, "__file__", None) or ""
