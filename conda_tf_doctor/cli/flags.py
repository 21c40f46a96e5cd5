"""The flags that several verbs share."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, HelpFormatter
from textwrap import wrap
from typing import Any

_STATUS = "0 nothing at severity error; 1 errors found; 2 unusable request."


def add_examples(parser: ArgumentParser, *examples: str, status: str = _STATUS) -> None:
    """Add what one types, and the exit statuses, below the arguments.

    Args:
        parser: Of the verb, or of the program.
        examples: What stands behind the verb; with ``{}`` where the command goes, the whole line.
        status: What each exit status says.
    """
    lines = [each.replace("{}", "%(prog)s") if "{}" in each else f"%(prog)s {each}" for each in examples]
    said = status.rstrip(".").split("; ")
    parser.epilog = "\n".join(["examples:", *(f"  {line}".rstrip() for line in lines), "", "exit status:"])
    parser.epilog += "".join(f"\n  {each}" for each in said)
    parser.formatter_class = _LaidOut


class _LaidOut(HelpFormatter):
    """Leaves what has lines of its own as it is, and fills the rest."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Break no word that has a hyphen: it is a name, or is typed."""
        return wrap(text, width, break_on_hyphens=False)


def add_target(parser: ArgumentParser, title: str = "which environment") -> Any:
    """Add ``-n`` and ``-p`` in a group of their own, and return the group."""
    group = parser.add_argument_group(title)
    either = group.add_mutually_exclusive_group()
    either.add_argument("-n", "--name", metavar="NAME", default=SUPPRESS, help="name of the environment")
    either.add_argument("-p", "--prefix", metavar="PATH", default=SUPPRESS, help="folder of the environment")
    return group


def add_output(parser: ArgumentParser) -> Any:
    """Add ``--json``, ``-v`` and ``-q`` in a group of their own, and return the group."""
    group = parser.add_argument_group("what is printed")
    group.add_argument("--json", action="store_true", default=SUPPRESS, help="print exactly one JSON document")
    group.add_argument("-v", "--verbose", action="count", dest="verbosity", default=SUPPRESS, help="show more")
    group.add_argument("-q", "--quiet", action="store_true", default=SUPPRESS, help="show only what is wrong")
    return group


def add_prompt(parser: ArgumentParser) -> None:
    """Add ``-d`` and ``-y``."""
    parser.add_argument("-d", "--dry-run", action="store_true", default=SUPPRESS, help="change nothing")
    parser.add_argument("-y", "--yes", action="store_true", default=SUPPRESS, help="do not ask")


def add_rules(parser: ArgumentParser) -> Any:
    """Add ``--ignore`` and ``--matrix`` in a group of their own, and return the group."""
    group = parser.add_argument_group("rules and facts")
    group.add_argument(
        "--ignore", metavar="CODE", action="append", default=SUPPRESS, help="silence a rule by code or name; repeatable"
    )
    group.add_argument(
        "--matrix", metavar="FILE", default=SUPPRESS, help="YAML file whose rows add to the bundled matrix"
    )
    return group
