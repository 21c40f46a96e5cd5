"""``fix``: plan the smallest repair, show it, ask, write it, and on request carry it out."""

from __future__ import annotations

import os
import re
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from ..environment.prefix import read_prefix
from ..environment.tensorflow import find_tensorflow
from ..errors import UsageError
from ..matrix.load import load_matrix
from ..names import normalise
from ..render.json import print_document
from ..render.text import Style
from ..repair.demands import Demands, parse_demand
from ..repair.files.session import FileSession
from ..repair.session import Result, Session, Wishes, unreadable
from ..safely import safe
from .flags import add_examples, add_output, add_prompt, add_rules, add_target
from .options import options, strict
from .target import all_prefixes, resolve_prefix

if TYPE_CHECKING:
    from ..matrix.matrix import Matrix
    from ..render.text import Style
    from ..repair.session import Wishes


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``fix``."""
    add_examples(
        parser,
        "-n myenv --dry-run",
        "-n myenv --apply",
        "-n myenv --to tensorflow=2.10 --apply",
        "--file environment.yml",
        "-n myenv --undo",
        status="0 no error is left; 1 one is left, or it was refused or failed; 2 unusable request.",
    )
    target = add_target(parser, "what to repair (the active environment if none of these is given)")
    target.add_argument("--all-envs", action="store_true", default=SUPPRESS, help="every environment that has errors")
    target.add_argument(
        "--file",
        metavar="FILE",
        default=SUPPRESS,
        help="environment.yml, requirements.txt, pixi.toml, pyproject.toml or Pipfile",
    )
    target.add_argument("--platform", metavar="SUBDIR", default=SUPPRESS, help="what the file is for, such as win-64")
    parser.add_argument("--output", "-o", metavar="FILE", default=SUPPRESS, help="write the repaired file here instead")
    parser.add_argument(
        "--diff", action="store_true", default=SUPPRESS, help="print only the unified diff; implies --dry-run"
    )
    parser.add_argument(
        "--to",
        metavar="PKG=VERSION",
        action="append",
        default=SUPPRESS,
        help="aim at a version (tensorflow=2.10); repeatable",
    )
    parser.add_argument(
        "--keep", metavar="PACKAGE", action="append", default=SUPPRESS, help="do not change a package; repeatable"
    )
    parser.add_argument(
        "--without",
        metavar="PACKAGE",
        action="append",
        default=SUPPRESS,
        help="take a package away that stands against the repair; repeatable",
    )
    parser.add_argument(
        "--warnings", action="store_true", default=SUPPRESS, help="repair warnings too, where packages can"
    )
    parser.add_argument("--apply", action="store_true", default=SUPPRESS, help="bring the environment to the pins")
    parser.add_argument(
        "--undo", action="store_true", default=SUPPRESS, help="take the last repair back: packages, files and pins"
    )
    parser.add_argument(
        "--history", action="store_true", default=SUPPRESS, help="list the repairs that --undo can take back"
    )
    parser.add_argument("--offline", action="store_true", default=SUPPRESS, help="ask neither channels nor index")
    add_rules(parser)
    add_prompt(parser)
    add_output(parser)


def execute(args: Namespace) -> int:
    """Repair.

    Raises:
        UsageError: The arguments do not go together, or the target cannot be used.
    """
    wishes, matrix_file = _wishes(args)
    matrix = load_matrix(matrix_file)
    style = Style.of(sys.stdout, os.environ)
    if getattr(args, "file", ""):
        return _file(args, matrix, wishes, style)
    if getattr(args, "all_envs", False):
        return _all(args, matrix, wishes, style)

    if getattr(args, "diff", False) and not wishes.json:
        return _only_diff(resolve_prefix(args), matrix, wishes, style)
    result = Session(resolve_prefix(args), matrix, wishes, style).run()
    if wishes.json:
        _print(result.document)
    return result.status


def _wishes(args: Namespace) -> tuple[Wishes, str]:
    file, undo = getattr(args, "file", ""), getattr(args, "undo", False)
    apply, all_envs = getattr(args, "apply", False), getattr(args, "all_envs", False)
    targets = [flag for flag, value in (("--file", file), ("--all-envs", all_envs)) if value]
    targets += [flag for flag, value in (("-n", args.name), ("-p", args.prefix)) if value]
    if len(targets) > 1:
        raise UsageError(f"{' and '.join(targets)} name different targets; give one of them.")
    if file and (apply or undo):
        raise UsageError(f"{'--apply' if apply else '--undo'} is for an environment; --file writes the file alone.")
    for flag in ("output", "platform"):
        if getattr(args, flag, "") and not file:
            raise UsageError(f"--{flag} goes with --file.")
    if getattr(args, "output", "") == "-" and args.json:
        raise UsageError("--output - prints the file and --json a document; give one of them.")
    if undo and (apply or getattr(args, "to", None)):
        raise UsageError("--undo takes the last change back and goes with neither --apply nor --to.")
    ignore, matrix_file = options(args)
    demands = Demands(
        tuple(parse_demand(text) for text in getattr(args, "to", ())),
        frozenset(_package(name) for name in getattr(args, "keep", ())),
        getattr(args, "warnings", False),
        frozenset(_package(name, "--without") for name in getattr(args, "without", ())),
    )
    dry_run = args.dry_run or getattr(args, "diff", False)
    offline = getattr(args, "offline", False)
    yes = args.yes
    if args.door == "conda":
        from conda.base.context import context

        yes, offline = yes or bool(context.always_yes), offline or bool(context.offline)
        dry_run = dry_run or bool(context.dry_run)
    history = getattr(args, "history", False)
    if history and (undo or apply or file):
        raise UsageError("--history lists the repairs of an environment; give it alone.")
    wishes = Wishes(args.door, demands, ignore, apply, undo, history, dry_run, yes, args.json, args.quiet, offline)
    return wishes, matrix_file


def _package(name: str, flag: str = "--keep") -> str:
    """Return what ``--keep`` or ``--without`` names, normalised.

    Raises:
        UsageError: It is no name of a package.
    """
    if not re.fullmatch(r"\s*[A-Za-z0-9_][\w.-]*\s*", name):
        raise UsageError(f"{flag} {name!r} names no package; write it as {flag} numpy.")
    return normalise(name.strip())


def _print(document: Any) -> None:
    print_document(document)


def _only_diff(prefix: str, matrix: Matrix, wishes: Wishes, style: Style) -> int:
    result = Session(prefix, matrix, wishes._replace(json=True, quiet=True), style).run()
    style.write(result.document["diff"], verbatim=True)
    return result.status


def _all(args: Namespace, matrix: Matrix, wishes: Wishes, style: Style) -> int:
    results: list[Result] = []
    for prefix in all_prefixes(args):
        try:
            if find_tensorflow(read_prefix(prefix)) is None:
                continue
            results.append(Session(prefix, matrix, wishes, style).run())
        except UsageError as error:
            if not wishes.json:
                print(safe(str(error)), file=sys.stderr)
            results.append(unreadable(prefix, error))
    if wishes.json:
        _print({"schema_version": 1, "environments": [result.document for result in results]})
    elif not results:
        style.write("There is no environment with TensorFlow.\n")
    return max((result.status for result in results), default=0)


def _file(args: Namespace, matrix: Matrix, wishes: Wishes, style: Style) -> int:
    wishes = wishes._replace(strict=strict(args))
    session = FileSession(args.file, getattr(args, "platform", ""), getattr(args, "output", ""), matrix, wishes, style)
    result = session.run(only_diff=getattr(args, "diff", False) and not wishes.json)
    if wishes.json:
        _print(result.document)
    return result.status
