"""Where an environment's Python and its site-packages are, and which Python these are for."""

from __future__ import annotations

import os
import stat

from .._light import re
from .._typing import TYPE_CHECKING
from ..errors import UsageError
from .facts import Environment

if TYPE_CHECKING:
    from collections.abc import Collection

# Windows' Pythons (python.org's, WinPython, the embeddable one, conda's) have it in their folder, venvs below.
_INTERPRETERS = ("python.exe", "bin/python", "Scripts/python.exe", "bin/python3", "bin/python.exe")
# The Store keeps a Python where nobody may write; pip installs into a folder of the user's.
_OF_STORE = r"(PythonSoftwareFoundation\.Python\.(3\.\d+))_[\d.]+_\w+?__(\w+)\Z"


def interpreter(prefix: str, entries: Collection[str] | None = None) -> str:
    """Return the path of a prefix's Python, relative to it and with ``/``; empty where it has none.

    Args:
        prefix: The prefix.
        entries: Names in the prefix, where they were read already.
    """
    for name in _INTERPRETERS:
        there = entries is None or name.split("/")[0] in entries
        if there and os.path.isfile(os.path.join(prefix, *name.split("/"))):
            return name
    return ""


def inner_python(prefix: str, entries: Collection[str]) -> str:
    """Return the folder of the Python that a WinPython brings; empty where there is none."""
    named = [name for name in entries if re.fullmatch(r"python(?:-3[\w.]*)?", name, re.I)]
    return next((os.path.join(prefix, name) for name in named if interpreter(os.path.join(prefix, name))), "")


def command_of(prefix: str) -> str:
    """Return what one types to start a prefix's Python: its path, or for the Store's the alias that Windows has."""
    stored = re.search(_OF_STORE, prefix) if "PythonSoftwareFoundation" in prefix else None
    if stored:
        return f"python{stored[2]}"
    inside = interpreter(prefix) or ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return os.path.join(prefix, *inside.split("/"))


def site_minor(env: Environment) -> str:
    """Return the minor as site-packages' folder spells it: free-threaded builds have a ``t`` behind it."""
    record = env.conda("python")
    free = env.python.minor and record is not None and record.build.endswith("t")
    return env.python.minor + ("t" if free else "")


def version_of_names(entries: set[str], site_packages: str) -> str:
    """Return the minor that a Python without conda's record and pyvenv.cfg shows in the names of its files."""
    for name in entries:
        matched = re.match(r"python3(\d+)t?\.dll\Z", name, re.I)
        if matched:
            return f"3.{matched.group(1)}"
    matched = re.search(r"[\\/]python(\d\.\d+)t?[\\/]site-packages\Z", site_packages)
    return matched.group(1) if matched else ""


def find_site_packages(prefix: str, minor: str, entries: set[str] | None = None) -> str:
    """Return the site-packages folder of a prefix, or an empty string.

    Args:
        prefix: The prefix.
        minor: Python's minor version (``3.10``); where it is empty the newest folder there is counts.
        entries: Names in the prefix, where they were read already.

    Raises:
        UsageError: A folder on the way cannot be read, so that nobody knows what is in it.
    """
    stored = re.search(_OF_STORE, prefix) if "PythonSoftwareFoundation" in prefix else None
    if stored:
        packages = (os.environ.get("LOCALAPPDATA", ""), "Packages", f"{stored[1]}_{stored[3]}", "LocalCache")
        folder = os.path.join(*packages, "local-packages", f"Python{stored[2].replace('.', '')}", "site-packages")
        if os.path.isdir(folder):
            return folder
    names = set(os.listdir(prefix)) if entries is None else entries
    for lib in ("Lib", "lib"):
        if lib not in names:
            continue
        if minor:
            exact = os.path.join(prefix, lib, f"python{minor}", "site-packages")
            if _is_folder(exact):
                return exact
        try:
            found = [name for name in os.listdir(os.path.join(prefix, lib)) if name.startswith("python")]
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise unreadable(os.path.join(prefix, lib), error) from None
        folders = [os.path.join(name, "site-packages") for name in sorted(found, key=_length_and_name, reverse=True)]
        for folder in (*folders, "site-packages"):
            if _is_folder(os.path.join(prefix, lib, folder)):
                return os.path.join(prefix, lib, folder)
    return ""


def site_packages_of(env: Environment) -> str:
    """Return the site-packages folder of an environment on this disk, looked for once; empty where it has none.

    Raises:
        UsageError: A folder on the way cannot be read.
        OSError: The environment is there no more: one that goes while it is judged is not well.
    """
    if env.site_packages is None:
        env.site_packages = find_site_packages(env.prefix, site_minor(env)) if env.prefix else ""
    elif env.prefix:
        os.stat(env.prefix)
    return env.site_packages


def brought_by_python_path(env: Environment, path: str) -> str:
    """Return the folder of PYTHONPATH that a file lies in, as the variable has it; empty where it lies in none.

    Args:
        env: The environment, with the variables of the process or the report.
        path: The file, or a folder with a slash at its end.
    """
    windows = env.os == "win"

    def plain(folder: str) -> str:
        return folder.replace("\\", "/").rstrip("/").lower() if windows else folder.rstrip("/")

    above = plain(path).rpartition("/")[0]
    listed = env.env_vars.get("PYTHONPATH", "").split(";" if windows else ":")
    return next((folder for folder in listed if above and plain(folder) == above), "")


def _is_folder(path: str) -> bool:
    """Tell whether there is such a folder; one that may not be looked at is not absent."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(folder: str, error: OSError) -> UsageError:
    """Return the error for a folder without which nothing can be said about an environment."""
    return UsageError(f"The folder {folder} cannot be read: {error.strerror or error}; what is installed is unknown.")


def _length_and_name(name: str) -> tuple[int, str]:
    return len(name), name
