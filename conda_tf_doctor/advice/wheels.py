"""Which of an index's files an installer finds: those for the Python it runs on, whose platform its pip knows."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..findings import Fix
from ..matrix.model import PYPI
from ..names import normalise
from .make import by_conda, by_pip, is_conda, stable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context


def minors_of(context: Context, name: str, version: str, platform: str = "") -> list[str]:
    """Return the Pythons that builds of a TensorFlow exist for, oldest first.

    Args:
        context: Tells the channel and, where left out, the platform.
        name: Distribution.
        version: One version; empty for the Pythons of all that is not older than TensorFlow 2.
        platform: Conda subdir.
    """
    channel = context.channel or PYPI
    platform = platform or context.env.platform
    rows = context.matrix.builds(name, version, channel, platform)
    rows = rows or context.matrix.builds("tensorflow", version, channel, platform)
    # A release candidate's Python is taken only where that very release is meant.
    final = [row for row in rows if version or not row.prerelease]
    return sorted({minor for row in final or rows for minor in row.python}, key=versions.key)


def instead_of_conda(context: Context, version: str) -> str:
    """Return the wheel's version that a file gets which asks conda for what it has not; empty where there is none."""
    env = context.env
    here = stable(context.matrix.versions("tensorflow", PYPI, env.platform, env.python.minor))
    if env.os == "win" and context.gpu_wanted:
        # The CUDA beside it is for a release that uses a GPU on native Windows.
        here = [each for each in here if versions.contains("<2.11", each)]
    return _nearest(context, here, version)


def _nearest(context: Context, known: list[str], version: str) -> str:
    """Return the newest release of a version's minor, else the newest that a file admits; empty where none is."""
    asked = context.tensorflow.package.picked_from if context.tensorflow else ""
    alike = [each for each in known if versions.minor(each) == versions.minor(version)]
    admitted = [each for each in known if asked and versions.conda_contains(asked, each)]
    return (alike or admitted or [""])[-1]


def under_pip(context: Context, wheel: str) -> Fix:
    """Return that pip has for a file what no channel of it has."""
    section = "[pypi-dependencies]" if context.env.path.endswith(".toml") else "pip:"
    note = f"pip has it for {context.env.platform}: tensorflow=={wheel}, under `{section}`."
    return by_pip([f"tensorflow=={wheel}"], note)


def of_today(context: Context) -> str:
    """Return the wheel for a file that asks for any TensorFlow, of a channel that stopped before TensorFlow 2."""
    tensorflow = context.tensorflow
    if context.env.kind != "file" or tensorflow is None or not is_conda(context) or not tensorflow.package.picked_from:
        return ""
    wheel = instead_of_conda(context, tensorflow.version)
    return wheel if wheel and versions.release(wheel)[0] > versions.release(tensorflow.version)[0] else ""


def of_a_mac(context: Context, version: str) -> Fix | None:
    """Return conda's tensorflow in the place of its tensorflow-gpu, which no channel has for a Mac."""
    env = context.env
    if env.os != "osx" or not is_conda(context):
        return None
    here = stable(context.matrix.versions("tensorflow", context.channel, env.platform, env.python.minor))
    found = _nearest(context, here, version)
    note = "CUDA does not use the GPU of a Mac; tensorflow-metal, by pip, does."
    return by_conda((f"tensorflow {versions.minor(found)}.*",), note) if found else None


# The first pip that knows a platform that wheels for Linux are named for, and TensorFlow's first release that is.
_PLATFORMS_OF_PIP = (("2.10", "19.3", "manylinux2014"), ("1.15", "19", "manylinux2010"))


def old_pip(context: Context, said: Mapping[str, str]) -> tuple[str, str]:
    """Return the pip that would find what one did not: its version and the platform that the older does not know.

    It offers what came before, and nothing from the first release on that is named for the newer platform, though
    that is for the same Python.

    Returns:
        Two empty texts where the pip is not the reason, or nothing tells.
    """
    offered = stable(re.findall(r"\d[\w.]*", said.get("offered", "")))
    wanted = re.findall(r"\d[\d.]*", said.get("wanted_version", ""))[:1]
    if not offered or not wanted or context.env.platform != "linux-64":
        return "", ""
    version = wanted[0].rstrip(".")
    name = normalise(said.get("name", "")) or "tensorflow"
    there, asked = (minors_of(context, name, v) for v in (offered[-1], _release_of(context, name, version)))
    both = [minor for minor in there if minor in asked and context.env.python.minor in ("", minor)]
    known = stable(context.matrix.versions(name, PYPI, "linux-64"))
    for first, pip, platform in _PLATFORMS_OF_PIP:
        below = versions.key(offered[-1]) < versions.key(first) <= versions.key(version)
        # What it offers goes as far as the last release before that.
        last = [each for each in known if versions.key(each) < versions.key(first)]
        if both and below and last and versions.minor(offered[-1]) == versions.minor(last[-1]):
            return pip, platform
    return "", ""


def _release_of(context: Context, name: str, version: str) -> str:
    """Return a release that the matrix has of what was asked for, which may leave its patch out."""
    known = context.matrix.versions(name, PYPI, context.env.platform)
    return next((v for v in known if f"{v}.".startswith(f"{version}.")), version)


def range_of_project(text: str) -> str:
    """Return the range of Pythons that a project may admit, by what its locker says; empty where none says it.

    A lock file is for every Python of the project, whichever runs the locker.
    """
    if pdm := re.search(r"change the value of `requires-python`[^\n]{0,40} to (>=[\d.]+,<[\d.]+\d)", text):
        return pdm[1]
    if poetry := re.search(r"project's (?:supported Python range|Python requirement) \((>=[\d.]+)", text):
        below = re.findall(r"requires Python [^\n]{0,200}?<\s{0,9}(3\.\d+)", text)
        return f"{poetry[1]},<{max(below, key=versions.key)}" if below else poetry[1]
    uv = re.search(r"for split \((?:markers: )?python_full_version >= '(3\.\d+)", text)
    return f"<{uv[1]}" if uv else ""
