"""TFD501 and TFD503 of what installers wrote: Python's own files of TensorFlow's stack, and the records of them.

Files that were recorded are missing, empty or cut off; without RECORD nobody knows a package's files, and without
METADATA pip knows no package.
"""

from __future__ import annotations

import os

from ... import reading
from ..._typing import TYPE_CHECKING
from ...context.context import Context
from ...context.sources import is_whole, read_by
from ...environment.facts import PIP
from ...environment.site import site_packages_of
from ...environment.tensorflow import OWNERS
from ...environment.unrecorded import MODULES
from ...findings import ERROR, LIKELY, WARNING, Finding, Fix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...binaries.integrity import Damage
    from ...environment.facts import Package

# Whose import fails with a file that they read, beside TensorFlow's: `tf.keras` is imported when it is first used.
_ROOTS = ("tensorflow", "keras", "tf_keras")


def python_files(context: Context) -> Iterator[Finding]:
    """TFD501, TFD503: Python files of the stack that are missing, or are not what their packages recorded."""
    damages = context.sources
    if not damages:
        return
    from ...binaries.integrity import GONE

    paths = [damage.recorded.path for damage in damages]
    needed = read_by(_ROOTS, site_packages_of(context.env), paths)
    by_owner: dict[tuple[str, bool], list[Damage]] = {}
    for damage in damages:
        path = damage.recorded.path
        # Another size alone may be somebody's own patch; an empty file, or one that ends within a line, is none.
        lost = damage.kind == GONE or damage.found == "0 bytes" or not is_whole(path)
        by_owner.setdefault((damage.recorded.owner, lost), []).append(damage)
    for (_, lost), group in by_owner.items():
        stops = [damage for damage in group if damage.recorded.path in needed]
        yield _lost(context, group, stops) if lost else _changed(context, group)


def is_gutted(context: Context) -> bool:
    """Tell whether TensorFlow's own module is recorded and not there: what else is missing goes without saying."""
    for damage in context.sources:
        module = os.path.basename(os.path.dirname(damage.recorded.path))
        if module == "tensorflow" and damage.recorded.path.endswith("__init__.py") and damage.kind == "gone":
            return True
    return False


def _lost(context: Context, group: list[Damage], stops: list[Damage]) -> Finding:
    from ...binaries.integrity import GONE
    from .words import again, listed, relative

    shown = [relative(context, damage.recorded.path) for damage in (*stops, *group)]
    entry = group[0].recorded
    package = context.env.pip(entry.owner) if entry.manager == PIP else context.env.conda(entry.owner)
    label = f"{entry.owner} {package.version if package else ''}".strip()
    gone = [damage for damage in group if damage.kind == GONE]
    what = "not there" if len(gone) == len(group) else "empty or cut off" if not gone else "not there or cut off"
    names = listed(path.partition("site-packages/")[2] or path for path in shown)
    several = len(group) > 1
    shared = entry.owner in OWNERS and len(gone) > 1 and entry.manager == PIP
    why = (
        "another distribution that shares its folder was uninstalled, or an installation was interrupted"
        if shared
        else "deleted or overwritten, or an installation was interrupted"
    )
    imports = "`import tensorflow` or `tf.keras` fails." if stops else "What reads them fails."
    return Finding(
        "TFD501" if gone else "TFD503",
        ERROR if stops else WARNING,
        f"{names} of {label} {'are' if several else 'is'} recorded as installed, but {what}: {why}. {imports}",
        found=f"{len(group)} file{'s' if several else ''} {what}",
        expected="the files that the package recorded",
        evidence=tuple(dict.fromkeys(shown))[:5],
        source=entry.source,
        package=entry.owner,
        fix=again(context, entry),
    )


def _changed(context: Context, group: list[Damage]) -> Finding:
    from .words import again, listed, relative

    entry = group[0].recorded
    names = listed(relative(context, d.recorded.path).partition("site-packages/")[2] for d in group)
    several = len(group) > 1
    return Finding(
        "TFD503",
        WARNING,
        f"{names} {'are' if several else 'is'} not what {entry.owner} installed: another size is recorded.",
        found=group[0].found,
        expected=f"{entry.size:,} bytes",
        evidence=tuple(relative(context, damage.recorded.path) for damage in group[:5]),
        source=entry.source,
        package=entry.owner,
        confidence=LIKELY,
        fix=again(context, entry),
    )


# Who writes a RECORD; what a distribution of Linux packages has none on purpose.
_WRITERS = ("pip", "uv")


def metadata(context: Context) -> Iterator[Finding]:
    """TFD501: packages of the stack whose metadata is not there, as a whole or in part."""
    env = context.env
    if context.tensorflow is None or not env.prefix or env.kind != "prefix":
        return
    for package in env.packages:
        if package.manager != PIP or not (package.name in OWNERS or package.name in MODULES):
            continue
        # What lies in the Python below a venv is that one's to say.
        if os.path.isabs(package.source) or env.pip(package.name) != package:
            continue
        lost = _part_lost(os.path.join(env.prefix, *package.source.split("/")))
        if lost:
            yield _without(context, package, lost)


def _part_lost(folder: str) -> str:
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


def _without(context: Context, package: Package, lost: str) -> Finding:
    from ...advice.make import working
    from .words import with_files_again

    name, version = package.name, package.version
    label = f"{name} {version}".strip()
    found = f"{label} without {lost}"
    subject = f"{label} is there without any metadata" if lost == "metadata" else f"{lost} of {label} is not there"
    command = with_files_again(name, version, unrecorded=True)
    # Of an unknown TensorFlow no other one can take the place.
    if name in OWNERS and not version:
        fix = Fix(note="Install TensorFlow again, in the version that your code is for.")
    elif version:
        fix = Fix(commands=(command,), reinstall=((PIP, name),))
    else:
        wanted = f"{name}{working(context, name)}"
        fix = Fix(pip=(wanted,), commands=((*command[:-1], wanted),))
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
