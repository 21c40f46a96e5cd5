"""CUDA and cuDNN in the facts: which there are, who brought them, and whether a GPU is wanted at all."""

from __future__ import annotations

import os

from .. import versions
from .._light import re
from .._typing import NamedTuple
from .facts import CONDA, PIP, Environment, Package


class Library(NamedTuple):
    """A CUDA or cuDNN library of the environment.

    Attributes:
        version: CUDA's or cuDNN's own version (``11.2.2``, ``8.1.0.77``).
        package: The package that brings it.
    """

    version: str
    package: Package

    @property
    def label(self) -> str:
        """``cudatoolkit 11.2.2 (conda)``, for people."""
        manager = f"({self.package.manager})" if self.package.manager else ""
        return " ".join(filter(None, (self.package.name, self.package.version, manager)))


# The conda packages that hold libcudart / cudart64. `cuda-version` is a pin without files, and only a stand-in where
# a list was cut short.
CONDA_CUDA = ("cudatoolkit", "cuda-cudart", "cuda-toolkit", "cuda-runtime", "cuda-version")
CONDA_CUDNN = ("cudnn", "libcudnn")
# The versions of cuDNN for Windows that load zlibwapi.dll by name at run time (NVIDIA's installation guide). 9.x
# carries zlib itself (9.0 and 9.1 still load it where present).
NEEDS_ZLIB = ">=8.3,<9"
_PIP_CUDA = "nvidia-cuda-runtime"
PIP_CUDNN = "nvidia-cudnn"
GPU_DISTRIBUTIONS = ("tensorflow-gpu", "tf-nightly-gpu", "nvidia-tensorflow")
# What other frameworks bring along says nothing about TensorFlow.
_OTHER_USERS = ("torch", "pytorch", "cupy", "jax", "jaxlib", "jax-cuda12-plugin", "numba", "mxnet", "onnxruntime-gpu")


# What one has to know who asks for the other.
LAST_TOOLKIT = "The last cudatoolkit is 11.8: from CUDA 12 on the channels have its parts, chosen by cuda-version"

# Every release of it, the newest first.
TOOLKITS = (
    "11.8.0", "11.7.1", "11.7.0", "11.6.2", "11.6.1", "11.6.0", "11.5.2", "11.5.1", "11.5.0", "11.4.3", "11.4.2",
    "11.4.1", "11.4.0", "11.3.1", "11.2.2", "11.2.1", "11.2.0", "11.1.1", "11.0.3", "10.2.89", "10.1.243", "10.1.168",
    "10.0.130", "9.2.148", "9.2", "9.0", "8.0", "7.5",
)  # fmt: skip


def conda_cuda(version: str) -> str:
    """Return the conda package by which one asks for a release of CUDA: from 12 on there are only its parts."""
    return "cuda-version" if versions.release(version)[0] >= 12 else "cudatoolkit"


def is_wheel(package: Package, name: str) -> bool:
    """Tell whether a package is NVIDIA's wheel of that name, for any major of CUDA (``nvidia-cudnn-cu12``)."""
    if not package.name.startswith(name):
        return False
    rest = package.name[len(name) :]
    return not rest or (rest.startswith("-cu") and rest[3:].isdigit())


def _wheels(env: Environment, name: str) -> list[Package]:
    return [p for p in env.beginning("nvidia-") if is_wheel(p, name)]


def cuda_runtimes(env: Environment) -> list[Library]:
    """Return the CUDA runtimes that conda and pip brought, pip's first (TensorFlow's wheels look there first)."""
    found = [Library(p.version, p) for p in _wheels(env, _PIP_CUDA) if p.version]
    for name in CONDA_CUDA:
        package = env.conda(name)
        if package is not None and package.version and not (name == "cuda-version" and _is_alone(env)):
            found.append(Library(package.version, package))
            break
    return found


def _is_alone(env: Environment) -> bool:
    """Tell whether ``cuda-version`` stands for nothing: it is a pin without files, and TensorFlow is not conda's."""
    return env.pip("tensorflow") is not None and not any(
        p.manager != "pip" and p.name.startswith(("libcu", "cuda-cudart", "cuda-nvrtc")) for p in env.packages
    )


def is_searched(env: Environment, library: Library) -> bool:
    """Tell whether TensorFlow looks where a library lies.

    Its wheels for Linux look into NVIDIA's wheels beside them; on Windows the loader looks on ``PATH``, and those lie
    in folders of ``site-packages`` that nothing puts there.
    """
    if env.os != "win" or library.package.manager != PIP:
        return True
    path = env.env_vars.get("PATH", "").replace("\\", "/").lower()
    return any("/site-packages/nvidia/" in folder for folder in path.split(";"))


def cuda_of_unknown_version(env: Environment) -> Package | None:
    """Return a CUDA runtime of which a file or report does not tell the version; ``None`` where there is none."""
    wheels = _wheels(env, _PIP_CUDA)
    toolkits = (p for name in CONDA_CUDA if (p := env.conda(name)) is not None)
    return next((p for p in (*wheels, *toolkits) if not p.version), None)


def cudnn_libraries(env: Environment) -> list[Library]:
    """Return the cuDNN libraries that conda and pip brought, pip's first."""
    found = [Library(p.version, p) for p in _wheels(env, PIP_CUDNN)]
    for name in CONDA_CUDNN:
        package = env.conda(name)
        if package is not None:
            found.append(Library(package.version, package))
            break
    return found


def serves_another(env: Environment) -> bool:
    """Tell whether another framework is there that would explain CUDA packages by itself."""
    return any(env.package(name) for name in _OTHER_USERS)


# What decides, whoever else is named beside it.
_SURELY_NVIDIA = r"(?i)nvidia|geforce|\b[GR]TX(?![a-z])"
_NVIDIA = (
    rf"{_SURELY_NVIDIA}|quadro|tesla|\btitan\b"
    # People leave the make out: A5000, 3080 Ti, 4090.
    r"|\b\d{3,4} ?(?:ti|super|max-q)\b|^[ATVPLHBKM]\d{1,4}M?\b|^\d{4}$|\bMX\d{3}\b|\b\d{3}MX?\b|\bGT ?\d{3}\b"
    # What a virtual machine is given of one, by the hypervisor's name of it.
    r"|\bGRID\b|\bvGPU\b|\b[ATVPLHBMK]\d{1,3}[A-Z]{0,2}-\d{1,2}[ABCQ]\b"
)


# Other makers' names of theirs, what draws without a GPU, and that there is none.
_OTHERS = (
    r"(?i)\bAMD\b|\bATI\b|radeon|\bRX ?\d|\bvega\b|firepro|instinct|\bintel\b|\biris\b|\bU?HD graphics|\barc\b"
    r"|\bapple\b|^M[1-5]\b(?! ?0)|\bmetal\b|adreno|mali|powervr|matrox|aspeed|vmware|virtualbox|virtio|hyper-v|\bqxl\b"
    r"|llvmpipe|softpipe|microsoft basic|parallels|integrated|on-?board|\bnone\b|^no\b|\bwithout\b|\bcpu\b|^n/?a$"
)


def has_nvidia(env: Environment) -> bool | None:
    """Tell whether an NVIDIA GPU is on the machine; ``None`` where nothing tells whose its GPU is."""
    if env.system.cuda_driver or "__cuda" in env.virtual_packages:
        return True
    if re.search(_OTHERS, env.system.gpu) and not re.search(_SURELY_NVIDIA, env.system.gpu):
        return False
    return True if re.search(_NVIDIA, env.system.gpu) else None


def was_asked_for(package: Package) -> bool | None:
    """Tell whether the user named this conda package, from what conda noted when it linked it.

    Returns:
        ``None`` where nothing tells: another installer's record, a report, pip.
    """
    metadata = package.metadata if package.manager == CONDA else {}
    spec = metadata.get("requested_spec")
    if spec:
        return bool(spec != "None")
    # From 25.9 on conda notes a list; a record that was not asked for has it empty, under its internal name.
    return False if metadata.get("_requested_specs") == [] else None


# The first CUDA whose libraries run on a generation of GPUs. Code for an older one of the same generation (8.0 on 8.6
# and 8.9) runs as it is; else the driver compiles at the first start, and cuBLAS and cuDNN mostly fail.
# People leave "RTX" out (5070 Ti), and the digits (RTX 5xxx).
_RTX = r"(?:RTX ?(?:PRO )?|GeForce (?=\d)|\b(?=\d{4} ?(?:Ti|Super)\b)|^(?=\d{4}$))"
_GENERATIONS = (
    (_RTX + r"5(?:0(?:[5-9]\d|xx|(?:00)?[ -]series)|xxx)|\bB[12]00\b|RTX PRO \d{4} Blackwell", "12.8"),
    (r"\bH[12]00\b|\bGH200\b", "11.8"),
    (
        _RTX + r"[34](?:0(?:[5-9]\d|xx|(?:00)?[ -]series)|xxx)|RTX ?A\d{4}|\bA(?:10G?|16|30|40|100|4000|5000|6000)\b"
        r"|\bL(?:4|40S?)\b|RTX ?\d{4} Ada",
        "11.0",
    ),
    (r"RTX ?20\d\d|RTX ?[34568]000|GTX ?16\d\d|\bT4\b|Quadro RTX|Titan RTX", "10.0"),
    (r"\bV100\b|Titan V\b", "9.0"),
    (r"GTX ?10\d\d|\bP(?:4|40|100)\b|Titan X[pP]", "8.0"),
)


def first_cuda(model: str) -> str:
    """Return the first CUDA that runs on a GPU without compiling for it, or empty where the model is not known.

    Args:
        model: The GPU's name, as the driver or a user writes it.

    Source of the generations: NVIDIA's list of compute capabilities and the release notes of CUDA 8 to 12.
    """
    return next((cuda for pattern, cuda in _GENERATIONS if re.search(pattern, model, re.IGNORECASE)), "")


def major(version: str) -> int:
    """Return the major number of a version; -1 where there is none."""
    numbers = versions.release(version) if version else ()
    return numbers[0] if numbers else -1


def find_dll(env: Environment, name: str) -> str | None:
    """Return where a DLL is in the folders that a Windows environment searches; empty where it is in none of them.

    Returns:
        ``None`` where nobody has looked: a file, or a report that a person wrote.
    """
    if not env.prefix:
        reported = (
            b.path for b in env.binaries if b.path.replace("\\", "/").rpartition("/")[2].lower() == name.lower()
        )
        return next(reported, "" if env.collected else None)
    folders = ["", "Library/bin", "Library/usr/bin", "Library/mingw-w64/bin", "Scripts", "DLLs"]
    paths = [os.path.join(env.prefix, *folder.split("/")) for folder in folders]
    if env.this_machine:
        paths += env.env_vars.get("PATH", "").split(os.pathsep)
    found = (os.path.join(path, name) for path in paths if path)
    return next((path for path in found if os.path.exists(path)), "")
