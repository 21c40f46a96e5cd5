"""Measures what the tests notice: changes the package's code in one place at a time, and runs the tests that reach it.

A mutant is the code with one comparison turned, one condition or statement dropped, or one field of a finding left out
or changed. The tests are collected once; a dry run tells which of them reach which function; then each mutant lives in
a process of its own, forked from the one that collected, and ends with the first test that notices it. A seed chooses
which of all mutants are tried, so that a figure can be had again.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "conda_tf_doctor"
_BINARIES = tuple(
    f"tests/binaries/test_{name}.py" for name in ("rules", "rules_linux", "mixed", "beside", "gone_beside")
)
# What tries hundreds of generated inputs, and takes as long as all others together.
_BY_CHANCE = (
    "two_hundred_generated", "promises_on_random", "killed_at_each_write", "one_change_will_do", "no_more_changes_than",
    "passes_check", "public_environments", "has_nothing_against_a_recipe",
)  # fmt: skip
# What is changed, and the tests that are near it.
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rules": (("rules",), ("tests/rules", *_BINARIES)),
    "context": (
        ("context",),
        ("tests/context", "tests/rules", *_BINARIES, "tests/binaries/test_windows.py", "tests/binaries/test_dlls.py"),
    ),
    "repair": (
        ("repair",),
        (
            "tests/repair",
            *(f"tests/advice/test_{name}.py" for name in ("companions", "laws", "advice")),
            "tests/cli/test_aim.py",
            "tests/rules/test_sources.py",
            # Conda's take minutes, and run this code in processes of their own.
            "-m",
            "not conda and not slow",
            "-k",
            f"not ({' or '.join(_BY_CHANCE)})",
        ),
    ),
}
_SYSTEM = re.compile(r"sys\.platform|os\.name|\bWINDOWS\b")
# A mutant that loops is noticed, too: one whose tests take this many seconds and three times what they took without it.
SECONDS = 120
_NOT_APPLIED = 3
_REACHED = "_reached_by_the_test"
# Of a test: what it reaches, how long it takes, and whether it fails; one that failed is asked again.
_UNKNOWN: tuple[list[str], float, bool] = ([], 0, True)
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


def _noted(file: str, name: str) -> None:
    """Have a function say that it was called, into a set that is a built-in name."""
    key = f"{file}:{name.rpartition('.')[2]}"
    note = ast.parse(f"{_REACHED}.add({key!r})").body
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


class Hunt:
    """A pytest plugin that runs the collected tests against mutants instead of once."""

    def __init__(self, chosen: list[Mutant], folders: tuple[str, ...], most: float, kept: Path | None) -> None:
        self.chosen, self.most, self.kept = chosen, most, kept
        self.folders = folders
        self.slow: list[float] = []
        self.lived: list[Mutant] = []
        self.unreached: list[Mutant] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests on every mutant; each in a fork of this process."""
        reached = self._reached(session)
        for place, mutant in enumerate(tuple(self.chosen), 1):
            near = reached.get(f"{mutant.file}:{mutant.function.rpartition('.')[2]}", [])
            lives = not near or self._lives(session, mutant, near)
            if lives:
                (self.lived if near else self.unreached).append(mutant)
            verdict = ("LIVES" if near else "NO TEST") if lives else "killed"
            print(f"{place:4} {verdict:8} {mutant.file}:{mutant.line} {mutant.function}: {mutant.what}", flush=True)
        return True

    def _forked(self, session: pytest.Session, work: Callable[[], int], seconds: int) -> int:
        folder = tempfile.mkdtemp(prefix="mutant-")
        child = os.fork()
        if child == 0:
            status = 2
            try:
                os.setpgid(0, 0)
                reporter = session.config.pluginmanager.getplugin("terminalreporter")
                reporter._tw._file = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
                os.environ["TMPDIR"] = tempfile.tempdir = folder
                signal.alarm(seconds)
                status = work()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        shutil.rmtree(folder, ignore_errors=True)
        return status

    def _reached(self, session: pytest.Session) -> dict[str, list[int]]:
        """Return which tests reach which function; those that fail already, or take too long, are left out."""
        handle, name = tempfile.mkstemp()
        os.close(handle)
        file = self.kept or Path(name)
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        known: dict[str, tuple[list[str], float, bool]] = json.loads(text or "{}")

        def dry() -> int:
            reached: set[str] = set()
            setattr(builtins, _REACHED, reached)
            for mutant_file, function in {(each.file, each.function) for each in mutants(self.folders)}:
                _noted(mutant_file, function)
            items = [item for item in session.items if item.nodeid in unknown]
            for item, following in zip(items, [*items[1:], None], strict=True):
                reached.clear()
                began = os.times().elapsed
                failed = session.testsfailed
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                known[item.nodeid] = (sorted(reached), os.times().elapsed - began, session.testsfailed > failed)
                # Now and then, so that a run that is ended goes on where it was.
                if following is None or len(known) % 25 == 0:
                    file.write_text(json.dumps(known), encoding="utf-8")
            return 0

        unknown = {item.nodeid for item in session.items if known.get(item.nodeid, _UNKNOWN)[2]}
        if unknown:
            self._forked(session, dry, 0)
            known = json.loads(file.read_text(encoding="utf-8"))
        os.unlink(name)
        rows = [known[item.nodeid] for item in session.items]
        self.slow = [seconds for _, seconds, _ in rows]
        found: dict[str, list[int]] = {}
        for number in sorted(range(len(rows)), key=self.slow.__getitem__):
            keys, seconds, fails = rows[number]
            for key in keys if seconds <= self.most and not fails else ():
                found.setdefault(key, []).append(number)
        failed, out = sum(row[2] for row in rows), sum(seconds > self.most for seconds in self.slow)
        print(
            f"\n{len(rows)} tests, {failed} fail without any change, {sum(self.slow):.0f} s, {out} too slow", flush=True
        )
        return found

    def _lives(self, session: pytest.Session, mutant: Mutant, near: list[int]) -> bool:
        def run() -> int:
            try:
                apply(mutant)
            except Exception:
                return _NOT_APPLIED
            failed = session.testsfailed
            items = [session.items[number] for number in near]
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed > failed:
                    return 1
            return 0

        usual = sum(self.slow[number] for number in near)
        status = self._forked(session, run, SECONDS + int(3 * usual))
        # One that takes `super()` away has not the cells of the function that it would replace.
        if os.waitstatus_to_exitcode(status) == _NOT_APPLIED:
            self.chosen.remove(mutant)
            return False
        return status == 0


def main(argv: list[str] | None = None) -> int:
    """Hunt mutants of one group and print the figure."""
    parser = argparse.ArgumentParser(prog="dev.py mutants", description=__doc__.splitlines()[0])
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--portion", default="1/1", metavar="I/N", help="only the i-th of n parts of them")
    parser.add_argument("--tests", nargs="+", help="other tests than the near ones")
    parser.add_argument(
        "--at-most", type=float, default=60, metavar="SECONDS", help="leave out tests that take longer (60)"
    )
    parser.add_argument(
        "--kept", type=Path, help="file that keeps which test reaches what: only new tests are run for it"
    )
    args = parser.parse_args(argv)
    folders, near = GROUPS[args.group]
    part, parts = map(int, args.portion.split("/"))
    chosen = sample(folders, args.count, args.seed)[part - 1 :: parts]
    hunt = Hunt(chosen, folders, args.at_most, args.kept)
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", *(args.tests or near)], [hunt])
    fields = [mutant for mutant in chosen if mutant.field]
    alive = {*hunt.lived, *hunt.unreached}
    killed = len(chosen) - len(alive)
    of_fields = sum(mutant not in alive for mutant in fields)
    percent = f"{100 * killed / max(1, len(chosen)):.0f} %"
    print(f"{args.group}, seed {args.seed}: {killed} of {len(chosen)} killed ({percent}),")
    print(f"of findings' fields {of_fields} of {len(fields)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
