"""What is tried on the code, and that it is really changed."""

from __future__ import annotations

import ast

import pytest

from conda_tf_doctor.rules.cuda import driver
from tools.mutants import GROUPS
from tools.mutation import apply, changes, sample


@pytest.mark.parametrize(
    ("source", "made"),
    [
        (
            "if a == b:\n    c()",
            ["if False:\n    c()", "if True:\n    c()", "if a == b:\n    pass", "if a != b:\n    c()"],
        ),
        ("x = a and not b", ["x = a or not b", "x = a and (not not b)"]),
        ("x = [a for a in b if a in c]", ["x = [a for a in b if True]", "x = [a for a in b if a not in c]"]),
        ("for a in b:\n    continue", ["for a in b:\n    pass"]),
        (
            "x = Finding('TFD101', ERROR, 'Text.', found='a', confidence=LIKELY)",
            [
                "x = Finding('TFD101', 'warning', 'Text.', found='a', confidence=LIKELY)",
                "x = Finding('TFD101', ERROR, 'Something else.', found='a', confidence=LIKELY)",
                "x = Finding('TFD101', ERROR, 'Text.', confidence=LIKELY)",
                "x = Finding('TFD101', ERROR, 'Text.', found='a')",
                "x = Finding('TFD101', ERROR, 'Text.', found='a', confidence='possible')",
            ],
        ),
    ],
)
def test_each_change_is_one(source: str, made: list[str]) -> None:
    found = []
    for number in range(len(list(changes(ast.parse(source))))):
        tree = ast.parse(source)
        list(changes(tree))[number][3]()
        found.append(ast.unparse(tree))
    assert sorted(found) == sorted(made)


@pytest.mark.parametrize("group", GROUPS)
def test_a_seed_names_the_same_mutants_again(group: str) -> None:
    folders = GROUPS[group][0]
    chosen = sample(folders, 100, 7)
    assert chosen == sample(folders, 100, 7) != sample(folders, 100, 8)
    assert len(set(chosen)) == 100


def test_a_mutant_is_the_function_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    # So that what it does to the code is taken back.
    monkeypatch.setattr(driver._floor, "__code__", driver._floor.__code__)
    before = driver._floor.__code__
    mutants = sample(("rules/cuda",), 10_000, 1)
    apply(next(m for m in mutants if m.function == "_floor" and not m.field))
    assert driver._floor.__code__ is not before
