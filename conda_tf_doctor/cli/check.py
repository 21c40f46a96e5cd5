"""``check``: an environment, a file or a report."""

from __future__ import annotations

import os
import sys

from .._typing import TYPE_CHECKING
from ..engine.diagnose import diagnose
from ..environment.channels import checked
from ..environment.machine import start_here
from ..environment.prefix import read_prefix
from ..errors import UsageError
from ..matrix.load import load_matrix
from ..render.screen import render
from ..render.text import Style
from .options import options, strict

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..engine.diagnosis import Diagnosis
    from ..environment.facts import Environment
    from ..matrix.matrix import Matrix


FORMATS = ("text", "json", "sarif", "github", "junit")


def configure_parser(parser: ArgumentParser, files: bool = True) -> None:
    """Add the arguments of ``check``.

    Args:
        parser: Of the verb, or of the program.
        files: Whether files are taken as arguments; before a verb is named, a word is the verb.
    """
    from argparse import SUPPRESS

    from .flags import add_examples, add_output, add_rules, add_target

    add_examples(
        parser,
        "-n myenv",
        "environment.yml requirements.txt --platform win-64",
        "--report report.json",
        "--all-envs",
        "environment.yml --output-format sarif > tf-doctor.sarif",
    )
    if files:
        parser.add_argument("files", metavar="FILE", nargs="*", default=SUPPRESS, help="files to check, as with --file")
    target = add_target(parser, "what to check (the active environment if none of these is given)")
    target.add_argument("--all-envs", action="store_true", default=SUPPRESS, help="check every environment there is")
    target.add_argument("--report", metavar="FILE", default=SUPPRESS, help="check a collected report (- reads it)")
    target.add_argument(
        "--file", metavar="FILE", action="append", default=SUPPRESS,
        help="check a file before anything is installed; repeatable",
    )  # fmt: skip
    target.add_argument(
        "--platform", metavar="SUBDIR", default=SUPPRESS, help="what a file, or a universal Python, is for: win-64 …"
    )
    add_rules(parser).add_argument(
        "--select", metavar="CODE", action="append", default=SUPPRESS,
        help="show only these rules, by code, name or beginning of a code (TFD6); repeatable",
    )  # fmt: skip
    output = add_output(parser)
    output.add_argument(
        "--output-format", choices=FORMATS, metavar="FORMAT", default=SUPPRESS,
        help="text, json (as --json), sarif 2.1.0, github (annotations at the line) or junit",
    )  # fmt: skip
    parser.add_argument(
        "--no-cache",
        action="store_true",
        default=SUPPRESS,
        help="neither take nor keep what earlier runs have read of records and binaries",
    )
    parser.add_argument(
        "--thorough",
        action="store_true",
        default=SUPPRESS,
        help="hash every binary of every package, whatever its size",
    )
    output.add_argument("--statistics", action="store_true", default=SUPPRESS, help="count the findings of each rule")
    output.add_argument(
        "--html", metavar="FILE", default=SUPPRESS,
        help="also write a page about it, masked as a report, to send to a helper",
    )  # fmt: skip
    output.add_argument(
        "--exit-zero", action="store_true", default=SUPPRESS, help="exit with 0 where errors were found"
    )


def execute(args: Namespace) -> int:
    """Check and print.

    Raises:
        UsageError: The target cannot be read, or more than one is named.
    """
    files = [*getattr(args, "files", ()), *getattr(args, "file", ())]
    report, all_envs = getattr(args, "report", ""), getattr(args, "all_envs", False)
    named = [flag for flag, value in (("--file", files), ("--report", report), ("--all-envs", all_envs)) if value]
    named += [flag for flag, value in (("-n", args.name), ("-p", args.prefix)) if value]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} name different targets; give one of them.")
    if getattr(args, "platform", "") and (report or all_envs):
        raise UsageError("--platform goes with a file or one environment; a report tells its platform itself.")
    form = getattr(args, "output_format", "text")
    if args.json and form not in ("text", "json"):
        raise UsageError(f"--json and --output-format {form} are two forms of one output; give one of them.")
    args.json = args.json or form == "json"
    ignore, matrix_file = options(args)
    if any(sign in file for file in files for sign in "*?["):
        from .several import expanded

        files = expanded(files)
    status = _run(args, files, form, ignore, matrix_file)
    return 0 if status == 1 and getattr(args, "exit_zero", False) else status


def _run(args: Namespace, files: list[str], form: str, ignore: frozenset[str], matrix_file: str) -> int:
    page = getattr(args, "html", "")
    several = len(files) > 1 or form not in ("text", "json") or getattr(args, "statistics", False)
    if page and (several or getattr(args, "all_envs", False)):
        raise UsageError("--html is a page about one environment, file or report; `fleet --html` is about many.")
    if getattr(args, "all_envs", False):
        if several:
            raise UsageError("--all-envs is shown as text or as JSON; --output-format and --statistics go with files.")
        from .all_envs import execute as check_all

        return check_all(args, ignore, matrix_file)

    matrix = load_matrix(matrix_file)
    to_read = bool(page) or (form == "text" and not args.json)
    if several:
        from .several import check_several

        return check_several(args, files, form, lambda file: examine(read(args, file), matrix, ignore, to_read))
    diagnosis = examine(read(args, files[0] if files else ""), matrix, ignore, to_read)
    if page:
        from .page import write

        write(page, diagnosis, matrix, args)
    return show(diagnosis, args)


def read(args: Namespace, file: str = "") -> Environment:
    """Read the facts of the target that the arguments name.

    Args:
        args: The arguments.
        file: The file to read; empty where the target is a report or an environment.
    """
    if file:
        from ..environment.files import read_file

        return read_file(file, getattr(args, "platform", ""), strict(args))
    if getattr(args, "report", ""):
        from ..environment.report import read_report

        return read_report(args.report)

    platform = getattr(args, "platform", "")
    if platform:
        # Reading its spelling costs as much as reading an environment.

        platform = checked(platform)
    env = read_prefix(args.prefix or _named_prefix(args), platform)
    if platform and env.platform != platform:
        raise UsageError(f"The environment {env.path} is for {env.platform}, not for {platform}.")
    start_here(env)
    env.thorough = getattr(args, "thorough", False)
    env.remember = not getattr(args, "no_cache", False)
    return env


def _named_prefix(args: Namespace) -> str:
    from .target import resolve_prefix

    return resolve_prefix(args)


def examine(env: Environment, matrix: Matrix, ignore: frozenset[str], to_read: bool = False) -> Diagnosis:
    """Run the engine, and aim what it advises at the environment that was examined.

    Args:
        env: Its facts.
        matrix: The compatibility matrix.
        ignore: Codes that are not shown.
        to_read: Whether people read what to type, which for a file hangs on whether there is a plan.
    """
    diagnosis = diagnose(env, matrix, ignore)
    if env.kind == "file":
        from .inline import silenced
        from .leftopen import planned, with_open_ends

        diagnosis = silenced(with_open_ends(diagnosis, matrix, ignore))
        if to_read:
            diagnosis = planned(diagnosis, matrix, ignore)
    if not diagnosis.findings:
        return diagnosis
    from .aim import aimed

    if diagnosis.has_commands:
        from ..repair.companions import accompanied

        diagnosis = accompanied(diagnosis, matrix)
    return aimed(diagnosis)


def show(diagnosis: Diagnosis, args: Namespace) -> int:
    """Print a diagnosis and return the exit status."""
    if args.json:
        from ..render.json import print_document

        if diagnosis.env.kind == "file":
            from ..render.located import document

            print_document(document(diagnosis))
        else:
            print_document(diagnosis.to_json())
    else:
        style = Style.of(sys.stdout, os.environ)
        text = render(diagnosis, style, verbose=args.verbosity, quiet=args.quiet)
        if text:
            style.write(text)
        if diagnosis.tensorflow is None and diagnosis.env.kind == "prefix" and not (args.quiet or diagnosis.findings):
            from .elsewhere import next_steps

            style.write(next_steps(args))
    return 0 if diagnosis.ok else 1
