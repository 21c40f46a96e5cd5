"""Reading a file that a person names: its encoding, its YAML or TOML, and the sentence where that fails."""

from __future__ import annotations

import codecs
import json
import sys
from typing import Any

from ... import reading
from ...errors import UsageError
from ...shell import quoted

# PowerShell's `>` writes UTF-16 with a mark; Notepad writes UTF-8 with one.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: str) -> str:
    """Read a text file in the encodings that people's tools write: UTF-8, UTF-16 with a mark, else Latin-1.

    Args:
        path: The file; ``-`` is standard input.

    Raises:
        UsageError: It does not exist, cannot be read, or is no text.
    """
    try:
        data = sys.stdin.buffer.read() if path == "-" else reading.read_bytes(path)
    except FileNotFoundError:
        raise UsageError(f"The file {path} does not exist.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name a file, or an environment with -p {quoted(path)}.") from None
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read: {error.strerror or error}.") from None
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = data.decode(encoding, "replace")
            break
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")  # an accent in a comment; names and versions are ASCII
    if "\0" in text:
        raise UsageError(f"The file {path} is not text; save it as UTF-8, or name another file.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def load_json(text: str, path: str) -> Any:
    """Parse JSON.

    Raises:
        UsageError: It is not valid JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"The file {path} is not valid JSON: {error}; write it again.") from None
    except RecursionError:
        raise UsageError(f"The file {path} is not valid JSON: it is nested too deeply; write it again.") from None


def as_mapping(value: Any, path: str, field: str) -> dict[str, Any]:
    """Return a mapping; an absent one is empty.

    Raises:
        UsageError: The field is something else.
    """
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise UsageError(f"The file {path} cannot be used: {field} has to be a mapping.")
    return value


def as_list(value: Any, path: str, field: str) -> list[Any]:
    """Return a list; an absent one is empty.

    Raises:
        UsageError: The field is something else.
    """
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise UsageError(f"The file {path} cannot be used: {field} has to be a list.")
    return value
