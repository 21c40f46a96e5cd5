"""``explain``: a rule's page, or the causes of an error text."""

from __future__ import annotations

import os
import re
import stat
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from .. import reading
from ..codes import RULES, code_of
from ..context.context import Context
from ..environment.prefix import read_prefix
from ..errors import UsageError, meant
from ..explain.match import find
from ..explain.pages import read_page, render_page
from ..explain.rank import rank
from ..findings import CERTAIN
from ..matrix.load import load_matrix
from ..render.json import print_document
from ..render.text import Style, screen_width, wrapped
from ..safely import safe
from ..shell import quoted
from .check import examine
from .flags import add_examples, add_output, add_target
from .options import options
from .target import resolve_prefix

if TYPE_CHECKING:
    from ..context.context import Context
    from ..engine.diagnosis import Diagnosis
    from ..explain.match import Match
    from ..explain.rank import Cause

SCHEMA_VERSION = 1
# What helps with a text that is not known: facts, the whole text, and what would name a library.
_COLLECT = (
    "the whole text, from the first line of the first traceback to the last: `explain FILE` or `explain -`",
    "the facts of the environment it came from: `conda tf-doctor report -n NAME -o report.json`",
    "what the check says there without a text: `conda tf-doctor check -n NAME -v`",
    "for a message about a DLL or a shared object, the tree of what is loaded: `conda tf-doctor dlls -n NAME`",
)


def configure_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``explain``."""
    add_examples(
        parser,
        "TFD603",
        '"ImportError: DLL load failed: The specified module could not be found."',
        "traceback.txt -n myenv",
        'python -c "import tensorflow" 2>&1 | {} -',
        status="0 the rule or the text is known; 1 the text is not known; 2 unusable request.",
    )
    parser.add_argument(
        "what",
        metavar="CODE|NAME|TEXT|FILE|-",
        nargs="*",
        default=SUPPRESS,
        help="a rule's code or name, an error text, a file that holds one, or - (standard input)",
    )
    add_target(parser)
    add_output(parser)


def execute(args: Namespace) -> int:
    """Explain and return the exit status: 0 for what is known, 1 for a text that is not.

    Raises:
        UsageError: There is no such rule, or the text cannot be read.
    """
    what = " ".join(getattr(args, "what", None) or ()).strip()
    if not what:
        if sys.stdin is not None and not sys.stdin.isatty() and _piped():
            content = reading.read_input()
            if content.strip():
                return _explain_text(_decoded(content, "standard input"), args)
        return _list_rules(args)
    code = code_of(what)
    if code:
        return _explain_rule(code, args)
    return _explain_text(_text_of(what), args)


def _piped() -> bool:
    """Tell whether standard input is a pipe or a file: an editor's or a scheduler's empty input is neither."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _decoded(content: bytes, where: str) -> str:
    if not reading.marked(content).startswith("utf-16") and b"\0" in content[:4096]:
        raise UsageError(f"There is no text in {where}; give the file that holds the error text.")
    text = reading.decoded(content)
    if not text.strip():
        raise UsageError(f"There is no text in {where}; give it the whole error text.")
    return text


def _text_of(what: str) -> str:
    if what == "-":
        return _decoded(reading.read_input(), "standard input")
    if len(what) < 1024 and os.path.isfile(what):
        try:
            text = _decoded(reading.read_bytes(what), what)
        except OSError as error:
            raise UsageError(f"The file {what} cannot be read: {error.strerror}.") from None
        if re.search(r"(?:\.(?:ya?ml|toml|lock)|requirements[^/\\]*\.txt|Pipfile)\Z", what) and not find(text):
            raise UsageError(f"The file {what} is no error text; `conda-tf-doctor check {quoted(what)}` checks it.")
        return text
    if re.fullmatch(r"TFD\S*", what, re.IGNORECASE):
        raise UsageError(f"There is no rule {what}{meant(what, RULES)}; `explain` without an argument lists them.")
    if re.fullmatch(r"[a-z0-9]+(?:[-_][a-z0-9]+)+", what, re.IGNORECASE) and (near := meant(what, RULES.values())):
        raise UsageError(f"There is no rule {what}{near}; `explain` without an argument lists them.")
    if re.fullmatch(r"\S+\.(?:txt|log|out|err)", what):
        raise UsageError(f"The file {what} does not exist.")
    return what


def _list_rules(args: Namespace) -> int:
    if args.json:
        print_document(
            {"schema_version": SCHEMA_VERSION, "rules": [{"code": code, "name": name} for code, name in RULES.items()]}
        )
    else:
        _write("".join(f"{code}  {name}\n" for code, name in RULES.items()))
    return 0


def _write(text: str) -> None:
    Style.of(sys.stdout, os.environ).write(text)


def _explain_rule(code: str, args: Namespace) -> int:
    page = read_page(code)
    diagnosis, *_ = _diagnosis(args)
    if args.json:
        document: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "code": code,
            "name": page.name,
            "page": page.to_json(),
        }
        if diagnosis is not None:
            document["findings"] = [
                finding.to_json(diagnosis.env.platform) for finding in diagnosis.findings if finding.code == code
            ]
        print_document(document)
        return 0
    text = render_page(page, screen_width())
    if diagnosis is not None:
        text += "\n" + _here(code, diagnosis)
    _write(text)
    return 0


def _here(code: str, diagnosis: Diagnosis) -> str:
    found = [finding for finding in diagnosis.findings if finding.code == code]
    if not found:
        return f"{safe(diagnosis.env.path)} does not have it.\n"
    return "".join(f"{safe(diagnosis.env.path)} has it ({f.severity}): {safe(f.message)}\n" for f in found)


def _diagnosis(args: Namespace, text: str = "") -> tuple[Diagnosis | None, Context | None, dict[str, str]]:
    """Check the environment that -n or -p names, with the text as evidence; nothing is checked where none is named.

    Returns:
        The diagnosis, what it was made with, and how sure a check without the text is of each code: what the
        two commands say of an environment must agree.
    """
    if not args.name and not args.prefix:
        return None, None, {}

    ignore, matrix_file = options(args)
    env = read_prefix(resolve_prefix(args))
    matrix = load_matrix(matrix_file)
    plain = examine(env, matrix, ignore)
    sure = {finding.code: finding.confidence for finding in reversed(plain.findings)}
    if not text:
        return plain, None, sure
    env.error_text = text
    return examine(env, matrix, ignore), Context(env, matrix), sure


def _explain_text(text: str, args: Namespace) -> int:
    found = find(text)
    diagnosis, context, sure = _diagnosis(args, text)
    findings = diagnosis.findings if diagnosis else ()
    verdict = rank(text, context, [f for f in findings if f.evidence != ("error_text",)])
    causes = tuple(
        cause._replace(likelihood=sure[cause.code]) if cause.likelihood == CERTAIN and cause.code in sure else cause
        for cause in verdict.causes
    )
    if args.json:
        print_document(_document(found, causes, diagnosis))
    else:
        _write("\n".join(_screen(found, causes, verdict.refuted, diagnosis)) + "\n")
    return 0 if found else 1


def _document(found: list[Match], causes: tuple[Cause, ...], diagnosis: Diagnosis | None) -> dict[str, Any]:
    platform = diagnosis.env.platform if diagnosis is not None else ""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "known": bool(found),
        "telling_line": found[0].line if found else None,
        "meaning": found[0].meaning if found else None,
        "causes": [
            {
                "code": cause.code,
                "name": RULES[cause.code],
                "likelihood": cause.likelihood,
                "why": cause.why,
                "line": cause.line,
                "here": cause.finding.to_json(platform) if cause.finding is not None else None,
            }
            for cause in causes
        ],
        "collect": [] if causes else list(_COLLECT),
    }
    if diagnosis is not None:
        document["findings"] = [finding.to_json(platform) for finding in diagnosis.findings]
    return document


def _screen(
    found: list[Match], causes: tuple[Cause, ...], refuted: frozenset[str], diagnosis: Diagnosis | None
) -> list[str]:
    if not found:
        lines = wrapped(
            "Unknown: no line of this text is one that TensorFlow, its packages or the loaders are known to write.", ""
        )
        return [*lines, "To find the cause, collect:", *(line for item in _COLLECT for line in wrapped(item, "  "))]
    lines = ["The telling line:", *wrapped(found[0].line, "  "), "", *wrapped(found[0].meaning, "")]
    for match in found[1:]:
        if match.line != found[0].line and match.meaning != found[0].meaning:
            lines += ["", "Also in the text:", *wrapped(match.line, "  "), *wrapped(match.meaning, "  ")]
    if causes:
        lines += ["", "Probable causes, the likeliest first:"]
        for place, cause in enumerate(causes, 1):
            lines += [f"{place:3}. {cause.code} {RULES[cause.code]} ({cause.likelihood})", *wrapped(cause.why, "     ")]
            if cause.finding is not None:
                here = f"This environment has it ({cause.finding.severity}): {cause.finding.message}"
                lines += wrapped(here, "     ")
    if diagnosis is not None:
        others = [
            f for f in diagnosis.findings if f.severity == "error" and f.code not in {cause.code for cause in causes}
        ]
        for f in others:
            lines += wrapped(f"This environment also has {f.code} {f.name}: {f.message}", "")
        excluded = [f"{code} {RULES[code]}" for code in sorted(refuted - {f.code for f in others})]
        if excluded:
            lines += ["", *wrapped(f"Not here, by the facts: {', '.join(excluded)}.", "")]
    elif causes:
        lines += ["", "With -n NAME or -p PATH, explain says which of these that environment has."]
    if causes:
        lines.append(f"More on each: conda-tf-doctor explain {causes[0].code}")
    return lines
