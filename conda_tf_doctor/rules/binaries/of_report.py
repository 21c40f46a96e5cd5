"""The same findings from the binaries that a report carries, where no file can be looked at."""

from __future__ import annotations

from collections.abc import Iterator

from ..._typing import TYPE_CHECKING
from ...binaries.windows import is_api_set
from ...context.binaries import VC_RUNTIME
from ...context.context import Context
from ...findings import Finding, open_question
from ...subdirs import same_machine
from .words import GPU_LIBRARY, damaged, not_found, of_another_machine, runtime_missing

if TYPE_CHECKING:
    from ...context.binaries import BinaryFacts

# What a report calls the part that holds them.
_SOURCE = "binaries"


def reported(context: Context, facts: BinaryFacts) -> Iterator[Finding]:
    """Judge what a report says of binaries: machine, problem, what is missing."""
    by_machine: dict[str, list[str]] = {}
    importers: dict[str, list[str]] = {}
    for binary in facts.reported:
        path = binary.path.replace("\\", "/")
        if facts.machine and binary.machine and not same_machine(binary.machine, facts.machine):
            by_machine.setdefault(binary.machine, []).append(path)
        if binary.problem:
            yield damaged(context, path, binary.problem, _SOURCE)
        for name in binary.missing:
            importers.setdefault(name, []).append(path)
    for machine, paths in by_machine.items():
        yield of_another_machine(context, machine, facts.machine, paths, _SOURCE)
    runtime = [name for name in importers if VC_RUNTIME.match(name)]
    if runtime:
        of_runtime = dict.fromkeys(path for name in runtime for path in importers[name])
        yield runtime_missing(context, runtime, list(of_runtime), _SOURCE)
    for name, paths in importers.items():
        if name not in runtime and not _passes(context, name):
            yield not_found(context, name, paths, _SOURCE)


def _passes(context: Context, name: str) -> bool:
    """Tell whether a DLL may be missing: of an API set, or a GPU's that is only loaded by name and stops no import."""
    build = context.build
    for_gpu = GPU_LIBRARY.match(name) and not (build and build.load_time) and not context.gpu_wanted
    return bool(is_api_set(name) or for_gpu)


def open_binaries(context: Context) -> Iterator[Finding]:
    """Ask for the binaries that a report does not hold, TFD501 and TFD502."""
    if not context.env.binaries:
        need = "`conda tf-doctor dlls` in the environment"
        for code in ("TFD501", "TFD502"):
            text = f"The report does not hold the binaries of {context.label}."
            yield open_question(code, text, "", need, "", "tensorflow")
