"""TFD501 of what records a package: without RECORD nobody knows its files, without METADATA pip knows no package."""

from __future__ import annotations

import os

from ... import reading
from ..._typing import TYPE_CHECKING
from ...context.context import Context
from ...environment.facts import PIP
from ...environment.tensorflow import OWNERS
from ...environment.unrecorded import MODULES
from ...findings import WARNING, Finding, Fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...environment.facts import Package

# Who writes a RECORD; what a distribution of Linux packages has none on purpose.
_WRITERS = ("pip", "uv")


def metadata(context: Context) -> Iterator[Finding]:
    """TFD501: packages of the stack whose metadata is not there, as a whole or in part."""
    env = context.env
    if context.tensorflow is None or not env.prefix or env.kind != "prefix":
        return
    for package in env.packages:
        of_stack = package.name in OWNERS or package.name in MODULES
        # What lies in the Python below a venv is that one's to say.
        if package.manager != PIP or not of_stack or os.path.isabs(package.source) or env.pip(package.name) != package:
            continue
        lost = _lost(os.path.join(env.prefix, *package.source.split("/")))
        if lost:
            yield _finding(context, package, lost)


def _lost(folder: str) -> str:
    """Return what of a package's metadata is not there; empty where nothing lacks."""
    if folder.endswith(".egg-info"):
        return ""
    if not folder.endswith(".dist-info"):
        return "metadata"
    try:
        there = set(os.listdir(folder))
        if "METADATA" not in there:
            return "METADATA"
        if "RECORD" in there or "INSTALLER" not in there:
            return ""
        installer = reading.read_start(os.path.join(folder, "INSTALLER"), 64).strip()
        return "RECORD" if installer in _WRITERS else ""
    except OSError:
        return ""


_OF = {
    "metadata": "pip takes it for not installed and writes whatever version it likes over it, and nothing tells "
    "whether its files are whole",
    "METADATA": "pip takes it for not installed, and writes whatever version it likes over it",
    "RECORD": "pip can neither update nor remove it, and nothing tells whether its files are whole",
}


def _finding(context: Context, package: Package, lost: str) -> Finding:
    from ...advice.make import working
    from .words import with_files_again

    name, version = package.name, package.version
    label = f"{name} {version}".strip()
    found = f"{label} without {lost}"
    subject = f"{label} is there without any metadata" if lost == "metadata" else f"{lost} of {label} is not there"
    spec = "" if version else working(context, name)
    command = with_files_again(name, version, unrecorded=True)
    # Of an unknown TensorFlow no other one can take the place.
    if name in OWNERS and not version:
        fix = Fix(note="Install TensorFlow again, in the version that your code is for.")
    elif version:
        fix = Fix(commands=(command,), reinstall=((PIP, name),))
    else:
        fix = Fix(pip=(f"{name}{spec}",), commands=((*command[:-1], f"{name}{spec}"),))
    return Finding(
        "TFD501",
        WARNING,
        f"{subject}: {_OF[lost]}.",
        found=found,
        expected="the metadata that its wheel brought",
        evidence=(package.source,),
        source=package.source,
        package=name,
        fix=fix,
    )
