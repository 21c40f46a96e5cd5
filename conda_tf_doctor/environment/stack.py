"""Which packages a verdict may hang on; anything else cannot change one, and costs nothing."""

from __future__ import annotations

from .._light import re
from .._typing import TYPE_CHECKING
from ..names import MEMBERS, normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .facts import Environment

# Built by others, from the same source and under the same version numbers.
VENDORS = (
    "tensorflow-rocm",
    "tensorflow-cpu-aws",
    "tensorflow-aarch64",
    "intel-tensorflow",
    "intel-tensorflow-avx512",
    "nvidia-tensorflow",
)
# Distributions whose wheels put files into the import package `tensorflow`, the most telling name first: where
# `tensorflow` and `tensorflow-intel` are both there, the user asked for the first and the second holds the binaries.
OWNERS = (
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-gpu",
    "tensorflow-macos",
    "tensorflow-intel",
    "tensorflow-directml",
    *VENDORS,
    "tf-nightly",
    "tf-nightly-cpu",
    "tf-nightly-gpu",
    "tf-nightly-intel",
    "tf-nightly-macos",
)
# Conda packages that tell of a TensorFlow even where the package `tensorflow` itself is not listed.
CONDA_PARTS = ("tensorflow-base", "tensorflow-gpu-base", "tensorflow-mkl", "tensorflow-eigen", "libtensorflow-cc")
# Names of packages that are a TensorFlow, or a part of conda's.
TENSORFLOW = frozenset((*OWNERS, *CONDA_PARTS))
_OTHERS = frozenset(
    {
        "python", "python-abi", "cudatoolkit", "cudnn", "libcudnn", "libcudnn-dev", "nccl", "libprotobuf", "libgrpc",
        "zlib", "libzlib", "libzlib-wapi", "zlib-wapi", "zlibwapi", "vc", "vc14-runtime", "vs2015-runtime",
        "msvc-runtime", "vcomp14",
        "ucrt", "libgcc-ng", "libgcc", "libstdcxx-ng", "libstdcxx", "-libgcc-mutex", "ml-dtypes", "hdf5",
        "intel-openmp", "mkl", "scipy", "pandas", "namex", "optree", "rich", "libclang", "sysroot-linux-64",
        "python-flatbuffers", "numpy-base", "pyarrow", "zarr",
    }
)  # fmt: skip
_FAMILIES = (
    "cuda", "libcu", "libnv", "libnpp", "nvidia", "cudnn", "tensor", "tf-", "tflow", "_tflow", "keras", "torch",
    "pytorch", "cupy", "jax",
)  # fmt: skip
# Compiled where it is needed: every transaction passes here.
_NAME = r"\s*([A-Za-z0-9_][A-Za-z0-9_.-]*)"


def _folded(name: str) -> str:
    # conda writes vc14_runtime, pip normalises to hyphens
    return normalise(name).replace("_", "-")


def _dependencies(env: Environment) -> Iterator[str]:
    """Yield what the installed TensorFlow itself depends on, as it declares it."""
    for name in TENSORFLOW:
        for package in env.all_named(name):
            yield from package.depends


def are_required(changed: Iterable[str], depends: Iterable[str]) -> bool:
    """Tell whether one of the changed packages is among what is declared to be required (conda's form or pip's)."""
    matches = (re.match(_NAME, text) for text in depends if "extra ==" not in text)
    return not {_folded(match.group(1)) for match in matches if match}.isdisjoint(map(_folded, changed))


def has_tensorflow(env: Environment) -> bool:
    """Tell whether any TensorFlow is among the packages."""
    return any(env.all_named(name) for name in TENSORFLOW)


def is_member(name: str) -> bool:
    """Tell whether a package belongs to the stack of any TensorFlow."""
    folded = _folded(name)
    return folded in STACK or folded in _OTHERS or folded.startswith(_FAMILIES)


def touches(changed: Iterable[str], *environments: Environment) -> bool:
    """Tell whether one of the changed packages belongs to TensorFlow's stack in one of the environments."""
    names = set(changed)
    if any(map(is_member, names)):
        return True
    return any(are_required(names, _dependencies(env)) for env in environments)


# Whose owner decides a verdict. Everything else that has the version conda recorded is taken for conda's.
STACK = frozenset((*OWNERS, *(name for name, member in MEMBERS.items() if member.owned)))
