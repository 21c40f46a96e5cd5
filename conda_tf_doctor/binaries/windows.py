"""Where Windows looks for a DLL that CPython's import, or TensorFlow at run time, asks for.

Sources: Microsoft Learn, "Dynamic-link library search order" and "LoadLibraryExW"; CPython ``Python/dynload_win.c``
(up to 3.7 ``LOAD_WITH_ALTERED_SEARCH_PATH``, from 3.8 ``LOAD_LIBRARY_SEARCH_DEFAULT_DIRS`` with
``LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR``); the patch of conda's Python named ``CondaEcosystemModifyDllSearchPath``
(conda-forge/python-feedstock, ``recipe/patches``); TensorFlow ``tsl/platform/windows/load_library.cc``.

Three facts are easy to get wrong:

* One order holds for a whole load: the folder of the module that was *imported* is searched for the dependencies of
  its dependencies too, the folders of these are not.
* A DLL of another machine is passed over, the search goes on; only if nothing else is found the load fails with
  error 193. A damaged file of the right name ends the search.
* A DLL that is loaded already wins over every folder, by its base name alone.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache

from .. import reading
from .._typing import NamedTuple
from .folders import Folders

SYSTEM = ""

OWN = "own folder"
APPLICATION = "application folder"
ADDED = "add_dll_directory"
CONDA = "conda's DLL folders"
SYSTEM_FOLDER = "system folder"
ON_PATH = "PATH"
KNOWN = "known DLL"
API_SET = "API set"
DRIVER = "display driver"
LOADED = "already loaded"

# In the order in which activation puts them on PATH, after the root itself.
CONDA_FOLDERS = (("Library", "mingw-w64", "bin"), ("Library", "usr", "bin"), ("Library", "bin"), ("Scripts",), ("bin",))

_API_SET = re.compile(r"(?:api|ext)-[a-z0-9]+-.+-l\d+-\d+-\d+(?:\.dll)?$")
_KNOWN_DLLS = r"SYSTEM\CurrentControlSet\Control\Session Manager\KnownDLLs"
_DATA = os.path.join(os.path.dirname(__file__), "data", "windows_dlls.txt")


class Place(NamedTuple):
    """One step of a search: a folder, or :data:`SYSTEM` for what Windows itself brings."""

    folder: str
    reason: str


@cache
def system_dlls(machine: str) -> frozenset[str]:
    """Return the DLLs (lower case) that Windows itself brings for a machine; for the sources see the data file."""
    table = _table()
    return frozenset(table["common"] | table.get(machine, set()))


@cache
def _table() -> dict[str, set[str]]:
    table: dict[str, set[str]] = {}
    section = ""
    with open(_DATA, encoding="utf-8") as stream:
        for line in stream:
            line = line.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                names = (word if word.endswith(".drv") else word + ".dll" for word in line.split())
                table.setdefault(section, set()).update(names)
    return table


def is_api_set(name: str) -> bool:
    """Tell whether a name is an API set's, which the loader resolves without any file."""
    return _API_SET.match(name.lower()) is not None


def is_known_dll(name: str) -> bool:
    """Tell whether Windows takes a DLL from its system folder whatever lies elsewhere (registry: KnownDLLs)."""
    return name.lower() in (_registered() or _table()["known"])


@cache
def _registered() -> frozenset[str]:
    """Return the known DLLs of this Windows; empty on other systems."""
    found: set[str] = set()
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _KNOWN_DLLS) as key:
                values = [winreg.EnumValue(key, place)[1] for place in range(winreg.QueryInfoKey(key)[1])]
        except OSError:
            return frozenset()
        found = {value.lower() for value in values if isinstance(value, str) and value.lower().endswith(".dll")}
        # What these import themselves is known too, and the registry names it in no place.
        found |= _table()["known"] if found else set()
    return frozenset(found)


@cache
def is_of_wine(path: str) -> bool:
    """Tell whether a DLL is Wine's own: its loader puts a stub in the place of what such a one lacks, and goes on."""
    return "Wine builtin DLL" in reading.read_start(path, reading.KB)


def is_driver_dll(name: str) -> bool:
    """Tell whether a DLL comes with the display driver, and so cannot be judged without the machine."""
    return name.lower() in _table()["driver"]


class WindowsSearch:
    """The search order of one environment.

    Args:
        prefix: The environment's folder.
        python: Its Python's version as two numbers.
        env_vars: ``PATH`` and conda's switch; without ``PATH`` an activated environment is assumed.
        system_folder: ``System32`` where it is at hand, else empty: then names decide.
        added: Folders that packages add with ``os.add_dll_directory``.
        folders: The listing cache.
    """

    def __init__(
        self,
        prefix: str,
        python: tuple[int, int],
        env_vars: dict[str, str] | None = None,
        system_folder: str = "",
        added: tuple[str, ...] = (),
        folders: Folders | None = None,
    ) -> None:
        self.folders = folders or Folders(ignore_case=True)
        self.prefix = prefix
        self.python = python
        self.system_folder = system_folder
        variables = {key.upper(): value for key, value in (env_vars or {}).items()}
        self.modified = "CONDA_DLL_SEARCH_MODIFICATION_ENABLE" in variables
        self._conda = tuple(
            Place(folder, CONDA) for parts in CONDA_FOLDERS if (folder := self.folders.under(prefix, *parts))
        )
        self._added = tuple(Place(folder, ADDED) for folder in added)
        self._application = Place(_home(prefix), APPLICATION)
        self._system = Place(SYSTEM, SYSTEM_FOLDER)
        self._path = self._path_places(variables.get("PATH"))

    def _path_places(self, path: str | None) -> tuple[Place, ...]:
        activated = (Place(self.prefix, ON_PATH), *(Place(place.folder, ON_PATH) for place in self._conda))
        if path is None:
            return activated
        entries = (entry.strip().strip('"').rstrip("\\/") for entry in path.split(";"))
        return tuple(Place(entry, ON_PATH) for entry in entries if entry)

    def for_import(self, module: str) -> tuple[Place, ...]:
        """Return where the dependencies of an extension module are searched while it is imported."""
        own = Place(os.path.dirname(module), OWN)
        if self.python >= (3, 10):
            return self._unique(own, self._application, *self._added, *self._conda, self._system)
        if self.modified:
            return self._unique(own, self._application, *self._conda, *self._added, *self._path, self._system)
        # Conda's 3.8 and 3.9 search PATH like the older ones; later builds also honour add_dll_directory.
        added = self._added if self.python >= (3, 8) else ()
        return self._unique(own, self._system, *self._path, *added)

    def for_ctypes(self) -> tuple[Place, ...]:
        """Return where ``ctypes.WinDLL("name.dll")`` looks, which is how TensorFlow checks the C++ runtime."""
        if self.python >= (3, 8):
            conda = self._conda if self.python >= (3, 10) or self.modified else self._path
            return self._unique(self._application, *self._added, *conda, self._system)
        return self._unique(self._application, self._system, *self._path)

    def for_run_time(self) -> tuple[Place, ...]:
        """Return where TensorFlow's own ``LoadLibraryEx`` by bare name looks (CUDA, cuDNN): PATH counts here."""
        return self._unique(self._application, self._system, *self._path)

    def for_program(self) -> tuple[Place, ...]:
        """Return where the DLLs that ``python.exe`` itself imports are searched."""
        return self._unique(self._application, self._system, *self._path)

    @staticmethod
    def _unique(*places: Place) -> tuple[Place, ...]:
        first: dict[str, Place] = {}
        for place in places:
            first.setdefault(place.folder.replace("\\", "/").lower(), place)
        return tuple(first.values())


def _home(prefix: str) -> str:
    """Return the folder of the running ``python.exe``: of a venv that is its base Python's, which it starts."""
    home = reading.venv_settings(prefix).get("home", "")
    return home if os.path.isdir(home) else prefix
