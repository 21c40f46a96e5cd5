"""The closure of a set of modules, by the loader of the environment's own platform."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ..subdirs import PLATFORM_MACHINES
from .closure import Closure


def resolve(
    prefix: str,
    platform: str,
    modules: Sequence[str],
    python_version: str = "",
    machine: str = "",
    env_vars: dict[str, str] | None = None,
    system_folder: str = "",
    preloads: Iterable[str] = (),
    run_time: Iterable[str] = (),
    provided: dict[str, str] | None = None,
    added: tuple[str, ...] = (),
) -> Closure:
    """Resolve what a set of modules loads, as the environment's own Python would import them one after the other.

    Args:
        prefix: The environment's folder.
        platform: Conda subdir (``win-64``).
        modules: Paths of the modules in the order of their import.
        python_version: Of the environment; decides the search order on Windows. The newest order where unknown.
        machine: What the environment's Python is for; the platform's own where empty.
        env_vars: ``PATH``, ``LD_LIBRARY_PATH`` …; an activated environment is assumed where ``PATH`` is absent.
        system_folder: ``System32`` where it is at hand.
        preloads: DLLs that TensorFlow loads by name before its own.
        run_time: Libraries that it loads by name later (CUDA, cuDNN): optional.
        provided: Versions of libraries, by lower-case name, that lie where this machine cannot look.
        added: Folders that packages add with ``os.add_dll_directory``.

    Returns:
        The closure.
    """
    machine = machine or PLATFORM_MACHINES.get(platform, "")
    prefix = os.path.abspath(prefix)
    if platform.startswith("win"):
        from .pe_loader import PeLoader
        from .windows import WindowsSearch

        numbers = [int(part) for part in python_version.split(".")[:2] if part.isdigit()]
        python = (numbers[0], numbers[1]) if len(numbers) == 2 else (3, 10)
        search = WindowsSearch(prefix, python, env_vars, system_folder, added)
        return PeLoader(search, machine, provided or {}).run(modules, preloads, run_time)
    if platform.startswith("osx"):
        from .macho_loader import MachoLoader

        return MachoLoader(prefix, machine, env_vars or {}).run(modules, run_time)
    from .elf_loader import ElfLoader

    return ElfLoader(prefix, machine, env_vars or {}, provided or {}).run(modules, run_time)
