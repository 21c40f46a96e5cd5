"""``check --html``: what was found in one environment as a page."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from ..context.context import Context
from ..errors import UsageError
from ..render.mask import masker
from ..render.page import of_one
from ..render.text import Style
from ..render.tree import Tree
from ..repair import atomic
from ..safely import safe

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis
    from ..matrix.matrix import Matrix


@contextmanager
def opened(path: str) -> Iterator[TextIO]:
    """Open a page before what is on it is found out; of what fails, nothing is left.

    Raises:
        UsageError: The file cannot be written.
    """
    if path == "-":
        raise UsageError("--html - would write a file named -; name a page, such as report.html, or /dev/stdout.")
    try:
        with atomic.aside(path) as file, open(file, "w", encoding="utf-8", errors="replace", newline="\n") as stream:
            yield stream
    except OSError as error:
        raise UsageError(f"The page cannot be written to {path}: {error.strerror or error}.") from None


def write(path: str, diagnosis: Diagnosis, matrix: Matrix, args: Namespace) -> None:
    """Write the page.

    Raises:
        UsageError: The file cannot be written.
    """
    with opened(path) as html:
        html.write(of_one(diagnosis, _tree(diagnosis, matrix), masker()))
    if not (args.json or args.quiet):
        print(f"Wrote {safe(path)}.", file=sys.stderr)


def _tree(diagnosis: Diagnosis, matrix: Matrix) -> Iterable[str]:
    """Return the ways to what is wrong, of what TensorFlow loads and of what stands beside it."""
    env = diagnosis.env
    facts = Context(env, matrix).binaries if env.kind == "prefix" and diagnosis.tensorflow else None
    for closure in (facts.closure, facts.beside) if facts else ():
        if closure is not None:
            yield from Tree(closure, env.prefix, Style(sys.stdout, colour=False)).problems()
