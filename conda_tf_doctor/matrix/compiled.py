"""The derived form of the matrix: JSON text with an index, of which a check reads one release and a few tables.

Parsing the YAML takes a second; this takes less than a millisecond. It is made when the package is built, and made
again in a checkout whose YAML was edited. Its first line is the header, with size and CRC of everything it was made
from and the place of every chunk after it.
"""

from __future__ import annotations

import os

from .._typing import TYPE_CHECKING, Any
from ..errors import Ignored
from .model import DATA as DATA
from .model import FILE_NAME, FORMAT, KNOWLEDGE, canonical, summary

if TYPE_CHECKING:
    from .source import Document, Path, Problem

# A file for each release, in a folder of their own.
RELEASES = "releases/"
TABLES = "tables"
# Code that decides what the derived form holds: a change of it makes the file stale, too.
_CODE = ("compiled.py", "expand.py", "model.py", "release.py", "source.py")

Fingerprint = dict[str, list[int]]
Row = dict[str, Any]


def _sources(data: str) -> dict[str, os.stat_result]:
    """Return the files that the derived form is made from, relative to the data folder, with what the system knows."""
    found: dict[str, os.stat_result] = {}
    for folder in ("", RELEASES):
        try:
            entries = {f"{folder}{each.name}": each for each in os.scandir(os.path.join(data, folder))}
        except FileNotFoundError:
            # Somebody's own folder may do without releases. Without ours every environment would be fine; and that
            # the folder is gone nothing else tells on Windows, where `gone\..\file` is `file`.
            if not folder or data == DATA:
                raise
            continue
        found |= {name: entries[name].stat() for name in sorted(entries) if name.endswith(".yaml")}
    return found | {f"../{name}": os.stat(os.path.join(data, "..", name)) for name in _CODE}


def _fingerprint(data: str, names: list[str]) -> Fingerprint:
    import zlib

    found: Fingerprint = {}
    for name in names:
        with open(os.path.join(data, name), "rb") as file:
            content = file.read()
        found[name] = [len(content), zlib.crc32(content)]
    return found


def is_fresh(data: str, header: dict[str, Any], compiled: str) -> bool:
    """Tell whether the derived form still belongs to its sources.

    Sizes and times are looked at first. Installers do not keep times, so a newer one alone says nothing: then the
    CRCs decide, and a match is remembered in the file's own time where it may be.
    """
    if header.get("format") != FORMAT:
        return False
    lines = (line.split(" ") for line in header["sources"].split("\n"))
    recorded = {name: [int(size), int(crc)] for name, size, crc in lines}
    there = _sources(data)
    if {name: facts.st_size for name, facts in there.items()} != {name: kept[0] for name, kept in recorded.items()}:
        return False
    made = os.stat(compiled).st_mtime_ns
    if all(facts.st_mtime_ns <= made for facts in there.values()):
        return True
    if _fingerprint(data, list(there)) != recorded:
        return False
    with Ignored(OSError):
        os.utime(compiled)
    return True


def read_documents(data: str) -> list[Document]:
    """Parse every YAML file of a data folder.

    Raises:
        InvalidFileError: One of them is no YAML.
    """
    from .source import parse

    documents = []
    for name in _sources(data):
        if name.endswith(".yaml"):
            with open(os.path.join(data, name), encoding="utf-8") as file:
                documents.append(parse(file.read(), name, ours=True))
    return documents


def split(documents: list[Document]) -> tuple[list[Row], dict[str, Any]]:
    """Return all rows and all tables of a folder's files.

    Raises:
        InvalidFileError: A file does not fit the schema, or two rows have one id.
    """
    from .check import check_document
    from .expand import BUILDS, RELEASE, SHARED
    from .release import rows_of
    from .source import InvalidFileError

    problems: list[Problem] = []
    tables: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    builds: list[Document] = []
    for document in documents:
        kind = document.value.get("kind") if isinstance(document.value, dict) else None
        if kind not in (BUILDS, RELEASE, SHARED):
            tables.update(_tables(document.file.removesuffix(".yaml"), document.value))
            continue
        found = check_document(document)
        problems += found
        if not found:
            shared.update(document.value.get("shared") or {})
            builds.append(document)
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for document in builds:
        for path, row in rows_of(document, shared, problems):
            problems += _duplicates(document, path, row, seen)
            rows.append(row)
    if problems:
        raise InvalidFileError(problems)
    return rows, tables


def _tables(name: str, value: Any) -> dict[str, Any]:
    """Return a file's tables by name; what is large and of many packages is a table for each, read one by one."""
    if not (isinstance(value, dict) and value.get("kind") == TABLES):
        return {name: value}
    rest = {key: part for key, part in value.items() if key != TABLES}
    return {name: rest, **{f"{name}/{part}": table for part, table in value[TABLES].items()}}


def _duplicates(document: Document, path: Path, row: Row, seen: dict[str, str]) -> list[Problem]:
    where = seen.setdefault(row["id"], document.problem(path, "").field)
    if where != document.problem(path, "").field:
        return [document.problem(path, f"makes {row['id']}, which {where} makes, too")]
    return []


def compile_folder(data: str) -> str:
    """Return the derived form of a data folder as text.

    Raises:
        InvalidFileError: A file does not fit the schema.
    """
    import json

    from ..versions import key

    sources = _fingerprint(data, list(_sources(data)))
    rows, tables = split(read_documents(data))
    chunks: list[str] = []
    offset = 0

    def add(value: Any) -> list[int]:
        nonlocal offset
        # ASCII only: then a character is a byte, and an offset is one whatever reads it.
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=True) + "\n"
        chunks.append(text)
        place = [offset, len(text)]
        offset += len(text)
        return place

    rows.sort(key=lambda row: key(row["tensorflow"]))
    by_version: dict[str, dict[str, list[Row]]] = {}
    by_name: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        by_version.setdefault(canonical(row["tensorflow"]), {}).setdefault(row["channel"], []).append(row)
        by_name.setdefault(row["channel"], {}).setdefault(row["distribution"], []).append(row)
    header: dict[str, Any] = {
        "format": FORMAT,
        # As one text: an installed package asks nothing of it.
        "sources": "\n".join(f"{name} {size} {crc}" for name, (size, crc) in sources.items()),
        # In order of versions, so that no reader has to sort.
        "versions": {
            version: {channel: add(found) for channel, found in channels.items()}
            for version, channels in by_version.items()
        },
        "tables": {name: add(value) for name, value in tables.items() if name not in KNOWLEDGE},
        # Package by package, each with whether its absence tells something: most of them are in no environment.
        "knowledge": {
            table: {
                name: [*add(entries), int(any("missing" in entry for entry in entries))]
                for name, entries in tables.get(table, {}).items()
            }
            for table in KNOWLEDGE
        },
        "summary": {
            channel: {name: add([summary(row) for row in found]) for name, found in names.items()}
            for channel, names in by_name.items()
        },
    }
    header["length"] = offset
    return json.dumps(header, separators=(",", ":"), ensure_ascii=True) + "\n" + "".join(chunks)


def write(data: str, target: str = "") -> str:
    """Compile a folder and write the derived form beside it, whole or not at all; return its path.

    Raises:
        InvalidFileError: A file does not fit the schema.
        OSError: The folder cannot be written to.
    """
    target = target or os.path.join(data, FILE_NAME)
    write_text(target, compile_folder(data))
    return target


def write_text(target: str, text: str) -> None:
    """Write a file by way of a temporary one, so that no reader ever sees half of it."""
    temporary = f"{target}.{os.getpid()}"
    try:
        with open(temporary, "w", encoding="ascii", newline="\n") as file:
            file.write(text)
        os.replace(temporary, target)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
