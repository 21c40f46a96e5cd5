"""A user's own matrix file: rows and tables that go over the bundled ones (the setting ``tf_doctor_matrix``)."""

from __future__ import annotations

import os
from typing import Any

from .. import reading
from ..errors import UsageError
from ..shell import quoted
from .check import check_document
from .expand import SHARED, Row
from .matrix import Matrix
from .model import DATA
from .release import rows_of
from .source import Document, InvalidFileError, Problem, parse


def read_overlay(file: str) -> Document:
    """Read and parse a file.

    Raises:
        UsageError: It cannot be read.
        InvalidFileError: It is no YAML.
    """
    try:
        text = reading.decoded(reading.read_bytes(file), "strict")
    except OSError as error:
        raise UsageError(
            f"the matrix file {file} cannot be read ({error.strerror or error}); check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the matrix file {file} is not UTF-8 text; save it as UTF-8") from error
    return parse(text, file)


def _bundled_shared(needed: bool) -> dict[str, Any]:
    """Return the bundled blocks of shared fields: parsed only for a file that uses blocks it does not define."""
    if not needed:
        return {}
    found: dict[str, Any] = {}
    for name in sorted(os.listdir(DATA)):
        if name.endswith(".yaml"):
            with open(os.path.join(DATA, name), encoding="utf-8") as stream:
                text = stream.read()
            if f"\nkind: {SHARED}\n" in text:
                found.update(parse(text, name).value["shared"])
    return found


def _uses_blocks(document: Document) -> bool:
    groups = document.value.get("groups") or []
    entries = [*groups, *(build for group in groups for build in group["builds"]), *(document.value.get("rows") or [])]
    return any(entry.get("use") for entry in entries)


def overlay_rows(document: Document, known: set[str]) -> tuple[list[Row], list[Problem]]:
    """Return the rows of a file, and everything wrong with it.

    Args:
        document: The parsed file.
        known: Ids of the bundled rows, which an entry with nothing but an id and changes must name.
    """
    problems = check_document(document)
    if problems:
        return [], problems
    shared = {**_bundled_shared(_uses_blocks(document)), **(document.value.get("shared") or {})}
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for path, row in rows_of(document, shared, problems):
        identity = row["id"]
        field = document.problem(path, "").field
        if "tensorflow" not in row and identity not in known:
            message = f"{identity} is no row of the matrix; list ids with: conda tf-doctor matrix --json"
            problems.append(document.problem((*path, "id"), message))
        elif seen.setdefault(identity, field) != field:
            problems.append(document.problem(path, f"makes {identity}, which {seen[identity]} makes, too"))
        else:
            rows.append(row)
    return rows, problems


def validate(file: str, known: set[str]) -> list[Problem]:
    """Return what is wrong with a user's file; nothing where it can be used.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return overlay_rows(read_overlay(file), known)[1]
    except InvalidFileError as error:
        return error.problems


def lay_over(matrix: Matrix, file: str) -> None:
    """Lay a user's file over the matrix.

    Raises:
        UsageError: It cannot be read or is invalid; says file, line, field and what to do.
    """
    try:
        document = read_overlay(file)
        rows, problems = overlay_rows(document, matrix.ids())
    except InvalidFileError as error:
        rows, problems = [], error.problems
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UsageError(f"{problems[0]}{more}; check it with: conda tf-doctor matrix --validate {quoted(str(file))}")
    matrix.overlay(rows, document.value.get("tables") or {})
