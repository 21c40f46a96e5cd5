r"""How a command is written for the shell it will be pasted into: the one place that quotes.

cmd.exe and PowerShell share one form: double quotes. Bare, cmd.exe takes ``<``, ``>``, ``&``, ``|`` and ``^`` for
itself, PowerShell ``,``, ``@``, ``;`` and ``(``, so whatever holds more than letters, digits and ``\ / : . - _ =`` is
quoted. Sources: Python's ``subprocess.list2cmdline`` (how programs take a command line apart) and the generic token of
PowerShell's grammar.
"""

from __future__ import annotations

import sys

from ._light import re
from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# What stands for a character between `$'` and `'`: bash, ksh, zsh and BusyBox know it, and POSIX since 2024.
_ESCAPED = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\t": r"\t", "\r": r"\r"}
_PLAIN = r"[\w\\/:.=-]+"
# Backslashes before a quote, or before the end, where our own quote comes.
_BEFORE_QUOTE = r'(\\*)("|\Z)'


def command_line(command: Sequence[str], platform: str = "") -> str:
    """Return a command as one types it.

    Args:
        command: The words, unquoted.
        platform: Conda subdir of the machine whose shell gets it; this machine's without.
    """
    if not _is_windows(platform):
        return " ".join(map(_posix, command))
    return " ".join([*map(_program, command[:1]), *map(_double_quoted, command[1:])])


def quoted(text: str, platform: str = "") -> str:
    """Return one word of a command as one types it (see :func:`command_line`)."""
    return _double_quoted(text) if _is_windows(platform) else _posix(text)


def _posix(text: str) -> str:
    r"""Return a word for a POSIX shell; what cannot be seen is written as ``$'\n'``, in one line that can be pasted."""
    if text.isprintable():
        from shlex import quote

        return quote(text)
    return "$'" + "".join(map(_visible, text)) + "'"


def _visible(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    if character.isprintable():
        return character
    # By its bytes, which every shell knows, in three octal digits each: what follows is no part of it. A byte of a name
    # that is no UTF-8 is that byte.
    how = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", how))


def _is_windows(platform: str) -> bool:
    return platform.startswith("win-") if platform else sys.platform == "win32"


def _double_quoted(text: str) -> str:
    if re.fullmatch(_PLAIN, text):
        return text
    return '"' + re.sub(_BEFORE_QUOTE, lambda m: m[1] * 2 + (m[2] and '\\"'), text) + '"'


def _program(text: str) -> str:
    r"""Return a program's path as ``C:\"a b"\python.exe``: PowerShell takes what begins with a quote for a string."""
    if re.fullmatch(_PLAIN, text):
        return text
    parts = re.split(r"([\\/]+)", text)
    return "".join(part if not part or re.fullmatch(_PLAIN, part) else f'"{part}"' for part in parts)
