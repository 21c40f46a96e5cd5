"""The flags that several verbs share."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser


def add_target(parser: ArgumentParser) -> None:
    """Add ``-n`` and ``-p``."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-n", "--name", metavar="NAME", default=SUPPRESS, help="name of the environment")
    group.add_argument("-p", "--prefix", metavar="PATH", default=SUPPRESS, help="folder of the environment")


def add_output(parser: ArgumentParser) -> None:
    """Add ``--json``, ``-v`` and ``-q``."""
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="print exactly one JSON document")
    parser.add_argument("-v", "--verbose", action="count", dest="verbosity", default=SUPPRESS, help="show more")
    parser.add_argument("-q", "--quiet", action="store_true", default=SUPPRESS, help="show only what is wrong")


def add_prompt(parser: ArgumentParser) -> None:
    """Add ``-d`` and ``-y``."""
    parser.add_argument("-d", "--dry-run", action="store_true", default=SUPPRESS, help="change nothing")
    parser.add_argument("-y", "--yes", action="store_true", default=SUPPRESS, help="do not ask")


def add_rules(parser: ArgumentParser) -> None:
    """Add ``--ignore`` and ``--matrix``."""
    parser.add_argument(
        "--ignore", metavar="CODE", action="append", default=SUPPRESS, help="silence a rule by code or name; repeatable"
    )
    parser.add_argument(
        "--matrix", metavar="FILE", default=SUPPRESS, help="YAML file whose rows add to the bundled matrix"
    )
