"""``check --all-envs``: every environment, in parallel, with a progress line on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from ..engine.diagnose import diagnose
from ..engine.diagnosis import SCHEMA_VERSION, unread
from ..environment.prefix import read_prefix
from ..errors import UsageError
from ..matrix.load import load_matrix
from ..render.json import print_document
from ..render.text import Style
from ..safely import safe
from .aim import aimed
from .target import all_prefixes

if TYPE_CHECKING:
    from argparse import Namespace


def check_one(prefix: str, ignore: frozenset[str], matrix_file: str) -> dict[str, Any]:
    """Check one environment and return its JSON document; one that cannot be read returns what is wrong with it."""
    try:
        return aimed(diagnose(read_prefix(prefix), load_matrix(matrix_file), ignore)).to_json()
    except UsageError as error:
        return unread("prefix", prefix, str(error))


def _workers(tasks: int) -> int:
    """Return how many processes share the work; Windows waits for 63 at most, of which two are the pool's own."""
    return min(os.cpu_count() or 1, tasks, 61)


def _results(prefixes: list[str], ignore: frozenset[str], matrix_file: str) -> Iterator[dict[str, Any]]:
    workers = _workers(len(prefixes))
    if workers < 2 or len(prefixes) < 4:
        # Starting processes costs more than checking three environments.
        yield from (check_one(prefix, ignore, matrix_file) for prefix in prefixes)
        return

    # "spawn" everywhere: conda runs threads, and a forked child of a threaded process can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(check_one, prefixes, repeat(ignore), repeat(matrix_file), chunksize=4)


def execute(args: Namespace, ignore: frozenset[str], matrix_file: str) -> int:
    """Check every environment and print a line (or a document) each."""
    load_matrix(matrix_file)  # an unusable matrix is one error, not one for each environment
    prefixes = all_prefixes(args)
    progress = sys.stderr.isatty() and not args.json and not args.quiet
    documents = []
    for done, document in enumerate(_results(prefixes, ignore, matrix_file), 1):
        documents.append(document)
        if progress:
            sys.stderr.write(f"\r{done} of {len(prefixes)} environments checked")
            sys.stderr.flush()
    if progress:
        sys.stderr.write("\r" + " " * 60 + "\r")
    if args.json:
        print_document({"schema_version": SCHEMA_VERSION, "environments": documents})
    else:
        style = Style.of(sys.stdout, os.environ)
        for document in documents:
            if args.quiet and document["ok"]:
                continue
            style.write(_line(document, style) + "\n")
        if not args.quiet:
            bad = sum(not document["ok"] for document in documents)
            style.write(f"{len(documents)} environments, {bad} with errors.\n")
    return 0 if all(document["ok"] for document in documents) else 1


def _line(document: dict[str, Any], style: Any) -> str:
    path = safe(document["target"]["path"])
    tensorflow = document["tensorflow"]
    if document.get("error"):
        return f"{style.paint('error', 'UNREADABLE')}  {path}: {safe(document['error'])}"
    if tensorflow is None:
        return f"{style.paint('dim', '-')}  {path}: no TensorFlow"
    name = safe(f"{tensorflow['name']} {tensorflow['version'] or ''}").strip()
    telling = [f for f in document["findings"] if f["severity"] != "info"]
    if not telling:
        return f"{style.paint('good', 'OK')}  {path}: {name}"
    word = "warning" if document["ok"] else "error"
    causes = ", ".join(f"{f['code']} {f['name']}" for f in telling[:3])
    return f"{style.paint(word, word.upper())}  {path}: {name}: {causes}"
