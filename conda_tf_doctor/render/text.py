"""Text for people: colours, width and encoding as their terminal has them, and the program named as it was called."""

from __future__ import annotations

import os
import sys

from .._light import re
from .._typing import TYPE_CHECKING, TextIO
from ..findings import ERROR, INFO, WARNING
from ..safely import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLOURS = {ERROR: "31;1", WARNING: "33;1", INFO: "36", "good": "32;1", "title": "1", "dim": "2"}
_OURS = rf"(\x1b\[(?:{'|'.join(_COLOURS.values())}|0)m|\n)"
WIDTH = 100  # where there is no terminal
_WIDEST = 120  # longer lines are hard to read
_GAP = "\0"  # stands for a space at which no line ends
# A command of ours, in whichever of its spellings: our texts are written for both doors.
_COMMAND = r"\bconda[- ]tf-doctor(?= (?:check|report|fix|explain|dlls|matrix|create|schema|fleet|--?[a-z]\w*)\b)"


def of_door(door: str) -> tuple[str, ...]:
    """Return what one types for this program: behind conda's door its subcommand, else the program itself."""
    return ("conda", "tf-doctor") if door == "conda" else ("conda-tf-doctor",)


def screen_width(environ: Mapping[str, str] = os.environ) -> int:
    """Return in how many columns to write: those of COLUMNS or the terminal, at most 120; 100 where there is none."""
    try:
        given = int(environ.get("COLUMNS", "0"))
        found = given if given > 0 else os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return WIDTH
    return max(60, min(found or WIDTH, _WIDEST))


class Style:
    """How to write to one stream: with colour or not, and in an encoding that may not know every character.

    Attributes:
        program: How the program was called: ``conda tf-doctor``, ``conda-tf-doctor``, ``python -m conda_tf_doctor``.
    """

    program = "conda-tf-doctor"

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

    def can(self, text: str) -> bool:
        """Tell whether the stream's encoding has the characters of a text."""
        try:
            text.encode(self.stream.encoding or "ascii")
        except UnicodeEncodeError:
            return False
        return True

    def write(self, text: str, verbatim: bool = False) -> None:
        """Write a text; what the stream's encoding lacks is replaced, and of what drives a terminal only colour left.

        Args:
            text: The text.
            verbatim: It is a file's, for another program: changed on a terminal alone.
        """
        if not verbatim or self.stream.isatty():
            text = text if verbatim else as_called(text)
            if "\x1b" not in text:
                text = "\n".join(map(safe, text.split("\n")))
            else:
                # Every second part is a sequence of ours or the end of a line.
                parts = re.split(_OURS, text)
                text = "".join(part if place % 2 else safe(part) for place, part in enumerate(parts))
        encoding = self.stream.encoding or "ascii"
        self.stream.write(text.encode(encoding, "replace").decode(encoding))


def as_called(text: str) -> str:
    """Return a text with our own commands spelled as the program was called."""
    return re.sub(_COMMAND, Style.program, text) if "tf-doctor " in text else text


def complain(message: str) -> None:
    """Write one line about an unusable request to standard error."""
    Style(sys.stderr, False).write(f"{Style.program}: {safe(message)}\n")


def wrapped(text: str, indent: str, width: int = 0) -> list[str]:
    """Return a text in lines of the screen's width (0), without control characters.

    A command between backticks stays in one line, or it could not be pasted.
    """
    from textwrap import wrap

    whole = re.sub("`[^`]*`", lambda command: command[0].replace(" ", _GAP), safe(text))
    lines = wrap(
        whole,
        width or screen_width(),
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_on_hyphens=False,
        break_long_words=False,
    )
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
