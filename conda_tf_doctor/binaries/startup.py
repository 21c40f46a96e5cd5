"""The DLL folders that Python adds as it starts: what ``*.pth`` files and ``sitecustomize.py`` call.

``os.add_dll_directory`` is how DLLs beside an environment are made known without touching ``PATH``: CUDA's own advice,
and what people put into a ``.pth`` file. Nothing is run here. Assignments, loops, branches and the usual calls on paths
are followed; what else a folder is made of stays unknown, and is told as such.

Sources: CPython ``Lib/site.py`` (a line of a ``.pth`` file that starts with ``import`` is executed).
"""

from __future__ import annotations

import os

from .. import reading
from .._typing import TYPE_CHECKING, NamedTuple
from .windows import ADDED

if TYPE_CHECKING:
    from collections.abc import Iterator


class Added(NamedTuple):
    """What the start of an environment's Python adds.

    Attributes:
        folders: The folders, as far as they are known and there.
        unknown: Files whose calls could not be followed.
    """

    folders: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def added_at_start(prefix: str, site_packages: str) -> Added:
    """Return the DLL folders that files of an environment add when its Python starts.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages.

    Returns:
        What they add.
    """
    folders: list[str] = []
    unknown = []
    for path, code in _codes(site_packages):
        if ADDED not in code:
            continue
        from .startcode import Reader

        reader = Reader(prefix, site_packages, path)
        if not reader.follow(code):
            unknown.append(path)
        folders += reader.folders
    return Added(tuple(dict.fromkeys(folders)), tuple(dict.fromkeys(unknown)))


def _codes(site_packages: str) -> Iterator[tuple[str, str]]:
    """Yield what Python executes as it starts, with the file that it stands in."""
    try:
        names = sorted(os.listdir(site_packages))
    except OSError:
        return
    for name in names:
        path = os.path.join(site_packages, name)
        if name.endswith(".pth"):
            for line in _text(path).splitlines():
                if line.startswith(("import ", "import\t")):
                    yield path, line
    for folder in (site_packages, os.path.dirname(site_packages)):
        path = os.path.join(folder, "sitecustomize.py")
        if os.path.isfile(path):
            yield path, _text(path)
            return


def _text(path: str) -> str:
    try:
        return reading.read_text(path, reading.SETTINGS)
    except OSError:
        return ""
