"""TFD401 and TFD402 from packages: which Visual C++ runtime would be loaded, and is it new enough?

What the DLLs themselves say is the binaries family's; this one needs no file, and so judges reports, files and planned
solves too.
"""

from __future__ import annotations

from collections.abc import Iterator

from ... import versions
from ...advice import advise
from ...context.context import Context
from ...context.vc_runtime import Runtime, runtime_of
from ...findings import CERTAIN, ERROR, LIKELY, Finding, open_question
from ...matrix.vc_runtime import VcRuntime


def vc_runtime(context: Context) -> Iterator[Finding]:
    """TFD401 and TFD402: there is no runtime, or one that lacks what this build needs."""
    tensorflow, env = context.tensorflow, context.env
    if tensorflow is None or env.os != "win":
        return
    if context.binaries is not None and context.binaries.closure is not None:
        return  # binaries_runtime judges the files themselves
    runtime = runtime_of(context)
    if runtime is None:
        return
    build = context.binary_build
    if runtime.version == "missing":
        floor = build.vc_runtime if build and build.vc_runtime else ">=14.0"
        dlls = ", ".join(build.vc_dlls) if build else "msvcp140.dll, vcruntime140.dll"
        yield _finding(
            context, "TFD401", ERROR,
            f"{context.label} needs the Visual C++ runtime ({dlls}), and it is not installed.",
            runtime, floor, CERTAIN, build.id if build else "every Windows wheel imports msvcp140.dll",
        )  # fmt: skip
        return
    if build is None or not build.vc_runtime:
        return
    if not versions.contains(build.vc_runtime, runtime.version):
        inferred = build.vc_basis == "inferred"
        known = VcRuntime(context.matrix)
        lacking = [dll for dll in build.vc_dlls if not known.has(runtime.version, dll)]
        why = (
            f"it has no {' and no '.join(lacking)}, which TensorFlow imports"
            if lacking
            else "its msvcp140.dll is older than the library that TensorFlow was compiled with, and initialising fails"
        )
        yield _finding(
            context, "TFD402", ERROR, f"{runtime.label} is too old for {context.label}: {why}.",
            runtime, build.vc_runtime, LIKELY if inferred and not lacking else CERTAIN, build.id,
        )  # fmt: skip


def _finding(
    context: Context, code: str, severity: str, message: str, runtime: Runtime, floor: str, confidence: str, source: str
) -> Finding:
    return Finding(
        code,
        severity,
        message,
        found=runtime.label,
        expected=f"Visual C++ runtime {floor}",
        evidence=(runtime.evidence,),
        source=source,
        package="vc14-runtime",
        confidence=confidence,
        fix=advise(code, context, {"floor": floor.split(",")[0].lstrip(">=")}),
    )


def open_vc_runtime(context: Context) -> Iterator[Finding]:
    """Ask for the Visual C++ runtime that a report does not tell, TFD401 and TFD402."""
    env, build = context.env, context.binary_build
    if env.system.vc_runtime or context.has_record(*VcRuntime(context.matrix).packages):
        return
    floor = build.vc_runtime if build and build.vc_runtime else ">=14.0"
    need = "the version of msvcp140.dll in System32 (file properties, or `conda tf-doctor report`)"
    for code in ("TFD402", "TFD401"):
        yield open_question(
            code, f"The report does not say which Visual C++ runtime {context.label} would load.",
            f"Visual C++ runtime {floor}", need, build.id if build else "", "vc14-runtime",
        )  # fmt: skip
