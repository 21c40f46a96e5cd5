"""The Visual C++ runtime as the table ``vc_runtime`` has it: which version has which DLL, which package which version.

Nothing else in the program says it a second time: what a user's own matrix adds to the table counts everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import versions
from .._typing import TYPE_CHECKING, Any
from ..names import normalise

if TYPE_CHECKING:
    from .matrix import Matrix


class VcRuntime:
    """What is known about the runtime.

    Args:
        matrix: The matrix, with a user's own over it where there is one.

    Attributes:
        packages: Normalised names of the conda packages that hold the runtime, what is newest first: where one became
            an empty metapackage, what took its place comes before it.
    """

    def __init__(self, matrix: Matrix) -> None:
        table: dict[str, Any] = matrix.table("vc_runtime")
        self._first = {name.lower(): str(entry["runtime"]) for name, entry in table["dlls"].items()}
        self._renumbered: list[dict[str, Any]] = table["renumbered"]
        self.packages = tuple(
            normalise(name)
            for name, entry in table["packages"].items()
            if entry.get("owns") and not entry.get("dlls") and not entry.get("wheel")
        )

    def first(self, dll: str) -> str:
        """Return the version from which on the runtime has a DLL; empty for what is none of its DLLs."""
        return self._first.get(dll.lower(), "")

    def dlls(self, version: str) -> list[str]:
        """Return the names, in lower case, of the DLLs that a version of the runtime has."""
        return [dll for dll in self._first if self.has(version, dll)]

    def has(self, version: str, dll: str) -> bool:
        """Tell whether a version of the runtime has a DLL; what is unknown is not held against it."""
        first = self.first(dll)
        return not (version and first) or versions.key(version) >= versions.key(first)

    def newest_first(self, dlls: Iterable[str], lowest: str = "14.0") -> str:
        """Return the version from which on the runtime has all of some DLLs, or the lowest that is of use."""
        return max((lowest, *(first for dll in dlls if (first := self.first(dll)))), key=versions.key)

    def version_of(self, package: str, version: str) -> str:
        """Return the version of the DLLs in a package: its own, but for those that were numbered otherwise."""
        for entry in self._renumbered:
            if normalise(entry["package"]) == package and versions.contains(entry["version"], version):
                return str(entry["runtime"])
        return version
