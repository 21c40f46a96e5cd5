"""TFD102, 401, 402 and 501 to 505 from the binaries themselves: what the loader would find, file by file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ..._typing import TYPE_CHECKING
from ...binaries.integrity import GONE
from ...binaries.records import TENSORFLOW
from ...binaries.stack import is_at_rest, is_of_tensorflow
from ...codes import ROWS
from ...context.binaries import VC_RUNTIME
from ...context.context import Context
from ...findings import CERTAIN, ERROR, INFO, LIKELY, WARNING, Finding, Fix
from ..machine import linux
from .beside import beside
from .files import corrupt, gone_beside, modified, shadowed
from .of_report import reported
from .runtime import explains, runtime
from .sources import is_gutted
from .words import (
    GPU_LIBRARY,
    PYTHON_DLL,
    SHOWN,
    again,
    before,
    is_ours,
    listed,
    not_found,
    of_another_machine,
    owner,
    provider,
    relative,
    unread,
)

if TYPE_CHECKING:
    from ...binaries.closure import Closure, Module
    from ...binaries.records import Recorded
    from ...context.binaries import BinaryFacts

_GLIBC = ("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1")
# Whether cuDNN is there at all is the CUDA family's to say; here it is its parts that count.
_CUDNN = re.compile(r"(?:lib)?cudnn(?:64)?[_\d]*(?:\.dll|\.so(?:\.\d+)*)\Z", re.I)

_OF_CUDNN = re.compile(r"(?:lib)?cudnn", re.I)
_RUNTIME = re.compile(r"(?:lib)?cudart", re.I)
_DRIVER = ("nvcuda.dll", "libcuda.so.1")


def binaries(context: Context) -> Iterator[Finding]:
    """Judge the closure of TensorFlow's modules, or the binaries of a report."""
    facts: BinaryFacts | None = context.binaries
    if facts is None or context.tensorflow is None:
        return
    if facts.closure is None:
        yield from reported(context, facts)
        return

    if is_gutted(context):
        return  # said as a whole
    found = judge(context, facts, facts.closure)
    if not context.is_mixed:
        yield from found
        return
    for finding in found:
        if of_its_files(finding):
            message = f"{finding.message} This follows from the two distributions, and goes with one of them."
            finding = finding._replace(severity=INFO, message=message)
        yield finding


def of_its_files(finding: Finding) -> bool:
    """Tell whether a finding is about files of TensorFlow's own folder."""
    return ROWS[finding.code].mixed and any(is_of_tensorflow(path) for path in finding.evidence)


def judge(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """Judge a closure, TensorFlow's or another module's of the environment."""
    yield from _gone(context, facts, closure)
    yield from gone_beside(context, facts)
    yield from _machine(context, facts, closure)
    yield from runtime(context, facts, closure)
    yield from _missing(context, facts, closure)
    yield from beside(context, facts, closure)
    yield from corrupt(context, facts, closure)
    yield from _symbols(context, facts, closure)
    yield from shadowed(context, facts, closure)
    yield from modified(context, facts, closure)


def _recorded_and_gone(facts: BinaryFacts) -> list[Recorded]:
    return [d.recorded for d in facts.damages if d.kind == GONE and TENSORFLOW.match(d.recorded.owner)]


def _gone(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """TFD501: a module that the package recorded is not there (a quarantine, an interrupted installation)."""
    gone = _recorded_and_gone(facts)
    if not gone:
        return
    names = [relative(context, entry.path) for entry in gone]
    files = {os.path.basename(name).lower() for name in names}
    wanted = any(
        module.kind == "missing" and not module.optional and module.name.lower() in files and closure.importers(module)
        for module in closure.modules
    )
    # An extension module is asked for by its name, whatever the others import.
    own = [name for name in names if name.endswith((".pyd", ".so")) and is_of_tensorflow(name)]
    needed = wanted or not all(is_at_rest(name) for name in own if "/python/" in name)
    verb = "is" if len(gone) == 1 else "are"
    why = "an antivirus took it away" if context.env.os == "win" else "it was deleted"
    yield Finding(
        "TFD501",
        ERROR if needed else WARNING,
        f"{listed(os.path.basename(name) for name in names)} of {gone[0].owner} {verb} recorded as installed, but not "
        f"there: {why}, or the installation was interrupted.",
        found="not found",
        expected="the files that the package recorded",
        evidence=tuple(names[:SHOWN]),
        source=gone[0].source,
        package=gone[0].owner,
        fix=again(context, gone[0]),
    )


def _machine(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """TFD102: files for another machine than Python's, grouped by machine."""
    by_machine: dict[str, list[Module]] = {}
    for module in closure.modules:
        if module.kind == "machine" and not module.optional:
            by_machine.setdefault(module.machine, []).append(module)
    for machine, modules in by_machine.items():
        paths = [relative(context, module.path) for module in modules]
        source = context.env.python.source or context.env.platform
        yield of_another_machine(context, machine, facts.machine, paths, source)
    if context.env.os == "win":
        yield from _in_the_way(context, closure)


def _in_the_way(context: Context, closure: Closure) -> Iterator[Finding]:
    for module in closure.modules:
        if module.kind or not module.passed_over:
            continue
        # The loader meets what lies before the copy that it takes, and passes over what is for another machine.
        foreign = [path for path in module.passed_over if before(module, path)]
        if foreign:
            yield Finding(
                "TFD102",
                WARNING,
                f"A {module.name} for another machine lies before the right one in the search order: Windows 8 and "
                "later pass over it, older ones stop with error 193.",
                found=relative(context, foreign[0]),
                expected=relative(context, module.path),
                evidence=(relative(context, foreign[0]),),
                source=context.env.python.source,
                confidence=LIKELY,
                fix=Fix(note=f"Remove {relative(context, foreign[0])}, which nothing in the environment can load."),
            )


def _missing(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """TFD501: what is nowhere on the search path, one finding for each library."""
    told = {os.path.basename(entry.path).lower() for entry in _recorded_and_gone(facts)}
    for module in closure.modules:
        if module.kind != "missing" or VC_RUNTIME.match(module.name) or module.name.lower() in told:
            continue
        if module.optional:
            yield from _missing_for_gpu(context, closure, module)
            continue
        importers = closure.importers(module)
        if not importers:
            continue
        names = [relative(context, importer.path) for importer in importers]
        sure = facts.at_hand or GPU_LIBRARY.match(module.name) or is_ours(module.name) or PYTHON_DLL.match(module.name)
        yield not_found(context, module.name, names, names[0])._replace(
            severity=WARNING if facts.unread or all(is_at_rest(importer.path) for importer in importers) else ERROR,
            confidence=CERTAIN if sure and not facts.unread else LIKELY,
            needs=unread(context, facts.unread),
        )


def _missing_for_gpu(context: Context, closure: Closure, module: Module) -> Iterator[Finding]:
    """A library that is loaded by name for the GPU lacks while its siblings are there: no GPU will be used."""
    if not context.gpu_wanted or not GPU_LIBRARY.match(module.name) or _CUDNN.match(module.name):
        return
    importers = closure.importers(module)
    loader = importers[0].name if importers else "this TensorFlow"
    siblings = [m for m in closure.modules if m.path and m.optional and GPU_LIBRARY.match(m.name) and not m.kind]
    if module.name.lower() in _DRIVER:
        return
    if _RUNTIME.match(module.name):
        there = [m for m in siblings if not _OF_CUDNN.match(m.name) and m.name.lower() not in _DRIVER]
    else:
        there = [m for m in siblings if _RUNTIME.match(m.name)]
    if not there:
        return
    yield Finding(
        "TFD501",
        ERROR,
        f"{module.name}, which {loader} loads for the GPU, is not on the search path, though "
        f"{there[0].name} is: TensorFlow will use no GPU.",
        found="not found",
        expected=module.name,
        evidence=(relative(context, there[0].path),),
        source=context.build.id if context.build else "",
        package="cudatoolkit",
        confidence=LIKELY,
        fix=provider(context, module.name),
    )


def _symbols(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """TFD505: a library is there and lacks what its importer needs."""
    for module in closure.modules:
        if module.kind != "symbols" or explains(module, facts, closure):
            continue
        if any(m.reason == "symbol version" for m in module.missing_symbols):
            yield from _symbol_versions(context, module)
            continue
        missing = module.missing_symbols
        names = [_shown(item.symbol) for item in missing]
        importers = list(dict.fromkeys(item.importer for item in missing))
        reason = next((item.reason for item in missing if item.reason), "")
        many = len(set(names))
        if importers == [module.name]:
            what = f"needs {many} symbol{'s' * (many > 1)} that no library defines"
            note = (
                f"A library that {module.name} loads is of another version, or not what its name says: `dlls -v` shows "
                "where each is found; install the package of the wrong one again."
            )
        else:
            note = f"Bring {module.name} and {listed(importers)} to versions that belong together; reinstall both."
            need = "need" if len(importers) > 1 else "needs"
            what = f"does not export {many} symbol{'s' * (many > 1)} that {listed(importers)} {need}"
        yield Finding(
            "TFD505",
            ERROR,
            f"{module.name} {what}: {listed(names)}{f' ({reason})' if reason and importers != [module.name] else ''}.",
            found=f"{module.name} {module.version}".strip(),
            expected=listed(names),
            evidence=(relative(context, module.path),),
            source=relative(context, module.path),
            package=owner(context, relative(context, module.path)),
            fix=Fix(note=note),
        )


def _shown(symbol: str | int) -> str:
    text = f"ordinal {symbol}" if isinstance(symbol, int) else symbol
    return text if len(text) <= 80 else text[:77] + "…"


def _symbol_versions(context: Context, module: Module) -> Iterator[Finding]:
    """TFD106, TFD610, TFD505: what ``ld.so`` reports as "version … not found"."""
    missing = [item for item in module.missing_symbols if item.reason == "symbol version"]
    versions = listed(str(item.symbol) for item in missing)
    importers = listed(item.importer for item in missing)
    code, package, fix = "TFD505", "", Fix(note=f"Use a newer {module.name}.")
    if module.name in _GLIBC:
        code, fix = "TFD106", Fix(note="Use conda's own build of TensorFlow, an older release, or a newer system.")
        known = linux.glibc_too_old(context)
    elif module.name == "libstdc++.so.6":
        code, package = "TFD610", "libstdcxx-ng"
        fix = Fix(pins=("libstdcxx-ng >=12",), commands=(("conda", "install", "libstdcxx-ng>=12"),))
        known = linux.libstdcxx_too_old(context)
    else:
        known = iter(())
    if next(iter(known), None) is not None:
        return
    yield Finding(
        code,
        ERROR,
        f"{relative(context, module.path)} is too old for {importers}: it lacks {versions}.",
        found=relative(context, module.path),
        expected=versions,
        evidence=(relative(context, module.path),),
        source=missing[0].importer,
        package=package,
        fix=fix,
    )
