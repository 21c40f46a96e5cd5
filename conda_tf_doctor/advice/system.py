"""Advice about the CPU and the system's C library: TFD104 and TFD106."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..context.processor import has_avx
from ..environment.facts import CONDA
from ..environment.tensorflow import VENDORS
from ..findings import Fix
from ..matrix.model import PYPI
from .make import FORGE, by_conda, by_pip, fresh, stable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

# The level of x86-64 that AVX2 belongs to.
_OF_AVX2 = 3

# The oldest release of a system with a glibc, for people who have to choose one.
_SYSTEMS = (
    ("2.17", "CentOS 7"), ("2.23", "Ubuntu 16.04"), ("2.27", "Ubuntu 18.04"), ("2.28", "RHEL 8, Debian 10"),
    ("2.31", "Ubuntu 20.04, Debian 11"), ("2.34", "RHEL 9"), ("2.35", "Ubuntu 22.04"), ("2.39", "Ubuntu 24.04"),
)  # fmt: skip


IMAGE = Fix(
    note="Take an image for this machine's processor, or build it for that one (docker build --platform linux/arm64, "
    "docker run --platform linux/arm64): in it pip finds TensorFlow's wheels for aarch64, from 2.10 on."
)


def emulated(context: Context) -> bool:
    """Tell whether the text says that an emulator ran a program for x86-64 on an ARM machine."""
    said = re.search(r"qemu: uncaught target signal|host platform \(linux/arm64", context.env.error_text)
    return said is not None and not re.search(r"host platform \(linux/amd64", context.env.error_text)


def no_avx(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD104: a build without AVX, which pip has had none of since 1.5."""
    env = context.env
    if less := _of_another_release(context):
        return less
    if emulated(context):
        return IMAGE
    without = {
        row.tensorflow
        for row in context.matrix.builds("tensorflow", channel=PYPI, platform=env.platform)
        if row.avx is False
    }
    last = stable(without)[-1:]
    note = f"The last wheel of pip without AVX is tensorflow=={last[0]} (Python 3.6). " if last else ""
    note += "A newer one has to be built from source without it, or run on another machine."
    # conda-forge builds for the first level of x86-64 besides the one with AVX2, and picks by the CPU; of defaults'
    # builds for Windows, those without MKL ask for the least.
    windows = env.os == "win"
    channel = "defaults" if windows else FORGE
    rows = [
        row
        for row in context.matrix.builds("tensorflow", channel=channel, platform=env.platform)
        if (row.variant_name == "eigen" if windows else row.avx is False) and versions.contains(">=2", row.tensorflow)
    ]
    here = [row for row in rows if env.python.minor in ("", *row.python)]
    if not rows:
        return Fix(note=note)
    version = (here or rows)[-1].tensorflow
    if here and not windows:
        return by_conda([f"tensorflow {version}.*"], note, channel)
    spec = "tensorflow-eigen" if windows else f"tensorflow={version}"
    new = fresh(max(rows[-1].python, key=versions.key), spec, channel=channel)
    return Fix(note=note, commands=(("conda", "install", "-c", channel, spec),) if here else new)


def _of_another_release(context: Context) -> Fix | None:
    """Return the next release that asks for AVX alone, where it is more than AVX that the processor lacks.

    Returns:
        ``None`` where it lacks AVX itself, or the release asks for no more than that.
    """
    build, env = context.binary_build, context.env
    if build is None or build.microarch_level < _OF_AVX2 or build.channel != PYPI:
        return None
    if env.system.cpu_features.get("avx") is False or has_avx(context) is None:
        return None
    later = stable(
        row.tensorflow
        for row in context.matrix.builds(build.distribution, channel=PYPI, platform=env.platform)
        if row.microarch_level < _OF_AVX2
        and env.python.minor in ("", *row.python)
        and versions.key(row.tensorflow) > versions.key(build.tensorflow)
    )
    if not later:
        return None
    near = [version for version in later if versions.minor(version) == versions.minor(later[0])][-1]
    note = f"{build.tensorflow} alone was built with AVX2; {near} asks for AVX, which this processor has."
    return by_pip([f"{build.distribution}=={near}"], note)


def glibc(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD106: a newer system, or a build for an older one."""
    tensorflow, env = context.tensorflow, context.env
    need = said.get("glibc", "")
    have = env.virtual_packages.get("__glibc", "").split("=")[0] or said.get("has", "")
    systems = next((names for floor, names in _SYSTEMS if need and versions.key(floor) >= versions.key(need)), "")
    note = "Use a system or a container with " + (f"glibc {need} or newer" if need else "a newer glibc")
    note += f" ({systems} and later)." if systems else "."
    name = tensorflow.name if tensorflow else "tensorflow"
    if name in VENDORS:
        before = "the 22.01 release" if name == "nvidia-tensorflow" else "an older release"
        return Fix(note=f"{note} Or take {before} of {name}, which was built on an older system.")
    if tensorflow is not None and tensorflow.manager == CONDA:
        other = "defaults" if tensorflow.channel == FORGE else FORGE
        return by_conda(["tensorflow"], f"{note} Or take the package of another channel.", other)
    older = [
        entry["tensorflow"]
        for entry in context.matrix.table("linux")["symbols"]
        if have and versions.key(str(entry["GLIBC"])) <= versions.key(have)
    ]
    if older:
        known = stable(context.matrix.versions("tensorflow", PYPI, env.platform, env.python.minor))
        fitting = [version for version in known if any(versions.contains(spec, version) for spec in older)]
        note += f" Or stay with pip: tensorflow=={fitting[-1]} was built for an older one." if fitting else ""
    return by_conda(["tensorflow"], f"{note} conda's own package is built for an older glibc.", FORGE)
