"""Which program a name starts: one on PATH or in a variable, never one of the working folder, never a batch file.

Windows looks into the working folder before PATH, and hands what a batch file is given to ``cmd.exe``, which takes
``<``, ``>``, ``&``, ``%`` and ``^`` for itself (CVE-2024-1874 and its kin): ``numpy<2`` becomes a file named ``2``.
So a batch file of conda's stands for the program beside it, and any other for none.
"""

from __future__ import annotations

import os
import sys

from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BATCH = (".bat", ".cmd")


def safe_python(values: dict[str, str]) -> dict[str, str]:
    """Return variables with which ``python -m`` (3.11 and later) takes no module from the working folder."""
    return {**values, "PYTHONSAFEPATH": "1"}


def conda_command(named: str, path: str, windows: bool = sys.platform == "win32") -> list[str]:
    """Return the command that starts the user's conda; empty where there is none.

    Args:
        named: ``CONDA_EXE``; may be empty.
        path: ``PATH``.
        windows: Whether PATH is Windows'.
    """
    candidates = [named, *_on_path("conda", path, windows)]
    return next((command for command in map(_started, candidates) if command), [])


def mamba_command(named: str, path: str, windows: bool = sys.platform == "win32") -> list[str]:
    """Return the command that starts the user's micromamba or mamba; empty where there is none.

    Args:
        named: ``MAMBA_EXE``; may be empty.
        path: ``PATH``.
        windows: Whether PATH is Windows'.
    """
    candidates = [named, *_on_path("micromamba", path, windows), *_on_path("mamba", path, windows)]
    return next((command for command in map(_started, candidates) if command and is_mamba(command)), [])


def users_conda() -> list[str]:
    """Return the command that starts the user's conda, or micromamba or mamba where there is none; else empty."""
    path = os.environ.get("PATH", "")
    return conda_command(os.environ.get("CONDA_EXE", ""), path) or mamba_command(os.environ.get("MAMBA_EXE", ""), path)


def is_mamba(command: Sequence[str]) -> bool:
    """Tell whether a command starts micromamba or mamba."""
    name = os.path.basename(command[0]).lower().removesuffix(".exe") if len(command) == 1 else ""
    return name in ("micromamba", "mamba")


def spoken(command: Sequence[str], program: Sequence[str]) -> tuple[str, ...]:
    """Return a command of conda's as the user types it to the program that he has."""
    if tuple(command[:1]) != ("conda",) or not is_mamba(program):
        return tuple(command)
    name = os.path.basename(program[0]).removesuffix(".exe")
    words = tuple(command[1:])
    if words[:1] == ("config",) and "--set" in words:
        place = words.index("--set")
        return (name, "config", "set", *words[place + 1 :], *words[1:place])
    # What makes an environment from a file is `create` itself to it.
    return (name, *(words[1:] if words[:2] == ("env", "create") else words))


def for_uv(command: Sequence[str], prefix: str) -> tuple[str, ...]:
    """Return a command of pip's (``python -m pip …``) as one types it to uv, which needs no pip in an environment."""
    # It asks nothing, and where a RECORD is not there it goes on by itself.
    words = {"-y": "", "--yes": "", "--ignore-installed": "--force-reinstall"}
    rest = (words.get(word, word) for word in command[4:])
    return ("uv", "pip", command[3], "--python", prefix, *filter(None, rest))


def _on_path(name: str, path: str, windows: bool) -> Iterator[str]:
    names = (f"{name}.exe", *(name + ending for ending in _BATCH)) if windows else (name,)
    for folder in path.split(";" if windows else ":"):
        folder = folder.strip('"')
        if os.path.isabs(folder):  # an empty or relative one is the working folder, or depends on it
            yield from (os.path.join(folder, each) for each in names)


def _started(program: str) -> list[str]:
    if not os.path.isabs(program) or not os.path.isfile(program):
        return []
    if not program.lower().endswith(_BATCH):
        return [program] if os.access(program, os.X_OK) else []
    folder = os.path.dirname(program)
    # condabin\conda.bat, Scripts\conda.bat, Library\bin\conda.bat
    for root in (os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))):
        python = os.path.join(root, "python.exe")
        if os.path.isfile(python) and os.path.isdir(os.path.join(root, "conda-meta")):
            return [python, "-m", "conda"]
    return []
