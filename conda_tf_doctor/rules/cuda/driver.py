"""TFD306: can the display driver run this CUDA at all?"""

from __future__ import annotations

from collections.abc import Iterator

from ... import versions
from ...advice import advise
from ...context.context import Context
from ...context.gpu import gpu_in_question, gpu_may_be_wanted, system_cuda
from ...environment.facts import CONDA, Environment
from ...findings import CERTAIN, ERROR, LIKELY, Finding, open_question


def _cuda_here(context: Context) -> str:
    """Return the version of the CUDA runtime that would be used: the environment's, the build's, else the machine's."""
    if context.cuda:
        return context.cuda[0].version
    if context.build:
        return context.build.cuda_built
    # The release of TensorFlow is not known; it can only use the CUDA that is there.
    installed = system_cuda(context)
    return installed[0] if len(installed) == 1 else ""


def driver_too_old(context: Context) -> Iterator[Finding]:
    """TFD306: the driver is below the minimum of the CUDA runtime.

    From CUDA 11 on, a driver of the same major release is enough (minor-version compatibility); before, the driver
    has to know the very release.
    """
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or not context.gpu_wanted or env.os == "osx":
        return
    build = context.build
    if build is not None and build.variant != "gpu":
        return
    cuda = _cuda_here(context)
    if not cuda:
        return
    family = versions.release(cuda)[0]
    driver, virtual = _able(env)
    floor = _floor(context, cuda)
    if driver and floor and versions.key(driver) < versions.key(floor):
        yield _finding(context, cuda, f"driver {driver}", f"driver >={floor}", CERTAIN)
    elif not driver and virtual:
        able = versions.release(virtual)
        needed = (family,) if family >= 11 else versions.release(".".join(cuda.split(".")[:2]))
        if able[: len(needed)] < needed:
            wanted = ".".join(map(str, needed))
            yield _finding(context, cuda, f"__cuda {virtual}", f"a driver for CUDA {wanted} or later", LIKELY)


def _able(env: Environment) -> tuple[str, str]:
    """Return the version of the display driver, and of the CUDA that it brings as conda sees it."""
    return env.system.cuda_driver, env.virtual_packages.get("__cuda", "").split("=")[0]


def first_too_new(context: Context) -> str:
    """Return the first version of CUDA that the machine's driver cannot run (``12``, ``10.2``); empty if unknown."""
    driver, virtual = _able(context.env)
    if driver:
        families = context.matrix.table("drivers")["families"]
        column = "windows" if context.env.os == "win" else "linux"
        runs = [
            int(family)
            for family, row in families.items()
            if row.get(column) and versions.key(driver) >= versions.key(str(row[column]))
        ]
        return str(max(runs) + 1) if runs else ""
    able = versions.release(virtual) if virtual else ()
    if not able:
        return ""
    return str(able[0] + 1) if able[0] >= 11 else f"{able[0]}.{(able[1] if len(able) > 1 else 0) + 1}"


def _floor(context: Context, cuda: str) -> str:
    """Return the oldest driver for a CUDA version on this system."""
    column = "windows" if context.env.os == "win" else "linux"
    table = context.matrix.table("drivers")
    family = table["families"].get(str(versions.release(cuda)[0]))
    if family:
        return str(family.get(column) or "")
    # The oldest release of that minor: a later update of the toolkit does not raise what the runtime needs.
    rows = [row for name, row in table["releases"].items() if versions.minor(str(name)) == versions.minor(cuda)]
    floors = [str(row[column]) for row in rows if row.get(column)]
    return min(floors, key=versions.key) if floors else ""


def _finding(context: Context, cuda: str, found: str, expected: str, confidence: str) -> Finding:
    gpu = f" ({context.env.system.gpu})" if context.env.system.gpu else ""
    return Finding(
        "TFD306",
        ERROR,
        f"The display driver{gpu} is too old for CUDA {cuda}: TensorFlow will not use the GPU.",
        found=found,
        expected=expected,
        evidence=("system.cuda_driver" if found.startswith("driver") else "virtual_packages.__cuda",),
        source="NVIDIA's CUDA release notes, table of toolkit and driver versions",
        package="nvidia-driver",
        confidence=confidence,
        fix=advise("TFD306", context, {"driver": expected}),
    )


def open_driver(context: Context) -> Iterator[Finding]:
    """Ask for the display driver, or for the CUDA that it has to run, TFD306."""
    if not gpu_in_question(context):
        return
    build, have = context.build, " ".join(_able(context.env)).strip()
    source = build.id if build else ""
    if not have and gpu_may_be_wanted(context):
        yield open_question(
            "TFD306", "If a GPU is to be used: the report does not name its display driver.",
            f"driver {build.driver}" if build and build.driver else "", "the driver's version: `nvidia-smi`",
            source, "nvidia-driver",
        )  # fmt: skip
    elif have and context.tensorflow and context.tensorflow.manager == CONDA and not context.cuda:
        yield open_question(
            "TFD306",
            f"The report names the driver ({have.split()[0]}), but not the CUDA runtime that conda put beside it.",
            "", "cudatoolkit's (or cuda-version's) version: `conda list cuda`", source, "nvidia-driver",
        )  # fmt: skip
