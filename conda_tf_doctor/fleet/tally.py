"""Counts rows: what is wrong how often, in which TensorFlow, where. It grows with the causes, not with the rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..versions import key, minor

# What is worst first.
STATES = ("error", "unread", "warning", "none", "ok")
Cause = tuple[str, str]


class Tally:
    """What rows have in common.

    Attributes:
        PLACES: So many places are named for a cause; all of them are in the results.
        ROWS: So many rows are shown on a page; likewise.
        total: Number of rows.
        states: Number of rows by state.
        causes: By state and code (empty for ``none``, ``ok`` and ``unread``).
        names: Of the codes.
        versions: By minor of TensorFlow and code.
        places: For each cause where it is, with a word more; the first of them.
        rows: What is wrong; the first of them.
    """

    PLACES, ROWS = 500, 5000

    def __init__(self) -> None:
        self.total = 0
        self.states: Counter[str] = Counter()
        self.causes: Counter[Cause] = Counter()
        self.names: dict[str, str] = {}
        self.versions: Counter[tuple[str, str]] = Counter()
        self.places: dict[Cause, dict[str, str]] = {}
        self.rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any], place: str) -> None:
        """Count a row.

        Args:
            row: What :func:`..api.summary` makes.
            place: Where it is: a host, or an environment.
        """
        self.total += 1
        state, code = row["state"], row["code"]
        self.states[state] += 1
        self.causes[state, code] += 1
        if code:
            self.names[code] = row["name"]
            self.versions[_release(row["tensorflow"]), code] += 1
        places = self.places.setdefault((state, code), {})
        if len(places) < self.PLACES:
            word = row["message"] if state == "unread" else f"{row['distribution']} {row['tensorflow']}".strip()
            places.setdefault(place, word)
        if state not in ("ok", "none") and len(self.rows) < self.ROWS:
            self.rows.append(row)

    def ordered(self) -> list[tuple[str, str, int]]:
        """Return state, code and count of each cause: the worst state first, in it the most frequent."""
        found = [(state, code, count) for (state, code), count in self.causes.items()]
        return sorted(found, key=lambda cause: (STATES.index(cause[0]), -cause[2], cause[1]))

    def releases(self) -> list[str]:
        """Return the minors of TensorFlow in which something is wrong, oldest first."""
        return sorted({version for version, _ in self.versions}, key=lambda text: (not text[:1].isdigit(), key(text)))

    @property
    def ok(self) -> bool:
        """Whether nothing is at severity ``error``, and all could be read."""
        return not self.states["error"] and not self.states["unread"]


def _release(version: str) -> str:
    return minor(version) or "unknown"
