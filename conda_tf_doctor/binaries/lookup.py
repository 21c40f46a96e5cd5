"""Which files a user means by the name of a module."""

from __future__ import annotations

import os
import re

from ..errors import UsageError
from .records import BINARY

MAX_FILES = 2000


def find_modules(prefix: str, site_packages: str, text: str) -> list[str]:
    """Return the files that a name stands for.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages folder.
        text: A path (absolute, or relative to the prefix, site-packages or the working folder), the name of a DLL of
            the environment (``cudart64_110.dll``), or an import name: of a module (``h5py._conv``) or of a package,
            which stands for all its extension modules.

    Returns:
        Absolute paths, at least one.

    Raises:
        UsageError: Nothing of that name is there.
    """
    if BINARY.search(text) or text.lower().endswith((".exe", ".so")):
        found = _file(prefix, site_packages, text)
        if found:
            return [found]
        raise UsageError(f"{text} is neither a file nor in a library folder of the environment {prefix}.")
    if not re.fullmatch(r"\w+(?:\.\w+)*", text):
        raise UsageError(f"{text} is neither the path of a DLL or shared object nor the import name of a module.")
    parts = text.split(".")
    folder = os.path.join(site_packages, *parts)
    if os.path.isdir(folder):
        files = _extension_modules(folder)
        if files:
            return files
        raise UsageError(f"The package {text} in {folder} has no extension module and no library.")
    parent, stem = os.path.join(site_packages, *parts[:-1]), parts[-1]
    standard = [os.path.join(prefix, "DLLs"), *_dynload(os.path.dirname(site_packages))] if len(parts) == 1 else []
    for place in (parent, *standard):
        files = [name for name in _listing(place) if name.split(".")[0] == stem and BINARY.search(name)]
        if files:
            return [os.path.join(place, name) for name in files[:1]]
    raise UsageError(f"The environment {prefix} has no module {text} with binaries of its own.")


def _file(prefix: str, site_packages: str, text: str) -> str:
    relative = text.replace("\\", "/").split("/")
    bases = [prefix, site_packages, os.getcwd()]
    if len(relative) == 1:
        bases += [os.path.join(prefix, *parts) for parts in (("Library", "bin"), ("DLLs",), ("lib",))]
    candidates = [text] if os.path.isabs(text) else [os.path.join(base, *relative) for base in bases if base]
    return next((os.path.abspath(path) for path in candidates if os.path.isfile(path)), "")


def _listing(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _dynload(library: str) -> list[str]:
    return [os.path.join(library, "lib-dynload")]


def _extension_modules(folder: str) -> list[str]:
    files = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        files += [os.path.join(root, name) for name in sorted(names) if BINARY.search(name)]
        if len(files) > MAX_FILES:
            break
    return files
