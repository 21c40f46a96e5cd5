"""``fleet``: judges the reports of many machines."""

from __future__ import annotations

import os
import sys
import time
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..fleet.judge import How, judged
from ..fleet.results import sink
from ..fleet.sources import files, reports
from ..fleet.tally import Tally
from ..matrix.load import load_matrix
from ..render.grouped import groups
from ..render.json import print_document
from ..render.page import of_fleet
from ..render.text import Style
from .flags import add_examples, add_output, add_rules
from .options import options
from .page import opened

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 3


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``fleet``."""
    parser.add_argument(
        "reports", metavar="REPORTS", nargs="+",
        help="files of `report` or `report --jsonl`, folders of them, patterns; .gz too, - reads lines",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="FILE", action="append", default=SUPPRESS,
        help="write a row for each report: .csv, .jsonl (with .gz or not) or .parquet; repeatable",
    )  # fmt: skip
    parser.add_argument("--html", metavar="FILE", default=SUPPRESS, help="write a page to look at, in one file")
    parser.add_argument(
        "--jobs", metavar="N", type=int, default=SUPPRESS, help="processes; one for each CPU without it"
    )
    parser.add_argument(
        "--engine",
        choices=("process", "dask"),
        default=SUPPRESS,
        help="processes of this machine, or a cluster of Dask",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", default=SUPPRESS,
        help="of Dask, such as tcp://host:8786; without it that of Dask's configuration, or a cluster of this machine",
    )  # fmt: skip
    add_rules(parser)
    add_output(parser)
    add_examples(
        parser, "reports/", "'reports/*.jsonl.gz' -o rows.parquet --html fleet.html", "reports/ --engine dask",
        status="0 nothing at severity error; 1 errors found, or a report that cannot be read; 2 no report at all.",
    )  # fmt: skip


def execute(args: Namespace) -> int:
    """Judge, count, write.

    Raises:
        UsageError: There are no reports, none of them can be read, or a file cannot be written.
    """
    ignore, matrix_file = options(args)
    load_matrix(matrix_file)  # an unusable matrix is one error, not one for each report
    how = How(
        tuple(sorted(ignore)), matrix_file, getattr(args, "engine", "process"), getattr(args, "jobs", 0),
        getattr(args, "scheduler", ""),
    )  # fmt: skip
    if how.jobs < 0:
        raise UsageError(f"--jobs {how.jobs} is no number of processes.")
    tally = Tally()
    page, outputs = getattr(args, "html", ""), getattr(args, "output", ())
    found = files(args.reports, outputs)
    with ExitStack() as stack:
        html = stack.enter_context(opened(page)) if page else None
        sinks = [stack.enter_context(sink(path)) for path in outputs]
        for row in _told(judged(reports(found), how), args):
            tally.add(row, row["host"])
            for write in sinks:
                write(row)
        if tally.total == tally.states["unread"]:
            why = next(iter(tally.places.get(("unread", ""), {}).values()), "there are none")
            raise UsageError(f"None of these is a report that can be read: {why}")
        if html:
            html.write(of_fleet(tally))
    if args.json:
        print_document(_document(tally))
    else:
        style = Style.of(sys.stdout, os.environ)
        for line in groups(tally, style, "reports", SHOWN, args.quiet):
            style.write(line + "\n")
        written = [*outputs, *([page] if page else [])]
        if written and not args.quiet:
            style.write(f"Wrote {', '.join(written)}.\n")
    return 0 if tally.ok else 1


def _document(tally: Tally) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "reports": tally.total,
        "states": dict(tally.states),
        "causes": [
            {
                "state": state,
                "code": code,
                "name": tally.names[code],
                "reports": count,
                "hosts": list(tally.places[state, code]),
            }
            for state, code, count in tally.ordered()
            if code
        ],
        "ok": tally.ok,
    }


def _told(rows: Iterable[dict[str, Any]], args: Namespace) -> Iterator[dict[str, Any]]:
    """Pass rows on, and count them on a terminal."""
    progress = sys.stderr.isatty() and not args.json and not args.quiet
    then = time.monotonic()
    for number, row in enumerate(rows, 1):
        if progress and time.monotonic() - then > 0.2:
            then = time.monotonic()
            sys.stderr.write(f"\r{number:,} reports judged")
            sys.stderr.flush()
        yield row
    if progress:
        sys.stderr.write("\r\x1b[K")
