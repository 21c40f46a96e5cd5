"""Families of rules that an environment does not need are not run; they would have found nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import conda_tf_doctor
from conda_tf_doctor.codes import (
    A_FILE,
    A_PART,
    ASKERS,
    BINARIES,
    BY_FILES,
    BY_NOTHING,
    BY_ONE_DISTRIBUTION,
    BY_ONE_MANAGER,
    BY_PACKAGES,
    CUDA,
    ITSELF,
    JUDGES,
    MACHINE,
    NEXT_CHANGE,
    PACKAGES,
    PATHS,
    ROWS,
    RULES,
    place,
)
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR, Finding
from conda_tf_doctor.matrix.load import load_matrix

from .cases import OF_PAGES, WRITTEN, environment, package

REPAIRS = (BY_PACKAGES, BY_FILES, BY_NOTHING, BY_ONE_DISTRIBUTION, BY_ONE_MANAGER)
CASES = {name: case for name, case in {**OF_PAGES, **WRITTEN}.items() if "windows" not in case}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["report", "prefix"])
def test_what_is_not_run_would_have_found_nothing(name: str, kind: str) -> None:
    env = environment(CASES[name])
    # What a file asks for is judged as that alone.
    env.kind = CASES[name].get("kind", kind)
    context = Context(env, load_matrix())
    if context.tensorflow is None:
        return
    for judge, codes in JUDGES.items():
        module = import_module(f"conda_tf_doctor.rules.{judge.module}")
        found = list(getattr(module, judge.function)(context))
        assert {finding.code for finding in found} <= set(codes), judge
        assert not found or context.has(judge.when), judge


def test_no_row_is_half_filled() -> None:
    for judge, codes in (*JUDGES.items(), *ASKERS.items()):
        assert callable(getattr(import_module(f"conda_tf_doctor.rules.{judge.module}"), judge.function)), judge
        assert codes
    for code, row in ROWS.items():
        assert re.fullmatch(r"TFD\d{3}", code) and re.fullmatch(r"[a-z0-9-]+", row.name), row
        assert row.family in (MACHINE, PATHS, BINARIES, PACKAGES, CUDA, ITSELF), row
        assert bool(row.judges) == (row.family != ITSELF), row
        assert row.repair in REPAIRS and row.broken in ("", NEXT_CHANGE, A_PART, A_FILE), row
        assert all(hidden in ROWS for hidden in row.hides), row
        assert all(judge.module.split(".")[0] in (MACHINE, PATHS, BINARIES, PACKAGES, CUDA) for judge in row.judges), (
            row
        )
    assert len(RULES) == len(set(RULES.values())) == len(ROWS)


def named_codes(node: ast.AST) -> list[str]:
    found = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return [text for text in found if re.fullmatch(r"TFD\d{3}", text)]


def test_every_code_that_a_rule_gives_is_in_the_table() -> None:
    for file in sorted((Path(conda_tf_doctor.__file__).parent).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert set(named_codes(tree)) <= set(ROWS), file


def test_sets_of_codes_are_questions_to_the_table() -> None:
    """A set or tuple of several codes is knowledge of codes; it belongs into their rows."""
    for file in sorted((Path(conda_tf_doctor.__file__).parent).rglob("*.py")):
        if file.name == "codes.py":
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                listed = named_codes(node.value)
                assert len(listed) < 2 or "codes_where" in ast.dump(node.value), (file.name, node.lineno, listed)


def test_what_is_in_no_row_ends_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that gives a code without a row is a failure of that rule: the others are told all the same."""
    from conda_tf_doctor.rules.packages import ownership

    def stray(_: Context) -> Iterator[Finding]:
        yield Finding("TFD999", ERROR, "Stray.")

    monkeypatch.setattr(ownership, "channel_mix", stray)
    report = {
        "platform": "win-64",
        "python": {"version": "3.12.1", "bits": 64},
        "packages": [package("tensorflow 2.10.0 pip")],
    }
    found = diagnose(environment_of(report, "case.json"), load_matrix()).findings
    assert {"TFD201", "TFD902"} <= {finding.code for finding in found}
    assert next(f for f in found if f.code == "TFD902").found == "TFD608"
    assert place("TFD999") == len(ROWS)
