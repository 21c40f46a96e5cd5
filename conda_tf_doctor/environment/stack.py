"""Which packages a verdict may hang on; anything else cannot change one, and costs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..names import MEMBERS, normalise
from .facts import PIP, Environment
from .tensorflow import CONDA_PARTS, OWNERS

_OTHERS = frozenset(
    {
        "python", "python-abi", "cudatoolkit", "cudnn", "libcudnn", "libcudnn-dev", "nccl", "libprotobuf", "libgrpc",
        "zlib", "libzlib", "libzlib-wapi", "zlib-wapi", "zlibwapi", "vc", "vc14-runtime", "vs2015-runtime",
        "msvc-runtime", "vcomp14",
        "ucrt", "libgcc-ng", "libgcc", "libstdcxx-ng", "libstdcxx", "-libgcc-mutex", "ml-dtypes", "hdf5",
        "intel-openmp", "mkl", "scipy", "pandas", "namex", "optree", "rich", "libclang", "sysroot-linux-64",
        "python-flatbuffers", "numpy-base",
    }
)  # fmt: skip
_FAMILIES = re.compile(r"(?:cuda|libcu|libnv|libnpp|nvidia|cudnn|tensor|tf[_-]|_?tflow|keras|torch|pytorch|cupy|jax)")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _folded(name: str) -> str:
    # conda writes vc14_runtime, pip normalises to hyphens
    return normalise(name).replace("_", "-")


def _dependencies(env: Environment) -> set[str]:
    """Return the names that the installed TensorFlow itself depends on."""
    found = set()
    for name in (*OWNERS, *CONDA_PARTS):
        for package in env.all_named(name):
            for text in package.depends:
                matched = _NAME.match(text.strip())
                if matched and not (package.manager == PIP and "extra ==" in text):
                    found.add(_folded(matched.group()))
    return found


def has_tensorflow(env: Environment) -> bool:
    """Tell whether any TensorFlow is among the packages."""
    return any(env.all_named(name) for name in (*OWNERS, *CONDA_PARTS))


def touches(changed: Iterable[str], *environments: Environment) -> bool:
    """Tell whether one of the changed packages belongs to TensorFlow's stack in one of the environments."""
    folded = {_folded(name) for name in changed}
    if any(name in STACK or name in _OTHERS or _FAMILIES.match(name) for name in folded):
        return True
    return any(not folded.isdisjoint(_dependencies(env)) for env in environments)


# Whose owner decides a verdict. Everything else that has the version conda recorded is taken for conda's.
STACK = frozenset((*OWNERS, *(name for name, member in MEMBERS.items() if member.owned)))
