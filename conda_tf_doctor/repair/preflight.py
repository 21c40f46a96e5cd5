"""What would stop a repair, asked before anything is touched."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ..names import normalise, parse_requirement
from . import kept
from .by_pip import pip_command, runs_here

if TYPE_CHECKING:
    from .journal import Journal
    from .plan import Plan

# What pip unpacks beside the packages that it replaces.
_MARGIN = 200 << 20


def obstacle(prefix: str, record: Journal, plan: Plan) -> str:
    """Return why a repair cannot be carried out here, in one sentence; empty where nothing is known to stop it.

    Args:
        prefix: The environment.
        record: What is to be done.
        plan: The plan, with what conda and pip said of it.
    """
    by_pip = (*record.pip_install, *record.pip_again, *record.pip_uninstall, *record.pip_back)
    if not by_pip:
        return ""
    if not runs_here(prefix):
        # An environment of another platform, or a damaged Python.
        return (
            f"{', '.join(by_pip)} is for pip, and the environment's own Python does not start on this machine. Run the "
            "commands where it does."
        )
    if not pip_command(prefix):
        return (
            f"{prefix} has no pip, and none works on it from outside: the environment's own `python -m ensurepip` puts "
            f"one in, or `uv pip install --python {prefix}` does what is listed."
        )
    site = kept.site_of(prefix)
    if site and not _writable(site):
        return f"{site} cannot be written to: it is read-only."
    if plan.unreachable:
        return f"{plan.unreachable}; without it nothing can be installed."
    owned = kept.owned_now(prefix)
    names = [*(normalise(parse_requirement(text)[0]) for text in by_pip), *record.pip_along]
    replaced = [owned[name] for name in dict.fromkeys(names) if name in owned]
    size = sum(_size(prefix, package) for package in replaced)
    free = shutil.disk_usage(prefix).free
    if free < size + _MARGIN:
        return f"The disk of {prefix} has {free >> 20} MB left, and this needs about {(size + _MARGIN) >> 20} MB."
    return _in_use(prefix, replaced)


def _writable(site: str) -> bool:
    """Tell whether a file can be made: permissions alone do not tell of a file system that is read-only."""
    path = os.path.join(site, f".tf-doctor-{os.getpid()}")
    try:
        with open(path, "x", encoding="utf-8"):
            pass
        os.unlink(path)
    except OSError:
        return False
    return True


def _size(prefix: str, package: kept.Owned) -> int:
    total = 0
    for path in package.files:
        with suppress(OSError):
            total += os.stat(os.path.join(prefix, *path.split("/"))).st_size
    return total


def _in_use(prefix: str, packages: list[kept.Owned]) -> str:
    """Return which library a running program holds: on Windows it cannot be replaced until that ends."""
    for package in packages if sys.platform == "win32" else ():
        for file in package.files:
            path = os.path.join(prefix, *file.split("/"))
            if not file.lower().endswith((".pyd", ".dll")) or not os.path.isfile(path):
                continue
            try:
                with open(path, "r+b"):
                    pass
            except PermissionError:
                return f"{path} is in use: end the Python (a notebook, an editor) that runs in this environment."
    return ""
