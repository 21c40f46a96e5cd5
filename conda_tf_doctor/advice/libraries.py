"""Advice about libraries that are missing, damaged or of another version: TFD401 to TFD505, TFD610."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..environment.facts import CONDA, PIP
from ..findings import Fix
from ..installers import ANEW, pip_install
from ..matrix.vc_runtime import VcRuntime
from ..specifiers import first_version
from .make import FORGE, by_conda, by_pip, working

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..context.context import Context

# The first GCC with a symbol version of its libstdc++ (its documentation, "ABI Policy and Guidelines").
_GCC = (
    ("3.4.19", "4.8.3"), ("3.4.20", "4.9"), ("3.4.21", "5"), ("3.4.22", "6"), ("3.4.23", "7"), ("3.4.24", "7.2"),
    ("3.4.25", "8"), ("3.4.26", "9"), ("3.4.28", "9.3"), ("3.4.29", "11"), ("3.4.30", "12"), ("3.4.31", "13.1"),
    ("3.4.32", "13.2"), ("3.4.33", "14"),
)  # fmt: skip
# The conda package that holds a library, by how its name begins.
_HOLDERS = {
    "flatbuffers": "flatbuffers", "mkl": "mkl", "hdf5": "hdf5", "openblas": "libopenblas", "cblas": "libcblas",
    "blas": "libblas", "lapack": "liblapack", "gfortran": "libgfortran5", "quadmath": "libgfortran5",
    "protobuf": "libprotobuf", "absl": "libabseil", "grpc": "libgrpc", "png": "libpng", "jpeg": "libjpeg-turbo",
    "ssl": "openssl", "crypto": "openssl", "sqlite3": "libsqlite", "snappy": "snappy", "curl": "libcurl",
    "icu": "icu", "iomp5": "intel-openmp", "gomp": "libgomp", "gcc_s": "libgcc-ng", "stdc++": "libstdcxx-ng",
    "z": "zlib", "ffi": "libffi", "tensorflow_cc": "libtensorflow_cc", "python": "python",
    "tensorflow_framework": "libtensorflow_framework",
}  # fmt: skip


def vc_runtime(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD401 and TFD402: conda's copy of the Visual C++ runtime, or Microsoft's."""
    build = context.binary_build
    floor = first_version(build.vc_runtime) if build else ""
    # 14.40 is what the newest builds need, and every runtime serves the older ones. Where it failed, what a build
    # needs at the least may well be there.
    return newest_runtime(context, said.get("floor", "") or ("14.40" if context.env.error_text else floor) or "14.40")


def newest_runtime(context: Context, lowest: str) -> Fix:
    """Return what brings a runtime that is new enough: conda's, or the system's where the environment has none."""
    text = f"{context.env.prefix} {context.env.error_text}"
    in_conda = any(context.env.conda(name) for name in VcRuntime(context.matrix).packages)
    there = context.env.system.vc_redistributable
    note = ""
    if there and versions.key(there) >= versions.key(lowest):
        # What Windows has as installed, its installer does not install again.
        note = f"Or repair Microsoft's redistributable, which Windows has as installed ({there}): Apps, Modify, Repair."
    elif not in_conda:
        machine = {"x86": "x86", "arm64": "arm64"}.get(context.env.python.machine, "x64")
        newest = f"nstall the newest Microsoft Visual C++ 2015-2022 redistributable ({machine})"
        if (
            _NOT_CONDAS.search(text)
            and not _CONDAS.search(text)
            and all(p.manager != CONDA for p in context.env.packages)
        ):
            return Fix(note=f"I{newest}: winget install Microsoft.VCRedist.2015+.{machine}, then restart the shell.")
        note = f"Or i{newest}."
    return by_conda([f"vc14_runtime >={lowest}"], note)


# Folders of a Python that is not conda's, and of one that is.
_NOT_CONDAS = re.compile(
    r"Programs[\\/]+Python[\\/]|PythonSoftwareFoundation|WindowsApps|[\\/]Python3\d{1,2}[\\/]"
    r"|[\\/]\.?v?env\d{0,3}[\\/]+(?:lib|Scripts)[\\/]|[\\/]\.venv\w*[\\/]|\(\.?venv\w*\)",
    re.IGNORECASE,
)
_CONDAS = re.compile(r"conda|mamba|[\\/]envs[\\/]|\(base\)", re.IGNORECASE)


# Windows' DirectX, and what is linked to it: WSL 2 shows them in /usr/lib/wsl/lib.
_OF_WINDOWS = ("d3d", "dxcore", "directml")
_LENT = (
    "In WSL 2, on Windows 11 or a Windows 10 from build 20150 on: install the GPU's newest driver for Windows, run "
    "`wsl --update` and `wsl --shutdown` in a PowerShell, and look for libd3d12.so in /usr/lib/wsl/lib, which has to "
    "be on the loader's path. A Linux without Windows, or WSL 1, has no DirectX: there do without DirectML."
)


def missing(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD501: the package that holds the library, in the version whose number its name has."""
    name = re.split(r"[\\/]", said.get("library", "").strip(". "))[-1]
    if "importing numpy" in context.env.error_text and context.env.conda("numpy") is None:
        whole = f"numpy{working(context, 'numpy')}"
        return by_pip([whole], "numpy and the libraries in its wheel, whole.", ("--force-reinstall", "--no-cache-dir"))
    if not name:
        return Fix(note="`conda tf-doctor dlls` in the environment names the library that is missing.")
    stem = (
        re.sub(r"(?<![\d.])(?:[-_.]?[\d.]{0,40})\.(?:so[\d.]{0,40}|dylib|dll)\Z", "", name).lower().removeprefix("lib")
    )
    start = next((start for start in _HOLDERS if stem == start or (len(start) > 1 and stem.startswith(start))), "")
    package = _HOLDERS.get(start, "")
    if stem.startswith(_OF_WINDOWS):
        return Fix(note=_LENT)
    if not package:
        return Fix(note=f"Install the package that holds {name}; `conda tf-doctor dlls` names what asks for it.")
    if package == "mkl":
        return Fix(
            commands=(("conda", "install", "--force-reinstall", "mkl", "numpy"), ("conda", "update", "--all")),
            reinstall=((CONDA, "mkl"), (CONDA, "numpy")),
            note="Whatever replaced a part of MKL has to go: all of it from one channel.",
        )
    number = re.search(r"(?:\.so\.|[-_.])(\d+(?:\.\d+)*)", name)
    if number and (package in ("flatbuffers", "icu") or len(number[1].split(".")[0]) >= 8):
        # The name ends in the release itself (libflatbuffers.so.2, libicuuc.so.73, libflatbuffers.so.23.3.3).
        return by_conda([f"{package} {number[1]}.*"], "It was updated without what was linked to it.")
    owners = [p for p in (package, *_DEPENDENTS.get(package, ())) if context.env.conda(p)] or [package]
    note = f"{name} is of {package}: take it and what asks for it from one channel."
    return Fix(
        commands=(("conda", "install", "--force-reinstall", *owners),),
        note=note,
        reinstall=tuple((CONDA, name) for name in owners),
    )


# What is compiled against each of these, and has to be of the same build.
_DEPENDENTS = {
    "hdf5": ("h5py",),
    "libprotobuf": ("protobuf",),
    "libopenblas": ("numpy",),
    "libblas": ("numpy",),
    "libcblas": ("numpy",),
}


_LONG_PATHS = (
    "First let Windows write long paths, in a PowerShell of an administrator: New-ItemProperty -Path "
    r"HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem -Name LongPathsEnabled -Value 1 -PropertyType DWORD -Force. "
    r"Or use a Python in a short folder: a virtual environment in C:\tf, not the one of Microsoft's Store."
)


def again(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD502 and TFD503: the files of the package, written anew."""
    tensorflow = context.tensorflow
    stem = re.search(r"(?:site|dist)-packages[\\/](?P<top>[\w-]+)[\\/]", said.get("library", ""))
    top = stem["top"].lower() if stem else "tensorflow"
    name = {"google": "protobuf", "tensorflow_core": "tensorflow", "pil": "pillow"}.get(top, top).replace("_", "-")
    if "executable stack" in context.env.error_text:
        return executable_stack(context, said)
    if tensorflow is not None and name == "tensorflow":
        name = tensorflow.name
    package = context.env.package(name)
    version = package.version if package else ""
    if re.search(r"Long ?Path|Could not install packages due to an \w*Error: \[Errno 2\]", context.env.error_text):
        version = version or (tensorflow.version if tensorflow else "")
        return by_pip([f"{name}=={version}" if version else name], _LONG_PATHS)
    if (package.manager if package else tensorflow.manager if tensorflow else "") == CONDA:
        return Fix(
            commands=(
                ("conda", "clean", "--packages", "--tarballs", "--yes"),
                ("conda", "install", "--force-reinstall", f"{name}={version}" if version else name),
            ),
            reinstall=((CONDA, name),),
        )
    spec = f"{name}=={version}" if version else name
    return Fix(
        commands=(pip_install([spec], *ANEW),),
        reinstall=((PIP, name),),
    )


def executable_stack(context: Context, said: Mapping[str, str]) -> Fix:
    """A library that asks for an executable stack, on a system that refuses: clear the flag, or take another build."""
    name = said.get("library", "") or "libtensorflow_cc.so.2"
    path = name if "/" in name else f"$CONDA_PREFIX/lib/{name}"
    return Fix(
        note=f"Clear the flag in the file (patchelf --clear-execstack {path}), start with "
        "GLIBC_TUNABLES=glibc.rtld.execstack=2, or take a build of TensorFlow that does not ask for it."
    )


def symbol(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD505: importer and library of one build."""
    name = said.get("symbol", "")
    abseil = re.search(r"lts_(20\d{6})", name)
    tensorflow = context.tensorflow
    version = f"={tensorflow.version}" if tensorflow and tensorflow.version else ""
    importer = re.split(r"[\\/]", said.get("library", ""))[-1]
    if tensorflow is not None and tensorflow.manager != CONDA and importer.startswith("_pywrap_"):
        # TensorFlow's own files ask each other: they are of two releases.
        return again(context, {})
    notes = (
        f"What asks for it ({importer}) has to be of the same build; where no package holds it, delete it. "
        if importer
        else ""
    )
    if abseil:
        package = "libabseil" if abseil.group(1) >= "20220623" else "abseil-cpp"
        return Fix(
            pins=(f"{package} {abseil.group(1)}.*",),
            commands=(
                ("conda", "install", f"{package}={abseil.group(1)}"),
                ("conda", "create", "-n", "tensorflow", f"tensorflow{version}"),
            ),
            note=f"{notes}Or make a fresh environment of one channel.",
        )
    if tensorflow is not None and tensorflow.manager == CONDA:
        return Fix(
            commands=(("conda", "create", "-n", "tensorflow", f"tensorflow{version}"),),
            note=f"{notes}Take TensorFlow and its libraries from one channel, in a fresh environment.",
        )
    return Fix(note=f"{notes}Install the version of the library that its importer was built with.")


def libstdcxx(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD610: the environment's own libstdc++, new enough and loaded first."""
    wanted = re.search(r"GLIBCXX_(3\.4\.\d+)", said.get("symbol", ""))
    gcc = next((gcc for known, gcc in _GCC if wanted and versions.key(known) >= versions.key(wanted.group(1))), "")
    found = re.search(r"(?<![\w./])(?P<folder>/[^\s:'\"]{0,400}?)/libstdc\+\+\.so", context.env.error_text)
    folder = found["folder"] if found else ""
    inside = re.search(r"conda|mamba|miniforge|/envs/", folder)
    note = "Or start with the environment's own: export LD_PRELOAD=$CONDA_PREFIX/lib/libstdc++.so.6."
    if folder and not inside:
        first = f"The one in {folder} is loaded before the environment's: take {folder} out of LD_LIBRARY_PATH. "
        note = first + note
    return by_conda([f"libstdcxx-ng >={gcc}" if gcc else "libstdcxx-ng"], note, FORGE)
