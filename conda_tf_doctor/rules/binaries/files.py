"""TFD501 to TFD504: whether a file is there, whole, what was installed, and whether a better one lies behind."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ... import versions
from ..._typing import TYPE_CHECKING
from ...binaries.integrity import CHANGED, GONE, SHORTER
from ...binaries.read import read_image
from ...binaries.records import STACK, VITAL
from ...binaries.stack import is_at_rest
from ...context.context import Context
from ...context.promises import depended_on, requirements
from ...environment.facts import CONDA
from ...findings import CERTAIN, ERROR, LIKELY, WARNING, Finding, Fix
from .words import again, damaged, difference, relative

if TYPE_CHECKING:
    from ...binaries.closure import Closure, Module
    from ...binaries.records import Recorded
    from ...context.binaries import BinaryFacts


def shadowed(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """TFD504: the copy that is loaded is bad, and a good one lies behind it."""
    for module in closure.modules:
        better = better_copy(facts, closure, module) if module.kind else ""
        if better:
            finding = shadow(context, module, better, module.problem)
            yield finding._replace(severity=WARNING if _is_harmless(context, module) else ERROR)


def better_copy(facts: BinaryFacts, closure: Closure, module: Module, oldest: str = "") -> str:
    """Return the first copy behind the one that is loaded which has all that is imported from it; empty for none.

    Args:
        facts: What the binaries tell.
        closure: What holds the module.
        module: The copy that is loaded.
        oldest: The version from which on a copy serves; empty for any.
    """
    images = [importer.image for importer in closure.importers(module) if importer.image]
    wanted = [each for image in images for each in image.imports if each.name.lower() == module.name.lower()]
    # What was met before it is for another machine: it was passed over.
    for path in module.passed_over:
        image = read_image(path)
        if image.problem or image.machine != facts.machine:
            continue
        new = not oldest or (image.version and not is_older(image.version, oldest))
        if new and all(image.exports.find(symbol) is not None for each in wanted for symbol in each.symbols):
            return path
    return ""


def is_older(version: str, floor: str) -> bool:
    """Tell whether the release of a runtime is before another; what is unknown is not."""
    return bool(version and floor) and versions.release(version)[:2] < versions.release(floor)[:2]


def _is_harmless(context: Context, module: Module) -> bool:
    """Tell whether an import goes on without a module: what a GPU needs where none is wanted, or what is at rest."""
    return (module.optional and not context.gpu_wanted) or is_at_rest(module.path)


def shadow(context: Context, module: Module, better: str, problem: str) -> Finding:
    """Return the finding that a bad copy hides a good one."""
    return Finding(
        "TFD504",
        ERROR,
        f"{module.name} is loaded from {relative(context, module.path)} ({module.found_by}; {problem}), and hides the "
        f"right one in {relative(context, os.path.dirname(better)) or 'the environment'}.",
        found=relative(context, module.path),
        expected=relative(context, better),
        evidence=(relative(context, module.path), relative(context, better)),
        source=relative(context, module.path),
        fix=Fix(
            note=f"Remove or update {relative(context, module.path)}, so that {relative(context, better)} is found."
        ),
    )


def corrupt(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """TFD502: files that no loader would take; that they are not what was recorded either is evidence for it."""
    damages = {_place(damage.recorded.path): damage for damage in facts.damages if damage.kind != GONE}
    for module in closure.modules:
        if module.kind == "corrupt":
            path = relative(context, module.path)
            finding = damaged(context, path, module.problem, path, damages.get(_place(module.path)))
            yield finding._replace(severity=WARNING if _is_harmless(context, module) else ERROR)


# Keras goes on without it until a file is to be saved.
_NOT_AT_IMPORT = ("h5py",)


def gone_beside(context: Context, facts: BinaryFacts) -> Iterator[Finding]:
    """TFD501: the compiled part of numpy or of another package that TensorFlow imports was taken away."""
    told = set()
    for damage in facts.damages:
        entry = damage.recorded
        name = entry.owner.removesuffix("-base")
        if damage.kind != GONE or name not in VITAL or name in told or not _imported(context, name):
            continue
        file = os.path.basename(entry.path)
        if not re.match(VITAL[name], file) or not _is_current(context, name, entry):
            continue
        told.add(name)
        optional = name in _NOT_AT_IMPORT
        yield Finding(
            "TFD501",
            WARNING if optional else ERROR,
            f"{file} of {name} is recorded as installed, but not there: "
            + ("reading and saving HDF5 files fails." if optional else "`import tensorflow` fails with it."),
            found="not found",
            expected="the files that the package recorded",
            evidence=(relative(context, entry.path),),
            source=entry.source,
            package=name,
            fix=again(context, entry),
        )


def _imported(context: Context, name: str) -> bool:
    return name == "numpy" or name in requirements(context) or depended_on(context, name)


def _is_current(context: Context, name: str, entry: Recorded) -> bool:
    """Tell whether a record is that of the installed package: pip leaves conda's behind, and sometimes its own."""
    package = context.env.package(name)
    if package is None or package.manager != entry.manager or not package.source:
        return False
    # Of defaults the files are those of numpy-base, in a record of its own.
    return entry.manager == CONDA or entry.source.startswith(f"{package.source.rstrip('/')}/")


def _place(path: str) -> str:
    """Return where a file really is: conda records a library and the link to it."""
    return os.path.normcase(os.path.realpath(path))


def _loaded(facts: BinaryFacts, closure: Closure) -> set[str]:
    """Return the files without which `import tensorflow` fails, as far as their images tell."""
    loaded = [module for module in closure.modules if not module.optional and not is_at_rest(module.path)]
    return {_place(module.path) for module in (*loaded, *facts.needed_beside()) if module.path}


def modified(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """TFD503: files that are not what was recorded. Only one that became shorter certainly lost something."""
    if not facts.damages:
        return
    around = facts.beside.modules if facts.beside else []
    told = {_place(module.path) for module in (*closure.modules, *around) if module.kind == "corrupt"}
    vital = _loaded(facts, closure)
    for damage in facts.damages:
        entry = damage.recorded
        # On macOS conda signs anew what it wrote the prefix into: neither size nor hash is what was packed.
        if damage.kind == GONE or (entry.rewritten and context.env.os == "osx") or _place(entry.path) in told:
            continue
        path = relative(context, entry.path)
        what, expected = difference(damage)
        yield Finding(
            "TFD503",
            ERROR if damage.kind == SHORTER and STACK.match(entry.owner) and _place(entry.path) in vital else WARNING,
            f"{os.path.basename(path)} is not the file that {entry.owner} installed: {what}.",
            found=f"sha256 {damage.found[:16]}…" if damage.kind == CHANGED else damage.found,
            expected=expected,
            evidence=(path,),
            source=entry.source,
            package=entry.owner,
            confidence=CERTAIN if damage.kind == SHORTER else LIKELY,
            fix=again(context, entry),
        )
