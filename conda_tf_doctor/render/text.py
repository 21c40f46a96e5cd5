"""One screen for people: which environment, which TensorFlow, what is wrong, what repairs it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping

from .._typing import TYPE_CHECKING, TextIO
from ..codes import BY_PACKAGES, RULES, codes_where
from ..environment.owner import pixi_manifest
from ..findings import ERROR, INFO, POSSIBLE, WARNING, Finding
from ..programs import of_door
from ..safely import safe
from ..shell import command_line, quoted
from ..subdirs import this_platform

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis
    from ..environment.facts import Environment

_COLOURS = {ERROR: "31;1", WARNING: "33;1", INFO: "36", "good": "32;1", "title": "1", "dim": "2"}
# Words carry the meaning, colour only adds to it.
_WORDS = {ERROR: "ERROR", WARNING: "WARNING", INFO: "NOTE"}
_OURS = rf"(\x1b\[(?:{'|'.join(_COLOURS.values())}|0)m|\n)"
WIDTH = 100
_GAP = "\0"  # stands for a space at which no line ends

# What another TensorFlow repairs.
_BY_ANOTHER_TENSORFLOW = codes_where(first=True, repair=BY_PACKAGES)


class Style:
    """How to write to one stream: with colour or not, and in an encoding that may not know every character."""

    def __init__(self, stream: TextIO, colour: bool) -> None:
        self.stream, self.colour = stream, colour

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Style:
        """Decide as users expect: NO_COLOR, then FORCE_COLOR, then whether it is a terminal that is not dumb."""
        if environ.get("NO_COLOR"):
            colour = False
        elif environ.get("FORCE_COLOR", "0") not in ("", "0"):
            colour = True
        else:
            colour = stream.isatty() and environ.get("TERM", "") != "dumb" and _understands_colour(stream)
        return cls(stream, colour)

    def paint(self, kind: str, text: str) -> str:
        """Return the text in the colour of a severity, where there is colour."""
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if self.colour else text

    def write(self, text: str, verbatim: bool = False) -> None:
        """Write a text; what the stream's encoding lacks is replaced, and of what drives a terminal only colour left.

        Args:
            text: The text.
            verbatim: It is a file's, for another program: changed on a terminal alone.
        """
        if not verbatim or self.stream.isatty():
            # Every second part is a sequence of ours or the end of a line.
            parts = re.split(_OURS, text)
            text = "".join(part if place % 2 else safe(part) for place, part in enumerate(parts))
        encoding = self.stream.encoding or "ascii"
        self.stream.write(text.encode(encoding, "replace").decode(encoding))


def wrapped(text: str, indent: str, width: int = WIDTH) -> list[str]:
    """Return a text in lines of the screen's width, without control characters.

    A command between backticks stays in one line, or it could not be pasted.
    """
    from textwrap import wrap

    whole = re.sub("`[^`]*`", lambda command: command[0].replace(" ", _GAP), safe(text))
    lines = wrap(
        whole, width, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip
    return [line.replace(_GAP, " ") for line in lines] or [indent]


def _understands_colour(stream: TextIO) -> bool:
    """Have a console of Windows understand escape sequences; those before Windows 10 cannot, and show them."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        mode, kernel = ctypes.c_ulong(), ctypes.windll.kernel32
        try:
            handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
        except (OSError, ValueError):
            return True  # something else that says it is a terminal
        # ENABLE_VIRTUAL_TERMINAL_PROCESSING
        return bool(kernel.GetConsoleMode(handle, ctypes.byref(mode)) and kernel.SetConsoleMode(handle, mode.value | 4))
    return True


def _header(diagnosis: Diagnosis, style: Style) -> list[str]:
    env, tensorflow = diagnosis.env, diagnosis.tensorflow
    python = f"Python {env.python.version}" if env.python.version else "Python unknown"
    if env.python.bits:
        python += f", {env.python.bits}-bit"
    where = ", ".join(part for part in (env.platform, python) if part)
    what = {"prefix": "Environment", "report": "Report", "file": "File", "solve": "Transaction"}[env.kind]
    lines = [f"{style.paint('title', what)} {safe(env.path)} ({safe(where)})"]
    if tensorflow is None:
        return [*lines, "TensorFlow: none"]
    asked = tensorflow.package.spec or tensorflow.version or "of any version"
    words = [tensorflow.name, asked if env.kind == "file" else tensorflow.version or "of unknown version"]
    details = [f"build {tensorflow.build}"] if tensorflow.build else []
    if tensorflow.requested:
        details.append("asked for, not installed")
    elif tensorflow.manager:
        details.append(f"{'by' if env.kind == 'file' else 'installed by'} {tensorflow.manager}")
    if tensorflow.channel:
        details.append(f"from {tensorflow.channel}")
    lines.append(
        f"{style.paint('title', 'TensorFlow')} {safe(' '.join(words))}"
        + safe(f" ({', '.join(details)})" if details else "")
    )
    return lines


def _finding(finding: Finding, style: Style, full: bool) -> list[str]:
    word = style.paint(finding.severity, _WORDS[finding.severity])
    sure = "" if finding.confidence == "certain" else f" ({'possible' if finding.confidence == POSSIBLE else 'likely'})"
    lines = ["", f"{word} {finding.code} {finding.name}{sure}", *wrapped(finding.message, "  ")]
    if finding.found:
        lines += wrapped(f"found:    {finding.found}", "  ")
    if finding.expected:
        lines += wrapped(f"expected: {finding.expected}", "  ")
    if full and finding.evidence:
        lines += wrapped(f"evidence: {', '.join(finding.evidence)}", "  ")
    if full and finding.source:
        lines += wrapped(f"source:   {finding.source}", "  ")
    for need in finding.needs:
        lines += wrapped(f"to be sure: {need}", "  ")
    if finding.fix.note:
        lines += wrapped(f"repair: {finding.fix.note}", "  ")
    return lines


def _commands(findings: Iterable[Finding], env: Environment) -> list[str]:
    from ..advice.block import together

    return [safe(command_line(command, env.platform)) for command in together(f.fix for f in findings)]


def _questions(diagnosis: Diagnosis, style: Style, most: int = 3) -> list[str]:
    """Return what to ask whoever wrote a report, what decides most first."""
    asked: dict[str, None] = {}
    for finding in diagnosis.findings:
        if finding.is_open and len(asked) < most:
            asked.update(dict.fromkeys(finding.needs))
    if not asked or diagnosis.count(ERROR):
        return []
    return ["", style.paint("title", "To be asked:"), *(line for need in asked for line in wrapped(need, "  "))]


def _repairable(finding: Finding, env: Environment) -> bool:
    """Tell whether ``fix`` can do something about a finding: another version, one owner, or the files put back."""
    fix = finding.fix
    # In a venv there is nothing but pip, which can bring another TensorFlow for the Python but no other Python.
    pins = fix.pins and (finding.code in _BY_ANOTHER_TENSORFLOW or not env.is_venv)
    return bool(pins or fix.pip or fix.reinstall or finding.is_fragile)


def _repair(diagnosis: Diagnosis, door: str) -> list[str]:
    """Return the commands to type: the plan for everything first, then the ones for the root cause alone."""
    program = " ".join(of_door(door))
    worst = next((f for f in diagnosis.findings if f.severity == ERROR), None)
    worst = worst or next((f for f in diagnosis.findings if f.severity == WARNING), None)
    if worst is None:
        return []
    lines = []
    env = diagnosis.env
    repairable = [f for f in diagnosis.findings if f.severity != INFO and _repairable(f, env)]
    # `fix` repairs errors, and what is broken at all, unasked.
    asked = "" if any(f.severity == ERROR or f.is_broken for f in repairable) else " --warnings"
    if repairable and env.kind == "prefix" and (manifest := pixi_manifest(env.path)):
        lines.append(safe(f"{program} fix{asked} --file {quoted(manifest)}"))
    elif repairable and env.kind == "prefix":
        lines.append(safe(f"{program} fix --apply{asked} -p {quoted(env.path)}"))
    elif repairable and env.kind == "file" and not env.listed:
        # Nothing is installed yet: what would change an environment is no help.
        place, again = env.by_hand
        if place:
            wanted = dict.fromkeys(text for f in repairable for text in f.fix.pip or f.fix.pins)
            return [safe(f"write into {place}: {', '.join(wanted)}"), *([again] if again else [])]
        where = f" --platform {env.platform}" if env.platform and env.platform != this_platform() else ""
        return [safe(f"{program} fix{asked} --file {quoted(env.path)}{where}")]
    # Where nothing else is offered, one block is for all errors.
    together = diagnosis.findings if not lines and worst.severity == ERROR else (worst,)
    by_hand = _commands([f for f in together if f.severity == worst.severity], env)
    if lines and by_hand:
        several = diagnosis.count(ERROR) + diagnosis.count(WARNING) > 1
        lines.append(f"or by hand{f', {worst.code} alone' if several else ''}:")
        by_hand = [f"  {command}" for command in by_hand]
    return [*lines, *by_hand]


def render(diagnosis: Diagnosis, style: Style, verbose: int = 0, quiet: bool = False, door: str = "console") -> str:
    """Return the screen for one diagnosis.

    Args:
        diagnosis: What the engine found.
        style: How to write.
        verbose: With 1 or more also evidence, sources, notes and what was checked and fine.
        quiet: Only findings, and nothing where there are none.
        door: ``conda`` or ``console``: how the commands are spelled.
    """
    shown = [f for f in diagnosis.findings if verbose or f.severity != INFO]
    if quiet and not shown:
        return ""
    lines = [] if quiet else _header(diagnosis, style)
    if verbose and diagnosis.gpu_wanted:
        lines.append(safe(f"GPU wanted: {diagnosis.gpu_wanted}"))
    if verbose and diagnosis.row:
        lines.append(safe(f"Matrix row: {diagnosis.row}"))
    for finding in shown:
        lines += _finding(finding, style, bool(verbose))
    if not verbose and not quiet:
        lines += _questions(diagnosis, style)
    repair = _repair(diagnosis, door)
    if repair:
        lines += ["", style.paint("title", "To repair:"), *(f"  {line}" for line in repair)]
    if shown and shown[0].severity != INFO:
        program = " ".join(of_door(door))
        lines.append(f"More on this: {program} explain {shown[0].code}")
    if verbose and diagnosis.checked:
        lines += ["", style.paint("good", "Checked and fine:")]
        lines += wrapped(", ".join(f"{code} {RULES[code]}" for code in diagnosis.checked), "  ")
    if not quiet:
        lines += ["", _summary(diagnosis, style, verbose)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _summary(diagnosis: Diagnosis, style: Style, verbose: int) -> str:
    if diagnosis.tensorflow is None and not diagnosis.findings:
        unread = [note.message for note in diagnosis.env.notes]
        if unread:
            lines = "\n".join(wrapped(" ".join(unread[:3]), "  "))
            return f"No TensorFlow was found, but not everything could be read:\n{lines}"
        return "There is no TensorFlow here, so there is nothing to check."
    parts = []
    for severity, word in ((ERROR, "error"), (WARNING, "warning"), (INFO, "note")):
        count = diagnosis.count(severity)
        if count:
            parts.append(f"{count} {word}{'s' if count > 1 else ''}")
    if diagnosis.ignored:
        parts.append(f"{diagnosis.ignored} ignored")
    if not parts:
        return style.paint("good", "OK") + ": nothing is wrong."
    more = " -v shows the notes." if diagnosis.count(INFO) and not verbose else ""
    if diagnosis.ok:
        return style.paint("good", "OK") + f": no error ({', '.join(parts)}).{more}"
    if not diagnosis.count(ERROR):
        why = "Not everything was checked" if diagnosis.failed else "A failure is left unexplained"
        return f"{why} ({', '.join(parts)}).{more}"
    return f"{', '.join(parts)}.{more}"
