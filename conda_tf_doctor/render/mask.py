"""What a report must not give away: user names, home folders, tokens and passwords.

Masking is consistent, so that a folder and a PATH that leads to it still agree, and doing it twice changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import Any

USER = "<user>"
HOME = "<home>"
TOKEN = "<token>"
PASSWORD = "<hidden>"

# The folders under which systems keep home folders; what follows is somebody's name, which may hold blanks where more
# of the path follows. In running text it ends with the word. Backslashes may be doubled.
_HOMES = re.compile(
    r"([\\/](?:Users|home|homes|Documents and Settings)(?:\\\\|[\\/])(?:(?:users?|students?|staff)(?:\\\\|[\\/]))?)"
    r"((?:[^\\/:;,\"'<>|*?\s]+(?: [^\\/:;,\"'<>|*?\s]+){0,3}(?=[\\/]))|[^\\/:;,\"'<>|*?\s]+)",
    re.I,
)
# Folders there that are no person's.
_SHARED = frozenset({"public", "default", "all users", "default user", "linuxbrew", "shared", "runner", "runneradmin"})
_CHANNEL_TOKEN = re.compile(r"(://[^\s\"']*?/t/)[^/\s\"']+")
_KNOWN_TOKEN = re.compile(r"\b(?:tk-|pypi-|gh[pousr]_|glpat-|xox[abp]-|hf_)[A-Za-z0-9_-]{8,}")
_USERINFO = re.compile(r"(?<=://)[^/\s\"']+@")
_SECRET_PARAMETER = re.compile(
    r"([?&](?:token|access_token|api[_-]?key|key|sig|signature|password|passwd|secret|auth)=)[^&\s\"'<>]+", re.I
)
# Names that say nothing about a person, and that occur where they mean something else.
_NOBODY = frozenset(
    {"root", "user", "users", "admin", "administrator", "system", "conda", "python", "tensorflow", "lib", "bin", "home"}
)


def _names(environ: dict[str, str]) -> list[str]:
    found = {environ.get(name, "").strip() for name in ("USER", "USERNAME", "LOGNAME", "SUDO_USER")}
    for home in _home_folders(environ):
        found.add(re.split(r"[\\/]", home.rstrip("\\/"))[-1])
    return sorted((name for name in found if len(name) > 2 and name.lower() not in _NOBODY), key=len, reverse=True)


def _home_folders(environ: dict[str, str]) -> list[str]:
    homes = {environ.get(name, "").rstrip("\\/") for name in ("HOME", "USERPROFILE")}
    homes |= {os.path.realpath(home) for home in homes if home and os.path.isabs(home)}
    # "/" or "C:" is nobody's, and everything is in it.
    return sorted((home for home in homes if len(home) > 3), key=len, reverse=True)


def without_secrets(text: str) -> str:
    """Return a text without the tokens and passwords that addresses hold."""
    text = _CHANNEL_TOKEN.sub(rf"\1{TOKEN}", text)
    text = _KNOWN_TOKEN.sub(TOKEN, text)
    text = _USERINFO.sub(f"{PASSWORD}@", text)
    return _SECRET_PARAMETER.sub(rf"\1{TOKEN}", text)


def masker(environ: dict[str, str] | None = None) -> Callable[[str], str]:
    """Return a function that masks one text.

    Args:
        environ: Variables that tell the user's name and home folder; those of the process where omitted.
    """
    variables = dict(os.environ) if environ is None else environ
    ends = r"(?=[\\/:;,\"'\s>)\]]|$)"
    homes = [re.compile(_any_slash(home) + ends, re.I) for home in _home_folders(variables)]
    names = [re.compile(rf"(?<=[\\/]){re.escape(name)}{ends}", re.I) for name in _names(variables)]

    def masked(text: str) -> str:
        text = _HOMES.sub(_person, without_secrets(text))
        for home in homes:
            text = home.sub(HOME, text)
        for name in names:
            text = name.sub(USER, text)
        return text

    return masked


def _any_slash(path: str) -> str:
    return r"[\\/]{1,2}".join(re.escape(part) for part in re.split(r"[\\/]+", path))


def _person(matched: re.Match[str]) -> str:
    folder, name = matched.groups()
    if name.strip().lower() in _SHARED:
        return matched.group(0)
    return f"{folder}{USER}"


def mask(value: Any, masked: Callable[[str], str], keep: Iterable[str] = ()) -> Any:
    """Return a JSON value with every text in it masked, keys and the values of some fields left as they are.

    Args:
        value: The value.
        masked: What masks one text.
        keep: Fields that hold no path: ``name``, ``version``.
    """
    kept = frozenset(keep)
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [mask(each, masked, kept) for each in value]
    if isinstance(value, dict):
        return {key: each if key in kept else mask(each, masked, kept) for key, each in value.items()}
    return value
