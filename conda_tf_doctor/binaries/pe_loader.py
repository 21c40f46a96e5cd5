"""The Windows loader, played through on paper: one process that imports modules one after the other."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Sequence

from . import windows
from .closure import (
    CORRUPT,
    MACHINE,
    MISSING,
    PRELOADED,
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
from .image import Symbol
from .loader import Loader
from .satellites import SATELLITES
from .windows import Place, WindowsSearch

PYTHON_DLL = re.compile(r"python3\d*t?(?:_d)?\.dll$")
INTERPRETER = "interpreter"

# A chain of forwarders in Windows itself has two or three links.
MAX_FORWARDERS = 16


class PeLoader(Loader):
    """Loads modules into an imagined process of the environment's Python.

    Args:
        search: Where DLLs are searched.
        machine: What the process is for.
        provided: Versions of DLLs, by lower-case name, that lie where this machine cannot look.
    """

    FORMAT = "pe"
    WRONG_FORMAT = "not a Windows binary"

    def __init__(self, search: WindowsSearch, machine: str, provided: dict[str, str]) -> None:
        super().__init__(machine, Closure())
        self.search = search
        self.provided = provided
        self.loaded: dict[str, Module] = {}
        self._siblings: dict[str, str] = {}

    def run(self, modules: Sequence[str], preloads: Iterable[str] = (), run_time: Iterable[str] = ()) -> Closure:
        """Start Python, preload, import the modules, then load the libraries that are asked for at run time."""
        program = self.search.folders.find(self.search.prefix, "python.exe")
        if program:
            self._start(program)
        for name in preloads:
            self._by_name(name, self.search.for_ctypes(), PRELOADED, optional=False)
        for path in modules:
            # TensorFlow's own DLLs import each other across folders: whichever is imported first is there by then.
            self._siblings.setdefault(os.path.basename(path).lower(), path)
        for path in modules:
            self._import(path)
        for name in run_time:
            module = self._by_name(name, self.search.for_run_time(), RUN_TIME, optional=True)
            for satellite in SATELLITES.get(name.lower(), ()) if module.path else ():
                child = self._by_name(satellite, self.search.for_run_time(), RUN_TIME, optional=True)
                self.closure.edges.append(Edge(module, child, optional=True))
        self._delayed()
        self._check_symbols()
        settings = os.path.join(self.search.prefix, "pyvenv.cfg")
        self.closure.asked = {*self.search.folders.asked, *self._images, *modules, settings}
        return self.closure

    def _start(self, program: str) -> None:
        module = self._add(Module(os.path.basename(program), program, PROGRAM, self._image(program)))
        if module.image and not module.image.problem and module.image.machine:
            self._follow(module, self.search.for_program())

    def _import(self, path: str) -> None:
        name = os.path.basename(path)
        loaded = self.loaded.get(name.lower())
        # Same name, other folder: Windows keys a module that is loaded by full path by that path.
        module = loaded if loaded and _same(loaded.path, path) else self._add(Module(name, path, REQUESTED))
        self.closure.roots.append(module)
        if module is loaded:
            return
        if not os.path.isfile(path):
            module.fail(MISSING, "not found")
            return
        module.image = self._image(path)
        self._judge(module)
        if not module.kind:
            self._follow(module, self.search.for_import(path))

    def _by_name(self, name: str, places: tuple[Place, ...], found_by: str, optional: bool) -> Module:
        module, fresh = self._find(name, places)
        if fresh:
            module.optional = optional
            module.found_by = module.found_by and f"{found_by}: {module.found_by}"
            if module.image and not module.kind:
                self._follow(module, places)
        if not optional:
            module.optional = False
            self.closure.roots.append(module)
        return module

    def _add(self, module: Module) -> Module:
        self.closure.modules.append(module)
        self.loaded.setdefault(module.name.lower(), module)
        return module

    def _follow(self, module: Module, places: tuple[Place, ...]) -> None:
        todo = deque([module])
        while todo:
            importer = todo.popleft()
            for wanted in importer.image.imports if importer.image else ():
                if wanted.delayed:
                    continue
                child, fresh = self._find(wanted.name, places)
                self.closure.edges.append(Edge(importer, child))
                if fresh and child.image and not child.kind:
                    todo.append(child)

    def _find(self, name: str, places: tuple[Place, ...]) -> tuple[Module, bool]:
        """Return the module that a name means now, and whether it was not there before."""
        lower = name.lower() if "." in name else name.lower() + ".dll"
        known = self.loaded.get(lower)
        if known is not None:
            return known, False
        module = Module(name if "." in name else name + ".dll")
        if windows.is_api_set(lower):
            module.found_by = windows.API_SET
        elif windows.is_known_dll(lower) and not self.search.system_folder:
            module.found_by = windows.KNOWN
        else:
            self._search(module, lower, places)
        return self._add(module), True

    def _search(self, module: Module, lower: str, places: tuple[Place, ...]) -> None:
        if windows.is_known_dll(lower):
            places = (*(place for place in places if place.folder == windows.SYSTEM), *places)
        for place in places:
            if place.folder == windows.SYSTEM:
                if self._from_system(module, lower):
                    return
                continue
            path = self.search.folders.find(place.folder, lower)
            if not path:
                continue
            image = self._image(path)
            if not image.problem and self._foreign(image):
                module.passed_over.append(path)
                module.met += 1
                continue
            module.path, module.found_by, module.image = path, place.reason, image
            self._judge(module)
            module.passed_over += self._later_copies(lower, places, place)
            return
        self._elsewhere(module, lower)

    def _from_system(self, module: Module, lower: str) -> bool:
        folder = self.search.system_folder
        if folder:
            path = self.search.folders.find(folder, lower)
            if path:
                module.path, module.found_by, module.image = path, windows.SYSTEM_FOLDER, self._image(path)
                self._judge(module)
            return bool(path)
        if lower in windows.system_dlls(self.machine):
            module.found_by = windows.SYSTEM_FOLDER
            return True
        return False

    def _elsewhere(self, module: Module, lower: str) -> None:
        """Decide on what no folder has: a sibling, the driver's, the interpreter's, a record's, or nothing."""
        sibling = self._siblings.get(lower)
        if sibling and os.path.isfile(sibling):
            module.path, module.found_by, module.image = sibling, windows.LOADED, self._image(sibling)
            self._judge(module)
        elif lower in self.provided:
            module.found_by, module.assumed_version = RECORDED, self.provided[lower]
        elif module.passed_over:
            first = self._image(module.passed_over[0])
            module.path, module.image = first.path, first
            module.fail(MACHINE, f"for {first.machine}, Python is for {self.machine}")
        elif windows.is_driver_dll(lower) and not self.search.system_folder:
            module.found_by = windows.DRIVER
        elif PYTHON_DLL.match(lower) and not self._has_python_dll():
            module.found_by = INTERPRETER
        else:
            module.fail(MISSING, "not found")

    def _has_python_dll(self) -> bool:
        return any(PYTHON_DLL.match(name) and module.path for name, module in self.loaded.items())

    def _later_copies(self, lower: str, places: tuple[Place, ...], chosen: Place) -> list[str]:
        later = places[places.index(chosen) + 1 :]
        found = (self.search.folders.find(place.folder, lower) for place in later if place.folder)
        return [path for path in found if path]

    def _delayed(self) -> None:
        """Resolve what is loaded at the first call only, after everything that is loaded for certain."""
        for importer in list(self.closure.modules):
            for wanted in importer.image.imports if importer.image and not importer.kind else ():
                if wanted.delayed:
                    child, fresh = self._find(wanted.name, self.search.for_run_time())
                    child.optional = child.optional or fresh
                    self.closure.edges.append(Edge(importer, child, optional=True))

    def _check_symbols(self) -> None:
        seen: set[tuple[int, int]] = set()
        # The list grows while it is walked: a forwarder brings in the library that it leads to.
        for edge in self.closure.edges:
            importer, library = edge.importer, edge.imported
            pair = (id(importer), id(library))
            if pair in seen or importer.image is None or library.image is None or library.kind in (CORRUPT, MACHINE):
                continue
            seen.add(pair)
            lower = library.name.lower()
            for wanted in importer.image.imports:
                spelled = wanted.name.lower()
                if spelled != lower and spelled + ".dll" != lower:
                    continue
                for symbol in wanted.symbols:
                    reason = self._lacks(library, symbol, 0)
                    if reason is not None and not windows.is_of_wine(library.path):
                        library.missing_symbols.append(MissingSymbol(symbol, importer.name, reason))
                        if not edge.optional:
                            library.fail(SYMBOLS, "lacks symbols that its importers need")

    def _lacks(self, library: Module, symbol: Symbol, depth: int) -> str | None:
        """Return why a library does not offer a symbol (empty: it is just not there), ``None`` where it does."""
        if library.image is None or library.kind in (CORRUPT, MACHINE):
            return None
        forwarder = library.image.exports.find(symbol)
        if forwarder is None:
            return ""
        if not forwarder:
            return None
        if depth >= MAX_FORWARDERS:
            return f"its forwarders run in a circle ({forwarder})"
        target, _, name = forwarder.rpartition(".")
        module, fresh = self._find(target, self.search.for_import(library.path))
        if fresh:
            # Where a forwarder leads to nothing, the loader tells of the symbol (127), not of the library.
            module.optional = True
            self.closure.edges.append(Edge(library, module, optional=True))
            if module.image and not module.kind:
                self._follow(module, self.search.for_import(library.path))
        if module.kind in (MISSING, CORRUPT, MACHINE):
            return f"it is forwarded to {forwarder}, and {module.name} is {module.problem}"
        ordinal = name[1:]
        wanted: Symbol = int(ordinal) if name.startswith("#") and re.fullmatch("[0-9]{1,9}", ordinal) else name
        reason = self._lacks(module, wanted, depth + 1)
        return None if reason is None else reason or f"it is forwarded to {forwarder}, which {module.name} lacks"


def _same(one: str, other: str) -> bool:
    return os.path.normcase(os.path.abspath(one)) == os.path.normcase(os.path.abspath(other))
