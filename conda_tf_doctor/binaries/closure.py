"""What loading a module of an environment brings in, where each file is found, and what is wrong with it.

No loader is asked: the closure follows the rules of the environment's own platform, so that a Windows environment can
be looked at on Linux.
"""

from __future__ import annotations

from .._typing import Any, NamedTuple
from .image import Image, Symbol

MISSING = "missing"
MACHINE = "machine"
CORRUPT = "corrupt"
SYMBOLS = "symbols"

REQUESTED = "requested"
PROGRAM = "program"
PRELOADED = "preloaded by TensorFlow"
RUN_TIME = "loaded by name at run time"
RECORDED = "package record"


class MissingSymbol(NamedTuple):
    """A symbol that a module needs and the library it would get does not offer.

    Attributes:
        symbol: Name or ordinal; for ELF with its version where that is what lacks.
        importer: Name of the module that needs it.
        reason: Why, where it is not simply absent (a forwarder that leads nowhere).
    """

    symbol: Symbol
    importer: str
    reason: str = ""


class Module:
    """One file of the closure, or a name for which none was found.

    Attributes:
        name: File name as the importer spells it.
        path: Where it is; empty where it was not found or is the system's own.
        found_by: The step of the search that found it; empty where none did.
        image: What was read of it; ``None`` where there is no file.
        kind: ``missing``, ``machine``, ``corrupt``, ``symbols``, or empty where all is well.
        problem: The same as words.
        missing_symbols: What others need of it and it lacks.
        passed_over: Copies that the search met before and had to pass over or would have taken later.
        met: How many of these lie before the copy that is loaded.
        optional: Whether TensorFlow imports without it: delayed, weak, or loaded at run time only.
        assumed_version: Version where a package record or the report tells it, not the file.
    """

    __slots__ = (
        "assumed_version",
        "found_by",
        "image",
        "kind",
        "met",
        "missing_symbols",
        "name",
        "optional",
        "passed_over",
        "path",
        "problem",
    )

    def __init__(self, name: str, path: str = "", found_by: str = "", image: Image | None = None) -> None:
        self.name = name
        self.path = path
        self.found_by = found_by
        self.image = image
        self.kind = ""
        self.problem = ""
        self.missing_symbols: list[MissingSymbol] = []
        self.passed_over: list[str] = []
        self.met = 0
        self.optional = False
        self.assumed_version = ""

    @property
    def machine(self) -> str:
        """The machine it is for; empty where unknown."""
        return self.image.machine if self.image else ""

    @property
    def version(self) -> str:
        """Its file version; empty where it has none or there is no file."""
        return self.assumed_version or (self.image.version if self.image else "")

    def fail(self, kind: str, problem: str) -> None:
        """Record what is wrong with it; the first thing counts."""
        if not self.kind:
            self.kind = kind
            self.problem = problem

    def to_json(self) -> dict[str, Any]:
        """Return the module as ``dlls --json`` has it."""
        return {
            "name": self.name,
            "path": self.path,
            "found_by": self.found_by,
            "machine": self.machine,
            "version": self.version,
            "problem": self.problem or None,
            "missing_symbols": sorted({str(missing.symbol) for missing in self.missing_symbols}),
        }

    def __repr__(self) -> str:
        return f"Module({self.name} {self.found_by} {self.problem})"


class Edge(NamedTuple):
    """One import: who asks for whom, and whether it has to be there."""

    importer: Module
    imported: Module
    optional: bool = False


class Closure:
    """Everything that a set of modules loads.

    Attributes:
        modules: In the order in which they are met.
        edges: Who imports whom.
        roots: The modules that were asked for.
        asked: The folders and files, there or not, on which it depends; empty where that is not known.
    """

    def __init__(self) -> None:
        self.asked: set[str] = set()
        # Who imports whom, for the last question and as many edges as there were then.
        self._asked: tuple[bool, int] | None = None
        self._below: dict[int, list[Module]] = {}
        self.modules: list[Module] = []
        self.edges: list[Edge] = []
        self.roots: list[Module] = []

    def __getstate__(self) -> dict[str, Any]:
        """Pickled, it forgets what goes by the place of objects in memory."""
        return {**self.__dict__, "_asked": None, "_below": {}}

    @property
    def problems(self) -> list[Module]:
        """The modules with something wrong, in load order."""
        return [module for module in self.modules if module.kind]

    @property
    def failures(self) -> list[Module]:
        """The problems that stop an import: what may be absent is left out."""
        return [module for module in self.problems if not module.optional]

    def importers(self, module: Module) -> list[Module]:
        """Return who asks for a module."""
        return [edge.importer for edge in self.edges if edge.imported is module]

    def imports(self, module: Module) -> list[Edge]:
        """Return what a module asks for."""
        return [edge for edge in self.edges if edge.importer is module]

    def reach(self, root: Module, needed_only: bool = True) -> list[Module]:
        """Return a module and everything below it, without what may be absent unless asked for."""
        asked = (needed_only, len(self.edges))
        if self._asked != asked:
            self._asked, self._below = asked, {}
            for edge in self.edges:
                if not (needed_only and edge.optional):
                    self._below.setdefault(id(edge.importer), []).append(edge.imported)
        below = self._below
        seen, todo = {id(root): root}, [root]
        for module in todo:
            for child in below.get(id(module), ()):
                if id(child) not in seen:
                    seen[id(child)] = child
                    todo.append(child)
        return todo
