"""What the rules on binaries have in common: how a file is named, who is to blame for it, what writes it again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from ..._typing import TYPE_CHECKING
from ...binaries.integrity import CHANGED
from ...binaries.stack import is_of_tensorflow
from ...context.context import Context
from ...environment.facts import CONDA, PIP
from ...findings import CERTAIN, ERROR, Finding, Fix
from ...installers import pip_install
from ...matrix.vc_runtime import VcRuntime
from .vc_runtime import finding

if TYPE_CHECKING:
    from ...binaries.closure import Module
    from ...binaries.integrity import Damage
    from ...binaries.records import Recorded

# What TensorFlow loads for a GPU; which version of these is right is the CUDA family's business.
GPU_LIBRARY = re.compile(
    r"(?:lib)?(?:cud(?:art|nn)|cublas(?:lt)?|cufft|curand|cusolver|cusparse|nvrtc|cupti|nccl|nvinfer|cuda|nvcuda)"
    r"(?:_\w+)?(?:64)?[_\d]*(?:\.dll|\.so(?:\.\d+)*)\Z",
    re.I,
)
PYTHON_DLL = re.compile(r"python3(\d+)t?\.dll\Z", re.I)
SHOWN = 5
# Where a pin on vc14_runtime begins: nothing older was packaged under that name.
MODERN = "14.20"


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
    if entry.manager == CONDA:
        return _reinstalled(context, CONDA, entry.owner, "")
    package = context.env.pip(entry.owner)
    return _reinstalled(context, PIP, entry.owner, package.version if package else "")


def _reinstalled(context: Context, manager: str, name: str, version: str) -> Fix:
    if manager == CONDA:
        where = ("-p", context.env.prefix) if context.env.prefix else ()
        package = context.env.conda(name)
        spelled = package.conda_name if package else name
        return Fix(commands=(("conda", "install", *where, "--force-reinstall", spelled),), reinstall=((CONDA, name),))
    return Fix(commands=(with_files_again(name, version),), reinstall=((PIP, name),))


def with_files_again(name: str, version: str, unrecorded: bool = False) -> tuple[str, ...]:
    """Return the command by which pip writes all files of a distribution anew, in the version that is there.

    Args:
        name: The distribution.
        version: The version; empty where it is unknown.
        unrecorded: Whether nothing records its files: pip cannot uninstall it first.
    """
    requirement = f"{name}=={version}" if version else name
    how = "--ignore-installed" if unrecorded else "--force-reinstall"
    return pip_install([requirement], how, "--no-deps", "--no-cache-dir")


def owner(context: Context, path: str = "site-packages/tensorflow/") -> str:
    """Return the package to blame for a file where it is TensorFlow's own, else an empty string."""
    return context.tensorflow.package.name if context.tensorflow and is_of_tensorflow(path) else ""


def before(module: Module, path: str) -> bool:
    """Tell whether a copy was met before the one that is loaded: those are noted first."""
    first = module.passed_over.index(path)
    return module.image is not None and first < module.met


def of_another_machine(context: Context, machine: str, expected: str, paths: Sequence[str], source: str) -> Finding:
    """Return TFD102 of files that are for another machine than Python."""
    one = len(paths) == 1
    return Finding(
        "TFD102",
        ERROR,
        f"{listed(map(base, paths))} {'is' if one else 'are'} for {machine}, the environment's Python is for "
        f"{expected}: it cannot load {'it' if one else 'them'}.",
        found=machine,
        expected=expected,
        evidence=tuple(paths[:SHOWN]),
        source=source,
        package=owner(context, paths[0]),
        fix=reinstall(context, paths[0]),
    )


def damaged(context: Context, path: str, problem: str, source: str, damage: Damage | None = None) -> Finding:
    """Return TFD502 of a file that no loader would take; that it is not what was recorded either is evidence for it."""
    also = difference(damage) if damage else ("", "")
    return Finding(
        "TFD502",
        ERROR,
        f"{base(path)} is damaged: {', and '.join(filter(None, (problem, also[0])))}.",
        found=problem,
        expected=", ".join(filter(None, ("a whole image", also[1]))),
        evidence=(path, damage.recorded.source) if damage else (path,),
        source=source,
        package=damage.recorded.owner if damage else owner(context, path),
        fix=again(context, damage.recorded) if damage else reinstall(context, path),
    )


def difference(damage: Damage) -> tuple[str, str]:
    """Return in which way a file is not what was recorded, and what was."""
    entry = damage.recorded
    if damage.kind == CHANGED:
        return "its content has another hash", f"sha256 {entry.sha256[:16]}…"
    return f"it has {damage.found}, recorded are {entry.size:,}", f"{entry.size:,} bytes"


def not_found(context: Context, name: str, importers: Sequence[str], source: str) -> Finding:
    """Return TFD501 of a library that files import and that is nowhere on the search path."""
    verb = "imports" if len(importers) == 1 else "import"
    other = _other_python(context, name)
    why = f": the module is built for Python {other}, the environment has {context.env.python.version}" if other else ""
    return Finding(
        "TFD501",
        ERROR,
        f"{name}, which {listed(map(base, importers))} {verb}, is nowhere on the search path{why}.",
        found="not found",
        expected=name,
        evidence=tuple(importers[:SHOWN]),
        source=source,
        package=owner(context, importers[0]),
        fix=reinstall(context, importers[0]) if other else provider(context, name),
    )


def _other_python(context: Context, name: str) -> str:
    """Return the minor version of Python that a DLL is of, where the environment has another."""
    match = PYTHON_DLL.match(name)
    minor = f"3.{match[1]}" if match else ""
    return minor if context.env.python.minor not in ("", minor) else ""


def runtime_missing(
    context: Context,
    dlls: Sequence[str],
    importers: Sequence[str],
    source: str,
    *,
    floor: str = "",
    preloaded: Sequence[str] = (),
    confidence: str = CERTAIN,
    severity: str = ERROR,
    needs: tuple[str, ...] = (),
) -> Finding:
    """Return TFD401 of DLLs of the runtime that files import, or that TensorFlow loads by name: one for all of them.

    Args:
        context: The environment.
        dlls: Names of the DLLs that are missing.
        importers: Paths of the files that import them, below the prefix.
        source: Where that is read.
        floor: The lowest version that serves, where it is another than the first that has the DLLs.
        preloaded: The DLLs that TensorFlow loads before anything else.
        confidence: How sure it is.
        severity: What it is; anything but an error where they may lie in a folder that cannot be looked into.
        needs: What would decide it, besides that folder.

    Returns:
        The finding.
    """
    names, verb = " and ".join(dlls), "is" if len(dlls) == 1 else "are"
    reasons = []
    if importers:
        imports = "imports" if len(importers) == 1 else "import"
        reasons.append(f"{listed(map(base, importers))} {imports} {'it' if len(dlls) == 1 else 'them'}")
    if preloaded:
        reasons.append(f"TensorFlow loads {' and '.join(preloaded)} by name before anything else")
    where = "nowhere on the search path" if severity == ERROR else "not in the environment"
    return finding(
        context,
        "TFD401",
        f"{names} of the Visual C++ runtime {verb} {where}; {', and '.join(reasons) or 'TensorFlow needs it'}.",
        found="not found",
        wanted=f">={floor or VcRuntime(context.matrix).newest_first(dlls, MODERN)}",
        evidence=tuple(importers[:3]) or ("tensorflow/python/platform/build_info.py",),
        source="tensorflow/python/platform/self_check.py" if preloaded and not importers else source,
        confidence=confidence,
        severity=severity,
        needs=needs
        or (f"whether System32 of that machine has {names} (of Microsoft's redistributable)",) * (severity != ERROR),
    )


def unread(context: Context, files: Sequence[str]) -> tuple[str, ...]:
    """Return what would decide whether a DLL is found, where files add folders that nobody can tell from outside."""
    return tuple(f"which folders {relative(context, path)} adds with os.add_dll_directory" for path in files)


def provider(context: Context, name: str) -> Fix:
    """Return what brings a library that is missing."""
    if is_ours(name):
        return reinstall(context)
    if PYTHON_DLL.match(name) and context.env.conda("python"):
        return _reinstalled(context, CONDA, "python", "")
    if GPU_LIBRARY.match(name):
        return Fix(note=f"Install the CUDA or cuDNN package that has {name}; the CUDA findings name the version.")
    return Fix(note=f"Install the package that provides {name} into the environment.")


def is_ours(name: str) -> bool:
    """Tell whether a library is TensorFlow's own by its name."""
    return name.lower().startswith(("_pywrap", "libtensorflow"))


def base(path: str) -> str:
    """Return the last part of a path with forward slashes."""
    return path.rpartition("/")[2]
