"""Closures that earlier runs resolved: taken again where every folder and file that they depend on is as it was.

Only a closure in which nothing that is needed is wrong is kept: one with faults is looked into more deeply by the
rules, and is resolved anew each time.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from .._typing import TYPE_CHECKING, Any
from .closure import MISSING, Closure, Edge, Module
from .image import NO_HEADER, Exports, Image, Import, Symbols

if TYPE_CHECKING:
    from collections.abc import Callable

    from .remembered import Remembered

_KIND = "closures"


def take(kept: Remembered, asked: list[Any], resolve: Callable[[], Closure]) -> Closure:
    """Return the closure that is remembered, or resolve it and remember it where it is worth that.

    Args:
        kept: What earlier runs read of the environment.
        asked: What is resolved, and with which variables and versions: texts, numbers, and lists and tables of them.
        resolve: Resolves it.
    """
    where = os.uname().machine if hasattr(os, "uname") else ""
    key = repr([*asked, sys.platform, where, os.path.realpath(os.path.join(kept.prefix, "bin", "python"))])
    value = kept.of_several(_KIND, key)
    if value is not None:
        try:
            return _from_json(value)
        except (TypeError, ValueError, LookupError, AttributeError):
            pass  # not what this program has written
    closure = resolve()
    if closure.asked and not any(
        module.kind and (module.kind != MISSING or not module.optional) for module in closure.modules
    ):
        kept.remember_several(_KIND, key, closure.asked, _to_json(closure))
    return closure


def _to_json(closure: Closure) -> list[Any]:
    places = {id(module): place for place, module in enumerate(closure.modules)}
    edges = [(places[id(e.importer)], places[id(e.imported)], int(e.optional)) for e in closure.edges]
    return [
        [_of_module(module) for module in closure.modules],
        [number for edge in edges for number in edge],
        [places[id(root)] for root in closure.roots],
    ]


def _of_module(module: Module) -> list[Any]:
    image = module.image
    return [
        [module.name, module.path, module.found_by, module.kind, module.problem, module.passed_over, module.met,
         module.optional, module.assumed_version],
        image and [image.path, image.format, image.machine, image.bits, image.machines, image.linker_version,
                   image.soname, image.minimum_system, image.version],
    ]  # fmt: skip


def _from_json(value: list[Any]) -> Closure:
    described, numbers, roots = value
    closure = Closure()
    closure.modules = [_module(*each) for each in described]
    modules = closure.modules
    triples = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    closure.edges = [
        Edge(modules[importer], modules[imported], bool(optional)) for importer, imported, optional in triples
    ]
    closure.roots = [modules[place] for place in roots]
    return closure


def _module(facts: list[Any], of_image: list[Any] | None) -> Module:
    name, path, found_by, kind, problem, passed_over, met, optional, version = facts
    module = Module(name, path, found_by, _image(*of_image) if of_image else None)
    module.kind, module.problem, module.passed_over, module.met = kind, problem, passed_over, met
    module.optional, module.assumed_version = optional, version
    return module


def _image(
    path: str,
    form: str,
    machine: str,
    bits: int,
    machines: list[str],
    linker: str,
    soname: str,
    system: str,
    version: str,
) -> Image:
    image = Image(path, NO_HEADER._replace(format=form, machine=machine, bits=bits, machines=tuple(machines)))
    image.linker_version, image.soname, image.minimum_system = linker, soname, system
    # What is seldom asked for is read from the file, which is the one that was read.
    image.later(
        exports=partial(_exports, path), version=partial(str, version), symbols=partial(_symbols, path),
        imports=partial(_imports, path, machine),
    )  # fmt: skip
    return image


def _read(path: str, machine: str = "") -> Image:
    from .read import read_image

    return read_image(path, machine)


def _imports(path: str, machine: str) -> tuple[Import, ...]:
    return _read(path, machine).imports


def _exports(path: str) -> Exports:
    return _read(path).exports


def _symbols(path: str) -> Symbols:
    return _read(path).symbols
