"""Where reports are: files, folders, patterns; one document, or one in each line; compressed by gzip or not."""

from __future__ import annotations

import glob
import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .. import reading
from ..errors import UsageError

FORMS = re.compile(r"\.(?:json|jsonl|ndjson)(?:\.gz)?\Z", re.I)
_LINES = re.compile(r"\.(?:jsonl|ndjson)(?:\.gz)?\Z", re.I)
_GZIP = b"\x1f\x8b"


class Item(NamedTuple):
    """One report that is to be judged.

    Attributes:
        source: The file, with ``:LINE`` where it has several.
        text: JSON; empty where it could not be read.
        error: Why not.
    """

    source: str
    text: bytes
    error: str = ""


def files(places: Iterable[str], results: Iterable[str] = ()) -> list[str]:
    """Return the files that arguments name: files, all reports in folders, and patterns.

    Args:
        places: The arguments.
        results: What is written: lying in a folder, it is no report of the next run, nor of this one.

    Raises:
        UsageError: One of them names nothing, or what is written.
    """
    found: list[str] = []
    written = {os.path.realpath(path) for path in results}
    for place in places:
        if os.path.realpath(place) in written:
            raise UsageError(f"{place} is to be read and to be written; give -o another name.")
        if place == "-" or os.path.isfile(place):
            found.append(place)
            continue
        if os.path.isdir(place):
            inside = [os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names]
        else:
            inside = [path for path in glob.glob(place, recursive=True) if os.path.isfile(path)]
        fitting = sorted(path for path in inside if FORMS.search(path) and os.path.realpath(path) not in written)
        if not fitting:
            what = "has no reports" if os.path.isdir(place) else "does not exist"
            raise UsageError(f"{place} {what}: give files of JSON or JSON Lines (.json, .jsonl, with .gz or not).")
        found += fitting
    return list(dict.fromkeys(found))


def reports(paths: Iterable[str]) -> Iterator[Item]:
    """Yield the reports in files one after another, no more than one of them in memory."""
    for path in paths:
        yield from _or_error(path)


def _or_error(path: str) -> Iterator[Item]:
    try:
        yield from _of_file(path)
    except (OSError, EOFError, zlib.error) as error:
        yield Item(path, b"", f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.")


def _of_file(path: str) -> Iterator[Item]:
    raw = reading.open_regular(path) if path != "-" else io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    with raw, _unzipped(raw) as unzipped:
        stream = _in_utf8(unzipped)
        if path != "-" and not _LINES.search(path):
            text = stream.read(reading.RECORD + 1)
            if len(text) > reading.RECORD:
                yield Item(path, b"", f"{path} is larger than a report can be ({reading.RECORD >> 20} MB).")
            elif not _is_lines(text):
                yield Item(path, text)
            else:
                yield from _each(path, io.BytesIO(text))
            return
        yield from _each(path, stream)


def _unzipped(raw: Any) -> io.BufferedIOBase:
    stream: io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
    return stream


class _Recoded:
    """A stream of UTF-16, read as UTF-8."""

    def __init__(self, stream: Any) -> None:
        self._text = io.TextIOWrapper(stream, "utf-16", "replace", newline="\n")

    def read(self, most: int) -> bytes:
        """Return so many characters at most."""
        return self._text.read(most).encode()

    def readline(self, most: int) -> bytes:
        """Return a line, or so many characters of it."""
        return self._text.readline(most).encode()


def _in_utf8(stream: Any) -> Any:
    encoding = reading.marked(stream.peek(3)[:3])
    if encoding.startswith("utf-16"):
        return _Recoded(stream)
    if encoding:
        stream.read(3)
    return stream


def _each(path: str, stream: Any) -> Iterator[Item]:
    number = 0
    while line := stream.readline(reading.RECORD + 1):
        number += 1
        if len(line) > reading.RECORD:
            yield Item(f"{path}:{number}", b"", f"Line {number} of {path} is larger than a report can be.")
            return
        if line.strip():
            yield Item(f"{path}:{number}", line)


def _is_lines(text: bytes) -> bool:
    """Tell whether a file has a whole object in its first line, and more in the next."""
    first, _, rest = text.lstrip().partition(b"\n")
    return first.startswith(b"{") and first.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{")
