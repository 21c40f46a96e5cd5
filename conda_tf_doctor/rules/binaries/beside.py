"""TFD102, 501, 502 and 505 of what TensorFlow's import loads beside its own: modules of Python, numpy, h5py."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ..._typing import TYPE_CHECKING
from ...advice.make import working
from ...binaries.records import recorded_files
from ...context.binaries import VC_RUNTIME
from ...context.context import Context
from ...environment.facts import PIP
from ...environment.site import site_packages_of
from ...findings import ERROR, WARNING, Finding, Fix
from .words import again, relative, with_files_again

if TYPE_CHECKING:
    from ...binaries.beside import Neighbour
    from ...binaries.closure import Closure, Module
    from ...binaries.records import Recorded
    from ...context.binaries import BinaryFacts


def beside(context: Context, facts: BinaryFacts, closure: Closure) -> Iterator[Finding]:
    """Judge what stands beside TensorFlow's binaries: each bad file once, with what does not work because of it."""
    if facts.beside is None:
        return
    # Of what TensorFlow loads too, and of the C++ runtime, its own rules speak.
    told = {module.name.lower() for module in closure.problems if not module.optional}
    fails: dict[int, list[Neighbour]] = {}
    bad: dict[int, Module] = {}
    for root, neighbour in zip(facts.beside.roots, facts.neighbours, strict=True):
        for module in facts.beside.reach(root):
            lower = module.name.lower()
            if not module.kind or lower in told or VC_RUNTIME.match(lower) or not _counts(context, module, neighbour):
                continue
            bad[id(module)] = module
            fails.setdefault(id(module), []).append(neighbour)
    for key, module in bad.items():
        yield _finding(context, facts, module, fails[key])


def _counts(context: Context, module: Module, neighbour: Neighbour) -> bool:
    if not neighbour.package:  # a plug-in, which finds TensorFlow's libraries loaded
        return module.kind in ("corrupt", "machine") and module.path == neighbour.path
    if module.kind == "symbols":
        # ELF's symbols are looked up among all that is loaded, TensorFlow's included.
        return context.env.os == "win" and module.path.startswith(context.env.prefix)
    return True


def _finding(context: Context, facts: BinaryFacts, module: Module, users: list[Neighbour]) -> Finding:
    assert facts.beside is not None
    first = next((user for user in users if user.vital), users[0])
    name, path = module.name, relative(context, module.path or first.path)
    entry = next((e for e in _recorded(context) if os.path.basename(e.path).lower() == name.lower()), None)
    package = entry.owner if entry else first.package
    # A plug-in's file belongs to whoever recorded it; its folder to nobody.
    of = f" of {package.removesuffix('-base')}" if package else ""
    own = os.path.basename(first.path) == name
    reached = facts.beside.reach(facts.beside.roots[facts.neighbours.index(first)])
    importers = [each for each in facts.beside.importers(module) if each in reached]
    code, why, found, expected = "TFD502", f"{of} is damaged: {module.problem}", module.problem, "a whole image"
    if module.kind == "missing":
        by = f", which {importers[0].name} of {first.package} imports," if importers else of
        where = "not there" if own else "nowhere on the search path"
        code, why, found, expected = "TFD501", f"{by} is {where}", "not found", name
    elif module.kind == "machine":
        code, why, found, expected = "TFD102", f"{of} is {module.problem}", module.machine, facts.machine
    elif module.kind == "symbols":
        lacking = ", ".join(str(item.symbol) for item in module.missing_symbols[:3])
        why = f"{of} lacks what {module.missing_symbols[0].importer} needs of it: {lacking}"
        code, found, expected = "TFD505", f"{name} {module.version}".strip(), lacking
    return Finding(
        code,
        ERROR if first.vital else WARNING,
        f"{name}{why}; {first.fails}.",
        found=found,
        expected=expected,
        evidence=tuple(dict.fromkeys((path, *(relative(context, importer.path) for importer in importers[:1])))),
        source=entry.source if entry else path,
        package=package.removesuffix("-base"),
        fix=again(context, entry) if entry else _put_back(context, first.package, name),
    )


def _recorded(context: Context) -> list[Recorded]:
    return recorded_files(context.env.prefix, site_packages_of(context.env), every=True)


# What auditwheel and delvewheel name a library that a wheel brings: no other package has it.
_BROUGHT = re.compile(r"-[0-9a-f]{8}(?:[0-9a-f]{24})?\.")


def _put_back(context: Context, package: str, file: str) -> Fix:
    there = context.env.package(package)
    if _BROUGHT.search(file) and (there is None or there.manager == PIP):
        if there is not None and there.version:
            command = with_files_again(package, there.version, unrecorded=True)
            return Fix(commands=(command,), reinstall=((PIP, package),))
        wanted = f"{package}{working(context, package)}"
        return Fix(pip=(wanted,), commands=((*with_files_again(package, "", unrecorded=True)[:-1], wanted),))
    if package == "python" and context.env.conda("python") is None:
        return Fix(note=f"Install Python {context.env.python.version} again, to which {file} belongs.")
    return Fix(note=f"Install the package that {file} belongs to again.")
