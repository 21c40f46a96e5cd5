"""``check``: an environment, a file or a report."""

from __future__ import annotations

import os
import sys

from .._typing import TYPE_CHECKING
from ..errors import UsageError
from .options import options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..engine.diagnosis import Diagnosis
    from ..environment.facts import Environment
    from ..matrix.matrix import Matrix


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``check``."""
    from argparse import SUPPRESS

    from .flags import add_output, add_rules, add_target

    add_target(parser)
    parser.add_argument("--all-envs", action="store_true", default=SUPPRESS, help="check every environment there is")
    parser.add_argument("--report", metavar="FILE", default=SUPPRESS, help="check a collected report (- reads it)")
    parser.add_argument("--file", metavar="FILE", default=SUPPRESS, help="check a file before anything is installed")
    parser.add_argument("--platform", metavar="SUBDIR", default=SUPPRESS, help="what the file is for, such as win-64")
    add_rules(parser)
    add_output(parser)


def execute(args: Namespace) -> int:
    """Check and print.

    Raises:
        UsageError: The target cannot be read, or more than one is named.
    """
    file, report, all_envs = getattr(args, "file", ""), getattr(args, "report", ""), getattr(args, "all_envs", False)
    named = [flag for flag, value in (("--file", file), ("--report", report), ("--all-envs", all_envs)) if value]
    named += [flag for flag, value in (("-n", args.name), ("-p", args.prefix)) if value]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} name different targets; give one of them.")
    if getattr(args, "platform", "") and not file:
        raise UsageError("--platform goes with --file; an environment and a report tell their platform themselves.")
    ignore, matrix_file = options(args)
    if all_envs:
        from .all_envs import execute as check_all

        return check_all(args, ignore, matrix_file)
    from ..matrix.load import load_matrix

    return show(examine(read(args), load_matrix(matrix_file), ignore), args)


def read(args: Namespace) -> Environment:
    """Read the facts of the target that the arguments name."""
    if getattr(args, "report", ""):
        from ..environment.report import read_report

        return read_report(args.report)
    if getattr(args, "file", ""):
        from ..environment.files import read_file

        return read_file(args.file, getattr(args, "platform", ""))
    from ..environment.prefix import read_prefix
    from .target import resolve_prefix

    env = read_prefix(resolve_prefix(args))
    env.thorough = bool(args.verbosity)
    return env


def examine(env: Environment, matrix: Matrix, ignore: frozenset[str]) -> Diagnosis:
    """Run the engine, and aim what it advises at the environment that was examined."""
    from ..engine.diagnose import diagnose
    from .aim import aimed

    return aimed(diagnose(env, matrix, ignore))


def show(diagnosis: Diagnosis, args: Namespace) -> int:
    """Print a diagnosis and return the exit status."""
    if args.json:
        from ..render.json import print_document

        print_document(diagnosis.to_json())
    else:
        from ..render.text import Style, render

        style = Style.of(sys.stdout, os.environ)
        text = render(diagnosis, style, verbose=args.verbosity, quiet=args.quiet, door=args.door)
        if text:
            style.write(text)
    return 0 if diagnosis.ok else 1
