"""Reads a file's text as the readers of the package do, and shows what came of it."""

from __future__ import annotations

from pathlib import Path

from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.files import read_file

Row = tuple[str, str, str]


def read(folder: Path, text: str | bytes, name: str = "file.txt", platform: str = "") -> Environment:
    """Write a text into a folder and read it."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(str(path), platform)


def rows(env: Environment) -> dict[str, Row]:
    """Return version, range and ``manager:channel`` of each package by its name."""
    return {p.name: (p.version, p.spec, f"{p.manager}:{p.channel}".rstrip(":")) for p in env.packages}
