"""What is defined and named nowhere else in the package serves nobody; a test that calls it is no user."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import conda_tf_doctor
from conda_tf_doctor.codes import ASKERS, JUDGES, ROWS
from conda_tf_doctor.matrix.model import Build

FOLDER = Path(conda_tf_doctor.__file__).parent
# Called by name: by conda, by argparse, and by the table of codes. Fields of a row are for whoever reads the matrix.
BY_NAME = {
    *(judge.function for judge in (*JUDGES, *ASKERS)),
    *(row.advice.rpartition(".")[2] for row in ROWS.values()),
    *Build._fields,
    "reverse",
    "cleanup",
    "_split_lines",
}


def without_docstrings(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


def defined(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(node.target.id)
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return found


def test_all_that_is_defined_is_used() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.py"))}
    words: Counter[str] = Counter()
    for text in texts.values():
        words.update(re.findall(r"\w+", without_docstrings(ast.parse(text))))
    unused = {
        f"{path.relative_to(FOLDER)}: {name}"
        for path, text in texts.items()
        for name in defined(ast.parse(text))
        if words[name] < 2 and not name.startswith(("__", "conda_")) and name not in BY_NAME
    }
    assert unused == set()
