"""TFD401 and TFD402: is the Visual C++ runtime there, and is it new enough?

It is judged here from packages, which needs no file and so serves reports, files and planned solves; in `runtime` from
the DLLs that would really be loaded, and in `of_report` from those that a report names. All three say it by `finding`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ... import versions
from ...advice import advise
from ...context.context import Context
from ...context.vc_runtime import runtime_of
from ...findings import CERTAIN, ERROR, LIKELY, Finding, open_question
from ...matrix.vc_runtime import VcRuntime
from ...specifiers import first_version


def vc_runtime(context: Context) -> Iterator[Finding]:
    """TFD401 and TFD402: there is no runtime, or one that lacks what this build needs."""
    if context.tensorflow is None or context.env.os != "win":
        return
    if context.binaries is not None and context.binaries.closure is not None:
        return  # binaries_runtime judges the files themselves
    runtime = runtime_of(context)
    if runtime is None:
        return
    build = context.binary_build
    if runtime.version == "missing":
        dlls = ", ".join(build.vc_dlls) if build else "msvcp140.dll, vcruntime140.dll"
        yield finding(
            context, "TFD401", f"{context.label} needs the Visual C++ runtime ({dlls}), and it is not installed.",
            found=runtime.label, wanted=(build and build.vc_runtime) or ">=14.0", evidence=(runtime.evidence,),
            source=build.id if build else "every Windows wheel imports msvcp140.dll",
        )  # fmt: skip
        return
    if build is None or not build.vc_runtime:
        return
    if not versions.contains(build.vc_runtime, runtime.version):
        known = VcRuntime(context.matrix)
        lacking = [dll for dll in build.vc_dlls if not known.has(runtime.version, dll)]
        why = (
            f"it has no {' and no '.join(lacking)}, which TensorFlow imports"
            if lacking
            else "its msvcp140.dll is older than the library that TensorFlow was compiled with, and initialising fails"
        )
        yield too_old(
            context, runtime.label, why, found=runtime.label, wanted=build.vc_runtime, evidence=runtime.evidence,
            source=build.id, confidence=LIKELY if build.vc_basis == "inferred" and not lacking else CERTAIN,
        )  # fmt: skip


def too_old(
    context: Context, which: str, why: str, *, found: str, wanted: str, evidence: str, source: str, confidence: str
) -> Finding:
    """Return TFD402 of a runtime that lacks what this TensorFlow needs.

    Args:
        context: The environment.
        which: What the runtime is called in the sentence.
        why: What it lacks.
        found: What there is.
        wanted: The range of versions that serve.
        evidence: Where it was seen.
        source: Where what is needed comes from.
        confidence: How sure it is.

    Returns:
        The finding.
    """
    return finding(
        context, "TFD402", f"{which} is too old for {context.label}: {why}.",
        found=found, wanted=wanted, evidence=(evidence,), source=source, confidence=confidence,
    )  # fmt: skip


def finding(
    context: Context,
    code: str,
    message: str,
    *,
    found: str,
    wanted: str,
    evidence: tuple[str, ...],
    source: str,
    confidence: str = CERTAIN,
    severity: str = ERROR,
    needs: tuple[str, ...] = (),
) -> Finding:
    """Return TFD401 or TFD402.

    Args:
        context: The environment.
        code: Which of the two.
        message: The sentence.
        found: What there is.
        wanted: The range of versions that serve.
        evidence: Where it was seen.
        source: Where what is needed comes from.
        confidence: How sure it is.
        severity: What it is.
        needs: What would decide it.

    Returns:
        The finding.
    """
    return Finding(
        code,
        severity,
        message,
        found=found,
        expected=f"Visual C++ runtime {wanted}",
        evidence=evidence,
        source=source,
        package="vc14-runtime",
        confidence=confidence,
        needs=needs,
        fix=advise(code, context, {"floor": first_version(wanted)}),
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
