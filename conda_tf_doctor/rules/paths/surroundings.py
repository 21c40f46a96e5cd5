"""TFD701 and TFD702: what PATH and its like do to the environment's own libraries."""

from __future__ import annotations

import os
import sys

from ... import versions
from ..._light import re
from ..._typing import TYPE_CHECKING, NamedTuple
from ...context.context import Context
from ...environment.facts import CONDA, PIP
from ...findings import DISK, ERROR, LIKELY, POSSIBLE, WARNING, Finding, Fix, open_question

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOOLKIT = r"(?i)[\\/]cuda[\\/-]v?(\d+\.\d+)(?:[\\/]|\Z)"
_PYTHON_WITH_OWN_SEARCH = (3, 10)


class Entry(NamedTuple):
    """A folder of a search path.

    Attributes:
        folder: As written.
        place: Its position.
        cuda: CUDA version that its name tells; empty where it is no toolkit's.
    """

    folder: str
    place: int
    cuda: str


def surroundings(context: Context) -> Iterator[Finding]:
    """Judge the variables of the process, or of the report."""
    if context.tensorflow is None or not context.env.env_vars:
        return
    if context.env.os == "win":
        yield from _not_activated(context)
        yield from _conflict(context, "PATH", ";", ("Library\\bin",))
    elif context.env.os == "linux":
        yield from _library_path(context)
        yield from _conflict(context, "LD_LIBRARY_PATH", ":", ("lib",))


def location(context: Context) -> str:
    """Return the environment's folder, on this machine or on the report's."""
    return context.env.prefix or context.env.location


def _variable(context: Context, name: str) -> str | None:
    """Return a variable; its name in any case for Windows, ``None`` where it is unknown or unset."""
    variables = context.env.env_vars
    if context.env.os != "win":
        return variables.get(name)
    return next((value for key, value in variables.items() if key.upper() == name), None)


def _plain(folder: str, windows: bool) -> str:
    text = folder.strip().strip('"')
    return text.replace("/", "\\").rstrip("\\").lower() if windows else text.rstrip("/")


def _entries(text: str, separator: str) -> list[Entry]:
    found = []
    for place, folder in enumerate(part for part in text.split(separator) if part.strip()):
        match = re.search(_TOOLKIT, folder)
        found.append(Entry(folder.strip(), place, match[1] if match else ""))
    return found


def _is_about_this(context: Context) -> bool:
    """Tell whether the variables are those of a process that runs, or ran, in this environment.

    Whoever checks ``-n other`` from base, or collects a report that way, has base's PATH: that says nothing.
    """
    prefix = _variable(context, "CONDA_PREFIX")
    here, windows = location(context), context.env.os == "win"
    if prefix:
        return _plain(prefix, windows) == _plain(here, windows)
    if context.env.kind == "report":
        return True
    return _plain(sys.prefix, windows) == _plain(here, windows)


def _not_activated(context: Context) -> Iterator[Finding]:
    path, here = _variable(context, "PATH"), location(context)
    python = context.env.package("python")
    if path is None or not here or not _is_about_this(context) or (python and python.manager == PIP):
        return
    wanted = _plain(os.path.join(here, "Library", "bin").replace("/", "\\"), True)
    if any(_plain(entry.folder, True) == wanted for entry in _entries(path, ";")):
        return
    by_conda = [library for library in context.cuda if library.package.manager == CONDA]
    gpu = bool(by_conda and context.gpu_wanted)
    if gpu:
        what = f"TensorFlow loads {by_conda[0].label} by name, and Windows looks for it on PATH"
    elif _python(context) < _PYTHON_WITH_OWN_SEARCH:
        what = f"Python {context.env.python.minor or 'below 3.10'} finds the DLLs of conda's packages through PATH"
    else:
        what = "libraries that are loaded by name (CUDA, MKL) are looked for on PATH"
    from ...shell import quoted

    typed = quoted(here, context.env.platform)
    # Alone it may only tell how the report was collected; with an error beside it, it is the cause.
    failing = gpu and bool(context.env.error_text)
    yield Finding(
        "TFD701",
        ERROR if failing else WARNING,
        f"The environment is not activated: {here}\\Library\\bin is not on PATH, and {what}.",
        found="PATH without the environment's folders",
        expected=f"{here}\\Library\\bin on PATH",
        evidence=("env_vars.PATH",),
        source="conda's activation",
        confidence=LIKELY,
        fix=Fix(
            note=f"Run `conda activate {typed}` in that terminal, or start the program with `conda run -p {typed}`."
        ),
    )


def _python(context: Context) -> tuple[int, ...]:
    return versions.release(context.env.python.version)[:2] if context.env.python.version else (3, 10)


def _library_path(context: Context) -> Iterator[Finding]:
    """Pip's TensorFlow does not look into conda's lib folder for CUDA: only LD_LIBRARY_PATH brings it there."""
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or tensorflow.manager == CONDA or not context.gpu_wanted or not env.this_machine:
        return
    closure = context.binaries.closure if context.binaries else None
    if closure is None or not _is_about_this(context):
        return
    lost = [
        module.name
        for module in closure.modules
        if module.kind == "missing" and module.optional and os.path.isfile(os.path.join(env.prefix, "lib", module.name))
    ]
    if lost:
        yield Finding(
            "TFD701",
            WARNING,
            f"{', '.join(lost[:3])} of the environment {'is' if len(lost) == 1 else 'are'} not on the search path of "
            "pip's TensorFlow: it will use no GPU.",
            found=_variable(context, "LD_LIBRARY_PATH") or "LD_LIBRARY_PATH is not set",
            expected=f"LD_LIBRARY_PATH with {env.prefix}/lib",
            evidence=tuple(f"lib/{name}" for name in lost[:3]),
            source="RUNPATH of TensorFlow's libraries",
            confidence=LIKELY,
            fix=Fix(
                commands=(
                    ("conda", "env", "config", "vars", "set", "-p", env.prefix, f"LD_LIBRARY_PATH={env.prefix}/lib"),
                )
            ),
            origin=DISK,
        )


def _conflict(context: Context, variable: str, separator: str, own: tuple[str, ...]) -> Iterator[Finding]:
    """TFD702: a CUDA toolkit of another version comes before the right one."""
    text, build = _variable(context, variable), context.build
    if not text or build is None or not build.cuda_built or not build.libraries:
        return
    entries = _entries(text, separator)
    toolkits = [entry for entry in entries if entry.cuda]
    if not toolkits:
        return
    windows = context.env.os == "win"
    here = location(context)
    joint = "\\" if windows else "/"
    own_folders = {_plain(here + joint + folder, windows) for folder in own} if here else set()
    mine = [entry.place for entry in entries if _plain(entry.folder, windows) in own_folders]
    good = [entry for entry in toolkits if _fits(context, entry.cuda)]
    first = toolkits[0]
    if _fits(context, first.cuda):
        return
    if context.cuda and (not mine or first.place < mine[0]) and _about_gpu_path(context, mine):
        right, version = context.cuda[0].label, context.cuda[0].version
    elif good and first.place < good[0].place:
        right, version = good[0].folder, good[0].cuda
    else:
        return
    from ...specifiers import to_conda

    same_names = _same_names(first.cuda, version)
    yield Finding(
        "TFD702",
        ERROR if context.gpu_wanted and context.env.error_text and same_names else WARNING,
        f"{variable} brings CUDA {first.cuda} ({first.folder}) before {right}; {build.distribution} {build.tensorflow} "
        f"is made for CUDA {build.cuda_built}.",
        found=f"CUDA {first.cuda} first",
        expected=f"CUDA {to_conda(build.cuda or build.cuda_built)} first",
        evidence=(f"env_vars.{variable}",),
        source=build.id,
        confidence=LIKELY if same_names else POSSIBLE,
        fix=Fix(note=f"Take {first.folder} off {variable}, or put it behind {right}."),
        needs=() if same_names else ("which CUDA the process loads: TensorFlow names the files in its log",),
    )


def _about_gpu_path(context: Context, mine: list[int]) -> bool:
    """Tell whether the order matters: conda's own builds on Linux find their CUDA by RPATH, before any variable."""
    tensorflow = context.tensorflow
    if context.env.os == "win":
        return bool(mine)
    return tensorflow is not None and tensorflow.manager != CONDA


def _fits(context: Context, version: str) -> bool:
    build = context.build
    if build is None:
        return True
    spec = build.cuda_loads or build.cuda
    return versions.contains(spec, version) if spec else versions.release(version) == versions.release(build.cuda_built)


def _same_names(one: str, other: str) -> bool:
    """Tell whether two CUDA versions name their libraries alike (from 11 on by major), so that the first one wins."""
    left, right = versions.release(one), versions.release(other)
    return left[:1] == right[:1] if left[0] >= 11 else left[:2] == right[:2]


def open_paths(context: Context) -> Iterator[Finding]:
    """Ask for the variables by which libraries are found, TFD702 and TFD701."""
    env = context.env
    if env.env_vars:
        return
    where = {"win": "PATH", "linux": "LD_LIBRARY_PATH", "osx": "DYLD_LIBRARY_PATH"}.get(env.os, "PATH")
    need = f"the value of {where} in the process that fails"
    text = f"The report does not say where {context.label} looks for libraries."
    yield open_question("TFD702", text, "", need, "", "cudatoolkit")
    text = "The report does not say whether the environment was activated."
    yield open_question("TFD701", text, "", f"{need}, and CONDA_PREFIX", "")
