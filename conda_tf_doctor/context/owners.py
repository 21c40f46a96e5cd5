"""Who owns the folder tensorflow."""

from __future__ import annotations

from .. import versions
from ..environment.facts import CONDA, Package
from ..environment.tensorflow import OWNERS
from .context import Context

# A wheel without binaries and the one that holds them: one TensorFlow, not two.
_FRONTS = ("tensorflow", "tensorflow-cpu")
_PAIRS = {"tensorflow-intel", "tensorflow-macos", "tensorflow-cpu-aws", "tensorflow-rocm"}


def same(packages: list[Package]) -> bool:
    """Tell whether packages have one version, as far as it is known."""
    known = {versions.key(package.version) for package in packages if package.version}
    return len(known) < 2


def rivals(context: Context) -> list[Package]:
    """Return pip's distributions that own the folder tensorflow; one alone is no rival, and an empty wheel none."""
    owners = [p for name in OWNERS for p in context.env.all_named(name) if p.manager != CONDA]
    owners = [p for p in owners if not context.is_empty_wheel(p)]
    fronts = [p for p in owners if p.name in _FRONTS]
    found = [p for p in owners if not (p.name in _PAIRS and any(same([p, front]) for front in fronts))]
    return found if len({p.name for p in found}) > 1 else []


def mixed(context: Context) -> bool:
    """Tell whether the folder tensorflow holds files of several versions."""
    found = rivals(context)
    return bool(found) and not same(found)
