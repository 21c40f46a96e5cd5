"""What the flags and the settings say together, for every verb."""

from __future__ import annotations

from .._typing import TYPE_CHECKING
from ..settings import codes, from_context, without_conda

if TYPE_CHECKING:
    from argparse import Namespace


def options(args: Namespace) -> tuple[frozenset[str], str]:
    """Return the silenced codes and the path of the user's matrix, from the command line and the settings."""
    if args.door == "conda":
        from conda.base.context import context

        settings = from_context(context.plugins)
    else:
        settings = without_conda()
    ignore = codes(settings.ignore, "The setting tf_doctor_ignore") | codes(args.ignore, "--ignore")
    return ignore, args.matrix or settings.matrix
