"""Judges reports: here, in processes of this machine, or on a cluster of Dask."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from ..api import diagnose, summary
from ..engine.diagnosis import unread
from ..errors import UsageError
from ..reading import load_json
from ..safely import reason, safe
from ..workers import Failed, count, run
from .sources import Item

Row = dict[str, Any]
# So many that handing them over costs little, and so few that a slow one delays few others.
CHUNK = 64
SECONDS = 120


class How(NamedTuple):
    """How reports are judged.

    Attributes:
        ignore: Silenced codes.
        matrix: A user's YAML file; empty for none.
        engine: ``process`` or ``dask``.
        jobs: Number of processes; 0 for one for each CPU, 1 for none but this one.
        scheduler: Address of Dask's scheduler; empty for the one that Dask's own configuration names, else a cluster of
            this machine.
    """

    ignore: tuple[str, ...] = ()
    matrix: str = ""
    engine: str = "process"
    jobs: int = 0
    scheduler: str = ""


def row_of(item: Item, ignore: tuple[str, ...], matrix: str) -> Row:
    """Judge one report; one that cannot be read is a row that says why."""
    host = path = python = ""
    try:
        if item.error:
            raise UsageError(item.error)
        try:
            report = load_json(item.text)
        except ValueError as error:
            raise UsageError(f"{item.source} is not JSON ({error}).") from None
        document = diagnose(report, ignore=ignore, matrix=matrix, name=item.source)
        host, path = str(report.get("host") or ""), str(report.get("prefix") or "")
        python = str((report.get("python") or {}).get("version") or "")
    except UsageError as error:
        document = unread("report", item.source, str(error))
    # A file of one report is called after its host; of many, the line tells them apart.
    named = os.path.basename(item.source).removesuffix(".gz").removesuffix(".json")
    row = {"host": host or named, "environment": path, "source": item.source, "python": python, **summary(document)}
    return {name: _told(value) if isinstance(value, str) else value for name, value in row.items()}


def _told(text: str) -> str:
    """Return a text of others as a table may hold it: in one line, and of what is no character its number."""
    return safe(text).encode("utf-8", "backslashreplace").decode()


def rows_of(items: list[Item], ignore: tuple[str, ...] = (), matrix: str = "") -> list[Row]:
    """Judge some reports; a failure of ours is told in its row."""
    return [_or_failed(item, ignore, matrix) for item in items]


def _or_failed(item: Item, ignore: tuple[str, ...], matrix: str) -> Row:
    try:
        return row_of(item, ignore, matrix)
    except Exception as error:
        return _failed(item, reason(error))


def _failed(item: Item, why: str) -> Row:
    return row_of(item._replace(text=b"", error=f"{item.source} was not judged: {why}."), (), "")


def judged(items: Iterable[Item], how: How) -> Iterator[Row]:
    """Yield a row for each report, in no order.

    Raises:
        UsageError: Dask is asked for and not installed, or its scheduler does not answer.
    """
    task = partial(rows_of, ignore=how.ignore, matrix=how.matrix)
    chunks = _chunks(items)
    if how.engine == "dask":
        for found in _by_dask(task, chunks, how.scheduler):
            yield from found
    elif count(how.jobs) == 1:
        for chunk in chunks:
            yield from task(chunk)
    else:
        for chunk, found in run(task, chunks, how.jobs, SECONDS):
            yield from [_failed(item, found.why) for item in chunk] if isinstance(found, Failed) else found


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, CHUNK)):
        yield chunk


def _by_dask(task: Any, chunks: Iterator[list[Item]], scheduler: str) -> Iterator[list[Row]]:
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--engine dask needs Dask: python -m pip install distributed (conda-tf-doctor[fleet] brings it)."
        ) from None
    address = scheduler or dask.config.get("scheduler-address", None)
    try:
        client = Client(address) if address else Client(processes=True, dashboard_address=None)
    except (OSError, ValueError) as error:
        raise UsageError(f"The scheduler {address} does not answer ({error}).") from None
    with client:
        pending: deque[Any] = deque()
        most = 4 * max(1, len(client.scheduler_info()["workers"]))
        for chunk in chunks:
            pending.append(client.submit(task, chunk, pure=False))
            if len(pending) >= most:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
