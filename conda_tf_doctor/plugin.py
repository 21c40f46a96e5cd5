"""conda's hooks, and nothing else.

Conda imports this module on every call, so it imports only what every conda has imported already; each hook imports
what it needs when it is asked. A test measures that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from conda.plugins import hookimpl

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from conda.plugins.types import CondaSubcommand


def _configure(parser: ArgumentParser) -> None:
    from .cli.parser import configure

    configure(parser)


def _execute(args: Namespace) -> int:
    from .cli.main import from_conda

    return from_conda(args)


@hookimpl
def conda_subcommands() -> Iterator[CondaSubcommand]:
    """Register ``conda tf-doctor``."""
    from conda.plugins.types import CondaSubcommand

    yield CondaSubcommand(
        name="tf-doctor",
        summary="Name why TensorFlow does not work in an environment, and repair it.",
        action=_execute,
        configure_parser=_configure,
    )
