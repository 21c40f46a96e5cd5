"""The facts that rules and the verb ``dlls`` take from binaries: one closure for each environment, made when asked."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

from .. import reading
from .._typing import TYPE_CHECKING, NamedTuple
from ..binaries import has_binaries
from ..binaries.beside import Neighbour, neighbours
from ..binaries.integrity import compare
from ..binaries.kept import take
from ..binaries.records import VITAL, Recorded, recorded_files
from ..binaries.resolve import resolve
from ..binaries.stack import added_folders, build_info, find_stack_modules
from ..binaries.startup import Added, added_at_start
from ..binaries.windows import CONDA_FOLDERS
from ..environment.condameta import well_typed
from ..environment.gpu import NEEDS_ZLIB
from ..environment.machine import system_folder
from ..environment.site import site_packages_of
from ..matrix.vc_runtime import VcRuntime
from ..names import normalise
from ..subdirs import PLATFORM_MACHINES
from ..versions import contains, key

if TYPE_CHECKING:
    from ..binaries.closure import Closure, Module
    from ..binaries.integrity import Damage
    from ..environment.facts import Binary, Environment
    from .context import Context

# The Visual C++ runtime: what is installed beside Windows, and needs a minimum version.
VC_RUNTIME = re.compile(r"(?:msvcp|vcruntime|concrt|vcomp|vccorlib|vcamp)140(?:_\w+)?\.dll\Z", re.I)


# The variables that decide where a loader searches.
_OF_SEARCH = {
    "win": ("PATH", "CONDA_DLL_SEARCH_MODIFICATION_ENABLE"),
    "linux": ("LD_LIBRARY_PATH",),
    "osx": ("DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
}


class BinaryFacts(NamedTuple):
    """What the binaries of one environment tell.

    Attributes:
        closure: What TensorFlow's modules load; ``None`` where only a report is at hand.
        modules: Paths of TensorFlow's own modules.
        damages: Files that differ from what their packages recorded.
        reported: The binaries that a report carries.
        machine: What the environment's Python is for.
        preloads: Runtime DLLs that TensorFlow loads by name first.
        at_hand: Whether the system's own folders could be looked into.
        neighbours: The modules beside TensorFlow's that its import loads.
        beside: What these load, a root for each of them, as if TensorFlow's own were not there.
        unread: Files that add DLL folders as Python starts, which of them nobody can tell.
    """

    closure: Closure | None
    modules: tuple[str, ...] = ()
    damages: tuple[Damage, ...] = ()
    reported: tuple[Binary, ...] = ()
    machine: str = ""
    preloads: tuple[str, ...] = ()
    at_hand: bool = False
    neighbours: tuple[Neighbour, ...] = ()
    beside: Closure | None = None
    unread: tuple[str, ...] = ()

    def needed_beside(self) -> list[Module]:
        """Return what stands beside TensorFlow's binaries and its import does not do without."""
        found: dict[int, Module] = {}
        for root, neighbour in zip(self.beside.roots if self.beside else (), self.neighbours, strict=True):
            for module in self.beside.reach(root) if self.beside and neighbour.vital and neighbour.package else ():
                found[id(module)] = module
        return list(found.values())

    def minimum_macos(self) -> tuple[str, Module | None]:
        """Return the newest macOS that anything TensorFlow's import loads was built for, and which; empty for none."""
        loaded = [*(self.closure.modules if self.closure else ()), *self.needed_beside()]
        asked = [(module.image.minimum_system, module) for module in loaded if module.image is not None]
        return max(asked, key=lambda entry: key(entry[0]) if entry[0] else (), default=("", None))


def examine(context: Context, thorough: bool = False) -> BinaryFacts | None:
    """Examine the binaries of an environment.

    Args:
        context: Facts and matrix.
        thorough: Hash files of any size, and those of packages outside the stack too.

    Returns:
        ``None`` where there are none to examine.
    """
    env = context.env
    if env.binaries:
        return BinaryFacts(None, reported=tuple(env.binaries), machine=env.python.machine)
    if not env.prefix:
        return None
    site_packages = site_packages_of(env)
    if not has_binaries(site_packages):
        return None
    thorough = thorough or env.thorough
    recorded = recorded_files(env.prefix, site_packages, every=thorough, kept=None if thorough else context.remembered)
    modules = find_stack_modules(env.prefix, site_packages, recorded)
    if not modules:
        return None
    return _examine(context, site_packages, modules, recorded, thorough)


def _examine(
    context: Context, site_packages: str, modules: list[str], recorded: list[Recorded], thorough: bool
) -> BinaryFacts:
    env, build = context.env, context.build
    info = build_info(site_packages)
    preloads = tuple(name.strip() for name in info.get("msvcp_dll_names", "").split(",") if name.strip())
    if not preloads and build is not None:
        preloads = build.preloads
    run_time = build.libraries if build is not None and not build.load_time else ()
    if run_time and env.os == "win" and any(contains(NEEDS_ZLIB, library.version) for library in context.cudnn):
        run_time = (*run_time, "zlibwapi.dll")
    start = added_at_start(env.prefix, site_packages) if env.os == "win" else Added()
    closure = closure_of(context, modules, preloads, run_time, site_packages, start)
    # A package that recorded none of what is there describes another installation; its absent files prove nothing.
    present = {entry.source for entry in recorded if os.path.isfile(entry.path)} | _of_imported(env)
    kept = None if thorough else context.remembered
    damages = compare([entry for entry in recorded if entry.source in present], thorough, kept)
    machine = env.python.machine or PLATFORM_MACHINES.get(env.platform, "")
    keras = env.package("keras")
    around = tuple(neighbours(env.prefix, site_packages, env.os == "win", keras.version if keras else ""))
    beside = closure_of(context, [each.path for each in around], site_packages=site_packages, start=start)
    return BinaryFacts(
        closure, tuple(modules), tuple(damages), (), machine, preloads if env.os == "win" else (), is_at_hand(env),
        around, beside, start.unknown,
    )  # fmt: skip


def _of_imported(env: Environment) -> set[str]:
    """Return the records of the packages that TensorFlow imports: these are installed, even where all of it is gone."""
    packages = [env.package(name) or env.conda(name) for name in (*VITAL, "numpy-base")]
    sources = {package.source for package in packages if package is not None and package.source}
    return sources | {f"{source}/RECORD" for source in sources}


def closure_of(
    context: Context,
    modules: list[str],
    preloads: tuple[str, ...] = (),
    run_time: tuple[str, ...] = (),
    site_packages: str = "",
    start: Added | None = None,
) -> Closure:
    """Resolve what modules of an environment load, with what is known about its machine.

    Args:
        context: Facts and matrix; the environment's prefix is on this disk.
        modules: Paths of the modules.
        preloads: DLLs that are loaded by name first.
        run_time: Libraries that are loaded by name later.
        site_packages: Where packages add DLL folders.
        start: What Python adds as it starts, where that was looked for already.

    Returns:
        The closure.
    """
    env = context.env
    windows = env.os == "win"
    variables = _variables(env)
    arguments = (
        env.prefix,
        env.platform,
        modules,
        env.python.version,
        env.python.machine,
        {name: variables[name] for name in _OF_SEARCH.get(env.os, ()) if name in variables},
        system_folder(env.python.machine) if is_at_hand(env) and windows else "",
        preloads if windows else (),
        run_time,
        _provided(context),
        _added(env, site_packages or site_packages_of(env), start) if windows else (),
    )
    if context.remembered is None:
        return resolve(*arguments)
    return take(context.remembered, list(arguments), lambda: resolve(*arguments))


def _added(env: Environment, site_packages: str, start: Added | None) -> tuple[str, ...]:
    """Return the folders that ``os.add_dll_directory`` adds: packages as they are imported, Python as it starts."""
    return added_folders(site_packages) + (start or added_at_start(env.prefix, site_packages)).folders


def is_at_hand(env: Environment) -> bool:
    """Tell whether the system's own folders, which the environment's loader searches, are this machine's."""
    system = {"win32": "win", "darwin": "osx"}.get(sys.platform, "linux")
    return env.this_machine and env.os == system


def _variables(env: Environment) -> dict[str, str]:
    """Return the variables that decide a search; on Windows as if the environment had been activated."""
    if not is_at_hand(env):
        return {}
    if env.os != "win":
        return env.env_vars

    variables = {key.upper(): value for key, value in env.env_vars.items()}
    activated = [env.prefix, *(os.path.join(env.prefix, *parts) for parts in CONDA_FOLDERS)]
    listed = [entry for entry in variables.get("PATH", "").split(";") if entry]
    lower = {entry.lower().rstrip("\\") for entry in listed}
    missing = [entry for entry in activated if entry.lower() not in lower]
    return {**variables, "PATH": ";".join(missing + listed)}


def _provided(context: Context) -> dict[str, str]:
    """Return the runtime DLLs that lie where this machine cannot look, with their version.

    That is what a report says of the system, and a conda package whose record lists no files: then its version is all
    there is. A record with a list is held to it, for the files are either there or lost.
    """
    env = context.env
    if env.os != "win":
        return {}

    known, version = VcRuntime(context.matrix), ""
    for name in known.packages:
        record = env.conda(name)
        if record and record.version and not _lists_files(env, record.source):
            version = known.version_of(name, record.version)
            break
    if not version and not is_at_hand(env) and env.system.vc_runtime not in ("", "missing"):
        version = env.system.vc_runtime
    return dict.fromkeys(known.dlls(version), version) if version else {}


def _lists_files(env: Environment, source: str) -> bool:
    try:
        path = os.path.join(env.prefix, *source.split("/"))
        record = reading.load_json(reading.read_text(path, reading.RECORD, errors="strict"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and any(
        VC_RUNTIME.search(name) for name in well_typed(record)[0].get("files") or ()
    )


def runtime_is_lost(context: Context, missing: Iterable[str]) -> bool:
    """Tell whether DLLs of the C++ runtime were there: those of what is recorded, or all of what Python came with.

    Single DLLs that no record speaks of may have been moved aside, for those in System32 do.

    Args:
        context: Facts and matrix.
        missing: Names of DLLs that are nowhere on the search path.
    """
    env, known = context.env, VcRuntime(context.matrix)
    record = next((package for name in known.packages if (package := env.conda(name)) is not None), None)
    if record is not None:
        version = known.version_of(record.name, record.version)
        return any(known.has(version, name) for name in missing)
    python = env.conda("python")
    needs = python is not None and any(normalise(spec.split()[0]) in (*known.packages, "vc") for spec in python.depends)
    return needs and not any(VC_RUNTIME.match(name) for name in os.listdir(env.prefix))
