"""``dyld`` played through on paper, as far as libraries go: which file an install name means.

Source: ``dyld(1)``, Apple's "Run-Path Dependent Libraries", and the wheels for macOS, which import. What lies in
/usr/lib and /System is in the shared cache since macOS 11 and no file at all: it counts as the system's own.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from .closure import CORRUPT, MACHINE, MISSING, PROGRAM, REQUESTED, RUN_TIME, Closure, Edge, Module
from .image import Image
from .read import read_image

SYSTEM = "system library"
RPATH = "LC_RPATH"
RELATIVE = "@loader_path"
EXECUTABLE = "@executable_path"
ABSOLUTE = "install name"
FALLBACK = "DYLD_FALLBACK_LIBRARY_PATH"
OUTSIDE = "outside the environment, not read"
SYSTEM_FOLDERS = ("/usr/lib/", "/System/")


class MachoLoader:
    """Loads modules into an imagined process of the environment's Python.

    Args:
        prefix: The environment's folder.
        machine: What the process is for.
        env_vars: ``DYLD_LIBRARY_PATH``, ``DYLD_FALLBACK_LIBRARY_PATH``.
    """

    def __init__(self, prefix: str, machine: str, env_vars: dict[str, str]) -> None:
        self.prefix = prefix
        self.machine = machine
        self.closure = Closure()
        self._by_path: dict[str, Module] = {}
        self._missing: dict[str, Module] = {}
        self._images: dict[str, Image] = {}
        self._rpaths: dict[int, tuple[str, ...]] = {}
        self._library_path = [entry for entry in env_vars.get("DYLD_LIBRARY_PATH", "").split(":") if entry]
        self._fallback = [entry for entry in env_vars.get("DYLD_FALLBACK_LIBRARY_PATH", "").split(":") if entry]
        program = os.path.join(prefix, "bin", "python")
        self._program = os.path.realpath(program) if os.path.isfile(program) else ""

    def run(self, modules: Sequence[str], run_time: Iterable[str] = ()) -> Closure:
        """Start Python, open the modules, then the libraries that are asked for at run time."""
        if self._program:
            self._open(self._program, PROGRAM, ())
        above = self._rpaths.get(id(self.closure.modules[0]), ()) if self.closure.modules else ()
        # Conda links its Python with this run path, which every module inherits; a stand-in for one has none.
        above = above or (os.path.join(self.prefix, "lib"),)
        for path in modules:
            self.closure.roots.append(self._open(path, REQUESTED, above))
        for name in run_time:
            module = self._named(name, None, ())
            module.optional = True
            module.found_by = module.found_by and f"{RUN_TIME}: {module.found_by}"
        return self.closure

    def _open(self, path: str, found_by: str, above: tuple[str, ...]) -> Module:
        known = self._by_path.get(os.path.realpath(path))
        if known is not None:
            return known
        module = Module(os.path.basename(path), path, found_by)
        self._add(module)
        if not os.path.isfile(path):
            module.fail(MISSING, "not found")
            return module
        self._load(module)
        todo = deque([(module, above)])
        while todo:
            importer, inherited = todo.popleft()
            if importer.image is None or importer.kind:
                continue
            rpaths = (*(self._expand(entry, importer) for entry in importer.image.rpath), *inherited)
            self._rpaths[id(importer)] = rpaths
            for wanted in importer.image.imports:
                before = len(self.closure.modules)
                child = self._named(wanted.name, importer, rpaths)
                self.closure.edges.append(Edge(importer, child, wanted.weak))
                if len(self.closure.modules) > before:
                    child.optional = wanted.weak
                    todo.append((child, rpaths))
        return module

    def _add(self, module: Module) -> None:
        self.closure.modules.append(module)
        if module.path:
            self._by_path[os.path.realpath(module.path)] = module

    def _load(self, module: Module) -> None:
        path = module.path
        image = self._images.get(path)
        if image is None:
            image = self._images[path] = read_image(path, self.machine)
        module.image = image
        if image.problem:
            module.fail(CORRUPT, image.problem)
        elif image.format != "macho":
            module.fail(CORRUPT, f"not a Mach-O file ({image.format})")
        elif self.machine and image.machines and self.machine not in image.machines:
            module.fail(MACHINE, f"for {' and '.join(image.machines)}, Python is for {self.machine}")

    def _expand(self, entry: str, importer: Module) -> str:
        if entry.startswith("@loader_path"):
            return os.path.normpath(os.path.dirname(importer.path) + entry[len("@loader_path") :])
        if entry.startswith("@executable_path"):
            folder = os.path.dirname(self._program) if self._program else os.path.join(self.prefix, "bin")
            return os.path.normpath(folder + entry[len("@executable_path") :])
        return entry

    def _named(self, name: str, importer: Module | None, rpaths: tuple[str, ...]) -> Module:
        for path, reason in self._candidates(name, importer, rpaths):
            known = self._by_path.get(os.path.realpath(path))
            if known is not None:
                return known
            if os.path.isfile(path):
                module = Module(os.path.basename(name), path, reason)
                if reason == ABSOLUTE and not self._inside(path):
                    module.found_by = OUTSIDE
                else:
                    self._load(module)
                self._add(module)
                return module
        # What is loaded already is found by its own name, wherever it lies: TensorFlow 2.16's wheels count on it, whose
        # quantization modules have no run path that leads to the main library.
        for loaded in self.closure.modules:
            if loaded.image is not None and loaded.image.soname == name and not loaded.kind:
                return loaded
        known = self._missing.get(name)
        if known is not None:
            return known
        module = self._missing[name] = Module(os.path.basename(name))
        if name.startswith(SYSTEM_FOLDERS):
            module.found_by = SYSTEM
        else:
            module.fail(MISSING, "not found")
        self._add(module)
        return module

    def _inside(self, path: str) -> bool:
        """Tell whether a path lies in the environment: what a file names elsewhere is none of its business."""
        return os.path.abspath(path).startswith(os.path.abspath(self.prefix) + os.sep)

    def _candidates(self, name: str, importer: Module | None, rpaths: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        base = os.path.basename(name)
        for folder in self._library_path:
            yield os.path.join(folder, base), "DYLD_LIBRARY_PATH"
        if name.startswith("@rpath/"):
            for rpath in rpaths:
                yield os.path.normpath(os.path.join(rpath, name[len("@rpath/") :])), RPATH
        elif name.startswith("@loader_path") and importer is not None:
            yield self._expand(name, importer), RELATIVE
        elif name.startswith("@executable_path") and importer is not None:
            yield self._expand(name, importer), EXECUTABLE
        elif os.path.isabs(name):
            # A system path is in the shared cache, whatever this machine has there.
            if not name.startswith(SYSTEM_FOLDERS):
                yield name, ABSOLUTE
        else:
            for rpath in rpaths:
                yield os.path.join(rpath, name), RPATH
        for folder in self._fallback:
            yield os.path.join(folder, base), FALLBACK
