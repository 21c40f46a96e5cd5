"""What the rules on binaries have in common: how a file is named, who is to blame for it, what writes it again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from ..._typing import TYPE_CHECKING
from ...binaries.stack import is_of_tensorflow
from ...context.context import Context
from ...environment.facts import CONDA
from ...findings import Fix

if TYPE_CHECKING:
    from ...binaries.closure import Module
    from ...binaries.records import Recorded

# What TensorFlow loads for a GPU; which version of these is right is the CUDA family's business.
GPU_LIBRARY = re.compile(
    r"(?:lib)?(?:cud(?:art|nn)|cublas(?:lt)?|cufft|curand|cusolver|cusparse|nvrtc|cupti|nccl|nvinfer|cuda|nvcuda)"
    r"(?:_\w+)?(?:64)?[_\d]*(?:\.dll|\.so(?:\.\d+)*)\Z",
    re.I,
)
SHOWN = 5


def relative(context: Context, path: str) -> str:
    """Return a path below the prefix with forward slashes, any other as it is."""
    prefix = context.env.prefix
    if prefix and os.path.normcase(path).startswith(os.path.normcase(prefix) + os.sep):
        return os.path.relpath(path, prefix).replace(os.sep, "/")
    return path


def listed(names: Iterable[str]) -> str:
    """Return a few names for people, and how many more there are."""
    unique = list(dict.fromkeys(names))
    rest = f" and {len(unique) - SHOWN} more" if len(unique) > SHOWN else ""
    return ", ".join(unique[:SHOWN]) + rest


def reinstall(context: Context, path: str = "") -> Fix:
    """Return what writes TensorFlow's files again, through whoever owns them."""
    tensorflow = context.tensorflow
    if tensorflow is None or (path and not re.search(r"(?<![^/])tensorflow(?:_core)?/", path)):
        return Fix(note=f"Install the package that {os.path.basename(path) or 'it'} belongs to again.")
    return _reinstalled(context, tensorflow.manager, tensorflow.name, tensorflow.version)


def again(context: Context, entry: Recorded) -> Fix:
    """Return what installs a package again that recorded a file."""
    package = context.env.conda(entry.owner) if entry.manager == CONDA else context.env.pip(entry.owner)
    name, version = (package.name, package.version) if package else (entry.owner, "")
    return _reinstalled(context, entry.manager, name, version)


def _reinstalled(context: Context, manager: str, name: str, version: str) -> Fix:
    if manager == CONDA:
        where = ("-p", context.env.prefix) if context.env.prefix else ()
        return Fix(commands=(("conda", "install", *where, "--force-reinstall", name),))
    return Fix(commands=(with_files_again(name, version),))


def with_files_again(name: str, version: str) -> tuple[str, ...]:
    """Return the command by which pip writes all files of a distribution anew, in the version that is there."""
    requirement = f"{name}=={version}" if version else name
    return ("python", "-m", "pip", "install", "--force-reinstall", "--no-deps", "--no-cache-dir", requirement)


def owner(context: Context, path: str = "site-packages/tensorflow/") -> str:
    """Return the package to blame for a file where it is TensorFlow's own, else an empty string."""
    return context.tensorflow.package.name if context.tensorflow and is_of_tensorflow(path) else ""


def before(module: Module, path: str) -> bool:
    """Tell whether a copy was met before the one that is loaded: those are noted first."""
    first = module.passed_over.index(path)
    return module.image is not None and first < module.met
