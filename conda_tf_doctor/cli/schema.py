"""``schema``: prints the JSON schema of what a command prints or reads."""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace

from .flags import add_examples

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "schemas")
_SUFFIX = ".schema.json"


def names() -> list[str]:
    """Return the names of the schemas there are."""
    return sorted(name.removesuffix(_SUFFIX) for name in os.listdir(FOLDER) if name.endswith(_SUFFIX))


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``schema``."""
    add_examples(parser, "check", "report", status="0 it was printed; 2 unusable request.")
    parser.add_argument("what", metavar="NAME", choices=names(), help=f"one of {', '.join(names())}")
    # Its output is JSON whatever is asked for; scripts pass the flag to every command.
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="changes nothing: a schema is JSON")


def execute(args: Namespace) -> int:
    """Print a schema."""
    with open(os.path.join(FOLDER, args.what + _SUFFIX), encoding="utf-8") as handle:
        sys.stdout.write(handle.read())
    return 0
