"""The command that would work, as one would type it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..versions import parse_matchspec
from . import transaction

if TYPE_CHECKING:
    from .constraints import Search

_SWITCHES = {"override_channels": "--override-channels", "use_local": "--use-local", "offline": "--offline"}
_CHOICES = {
    "channel_priority": {"strict": "--strict-channel-priority", "disabled": "--no-channel-priority"},
    "deps_modifier": {"no_deps": "--no-deps", "only_deps": "--only-deps"},
    "update_modifier": {"update_all": "--update-all"},
}
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


def _options() -> list[str]:
    """Return what was said on the command line about where packages come from and how they are solved."""
    found = []
    for channel in dict.fromkeys([*(transaction.argument("channel", ()) or ()), *transaction.file_channels()]):
        found += ["-c", str(channel)]
    found += [option for name, option in _SWITCHES.items() if transaction.argument(name)]
    for name in ("subdir", "solver"):
        value = transaction.argument(name)
        found += [f"--{name}", str(value)] if value else []
    for name, options in _CHOICES.items():
        value = transaction.argument(name, "")
        option = options.get(str(getattr(value, "value", value)))
        found += [option] if option else []
    return found


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
    return (*command, *_options(), *arguments), ""
