"""What is listed in a file, each entry with its place in the text."""

from __future__ import annotations

import re
from typing import NamedTuple

from ... import reading
from ...environment.facts import CONDA, PIP

# Where the loaders of YAML and TOML see the same character, Python's splitlines would see a line end.
_ENDS = re.compile(r"\r\n|\r|\n")


class Entry(NamedTuple):
    """One dependency in a file.

    Attributes:
        manager: ``conda`` or ``pip``.
        name: Normalised.
        line: 1-based.
        start: Where the version part begins in the text; it is empty where there is no version.
        end: Where it ends.
        first: Where the whole entry begins (its line, or its place in a flow sequence).
        last: Where the whole entry ends.
        group: Which list or table it is in.
        applies: Whether it counts on this platform.
        flow: Whether it stands between brackets, where a comma separates.
        bare: Whether the version is the whole value, as in TOML.
        fixed: Why it cannot be edited; empty where it can.
        removable: Whether it can be taken out all the same.
    """

    manager: str
    name: str
    line: int
    start: int
    end: int
    first: int
    last: int
    group: str
    applies: bool = True
    flow: bool = False
    bare: bool = False
    fixed: str = ""
    removable: bool = False


# The group of pip's packages in a file that has none yet, how one of them is written in an environment.yml's section,
# and under which key the templates of a manifest have what goes above them.
NEW_SECTION, IN_SECTION, HEAD = f"{PIP}+", "  - {name}{version}", "head"


class Listing(NamedTuple):
    """A file and its entries.

    Attributes:
        path: As the user named it.
        text: Its whole text, line ends and all.
        encoding: What it is written in.
        entries: In order.
        templates: For each group how a further entry is written (``  - {}``), and where it goes.
    """

    path: str
    text: str
    encoding: str
    entries: list[Entry]
    templates: dict[str, tuple[str, int]]

    @property
    def managers(self) -> frozenset[str]:
        """Whose packages the file has a place for."""
        return frozenset(m for m in (CONDA, PIP) if any(group.startswith(m) for group in self.templates))

    @property
    def newline(self) -> str:
        """The line end that the file uses."""
        found = _ENDS.search(self.text)
        return found.group() if found else "\n"


def decode(data: bytes, path: str) -> tuple[str, str]:
    """Return the text and its encoding, such that encoding it again gives the same bytes.

    Raises:
        UsageError: It is no text in any encoding that is read.
    """
    encoding = reading.marked(data) or "utf-8"
    try:
        return data.decode(encoding, "strict" if encoding == "utf-8" else "surrogatepass"), encoding
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def line_spans(text: str) -> list[tuple[int, int]]:
    """Return where each line begins and where the next one does."""
    spans, begin = [], 0
    for end in _ENDS.finditer(text):
        spans.append((begin, end.end()))
        begin = end.end()
    if begin < len(text):
        spans.append((begin, len(text)))
    return spans
