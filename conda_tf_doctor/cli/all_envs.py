"""``check --all-envs``: every environment, in parallel, with a progress line on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from ..api import summary
from ..engine.diagnose import diagnose
from ..engine.diagnosis import SCHEMA_VERSION, unread
from ..environment.prefix import read_prefix
from ..errors import UsageError
from ..fleet.tally import Tally
from ..matrix.load import load_matrix
from ..render.grouped import first_place, groups
from ..render.json import print_document
from ..render.text import Style
from ..shell import quoted
from ..workers import Failed, run
from .aim import aimed
from .target import all_prefixes

if TYPE_CHECKING:
    from argparse import Namespace

    from ..matrix.matrix import Matrix

# For one environment: the largest that were seen take a tenth of either.
SECONDS, MEMORY = 120, 4 << 30


@lru_cache(maxsize=1)
def _matrix(file: str) -> Matrix:
    return load_matrix(file)


def check_one(prefix: str, ignore: frozenset[str], matrix_file: str) -> dict[str, Any]:
    """Check one environment and return its JSON document; one that cannot be read returns what is wrong with it."""
    try:
        return aimed(diagnose(read_prefix(prefix), _matrix(matrix_file), ignore)).to_json()
    except (UsageError, OSError) as error:
        return unread("prefix", prefix, str(error))


def _results(prefixes: list[str], ignore: frozenset[str], matrix_file: str) -> Iterator[dict[str, Any]]:
    task = partial(check_one, ignore=ignore, matrix_file=matrix_file)
    if len(prefixes) < 4 or (os.cpu_count() or 1) < 2:
        # Starting processes costs more than checking three environments.
        yield from map(task, prefixes)
        return
    for prefix, found in run(task, prefixes, seconds=SECONDS, memory=MEMORY):
        failed = isinstance(found, Failed)
        yield unread("prefix", prefix, f"{prefix} was not checked: {found.why}.") if failed else found


def execute(args: Namespace, ignore: frozenset[str], matrix_file: str) -> int:
    """Check every environment and print what is wrong by cause, or a document of all."""
    load_matrix(matrix_file)  # an unusable matrix is one error, not one for each environment
    prefixes = all_prefixes(args)
    progress = sys.stderr.isatty() and not args.json and not args.quiet
    documents: dict[str, dict[str, Any]] = {}
    for document in _results(prefixes, ignore, matrix_file):
        documents[document["target"]["path"]] = document
        if progress:
            sys.stderr.write(f"\r{len(documents)} of {len(prefixes)} environments checked")
            sys.stderr.flush()
    if progress:
        sys.stderr.write("\r\x1b[K")
    ordered = [documents[path] for path in sorted(documents)]
    if args.json:
        print_document({"schema_version": SCHEMA_VERSION, "environments": ordered})
    else:
        _show(ordered, args)
    return 0 if all(document["ok"] for document in ordered) else 1


def _show(documents: list[dict[str, Any]], args: Namespace) -> None:
    style, tally = Style.of(sys.stdout, os.environ), Tally()
    for document in documents:
        tally.add(summary(document), document["target"]["path"])
    for line in groups(tally, style, "environments", quiet=args.quiet):
        style.write(line + "\n")
    worst = first_place(tally)
    if worst and not args.quiet:
        style.write(f"Next: conda-tf-doctor check -p {quoted(worst)}\n")
