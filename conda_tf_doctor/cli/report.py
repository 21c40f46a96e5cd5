"""``report``: the facts of an environment as one document that others can check."""

from __future__ import annotations

import json
import platform
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ..engine.diagnose import diagnose
from ..environment.files.text import read_text
from ..environment.machine import start_elsewhere, start_here
from ..environment.prefix import read_prefix
from ..errors import UsageError
from ..matrix.load import load_matrix
from ..render.json import print_document
from ..render.report import collect
from ..render.text import Style
from ..repair import atomic
from ..safely import safe
from ..shell import quoted
from .flags import add_examples, add_output, add_target
from .options import options
from .target import all_prefixes, resolve_prefix

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``report``."""
    add_examples(
        parser,
        "-n myenv -o report.json",
        "-n myenv --error-text traceback.txt -o report.json",
        status="0 the report was written; 1 an environment of --all-envs could not be read; 2 unusable request.",
    )
    add_target(parser)
    parser.add_argument("-o", "--output", metavar="FILE", default=SUPPRESS, help="write it here (default: print it)")
    parser.add_argument(
        "--error-text", metavar="FILE", default=SUPPRESS, help="file with the error message that you saw (- reads it)"
    )
    parser.add_argument(
        "--jsonl", action="store_true", default=SUPPRESS,
        help="one line, with the name of this host: what `fleet` reads of many hosts",
    )  # fmt: skip
    parser.add_argument(
        "--all-envs", action="store_true", default=SUPPRESS, help="with --jsonl: a line for each environment"
    )
    parser.add_argument(
        "--no-mask", action="store_true", default=SUPPRESS, help="leave user names, home folders and tokens in it"
    )
    parser.add_argument(
        "--matrix", metavar="FILE", default=SUPPRESS, help="YAML file whose rows add to the bundled matrix"
    )
    add_output(parser)


def execute(args: Namespace) -> int:
    """Collect and print, or write.

    Raises:
        UsageError: The environment cannot be read, or the file not written.
    """
    named = getattr(args, "error_text", "")
    error_text = read_text(named).strip() if named else ""
    _, matrix_file = options(args)
    if getattr(args, "all_envs", False) or getattr(args, "jsonl", False):
        return _lines(args, error_text, load_matrix(matrix_file))
    env = read_prefix(resolve_prefix(args))
    start_here(env)
    matrix = load_matrix(matrix_file)
    found = diagnose(env, matrix).findings
    document = collect(env, matrix, error_text, not getattr(args, "no_mask", False), found)
    output = getattr(args, "output", "")
    if output in ("", "-"):
        print_document(document)
        return 0
    _write(output, json.dumps(document, indent=2) + "\n")
    if args.json:
        print_document(document)
    elif not args.quiet:
        told = f"Wrote {output}; `conda-tf-doctor check --report {quoted(output)}` checks it anywhere."
        Style(sys.stderr, False).write(f"{safe(told)}\n")
    return 0


def _lines(args: Namespace, error_text: str, matrix: Matrix) -> int:
    """Collect a line each of one environment or of all; one that cannot be read is told, and stops no other."""
    every = getattr(args, "all_envs", False)
    if every and not getattr(args, "jsonl", False):
        raise UsageError("--all-envs goes with --jsonl: a report is about one environment.")
    if every and (args.name or args.prefix or error_text):
        raise UsageError("--all-envs names all environments; leave out -n, -p and --error-text.")
    lines, status = [], 0
    for prefix in all_prefixes(args) if every else [resolve_prefix(args)]:
        try:
            env = read_prefix(prefix)
            if every:
                start_elsewhere(env)  # whoever collects works in a folder of their own
            else:
                start_here(env)
            found = diagnose(env, matrix).findings
            document = collect(env, matrix, error_text, not getattr(args, "no_mask", False), found)
        except (UsageError, OSError) as error:
            if not every:
                raise
            print(f"conda-tf-doctor: {safe(str(error))}", file=sys.stderr)
            status = 1
            continue
        lines.append(json.dumps({"host": platform.node(), **document}))
    output = getattr(args, "output", "")
    if output in ("", "-"):
        sys.stdout.writelines(f"{line}\n" for line in lines)
    else:
        _write(output, "".join(f"{line}\n" for line in lines))
    return status


def _write(path: str, text: str) -> None:
    try:
        atomic.write(path, text.encode("ascii"))
    except OSError as error:
        raise UsageError(f"The report cannot be written to {path}: {error.strerror or error}.") from None
