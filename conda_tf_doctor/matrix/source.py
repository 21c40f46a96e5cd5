"""Reads the matrix's YAML with the line of every value, and every version as it is written.

YAML's own types do harm here: ``3.10`` is not the number 3.1, and 2022-09-06 is just a text. So the nodes are taken as
ruamel.yaml composes them, and only whole numbers, true, false and null become anything but text.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..reading import BadYamlError, compose_yaml

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing wrong with a file.

    Attributes:
        file: As the user named it.
        line: 1-based; 0 where there is none.
        field: Dotted path (``groups[3].builds[0].cuda``); empty for the file as a whole.
        message: What is wrong and what to write instead.
    """

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class InvalidFileError(Exception):
    """A file that is no usable part of a matrix."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Document:
    """A parsed file.

    Attributes:
        file: As the user named it.
        value: Its content as plain Python values.
        lines: The 1-based line of each path in it.
    """

    def __init__(self, file: str, value: Any, lines: dict[Path, int]) -> None:
        self.file = file
        self.value = value
        self.lines = lines

    def problem(self, path: Path, message: str) -> Problem:
        """Return a problem at a path, or at the nearest part of it that has a line."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return Problem(self.file, self.lines.get(known, 0), dotted(path), message)


def dotted(path: Path) -> str:
    """Return ``groups[3].builds[0].cuda`` for a path."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse(text: str, file: str, ours: bool = False) -> Document:
    """Parse YAML text.

    Args:
        text: The file's content.
        file: Its name, for messages.
        ours: Whether it is one of the bundled files: they are parsed by libyaml where it is there, ten times as fast,
            whose messages say less, and which deep nesting brings down.

    Raises:
        InvalidFileError: It is no YAML, has a key twice, or uses merge keys.
    """
    try:
        node = compose_yaml(text, pure=not ours)
    except BadYamlError as error:
        raise InvalidFileError([Problem(file, error.line, "", f"not valid YAML: {error}")]) from error
    lines: dict[Path, int] = {}
    problems: list[Problem] = []
    value = _value(node, (), file, lines, problems) if node is not None else None
    if problems:
        raise InvalidFileError(problems)
    return Document(file, value, lines)


def _value(node: Any, path: Path, file: str, lines: dict[Path, int], problems: list[Problem]) -> Any:
    lines[path] = node.start_mark.line + 1
    if node.id == "mapping":
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if key_node.id == "scalar" else None
            line = key_node.start_mark.line + 1
            if key is None or key_node.tag.endswith(":merge"):
                problems.append(Problem(file, line, dotted(path), "only plain keys are understood, no merge keys"))
            elif key in mapping:
                problems.append(Problem(file, line, dotted((*path, key)), "is there twice; keep one"))
            else:
                mapping[key] = _value(value_node, (*path, key), file, lines, problems)
        return mapping
    if node.id == "sequence":
        return [_value(item, (*path, index), file, lines, problems) for index, item in enumerate(node.value)]
    if node.tag.endswith(":null"):
        return None
    if node.tag.endswith(":bool"):
        return str(node.value).lower() == "true"
    if node.tag.endswith(":int") and re.fullmatch("[+-]?[0-9]{1,300}", node.value):
        return int(node.value)
    return node.value
