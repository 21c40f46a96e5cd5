"""``ld.so`` played through on paper: Python opens one extension module after the other with ``RTLD_NOW``."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from . import linux
from .closure import (
    CORRUPT,
    MACHINE,
    MISSING,
    PROGRAM,
    RECORDED,
    REQUESTED,
    RUN_TIME,
    SYMBOLS,
    Closure,
    Edge,
    MissingSymbol,
    Module,
)
from .folders import Folders
from .loader import Loader
from .satellites import SATELLITES

Inode = tuple[int, int]
NOWHERE = "no library defines it"
OUTSIDE = "outside the environment, not read"


class ElfLoader(Loader):
    """Loads modules into an imagined process of the environment's Python.

    Args:
        prefix: The environment's folder.
        machine: What the process is for.
        env_vars: ``LD_LIBRARY_PATH``.
        provided: Versions of libraries, by name, that lie where this machine cannot look.
    """

    FORMAT = "elf"
    WRONG_FORMAT = "not an ELF file"

    def __init__(self, prefix: str, machine: str, env_vars: dict[str, str], provided: dict[str, str]) -> None:
        super().__init__(machine, Closure())
        self.prefix = prefix
        self.provided = provided
        self.folders = Folders(ignore_case=False)
        self.loaded: dict[str, Module] = {}
        self.here = linux.runs_here(machine)
        self._loaders: dict[int, Module] = {}
        self._program: Module | None = None
        self._global: list[Module] = []
        self._by_inode: dict[Inode, Module] = {}
        # Files that were looked at by their path.
        self._asked: set[str] = set()
        entries = env_vars.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":")
        self._library_path = tuple(entry for entry in entries if entry)

    def run(self, modules: Sequence[str], run_time: Iterable[str] = ()) -> Closure:
        """Start Python, import the modules, then open the libraries that are asked for at run time."""
        program = os.path.join(self.prefix, "bin", "python")
        if os.path.isfile(program):
            self._start(os.path.realpath(program))
        for path in modules:
            self._import(path)
        opener = self._opener()
        for name in run_time:
            module = self._open(name, opener)
            for satellite in SATELLITES.get(name, ()) if module.path else ():
                self.closure.edges.append(Edge(module, self._open(satellite, module), optional=True))
        self._check_versions()
        self._check_symbols()
        self.closure.asked = {*self.folders.asked, *self._images, *self._asked, *modules, program}
        if self.here:
            self.closure.asked.add(linux.CACHE)
        return self.closure

    def _open(self, name: str, opener: Module | None) -> Module:
        """Open a library by name, as TensorFlow and cuDNN do at run time."""
        module, fresh = self._find(name, opener)
        if fresh:
            module.optional = True
            module.found_by = module.found_by and f"{RUN_TIME}: {module.found_by}"
            self._follow(module)
        return module

    def _opener(self) -> Module | None:
        """Return who opens CUDA: the library with TensorFlow's loader in it, else the first module."""
        names = ("libtensorflow_framework.so.2", "libtensorflow_framework.so.1", "libtensorflow_framework.so")
        found = (self.loaded.get(name) for name in names)
        return next((module for module in found if module), self.closure.roots[0] if self.closure.roots else None)

    def _start(self, program: str) -> None:
        module = self._add(Module("python", program, PROGRAM, self._image(program)))
        # One without a dynamic section (a static Python, a wrapper) tells nothing about what a module will find.
        if module.image and not module.image.problem and module.image.machine == self.machine:
            self._program = module
            self._follow(module)
            self._global = self.closure.reach(module)

    def _import(self, path: str) -> None:
        known = self._by_inode.get(_inode(path) or (-1, -1))
        if known:
            self.closure.roots.append(known)
            return
        module = self._add(Module(os.path.basename(path), path, REQUESTED))
        self.closure.roots.append(module)
        if not os.path.isfile(path):
            module.fail(MISSING, "not found")
            return
        module.image = self._image(module.path)
        self._judge(module)
        self._follow(module)

    def _add(self, module: Module) -> Module:
        self.closure.modules.append(module)
        self.loaded.setdefault(module.name, module)
        inode = _inode(module.path)
        if inode:
            self._by_inode.setdefault(inode, module)
        if module.image and module.image.soname:
            self.loaded.setdefault(module.image.soname, module)
        return module

    def _follow(self, module: Module) -> None:
        todo = deque([module])
        while todo:
            importer = todo.popleft()
            if importer.image is None or importer.kind in (CORRUPT, MACHINE):
                continue
            if importer.image.soname:
                self.loaded.setdefault(importer.image.soname, importer)
            for wanted in importer.image.imports:
                child, fresh = self._find(wanted.name, importer)
                self.closure.edges.append(Edge(importer, child))
                if fresh:
                    todo.append(child)

    def _find(self, name: str, importer: Module | None) -> tuple[Module, bool]:
        known = self.loaded.get(name)
        if known is not None:
            return known, False
        module = Module(name)
        if "/" in name:
            self._asked.add(name)
        if "/" in name and not self._may_read(name):
            # ld.so would open any path that a file names; what lies outside is none of an environment's.
            module.found_by = OUTSIDE if os.path.exists(name) else ""
            if not module.found_by:
                module.fail(MISSING, "not found")
            return self._add(module), True
        foreign = ""
        for path, reason in self._candidates(name, importer):
            same = self._by_inode.get(_inode(path) or (-1, -1))
            if same is not None:
                self.loaded[name] = same
                return same, False
            image = self._image(path)
            if not image.problem and image.format == "elf" and self._foreign(image):
                # ld.so passes over an object of another class or machine and goes on searching.
                foreign = foreign or path
                module.passed_over.append(path)
                module.met += 1
                continue
            # Not resolved any further: $ORIGIN is the folder in which ld.so found the name, links included.
            module.path, module.found_by, module.image = path, reason, image
            self._judge(module)
            break
        else:
            self._elsewhere(module, foreign)
        if importer is not None:
            self._loaders[id(module)] = importer
        return self._add(module), True

    def _may_read(self, path: str) -> bool:
        folder = os.path.dirname(os.path.abspath(path))
        inside = os.path.abspath(self.prefix)
        listed = (*self._library_path, *linux.default_folders(self.machine))
        return folder == inside or folder.startswith(inside + os.sep) or folder in listed

    def _elsewhere(self, module: Module, foreign: str) -> None:
        if module.name in self.provided:
            module.found_by, module.assumed_version = RECORDED, self.provided[module.name]
        elif not self.here and module.name in linux.SYSTEM_LIBRARIES:
            module.found_by = linux.SYSTEM
        elif foreign:
            module.path, module.image = foreign, self._image(foreign)
            module.fail(MACHINE, f"for {module.machine}, Python is for {self.machine}")
        else:
            module.fail(MISSING, "not found")

    def _candidates(self, name: str, importer: Module | None) -> Iterator[tuple[str, str]]:
        if "/" in name:
            if os.path.isfile(name):
                yield name, "path"
            return
        for folder, reason in self._search(importer):
            path = self.folders.find(folder, name)
            if path:
                yield path, reason
        if self.here:
            for path in linux.read_cache().get(name, ()):
                self._asked.add(path)
                if os.path.isfile(path):
                    yield path, linux.IN_CACHE
            for folder in linux.default_folders(self.machine):
                path = self.folders.find(folder, name)
                if path:
                    yield path, linux.DEFAULT

    def _search(self, importer: Module | None) -> Iterator[tuple[str, str]]:
        runpath = importer.image.runpath if importer and importer.image else ()
        if not runpath:
            chain, seen = importer, set()
            while chain is not None and id(chain) not in seen:
                seen.add(id(chain))
                yield from self._entries(chain, linux.RPATH)
                chain = self._loaders.get(id(chain))
            if self._program is None:
                # Conda links its Python with this RPATH, which every module without a RUNPATH inherits.
                yield os.path.join(self.prefix, "lib"), linux.RPATH
            elif id(self._program) not in seen:
                yield from self._entries(self._program, linux.RPATH)
        for folder in self._library_path:
            yield folder, linux.LIBRARY_PATH
        if importer and runpath:
            yield from self._entries(importer, linux.RUNPATH)

    def _entries(self, module: Module, kind: str) -> Iterator[tuple[str, str]]:
        image = module.image
        if image is None or (kind == linux.RPATH and image.runpath):
            return
        for entry in image.rpath if kind == linux.RPATH else image.runpath:
            yield linux.expand(entry, os.path.dirname(module.path), self.machine), kind

    def _check_versions(self) -> None:
        """Do what ``ld.so`` does first: compare the symbol versions asked for with those defined."""
        for importer in self.closure.modules:
            image = importer.image
            if image is None or importer.kind in (CORRUPT, MACHINE):
                continue
            for library, versions in image.version_needs.items():
                module = self.loaded.get(library)
                if module is None or module.image is None or module.kind in (CORRUPT, MACHINE):
                    continue
                # A library without any version definition satisfies every version (glibc dl-version.c).
                if not module.image.version_defs:
                    continue
                for version in versions:
                    if version not in module.image.version_defs:
                        module.missing_symbols.append(MissingSymbol(version, importer.name, "symbol version"))
                        if not importer.optional:
                            module.fail(SYMBOLS, "lacks symbol versions that its importers need")

    def _check_symbols(self) -> None:
        """Look for each undefined symbol in the global scope and in the scope of the module that was opened.

        Not without the interpreter: its own symbols, and those of the libraries that it was linked with, count.
        """
        if self._program is None:
            return
        checked: set[int] = {id(module) for module in self._global}
        # What another module was linked with is opened through that one, and finds its symbols in its scope: TensorFlow
        # 1.15's libforestprotos.so names no library, and cannot be opened alone.
        linked = {id(edge.imported) for edge in self.closure.edges}
        homes: dict[int, set[bytes]] = {}
        for root in self.closure.roots:
            if id(root) in linked:
                continue
            scope = self.closure.reach(root)
            # Where a file of the scope is unknown, a symbol that is not found proves nothing.
            if any(module.image is None or module.kind in (CORRUPT, MACHINE) for module in scope):
                continue
            todo = [module for module in scope if id(module) not in checked]
            if not todo:
                continue
            tables = [module.image.symbols for module in (*self._global, *scope) if module.image]
            if not all(table.whole for table in tables):
                continue
            checked |= {id(module) for module in todo}
            missing: set[bytes] = set().union(*(module.image.symbols.undefined for module in todo if module.image))
            # Nearly all names are in the largest table, and most are those of other modules, too.
            tables.sort(key=lambda table: -table.count)
            for table in tables:
                missing = missing - homes.setdefault(id(table), set())
            for table in tables if missing else ():
                found = table.among(missing)
                homes[id(table)] |= found
                missing -= found
                if not missing:
                    break
            for module in todo if missing else ():
                for symbol in sorted(missing & module.image.symbols.undefined) if module.image else ():
                    module.missing_symbols.append(
                        MissingSymbol(symbol.decode("utf-8", "replace"), module.name, NOWHERE)
                    )
                    module.fail(SYMBOLS, "needs symbols that no library defines")


def _inode(path: str) -> Inode | None:
    """Return what ``ld.so`` tells files apart by: a library may be reached under several names."""
    try:
        status = os.stat(path) if path else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None
