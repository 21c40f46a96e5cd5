"""How long the guard may think: past its time conda goes on, whatever it waits for (a disk that hangs)."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

# What this process has spent so far, in seconds.
_spent = 0.0


class OutOfTimeError(Exception):
    """The guard's own time is over; ``line`` is what is said of it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it has spent its {seconds:g} seconds")
        self.line = (
            f"tf-doctor: the guard gave up after {seconds:g} seconds of its own (tf_doctor_seconds); "
            "conda goes on without it."
        )


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what a call returns.

    Args:
        seconds: For how long all such calls of this process together may run; 0 for ever.
        call: What is called, in a thread, which is left alone where it does not come back.

    Raises:
        OutOfTimeError: It did not return in time.
    """
    global _spent
    if not seconds:
        return call()
    outcome: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        try:
            outcome.append((call(), None))
        except BaseException as error:
            outcome.append((None, error))

    began = time.monotonic()
    if seconds > _spent:
        thread = Thread(target=run, name="tf-doctor", daemon=True)
        thread.start()
        thread.join(seconds - _spent)
    _spent += time.monotonic() - began
    if not outcome:
        raise OutOfTimeError(seconds)
    value, error = outcome[0]
    if error is not None:
        raise error
    return value
