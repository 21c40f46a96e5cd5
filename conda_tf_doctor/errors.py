"""What the edges report to people."""

from __future__ import annotations

# Characters of a sentence, and of its beginning where it is cut.
_MOST, _HEAD = 1500, 1000


class UsageError(Exception):
    """The request itself was unusable: exit status 2 and this one sentence on standard error.

    The sentence names the file, the field and what to do. What it quotes of them is cut where it is a text of pages.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence if len(sentence) <= _MOST else f"{sentence[:_HEAD]} … {sentence[_HEAD - _MOST :]}")
