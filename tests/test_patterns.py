"""Every pattern of the package against text that brings a careless one down: 200 KB, in under two seconds each."""

from __future__ import annotations

import ast
import importlib
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import conda_tf_doctor
from conda_tf_doctor.explain.match import find
from conda_tf_doctor.render.mask import masker

PACKAGE = Path(conda_tf_doctor.__file__).parent
SIZE, SECONDS = 200_000, 2.0
CALLS = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
# What is repeated to 200 KB: blank lines, words, digits, separators, openings without an end, and lines of them.
PARTS = (
    "\n", " ", "a", "9", ".", "-", "_", "/", "\\", ":", "://", "=", ",", "@", "'", '"', "(", "[", "{", "<", "#", "\t",
    " \n", "a ", "a.", "9.", "1,", "a=", "a/", "a@", "a-", "--a ", "a, ", "://a", "a://a/t/", "?a=", ">=1,", "from a ",
    "import a, ", "tensorflow ", "cuda", "lib", "name = ", "a\n", " a=1\n", "- a\n", '"a": "', "File ", "\\\\a",
    "/home/a ",    "-----BEGIN PRIVATE KEY-----", "eyJ", "Bearer ", "KEY=", "a_", "A",
)  # fmt: skip


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return what an expression makes of a module's names, or ``None`` where only a run of the program knows."""
    try:
        return eval(compile(ast.Expression(node), "pattern", "eval"), dict(names))
    except (NameError, AttributeError, TypeError, LookupError):
        return None


def _names(path: Path, tree: ast.Module) -> dict[str, Any]:
    name = ".".join(("conda_tf_doctor", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    try:
        return vars(importlib.import_module(name))
    except ModuleNotFoundError:
        # Without conda its hooks cannot be imported; their patterns are constants.
        names: dict[str, Any] = {"re": re}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                names[node.targets[0].id] = _value(node.value, names)
        return names


class Used(NamedTuple):
    """A pattern, the ways in which it is used, and where that is."""

    place: str
    pattern: re.Pattern[str]
    ways: frozenset[str]


def patterns() -> Iterator[Used]:
    """Yield every pattern of every module, with the methods that are called on it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        names = _names(path, tree)
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
        for node in calls:
            place, called = f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno}", ast.unparse(node.func)
            kept = names.get(called.partition(".")[0])
            if isinstance(kept, re.Pattern) and called.partition(".")[2] in CALLS:
                yield Used(place, kept, frozenset({called.partition(".")[2]}))
            if not called.startswith("re.") or called[3:] not in CALLS - {"compile"} or not node.args:
                continue
            text = _value(node.args[0], names)
            flags = [
                a for a in (*node.args[1:], *(k.value for k in node.keywords)) if re.match(r"re\.[A-Z]", ast.unparse(a))
            ]
            if isinstance(text, str | re.Pattern):
                yield Used(place, re.compile(text, _value(flags[0], names) if flags else 0), frozenset({called[3:]}))


def run(used: Used, text: str) -> None:
    """Use a pattern on a text in the ways in which the package does."""
    if used.ways <= {"match", "fullmatch"}:
        for way in used.ways:
            getattr(used.pattern, way)(text)
        return
    for _ in used.pattern.finditer(text):
        pass


def texts(pattern: str) -> Iterator[str]:
    """Yield adversarial texts; also the pattern's own letters, over and over."""
    own = "".join(re.findall(r"[A-Za-z0-9 =:/.,<>@_-]", re.sub(r"\\.|\(\?.", " ", pattern)))[:40]
    for part in (*PARTS, *([own] if own.strip() else [])):
        yield (part * (SIZE // len(part) + 1))[:SIZE]


def _stop(*_: object) -> None:
    raise TimeoutError


def _takes(used: Used, text: str, seconds: float) -> float:
    """Return the processor's seconds, for what else the machine does is no fault of a pattern; bounded."""
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        run(used, text)
    except TimeoutError:
        return seconds
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - begun


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a pattern is stopped by a signal")
def test_every_pattern_is_linear() -> None:
    every: dict[tuple[str, int], Used] = {}
    for used in patterns():
        same = every.setdefault((used.pattern.pattern, used.pattern.flags), used)
        every[used.pattern.pattern, used.pattern.flags] = same._replace(ways=same.ways | used.ways)
    assert len(every) > 150
    slow = []
    before = signal.signal(signal.SIGVTALRM, _stop)
    try:
        for used in every.values():
            for text in texts(used.pattern.pattern):
                # What is quick on a tenth cannot take long on the whole, were it the second power of the length.
                if _takes(used, text[: SIZE // 10], SECONDS) < SECONDS / 100:
                    continue
                if _takes(used, text, SECONDS) >= SECONDS:
                    slow.append(f"{used.place}: {used.pattern.pattern[:80]} on {text[:12]!r}")
                    break
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert slow == []


@pytest.mark.parametrize("part", PARTS)
def test_texts_are_masked_and_explained_in_time(part: str) -> None:
    text = (part * (SIZE // len(part) + 1))[:SIZE]
    for work in (masker({"HOME": "/home/somebody", "USER": "somebody"}), find):
        begun = time.process_time()
        work(text)
        assert time.process_time() - begun < SECONDS
