"""One parser for both doors: ``conda tf-doctor …`` and ``conda-tf-doctor …``.

The flags that conda has too (``-n``, ``-p``, ``--json``, ``-q``, ``-v``, ``-d``, ``-y``) have conda's own destinations,
so that conda's context reads them from the same namespace.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib import import_module
from types import MethodType
from typing import Any, NoReturn

from .. import __version__
from ..codes import code_of
from ..errors import meant
from ..render.json import print_error
from ..render.text import Style, complain
from ..shell import quoted
from . import check
from .arguments import complete, program
from .flags import add_examples

SUMMARY = "Name why TensorFlow does not work in an environment, repair it, and keep it working."

VERBS = {
    "check": "check an environment, a file or a report (this is what runs when no command is named)",
    "report": "collect the facts of an environment into a report that others can check",
    "fleet": "judge the reports of many machines, and count what is wrong",
    "fix": "plan the smallest change that makes an environment or a file consistent, and write it",
    "explain": "explain a rule or an error message",
    "dlls": "show which DLLs or shared objects a module loads, and what is wrong with them",
    "matrix": "show the compatibility matrix, or validate your own",
    "create": "create an environment that is known to work",
    "schema": "print the JSON schema of a command's output, of a report or of a matrix file",
}


class UsageParser(ArgumentParser):
    """Reports unusable arguments as the contract has it: one line, exit status 2, JSON where it was asked for."""

    # All words of the call: a parser of a verb sees only those behind the verb.
    words: Sequence[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A flag has one spelling, today and when another one with the same beginning comes.
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str) -> NoReturn:
        """Print one line, and the document that stands for it, and exit with status 2."""
        message = _helped(message, self)
        if "--json" in UsageParser.words:
            print_error(f"{message[:1].upper()}{message[1:]}.")
        complain(f"{message}; see {self.prog} --help")
        raise SystemExit(2)


def _helped(message: str, parser: ArgumentParser) -> str:
    """Return argparse's message with what was probably meant."""
    if found := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
        word, known = found[1], re.split(r"[', ]+", found[2].strip("'"))
    elif found := re.fullmatch(r"unrecognized arguments: (--[\w-]+).*", message):
        word, known = found[1], [flag for action in parser._actions for flag in action.option_strings]
    elif found := re.fullmatch(r"unrecognized arguments: (.+)", message):
        verb = next((word for word in UsageParser.words if word in VERBS), "")
        return message + _flag_for(found[1], "" if verb in ("", "fix") else None)
    else:
        return message
    return message + (meant(word, known) or (_flag_for(word, "check ") if known == [*VERBS] else ""))


def _flag_for(word: str, verb: str | None) -> str:
    """Return how what was given without a flag is given: a folder, a file, a rule, a text.

    Args:
        word: What was given.
        verb: What stands before a file; empty for ``--file``, ``None`` where no files are taken.
    """
    if os.path.isdir(word):
        call = f"-p {quoted(word)}"
    elif verb and (code_of(word) or " " in word):
        call = f"explain {quoted(word)}"
    elif verb is not None and (os.path.isfile(word) or re.search(r"\.(ya?ml|txt|toml|lock)\Z", word)):
        call = f"{verb or '--file '}{quoted(word)}"
    else:
        return ""
    return f" (did you mean {call}?)"


class _VerbParser(UsageParser):
    """Adds a verb's own arguments only when the verb is used: each call needs one of them."""

    verb = ""

    def _configure(self) -> None:
        if self.verb:
            verb, self.verb = self.verb, ""
            module = import_module(f".{verb}", __package__)
            module.configure_parser(self)
            self.set_defaults(verb=verb)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Add the verb's arguments, then parse."""
        self._configure()
        return super().parse_known_args(args, namespace)


def whole(prog: str = "conda-tf-doctor") -> ArgumentParser:
    """Return the parser with the arguments of every verb, for what describes it: completions, the manual, the docs."""
    parser = UsageParser(prog=prog)
    for verb in configure(parser).values():
        verb._configure()
    return parser


def configure(parser: ArgumentParser) -> Any:
    """Give a parser all verbs and their arguments, and return the verbs' parsers by name."""
    UsageParser.words = sys.argv[1:]
    # `python -m conda` leaves its parser to name the program.
    Style.program = parser.prog = parser.prog.replace("__main__.py", "conda")
    # Conda's own parser is what stands before the verb there.
    parser.error = MethodType(UsageParser.error, parser)  # type: ignore[method-assign]
    parser.add_argument("-V", "--version", action="version", version=f"conda-tf-doctor {__version__}")
    check.configure_parser(parser, files=False)
    parser.description = SUMMARY
    parser.usage = "%(prog)s [OPTION …]\n       %(prog)s COMMAND …"
    add_examples(parser, "", "-n myenv", "check environment.yml", "explain -", "fix -n myenv", "COMMAND -h")
    # Without `prog` argparse formats the usage to find it, which costs more than all the rest of it.
    verbs = parser.add_subparsers(
        dest="verb", metavar="COMMAND", title="commands", parser_class=_VerbParser, required=False, prog=parser.prog
    )
    for verb, summary in VERBS.items():
        verbs.add_parser(verb, help=summary, description=f"{summary[:1].upper()}{summary[1:]}.").verb = verb
    return verbs.choices


def parse(argv: Sequence[str]) -> Namespace:
    """Parse the arguments of the console script."""
    Style.program = program("console")
    parser = UsageParser(prog=Style.program)
    configure(parser)
    UsageParser.words = argv
    return complete(vars(parser.parse_args(argv)), "console")
