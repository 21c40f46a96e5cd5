"""Advice about the display driver: TFD306."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..environment.facts import PIP
from ..findings import Fix
from ..specifiers import major_minor
from .make import FORGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context


def _is_wsl(context: Context) -> bool:
    return any(word in f"{context.env.system.os} {context.env.error_text}".lower() for word in ("wsl", "microsoft-s"))


def driver(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD306: the display driver, which no package of an environment brings."""
    if "__cuda" in context.env.error_text:
        return Fix(
            note="The solver sees no NVIDIA driver. To solve for a machine that has one (a container image), set "
            "CONDA_OVERRIDE_CUDA to its CUDA (12.0) in the shell; else install the driver, or take the CPU build."
        )
    if _is_wsl(context):
        return Fix(
            note="Install the current NVIDIA display driver on Windows, and none inside of WSL2: it brings libcuda.so "
            "to /usr/lib/wsl/lib, which has to be found (export LD_LIBRARY_PATH=/usr/lib/wsl/lib:$LD_LIBRARY_PATH)."
        )
    text = context.env.error_text
    if re.search(r"does not match DSO version|[Dd]river/library version mismatch", text):
        note = "Restart the machine: the driver was updated, and its part of the kernel is still the old one."
        if said.get("has") and said.get("needs"):
            note += (
                f" It is {said['has']}, and its library is of {said['needs']}: where a restart leaves them so, install "
            )
            note += f"driver {said['needs']}; in a container, take its own libcuda (the folder compat) out."
        return Fix(note=note)
    if re.search(r"CUDA_VISIBLE_DEVICES\W{0,4}(?:is set to|=|:)\W{0,4}(?:-1|\"\"|'')", text):
        return Fix(note="CUDA_VISIBLE_DEVICES hides the GPU: unset it, or give it the GPU's number (0).")
    if "CUDA_ERROR_UNKNOWN" in text and not re.search(r"kernel driver does not appear|insufficient", text):
        return Fix(
            note="The driver is there and did not start. Restart the machine (after a driver's update, or after it "
            "slept), or load the driver's module for CUDA and make its device files: sudo nvidia-modprobe -u -c=0; for "
            "a container on the host, before the container starts. nvidia-smi works without that module."
        )
    if re.search(r"\bdocker\b|\bcontainer|podman|singularity|apptainer", text, re.IGNORECASE):
        return Fix(
            note="A container sees the GPU where it is started with it: docker run --gpus all (singularity exec --nv), "
            "with NVIDIA's driver and its Container Toolkit on the host. Or update that driver."
        )
    floor = said.get("driver", "") or (context.build.driver if context.build else "")
    there = context.env.system.cuda_driver or next(
        iter(re.findall(r"insufficient driver version: ([\d.]*\d)", text)), ""
    )
    # What is there is new enough for its family, and failed.
    if _PTX.search(text) or (floor and there and versions.contains(floor.removeprefix("driver "), there)):
        floor = _that_compiles(context) or floor
    wanted = f" ({floor})" if floor else ""
    return Fix(note=f"Update the NVIDIA display driver{wanted}; no package of the environment can do that.")


# What the driver is to compile has to be of a CUDA that it knows; a driver of the family is not enough for that.
_PTX = re.compile(r"PTX_VERSION|PTX was compiled with an unsupported toolchain|Unsupported \.version")


def _that_compiles(context: Context) -> str:
    """Return the driver that came with the CUDA of this build."""
    built, column = cuda_of_release(context), "windows" if context.env.os == "win" else "linux"
    rows = context.matrix.table("drivers")["releases"].items()
    known = [str(row[column]) for name, row in rows if built and versions.minor(name) == major_minor(built)]
    return f">={min(known, key=versions.key)}" if known else ""


def cuda_of_release(context: Context) -> str:
    """Return the CUDA that the build was made with, else the newest that a build of the release has; empty for none."""
    if context.build and context.build.cuda_built:
        return context.build.cuda_built
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or not tensorflow.version or tensorflow.manager == PIP:
        return ""
    rows = context.matrix.builds("tensorflow", tensorflow.version, tensorflow.channel or FORGE, env.platform)
    return max((row.cuda_built for row in rows if row.cuda_built), key=versions.key, default="")
