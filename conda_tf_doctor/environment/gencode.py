"""Which runtime of protobuf the code asks for that protobuf's compiler generated into installed packages.

Such code (``*_pb2.py``) says so itself: from protobuf 5.26 on it calls ``ValidateProtobufRuntimeVersion`` with its own
version, before that it needs ``google.protobuf.internal.builder`` (3.20), and what is older than protoc 3.19 makes
descriptors that protobuf 4 refuses. One folder of a package is made by one compiler, or by few.
"""

from __future__ import annotations

import os

from .._light import re
from .._typing import TYPE_CHECKING
from ..reading import read_start
from .site import site_packages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .facts import Environment

# Whichever of its distributions it came with.
TENSORFLOW = "tensorflow"
# TensorFlow itself, and what people import with it, where it has generated code.
_READ = (
    *(TENSORFLOW, "tensorboard", "tf-keras", "ydf", "onnx", "tensorflow-hub", "tensorflow-decision-forests"),
    "keras-tuner",
)
# Import packages whose name is not that of the distribution.
_FOLDERS = {"ydf": "yggdrasil_decision_forests"}
# Where a package is too large to search: every file there comes from one run of the compiler.
_PLACES = {"tensorflow": ("core", "framework")}
_MOST_FOLDERS, _MOST_FILES = 60, 8
# The call stands below the imports and the licence.
_HEAD = 4096
_CALL = r"ValidateProtobufRuntimeVersion\(\s*[\w.]+,\s*(\d+),\s*(\d+),\s*(\d+)"


def generated_code(env: Environment) -> dict[str, tuple[str, str]]:
    """Return what the generated code of installed packages asks of protobuf.

    Returns:
        For each package that asks for something a range and the file that says so; ``tensorflow`` stands for all of its
        distributions. Of a report, what it says.
    """
    folder = site_packages_of(env) if env.kind == "prefix" else ""
    if not folder:
        return env.generated_code
    there = (name for name in _READ if name == TENSORFLOW or env.package(name) is not None)
    found = {name: asked_runtime(folder, name) for name in there}
    return {name: asked for name, asked in found.items() if asked[0]}


def asked_runtime(site_packages: str, distribution: str) -> tuple[str, str]:
    """Return the range of protobuf that a package's generated code needs, and the file that says so.

    Args:
        site_packages: The environment's site-packages folder.
        distribution: Normalised name.

    Returns:
        A range (``>=6.31.1``, ``<4``) and a path relative to site-packages; both empty where there is no such code, or
        it asks for nothing in particular.
    """
    name = _FOLDERS.get(distribution, distribution.replace("-", "_"))
    top = os.path.join(site_packages, name, *_PLACES.get(name, ()))
    newest: tuple[tuple[int, ...], str] = ((), "")
    old: list[bool] = []
    for path in _generated(top):
        try:
            text = read_start(path, _HEAD)
        except OSError:
            continue
        where = os.path.relpath(path, site_packages).replace(os.sep, "/")
        # A few that nobody generated anew do not stop a package that has others.
        old.append("_descriptor.FileDescriptor(" in text)
        found = re.search(_CALL, text)
        version = tuple(map(int, found.groups())) if found else (3, 20) if "internal import builder" in text else ()
        newest = max(newest, (version, where))
    if old and all(old):
        return "<4", newest[1]
    return (f">={'.'.join(map(str, newest[0]))}", newest[1]) if newest[0] else ("", "")


def _generated(top: str) -> Iterator[str]:
    """Yield some of the files of the first folder that has any, breadth first."""
    folders = [top]
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        files = [entry.path for entry in listed if entry.name.endswith("_pb2.py")]
        if files:
            yield from files[:: max(1, len(files) // _MOST_FILES)]
            return
        inner = [e.path for e in listed if e.is_dir(follow_symlinks=False) and e.name not in ("include", "__pycache__")]
        folders += inner[: _MOST_FOLDERS - len(folders)] if len(folders) < _MOST_FOLDERS else []
