"""A failure in a text that has no cause here: what is known of it, or the line that says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .catalogue import EXCLUDED, by_id
from .match import find, is_harmless, judged
from .shown import normalise
from .subject import Subject

if TYPE_CHECKING:
    from ..context.context import Context

# How a failure looks whoever writes it: the last line of a traceback, what a shell, a loader or an installer says.
_FAILURE = re.compile(
    r"^[ \t|│>E]{0,40}(?:[A-Za-z_][\w.]*\.)?[A-Za-z_]\w*(?:Error|Exception|SystemExit|NotFound)\b(?::[^\n]*|[ \t]*$)"
    r"|^[^\n]*[:;] (?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception): [^\n]*"
    r"|^[ \t]*(?:ERROR|FATAL|Fatal|error|fatal|Windows fatal exception|LLVM ERROR|Error:[ ]+×|×)(?!\w)[: ][^\n]*"
    r"|^F\d{4} [^\n]*|^[^\n]*\bCheck failed: [^\n]*"
    r"|^[^\n]*\b(?:Encountered problems while solving|Could not solve for environment specs)[^\n]*"
    r"|^[^\n]*\b(?:only has wheels for the following|Unable to find installation candidates|none of the providers can"
    r"|no matches found:|version solving failed|RAW: Lock blocking|Could not find a version that matches"
    r"|Unable to find a resolution)[^\n]*"
    r"|^[^\n]*\b(?:Aborted|core dumped|Segmentation fault|terminate called|terminating (?:due to|with) uncaught"
    r"|Killed|SIG(?:SEGV|ABRT|ILL|BUS))\b[^\n]*"
    r"|^[^\n]*(?:exit(?:ed)?(?: with)? (?:code|status)|returned)[: ]+-?(?!0\b)\d+[^\n]*"
    # What TensorFlow is started with; of nvcc and others the environment may have no need.
    r"|^[^\n]*\b(?:python[\d.]*|pip3?|conda|mamba|jupyter)'?(?:: (?:command )?not found| is not recognized as)[^\n]*"
    r"|^[^\n]*command not found: (?:python|pip|conda|mamba|jupyter)[^\n]*"
    r"|^[^\n]*\b(?:[Kk]ernel (?:\S+[ ]){0,3}?(?:died|appears to have died)|crash(?:es|ed|ing)?)\b[^\n]*",
    re.MULTILINE,
)

# A traceback that ends above the line that says what happened: the last line that there is.
_CUT = re.compile(
    r"(?:^[ \t|│>]{0,8}Traceback \(most recent call last\):?|ImportError while loading conftest)"
    r"(?=[^\n]*$)(?:[^\n]*\n)*[ \t|│>]*(?P<last>[^\n]*\S)",
    re.MULTILINE,
)


class Failure(NamedTuple):
    """A failure that nothing here explains.

    Attributes:
        line: The line that says it.
        meaning: What it means, where the message is known and the environment has none of its causes; else empty.
    """

    line: str
    meaning: str


def failure(text: str, context: Context | None = None) -> Failure | None:
    """Return what failed by a text, or ``None`` where it shows no failure: a question, or lines that mean no harm.

    Args:
        text: What the user saw.
        context: The environment, which tells what is harmless in it.
    """
    text, table = normalise(text), by_id()
    subject = Subject(text, context)
    harmless = set()
    for found in find(text):
        signature = table[found.signature]
        if not signature.strength or is_harmless(signature, found, subject):
            harmless.add(found.line)
        elif not signature.causes:
            return Failure(found.line, found.meaning)
    told = [found[0].strip() for found in _FAILURE.finditer(text)]
    left = [line for line in told if line not in harmless]
    for found in find(text) if left else ():
        judgements = judged(table[found.signature], found, subject)
        if found.line in left and all(likelihood == EXCLUDED for _, likelihood, _ in judgements):
            return Failure(found.line, found.meaning)
    # What ended the program is the last thing that it said.
    if not left and not told and (cut := _CUT.search(text)):
        left = [cut["last"].strip()]
    return Failure(left[-1], "") if left else None
