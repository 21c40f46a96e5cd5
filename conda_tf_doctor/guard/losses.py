"""What a transaction takes away that nobody asked to lose: TensorFlow itself, its version, its GPU.

No rule speaks of these, for nothing is wrong with an environment that has no TensorFlow or an older one. Conda does
list them, among the hundred other packages that move. They are said, and never a reason to refuse.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from .. import versions
from ..context.gpu import is_gpu_build
from ..environment.facts import CONDA, PIP, Environment
from ..environment.tensorflow import CONDA_PARTS, OWNERS, Installed, find_tensorflow, owners
from ..names import normalise

_CUDA = ("cudatoolkit", "cuda-cudart", "cudnn")
_CPU = re.compile(r"(?:^|_)(?:cpu|mkl|eigen)")


class Asked(NamedTuple):
    """What the user asked of a transaction.

    Attributes:
        specs: MatchSpecs to install or update.
        removals: Names to remove, perhaps with wildcards.
    """

    specs: tuple[str, ...] = ()
    removals: tuple[str, ...] = ()


def losses(before: Environment, after: Environment, asked: Asked) -> tuple[str, ...]:
    """Return what is lost, a sentence each.

    Args:
        before: The environment as it is.
        after: The environment as it would be.
        asked: What the user asked for: nobody is told that he gets what he wants.
    """
    old, new = find_tensorflow(before), find_tensorflow(after)
    if old is None or after.partial:
        return ()
    name = f"{old.name} {old.version}".strip()
    if new is None or new.requested:
        present = {package.name for package in owners(before)} | {part for part in CONDA_PARTS if before.conda(part)}
        if any(fnmatchcase(each, wanted) for wanted in asked.removals for each in present):
            return ()
        return (f"{name} is removed{_reason(asked)}; nobody asked for that.",)
    if before.python.version and not after.python.version:
        return (f"{name} stays behind without Python: nothing can import it.",)
    wanted = [spec for spec in map(versions.parse_matchspec, asked.specs) if spec.name in (*OWNERS, *CONDA_PARTS)]
    found = []
    if not wanted:
        found += _other_version(name, old, new, _reason(asked))
    chosen = any(spec.build or spec.name not in ("tensorflow", "tensorflow-base") for spec in wanted)
    if not chosen and old.manager == new.manager == CONDA and is_gpu_build(old, None) and _CPU.search(new.build):
        found.append(
            f"{name} ({old.build}) becomes a build without CUDA ({new.build}){_reason(asked)}: it will run on the CPU."
        )
    return tuple(found)


def without_cuda(before: Environment, after: Environment, asked: Asked) -> tuple[str, ...]:
    """Return what conda's CUDA and cuDNN were there for, where they go and pip's TensorFlow stays, in one sentence."""
    tensorflow = find_tensorflow(after)
    if tensorflow is None or tensorflow.manager != PIP or tensorflow.name == "tensorflow-cpu":
        return ()
    gone = [p for name in _CUDA if (p := before.conda(name)) is not None and after.conda(name) is None]
    if not gone or any(after.conda(name) is not None for name in _CUDA[:2]):
        return ()
    name = tensorflow.label
    listed = " and ".join(f"{package.name} {package.version}" for package in gone)
    verb = "are" if len(gone) > 1 else "is"
    return (f"{listed}, with which {name} could use a GPU, {verb} removed{_reason(asked)}: it will run on the CPU.",)


def dangling(before: Environment, after: Environment) -> dict[str, str]:
    """Return what conda's TensorFlow depends on and what goes all the same (``--force``), a sentence each by name."""
    gone = {p.name for p in before.packages if p.manager == CONDA} - {p.name for p in after.packages}
    found: dict[str, str] = {}
    for part in (*OWNERS, *CONDA_PARTS) if gone else ():
        record = after.conda(part)
        for text in record.depends if record is not None else ():
            name = normalise(versions.parse_matchspec(text).name)
            if record is not None and name in gone:
                found.setdefault(name, f"{record.name} {record.version} depends on {name}, which is removed.")
    return found


def _other_version(name: str, old: Installed, new: Installed, reason: str) -> list[str]:
    if old.manager == PIP and new.manager == CONDA:
        return [f"conda's {new.name} {new.version} is written over pip's {name}{reason}."]
    if not old.version or not new.version or versions.key(new.version) >= versions.key(old.version):
        return []
    return [f"{name} goes back to {new.version}{reason}."]


def _reason(asked: Asked) -> str:
    """Return whom to thank for it."""
    if asked.removals:
        return f" with {_listed(asked.removals)}"
    return f" because of {_listed(asked.specs)}" if asked.specs else ""


def _listed(names: tuple[str, ...]) -> str:
    shown = list(names[:3]) + ([f"{len(names) - 3} more"] if len(names) > 3 else [])
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
