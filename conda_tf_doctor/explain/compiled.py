"""The derived form of the catalogue: JSON, read in a few milliseconds where the YAML takes half a second.

It is made when the package is built, and made again in a checkout whose YAML was edited.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from typing import Any

from ..matrix.compiled import write_text

FILE_NAME = "catalogue.compiled.json"


def _sources(data: str) -> dict[str, bytes]:
    found = {}
    for name in sorted(os.listdir(data)):
        if name.endswith(".yaml"):
            with open(os.path.join(data, name), "rb") as file:
                found[name] = file.read()
    return found


def _fingerprint(sources: dict[str, bytes]) -> dict[str, list[int]]:
    return {name: [len(content), zlib.crc32(content)] for name, content in sources.items()}


def _parse(sources: dict[str, bytes]) -> dict[str, Any]:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe")
    return {name: yaml.load(content.decode("utf-8")) for name, content in sources.items()}


def load(data: str) -> dict[str, Any]:
    """Return the content of each YAML file of a folder, by file name.

    Args:
        data: The folder.
    """
    sources = _sources(data)
    path = os.path.join(data, FILE_NAME)
    with suppress(OSError, ValueError, KeyError, TypeError), open(path, encoding="ascii") as file:
        derived = json.load(file)
        if derived["sources"] == _fingerprint(sources):
            documents: dict[str, Any] = derived["documents"]
            return documents
    documents = _parse(sources)
    # A read-only installation without the derived form is slow, and still right.
    with suppress(OSError):
        _write(path, sources, documents)
    return documents


def _write(path: str, sources: dict[str, bytes], documents: dict[str, Any]) -> None:
    write_text(path, json.dumps({"sources": _fingerprint(sources), "documents": documents}, ensure_ascii=True))


def write(data: str) -> str:
    """Compile a folder and return the path of the derived form.

    Raises:
        OSError: The folder cannot be written to.
    """
    sources = _sources(data)
    path = os.path.join(data, FILE_NAME)
    _write(path, sources, _parse(sources))
    return path
