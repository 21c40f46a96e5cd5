"""Opens the compatibility matrix: the derived form where it is fresh, else the YAML."""

from __future__ import annotations

import json
import os
from io import BytesIO

from .._typing import BinaryIO
from ..errors import Ignored
from .compiled import DATA, FILE_NAME, compile_folder, is_fresh, write_text
from .matrix import Matrix


def _open(data: str) -> Matrix:
    path = os.path.join(data, FILE_NAME)
    try:
        stream = _opened(path)
        line = stream.readline()
        header = json.loads(line)
        if is_fresh(data, header, path):
            return Matrix(stream, header, len(line))
        stream.close()
    except (OSError, ValueError, KeyError):
        # Absent, cut short or of another version: it is made anew from the YAML.
        pass
    return _rebuilt(data, path)


def _opened(path: str) -> BinaryIO:
    """Open the derived form, from which a matrix reads as long as it lives."""
    stream = open(path, "rb")  # noqa: SIM115
    if os.name != "nt":
        return stream
    with stream:  # what is open cannot be replaced on Windows
        return BytesIO(stream.read())


def _rebuilt(data: str, path: str) -> Matrix:

    text = compile_folder(data)
    # A read-only installation without the derived form is slow, and still right.
    with Ignored(OSError):
        write_text(path, text)
    content = text.encode("ascii")
    end = content.index(b"\n") + 1
    return Matrix(BytesIO(content), json.loads(content[:end]), end)


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
