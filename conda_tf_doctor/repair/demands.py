"""What the user asks of a repair: versions to reach, packages to keep."""

from __future__ import annotations

from typing import NamedTuple

from .. import versions
from ..errors import UsageError


class Demands(NamedTuple):
    """What the user asked for.

    Attributes:
        to: Packages and the versions they have to get, as ``(name, conda version spec)``.
        keep: Normalised names of packages that must not change.
        without: Normalised names of packages that go.
        warnings: Whether warnings are to be repaired too, where a change of packages can.
    """

    to: tuple[tuple[str, str], ...] = ()
    keep: frozenset[str] = frozenset()
    warnings: bool = False
    without: frozenset[str] = frozenset()


NO_DEMANDS = Demands()


def parse_demand(text: str) -> tuple[str, str]:
    """Split what ``--to`` names (``tensorflow=2.10``, ``numpy<2``) into a name and the version part of a MatchSpec.

    Raises:
        UsageError: It names no version.
    """
    spec = versions.parse_matchspec(text.strip())
    if not spec.name or spec.version.strip("=*") == "":
        raise UsageError(f"--to {text} names no version; write it as --to tensorflow=2.10.")
    version = spec.version if spec.version.startswith("==") else spec.version.removeprefix("=")
    if version[0].isdigit() and not any(sign in version for sign in "*|,<>"):
        # tensorflow=2.10 means any 2.10, as on conda's command line; == asks for exactly this one.
        version = f"=={version}" if "==" in text else f"{version}.*"
    return spec.name, version
