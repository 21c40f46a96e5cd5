"""Names of channels and their subdirs."""

from __future__ import annotations

from .._light import lru_cache
from ..errors import UsageError, meant

SUBDIRS = (
    "noarch", "linux-64", "linux-32", "linux-aarch64", "linux-ppc64le", "linux-s390x", "osx-64", "osx-arm64", "win-64",
    "win-32", "win-arm64",
)  # fmt: skip

_CHANNEL_ALIASES = {
    "main": "defaults",
    "free": "defaults",
    "r": "defaults",
    "msys2": "defaults",
    "anaconda": "defaults",
}


@lru_cache(maxsize=4096)
def channel_name(text: str, subdir: str = "") -> str:
    """Return the canonical name of a channel as records, lock files and reports write it.

    Args:
        text: A URL (``…/conda-forge/win-64``), ``pkgs/main``, ``conda-forge/win-64`` or a bare name.
        subdir: The record's subdir, where it is known.
    """
    if not ("/" in text or "?" in text or ":" in text):  # nearly always
        return "" if text == subdir or text in SUBDIRS else _CHANNEL_ALIASES.get(text.lower(), text.lower())
    parts = [part for part in text.split("?")[0].split("/") if part and ":" not in part]
    if parts and (parts[-1] == subdir or parts[-1] in SUBDIRS):
        parts.pop()
    if "t" in parts[:-1]:
        # anaconda.org's private channels: /t/<token>/channel
        token = parts.index("t")
        parts = parts[:token] + parts[token + 2 :]
    if "label" in parts and parts.index("label") > 0:
        parts = parts[: parts.index("label")]
    if not parts:
        return ""
    name = parts[-1].lower()
    if name in _CHANNEL_ALIASES and (len(parts) == 1 or parts[-2] == "pkgs" or name != "main"):
        return _CHANNEL_ALIASES[name]
    return name


PLATFORMS = tuple(subdir for subdir in SUBDIRS if subdir != "noarch")


def checked(platform: str) -> str:
    """Return a platform that the user named, in conda's spelling.

    Raises:
        UsageError: There is no such platform.
    """
    if not platform:
        return ""
    lowered = platform.strip().lower()
    if lowered not in PLATFORMS:
        near = meant(lowered, PLATFORMS)
        raise UsageError(f"There is no platform {platform}{near}; --platform takes one of {', '.join(PLATFORMS)}.")
    return lowered
