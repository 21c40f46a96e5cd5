"""What public threads reported: is the cause named first, and would the first error's advice have cured it?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.engine.diagnosis import Diagnosis
from conda_tf_doctor.environment.report import environment_of
from conda_tf_doctor.findings import CERTAIN, ERROR, LIKELY, Finding
from conda_tf_doctor.matrix.load import load_matrix

CASES: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).parents[1] / "data" / "reports" / "threads.yaml")
# What people call a cause, where several rules stand for it.
RULES = {
    "no-wheel-for-platform": {"platform-unsupported", "python-unsupported"},
    "vc-runtime-old": {"vc-runtime-old", "vc-runtime-missing"},
    "dll-missing-other": {"dll-missing"},
    "dll-corrupt": {"dll-corrupt", "dll-modified"},
    "path-conflict": {"path-conflict", "dll-shadowed"},
}


def judged(case: dict[str, Any]) -> Diagnosis:
    packages = [
        {"manager": "pip" if p.get("channel") == "pypi" else "conda" if p.get("channel") else "", **p}
        for p in case.get("packages", ())
    ]
    requested = [{"manager": "pip" if p.get("channel") == "pypi" else "conda", **p} for p in case.get("requested", ())]
    python = next((p["version"] for p in packages if p["name"] == "python"), "")
    report = {
        "platform": case["platform"],
        "packages": packages,
        "requested": requested,
        "system": case.get("system", {}),
        "error_text": case["error"],
        **({"python": {"version": python}} if python else {}),
    }
    return diagnose(environment_of(report, case["id"]), load_matrix())


def accepted_of(case: dict[str, Any]) -> set[str]:
    return set().union(*(RULES.get(c, {c}) for c in (case["cause"], *case.get("also_acceptable", ()))))


def advice(finding: Finding) -> str:
    fix = finding.fix
    return "\n".join([*(" ".join(command) for command in fix.commands), *fix.pins, *fix.pip, fix.note])


def test_the_cause_is_named_and_the_advice_cures() -> None:
    unnamed, uncured, harmful = [], [], []
    for case in CASES:
        first = next((f for f in judged(case).findings if f.severity == ERROR), None)
        accepted = accepted_of(case)
        text = advice(first) if first else ""
        if first is None or first.name not in accepted:
            unnamed.append(case["id"])
        if not any(all(re.search(part, text, re.I) for part in way) for way in case["cure"]):
            uncured.append(case["id"])
        if any(re.search(part, text, re.I) for part in case.get("harm", ())):
            harmful.append(case["id"])
    # Measured: of the first 46, 38 named and 16 cured before their causes were learned, 44 and 43 after; of 16 more,
    # which were looked up and labelled after that and not learned from, 15 and 14. Of 80 more, labelled before anything
    # was run on them, 75 and 67; after their kinds were learned 80 and 78. Of 58 that were sought as
    # new kinds (solvers, languages, TensorFlow 1's names, models of the other Keras), 33 and 27; after that 58 and 58.
    assert len(unnamed) <= 3, unnamed
    assert len(uncured) <= 7, uncured
    assert harmful == []


@pytest.mark.parametrize(("confidence", "least"), [(CERTAIN, 0.98), (LIKELY, 0.8)])
def test_a_confidence_means_what_it_says(confidence: str, least: float) -> None:
    firsts = [(next((f for f in judged(case).findings if f.severity == ERROR), None), case) for case in CASES]
    right = [first.name in accepted_of(case) for first, case in firsts if first and first.confidence == confidence]
    assert sum(right) >= least * len(right)
