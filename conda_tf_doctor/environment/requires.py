"""What a distribution requires, by its METADATA: all that the guard asks of most environments, so it imports little."""

from __future__ import annotations

import os

from .. import reading
from .._typing import Any


def read_requirements(path: str) -> dict[str, Any]:
    """Read what a dist-info requires, as the metadata of a :class:`Package`.

    Raises:
        OSError: METADATA cannot be read.
    """
    depends, python = [], ""
    for line in reading.read_start(os.path.join(path, "METADATA"), reading.MB).split("\n"):
        if not line.strip():
            break  # the description follows
        key, _, value = line.partition(":")
        if key == "Requires-Dist":
            depends.append(value.strip())
        elif key == "Requires-Python":
            python = value.strip()
    return {"depends": depends, "requires_python": python}
