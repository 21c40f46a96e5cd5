"""TFD401 and TFD402 from files: the Visual C++ runtime that TensorFlow would really load."""

from __future__ import annotations

from collections.abc import Iterator

from ... import versions
from ..._typing import TYPE_CHECKING
from ...context.binaries import VC_RUNTIME, runtime_is_lost
from ...context.context import Context
from ...findings import CERTAIN, ERROR, INFO, LIKELY, WARNING, Finding
from ...matrix.vc_runtime import VcRuntime
from .files import better_copy, is_older, shadow
from .vc_runtime import too_old
from .words import MODERN, listed, relative, runtime_missing, unread

if TYPE_CHECKING:
    from ...binaries.closure import Closure, Module
    from ...context.binaries import BinaryFacts

# From here on a mutex needs no initialising call; code compiled so crashes in an older msvcp140.dll (VS 2022 17.10
# release notes: "constexpr mutex constructor").
CONSTEXPR_MUTEX = "14.40"
_LOCK, _INITIALISE = "_Mtx_lock", "_Mtx_init_in_situ"
_SOURCE = "import table"


def runtime(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """Judge the runtime found first: are all its DLLs there, and is it as new as TensorFlow was built for?"""
    found = [m for m in closure.modules if VC_RUNTIME.match(m.name) and m.found_by and m.version and not m.optional]
    core = next((m for m in found if m.name.lower() == "msvcp140.dll"), found[0] if found else None)
    missing = [m for m in closure.modules if VC_RUNTIME.match(m.name) and m.kind == "missing" and not m.optional]
    old = list(_too_old(context, facts, closure, core, missing)) if core else []
    yield from old
    if missing:
        yield _missing(context, facts, closure, missing, bool(found), bool(old))


def _missing(
    context: Context, facts: BinaryFacts, closure: Closure, missing: list[Module], partly: bool, old: bool
) -> Finding:
    """TFD401, one for all DLLs that lack.

    Where the system's folder cannot be looked into, the runtime may be installed there, and nothing is certain. But
    what a conda record lists was there and is lost, and so is all of a runtime that conda's Python was installed with.
    """
    preloads = {name.lower() for name in facts.preloads}
    names = [module.name for module in missing]
    importers = dict.fromkeys(importer.path for module in missing for importer in closure.importers(module))
    lost = facts.at_hand or runtime_is_lost(context, names)
    floor = VcRuntime(context.matrix).newest_first(names, MODERN)
    if is_older(floor, CONSTEXPR_MUTEX) and _constexpr_mutex(closure, set(facts.modules)):
        floor = CONSTEXPR_MUTEX  # an older one would have the DLLs, and be the next error
    return runtime_missing(
        context,
        names,
        [relative(context, path) for path in importers],
        _SOURCE,
        floor=floor,
        preloaded=[name for name in names if name.lower() in preloads],
        confidence=CERTAIN if lost and (facts.at_hand or partly) and not old and not facts.unread else LIKELY,
        severity=INFO if not lost else WARNING if facts.unread else ERROR,
        needs=unread(context, facts.unread),
    )


def _too_old(
    context: Context, facts: BinaryFacts, closure: Closure, core: Module, missing: list[Module]
) -> Iterator[Finding]:
    version, own, known = core.version, set(facts.modules), VcRuntime(context.matrix)
    lacking = [m.name for m in missing if not known.has(version, m.name)]
    symbols = [item for m in closure.modules if explains(m, facts, closure) for item in m.missing_symbols]
    if lacking:
        floor = known.newest_first(lacking)
        why = f"it has no {' and no '.join(lacking)}, which TensorFlow needs"
        yield from _finding(context, facts, closure, core, floor, CERTAIN, why)
    elif symbols:
        names = listed(str(item.symbol)[:60] for item in symbols)
        toolset = _toolset(facts, closure, own)
        importers = list(dict.fromkeys(item.importer for item in symbols))
        why = f"it lacks {names}, which {listed(importers)} {'imports' if len(importers) == 1 else 'import'}"
        floor = toolset if is_older(version, toolset) else CONSTEXPR_MUTEX
        yield from _finding(context, facts, closure, core, floor, CERTAIN, why)
    elif is_older(version, CONSTEXPR_MUTEX) and _constexpr_mutex(closure, own):
        why = (
            "TensorFlow was compiled for mutexes that need no initialising, which crash there (most often told as "
            '"A dynamic link library (DLL) initialization routine failed")'
        )
        build = context.binary_build
        measured = build is not None and build.vc_basis == "measured"
        confidence = CERTAIN if measured else LIKELY
        yield from _finding(context, facts, closure, core, CONSTEXPR_MUTEX, confidence, why)


def explains(module: Module, facts: BinaryFacts, closure: Closure) -> bool:
    """Tell whether symbols that a DLL lacks are a matter of the C++ runtime's age; else the file itself is odd."""
    if module.kind != "symbols" or not VC_RUNTIME.match(module.name):
        return False
    newest = max(_toolset(facts, closure, set(facts.modules)) or "14.0", CONSTEXPR_MUTEX, key=versions.key)
    return is_older(module.version, newest)


def _toolset(facts: BinaryFacts, closure: Closure, own: set[str]) -> str:
    """Return the newest MSVC toolset among TensorFlow's modules.

    The linker's version is the toolset's from Visual Studio 2017 (14.1x) on; builds with clang say 14.00, which says
    nothing.
    """
    seen = [m.image.linker_version for m in closure.modules if m.path in own and m.image]
    toolsets = [text for text in seen if versions.release(text)[:1] == (14,)]
    return max(toolsets, key=versions.key, default="")


def _constexpr_mutex(closure: Closure, own: set[str]) -> bool:
    """Tell whether TensorFlow's modules lock mutexes of the C++ library that none of them initialises."""
    locks = False
    for module in closure.modules:
        if module.path not in own or module.image is None:
            continue
        for wanted in module.image.imports:
            if wanted.name.lower() == "msvcp140.dll":
                if _INITIALISE in wanted.symbols:
                    return False
                locks = locks or _LOCK in wanted.symbols
    return locks


def _finding(
    context: Context, facts: BinaryFacts, closure: Closure, core: Module, floor: str, confidence: str, why: str
) -> Iterator[Finding]:
    where = relative(context, core.path) if core.path else core.found_by
    yield too_old(
        context, f"The Visual C++ runtime that is found first ({where}, {core.version})", why,
        found=f"{core.name} {core.version}", wanted=f">={floor}", evidence=where, source=_SOURCE, confidence=confidence,
    )  # fmt: skip
    # What lies behind a copy that lacks symbols is told with all others of that kind.
    better = "" if core.kind else better_copy(facts, closure, core, floor)
    if better:
        yield shadow(context, core, better, f"version {core.version}")
