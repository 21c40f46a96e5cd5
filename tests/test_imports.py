"""Imports stand at the top; where one stands inside a function, its module is in this list with a reason."""

from __future__ import annotations

import ast
from pathlib import Path

import conda_tf_doctor

ROOT = Path(conda_tf_doctor.__file__).parent
HOT = "a healthy environment needs this module, and not what it imports later: a check has little time for both"
HOOKS = "conda imports it on every call or transaction, and most of those have nothing to do with TensorFlow"
OUTSIDE = "a package or module of the system that is heavy, or that may be missing"
LAZY = {
    "repair/children.py": "ctypes is needed on Linux alone",
    "api.py": "the plan's modules are many, and a report that is well needs none of them",
    "repair/files/edit.py": "one of three readers is needed, each with its own library",
    **dict.fromkeys(
        (
            "advice/machine.py",
            "binaries/startup.py",
            "binaries/windows.py",
            "cli/check.py",
            "environment/condameta.py",
            "environment/distinfo.py",
            "environment/facts.py",
            "cli/main.py",
            "cli/options.py",
            "cli/target.py",
            "context/context.py",
            "context/gpu.py",
            "context/sources.py",
            "engine/diagnose.py",
            "binaries/kept.py",
            "binaries/read.py",
            "binaries/resolve.py",
            "binaries/remembered.py",
            "findings.py",
            "render/json.py",
            "rules/paths/surroundings.py",
            "environment/machine.py",
            "environment/prefix.py",
            "matrix/check.py",
            "matrix/compiled.py",
            "matrix/load.py",
            "matrix/matrix.py",
            "matrix/model.py",
            "reading.py",
            "errors.py",
            "render/screen.py",
            "render/text.py",
            "rules/binaries/sources.py",
            "rules/machine/platform.py",
            "rules/packages/gencode.py",
            "rules/packages/known.py",
            "rules/packages/packages.py",
            "rules/packages/ownership.py",
            "shell.py",
            "versions.py",
        ),
        HOT,
    ),
    **dict.fromkeys(
        (
            "environment/solve.py",
            "environment/glance.py",
            "guard/calls.py",
            "guard/hints.py",
            "guard/hooks.py",
            "guard/judging.py",
            "guard/settings.py",
            "guard/specs.py",
            "guard/transaction.py",
            "guard/trial.py",
            "plugin.py",
            "safely.py",
        ),
        HOOKS,
    ),
    **dict.fromkeys(
        (
            "binaries/integrity.py",
            "binaries/pe.py",
            "cli/create.py",
            "cli/fix.py",
            "environment/files/requirements.py",
            "environment/files/specs.py",
            "explain/compiled.py",
            "fleet/judge.py",
            "fleet/results.py",
            "repair/atomic.py",
            "repair/files/requirements.py",
            "workers.py",
        ),
        OUTSIDE,
    ),
}


def lazy_modules() -> set[str]:
    """Return the modules, by path, in which a function imports something."""
    found = set()
    for file in ROOT.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        if any(isinstance(node, ast.Import | ast.ImportFrom) for each in functions for node in ast.walk(each)):
            found.add(file.relative_to(ROOT).as_posix())
    return found


def test_imports_inside_functions_are_those_of_the_list() -> None:
    assert lazy_modules() == set(LAZY)
