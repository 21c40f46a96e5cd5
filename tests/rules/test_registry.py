"""Families of rules that an environment does not need are not run; they would have found nothing."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.codes import RULES
from conda_tf_doctor.context.context import Context
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.matrix.load import load_matrix
from conda_tf_doctor.rules import REGISTRY

FOLDER = Path(__file__).parents[1] / "data" / "rules"
JUDGES = {"expect", "absent", "absent_errors", "first", "none", "id", "kind"}
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['id']}")
    for file in sorted(FOLDER.glob("*.yaml"))
    for case in YAML(typ="safe").load(file)
]


def package(item: Any) -> dict[str, Any]:
    """``numpy 1.23.5 pip`` as a report has it."""
    if isinstance(item, dict):
        return item
    name, *rest = str(item).split()
    version = rest.pop(0) if rest and rest[0][0].isdigit() else ""
    owner = rest.pop(0) if rest else ""
    found = {"name": name, "version": version, "manager": "pip" if owner == "pip" else "conda" if owner else ""}
    return {**found, "channel": "pypi" if owner == "pip" else owner, "build": rest[0] if rest else ""}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["report", "prefix"])
def test_what_is_not_run_would_have_found_nothing(case: dict[str, Any], kind: str) -> None:
    report = {name: value for name, value in case.items() if name not in JUDGES}
    for field in ("packages", "requested", "user_site"):
        report[field] = [package(item) for item in report.get(field, ())]
    env = environment_of(report, "case.json")
    env.kind = kind
    context = Context(env, load_matrix())
    if context.tensorflow is None:
        return
    for rule in REGISTRY:
        if not context.has(rule.when):
            module = import_module(f"conda_tf_doctor.rules.{rule.module}")
            assert list(getattr(module, rule.function)(context)) == [], rule


def test_every_rule_of_the_registry_is_there() -> None:
    for rule in REGISTRY:
        assert callable(getattr(import_module(f"conda_tf_doctor.rules.{rule.module}"), rule.function))
        assert set(rule.codes) <= set(RULES)
    checked = {code for rule in REGISTRY for code in rule.codes}
    assert set(RULES) - checked == {"TFD901", "TFD902"}
