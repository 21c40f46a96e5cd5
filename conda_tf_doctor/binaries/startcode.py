"""What code that adds DLL folders adds: its assignments, loops and calls on paths are followed, nothing is run."""

from __future__ import annotations

import ast
import glob
import os
from functools import partial

from .._typing import TYPE_CHECKING, Any
from .windows import ADDED

if TYPE_CHECKING:
    from collections.abc import Callable

# A file that sets up a process is short; one made to keep a reader busy is not followed to its end.
_STEPS, _LONGEST = 2000, 4096
_PREFIX = ("sys.prefix", "sys.exec_prefix", "sys.base_prefix", "sys.base_exec_prefix")
_ENVIRON = ("os.environ.get", "os.getenv")
_BRANCHES = ("body", "orelse", "finalbody")


class _UnknownError(Exception):
    """What a folder is made of cannot be told without running it."""


class Reader:
    """Follows code that Python executes as it starts.

    Args:
        prefix: The environment's folder.
        site_packages: Its site-packages.
        path: The file that the code stands in.

    Attributes:
        folders: What it adds, as far as that is there.
    """

    def __init__(self, prefix: str, site_packages: str, path: str) -> None:
        self.folders: list[str] = []
        self._site_packages = site_packages
        self._names: dict[str, Any] = {"__file__": path}
        self._full: dict[str, str] = {}
        self._known = {
            **dict.fromkeys(_PREFIX, prefix),
            "sys.executable": os.path.join(prefix, "python.exe"),
            "os.sep": os.sep,
            "os.pardir": "..",
            "os.curdir": ".",
        }
        self._prefix = prefix
        self._steps = 0

    def follow(self, code: str) -> bool:
        """Follow a piece of code; tell whether each call that adds a folder was understood."""
        try:
            tree = ast.parse(code)
            self._run(tree.body)
        except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError, _UnknownError):
            return False
        return True

    def _run(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self._steps += 1
            if self._steps > _STEPS:
                raise _UnknownError
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                module = f"{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
                for alias in statement.names:
                    name = alias.asname or alias.name
                    self._full[name] = module + alias.name
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                self._assign(statement.targets[0].id, statement.value)
            elif not self._mentions(statement):
                continue
            elif isinstance(statement, ast.For):
                self._loop(statement.target, statement.iter, partial(self._run, statement.body))
            elif isinstance(statement, (ast.If, ast.Try, ast.With)):
                if any(self._mentions(item) for item in getattr(statement, "items", ())):
                    raise _UnknownError
                # Either branch may be the one: a folder too many is no alarm.
                for part in _BRANCHES:
                    self._run(getattr(statement, part, []))
            elif isinstance(statement, ast.Expr):
                self._expression(statement.value)
            else:
                raise _UnknownError

    def _assign(self, name: str, value: ast.expr) -> None:
        if self._mentions(value):
            self._expression(value)  # what it returns is a handle
            return
        try:
            self._names[name] = self._value(value)
        except _UnknownError:
            self._names.pop(name, None)

    def _loop(self, target: ast.expr, source: ast.expr, inside: Callable[[], None]) -> None:
        values = self._value(source)
        if not isinstance(target, ast.Name) or not isinstance(values, list):
            raise _UnknownError
        for value in values:
            self._names[target.id] = value
            inside()

    def _expression(self, node: ast.expr) -> None:
        if isinstance(node, ast.ListComp) and len(node.generators) == 1:
            generator = node.generators[0]
            self._loop(generator.target, generator.iter, partial(self._expression, node.elt))
        elif isinstance(node, ast.Call) and self._name(node.func) == f"os.{ADDED}" and len(node.args) == 1:
            folder = self._value(node.args[0])
            if not isinstance(folder, str) or not os.path.isabs(folder):
                raise _UnknownError
            if os.path.isdir(folder):
                self.folders.append(os.path.normpath(folder))
        else:
            raise _UnknownError

    def _mentions(self, node: ast.AST) -> bool:
        """Tell whether a piece of code has to do with adding a folder."""
        return any(
            (isinstance(part, ast.Attribute) and part.attr == ADDED)
            or (isinstance(part, ast.Name) and self._full.get(part.id, part.id).endswith(ADDED))
            for part in ast.walk(node)
        )

    def _name(self, node: ast.expr) -> str:
        words = []
        while isinstance(node, ast.Attribute):
            words.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self._full.get(node.id, node.id), *reversed(words)])

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, int)):
            # Written for Windows, and maybe read elsewhere.
            return node.value.replace("\\", os.sep) if isinstance(node.value, str) else node.value
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self._value(item) for item in node.elts]
        if isinstance(node, ast.JoinedStr):
            return "".join(self._value(part) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._value(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Div)):
            left, right = self._value(node.left), self._value(node.right)
            if type(left) is not type(right):
                raise _UnknownError
            if isinstance(node.op, ast.Div):
                return os.path.join(left, right)
            if not isinstance(left, int) and len(left) + len(right) > _LONGEST:
                raise _UnknownError
            return left + right
        if isinstance(node, ast.Subscript) and self._name(node.value) == "os.environ":
            return self._variable(node.slice)
        if isinstance(node, ast.Call):
            return self._called(node)
        return self._named(node)

    def _named(self, node: ast.expr) -> Any:
        name = self._name(node)
        if isinstance(node, ast.Name) and node.id in self._names:
            return self._names[node.id]
        if name in self._known:
            return self._known[name]
        if isinstance(node, ast.Attribute) and node.attr == "parent":  # of a pathlib.Path
            return os.path.dirname(self._value(node.value))
        raise _UnknownError

    def _called(self, node: ast.Call) -> Any:
        name = self._name(node.func)
        if name in _ENVIRON and len(node.args) == 1:
            return self._variable(node.args[0])
        if name == "site.getsitepackages":
            return [self._prefix, self._site_packages]
        arguments = [self._value(argument) for argument in node.args]
        if name in ("os.path.join", "pathlib.Path", "Path", "str", "os.fspath") and arguments:
            return os.path.join(*map(_string, arguments))
        if name in ("os.path.abspath", "os.path.normpath", "os.path.realpath") and len(arguments) == 1:
            return os.path.normpath(_string(arguments[0]))
        if name == "os.path.dirname" and len(arguments) == 1:
            return os.path.dirname(_string(arguments[0]))
        if name in ("glob.glob", "glob.iglob", "sorted") and len(arguments) == 1:
            return sorted(arguments[0] if isinstance(arguments[0], list) else self._matching(_string(arguments[0])))
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("resolve", "absolute") and not arguments:
            return os.path.normpath(_string(self._value(node.func.value)))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath" and arguments:
            return os.path.join(*map(_string, (self._value(node.func.value), *arguments)))
        raise _UnknownError

    def _matching(self, pattern: str) -> list[str]:
        # Of the whole disk it would take its time.
        if not os.path.normpath(pattern).startswith(os.path.normpath(self._prefix)):
            raise _UnknownError
        return glob.glob(pattern)

    def _variable(self, node: ast.expr) -> str:
        if self._value(node) != "CONDA_PREFIX":
            raise _UnknownError
        return self._prefix


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _UnknownError
    return value
