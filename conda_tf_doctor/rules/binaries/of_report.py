"""The same findings from the binaries that a report carries, where no file can be looked at."""

from __future__ import annotations

from collections.abc import Iterator

from ..._typing import TYPE_CHECKING
from ...advice.libraries import newest_runtime
from ...binaries.windows import is_api_set
from ...context.binaries import VC_RUNTIME
from ...context.context import Context
from ...findings import LIKELY, Finding, open_question
from ...matrix.vc_runtime import VcRuntime
from ...subdirs import same_machine
from .runtime import MODERN
from .words import GPU_LIBRARY, damaged, not_found, of_another_machine

if TYPE_CHECKING:
    from ...context.binaries import BinaryFacts


def reported(context: Context, facts: BinaryFacts) -> Iterator[Finding]:
    """Judge what a report says of binaries: machine, problem, what is missing."""
    by_machine: dict[str, list[str]] = {}
    importers: dict[str, list[str]] = {}
    for binary in facts.reported:
        path = binary.path.replace("\\", "/")
        if facts.machine and binary.machine and not same_machine(binary.machine, facts.machine):
            by_machine.setdefault(binary.machine, []).append(path)
        if binary.problem:
            yield damaged(context, path, binary.problem, "binaries")
        for name in binary.missing:
            importers.setdefault(name, []).append(path)
    for machine, paths in by_machine.items():
        yield of_another_machine(context, machine, facts.machine, paths, "binaries")
    for name, paths in importers.items():
        yield from _missing(context, name, paths)


def _missing(context: Context, name: str, paths: list[str]) -> Iterator[Finding]:
    build = context.build
    # A GPU library that is only loaded by name stops no import.
    for_gpu = GPU_LIBRARY.match(name) and not (build and build.load_time) and not context.gpu_wanted
    if is_api_set(name) or for_gpu:
        return
    runtime = VC_RUNTIME.match(name) is not None
    finding = not_found(context, name, paths, "binaries", " of the Visual C++ runtime" * runtime)
    if context.env.kind != "report":
        finding = finding._replace(confidence=LIKELY)
    if runtime:
        finding = finding._replace(
            code="TFD401",
            package="vc14-runtime",
            fix=newest_runtime(context, VcRuntime(context.matrix).newest_first([name], MODERN)),
        )
    yield finding


def open_binaries(context: Context) -> Iterator[Finding]:
    """Ask for the binaries that a report does not hold, TFD501 and TFD502."""
    if not context.env.binaries:
        need = "`conda tf-doctor dlls` in the environment"
        for code in ("TFD501", "TFD502"):
            text = f"The report does not hold the binaries of {context.label}."
            yield open_question(code, text, "", need, "", "tensorflow")
