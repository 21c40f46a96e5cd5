"""How a failure of ours stays ours, and what others wrote stays text; every call of conda imports this module."""

from __future__ import annotations

# Not from the modules that have them: this is on the way of every check.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_told: set[str] = set()
# What drives a terminal, as a whole: colours, titles, links; what is left of an incomplete one is harmless text.
_SEQUENCE = r"\x1b(?:\[[0-?]{0,99}[ -/]{0,9}[@-~]|\][^\x07\x1b]{0,999}(?:\x07|\x1b\\))"
# Control characters, what changes the direction of writing or shows nothing, and the other ends of lines.
_CONTROL = dict.fromkeys(
    (*range(32), *range(127, 160), 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060,
     *range(0x2066, 0x206A), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080))
)  # fmt: skip
_CONTROL.update({9: " ", 10: "\\n", 0x2028: " ", 0x2029: " "})  # a name may hold the end of a line


def safe(text: str) -> str:
    """Return a text from a file, a package or a program as what a terminal, a log or a page may be given: one line."""
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text:
        import re

        text = re.sub(_SEQUENCE, "", text)
    return text.translate(_CONTROL)


def reason(error: BaseException) -> str:
    """Return what went wrong, in a line."""
    return safe(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def guarded(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or ``None`` where it failed, which is then said in one line."""
    try:
        return call()
    except Exception as error:
        # One line, also where several hooks fail for one reason; on standard error, whatever conda's flags.
        why = reason(error)
        if why not in _told:
            _told.add(why)
            import logging

            logger = logging.getLogger("conda_tf_doctor")
            line = getattr(error, "line", "") or f"tf-doctor: the guard failed ({why}); conda goes on without it."
            logger.warning("%s", line)
            logger.debug("where it failed:", exc_info=True)
        return None
