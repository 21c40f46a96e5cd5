"""How a failure of ours stays ours; the one module beside the plugin's that every call of conda imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_told: set[str] = set()


def reason(error: BaseException) -> str:
    """Return what went wrong, in a line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


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
            logger.warning("%s", f"tf-doctor: the guard failed ({why}); conda goes on without it.")
            logger.debug("where it failed:", exc_info=True)
        return None
