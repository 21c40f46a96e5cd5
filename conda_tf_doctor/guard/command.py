"""The command that would work, as one would type it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..versions import parse_matchspec
from . import transaction

if TYPE_CHECKING:
    from .constraints import Search

_OPERATORS = ("<", ">", "=", "!", "~")


def typed(spec: str) -> str:
    """Return a MatchSpec as one argument: ``python>=3.7,<3.11``, ``cudatoolkit=11.2``."""
    parsed = parse_matchspec(spec)
    version = parsed.version
    if "::" in spec or "[" in spec or parsed.build or "|" in version:
        from conda.models.match_spec import MatchSpec

        return str(MatchSpec(spec))
    if not version:
        return parsed.name
    if version.startswith(_OPERATORS):
        return parsed.name + version.replace(" ", "")
    if version.endswith(".*") and version.count("*") == 1:
        return f"{parsed.name}={version[:-2]}"
    return f"{parsed.name}={version}"


def _merged(requests: Iterable[str], constraints: Iterable[str]) -> list[str]:
    """Return what to ask for: a constraint takes the place of a request for the same package without a version."""
    from conda.models.match_spec import MatchSpec

    constrained: dict[str, list[str]] = {}
    for spec in constraints:
        constrained.setdefault(parse_matchspec(spec).name, []).append(spec)
    # The channel and the build that were asked for hold for what takes the request's place.
    further: dict[str, dict[str, Any]] = {}
    asked = []
    for spec in requests:
        parsed = parse_matchspec(spec)
        if parsed.name in constrained:
            if parsed.version and spec not in constrained[parsed.name]:
                constrained[parsed.name].insert(0, spec)
            match = MatchSpec(spec)
            fields = ((field, match.get(field)) for field in ("channel", "subdir", "build"))
            further.setdefault(parsed.name, {}).update({field: value for field, value in fields if value})
        else:
            asked.append(spec)
    for name, specs in constrained.items():
        versions = list(dict.fromkeys(v for v in (parse_matchspec(spec).version for spec in specs) if v))
        merged = f"{name} {','.join(versions)}" if len(versions) > 1 else specs[0]
        asked.append(str(MatchSpec(merged, **further[name])) if further.get(name) else merged)
    return asked


def _target(prefix: str) -> list[str]:
    name = transaction.argument("name")
    return ["-n", str(name)] if name else ["-p", prefix]


def working(search: Search, prefix: str) -> tuple[tuple[str, ...], str]:
    """Return a command that works, proven by a solve, and a sentence where more has to be said.

    Args:
        search: The search that found what works, or what does not.
        prefix: The environment.
    """
    if search.found is not None:
        specs, changes = _merged(search.requests, search.found.constraints), tuple(search.found.constraints)
    elif search.instead:
        specs, changes = _merged((), search.instead), search.instead
    else:
        return (), ""
    arguments = sorted(map(typed, specs))
    files = transaction.environment_files()
    exists = os.path.isdir(os.path.join(prefix, "conda-meta"))
    if files and not exists:
        aims = [part for spec in changes if spec not in search.requests for part in ("--to", typed(spec))]
        fix = ("conda", "tf-doctor", "fix", "--file", files[0], *aims)
        return fix, f"The file {files[0]} would work with: {', '.join(arguments)}."
    command = ["conda", "install" if exists else "create", *_target(prefix)]
    for channel in dict.fromkeys([*(transaction.argument("channel", ()) or ()), *transaction.file_channels()]):
        command += ["-c", str(channel)]
    if transaction.argument("override_channels"):
        command.append("--override-channels")
    if str(transaction.argument("update_modifier", "")) == "update_all":
        command.append("--update-all")
    return (*command, *arguments), ""
