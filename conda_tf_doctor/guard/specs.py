"""Requests as one types them: what the user asked for and what the guard adds to it, one argument a package.

What is solved on trial is what the arguments here say, so that the command that is shown has been solved as shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..specifiers import conda_all_of
from ..versions import glob_match

_OPERATORS = ("<", ">", "=", "!", "~")
_FIELDS = frozenset({"name", "version", "build", "channel", "subdir"})


class _Parts(NamedTuple):
    channel: str
    name: str
    version: str
    build: str
    further: Any


def _parts(text: str) -> _Parts:
    """Split a MatchSpec by conda's own understanding, the channel as it is written."""
    from conda.models.match_spec import MatchSpec

    spec = MatchSpec(text)
    fields = {name for name in spec.FIELD_NAMES if spec.get_raw_value(name) is not None}
    written = text.split("[")[0]
    channel = written.rpartition("::")[0] if "::" in written else str(spec.get_raw_value("channel") or "")
    version, build = (str(spec.get_raw_value(field) or "") for field in ("version", "build"))
    return _Parts(
        channel,
        str(spec.name),
        "" if version == "*" else version.removeprefix("=="),
        "" if build == "*" else build,
        spec if fields - _FIELDS else None,
    )


def _build_of(builds: Iterable[str]) -> str | None:
    """Return the narrowest of some globs on a build; ``None`` where nothing could match them all."""
    found = ""
    for build in filter(None, builds):
        if not found or glob_match(found, build):
            found = build
        elif not glob_match(build, found):
            return None
    return found


def _spelled(parts: _Parts) -> str:
    """Return a MatchSpec as one argument: ``python>=3.7,<3.11``, ``cudatoolkit=11.2``, ``tensorflow=*=cuda*``."""
    if parts.further is not None:
        from conda.models.match_spec import MatchSpec

        changed = {field: value for field, value in (("version", parts.version), ("build", parts.build)) if value}
        return str(MatchSpec(parts.further, **changed))
    name = f"{parts.channel}::{parts.name}" if parts.channel else parts.name
    version, build = parts.version, parts.build
    plain = version.endswith(".*") and version.count("*") == 1 and "," not in version and version[0].isdigit()
    short = version[:-2] if plain else version
    if not plain and version[:1].isdigit() and not set(version) & set("*,|"):
        short = version = f"=={version}"  # exactly this one; with one sign it would be this series
    if "|" in version or (build and short.startswith(_OPERATORS)):
        fields = [f"{field}='{value}'" for field, value in (("version", version), ("build", build)) if value]
        return f"{name}[{','.join(fields)}]"
    if build:  # before which a version without a star is exact
        return f"{name}={version or '*'}={build}"
    if not version:
        return name
    return f"{name}{short}" if short.startswith(_OPERATORS) else f"{name}={short}"


def arguments(requests: Iterable[str], constraints: Iterable[str] = ()) -> tuple[str, ...] | None:
    """Return what to type for all of these, one argument a package, sorted.

    Args:
        requests: MatchSpecs as the user wrote them.
        constraints: MatchSpecs that have to hold as well.

    Returns:
        The arguments; ``None`` where two of them exclude each other by their builds.
    """
    named: dict[str, list[_Parts]] = {}
    for text in dict.fromkeys([*requests, *constraints]):
        parts = _parts(text)
        named.setdefault(parts.name, []).append(parts)
    found = []
    for name, specs in named.items():
        build = _build_of(each.build for each in specs)
        if build is None:
            return None
        channel = next((each.channel for each in specs if each.channel), "")
        further = next((each.further for each in specs if each.further is not None), None)
        found.append(_spelled(_Parts(channel, name, conda_all_of(each.version for each in specs), build, further)))
    return tuple(sorted(found))
