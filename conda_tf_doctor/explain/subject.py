"""What a text is judged with: the text itself, the environment it comes from, and what the rules found there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..environment.libraries import LibraryName, parse_library
from ..findings import INFO, POSSIBLE

if TYPE_CHECKING:
    from ..context.context import Context
    from ..findings import Finding

# True, false, or unknown.
Truth = bool | None

_USER_SITE = re.compile(
    r"(?P<file>(?:(?<![\w/.~-])[~/][^\s\"']{0,400}/\.local/lib/python[\d.]+/site-packages|~/\.local/lib/python[\d.]+/site-packages"
    r"|(?:\b[A-Za-z]:|~)[^\n\"']{0,300}?\\AppData\\Roaming\\Python\\Python\d+\\site-packages"
    r"|/Users/[^/\n\"']+/Library/Python/[\d.]+/lib/python/site-packages)"
    r"[\\/](?P<package>tensorflow\w*|numpy|keras|google|h5py|ml_dtypes|protobuf|tensorboard|wrapt|typing_extensions)[^\n\"']*)"
)


class Subject:
    """A text and the environment it comes from: what the facts are asked of.

    Args:
        text: The whole error text.
        context: The environment; ``None`` where only the text is known.
        findings: What the rules found in it.
    """

    def __init__(self, text: str, context: Context | None = None, findings: Iterable[Finding] = ()) -> None:
        self.text = text
        self.context = context
        # What a rule itself only holds possible does not decide between the causes of a text.
        self.found = {
            finding.code for finding in findings if finding.severity != INFO and finding.confidence != POSSIBLE
        }
        self.captured: Mapping[str, str] = {}

    def with_captured(self, captured: Mapping[str, str]) -> Subject:
        """Return this subject for the groups that one signature captured."""
        other = Subject(self.text, self.context)
        other.found, other.captured = self.found, captured
        return other

    @property
    def library(self) -> LibraryName:
        """The library that the message names."""
        return parse_library(self.captured.get("library", ""))

    @property
    def os(self) -> str:
        """``win``, ``linux``, ``osx``: the environment's, else what the text looks like."""
        if self.context is not None and self.context.env.os:
            return self.context.env.os
        if re.search(r"DLL load failed|WinError|\.dll\b|[A-Z]:\\|\\site-packages\\", self.text):
            return "win"
        # What zsh says of a job that ended, with or without its name.
        job = r"(?m:(?:zsh: |^\[\d+\][ +\d-]*)illegal hardware)"
        if re.search(rf"\.dylib|dyld|/Users/|macosx|Mac OS X|{job}", self.text):
            return "osx"
        if re.search(r"\.so[.\d]*\b|/home/|/usr/lib|\(core dumped\)", self.text):
            return "linux"
        return ""


Fact = Callable[[Subject, str], Truth]


def user_site(text: str) -> re.Match[str] | None:
    """Return where a traceback passes through a package of the user site."""
    return _USER_SITE.search(text)
