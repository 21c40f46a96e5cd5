"""What the edges report to people."""

from __future__ import annotations

from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


# Characters of a sentence, and of its beginning where it is cut.
_MOST, _HEAD = 1500, 1000


class UsageError(Exception):
    """The request itself was unusable: exit status 2 and this one sentence on standard error.

    The sentence names the file, the field and what to do. What it quotes of them is cut where it is a text of pages.
    """

    def __init__(self, sentence: str) -> None:
        sentence = sentence.replace("\n", "\\n")  # of a name or a field that it quotes
        super().__init__(sentence if len(sentence) <= _MOST else f"{sentence[:_HEAD]} … {sentence[_HEAD - _MOST :]}")


def meant(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean X?)`` for a word that is nearly one of those known, else nothing."""
    from difflib import get_close_matches

    spelled = {each.lower(): each for each in known}
    near = get_close_matches(word.lower(), spelled, 1, 0.7)
    return f" (did you mean {spelled[near[0]]}?)" if near and near[0] != word.lower() else ""


class Ignored:
    """Lets errors of some kinds pass, as ``contextlib.suppress``, whose module costs a check what ten of ours do."""

    def __init__(self, *kinds: type[Exception]) -> None:
        self.kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: object, where: object) -> bool:
        return kind is not None and issubclass(kind, self.kinds)
