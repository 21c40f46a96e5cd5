"""Where in a file a finding is: the line and column that an editor or a forge can show."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..environment.files.text import read_text
from ..errors import UsageError

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis
    from ..findings import Finding


class Place(NamedTuple):
    """A place in a file.

    Attributes:
        path: The file as it was named, or the folder of an environment.
        line: From 1; 0 where it is the file as a whole.
        column: From 1, in characters; 0 where it is the line as a whole.
    """

    path: str
    line: int = 0
    column: int = 0


def lines_of(path: str) -> tuple[str, ...]:
    """Return a file's lines; none where it cannot be read (any more)."""
    if path == "-":
        return ()
    try:
        return tuple(read_text(path).split("\n"))
    except UsageError:
        return ()


def _named_in(lines: tuple[str, ...], name: str) -> tuple[int, int]:
    """Return line and column of the first entry that names a package; zeros where there is none."""
    spelled = "[-_.]+".join(re.escape(part) for part in re.split(r"[-_.]+", name))
    # The name as a word of its own: neither a part of another name, nor of a path or a comment.
    entry = re.compile(rf"(?<![\w.#/-])({spelled})(?![\w-]|\.\w)", re.I)
    for number, line in enumerate(lines, 1):
        found = entry.search(re.sub(r"(?:^|\s)#.*", "", line))
        if found:
            return number, found.start(1) + 1
    return 0, 0


def place_of_finding(diagnosis: Diagnosis, finding: Finding) -> Place:
    """Return where a finding is: the entry of the package that it blames, else that of TensorFlow, else the file."""
    env = diagnosis.env
    if env.kind != "file":
        return Place(env.path)
    tensorflow = diagnosis.tensorflow.name if diagnosis.tensorflow else ""
    lines = lines_of(env.path)
    for name in (finding.package, tensorflow):
        line, column = _named_in(lines, name) if name else (0, 0)
        if line:
            return Place(relative(env.path), line, column)
    return Place(relative(env.path))


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return the JSON document of the contract; findings in a file carry where in it they are."""
    found = diagnosis.to_json()
    if diagnosis.env.kind == "file":
        for entry, finding in zip(found["findings"], diagnosis.findings, strict=True):
            place = place_of_finding(diagnosis, finding)
            entry |= {"file": place.path, "line": place.line or None, "column": place.column or None}
    return found


def relative(path: str) -> str:
    """Return a path as forges want it: relative to the working folder where it is below it, with forward slashes."""
    if path == "-":
        return path
    try:
        near = os.path.relpath(path)
    except (ValueError, OSError):  # another drive, or a working folder that is gone
        return path
    return path if near.startswith("..") else near.replace(os.sep, "/")
