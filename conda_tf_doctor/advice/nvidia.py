"""Advice about NVIDIA's libraries as pip's wheels, and for machines that the index has none for."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..environment.facts import CONDA, PIP
from ..findings import Fix
from ..matrix.model import PYPI
from ..names import parse_requirement
from ..specifiers import major_minor
from .make import by_pip, is_conda, pair
from .packages import metal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

DRIVER_NOTE = "Nothing but the display driver has to be installed besides (under WSL2: on Windows)."
# The folder of one of NVIDIA's wheels, or of all, in the shell.
_FOUND = (
    "$(python -c \"import glob,sysconfig;print(':'.join(glob.glob(sysconfig.get_path('purelib')+'/nvidia/{}/lib')))\")"
)
_ON_A_JETSON = re.compile(r"jetson|jetpack|tegra|\bl4t\b|\borin\b|xavier", re.IGNORECASE)


def of_wheels(context: Context) -> bool:
    """Tell whether TensorFlow's wheel has CUDA's wheels as an extra (``tensorflow[and-cuda]``, Linux from 2.14 on)."""
    tensorflow = context.tensorflow
    if tensorflow is None or context.env.platform != "linux-64" or tensorflow.manager == CONDA:
        return False
    if tensorflow.name not in ("tensorflow", "tensorflow-gpu"):
        return False
    return not tensorflow.version or bool(context.build and context.build.nvidia)


def and_cuda(context: Context) -> Fix:
    """Return what brings TensorFlow's wheel together with the CUDA that it was built for."""
    version = context.tensorflow.version if context.tensorflow else ""
    if not version:
        here = context.env.python.minor
        rows = context.matrix.builds("tensorflow", channel=PYPI, platform=context.env.platform)
        if here and not any(here in row.python and row.nvidia for row in rows):
            return pair(context, {"tensorflow[and-cuda]": ">=2.17"}, DRIVER_NOTE)
        return by_pip(["tensorflow[and-cuda]"], DRIVER_NOTE, ("--upgrade",))
    # What the extra installs, for those who have TensorFlow already.
    wheels = context.build.nvidia if context.build else ()
    found = f"export LD_LIBRARY_PATH={_FOUND.format('*')}"
    if versions.contains("==2.16.*", version):
        # Its wheels look in the wrong folders for NVIDIA's.
        note = f"2.16 does not find the libraries that pip installs; to stay with it: {found}. {DRIVER_NOTE}"
        return by_pip(["tensorflow[and-cuda]>=2.17"], note)
    if wheels and all(_is_there(context, wheel) for wheel in wheels):
        return of_folders(context)
    note = DRIVER_NOTE
    if re.search(r"install\S* [^\n]{0,60}and-cuda", context.env.error_text):
        note = f"Where that is installed already: {found}. {note}"
    return with_extra(context, version, note)._replace(pip=wheels)


def with_extra(context: Context, version: str, note: str) -> Fix:
    """Return a release with the CUDA of its extra, or the next one whose extra pip can install."""
    if asks_in_vain(version, context.env.python.minor):
        return by_pip(["tensorflow[and-cuda]==2.15.1"], f"{_IN_VAIN.format(version)} {note}")
    return by_pip([f"tensorflow[and-cuda]=={version}"], note)


_IN_VAIN = "The extra of {} asks for a TensorRT that pip does not find here; that of 2.15.1 asks for none."


def without_tensorrt(context: Context, said: Mapping[str, str]) -> Fix | None:
    """Return the extra that asks for no TensorRT, where it is one of those that pip did not find."""
    if not said.get("name", "").startswith("tensorrt"):
        return None
    if context.env.platform not in ("linux-64", ""):
        return by_pip(["tensorflow"], "Leave the extra [and-cuda] out: it is for Linux on x86-64 (and WSL2) alone.")
    here = context.matrix.wheels.newest("tensorflow", "==2.15.1", "linux-64", context.env.python.minor)
    release = "==2.15.1" if here else ">=2.17"
    return by_pip([f"tensorflow[and-cuda]{release}"], f"From 2.15.1 on it asks for no TensorRT. {DRIVER_NOTE}")


def asks_in_vain(version: str, python: str) -> bool:
    """Tell whether the extra asks for TensorRT that pip does not find: 8.5 is for Python up to 3.10, 8.6 is gone."""
    return versions.contains("==2.15.0", version) or (
        versions.contains("==2.14.*", version) and python not in ("", "3.9", "3.10")
    )


def _is_there(context: Context, wheel: str) -> bool:
    name, spec = parse_requirement(wheel)
    there = context.env.pip(name)
    return there is not None and (not there.version or versions.contains(spec, there.version))


def on_a_jetson(context: Context) -> bool:
    """Tell whether the machine is one of NVIDIA's Jetsons, by what the report and the text call it."""
    env = context.env
    return bool(_ON_A_JETSON.search(f"{env.system.os} {env.system.gpu} {env.system.cpu_model} {env.error_text}"))


def without_cuda(context: Context, said: Mapping[str, str]) -> Fix | None:
    """Return what uses the GPU of a machine for which no wheel of the index has CUDA; ``None`` elsewhere."""
    env = context.env
    if env.os == "osx":
        return metal(context, said)
    if env.platform != "linux-aarch64" or is_conda(context):
        return None
    note = "The index's wheels of TensorFlow for aarch64 have no CUDA. "
    if on_a_jetson(context):
        return Fix(
            note=f"{note}Take NVIDIA's own: its wheel of TensorFlow for this release of JetPack, in the Python that it "
            "is for (3.6 for JetPack 4, 3.8 for JetPack 5, 3.10 for JetPack 6), or its container for Jetson."
        )
    return Fix(note=f"{note}Take NVIDIA's container of TensorFlow for Arm (NGC).")


def unversioned(context: Context, said: Mapping[str, str]) -> Fix | None:
    """Return NVRTC under the name without a number by which cuDNN 8 asks for it, and which only a toolkit has."""
    if not re.search(r"libnvrtc\.so\Z", said.get("library", "")) or context.env.os != "linux":
        return None
    built = context.build.cuda_built if context.build else ""
    of_pip = next((wheel for wheel in context.cuda if wheel.package.manager == PIP), None)
    major = (of_pip.version if of_pip else built or "11").split(".")[0]
    there = f"/usr/local/cuda-{major_minor(built)}/lib64" if built else "its lib64"
    note = f"Or, where a toolkit is installed: export LD_LIBRARY_PATH={there}:$LD_LIBRARY_PATH."
    if not of_wheels(context) and of_pip is None:
        return Fix(note=f"cuDNN asks for libnvrtc.so, a part of CUDA's toolkit. {note[4].upper()}{note[5:]}")
    wheel = f"nvidia-cuda-nvrtc-cu{major}"
    link = f"cd {_FOUND.format('cuda_nvrtc')} && ln -s libnvrtc.so.1* libnvrtc.so && "
    link += "export LD_LIBRARY_PATH=$PWD:$LD_LIBRARY_PATH"
    note = f"Then give it the name that cuDNN asks for: {link}. {note}"
    return by_pip([wheel], note) if context.env.pip(wheel) is None else Fix(note=note.removeprefix("Then "))


def of_folders(context: Context) -> Fix:
    """Return how TensorFlow is led to NVIDIA's wheels, which only releases from 2.14 on look for by themselves."""
    own = ":$CONDA_PREFIX/lib" if any(library.package.manager != PIP for library in context.cuda) else ""
    version = context.tensorflow.version if context.tensorflow else ""
    newer = "" if version and versions.contains(">=2.17", version) else _NEWER
    return Fix(
        note=f"NVIDIA's libraries are here, and this TensorFlow does not look into their folders: "
        f"export LD_LIBRARY_PATH={_FOUND.format('*')}{own}:$LD_LIBRARY_PATH (in etc/conda/activate.d, to have it on "
        f"every activation).{newer}"
    )


_NEWER = " Or python -m pip install 'tensorflow[and-cuda]>=2.17', which needs none of it."
