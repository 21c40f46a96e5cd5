"""The command that would work, as one would type it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..environment.files import read_file
from ..environment.owner import workspace_of
from ..environment.tensorflow import find_tensorflow
from ..errors import UsageError
from ..render.mask import without_secrets
from ..shell import command_line
from ..subdirs import this_platform
from . import calls
from .specs import arguments as typed

if TYPE_CHECKING:
    from .constraints import Search
    from .verdict import Verdict

# What changes what a command does, by conda's name for the argument: the option where it is set, or that for each
# value that it may have.
_SWITCHES = {
    "override_channels": "--override-channels",
    "use_local": "--use-local",
    "offline": "--offline",
    "use_index_cache": "--use-index-cache",
    "ignore_pinned": "--no-pin",
    "no_default_packages": "--no-default-packages",
    "copy": "--copy",
    "force_reinstall": "--force-reinstall",
    "prune": "--prune",
    "dev": "--dev",
    "clobber": "--clobber",
}
_CHOICES = {
    "channel_priority": {"strict": "--strict-channel-priority", "disabled": "--no-channel-priority"},
    "deps_modifier": {"no_deps": "--no-deps", "only_deps": "--only-deps"},
    "update_modifier": {
        "update_all": "--update-all",
        "update_deps": "--update-deps",
        "update_specs": "--update-specs",
        "freeze_installed": "--freeze-installed",
        "specs_satisfied_skip_solve": "--satisfied-skip-solve",
    },
    "ssl_verify": {"False": "--insecure"},
    "protect_frozen_envs": {"False": "--override-frozen"},
    "shortcuts": {"False": "--no-shortcuts"},
}
_VALUES = {
    "channel": "-c",
    "repodata_fns": "--repodata-fn",
    "subdir": "--subdir",
    "solver": "--solver",
    "exclude_newer": "--exclude-newer",
}


def _target(prefix: str) -> list[str]:
    name = calls.argument("name")
    return ["-n", str(name)] if name else ["-p", prefix]


def _options() -> list[str]:
    """Return what was said on the command line about where packages come from and how they are solved."""
    found = []
    for name, option in _VALUES.items():
        value = calls.argument(name) or ()
        for each in dict.fromkeys([value] if isinstance(value, str) else value):
            found += [option, str(each)]
    found += [option for name, option in _SWITCHES.items() if calls.argument(name)]
    for name, options in _CHOICES.items():
        value = calls.argument(name, "")
        chosen = options.get(str(getattr(value, "value", value)))
        found += [chosen] if chosen else []
    if calls.is_update() and not calls.argument("update_modifier"):
        found.append("--update-specs")  # conda's `update` takes no versions, and its `install` freezes first
    return found


def _asks_for_tensorflow(path: str, platform: str) -> bool:
    """Tell whether a file is one that ``fix`` repairs.

    Without a TensorFlow of its own it is about another one; nor is it where something that it names cannot be read.
    """
    try:
        return find_tensorflow(read_file(path, platform)) is not None
    except UsageError:
        return False


def _correcting(file: str, platform: str, arguments: Iterable[str]) -> tuple[str, ...]:
    """Return the command that writes requests into a file, for the platform that conda acts for."""
    requests = (part for spec in arguments for part in ("--to", spec))
    try:
        told = read_file(file).platform
    except UsageError:  # it is for others
        told = ""
    where = () if told == platform else ("--platform", platform)
    return ("conda", "tf-doctor", "fix", "--file", file, *requests, *where)


def of_manifest(verdict: Verdict, prefix: str) -> str:
    """Return how to correct the manifest that an environment is made from; empty for an environment without one.

    Its tool solves on its own, past all hooks, so that the guard knows what is wrong, and of no other request.
    """
    workspace = workspace_of(prefix)
    if workspace is None:
        return ""
    pins = typed((), (pin for finding in verdict.stopping for pin in finding.fix.pins)) or ()
    platform = verdict.after.platform
    if _asks_for_tensorflow(workspace.manifest, platform):
        return f"What it is made from is corrected by: {command_line(_correcting(workspace.manifest, platform, pins))}"
    return f"It is made from {workspace.manifest}: write {' and '.join(pins)} into that." if pins else ""


def of_pips_part(verdict: Verdict) -> tuple[str, ...]:
    """Return what corrects a file of which pip's part alone is wrong: no request of conda's does; empty for others."""
    files, env = calls.environment_files(), verdict.after
    of_pip = bool(files) and all(f.fix.pip and f.package in env.asked_of_pip for f in verdict.stopping)
    return _correcting(files[0], env.platform, ()) if of_pip and _asks_for_tensorflow(files[0], env.platform) else ()


def working(search: Search, prefix: str) -> tuple[tuple[str, ...], str]:
    """Return a command that works, proven by a solve, and a sentence where more has to be said.

    Args:
        search: The search that found what works, or what does not.
        prefix: The environment.
    """
    arguments = search.arguments
    if not arguments:
        return (), ""
    files = calls.environment_files()
    if files:
        # The file is what the user edits, and what it says of pip, of channels and of pruning holds on.
        would = f"The file {files[0]} would work with: {', '.join(arguments)}."
        platform = search.planned.platform
        if not _asks_for_tensorflow(files[0], platform):
            return (), f"{would} Write that into it, and run the same command again."
        return _correcting(files[0], platform, search.changed), would
    if not search.as_typed():
        return (), f"Without your pins this would work: {', '.join(arguments)}."
    exists = os.path.isdir(os.path.join(prefix, "conda-meta"))
    options = _options()
    if not exists and "--subdir" not in options and search.planned.platform != this_platform():
        options += ["--subdir", search.planned.platform]  # CONDA_SUBDIR before one command is not pasted with the next
    command = ["conda", "install" if exists else "create", *_target(prefix), *options, *arguments]
    shown = tuple(map(without_secrets, command))
    secret = shown != tuple(command)
    return shown, "In the command, fill in your token or password where it has been left out." if secret else ""
