"""What to do where there is no TensorFlow: which environments have one, and how to make one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..environment.prefix import read_prefix
from ..environment.tensorflow import find_tensorflow
from ..errors import UsageError
from ..safely import safe
from ..shell import quoted
from .target import all_prefixes, name_of

if TYPE_CHECKING:
    from argparse import Namespace

# Reading hundreds of environments for a hint would take longer than the check itself.
_SECONDS = 1.5
_SHOWN = 5


def next_steps(args: Namespace) -> str:
    """Return what to type next, in lines of a screen."""
    found, all_read = _with_tensorflow(args)
    lines = []
    if found:
        lines += ["Environments with TensorFlow:" if all_read else "Environments with TensorFlow, of those looked at:"]
        width = max(len(command) for command, _ in found[:_SHOWN])
        lines += [f"  {safe(command):{width}}  # {safe(what)}" for command, what in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"  and {len(found) - _SHOWN} more: conda-tf-doctor check --all-envs")
    lines += ["To make one that works:", "  conda-tf-doctor create NAME --gpu  # or --cpu"]
    return "\n".join(lines) + "\n"


def _with_tensorflow(args: Namespace) -> tuple[list[tuple[str, str]], bool]:
    """Return the command that checks each environment with a TensorFlow, and which; and whether all were read."""
    until = time.monotonic() + _SECONDS
    found: list[tuple[str, str]] = []
    prefixes = all_prefixes(args)
    names = [name_of(prefix) for prefix in prefixes]
    for prefix, name in zip(prefixes, names, strict=True):
        if time.monotonic() > until:
            return found, False
        try:
            tensorflow = find_tensorflow(read_prefix(prefix))
        except UsageError:
            continue
        if tensorflow is not None:
            target = f"-n {quoted(name)}" if names.count(name) == 1 else f"-p {quoted(prefix)}"
            what = f"{tensorflow.name} {tensorflow.version or 'of unknown version'}"
            found.append((f"conda-tf-doctor {target}", what))
    return found, True
