"""The tree of what modules load, for people; and the same as a picture for Graphviz."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from ..safely import safe
from .text import Style

if TYPE_CHECKING:
    from ..binaries.closure import Closure, Module

_LINES = {"branch": "├── ", "last": "└── ", "down": "│   ", "gap": "    "}
_ASCII = {"branch": "|-- ", "last": "`-- ", "down": "|   ", "gap": "    "}
_WORDS = {"missing": "NOT FOUND", "machine": "WRONG MACHINE", "corrupt": "DAMAGED", "symbols": "LACKS SYMBOLS"}
_DOT = {"missing": "red", "machine": "orange", "corrupt": "purple", "symbols": "brown"}
SYMBOLS_SHOWN = 4


def shown_path(prefix: str, path: str) -> str:
    """Return a path below the prefix relative to it, with forward slashes."""
    if path and os.path.normcase(path).startswith(os.path.normcase(prefix) + os.sep):
        return os.path.relpath(path, prefix).replace(os.sep, "/")
    return path


class Tree:
    """Draws a closure.

    Args:
        closure: What was resolved.
        prefix: The environment's folder.
        style: How to write.
    """

    def __init__(self, closure: Closure, prefix: str, style: Style) -> None:
        self.closure = closure
        self.prefix = prefix
        self.style = style
        try:
            "├└│─".encode(style.stream.encoding or "ascii")
            self.lines = _LINES
        except (UnicodeEncodeError, LookupError):
            self.lines = _ASCII
        self._children: dict[int, list[tuple[Module, bool]]] = {}
        for edge in closure.edges:
            children = self._children.setdefault(id(edge.importer), [])
            if all(child is not edge.imported for child, _ in children):
                children.append((edge.imported, edge.optional))

    def problems(self) -> Iterator[str]:
        """Yield the ways that lead to something wrong: the shortest one for each problem, joined into trees."""
        keep: dict[int, set[int]] = {}
        roots: list[Module] = []
        for problem in self.closure.failures:
            way = self._shortest(problem)
            if way[0] not in roots:
                roots.append(way[0])
            for importer, imported in pairwise(way):
                keep.setdefault(id(importer), set()).add(id(imported))
        for root in roots:
            yield self._label(root, title=True)
            yield from self._branches(root, "", keep, set())

    def everything(self) -> Iterator[str]:
        """Yield the whole tree; what was drawn once is not drawn again."""
        seen: set[int] = set()
        inner = {id(edge.imported) for edge in self.closure.edges}
        for root in self._tops():
            if id(root) in inner and id(root) in seen:
                continue
            yield self._label(root, title=True)
            seen.add(id(root))
            yield from self._branches(root, "", None, seen)
        for module in self.closure.modules:
            for place, path in enumerate(module.passed_over):
                how = "passed over" if place < module.met else "not loaded"
                yield safe(f"Another {module.name}, {how}: {shown_path(self.prefix, path)}")

    def _tops(self) -> list[Module]:
        tops = [module for module in self.closure.modules if module.found_by == "program"]
        tops += [module for module in self.closure.roots if module not in tops]
        inner = {id(edge.imported) for edge in self.closure.edges} | {id(module) for module in tops}
        return tops + [module for module in self.closure.modules if id(module) not in inner]

    def _shortest(self, problem: Module) -> list[Module]:
        above: dict[int, list[Module]] = {}
        for edge in self.closure.edges:
            above.setdefault(id(edge.imported), []).append(edge.importer)
        roots = {id(module) for module in self.closure.roots}
        ways, seen = [[problem]], {id(problem)}
        best = [problem]
        for way in ways:
            best = way
            if id(way[0]) in roots and (len(way) > 1 or not above.get(id(problem))):
                return way
            for importer in above.get(id(way[0]), ()):
                if id(importer) not in seen:
                    seen.add(id(importer))
                    ways.append([importer, *way])
        return best

    def _branches(self, module: Module, indent: str, keep: dict[int, set[int]] | None, seen: set[int]) -> Iterator[str]:
        # An own stack: a chain of imports may be longer than Python's recursion allows.
        stack = [(iter(self._kept(module, keep)), indent)]
        while stack:
            children, indent = stack[-1]
            entry = next(children, None)
            if entry is None:
                stack.pop()
                continue
            child, optional, last = entry
            again = keep is None and id(child) in seen and bool(self._children.get(id(child)))
            yield self._line(child, indent, last, optional, again)
            if not again and (keep is None or id(child) not in seen):
                seen.add(id(child))
                stack.append((iter(self._kept(child, keep)), indent + self.lines["gap" if last else "down"]))

    def _kept(self, module: Module, keep: dict[int, set[int]] | None) -> list[tuple[Module, bool, bool]]:
        children = self._children.get(id(module), [])
        if keep is not None:
            children = [entry for entry in children if id(entry[0]) in keep.get(id(module), ())]
        return [(child, optional, place == len(children) - 1) for place, (child, optional) in enumerate(children)]

    def _line(self, module: Module, indent: str, last: bool, optional: bool, again: bool) -> str:
        text = indent + self.lines["last" if last else "branch"] + self._label(module)
        importers = len(self.closure.importers(module)) if module.kind else 0
        if importers > 1:
            text += f" (imported by {importers} modules)"
        if optional:
            text += " (when needed)"
        return text + (" (see above)" if again else "")

    def _label(self, module: Module, title: bool = False) -> str:
        name = shown_path(self.prefix, module.path) if title and module.path else module.name
        text = self.style.paint("title", safe(name)) if title else safe(name)
        if module.version:
            text += f" {safe(module.version)}"
        where = shown_path(self.prefix, os.path.dirname(module.path)) if module.path and not title else ""
        if module.found_by and not title:
            text += f"  [{safe(module.found_by)}{': ' + safe(where) if where else ''}]"
        if module.kind:
            word = self.style.paint("warning" if module.optional else "error", _WORDS[module.kind])
            text += f"  {word}"
            if module.kind != "missing":
                text += f": {safe(module.problem)}"
        if module.missing_symbols:
            names = list(dict.fromkeys(str(item.symbol) for item in module.missing_symbols))
            rest = f" and {len(names) - SYMBOLS_SHOWN} more" if len(names) > SYMBOLS_SHOWN else ""
            text += " (" + safe(", ".join(names[:SYMBOLS_SHOWN])) + rest + ")"
        return text


def dot(closure: Closure, everything: bool) -> str:
    """Return the closure as a Graphviz digraph.

    Args:
        closure: What was resolved.
        everything: With Windows' own API sets and system libraries too.
    """
    shown = [m for m in closure.modules if everything or m.path or m.kind]
    numbers = {id(module): f"m{place}" for place, module in enumerate(shown)}
    lines = ["digraph closure {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for module in shown:
        label = "\\n".join(_quoted(part) for part in (module.name, module.version, module.problem) if part)
        colour = f", color={_DOT[module.kind]}, penwidth=2" if module.kind else ""
        lines.append(f'  {numbers[id(module)]} [label="{label}"{colour}];')
    drawn = set()
    for edge in closure.edges:
        ends = numbers.get(id(edge.importer)), numbers.get(id(edge.imported))
        if None not in ends and ends not in drawn:
            drawn.add(ends)
            lines.append(f"  {ends[0]} -> {ends[1]}{' [style=dashed]' if edge.optional else ''};")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    return safe(text).replace("\\", "\\\\").replace('"', '\\"')
