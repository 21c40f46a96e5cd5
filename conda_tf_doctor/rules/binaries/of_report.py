"""The same findings from the binaries that a report carries, where no file can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...advice.libraries import newest_runtime
from ...binaries.windows import is_api_set
from ...context.binaries import VC_RUNTIME
from ...context.context import Context
from ...findings import CERTAIN, ERROR, LIKELY, Finding, Fix
from ...matrix.vc_runtime import VcRuntime
from .runtime import MODERN
from .words import GPU_LIBRARY, listed, owner, reinstall

if TYPE_CHECKING:
    from ...context.binaries import BinaryFacts
    from ...environment.facts import Binary

# Names of one machine in the vocabularies of Windows, Linux and macOS.
_SAME = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64", "i386": "x86", "i686": "x86", "x86_32": "x86"}


def reported(context: Context, facts: BinaryFacts) -> Iterator[Finding]:
    """Judge what a report says of binaries: machine, problem, what is missing."""
    yield from _machine(context, facts)
    for binary in facts.reported:
        if binary.problem:
            yield Finding(
                "TFD502",
                ERROR,
                f"{binary.path} is damaged: {binary.problem}.",
                found=binary.problem,
                expected="a whole image",
                evidence=(binary.path,),
                source="binaries",
                package=owner(context) if "tensorflow" in binary.path.lower() else "",
                fix=reinstall(context, binary.path.replace("\\", "/")),
            )
    yield from _missing(context, facts)


def _machine(context: Context, facts: BinaryFacts) -> Iterator[Finding]:
    machine = _plain(facts.machine)
    by_machine: dict[str, list[Binary]] = {}
    for binary in facts.reported:
        if machine and binary.machine and _plain(binary.machine) != machine:
            by_machine.setdefault(binary.machine, []).append(binary)
    for other, binaries in by_machine.items():
        yield Finding(
            "TFD102",
            ERROR,
            f"{listed(_name(binary) for binary in binaries)} {'is' if len(binaries) == 1 else 'are'} for {other}, the "
            f"environment's Python is for {facts.machine}.",
            found=other,
            expected=facts.machine,
            evidence=tuple(binary.path for binary in binaries[:5]),
            source="binaries",
            package=owner(context),
            fix=reinstall(context, binaries[0].path.replace("\\", "/")),
        )


def _missing(context: Context, facts: BinaryFacts) -> Iterator[Finding]:
    importers: dict[str, list[str]] = {}
    for binary in facts.reported:
        for name in binary.missing:
            importers.setdefault(name, []).append(binary.path)
    build = context.build
    for name, paths in importers.items():
        if is_api_set(name):
            continue
        who = listed(path.replace("\\", "/").rsplit("/", 1)[-1] for path in paths)
        is_runtime = VC_RUNTIME.match(name) is not None
        # A GPU library that is only loaded by name stops no import.
        if GPU_LIBRARY.match(name) and not (build and build.load_time) and not context.gpu_wanted:
            continue
        yield Finding(
            "TFD401" if is_runtime else "TFD501",
            ERROR,
            f"{name}{' of the Visual C++ runtime' * is_runtime}, which {who} imports, is nowhere on the search path.",
            found="not found",
            expected=name,
            evidence=tuple(paths[:5]),
            source="binaries",
            package="vc14-runtime" if is_runtime else owner(context, paths[0].replace("\\", "/")),
            confidence=CERTAIN if context.env.kind == "report" else LIKELY,
            fix=newest_runtime(context, VcRuntime(context.matrix).newest_first([name], MODERN))
            if is_runtime
            else Fix(note=f"Install the package that provides {name} into the environment."),
        )


def _plain(machine: str) -> str:
    lower = machine.lower()
    return _SAME.get(lower, lower)


def _name(binary: Binary) -> str:
    return binary.path.replace("\\", "/").rsplit("/", 1)[-1]
