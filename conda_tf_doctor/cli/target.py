"""Which environment a command is about."""

from __future__ import annotations

import os

from .. import reading
from .._typing import TYPE_CHECKING
from ..errors import UsageError, meant
from ..settings import environment_folders, installations
from ..shell import quoted

if TYPE_CHECKING:
    from argparse import Namespace


def resolve_prefix(args: Namespace) -> str:
    """Return the prefix that ``-p``, ``-n`` or the active environment names.

    Raises:
        UsageError: Nothing is active, or there is no environment of that name.
    """
    if args.prefix:
        return os.path.abspath(os.path.expanduser(str(args.prefix)))
    if args.door == "conda":
        return _from_conda(args)
    if args.name:
        return _by_name(args)
    active = os.environ.get("CONDA_PREFIX") or os.environ.get("VIRTUAL_ENV")
    if active:
        return active
    there = all_prefixes(args)
    named = ", ".join(name_of(prefix) for prefix in there[:6]) + (" …" if len(there) > 6 else "")
    raise UsageError(
        f"No environment is active; name one with -n NAME or -p PATH{f' (there are: {named})' if there else ''}, or "
        "give the error text to `conda-tf-doctor explain -`."
    )


def _from_conda(args: Namespace) -> str:
    from conda.base.context import context, locate_prefix_by_name
    from conda.exceptions import EnvironmentNameNotFound

    if not args.name:
        return str(context.target_prefix)
    try:
        return str(locate_prefix_by_name(args.name))
    except EnvironmentNameNotFound:
        return _known(args, "`conda env list` shows which there are")


def name_of(prefix: str) -> str:
    """Return the name of an environment: ``base`` for a root, else that of its folder."""
    roots = {os.path.realpath(root) for root in installations()}
    return "base" if os.path.realpath(prefix) in roots else os.path.basename(prefix)


def _meant(args: Namespace) -> str:
    return meant(args.name, map(name_of, all_prefixes(args)))


def _by_name(args: Namespace) -> str:
    name = args.name
    if os.sep in name or "/" in name:
        raise UsageError(f"{name} is a path, not a name; use -p {quoted(name)}.")
    if name in ("base", "root"):
        for root in installations():
            if os.path.isdir(os.path.join(root, "conda-meta")):
                return root
    for folder in environment_folders():
        prefix = os.path.join(folder, name)
        if os.path.isdir(prefix):
            return prefix
    return _known(args, "name its folder with -p PATH")


def _known(args: Namespace, advice: str) -> str:
    """Return the environment of that name of those that conda does not find by their names: registered, or pixi's.

    Raises:
        UsageError: There is none, or there are several.
    """
    found = [prefix for prefix in all_prefixes(args) if name_of(prefix) == args.name]
    if len(found) > 1:
        raise UsageError(f"Several environments are named {args.name}; name one with -p: {', '.join(found)}.")
    if not found:
        raise UsageError(f"There is no environment named {args.name}{_meant(args)}; {advice}.")
    return found[0]


def _registered() -> list[str]:
    """Return the environments that conda has registered for this user."""
    try:
        text = reading.read_condas(os.path.expanduser("~/.conda/environments.txt"))
        return [line.strip() for line in text.split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError):
        return []


def _folders_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_dir()]
    except OSError:
        return []


def _of_projects() -> list[str]:
    """Return the folders in which pixi and workspaces keep environments: of the working folder and all above."""
    found = [os.path.join(os.environ.get("PIXI_HOME") or os.path.expanduser("~/.pixi"), "envs")]
    try:
        folder = os.getcwd()
    except OSError:
        return found  # the working folder is gone
    while True:
        found += [os.path.join(folder, name, "envs") for name in (".pixi", ".conda")]
        above = os.path.dirname(folder)
        if above == folder:
            return found
        folder = above


def all_prefixes(args: Namespace) -> list[str]:
    """Return every environment there is, each once, sorted by path; to both doors these are the same."""
    found = [*_registered(), *installations()]
    found += [prefix for folder in (*environment_folders(), *_of_projects()) for prefix in _folders_in(folder)]
    if args.door == "conda":
        from conda.core.envs_manager import list_all_known_prefixes

        found += list_all_known_prefixes()
    existing = {
        os.path.realpath(prefix): prefix
        for prefix in reversed(found)
        if os.path.isdir(os.path.join(prefix, "conda-meta"))
    }
    return sorted(existing.values())
