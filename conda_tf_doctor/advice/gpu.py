"""Advice about CUDA, cuDNN and the driver: TFD301 to TFD308."""

from __future__ import annotations

import re

from .. import versions
from .._typing import TYPE_CHECKING
from ..context.gpu import no_native_gpu, system_cuda
from ..environment.facts import PIP
from ..environment.libraries import parse_library
from ..findings import Fix
from ..installers import pip_install, pip_uninstall
from ..matrix.model import PYPI
from ..specifiers import first_version, major_minor
from .driver import cuda_of_release
from .generations import cuda_for_gpu, gpu_rows, older_build
from .make import FORGE, by_conda, by_pip, fresh, is_conda, stable
from .make import pair as release
from .nvidia import DRIVER_NOTE, and_cuda, of_folders, of_wheels, unversioned, with_extra, without_cuda

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..context.context import Context
    from ..matrix.model import Build

# The Pythons of TensorFlow 2.10, the last with GPU support on native Windows.
_LAST_WINDOWS = ("3.7", "3.8", "3.9", "3.10")
# Where NVIDIA's installers put a toolkit.
PROGRAM_FILES = r"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA"
# NVIDIA's own channel has ptxas and libdevice from this CUDA on.
_FIRST_NVCC = "11.3"
_OF_EVERY_WHEEL = "12.5"
_VARIABLE = {"linux": "LD_LIBRARY_PATH"}
_BRINGS = "conda's GPU build brings its own CUDA and cuDNN; only the display driver is the system's."


def retired(context: Context, version: str = "") -> Fix:
    """Return what stands for ``tensorflow-gpu``, which ended with 2.11 (what has a later number holds nothing).

    Args:
        context: The environment.
        version: The release that was asked for; empty for the newest.
    """
    if context.env.os == "osx":
        note = "There is no tensorflow-gpu for a Mac, whose GPU CUDA does not use."
        if context.env.platform == "osx-arm64":
            # Releases from 2.20 on do not load it.
            note += " tensorflow-metal does: python -m pip install 'tensorflow>=2.18,<2.20' tensorflow-metal."
        return by_pip(["tensorflow"], note)
    note = "The package tensorflow-gpu was retired; tensorflow has the GPU build."
    same = context.matrix.wheels.newest("tensorflow", f"=={version}", context.env.platform) if version else ""
    if same and not any(row.nvidia for row in context.matrix.builds("tensorflow", same, PYPI, context.env.platform)):
        return by_pip([f"tensorflow=={same}"], f"{note} It brings no CUDA: 2.14 and later do, as tensorflow[and-cuda].")
    return with_extra(context, same, note) if same else by_pip(["tensorflow[and-cuda]"], note)


def native_windows(context: Context, said: Mapping[str, str], since: str = "") -> Fix:
    """TFD305: the last release that used a GPU on native Windows, or WSL2.

    Args:
        context: The environment.
        said: What the text's signature captured.
        since: The first release that will do.
    """
    floor = f">={since}," if since else ""
    wanted, cuda_pair = (f"tensorflow{floor}<2.11", "numpy<2"), ("cudatoolkit=11.2", "cudnn=8.1")
    note = (
        "TensorFlow 2.10 is the last with GPU support on native Windows; newer ones use the GPU in WSL2 "
        "(there: pip install tensorflow[and-cuda]). Or remove CUDA and stay on the CPU."
    )
    commands = fresh(_LAST_WINDOWS[-1], *cuda_pair, pip=wanted, channel=FORGE)
    if context.env.python.minor in _LAST_WINDOWS:
        commands = (("conda", "install", "-c", FORGE, *cuda_pair), pip_install(wanted))
    return Fix(("python >=3.7,<3.11", "cudatoolkit 11.2.*", "cudnn 8.1.*"), wanted, commands, note)


def gpu_wheel(context: Context, version: str) -> Fix | None:
    """Return the wheel of a tensorflow-gpu that conda's channels lack, with the CUDA that it was built for."""
    env = context.env
    for row in context.matrix.builds("tensorflow-gpu", version, PYPI, env.platform):
        if not env.python.minor or env.python.minor in row.python:
            pins = tuple(pin for pin in (row.cuda_pin, row.cudnn_pin) if pin)
            by_wheel = by_pip([f"tensorflow-gpu=={version}"])
            fix = by_conda(pins, channel=FORGE)
            return fix._replace(pip=by_wheel.pip, commands=fix.commands + by_wheel.commands)
    return None


def cuda(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD301 and TFD302: the CUDA that this build was made for, in the way that brings all of it."""
    build = context.build
    if elsewhere := without_cuda(context, said):
        return elsewhere
    if link := unversioned(context, said):
        return link
    if last := older_build(context, said):
        return last
    needs = cuda_for_gpu(context, said)
    built = build.cuda_built if build else ""
    # Of a build that is not known, or has no CUDA, the newest wheels have code for every GPU but these.
    if needs and versions.key(built or _OF_EVERY_WHEEL) < versions.key(needs):
        return newer_build(context, needs)
    if no_native_gpu(context):
        return native_windows(context, said)
    if is_conda(context):
        return _of_conda(context)
    tensorflow = context.tensorflow
    if of_wheels(context):
        older = pair(context, said) if tensorflow and not tensorflow.version else ("", "")
        if older[0] and versions.key(older[0]) < versions.key("12"):
            # Which library was looked for tells the time of a release that is not named.
            fix = toolkit(context, *older, on_search_path(context, older[0]))
            return fix._replace(note=f"{fix.note} {_BRINGS_ITS_OWN}")
        return and_cuda(context)
    if tensorflow and tensorflow.name == "tensorflow-cpu" and context.env.platform == "linux-64":
        exact = tensorflow.version and versions.contains(">=2.14,!=2.16.*", tensorflow.version)
        note = f"tensorflow-cpu is the build without CUDA. {DRIVER_NOTE}"
        later = by_pip(["tensorflow[and-cuda]>=2.17"], note)
        fix = with_extra(context, tensorflow.version, note) if exact else later
        gone = pip_uninstall(["tensorflow-cpu"])
        return fix._replace(commands=(gone, *fix.commands))
    wanted, accepted = pair(context, said)
    return toolkit(context, wanted, accepted, on_search_path(context, wanted)) if wanted else Fix(note=_table(context))


_BRINGS_ITS_OWN = (
    "Or a TensorFlow that brings its own: "
    "python -m pip install --upgrade 'tensorflow[and-cuda]' with Python 3.9 or later."
)


def newer_build(context: Context, needs: str) -> Fix:
    """Return a build for a CUDA that knows this GPU: pip's wheels may have none for the newest."""

    def newest(channel: str, cuda: str = needs) -> Iterable[Build]:
        for row in context.matrix.builds("tensorflow", channel=channel, platform=context.env.platform):
            if row.variant == "gpu" and row.cuda_built and versions.key(row.cuda_built) >= versions.key(cuda):
                yield row

    note = f"Use a TensorFlow that was built for CUDA {needs} or later: NVIDIA's container (NGC), or a nightly build."
    wheels = stable(row.tensorflow for row in newest(PYPI) if row.nvidia)
    if wheels:
        return release(context, {"tensorflow[and-cuda]": f">={wheels[0]}"}, note)
    if context.env.os == "win":
        # Code for the first GPU of a generation runs on the later ones.
        if versions.key(needs) < versions.key("12"):
            return native_windows(context, {}, stable(row.tensorflow for row in newest(PYPI, "11.0"))[0])
        return Fix(note=f"{note} On Windows that is in WSL2.")
    row = next((row for channel in (FORGE, "defaults") for row in newest(channel)), None)
    if row is None:
        return Fix(note=note)
    spec = f"tensorflow={row.tensorflow}=*{row.variant_name}*"
    return Fix(commands=fresh("", spec, channel=row.channel), note=note)


def _of_conda(context: Context) -> Fix:
    """Return a build of conda's own that has CUDA: it brings all of it along."""
    tensorflow, build = context.tensorflow, context.build
    version = f"={tensorflow.version}" if tensorflow and tensorflow.version else ""
    if (tensorflow and tensorflow.channel == FORGE) or (build and build.channel == FORGE):
        # Before a build a version is exact, and 2.12 is not 2.12.1.
        exact = f"{version}.*" if version.count(".") == 1 else version or "=*"
        specs = (f"tensorflow{exact}=*cuda*", *_unlocked(context))
        return Fix(commands=(("conda", "install", "-c", FORGE, *specs),), note=_BRINGS)
    pins = tuple(pin for pin in (build.cuda_pin, build.cudnn_pin) if pin) if build and build.variant == "gpu" else ()
    if pins:
        return by_conda(pins)
    return Fix(commands=(("conda", "install", f"tensorflow-gpu{version}"),), note=_BRINGS)


def _unlocked(context: Context) -> Iterable[str]:
    """Yield the ``cuda-version`` to go to, where the one that is there holds the environment at a CUDA of before."""
    env, tensorflow = context.env, context.tensorflow
    lock = env.conda("cuda-version") or next((p for p in env.requested if p.name == "cuda-version"), None)
    version = tensorflow.version if tensorflow else ""
    rows = [
        row
        for row in context.matrix.builds("tensorflow", version, FORGE, env.platform)
        if row.variant == "gpu" and row.cuda and env.python.minor in ("", *row.python)
    ]
    of_newest = [row for row in rows if row.tensorflow == rows[-1].tensorflow]
    if lock and lock.version and of_newest and not any(versions.contains(r.cuda, lock.version) for r in of_newest):
        yield f"cuda-version={of_newest[-1].cuda_built.split('.')[0]}"


def pair(context: Context, said: Mapping[str, str]) -> tuple[str, str]:
    """Return the CUDA to take, and the range of cuDNN beside it, by the build or by the library that was missed."""
    build = context.build
    if build is not None and build.cuda_built:
        return major_minor(build.cuda_built), build.cudnn
    library = parse_library(said.get("library", ""))
    if library.kind != "cuda" or not library.versions:
        return "", ""
    exact = library.versions.removeprefix("==").removesuffix(".*")
    # From 11 on the name tells the major version alone.
    example = exact if "." in exact else f"{exact}.2"
    rows = [row for row in gpu_rows(context) if row.cuda and versions.contains(row.cuda, example)]
    if "," in exact:
        # The libraries of a name that several majors have: those that the wheels ask for.
        opened = re.search(r"opened dynamic library \S*cudart(?:\.so\.|64_)(\d\d)", context.env.error_text)
        of_name = [row for row in gpu_rows(context) if versions.contains(exact, row.cuda_built)]
        # The runtime that was opened, or is installed, is of the build's major version; else the older one.
        majors = [
            opened[1] if opened else "",
            *(v.split(".")[0] for v in system_cuda(context)),
            *re.findall(r"\d+", exact),
        ]
        major = next((m for m in majors if any(row.cuda_built.startswith(f"{m}.") for row in of_name) and m), "")
        of_name = [row for row in of_name if row.cuda_built.startswith(f"{major}.")]
        return (major_minor(of_name[-1].cuda_built), of_name[-1].cudnn) if of_name else ("", "")
    if "." in exact and exact != "11.0":
        return exact, rows[-1].cudnn if rows else ""
    return (major_minor(rows[-1].cuda_built), rows[-1].cudnn) if rows else ("", "")


def _table(context: Context) -> str:
    """Return which CUDA each TensorFlow of this Python was built for: of which one it is nothing tells."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in gpu_rows(context):
        groups.setdefault((row.cuda_built, row.cudnn_built), []).append(versions.minor(row.tensorflow))
    parts = []
    for (cuda_built, cudnn_built), known in groups.items():
        last = f" to {known[-1]}" if known[-1] != known[0] else ""
        parts.append(f"CUDA {cuda_built} with cuDNN {cudnn_built} for TensorFlow {known[0]}{last}")
    if not parts:
        return f"No TensorFlow for Python {context.env.python.minor} on {context.env.platform} has CUDA."
    # Of a Python that nobody named, the newest builds.
    known = parts if context.env.python.minor else parts[-5:]
    return f"Install the CUDA that this TensorFlow was built for: {', '.join(known)}."


def serving(context: Context, wanted: str) -> str:
    """Return the installed toolkit that serves where one of a version is wanted; empty where there is none."""
    # From 11.1 on one minor of CUDA stands for the others.
    alike = wanted.split(".")[0] if versions.key(wanted) >= versions.key("11.1") else major_minor(wanted)
    loads = ((context.build.cuda_loads or context.build.cuda) if context.build else "") or f"=={alike}.*"
    return next((v for v in system_cuda(context) if versions.contains(loads, v)), "")


def on_search_path(context: Context, wanted: str) -> str:
    """Return how the loader is led to an installed toolkit of a version."""
    there = serving(context, wanted)
    # Of a range, its lower bound: a folder is of one version.
    version = major_minor(there) if "." in there else first_version(wanted)
    if context.env.os != "win":
        return f"export LD_LIBRARY_PATH=/usr/local/cuda-{version}/lib64:$LD_LIBRARY_PATH"
    folder = rf"{PROGRAM_FILES}\v{version}\bin"
    text = f'put its folder on PATH (set "PATH={folder};%PATH%")'
    if there and context.env.python.minor not in ("3.5", "3.6", "3.7"):
        text += (
            f"; from Python 3.8 on, os.add_dll_directory(r'{folder}') before the import does it too, and the "
            "Python of the Microsoft Store has to give way to that of python.org or conda"
        )
    return text


def toolkit(context: Context, wanted: str, accepted: str, search: str) -> Fix:
    """Return conda's cudatoolkit of a version with its cuDNN; the note says what NVIDIA's own installer needs."""
    if versions.key(wanted) >= versions.key("12") and context.env.platform == "linux-64" and not is_conda(context):
        # conda's cudatoolkit ends with 11.8, and the wheels for CUDA 12 bring theirs.
        return and_cuda(context)
    floor = first_version(accepted)
    if versions.key(wanted) < versions.key("8.0"):
        note = f"Install CUDA {wanted} from NVIDIA, and {search}. Or take a newer TensorFlow: conda has CUDA from 8 on."
        return Fix(note=note)
    own = "export LD_LIBRARY_PATH=$CONDA_PREFIX/lib:$LD_LIBRARY_PATH"
    if context.env.os == "win":
        own = "activate the environment, so that its Library\\bin is on PATH"
    note = f"Then {own}. Or install CUDA {wanted} with cuDNN {floor or 'for it'} from NVIDIA, and {search}."
    # What is there and fits stays as it is, and conda has no cuDNN before 7.
    there = [library.version for library in context.cudnn if library.version]
    kept = bool(accepted) and any(versions.contains(accepted, version) for version in there)
    pin = f"cudatoolkit {wanted}.*"
    if kept and any(f"{library.version}.".startswith(f"{wanted}.") for library in context.cuda):
        return Fix(note=f"CUDA {wanted} and its cuDNN are in the environment, only not where the loader looks: {own}.")
    if kept or (floor and versions.key(floor) < versions.key("7")):
        return by_conda([pin], note, FORGE)
    # Whether cuDNN is to be pinned is for its own rule.
    return by_conda([pin, _cudnn_spec(context, floor, accepted)], note, FORGE)._replace(pins=(pin,))


def _cudnn_spec(context: Context, built: str, accepted: str) -> str:
    """Return the MatchSpec of the cuDNN that a build was made with, where conda has it, else of all it accepts."""
    there = " ".join(f"{row['version']} {row.get('pairs', '')}" for row in context.matrix.table("cudnn")["conda"])
    exact = built.count(".") == 1 and re.search(rf"(?<![\d.]){re.escape(built)}\.", there)
    return f"cudnn {built}.*" if exact else f"cudnn {accepted}".strip()


def cudnn(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD303 and TFD304: a cuDNN that this build accepts."""
    build = context.build
    if elsewhere := without_cuda(context, said):
        return elsewhere
    if no_native_gpu(context):
        return native_windows(context, said)
    needs, has = dotted(said.get("needs", "")), dotted(said.get("has", ""))
    library = parse_library(said.get("library", ""))
    accepted = f">={major_minor(needs)},<{int(needs.split('.')[0]) + 1}" if needs else build.cudnn if build else ""
    accepted = accepted or (library.versions if library.kind == "cudnn" else "")
    if not accepted and (beside_cuda := _beside_cuda(context)):
        return beside_cuda
    if not accepted:
        fix = and_cuda(context) if of_wheels(context) else Fix(note=_table(context))
        return fix._replace(
            note=f"{fix.note} Or put cuDNN's folder on {_VARIABLE.get(context.env.os, 'PATH')}.".strip()
        )
    other = f"Take the other copy of cuDNN ({has}) off the search path; or " if has else "Or "
    beside = (context.cudnn or context.cuda)[:1]
    modern = bool(needs) and versions.key(needs) >= versions.key("8.9") and not is_conda(context)
    # Which cuDNN was looked for tells the time of a release that is not named, and pip's wheels begin with 8.5.
    known = bool(context.tensorflow and context.tensorflow.version)
    early = versions.key(first_version(accepted) or "8") < versions.key("8" if known or needs else "9")
    if not early and ((beside and beside[0].package.manager == PIP) or modern or (not beside and of_wheels(context))):
        if not beside and not needs:
            return and_cuda(context)
        own = tuple(wheel for wheel in build.nvidia if wheel.startswith("nvidia-cudnn")) if build and not needs else ()
        older = build.cuda_built.startswith("11") if build and build.cuda_built else not modern and bool(needs)
        wheel = f"nvidia-cudnn-cu{11 if older else 12}{accepted}"
        if beside and not has and versions.contains(accepted, beside[0].version):
            return of_folders(context)
        return by_pip(own or (wheel,), f"{other}update it." if has else "")
    built = major_minor(needs or (build.cudnn_built if build else "") or first_version(accepted))
    where = "its bin folder on PATH" if context.env.os == "win" else "its folder on LD_LIBRARY_PATH"
    note = f"{other}install cuDNN {built} from NVIDIA and put {where}."
    if context.env.os == "linux" and not is_conda(context):
        # pip's TensorFlow does not look into the environment's folder by itself.
        note = f"Then export LD_LIBRARY_PATH=$CONDA_PREFIX/lib:$LD_LIBRARY_PATH. {note}"
    if early and not known and of_wheels(context):
        note = f"{note} {_BRINGS_ITS_OWN}"
    if versions.key(built) < versions.key("7"):
        return Fix(note=f"Install cuDNN {built} from NVIDIA and put {where}.")
    return by_conda([_cudnn_spec(context, built, accepted)], note, FORGE)


def _beside_cuda(context: Context) -> Fix | None:
    """Return the cuDNN of the releases built for the CUDA of this machine, where TensorFlow's is not known."""
    here = [version for version in system_cuda(context) if versions.key(version) < versions.key("11")]
    if not here or context.env.os != "linux" or (context.tensorflow and context.tensorflow.version):
        return None
    wanted = [row.cudnn_built for row in gpu_rows(context) if major_minor(row.cuda_built) == major_minor(here[0])]
    if not wanted:
        return None
    which = " or ".join(dict.fromkeys(wanted))
    return Fix(
        note=f"Install the cuDNN of this TensorFlow for CUDA {here[0]} ({which}) from NVIDIA and put its folder on "
        f"LD_LIBRARY_PATH. {_BRINGS_ITS_OWN}"
    )


def dotted(version: str) -> str:
    """Return ``7.1.2`` for 7102, as cuDNN numbers itself; from 9 on the major version counts ten thousands."""
    if not version.isdigit() or len(version) < 4:
        return version
    number = versions.number(version)
    major, rest = divmod(number, 10_000 if number >= 90_000 else 1000)
    return f"{major}.{rest // 100}.{rest % 100}"


def zlibwapi(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD307: zlib under the name that cuDNN 8 asks for."""
    return by_conda(["libzlib-wapi"], "Or put zlibwapi.dll (64-bit) into a folder on PATH.", FORGE)


def compiler(context: Context, said: Mapping[str, str]) -> Fix:
    """TFD308: ptxas and libdevice where XLA looks for them."""
    library = context.cuda[0] if context.cuda else None
    known = bool(context.tensorflow and context.tensorflow.version)
    if known and of_wheels(context) and (library is None or library.package.manager == PIP):
        return and_cuda(context)
    version = library.version if library else cuda_of_release(context)
    here = major_minor(version)
    if "You are using ptxas" in context.env.error_text:
        own = f"CUDA {here}'s" if here else "the CUDA's that TensorFlow was built for"
        where = f"/usr/local/cuda-{here}" if here else "/usr/local/cuda"
        return Fix(
            note=f"Let XLA find {own} own ptxas before the older one: export PATH={where}/bin:$PATH and "
            f"XLA_FLAGS=--xla_gpu_cuda_data_dir={where}, where that toolkit is installed; take the older one off PATH."
        )
    if here and versions.key(here) < versions.key("11"):
        return Fix(
            note=f"Or name a CUDA {here} toolkit that is installed: "
            f"export XLA_FLAGS=--xla_gpu_cuda_data_dir=/usr/local/cuda-{here}.",
            commands=(("conda", "install", "-c", FORGE, f"cudatoolkit-dev={here}"),),
        )
    # TensorFlow has called it local_xla since 2.15, and conda's CUDA has had this folder since 12.
    of_12 = not here and re.search(r"local_xla|targets/x86_64-linux", context.env.error_text)
    if of_12 or (here and versions.key(here) >= versions.key("12")):
        found = "find $CONDA_PREFIX/ -name libdevice.10.bc | head -n 1"
        return Fix(
            commands=(("conda", "install", "-c", FORGE, f"cuda-nvcc={here}" if here else "cuda-nvcc"),),
            note=f"Then export XLA_FLAGS=--xla_gpu_cuda_data_dir=$({found} | sed s,/nvvm/.*,,).",
        )
    wanted = here if here and versions.key(here) >= versions.key(_FIRST_NVCC) else _FIRST_NVCC
    folder = "$CONDA_PREFIX/lib/nvvm/libdevice"
    return Fix(
        commands=(("conda", "install", "-c", "nvidia", f"cuda-nvcc={wanted}"),),
        note="Then export XLA_FLAGS=--xla_gpu_cuda_data_dir=$CONDA_PREFIX/lib, and put libdevice there: "
        f"mkdir -p {folder}; cp $CONDA_PREFIX/lib/libdevice.10.bc {folder}.",
    )
