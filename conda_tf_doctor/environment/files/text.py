"""Reading a file that a person names: its encoding, its YAML or TOML, and the sentence where that fails."""

from __future__ import annotations

import os
from typing import Any

from ... import reading
from ...errors import UsageError, meant
from ...shell import quoted

FORMS = (
    "environment.yml, `conda list` and `conda env export` in all their forms, explicit lists (@EXPLICIT), "
    "conda-lock.yml, pixi.toml and pixi.lock, conda.toml and conda.lock, requirements.txt, `pip freeze`, `pip list`, "
    "pyproject.toml, setup.cfg, Pipfile and Pipfile.lock, uv.lock, poetry.lock, pdm.lock and pylock.toml"
)


def unknown(path: str, what: str) -> UsageError:
    """Return what is said of a file that is understood by nobody here."""
    return UsageError(f"The file {path} cannot be used: this {what} is of no form that is known; these are: {FORMS}.")


def _meant(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        near = meant(name, os.listdir(folder or "."))
    except OSError:
        return ""
    return near


def read_text(path: str) -> str:
    """Read a text file in the encodings that people's tools write: UTF-8, UTF-16 with a mark, else Latin-1.

    Args:
        path: The file; ``-`` is standard input.

    Raises:
        UsageError: It does not exist, cannot be read, or is no text.
    """
    try:
        data = reading.read_input() if path == "-" else reading.read_bytes(path)
    except FileNotFoundError:
        raise UsageError(f"The file {path} does not exist{_meant(path)}.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder; name a file, or an environment with -p {quoted(path)}.") from None
    except OSError as error:
        raise UsageError(f"The file {path} cannot be read: {error.strerror or error}.") from None
    try:
        text = reading.decoded(data, "replace" if reading.marked(data) else "strict")
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
        return reading.load_json(text)
    except ValueError as error:
        raise UsageError(f"The file {path} is not valid JSON: {error}; write it again.") from None


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


def as_text(value: Any, path: str, field: str) -> str:
    """Return a text; numbers count as text, an absent one is empty.

    Raises:
        UsageError: The field is something else.
    """
    if value is None or type(value) in (str, int, float):
        return "" if value is None else str(value)
    raise UsageError(f"The file {path} cannot be used: {field} has to be a text.")


def as_texts(value: Any, path: str, field: str) -> list[str]:
    """Return a list of texts that say something; an absent one is empty.

    Raises:
        UsageError: The field is something else.
    """
    found = [as_text(each, path, f"each entry of {field}") for each in as_list(value, path, field)]
    return [text for text in found if text.strip()]
