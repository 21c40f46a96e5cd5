"""Makes mutants: a comparison turned, a condition or statement dropped, a field of a finding left out or changed."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "conda_tf_doctor"
# The built-in name of the set into which a function says that it was called.
REACHED = "_reached_by_the_test"
_SYSTEM = re.compile(r"sys\.platform|os\.name|\bWINDOWS\b")
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
# What makes a finding, and which of its arguments without a name are changed.
_MAKERS = {
    "Finding": ((1, "severity"), (2, "message")),
    "open_question": ((1, "message"), (2, "expected"), (3, "need")),
}
_OTHER = {"ERROR": "WARNING", "WARNING": "ERROR", "INFO": "WARNING", "CERTAIN": "LIKELY", "LIKELY": "POSSIBLE"}
_OTHER |= {"POSSIBLE": "LIKELY"}


class Mutant(NamedTuple):
    """One change.

    Attributes:
        file: Below the root.
        line: Where it is.
        function: The outermost function or method that holds it, as ``name`` or ``Class.name``.
        what: What is changed, for people.
        number: Which of the changes of its function it is.
        field: Whether a finding's field is left out or changed; else it is logic.
    """

    file: str
    line: int
    function: str
    what: str
    number: int
    field: bool


Change = tuple[int, str, bool, Callable[[], None]]


def _set(node: ast.AST, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _of_finding(call: ast.Call, maker: str) -> Iterator[Change]:
    for place, field in _MAKERS[maker]:
        other = _other(call.args[place]) if place < len(call.args) else None
        if other is not None:
            yield call.args[place].lineno, f"{field} changed", True, _item(call.args, place, other)
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in ("code", "severity", "message"):
            yield keyword.value.lineno, f"{keyword.arg} left out", True, _without(call.keywords, keyword)
            other = _other(keyword.value)
            if other is not None and keyword.arg == "confidence":
                yield keyword.value.lineno, "confidence changed", True, _set(keyword, "value", other)


def _other(node: ast.expr) -> ast.expr | None:
    if isinstance(node, ast.Name) and node.id in _OTHER:
        return ast.copy_location(ast.Constant({"ERROR": "error", "WARNING": "warning"}.get(_OTHER[node.id],
                                              _OTHER[node.id].lower())), node)  # fmt: skip
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return ast.copy_location(ast.Constant("Something else."), node)
    return None


def _item(items: list[Any], place: int, other: Any) -> Callable[[], None]:
    def change() -> None:
        items[place] = other

    return change


def _without(items: list[Any], item: Any) -> Callable[[], None]:
    return lambda: items.remove(item)


def _dropped(body: list[ast.stmt], place: int) -> Callable[[], None]:
    return _item(body, place, ast.copy_location(ast.Pass(), body[place]))


def changes(function: ast.AST) -> Iterator[Change]:
    """Yield every change of a function: line, what it is, whether it is of a finding's field, and what makes it."""
    elsewhere = _of_another_system(function)
    for node in ast.walk(function):
        if node in elsewhere:
            continue
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare):
            for place, operator in enumerate(node.ops):
                if type(operator) in _TURNED:
                    other = _TURNED[type(operator)]
                    yield line, f"{type(operator).__name__} is {other.__name__}", False, _item(node.ops, place, other())
        elif isinstance(node, ast.BoolOp):
            other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield line, f"{type(node.op).__name__} is {type(other_op).__name__}", False, _set(node, "op", other_op)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield line, "not is dropped", False, _negated(node)
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            yield line, "condition never holds", False, _set(node, "test", ast.copy_location(ast.Constant(False), node))
            if not isinstance(node, ast.While):
                always = ast.copy_location(ast.Constant(True), node)
                yield line, "condition always holds", False, _set(node, "test", always)
        elif isinstance(node, ast.comprehension):
            for place in range(len(node.ifs)):
                always = ast.copy_location(ast.Constant(True), node.ifs[place])
                yield node.ifs[place].lineno, "filter is dropped", False, _item(node.ifs, place, always)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in _MAKERS:
            yield from _of_finding(node, node.func.id)  # type: ignore[attr-defined]
        for body in (getattr(node, name, None) for name in ("body", "orelse")):
            for place, statement in enumerate(body if isinstance(body, list) else ()):
                called = isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Constant)
                if called or isinstance(statement, ast.Continue | ast.AugAssign):
                    kind = type(statement.value if isinstance(statement, ast.Expr) else statement).__name__
                    yield statement.lineno, f"{kind} is dropped", False, _dropped(body, place)  # type: ignore[arg-type]


def _of_another_system(function: ast.AST) -> set[ast.AST]:
    """Return what asks which system this is, and what stands below it for another one: no test here can notice it."""
    found: set[ast.AST] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.IfExp) and _SYSTEM.search(ast.unparse(node.test)):
            below = node.body if isinstance(node.body, list) else [node.body]
            found.update((node, *ast.walk(node.test), *(each for part in below for each in ast.walk(part))))
    return found


def _negated(node: ast.UnaryOp) -> Callable[[], None]:
    def change() -> None:
        inner = ast.copy_location(ast.UnaryOp(ast.Not(), node.operand), node)
        node.operand = inner

    return change


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions and methods of a module by name; what lies within a function is a part of it."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield f"{node.name}.{member.name}", member


def mutants(folders: tuple[str, ...]) -> Iterator[Mutant]:
    """Yield every mutant of the modules in some folders of the package."""
    for folder in folders:
        for path in sorted((ROOT / PACKAGE / folder).rglob("*.py")):
            for name, function in functions(ast.parse(path.read_text(encoding="utf-8"))):
                for number, (line, what, field, _) in enumerate(changes(function)):
                    yield Mutant(path.relative_to(ROOT).as_posix(), line, name, what, number, field)


def sample(folders: tuple[str, ...], count: int, seed: int) -> list[Mutant]:
    """Return some mutants, by chance: a third of them of findings' fields, where there are as many."""
    every = list(mutants(folders))
    chance = random.Random(seed)
    fields, logic = [m for m in every if m.field], [m for m in every if not m.field]
    of_fields = min(len(fields), count // 3)
    return sorted(chance.sample(fields, of_fields) + chance.sample(logic, min(len(logic), count - of_fields)))


def _code_of(found: Any) -> FunctionType:
    """Return the plain function below its decorators."""
    for name in ("fget", "func", "function", "__func__", "__wrapped__"):
        while not isinstance(found, FunctionType) and hasattr(found, name):
            found = getattr(found, name)
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    assert isinstance(found, FunctionType), found
    return found


def _first(code: CodeType, name: str) -> CodeType | None:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_name == name:
                return constant
            if (inner := _first(constant, name)) is not None:
                return inner
    return None


def apply(mutant: Mutant) -> None:
    """Change the function in this process."""
    _rewritten(mutant.file, mutant.function, lambda function: list(changes(function))[mutant.number][3]())


def noted(file: str, name: str) -> None:
    """Have a function say that it was called, into a set that is a built-in name."""
    key = f"{file}:{name.rpartition('.')[2]}"
    note = ast.parse(f"{REACHED}.add({key!r})").body
    _rewritten(file, name, lambda function: function.body.__setitem__(slice(0, 0), note))


def _rewritten(file: str, name: str, change: Callable[[ast.FunctionDef], None]) -> None:
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owner, _, last = name.rpartition(".")
    [function] = [node for each, node in functions(tree) if each == name]
    change(function)
    module = import_module(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    holder = vars(vars(module)[owner]) if owner else vars(module)
    real = _code_of(holder[last])
    future = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    # Only the function, without decorators: the rest of the module is as it is.
    function.decorator_list = []
    # Within a class, so that `super()` finds its cell.
    held = ast.parse(f"class {owner}: pass").body[0] if owner else function
    if isinstance(held, ast.ClassDef):
        held.body = [function]
    kept = ast.fix_missing_locations(ast.Module([*future, held], []))
    code = _first(compile(kept, str(path), "exec", dont_inherit=True), last)
    assert code is not None
    real.__code__ = code
