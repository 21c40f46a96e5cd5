"""Opens the compatibility matrix: the derived form where it is fresh, else the YAML."""

from __future__ import annotations

import os

from .. import is_installed
from .._typing import Any, BinaryIO
from ..errors import Ignored
from ..reading import load_json
from .matrix import Content, Matrix
from .model import DATA, FILE_NAME, FORMAT


def _open(data: str) -> Matrix:
    path = os.path.join(data, FILE_NAME)
    try:
        with open(path, "rb") as stream:
            line = stream.readline()
            header = load_json(line.decode("ascii"))
            whole = os.fstat(stream.fileno()).st_size == len(line) + header["length"]
            if whole and _belongs(data, header, path):
                return Matrix(_content(stream, len(line)), header)
    except (OSError, ValueError, KeyError, TypeError):
        # Absent, cut short or of another version: it is made anew from the YAML.
        pass
    return _rebuilt(data, path)


def _belongs(data: str, header: dict[str, Any], path: str) -> bool:
    """Tell whether the derived form is that of the YAML beside it; the bundled one came ready made."""
    if data == DATA and header.get("format") == FORMAT and is_installed():
        return True
    from .compiled import is_fresh

    return is_fresh(data, header, path)


def _content(stream: BinaryIO, start: int) -> Content:
    # Elsewhere all of it is read: what is open cannot be replaced on Windows, nor be read at a place.
    return Content(start, handle=os.dup(stream.fileno())) if hasattr(os, "pread") else Content(0, stream.read())


def _rebuilt(data: str, path: str) -> Matrix:
    from .compiled import compile_folder, write_text

    text = compile_folder(data)
    # A read-only installation without the derived form is slow, and still right.
    with Ignored(OSError):
        write_text(path, text)
    content = text.encode("ascii")
    end = content.index(b"\n") + 1
    return Matrix(Content(end, content), load_json(text[:end]))


def load_matrix(overlay: str = "", data: str = DATA) -> Matrix:
    """Open the matrix.

    Args:
        overlay: A user's YAML file whose rows and tables go over the bundled ones; empty for none.
        data: Folder of the bundled files.

    Raises:
        UsageError: The overlay cannot be read or is invalid; the message names file, line and field.
    """
    matrix = _open(data)
    if overlay:
        from .overlay import lay_over

        lay_over(matrix, overlay)
    return matrix
