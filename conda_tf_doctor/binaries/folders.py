"""Folders as a loader sees them, whatever file system they lie on.

A Windows environment may be looked at on Linux, where ``Library/bin`` and ``library/BIN`` are two things: every name
is looked up without regard to case, and a folder is listed once.
"""

from __future__ import annotations

import os


class Folders:
    """Answers which file a name means in a folder, from one listing for each folder.

    Attributes:
        ignore_case: Whether names match in any case (Windows, and macOS by default).
        asked: What the answers depend on: the folders that were listed and the files that were looked at.
    """

    def __init__(self, ignore_case: bool) -> None:
        self.ignore_case = ignore_case
        self.asked: set[str] = set()
        self._listings: dict[str, dict[str, str]] = {}

    def _listing(self, folder: str) -> dict[str, str]:
        known = self._listings.get(folder)
        if known is None:
            try:
                names = os.listdir(folder)
            except OSError:
                names = []
            known = {name.lower(): name for name in names} if self.ignore_case else {name: name for name in names}
            self._listings[folder] = known
            self.asked.add(folder or os.curdir)
        return known

    def find(self, folder: str, name: str) -> str:
        """Return the path of a file in a folder, or an empty string where it has none of that name."""
        listing = self._listing(folder)
        real = listing.get(name.lower() if self.ignore_case else name)
        if real is None:
            return ""
        path = os.path.join(folder, real)
        self.asked.add(path)
        return path if os.path.isfile(path) else ""

    def under(self, root: str, *parts: str) -> str:
        """Return a folder below another, spelled as on disk; an empty string where it does not exist."""
        path = root
        for part in parts:
            real = self._listing(path).get(part.lower() if self.ignore_case else part)
            if real is None:
                return ""
            path = os.path.join(path, real)
        return path if os.path.isdir(path) else ""
