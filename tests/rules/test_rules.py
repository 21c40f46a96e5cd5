"""Every rule on facts written by hand: what must be found, at which severity, and what must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from conda_tf_doctor.codes import RULES
from conda_tf_doctor.engine.diagnose import diagnose
from conda_tf_doctor.matrix.load import load_matrix

from .cases import OF_PAGES, WRITTEN, environment, installed, judge

CASES = {**OF_PAGES, **WRITTEN}


@pytest.mark.parametrize("name", CASES, ids=list(CASES))
def test_a_rule_finds_what_is_there_and_nothing_else(name: str, tmp_path: Path) -> None:
    judge(CASES[name], installed(CASES[name], tmp_path / "env"))


@pytest.mark.parametrize("code", sorted({name.split()[0] for name in OF_PAGES}))
def test_a_page_shows_where_its_rule_fires_and_where_not(code: str) -> None:
    cases = [case for name, case in OF_PAGES.items() if name.startswith(code)]
    assert any(code in case.get("expect", {}) for case in cases)
    assert any(code in case.get("absent", ()) or case.get("none") for case in cases)


def test_every_finding_of_the_cases_says_what_it_has_to_say() -> None:
    for case in CASES.values():
        for finding in diagnose(environment(case), load_matrix()).findings if "windows" not in case else ():
            assert finding.code in RULES and finding.message.endswith((".", ")")), finding
            assert finding.found, finding
            assert finding.needs or finding.confidence != "possible", finding


def test_an_ignored_rule_is_silent() -> None:
    case = next(case for case in CASES.values() if "TFD201" in case.get("expect", {}))
    env = environment(case)
    assert any(f.code == "TFD201" for f in diagnose(env, load_matrix()).findings)
    assert not any(f.code == "TFD201" for f in diagnose(env, load_matrix(), {"TFD201"}).findings)
