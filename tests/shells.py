"""What the shells make of a line that is pasted into them."""

from __future__ import annotations

import re
import shlex
import sys

# What means something to cmd.exe or to PowerShell outside of double quotes.
_SPECIAL = set("<>|&^()%!,;@#$`'{}[]*?~+")


def received(line: str) -> list[str]:
    """Return what a Windows program gets: the rules of its C runtime, after cmd.exe has looked at what is bare."""
    words, word, bare, inside = [], "", True, False
    position = 0
    while position < len(line):
        slashes = re.compile(r"\\*").match(line, position).group()
        position += len(slashes)
        sign = line[position : position + 1]
        if sign == '"' and not words:  # in the program's own name a backslash is only itself
            word, inside, bare = word + slashes, not inside, False
            position += 1
            continue
        if sign == '"':
            word += "\\" * (len(slashes) // 2)
            if len(slashes) % 2:
                word += '"'
            else:
                inside, bare = not inside, False
            position += 1
            continue
        word += slashes
        if sign == " " and not inside:
            words += [word] if word or not bare else []
            word, bare = "", True
        elif sign:
            assert inside or sign not in _SPECIAL, f"{sign} is bare in {line}"
            word += sign
        position += 1
    return words + ([word] if word or not bare else [])


def words(line: str, platform: str = "") -> list[str]:
    """Return what a program gets of a line, in the shell of a platform (a conda subdir), or of this machine."""
    windows = platform.startswith("win-") if platform else sys.platform == "win32"
    return received(line) if windows else shlex.split(line)
