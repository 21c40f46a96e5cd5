"""``check`` of several files, and in the forms that other programs read: everything is checked, then shown as one."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from glob import glob
from typing import TYPE_CHECKING

from ..codes import RULES
from ..engine.diagnosis import SCHEMA_VERSION, unread
from ..errors import UsageError
from ..render.json import print_document
from ..render.located import document
from ..render.machines import rendered
from ..render.screen import render
from ..render.text import Style, complain

if TYPE_CHECKING:
    from argparse import Namespace

    from ..engine.diagnosis import Diagnosis

# From the name of a file (empty for the one other target) to what is found there.
Examine = Callable[[str], "Diagnosis"]


def expanded(files: list[str]) -> list[str]:
    """Return files with patterns filled in, which shells of Windows leave to programs; one that fits nothing stays."""
    return [path for file in files for path in ([file] if os.path.exists(file) else sorted(glob(file)) or [file])]


def check_several(args: Namespace, files: list[str], form: str, examine: Examine) -> int:
    """Check every file, or the one other target, print the findings of all, and return one exit status.

    A file that cannot be used does not stop the others; it is told, and the exit status is then 2.

    Args:
        args: The arguments.
        files: The files; empty for an environment or a report.
        form: One of ``check.FORMATS``.
        examine: Reads a file and runs the engine.
    """
    found: list[Diagnosis] = []
    refused: list[tuple[str, str]] = []
    for file in files or [""]:
        answer = _examined(file, examine)
        if isinstance(answer, str):
            refused.append((file, answer))
            complain(answer)
        else:
            found.append(answer)
    style = Style.of(sys.stdout, os.environ)
    if args.json:
        documents = [*map(document, found), *(unread("file", path, error) for path, error in refused)]
        print_document({"schema_version": SCHEMA_VERSION, "files": documents})
    elif form == "text":
        _show(args, found, style)
    else:
        style.write(rendered(form, found, refused))
    if refused:
        return 2
    return 0 if all(diagnosis.ok for diagnosis in found) else 1


def _examined(file: str, examine: Examine) -> Diagnosis | str:
    """Return what was found in a file, or the sentence that says why it cannot be used."""
    try:
        return examine(file)
    except UsageError as error:
        if not file:
            raise
        return str(error)


def _show(args: Namespace, found: list[Diagnosis], style: Style) -> None:
    texts = [render(each, style, verbose=args.verbosity, quiet=args.quiet) for each in found]
    style.write("\n".join(text for text in texts if text))
    if len(found) > 1 and not args.quiet:
        wrong = sum(not each.ok for each in found)
        style.write(f"\n{len(found)} files, {wrong or 'none'} with errors.\n")
    if getattr(args, "statistics", False):
        counts = Counter((finding.code, finding.severity) for each in found for finding in each.findings)
        width = len(str(max(counts.values(), default=0)))
        lines = [
            f"{count:{width}}  {code} {RULES[code]} ({severity})" for (code, severity), count in counts.most_common()
        ]
        style.write("\n" + "".join(f"{line}\n" for line in lines or ["No finding."]))
