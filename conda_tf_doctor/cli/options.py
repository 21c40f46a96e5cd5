"""What the flags and the settings say together, for every verb."""

from __future__ import annotations

from .._typing import TYPE_CHECKING
from ..codes import ITSELF, RULES, codes_where
from ..settings import codes, from_context, of_project, strict_channels, without_conda

if TYPE_CHECKING:
    from argparse import Namespace


def options(args: Namespace) -> tuple[frozenset[str], str]:
    """Return the silenced codes and the path of the user's matrix, from the command line and the settings."""
    if args.door == "conda":
        from conda.base.context import context

        settings = from_context(context.plugins)
    else:
        settings = without_conda()
    project = of_project()
    ignore = codes(settings.ignore, "The setting tf_doctor_ignore") | codes(args.ignore, "--ignore")
    ignore |= codes(project.ignore, f"ignore in {project.path}")
    select = codes(getattr(args, "select", ()), "--select") or codes(project.select, f"select in {project.path}")
    if select:
        # What could not be read or checked is told whatever is selected.
        ignore |= frozenset(RULES) - codes_where(family=ITSELF) - select
    return ignore, args.matrix or project.matrix or settings.matrix


def strict(args: Namespace) -> bool:
    """Tell whether of several channels only the first that has a package counts: conda's strict channel priority."""
    if args.door == "conda":
        from conda.base.context import context

        return str(context.channel_priority) == "strict"
    return strict_channels()
