"""The entries of what ``conda list --export`` printed, each with its place in the text."""

from __future__ import annotations

from ...environment.facts import CONDA, PIP
from ...environment.files.lists import EXPORTED
from ...names import normalise
from .entry import Entry, line_spans


def entries_of_export(
    text: str, path: str, platform: str, python: str
) -> tuple[list[Entry], dict[str, tuple[str, int]]]:
    """Find the packages of an export; it names all that there are, so nothing is added to it."""
    entries = []
    for number, (begin, end) in enumerate(line_spans(text), 1):
        raw = text[begin:end]
        matched = EXPORTED.match(raw.strip())
        if matched is None:
            continue
        start = begin + len(raw) - len(raw.lstrip()) + matched.end(1)
        of_pip = matched[3] == "pypi_0"
        fixed = "pip has installed it, and conda only lists it" if of_pip else ""
        stop = start + len(matched[0]) - matched.end(1)
        manager = PIP if of_pip else CONDA
        entries.append(
            Entry(manager, normalise(matched[1]), number, start, stop, begin, end, CONDA, bare=of_pip, fixed=fixed)
        )
    return entries, {}
