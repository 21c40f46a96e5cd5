"""The user's settings, as the guard takes them."""

from __future__ import annotations

from ..errors import UsageError
from ..modes import MODES, WARN
from ..settings import SECONDS, UNREADABLE, Settings, from_context
from . import messages

_said: set[str] = set()


def say_once(text: str) -> None:
    """Say a sentence, but only the first time."""
    if text not in _said:
        _said.add(text)
        messages.say(text)


def read_settings() -> Settings:
    """Return the user's settings with a mode that exists; what is wrong with them is said once."""
    from conda.base.context import context

    settings = from_context(context.plugins)
    if settings.mode not in MODES:
        known = ", ".join(MODES)
        say_once(
            f"tf-doctor: the setting tf_doctor_mode is {settings.mode!r}, which is none of {known}; taken as {WARN}."
        )
        settings = settings._replace(mode=WARN)
    if settings.matrix == UNREADABLE:
        raise UsageError("the setting tf_doctor_matrix has to be the path of a YAML file")
    return settings


def seconds(text: str, name: str, default: float) -> float:
    """Return a number of seconds as it was set; what is none is said once and left out."""
    try:
        found = float(text) if text else default
    except ValueError:
        found = -1.0
    if 0 <= found < 1e6:
        return found
    say_once(f"tf-doctor: the setting {name} is {text!r}, which is no number of seconds; it is left out.")
    return default


def own_seconds(settings: Settings) -> float:
    """Return how long the guard itself may take; 0 for as long as it takes."""
    return seconds(settings.seconds, "tf_doctor_seconds", SECONDS)


def ignored_codes(settings: Settings) -> frozenset[str]:
    """Return the codes that the user silenced; a word that names no rule is said once and left out."""
    from ..codes import code_of

    if settings.ignore == (UNREADABLE,):
        say_once("tf-doctor: the setting tf_doctor_ignore is no list such as [TFD603, channel-mix]; it is left out.")
        return frozenset()
    found = {word: code_of(word) for word in settings.ignore}
    for word, code in found.items():
        if code is None:
            say_once(f"tf-doctor: the setting tf_doctor_ignore names {word!r}, but there is no such rule.")
    return frozenset(code for code in found.values() if code is not None)


def is_quiet() -> bool:
    """Tell whether conda was asked to be quiet."""
    from conda.base.context import context

    return bool(context.quiet) and not context.json
