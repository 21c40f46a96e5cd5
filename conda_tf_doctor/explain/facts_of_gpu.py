"""Facts about CUDA, cuDNN and the GPU (see :mod:`.facts`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ..context.gpu import is_gpu_build, wanted
from ..environment.gpu import GPU_DISTRIBUTIONS, Library, first_cuda, has_nvidia
from ..environment.libraries import CUDA, CUDNN
from ..environment.tensorflow import owners
from ..versions import contains, key, number
from .subject import Fact, Subject, Truth


def _gpu_build(subject: Subject, _: str) -> Truth:
    context = subject.context
    if context is None or context.tensorflow is None:
        return None

    if is_gpu_build(context.tensorflow, context.build):
        return True
    return context.build.variant == "gpu" if context.build else None


def _cpu_build(subject: Subject, argument: str) -> Truth:
    truth = _gpu_build(subject, argument)
    return None if truth is None else not truth


def _cpu_beside_gpu_build(subject: Subject, _: str) -> Truth:
    """Whether a distribution without CUDA shares its folder with one that has it (as ``tensorflow`` did up to 2.0)."""
    if subject.context is None:
        return None
    here = owners(subject.context.env)
    gpu = [package for package in here if package.name in GPU_DISTRIBUTIONS]
    plain = [
        package
        for package in here
        if package.name == "tensorflow-cpu"
        # A tensorflow-gpu that somebody asks of is of the time when the other had no CUDA.
        or (package.name == "tensorflow" and (not package.version or contains("<2.1", package.version)))
    ]
    return bool(gpu and plain)


def _cuda_at_import(subject: Subject, argument: str) -> Truth:
    """Whether CUDA's libraries are imports, so that without them nothing imports: GPU builds up to 1.14."""
    context = subject.context
    if context is None or context.tensorflow is None:
        return None
    if context.build is not None:
        return context.build.variant == "gpu" and bool(context.build.load_time)
    gpu, version = _gpu_build(subject, argument), context.tensorflow.version
    if not version:
        return gpu
    if not contains("<1.15", version):
        return False
    return gpu


def _cuda_not_at_import(subject: Subject, argument: str) -> Truth:
    truth = _cuda_at_import(subject, argument)
    if truth is None and subject.context and subject.context.tensorflow:
        # `tensorflow` (not -gpu) of pip up to 1.14 is the CPU build on Windows.
        installed = subject.context.tensorflow
        return True if installed.version and installed.name == "tensorflow" and installed.manager == "pip" else None
    return None if truth is None else not truth


def _known(libraries: Iterable[Library], installed: Iterable[str]) -> list[str]:
    """Return the versions of an environment's libraries, and of those that are installed beside it."""
    return [library.version for library in libraries if library.version] + [
        v.split()[0] for v in installed if v.strip()
    ]


def _cuda_versions(subject: Subject) -> list[str]:
    context = subject.context
    return _known(context.cuda, context.env.system.cuda_installed) if context else []


def _cuda_in_environment(subject: Subject) -> list[str]:
    return _known(subject.context.cuda, ()) if subject.context else []


def _cudnn_versions(subject: Subject) -> list[str]:
    context = subject.context
    return _known(context.cudnn, context.env.system.cudnn_installed) if context else []


def _wanted(subject: Subject, kind: str) -> str:
    """Return the range that the named library, or else the matrix row, wants."""
    library = subject.library
    if library.kind == kind and library.versions:
        return library.versions
    build = subject.context.build if subject.context else None
    if build is None:
        return ""
    return (build.cuda_loads or build.cuda) if kind == CUDA else build.cudnn


def _fits(kind: str, versions: Callable[[Subject], list[str]], expected: bool) -> Fact:
    def fact(subject: Subject, _: str) -> Truth:
        wanted, there = _wanted(subject, kind), versions(subject)
        if not wanted or not there:
            return None
        return any(contains(wanted, version) for version in there) is expected

    return fact


def _conda_package(*names: str) -> Fact:
    def fact(subject: Subject, _: str) -> Truth:
        return None if subject.context is None else any(subject.context.env.conda(name) for name in names)

    return fact


def _directml(subject: Subject, _: str) -> Truth:
    if subject.context is None:
        return None
    return any("directml" in package.name for package in subject.context.env.packages)


def _pip_cuda(subject: Subject, _: str) -> Truth:
    if subject.context is None:
        return None
    return bool(subject.context.env.beginning("nvidia-"))


def _several_cuda(subject: Subject, _: str) -> Truth:
    if subject.context is None:
        return None
    installed = subject.context.env.system.cuda_installed
    return len(installed) > 1 if installed else None


def _cudart_was_loaded(subject: Subject, _: str) -> Truth:
    """Whether another CUDA library than the runtime is named while the runtime is not, or was opened."""
    if re.search(r"Successfully opened dynamic library \S*cudart|successfully opened CUDA library", subject.text, re.I):
        return True
    if subject.library.kind != CUDA or subject.library.part == "cudart":
        return False
    if re.search(r"cudart", subject.text, re.I):
        return False
    # Releases that load on demand begin with the runtime; where it is not what failed, it was found.
    return True if re.search(r"Could\s+not\s+load\s+dynamic\s+library", subject.text, re.I) else None


def _loaded_is_the_environments(subject: Subject, _: str) -> Truth:
    """Whether the cuDNN that the message says was loaded is the one of the environment (7102 is 7.1.2)."""
    loaded = subject.captured.get("has", "")
    there = [library.version for library in subject.context.cudnn if library.version] if subject.context else []
    if not loaded or not there:
        return None
    if loaded.isdigit():
        count = number(loaded)
        # From 9 on the major version counts ten thousands.
        major, rest = divmod(count, 10_000 if count >= 90_000 else 1000)
        loaded = f"{major}.{rest // 100}.{rest % 100}"
    return any(_of_three(version) == _of_three(loaded) for version in there)


def _of_three(version: str) -> list[str]:
    return f"{version}.0.0".split(".")[:3]


def _gpu_newer_than_cuda(subject: Subject, _: str) -> Truth:
    """Whether the GPU came out after the CUDA that is there, or that this build was made for."""
    context = subject.context
    if context is None:
        return None
    # TensorFlow's log names the GPU too.
    needs = first_cuda(context.env.system.gpu or subject.text)
    built = context.build.cuda_built if context.build else ""
    there = [built] if built else _cuda_versions(subject)
    if not needs or not there:
        return None
    return all(key(version) < key(needs) for version in there)


# What TensorFlow logs by itself whenever it starts; the user did not write it.
_LOGGED = re.compile(
    r"Could\s+not\s+load\s+dynamic\s+library|Ignore above cudart|Could not find cuda drivers|Could not find TensorRT"
    r"|oneDNN|cpu_feature_guard|To enable (?:them|the following)|rebuild TensorFlow|Unable to register cu\w+"
    r"|computation placer|NUMA node|failed call to cuInit|kernel driver does not appear|cuda_diagnostics"
    r"|retrieving CUDA|All log messages before absl|(?:^|\s)[IWE] (?:tensorflow|external|\./tensorflow)/"
    r"|^[IWE]0{3}\d\b"
    # Python's own form of a line of a log, whoever writes it.
    r"|^(?:DEBUG|INFO):[\w.]+:",
    re.IGNORECASE,
)
_PATHS = re.compile(r"File \"[^\"]*\"|(?<!\S)[^\s\\/]*[\\/]\S*")
_ABOUT_GPU = re.compile(
    r"\bGPUs?\b|CUDA|cu(?:dnn|blas|dart)|nvidia|\b[RG]TX\b|graphics? card|device_type|device:CPU", re.IGNORECASE
)
# Only said where a GPU was seen, or where it is what the user asked for.
_GPU_SEEN = re.compile(
    r"Skipping registering GPU|Cannot dlopen some GPU|Found device \d|cuda_gpu_executor\.cc[^\n]*\s+NUMA node"
    r"|Successfully opened dynamic library \S*(?:libcuda\.so|nvcuda)"
    r"|library '?(?:lib)?(?:cublas|cufft|curand|cusolver|cusparse|cudnn)",
    re.IGNORECASE,
)

_OTHERS = re.compile(r"torch|onnxruntime|cupy|\bjax|RuntimeError: CUDA error", re.IGNORECASE)
_NO_GPU = re.compile(r"/proc/driver/nvidia/version does not exist|/dev/nvidia0 does not exist")


def _gpu_in_passing(subject: Subject, _: str) -> Truth:
    """Whether lines about CUDA are only what TensorFlow logs on every machine without an NVIDIA GPU."""
    context = subject.context
    if context is not None:
        env = context.env
        nvidia = has_nvidia(env)
        if nvidia is not None:
            return not nvidia
        if wanted(env, context.tensorflow, context.build) or env.system.cuda_installed or env.system.cudnn_installed:
            return False
    if _GPU_SEEN.search(subject.text):
        return False
    written = (line for line in subject.text.splitlines() if line.strip() and not _LOGGED.search(line))
    # Whatever another framework says of the GPU is no question about TensorFlow's.
    rest = ["" if _OTHERS.search(line) else _PATHS.sub("", line) for line in written]
    # With nothing beside them, they are themselves what the user asks about, unless they say that there is no GPU.
    if not rest:
        return bool(_NO_GPU.search(subject.text)) and not re.search(r"WSL|microsoft", subject.text)
    return not any(_ABOUT_GPU.search(line) for line in rest)


FACTS: dict[str, Fact] = {
    "gpu-in-passing": _gpu_in_passing,
    "gpu-build": _gpu_build,
    "cpu-build": _cpu_build,
    "cpu-beside-gpu-build": _cpu_beside_gpu_build,
    "directml": _directml,
    "cuda-at-import": _cuda_at_import,
    "cuda-not-at-import": _cuda_not_at_import,
    "cuda-known": lambda subject, _: bool(_cuda_versions(subject)),
    "cudnn-known": lambda subject, _: bool(_cudnn_versions(subject)),
    "cuda-fits": _fits(CUDA, _cuda_versions, True),
    "cuda-misfits": _fits(CUDA, _cuda_versions, False),
    "cudnn-fits": _fits(CUDNN, _cudnn_versions, True),
    "cudnn-misfits": _fits(CUDNN, _cudnn_versions, False),
    "cuda-in-environment": lambda s, _: None if s.context is None else bool(s.context.cuda),
    "cuda-in-environment-fits": _fits(CUDA, _cuda_in_environment, True),
    "cudnn-in-environment-fits": _fits(
        CUDNN, lambda s: [c.version for c in s.context.cudnn] if s.context else [], True
    ),
    "cudnn-loaded-is-the-environments": _loaded_is_the_environments,
    "conda-cuda": _conda_package("cudatoolkit", "cuda-cudart", "cuda-toolkit"),
    "conda-cudnn": _conda_package("cudnn"),
    "pip-cuda": _pip_cuda,
    "several-cuda": _several_cuda,
    "cudart-was-loaded": _cudart_was_loaded,
    "gpu-newer-than-cuda": _gpu_newer_than_cuda,
    "library-of": lambda subject, kind: subject.library.kind == kind,
    "library": lambda s, regex: bool(re.search(regex, s.captured.get("library", ""), re.IGNORECASE)),
}
