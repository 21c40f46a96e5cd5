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
# of the path follows, below a folder of a group or of a letter. In running text it ends with the word. Backslashes may
# be doubled.
_HOMES = re.compile(
    r"([\\/](?:Users|home|homes|Documents and Settings)(?:\\\\|[\\/])"
    r"(?!(?:(?:users?|students?|staff)[\\/]+)?(?:[a-z0-9][\\/]+)?<)"
    r"(?:(?:users?|students?|staff)(?:\\\\|[\\/]))?(?:[a-z0-9](?:\\\\|[\\/]))?)"
    r"((?:[^\\/:;,\"'<>|*?\s]{1,64}(?: [^\\/:;,\"'<>|*?\s]{1,64}){0,3}(?=[\\/]))|[^\\/:;,\"'<>|*?\s]+)",
    re.I,
)
# Folders there that are no person's.
_SHARED = frozenset({"public", "default", "all users", "default user", "linuxbrew", "shared", "runner", "runneradmin"})
# An address to its end; secrets in it are found part by part. Pip writes some without the second slash.
_ADDRESS = r"\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s\"'<>]*"
# Forms in which programs give out tokens: conda's channels, PyPI, GitHub, GitLab, Slack, Hugging Face, OpenAI, Stripe,
# AWS, Google, npm, Docker; JSON web tokens; private keys.
_KNOWN_TOKEN = (
    r"\b(?:tk-|pypi-|gh[pousr]_|github_pat_|gl[a-z]{2,6}-|xox[abeprs]-|hf_|npm_|dckr_pat_|[sr]k_(?:live|test)_|ya29\.|AIza"
    r"|sk-(?=[A-Za-z0-9_-]{0,80}[0-9]))[A-Za-z0-9_-]{8,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
# A name and a sign, and the value behind them: variables, parameters of addresses, headers, fields of YAML and JSON.
_NAMED = (
    r"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{0,100})(?P<sign>[\"']?[ \t]{0,3}(?:=(?!=)|:(?![:/\\]))[ \t]{0,3}[\"']?"
    r"(?:(?:bearer|basic|token|digest|negotiate)[ \t]{1,3})?)"
)
_VALUE = r"(?!(?:bearer|basic|token|digest|negotiate)[ \t]+<)[^\s\"'&;,<>]+"
_VERSION = r"[\d.=*]{1,40}\b"
_SECRET_NAME = re.compile(
    r"(?:^|[-_.])(?:tokens?|secrets?|passw(?:or)?d|passphrase|pwd|credentials?|signature|authorization|cookies?"
    r"|(?:api|access|private|secret|account|master|encryption)[-_.]?keys?|(?:access|auth|api)token|sas)(?:$|[-_.])",
    re.I,
)
# These are names of other things, too, unless a value that is no version is assigned to them.
_DOUBTFUL_NAME = re.compile(r"(?:^|[-_.])(?:keys?|sig|auth|pass|user(?:name)?|login)$", re.I)
_SCHEME = r"(?i)\b(bearer|basic)([ \t]{1,3})(?=[A-Za-z0-9+/._~-]{0,200}[0-9=+/])[A-Za-z0-9+/._~-]{12,}=*"
# Somebody at a host; not a symbol at its version (memcpy@GLIBC_2.14), nor the @@ of C++.
_PERSON_AT_HOST = (
    r"(?<![\w.+@?/-])[A-Za-z][\w.+-]{0,63}@"
    r"(?:[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}|[a-z][a-z0-9-]{1,62})"
    r"(?![\w@.-]*@)(?![\w])"
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
    """Return a text without tokens, passwords and other secrets, by the forms that they have."""
    if "://" in text:
        text = re.sub(_ADDRESS, _address, text)
    text = re.sub(_KNOWN_TOKEN, TOKEN, text)
    if "=" in text or ":" in text:
        text = _without_assigned(text)
    return re.sub(_SCHEME, rf"\1\2{TOKEN}", text)


def _address(matched: re.Match[str]) -> str:
    scheme, *parts = matched[0].split("://")
    return "://".join((scheme, *map(_after_scheme, parts)))


def _after_scheme(part: str) -> str:
    """Mask user, password and the token of a channel in what stands behind an address's scheme."""
    host, slash, path = part.partition("/")
    if "@" in host:
        host = f"{PASSWORD}@{host.rpartition('@')[2]}"
    return host + re.sub(r"(?:(?<=/)|\A)t/[^/?#]+", lambda found: f"t/{TOKEN}", slash + path) if slash else host


def is_secret(name: str) -> bool:
    """Tell whether what has this name is a secret."""
    return _SECRET_NAME.search(name) is not None


def _without_assigned(text: str) -> str:
    value, version = re.compile(_VALUE, re.I), re.compile(_VERSION)
    parts, done = [], 0
    for found in re.finditer(_NAMED, text, re.I):
        name, end = found["name"], found.end()
        doubtful = "=" in found["sign"] and _DOUBTFUL_NAME.search(name) and not version.match(text, end)
        # A value is looked at once: only that of a secret, and what stands in it is none any more.
        held = value.match(text, end) if found.start() >= done and (doubtful or is_secret(name)) else None
        if held is not None:
            parts += [text[done:end], TOKEN]
            done = held.end()
    return "".join((*parts, text[done:]))


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
        if "@" in text:
            text = re.sub(_PERSON_AT_HOST, f"{USER}@<host>", text)
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
        keep: Fields that hold no path, in which secrets alone are masked: ``name``, ``version``.
    """
    kept = frozenset(keep)
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [mask(each, masked, kept) for each in value]
    if isinstance(value, dict):
        # A name, a version or a build says nothing of a person, but whatever is pasted may be in it.
        return {
            key: TOKEN
            if isinstance(each, str) and each and is_secret(key)
            else mask(each, without_secrets if key in kept else masked, kept)
            for key, each in value.items()
        }
    return value
