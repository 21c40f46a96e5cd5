"""Writes rows to a file while they come: CSV, JSON Lines or Parquet, by the end of its name."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import UsageError
from ..repair import atomic

Row = dict[str, Any]
Sink = Callable[[Row], object]
FIELDS = (
    "host", "environment", "source", "platform", "python", "distribution", "tensorflow", "channel", "state", "code",
    "name", "message", "errors", "warnings", "codes",
)  # fmt: skip
_NUMBERS = ("errors", "warnings")
_BATCH = 10_000


@contextmanager
def sink(path: str) -> Iterator[Sink]:
    """Open a file for rows; of what fails, nothing is left.

    Raises:
        UsageError: The end of the name is not known, or the file cannot be written.
    """
    form = re.search(r"\.(csv|jsonl|ndjson|parquet)(\.gz)?\Z", path, re.I)
    if form is None or (form[1].lower() == "parquet" and form[2]):
        raise UsageError(f"{path}: results are written as .csv, .jsonl or .parquet (the first two with .gz or not).")
    kind, zipped = form[1].lower(), form[2]
    try:
        with atomic.aside(path) as file:
            if kind == "parquet":
                with _parquet(file, path) as write:
                    yield write
                return
            with (gzip.open if zipped else open)(file, "wt", encoding="utf-8", newline="") as stream:
                if kind == "csv":
                    writer = csv.DictWriter(stream, FIELDS)
                    writer.writeheader()
                    yield writer.writerow
                else:
                    yield lambda row: stream.write(json.dumps(row) + "\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None


@contextmanager
def _parquet(file: str, path: str) -> Iterator[Sink]:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise UsageError(
            f"{path}: Parquet needs pyarrow: python -m pip install pyarrow (conda-tf-doctor[fleet] brings it)."
        ) from None
    schema = pyarrow.schema([(name, pyarrow.int32() if name in _NUMBERS else pyarrow.string()) for name in FIELDS])
    rows: list[Row] = []
    with ParquetWriter(file, schema) as writer:

        def flush() -> None:
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
            rows.clear()

        def write(row: Row) -> None:
            rows.append(row)
            if len(rows) == _BATCH:
                flush()

        yield write
        if rows:
            flush()
