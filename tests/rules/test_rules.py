"""Every rule on facts written by hand: what must be found, at which severity, and what must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.codes import RULES
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.environment.facts import Environment
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import ERROR
from conda_tf_doctor.matrix.load import load_matrix

FOLDER = Path(__file__).parents[1] / "data" / "rules"
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['id']}")
    for file in sorted(FOLDER.glob("*.yaml"))
    for case in YAML(typ="safe").load(file)
]
JUDGES = {"expect", "absent", "absent_errors", "first", "none", "healthy", "id", "kind"}


def package(text: Any) -> dict[str, Any]:
    """``numpy 1.23.5 pip`` or ``tensorflow 2.11.0 conda-forge cpu_py310h0_0`` as a report has it."""
    if isinstance(text, dict):
        return text
    words = str(text).split()
    owners = {"pip": {"manager": "pip", "channel": "pypi"}}
    found: dict[str, Any] = {"name": words[0]}
    rest = words[1:]
    if rest and rest[0][0].isdigit():
        found["version"] = rest.pop(0)
    if rest:
        owner = rest.pop(0)
        found.update(owners.get(owner, {"manager": "conda", "channel": owner}))
    if rest:
        found["build"] = rest[0]
    return found


def environment(case: dict[str, Any]) -> Environment:
    report = {name: value for name, value in case.items() if name not in JUDGES}
    for field in ("packages", "requested", "user_site"):
        if field in report:
            report[field] = [package(item) for item in report[field]]
    env = environment_of(report, "case.json")
    env.kind = case.get("kind", "report")
    return env


@pytest.mark.parametrize("case", CASES)
def test_a_rule_finds_what_is_there_and_nothing_else(case: dict[str, Any]) -> None:
    findings = [f for f in diagnose(environment(case), load_matrix()).findings if f.found != "unknown"]
    got = {(finding.code, finding.severity) for finding in findings}
    codes = {code for code, _ in got}
    assert not codes & {"TFD901", "TFD902"}, findings
    for code, severity in case.get("expect", {}).items():
        assert (code, severity) in got, findings
    assert not codes & set(case.get("absent", ())), findings
    assert not {code for code, severity in got if severity == ERROR} & set(case.get("absent_errors", ())), findings
    if "first" in case:
        assert findings[0].code == case["first"]
    if case.get("none"):
        assert findings == []
    if case.get("healthy"):
        assert not {code for code, severity in got if severity == ERROR}, findings


def test_every_finding_of_the_cases_says_what_it_has_to_say() -> None:
    for parameter in CASES:
        for finding in diagnose(environment(parameter.values[0]), load_matrix()).findings:
            assert finding.code in RULES and finding.message.endswith((".", ")")), finding
            assert finding.found, finding
            assert finding.needs or finding.confidence != "possible", finding


def test_an_ignored_rule_is_silent() -> None:
    case = next(p.values[0] for p in CASES if "expect" in p.values[0] and "TFD201" in p.values[0]["expect"])
    env = environment(case)
    assert any(f.code == "TFD201" for f in diagnose(env, load_matrix()).findings)
    assert not any(f.code == "TFD201" for f in diagnose(env, load_matrix(), {"TFD201"}).findings)
