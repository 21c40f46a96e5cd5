"""What the file name of a CUDA library says: whose it is, and of which version."""

from __future__ import annotations

import re
from typing import NamedTuple

from .. import versions

CUDA, CUDNN, DRIVER, VC, OTHER = "cuda", "cudnn", "driver", "vc", ""

_NAME = re.compile(
    r"(?:lib)?(?P<part>cudart|cublasLt|cublas|cufft|curand|cusolver|cusparse|cupti|nvrtc|cudnn|cuda|nvcuda)"
    r"(?P<sub>_[a-z_]*[a-z])?(?:64)?_?(?P<number>[\d_]*?)(?:\.so(?:\.(?P<so>[\d.]+))?|\.dylib|\.dll)?\.?\Z",
    re.IGNORECASE,
)
# From CUDA 11 on, each library has a number of its own, which is not the toolkit's.
_OWN_NUMBERS = {
    ("cublas", "10"): ">=10.1,<11", ("cublaslt", "10"): ">=10.1,<11",
    ("cufft", "10"): ">=10.1,<12", ("curand", "10"): ">=10.1,<13", ("cusparse", "10"): ">=10.1,<11",
    ("cusolver", "10"): ">=10.1,<11.1", ("cusolver", "11"): ">=11.1,<13", ("cufft", "11"): ">=12,<13",
    ("cusparse", "11"): ">=11,<12", ("cusparse", "12"): ">=12,<13",
}  # fmt: skip


class LibraryName(NamedTuple):
    """A library by its name.

    Attributes:
        kind: ``cuda``, ``cudnn``, ``driver``, ``vc``, or empty.
        part: ``cudart``, ``cublas``, ``cudnn`` …
        versions: PEP 440 range of CUDA (or cuDNN) versions that have a library of this name; empty where it tells none.
    """

    kind: str
    part: str = ""
    versions: str = ""

    @property
    def wanted(self) -> str:
        """``CUDA 10.1``, ``cuDNN 8``, for people."""
        if self.kind == DRIVER:
            return "the NVIDIA display driver"
        if self.kind not in (CUDA, CUDNN):
            return self.part
        brand = "CUDA" if self.kind == CUDA else "cuDNN"
        text = self.versions
        if text.endswith(".*"):
            text = text.removeprefix("==").removesuffix(".*")
        return f"{brand} {text}".strip()


def _dotted(number: str) -> str:
    """Return ``10.1`` for ``101``, ``9.0`` for ``90``, ``12`` for ``12``, ``7.5`` for ``7_5``."""
    number = number.strip("_").replace("_", ".")
    if "." in number or len(number) == 1:
        return number
    if len(number) == 2 and not number.startswith("1"):
        return f"{number[0]}.{number[1]}"
    return f"{number[:2]}.{number[2:]}" if len(number) > 2 else number


def parse_library(name: str) -> LibraryName:
    """Return what a library's file name says.

    Args:
        name: ``libcudart.so.10.1``, ``cudart64_110.dll``, ``cudnn64_7.dll`` …, with or without a folder.
    """
    name = re.split(r"[\\/]", name.strip("'\""))[-1]
    if re.match(r"(?:msvcp|vcruntime|concrt|vcomp)\d", name, re.IGNORECASE):
        return LibraryName(VC, name.lower())
    found = _NAME.match(name)
    if not found:
        return LibraryName(OTHER, name)
    part = found["part"].lower()
    if part == "nvcuda" or (part == "cuda" and not found["sub"]):
        return LibraryName(DRIVER, part)
    number = found["so"] or _dotted(found["number"] or "")
    if part == "cudnn":
        return LibraryName(CUDNN, part, f"=={number.split('.')[0]}.*" if number else "")
    if not number:
        return LibraryName(CUDA, part)
    pieces = number.split(".")
    own = _OWN_NUMBERS.get((part, pieces[0]))
    if own and len(pieces) == 1:
        return LibraryName(CUDA, part, own)
    # CUDA 11 numbers its runtime 11.0 throughout; from 12 on only the major number is in the name.
    if versions.number(pieces[0]) >= 11 or len(pieces) == 1:
        return LibraryName(CUDA, part, f"=={pieces[0]}.*")
    return LibraryName(CUDA, part, f"=={pieces[0]}.{pieces[1]}.*")
